"""A DNS server of ours on one loopback port, over the store in memory, with a name server of the tests' own
behind it."""

from __future__ import annotations

import random
import struct
from ipaddress import ip_network
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.trial.unittest import TestCase

from mailsys.core.dns.cookies import Cookies
from mailsys.core.dns.rates import Rates
from mailsys.dns.datagrams import DnsDatagrams
from mailsys.dns.streams import DnsStreams
from mailsys.ports.accounts import Domain
from mailsys.services.access.at_rest import AtRest
from mailsys.services.zones.answering import Authority
from mailsys.services.zones.blocklist import Blocklist
from mailsys.services.zones.book import ZoneBook
from mailsys.services.zones.cache import Cache
from mailsys.services.zones.derive import Facts
from mailsys.services.zones.editing import Wanted, ZoneEditor
from mailsys.services.zones.forward import Forwarder
from mailsys.services.zones.serve import Addresses, NameService
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store
from tests.peers.dns import DnsPeer

reactor: Any = installed

DOMAIN = "example.org"
FACTS = Facts(
    "mail.example.org",
    ("mail.example.org", "ns2.example.net"),
    ("192.0.2.25", "2001:db8::25"),
    certificate="ab" * 32,
    issuers=("letsencrypt.org",),
)
EVERYBODY = (ip_network("0.0.0.0/0"), ip_network("::/0"))
NOBODY = ()


def offload(work: Any) -> Deferred[Any]:
    return maybeDeferred(work)


class Moved:
    """The reactor with its clock ahead: what is kept gets older at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def seconds(self) -> float:
        return float(reactor.seconds()) + self.ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class DnsCase(TestCase):
    """`clients`: whom it looks things up for. `rate`: answers of one kind a second."""

    clients: Any = EVERYBODY
    secondaries: Any = EVERYBODY
    rate = 0.0
    stale = 0.0
    blocked: tuple[str, ...] = ()
    facts = FACTS
    servers: Any = None

    async def setUp(self) -> None:
        self.time = Moved()
        self.now = 1_800_000_000.0
        self.store = open_store(None, None, Events())
        self.addCleanup(self.store.close)
        await self.store.accounts.put_domain(Domain(DOMAIN))
        at_rest = AtRest(b"k" * 32, random.Random(1).randbytes)
        self.book = ZoneBook(
            self.store.zones, self.store.accounts, lambda: self.facts, at_rest, offload,
            lambda: self.now, reactor, poll=3600.0,
        )  # fmt: skip
        await self.book.start()
        self.addCleanup(self.book.stop)
        self.editor = ZoneEditor(self.store.zones, self.book, at_rest, lambda: self.now)
        self.peer = await DnsPeer(reactor).start()
        self.addCleanup(self.peer.stop)
        self.cache = Cache(1_000_000, self.stale)
        self.forwarder = Forwarder(
            self.time, self.servers or [self.peer.address], self.cache, random.Random(3),
            trust_ad=False, patience=0.3,
        )  # fmt: skip
        self.blocklist = Blocklist(self.blocked, offload, reactor, every=3600.0)
        await self.blocklist.start()
        self.addCleanup(self.blocklist.stop)
        self.cookies = Cookies(b"c" * 16)
        self.service = NameService(
            self.book, Authority(self.book, lambda: self.now), self.forwarder, self.blocklist,
            Addresses(self.clients), Addresses(self.secondaries), Rates(self.rate), self.cookies,
            lambda: self.now, self.time.seconds,
        )  # fmt: skip
        self.streams = DnsStreams(self.service, reactor, most=50, each=20)
        for _ in range(20):
            udp = reactor.listenUDP(0, DnsDatagrams(self.service), "127.0.0.1", 65535)
            self.port = udp.getHost().port
            try:
                tcp = reactor.listenTCP(self.port, self.streams, interface="127.0.0.1")
                break
            except Exception:
                await udp.stopListening()
        self.addCleanup(udp.stopListening)
        self.addCleanup(tcp.stopListening)
        self.addCleanup(self.streams.stop)

    async def write(self, *records: tuple[str, str, str], zone: str = DOMAIN, ttl: int = 300) -> None:
        await self.editor.change(zone, [Wanted(*each, ttl) for each in records], [], "test")

    async def ask(self, name: str, kind: str, *, tcp: bool = False, rd: bool = True, **more: Any) -> Any:
        query = dns.message.make_query(name, kind, **more)
        if not rd:
            query.flags &= ~dns.flags.RD
        answer = await (self.stream(query.to_wire()) if tcp else self.datagram(query.to_wire()))
        self.size = len(answer)
        response = dns.message.from_wire(answer)
        self.assertTrue(query.is_response(response), (query, response))
        return response

    async def datagram(self, wire: bytes, source: str = "127.0.0.1") -> bytes:
        asking = _Asking(wire, self.port)
        port = reactor.listenUDP(0, asking, source)
        asking.done.addTimeout(5.0, reactor)
        try:
            return await asking.done
        finally:
            await port.stopListening()

    async def stream(self, wire: bytes) -> bytes:
        (answer,) = await self.streamed(len(wire).to_bytes(2, "big") + wire, 1)
        return answer

    async def streamed(self, octets: bytes, count: int) -> list[bytes]:
        """What comes back, message by message; until `count` of them are there or the connection ends."""
        protocol = _Stream(octets, count)
        where = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        await where.connect(Factory.forProtocol(lambda: protocol))
        protocol.done.addTimeout(10.0, reactor)
        return await protocol.done


def texts(response: Any, kind: str, section: str = "answer") -> list[str]:
    """The data of a section's records of one type."""
    return [
        str(data)
        for records in getattr(response, section)
        if records.rdtype == dns.rdatatype.from_text(kind)
        for data in records
    ]


def rcode(response: Any) -> str:
    return dns.rcode.to_text(response.rcode())


def flags(response: Any) -> str:
    return dns.flags.to_text(response.flags)


class _Asking(DatagramProtocol):
    transport: Any

    def __init__(self, wire: bytes, port: int) -> None:
        self.wire = wire
        self.port = port
        self.done: Deferred[bytes] = Deferred()

    def startProtocol(self) -> None:
        self.transport.write(self.wire, ("127.0.0.1", self.port))

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if not self.done.called:
            self.done.callback(datagram)


class _Stream(Protocol):
    transport: Any

    def __init__(self, octets: bytes, count: int) -> None:
        self.octets = octets
        self.count = count
        self.buffer = b""
        self.messages: list[bytes] = []
        self.done: Deferred[list[bytes]] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.octets)

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 2:
            (length,) = struct.unpack_from("!H", self.buffer)
            if len(self.buffer) < 2 + length:
                return
            self.messages.append(self.buffer[2 : 2 + length])
            self.buffer = self.buffer[2 + length :]
            if len(self.messages) == self.count:
                self.transport.loseConnection()
                self._end()

    def connectionLost(self, reason: Any = None) -> None:
        self._end()

    def _end(self) -> None:
        if not self.done.called:
            self.done.callback(self.messages)
