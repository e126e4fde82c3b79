"""`mailsys local`: everything on loopback ports, in one command. Others script against what it prints:
one JSON line on standard output once all is ready; see docs/commands.md."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import globalLogBeginner

from mailsys.assembly import StoreProblem, System, assemble
from mailsys.cli.problem import DONE, REFUSED, UNREACHABLE, USAGE, Problem
from mailsys.clock import time_by_monotonic_clock
from mailsys.core.message.address import canonical
from mailsys.endpoints import BindError
from mailsys.log import twisted_observer
from mailsys.ports.accounts import AccountPatch, Credentials
from mailsys.services.operating import commands as c
from mailsys.services.operating.certificates import CertificateError, write_self_signed
from mailsys.settings import Log, Settings, SettingsError
from mailsys.settings_file import parse

SERVICES: Final = ("smtp", "submission", "submissions", "imap", "imaps", "http", "dns")
_OWN: Final = "own"  # of --resolver
_REMEMBERED: Final = "local.json"  # passwords that were printed, so that a restart prints the same


def run(options: argparse.Namespace) -> int:
    import twisted.internet.reactor as installed

    reactor: Any = installed
    time_by_monotonic_clock(reactor)
    settings = settings_of(options)
    accounts = accounts_of(options, settings)
    admins = frozenset(_address(each, "--admin") for each in options.admin or ())
    throw_away = options.state is None
    problems: list[Exception] = []
    try:
        state = Path(settings.state)
        write_self_signed(
            state / settings.tls.certificate,
            state / settings.tls.key,
            ["localhost", settings.hostname, "127.0.0.1"],
        )

        async def prepare(system: System) -> None:
            await fill(system, settings, accounts, admins)

        service = assemble(settings, reactor, prepare)

        async def start() -> None:
            try:
                service.startService()
                await service.ready
            except Exception as problem:
                problems.append(problem)
                reactor.stop()
                return
            announce(settings, service.addresses, accounts)

        globalLogBeginner.beginLoggingTo(
            [twisted_observer],  # type: ignore[list-item] # a plain function is an observer
            redirectStandardIO=False,
            discardBuffer=True,
        )
        service.privilegedStartService()
        reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(start()))
        reactor.run()
    except (BindError, CertificateError, SettingsError) as problem:
        problems.append(problem)
    finally:
        if throw_away:
            shutil.rmtree(settings.state, ignore_errors=True)
    for each in problems:
        raise _told(each)
    return DONE


def _told(problem: Exception) -> Exception:
    """What went wrong, in the words and with the exit code of the command line."""
    if isinstance(problem, StoreProblem):
        return Problem(str(problem), UNREACHABLE)
    if isinstance(problem, SettingsError):
        return Problem(str(problem), USAGE)
    if isinstance(problem, BindError | CertificateError):
        return Problem(str(problem), REFUSED)
    return problem


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the options mean; the state folder exists afterwards."""
    if options.port_base is not None and not 1 <= options.port_base <= 65535 - 7:
        raise Problem("--port-base: must be from 1 to 65528", USAGE)
    domain = options.domain or _first_domain(options.account or ()) or "local.test"
    given: dict[str, Any] = {
        "domain": domain,
        "hostname": f"mail.{domain}",
        "storage": options.storage,
        "checks": not options.no_checks,
        "greylist": {"mode": "off"},  # to a store that is new everybody is a stranger
        # All peers are this machine's: they are looked up once there is a DNS to ask, and none of them is us.
        "trust": {"may_send_as_us": [], **({"exempt": []} if options.resolver else {})},
        "login_without_tls_on_loopback": True,
        "sending": {"smarthost": options.smarthost},
        "dns": {
            "servers": [each for each in options.resolver or () if each != _OWN],
            "own": _OWN in (options.resolver or ()),
        },
        "dns_server": {"secondaries": ["127.0.0.0/8"]},
        # On this machine all clients come from one address, load tests among them.
        "limits": {
            "connections_per_address": 20000,
            "sends_per_hour": 10**9,
            "sends_per_day": 10**9,
            "new_recipients_per_day": 10**9,
        },
        "web": {
            "streams_per_account": 20000,
            "requests_per_minute": 10**9,
            "upload_per_hour": 10**15,
            "push_to_private": True,
            "registration": options.registration,
            "registrations_per_day": 20000,
        },
    }
    try:
        settings = parse(given)
    except SettingsError as problem:
        raise Problem(str(problem), USAGE) from None
    ports = [options.port_base + n if options.port_base is not None else 0 for n in range(len(SERVICES))]
    endpoints = {name: (f"127.0.0.1:{port}",) for name, port in zip(SERVICES, ports, strict=True)}
    return msgspec.structs.replace(
        settings,
        state=str(_state_folder(options.state)),
        listen=msgspec.structs.replace(settings.listen, https=(), **endpoints),
        log=Log(level=options.log_level, format=options.log_format),
    )


def _state_folder(given: str | None) -> Path:
    if given is None:
        return Path(tempfile.mkdtemp(prefix="mailsys-"))
    folder = Path(given).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise Problem(f"--state {given}: {problem.strerror}", USAGE) from None
    return folder


def accounts_of(options: argparse.Namespace, settings: Settings) -> dict[str, str]:
    """Address to password, in the order to print: those given, or alice and bob, then administrators
    without a given password. Passwords by chance stay with a kept state folder."""
    accounts = {}
    for each in options.account or ():
        address, _, password = each.partition(":")
        if not password:
            raise Problem("--account: ADDRESS:PASSWORD, such as alice@local.test:secret", USAGE)
        accounts[_address(address, "--account")] = password
    others = [] if accounts else [f"{name}@{settings.domain}" for name in ("alice", "bob")]
    others += [_address(each, "--admin") for each in options.admin or ()]
    known = _remembered(settings)
    for address in others:
        accounts.setdefault(address, known.get(address) or secrets.token_urlsafe(12))
    return accounts


def _first_domain(accounts: Sequence[str]) -> str:
    """Of the first of --account: the ready line names a domain that somebody is in. "" without one."""
    address, colon, _ = accounts[0].partition(":") if accounts else ("", "", "")
    return _address(address, "--account").rpartition("@")[2] if colon else ""


def _address(given: str, option: str) -> str:
    try:
        return canonical(given)
    except ValueError:
        raise Problem(f"{option}: an address, such as alice@local.test", USAGE) from None


async def fill(
    system: System, settings: Settings, accounts: dict[str, str], admins: frozenset[str] = frozenset()
) -> None:
    """Domains and accounts that are missing, passwords that changed, rights of `admins`. Quick when all
    is there."""
    known = _remembered(settings)
    present = {each.address: each for each in await system.accounts.accounts()}
    domains = {each.name for each in await system.accounts.domains()}
    wanted = dict.fromkeys([settings.domain, *(address.rpartition("@")[2] for address in accounts)])
    hashes: dict[str, Deferred[Credentials]] = {}

    async def credentials(password: str) -> Credentials:
        # Load tests make thousands of accounts with one password: it is hashed once.
        if password not in hashes:
            hashes[password] = Deferred.fromCoroutine(system.hash_password(password))
        return await _shared(hashes[password])

    async def add_account(address: str, password: str) -> None:
        if address not in present:
            admin = address in admins
            await system.accounts.create_account(address, "", await credentials(password), admin)
            return
        if address in admins and not present[address].admin:
            await system.accounts.change_account(present[address].id, AccountPatch(admin=True))
        if known.get(address) != password:
            await system.accounts.set_credentials(present[address].id, await credentials(password))

    waits = [
        Deferred.fromCoroutine(system.administration.perform(c.AddDomain(name=name)))
        for name in wanted
        if name not in domains
    ]
    await gatherResults(waits)
    everybody = list(accounts.items())
    for n in range(0, len(everybody), 100):  # so many at once: what waits is bounded
        some = everybody[n : n + 100]
        await gatherResults([Deferred.fromCoroutine(add_account(*each)) for each in some])
    if known != accounts:
        _remember(settings, known | accounts)


def announce(settings: Settings, addresses: Sequence[tuple[str, str]], accounts: dict[str, str]) -> None:
    """The one line on standard output; for people, where the web client is."""
    line: dict[str, object] = {"ready": True, "domain": settings.domain}
    line |= {name: f"http://{where}" if name == "http" else where for name, where in addresses}
    line["accounts"] = [{"address": each, "password": password} for each, password in accounts.items()]
    line["state"] = settings.state
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    if settings.log.format == "text":  # somebody reads
        hint = f"\n  Open {line['http']}/ and sign in as " + " or ".join(
            f"{address}, password {password}" for address, password in list(accounts.items())[:2]
        )
        sys.stderr.write(hint + "\n\n")


def _shared(source: Deferred[Credentials]) -> Deferred[Credentials]:
    """A Deferred of one's own for the result of `source`."""
    mine: Deferred[Credentials] = Deferred()

    def success(value: Credentials) -> Credentials:
        mine.callback(value)
        return value

    def failure(problem: Any) -> None:
        mine.errback(problem)

    source.addCallbacks(success, failure)
    return mine


def _remembered(settings: Settings) -> dict[str, str]:
    try:
        return msgspec.json.decode(Path(settings.state, _REMEMBERED).read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _remember(settings: Settings, accounts: dict[str, str]) -> None:
    path = Path(settings.state, _REMEMBERED)
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(accounts))
    new.replace(path)
