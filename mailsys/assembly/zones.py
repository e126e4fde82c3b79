"""Our zones, and the DNS server over them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from mailsys.assembly.process import Process
from mailsys.assembly.sending import reachable
from mailsys.assembly.stores import Stores
from mailsys.core.dns.cookies import Cookies
from mailsys.core.dns.rates import Rates
from mailsys.core.dns.records import Record
from mailsys.core.refusal import NotAllowed
from mailsys.dns.streams import DnsStreams
from mailsys.ports.resolver import IResolver
from mailsys.services.access.at_rest import AtRest
from mailsys.services.dns.resolve import configured_servers
from mailsys.services.operating.certificates import Certificates
from mailsys.services.operating.known import Known
from mailsys.services.operating.zone_commands import ZoneCommands
from mailsys.services.zones.answering import Authority
from mailsys.services.zones.blocklist import Blocklist
from mailsys.services.zones.book import ZoneBook
from mailsys.services.zones.cache import Cache
from mailsys.services.zones.derive import Facts
from mailsys.services.zones.editing import ZoneEditor
from mailsys.services.zones.forward import Forwarder
from mailsys.services.zones.notify import Notifier
from mailsys.services.zones.push import push, read_key
from mailsys.services.zones.serve import Addresses, NameService
from mailsys.settings import Settings
from mailsys.settings_file import host_port

Listening = Sequence[tuple[str, str]]
_ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104


@dataclass(frozen=True, slots=True)
class Zones:
    book: ZoneBook
    editor: ZoneEditor
    commands: ZoneCommands


def make_zones(
    process: Process,
    stores: Stores,
    resolver: IResolver,
    certificates: Certificates | None,
    listening: Listening | None = None,
) -> Zones:
    """`listening`: (service, "address:port") of what is bound; None: nothing is, so what the settings say."""
    settings = process.settings
    at_rest = AtRest(stores.secret, process.random_bytes)
    reverse = Addresses([ip_network(each) for each in settings.dns_server.reverse])
    book = ZoneBook(
        stores.zones,
        stores.accounts,
        partial(_facts, settings, certificates, _configured(settings) if listening is None else listening),
        at_rest,
        process.offload,
        process.wall.seconds,
        process.reactor,
        reverse.__contains__,
    )
    editor = ZoneEditor(stores.zones, book, at_rest, process.wall.seconds)
    server = settings.dns_server.push_server
    pushing = partial(_push, process, server) if server else None
    return Zones(book, editor, ZoneCommands(Known(stores.accounts), book, editor, resolver, pushing))


class NameServer:
    """The DNS server: `factory` is for its port."""

    def __init__(self, process: Process, stores: Stores, zones: Zones, listening: Listening) -> None:
        settings, reactor = process.settings.dns_server, process.reactor
        own = {reachable(*host_port(where)) for service, where in listening if service == "dns"}
        upstream = configured_servers(settings.upstream or process.settings.dns.servers)
        forwarder = Forwarder(
            reactor,
            [each for each in upstream if each not in own],  # we would ask ourselves, and so on
            Cache(settings.cache, settings.stale),
            process.random,
            trust_ad=settings.trust_ad,
            patience=settings.timeout,
        )
        files = [str(Path(process.settings.state) / each) for each in settings.blocklists]
        self._reactor = reactor
        self._zones = zones
        self._serving = bool(own)
        self._blocklist = Blocklist(files, process.offload, reactor)
        self._notifier = Notifier(reactor, [host_port(each) for each in settings.notify], process.random)
        service = NameService(
            zones.book,
            Authority(zones.book, process.wall.seconds),
            forwarder,
            self._blocklist,
            Addresses([ip_network(each) for each in settings.clients]),
            Addresses([ip_network(each) for each in settings.secondaries]),
            Rates(settings.answers_per_second),
            Cookies(hashlib.blake2b(b"DNS cookies", key=stores.secret[:64], digest_size=16).digest()),
            process.wall.seconds,
            reactor.seconds,
        )
        self.factory = DnsStreams(
            service, reactor, most=settings.connections, each=settings.connections_per_network
        )

    async def start(self) -> None:
        if self._serving:
            await self._zones.book.start()
            await self._blocklist.start()
            self._zones.book.changed.append(self._notifier.told)
            # Who was away, or we were; once our port is open.
            self._reactor.callLater(1.0, self._notifier.told, list(self._zones.book.pages))

    async def refresh(self) -> None:
        """Domains or keys have changed."""
        if self._serving:
            await self._zones.book.refresh()

    def reload(self) -> None:
        self._blocklist.reload_soon()

    async def stop(self) -> None:
        self._zones.book.stop()
        self._blocklist.stop()
        await self._notifier.stop()


def _facts(settings: Settings, certificates: Certificates | None, listening: Listening) -> Facts:
    server = settings.dns_server
    addresses = server.addresses or [
        host
        for service, where in listening
        if service == "smtp" and (host := host_port(where)[0]) not in _ANYWHERE
    ]
    ports = [
        next((host_port(where)[1] for each, where in listening if each == service), 0)
        for service in ("submissions", "submission", "imaps", "https")
    ]
    return Facts(
        settings.hostname,
        server.nameservers or (settings.hostname,),
        tuple(dict.fromkeys(str(ip_address(each.partition("%")[0])) for each in addresses)),
        (ports[0], ports[1], ports[2], ports[3]),
        "" if certificates is None else certificates.current.public_key,
        server.issuers,
    )


def _configured(settings: Settings) -> Listening:
    listen = settings.listen
    return [
        (service, where)
        for service in ("smtp", "submissions", "submission", "imaps", "https")
        for where in getattr(listen, service)
    ]


async def _push(process: Process, server: str, zone: str, records: Sequence[Record]) -> int:
    path = process.settings.dns_server.push_key
    try:
        key = read_key((Path(process.settings.state) / path).read_text()) if path else None
    except (OSError, ValueError) as problem:
        raise NotAllowed(f"dns_server.push_key: {problem}") from problem
    return await push(process.reactor, host_port(server), key, zone, records)
