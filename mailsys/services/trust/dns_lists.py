"""DNS lists of addresses and domains (RFC 5782): asked, explained, and left out while they are dead.

A list that has closed lists everything, or nothing, or does not answer: each is asked for its test entries
(§5) before it is first believed and every hour from then on, and once it fails, every ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailsys import metrics
from mailsys.core.trust.evidence import Listed
from mailsys.log import Log
from mailsys.ports.resolver import Answer, ResolverError
from mailsys.services.trust.lookups import Lookups, together

log = Log("lists")

CHECKED_EVERY: Final = 3600.0  # seconds
DEAD_FOR: Final = 600.0  # seconds until a dead list is asked again
FAILURES: Final = 5  # look-ups in a row that had no answer
TEXT_KEPT: Final = 200  # characters of a list's explanation
_NOT_LISTED: Final = "127.255.255."  # what several lists say to those whom they will not serve


@dataclass(slots=True)
class DnsList:
    """`of`: "address" or "domain". `weight` towards junk for what is listed; negative for a list of the
    good."""

    name: str
    weight: float
    of: str
    alive: bool = True
    checked: float = -1.0  # when its test entries were asked for
    failures: int = 0
    checking: bool = False
    proven: bool = False  # its test entries were right at least once


def reversed_address(address: str) -> str:
    """The labels that an address is asked by (§2.1, §2.4); "" for what is no address."""
    try:
        return ip_address(address).reverse_pointer.rsplit(".", 2)[0]
    except ValueError:
        return ""


class DnsLists:
    def __init__(self, lists: Iterable[DnsList], clock: IReactorTime) -> None:
        self._lists = list(lists)
        self._clock = clock

    @property
    def any(self) -> bool:
        return bool(self._lists)

    async def address(self, lookups: Lookups, address: str) -> tuple[Listed, ...]:
        """The lists that this address is in."""
        label = reversed_address(address)
        return await self._ask(lookups, "address", [(label, address)]) if label else ()

    async def domains(self, lookups: Lookups, domains: Sequence[str]) -> tuple[Listed, ...]:
        """The lists that one of these domains (A-labels) is in."""
        return await self._ask(lookups, "domain", [(one, one) for one in dict.fromkeys(domains) if one])

    async def _ask(self, lookups: Lookups, of: str, wanted: Sequence[tuple[str, str]]) -> tuple[Listed, ...]:
        found: list[Listed] = []

        async def ask(one: DnsList, label: str, what: str) -> None:
            if not await self._believed(lookups, one):
                return
            try:
                answer = await lookups.ask(f"{label}.{one.name}", "A")
                codes = _codes(answer)
                if codes is None:
                    self._dead(one, "it does not serve us")
                elif codes:
                    text = await _text(lookups, f"{label}.{one.name}")
                    found.append(Listed(one.name, what, codes, text, one.weight))
            except ResolverError:
                one.failures += 1
                if one.failures >= FAILURES:
                    self._dead(one, "it does not answer")
            else:
                one.failures = 0

        lists = [one for one in self._lists if one.of == of]
        await together(ask(one, label, what) for one in lists for label, what in wanted)
        return tuple(sorted(found, key=lambda one: (-one.weight, one.list_name)))

    async def _believed(self, lookups: Lookups, one: DnsList) -> bool:
        now = self._clock.seconds()
        due = one.checked + (CHECKED_EVERY if one.alive else DEAD_FOR)
        if one.checked >= 0.0 and (now < due or one.checking):
            return one.alive and one.proven
        one.checked, one.checking = now, True
        try:
            await self._check(lookups, one)
        finally:
            one.checking = False
        return one.alive and one.proven

    async def _check(self, lookups: Lookups, one: DnsList) -> None:
        """§5: 127.0.0.2 (TEST) must be in it, and 127.0.0.1 (INVALID) must not."""
        there, never = ("2.0.0.127", "1.0.0.127") if one.of == "address" else ("test", "invalid")
        try:
            listed = _codes(await lookups.ask(f"{there}.{one.name}", "A"))
            everything = _codes(await lookups.ask(f"{never}.{one.name}", "A"))
        except ResolverError:
            self._dead(one, "it does not answer")
            return
        if everything or everything is None:
            self._dead(one, "it lists everything")
        elif not listed:
            self._dead(one, "its test entry is gone")
        else:
            if not one.alive:
                log.info("list is back", list=one.name)
            one.alive, one.proven, one.failures = True, True, 0
            metrics.dns_list_dead(one.name, False)

    def _dead(self, one: DnsList, cause: str) -> None:
        one.checked, one.failures = self._clock.seconds(), 0
        if one.alive:
            log.warning("list left out", list=one.name, cause=cause)
        one.alive = False
        metrics.dns_list_dead(one.name, True)


def _codes(answer: Answer) -> tuple[str, ...] | None:
    """What an entry says; empty: there is none; None: it is an answer about us, not about what was asked."""
    codes = tuple(str(one) for one in answer.records if str(one).startswith("127."))
    if len(codes) < len(answer.records) or any(one.startswith(_NOT_LISTED) for one in codes):
        return None
    return tuple(sorted(codes))


async def _text(lookups: Lookups, name: str) -> str:
    """The list's own explanation (§2.1), if it can be had."""
    try:
        answer = await lookups.ask(name, "TXT")
    except ResolverError:
        return ""
    texts = [one.decode("utf-8", "replace") for one in answer.records if isinstance(one, bytes)]
    return "".join(c if c.isprintable() else "?" for c in " ".join(texts)[:TEXT_KEPT])
