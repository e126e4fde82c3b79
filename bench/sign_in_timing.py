"""Whether the time of an answer tells which accounts exist: failed sign-ins for known and unknown names in turn.

    python -m bench.sign_in_timing [TRIES]

Over the embedded store on disk, as the assembly puts it together (credentials sealed). Prints quartiles in
milliseconds, and the share of pairs in which the known name took longer: 0.5 tells nothing.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailsys.core.refusal import Refusal
from mailsys.ports.accounts import Domain
from mailsys.services.access.at_rest import AtRest
from mailsys.services.access.passwords import PasswordPool, make_credentials
from mailsys.services.access.places import KnownPlaces
from mailsys.services.access.sealed_accounts import SealedAccounts
from mailsys.services.access.sessions import Sessions
from mailsys.services.access.sign_in import BesidePasswords, SignIn
from mailsys.services.access.throttle import Throttle
from mailsys.settings import Limits
from mailsys.stores.memory.events import Events
from mailsys.stores.memory.limits import Limits as Counters
from mailsys.stores.sqlite.store import open_store

reactor: Any = installed
KNOWN, UNKNOWN = "alice@example.org", "blice@example.org"


async def measure(tries: int, folder: str) -> None:
    store = open_store(folder, reactor, Events())
    accounts = SealedAccounts(store.accounts, AtRest(b"k" * 32, os.urandom))
    await accounts.put_domain(Domain("example.org"))
    await accounts.create_account(KNOWN, "", make_credentials("secret"))
    pool = PasswordPool(reactor)
    pool.start()
    places = KnownPlaces(store.objects, reactor, os.urandom)
    sessions = Sessions(store.sessions, accounts, reactor, os.urandom)
    bounds = Limits(failures_per_address=10**6, failures_per_account=10**6)
    sign_in = SignIn(
        accounts, Throttle(Counters(reactor), bounds, reactor, os.urandom), reactor, pool, os.urandom, "example.org",
        b"s" * 32, BesidePasswords(sessions=sessions, places=places),
    )  # fmt: skip

    async def plain(name: str, n: int) -> None:
        await (
            sign_in.for_service("imap")
            .start("PLAIN", f"198.18.{n // 250}.{n % 250}", None)
            .respond(f"\0{name}\0wrong {n}".encode())
        )

    async def challenge(name: str, n: int) -> None:
        exchange = sign_in.for_service("imap").start("SCRAM-SHA-256", f"198.18.{n // 250}.{n % 250}", None)
        await exchange.respond(f"n,,n={name},r=abcdef".encode())

    for what, work in (("PLAIN", plain), ("SCRAM, the challenge", challenge)):
        show(what, await times(work, KNOWN, UNKNOWN, tries))
    pool.stop()
    await store.close()


async def times(
    work: Callable[[str, int], Awaitable[None]], one: str, other: str, tries: int
) -> tuple[Sequence[float], Sequence[float]]:
    found: dict[str, list[float]] = {one: [], other: []}
    for n in range(tries + 5):
        for name in (one, other) if n % 2 else (other, one):
            began = time.perf_counter()
            with suppress(Refusal):
                await work(name, n)
            if n >= 5:
                found[name].append((time.perf_counter() - began) * 1000)
    return found[one], found[other]


def show(what: str, found: tuple[Sequence[float], Sequence[float]]) -> None:
    print(what)
    for name, each in zip(("known", "unknown"), found, strict=True):
        print(f"  {name:8}", "  ".join(f"{cut:7.2f}" for cut in statistics.quantiles(each, n=4)))
    longer = sum(a > b for a, b in zip(*found, strict=True)) / len(found[0])
    print(f"  the known one took longer in {longer:.0%} of the pairs")


def main(_: Any) -> Deferred[None]:
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with_folder = tempfile.TemporaryDirectory()
    done = Deferred.fromCoroutine(measure(tries, with_folder.name))
    return done.addBoth(lambda outcome: (with_folder.cleanup(), outcome)[1])


if __name__ == "__main__":
    react(main)
