"""A name server in this process: zones in a dict, over UDP and TCP on one loopback port.

    peer = await DnsPeer(reactor).start()
    peer.zone["example.net", "MX"] = ["10 mx.example.net."]
    resolver = StubResolver(reactor, [peer.address], random=Random(1))

Values are written as in a zone file. A name without any record is NXDOMAIN, a known name without
the type NODATA; CNAMEs are followed within the zone.
"""

from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol

SOA = "ns.test. hostmaster.test. 1 3600 900 86400 {minimum}"


class DnsPeer:
    """asked: every (name, type) that came, in order. mangle: called with (query, response), gives what
    is sent over UDP instead: a list of datagrams, [] for silence."""

    def __init__(self, reactor: Any) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.ttl = 300
        self.negative_ttl = 60
        self.rcodes: dict[str, dns.rcode.Rcode] = {}  # by name: answer with this rcode
        self.authenticated = False
        self.asked: list[tuple[str, str]] = []
        self.ports: set[int] = set()  # source ports of UDP queries
        self.ids: list[int] = []
        self.tcp_queries = 0
        self.udp_limit = 65535  # larger answers are cut (TC)
        self.mangle: Callable[[bytes, bytes], list[bytes]] | None = None
        self._reactor = reactor

    async def start(self) -> "DnsPeer":
        for _ in range(20):  # the same port for both
            self._udp = self._reactor.listenUDP(0, _Udp(self), "127.0.0.1")
            port = self._udp.getHost().port
            factory: Any = Factory.forProtocol(_Tcp)
            factory.peer = self
            self.connections: set[Any] = set()
            try:
                self._tcp = self._reactor.listenTCP(port, factory, interface="127.0.0.1")
            except Exception:
                await self._udp.stopListening()
                continue
            self.address = ("127.0.0.1", port)
            return self
        raise AssertionError("no port is free for both UDP and TCP")

    async def stop(self) -> None:
        for connection in list(self.connections):
            connection.transport.abortConnection()
        await self._udp.stopListening()
        await self._tcp.stopListening()

    def host(self, name: str, *addresses: str) -> None:
        for address in addresses:
            kind = "AAAA" if ":" in address else "A"
            self.zone.setdefault((name, kind), []).append(address)

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        self.ids.append(query.id)
        response = dns.message.make_response(query, recursion_available=True)
        if self.authenticated:
            response.flags |= dns.flags.AD
        if name in self.rcodes:
            response.set_rcode(self.rcodes[name])
            return response.to_wire(max_size=65535)
        for _ in range(10):
            if values := self.zone.get((name, kind)):
                self._add(response.answer, name, kind, values)
                return response.to_wire(max_size=65535)
            alias = self.zone.get((name, "CNAME"))
            if not alias or kind == "CNAME":
                break
            self._add(response.answer, name, "CNAME", alias)
            name = alias[0].removesuffix(".")
            if name.startswith("elsewhere."):  # not of this zone: the asker has to go on
                return response.to_wire(max_size=65535)
        if not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = SOA.format(minimum=self.negative_ttl)
        response.authority.append(dns.rrset.from_text("test.", 3600, "IN", "SOA", soa))
        return response.to_wire(max_size=65535)

    def _add(self, section: list[Any], name: str, kind: str, values: list[str]) -> None:
        section.append(dns.rrset.from_text(f"{name}.", self.ttl, "IN", kind, *values))


class _Udp(DatagramProtocol):
    transport: Any

    def __init__(self, peer: DnsPeer) -> None:
        self.peer = peer

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.peer.ports.add(addr[1])
        response = self.peer.answer(datagram)
        if len(response) > self.peer.udp_limit:
            cut = dns.message.make_response(dns.message.from_wire(datagram))
            cut.flags |= dns.flags.TC
            response = cut.to_wire()
        out = [response] if self.peer.mangle is None else self.peer.mangle(datagram, response)
        for each in out:
            self.transport.write(each, addr)


class _Tcp(Protocol):
    factory: Any
    transport: Any

    def connectionMade(self) -> None:
        self.buffer = b""
        self.factory.peer.connections.add(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.peer.connections.discard(self)

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 2:
            length = int.from_bytes(self.buffer[:2], "big")
            if len(self.buffer) < 2 + length:
                return
            query, self.buffer = self.buffer[2 : 2 + length], self.buffer[2 + length :]
            self.factory.peer.tcp_queries += 1
            response = self.factory.peer.answer(query)
            self.transport.write(len(response).to_bytes(2, "big") + response)
