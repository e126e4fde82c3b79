"""Whom we ask over HTTP may be hostile: he gets neither our memory nor our connections."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailsys.ports.resolver import Answer
from mailsys.services.outbound import http
from mailsys.services.outbound.http import (
    ANSWER_WITHIN,
    ForbiddenTarget,
    OutboundAnswer,
    OutboundFailure,
    OutboundHttp,
    TooLarge,
    is_public,
)
from tests.peers.zone import Zone

reactor: Any = installed
QUICKER = 60.0  # times, in which an answer's time passes


class Quick:
    """The reactor, for which seconds are shorter."""

    def callLater(self, seconds: float, *rest: Any) -> Any:
        return reactor.callLater(seconds / QUICKER, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class Hostile(Protocol):
    """Answers with `first`, then with `more` as fast as it is taken (`pace` 0) or every `pace` seconds."""

    def __init__(self, first: bytes, more: bytes, pace: float) -> None:
        self._first, self._more, self._pace = first, more, pace
        self.sent = 0
        self.gone: Deferred[None] = Deferred()
        self._dripping: LoopingCall | None = None

    def dataReceived(self, data: bytes) -> None:
        if self._first:
            self.say(self._first)
            self._first = b""
            if self._more and not self._pace:
                self.transport.registerProducer(self, False)
            elif self._more:
                self._dripping = LoopingCall(self.say, self._more)
                self._dripping.start(self._pace)

    def say(self, data: bytes) -> None:
        self.sent += len(data)
        self.transport.write(data)

    def resumeProducing(self) -> None:
        self.say(self._more)

    def stopProducing(self) -> None: ...

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._dripping is not None:
            self._dripping.stop()
        self.gone.callback(None)


class Rebinding:
    """A resolver that says one address to who checks, and another to who connects, if he asks again."""

    def __init__(self, *addresses: str) -> None:
        self.left = list(addresses)

    async def query(self, name: str, kind: str) -> Answer:
        return Answer((self.left.pop(0),) if kind == "A" else (), True, 0)


class RebindingTests(TestCase):
    timeout = 20

    async def test_the_address_that_was_checked_is_the_one_that_is_asked(self) -> None:
        self.patch(http, "is_public", lambda address: address != "127.0.0.1")  # 127.0.0.2 is outside
        asked: list[str] = []

        def serve(address: str, number: int = 0) -> int:
            factory = Factory()

            def build(_: Any) -> Hostile:
                asked.append(address)
                return Hostile(b"HTTP/1.1 302 Found\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n", b"", 0)

            factory.buildProtocol = build
            port = reactor.listenTCP(number, factory, interface=address)
            self.addCleanup(lambda: maybeDeferred(port.stopListening))
            return int(port.getHost().port)

        number = serve("127.0.0.2")
        serve("127.0.0.1", number)
        outbound = OutboundHttp(reactor, Rebinding("127.0.0.2", "127.0.0.1"))
        url = f"http://rebind.example:{number}/"
        found = await outbound.request("GET", url, plain=True)
        self.assertEqual((found.status, asked), (302, ["127.0.0.2"]))
        with self.assertRaises(ForbiddenTarget):  # the redirect, for which the name is looked up anew
            await outbound.request("GET", f"{url}in", plain=True)
        self.assertEqual(asked, ["127.0.0.2"])


class HostileTests(TestCase):
    timeout = 20

    def serve(self, first: bytes, more: bytes = b"", pace: float = 0.0) -> str:
        self.peers: list[Hostile] = []

        def build(_: Any) -> Hostile:
            self.peers.append(Hostile(first, more, pace))
            return self.peers[-1]

        factory = Factory()
        factory.buildProtocol = build
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(lambda: maybeDeferred(port.stopListening))
        return f"http://127.0.0.1:{port.getHost().port}/"

    async def ask(self, url: str) -> OutboundAnswer:
        return await OutboundHttp(Quick(), Zone({}), allow_private=True).request("GET", url, limit=100_000)

    async def test_an_honest_answer_comes_through_whole(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 + b"\r\nContent-Length: 100000\r\n\r\n"
        answer = await self.ask(self.serve(head + b"y" * 100_000))
        self.assertEqual((answer.status, answer.body), (200, b"y" * 100_000))

    async def test_a_header_without_end_is_cut_off(self) -> None:
        for more in (b"X: y\r\n" * 1000, b"X: " + b"y" * 8000 + b"\r\n"):
            url = self.serve(b"HTTP/1.1 200 OK\r\n", more)
            with self.assertRaises(OutboundFailure):
                await self.ask(url)
            await self.peers[0].gone
            self.assertLess(self.peers[0].sent, 20_000_000)  # what the sockets' buffers hold

    async def test_interim_answers_without_end_are_cut_off(self) -> None:
        url = self.serve(
            b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 100
        )
        with self.assertRaises(OutboundFailure):
            await self.ask(url)
        await self.peers[0].gone

    async def test_a_body_without_end_is_cut_off(self) -> None:
        url = self.serve(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 60_000)
        with self.assertRaises(TooLarge):
            await self.ask(url)
        await self.peers[0].gone

    async def test_a_body_in_drops_ends_in_time_and_its_connection_too(self) -> None:
        url = self.serve(
            b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", b"x", ANSWER_WITHIN / QUICKER / 20
        )
        with self.assertRaises(OutboundFailure):
            await self.ask(url)
        await self.peers[0].gone

    async def test_a_header_in_drops_ends_in_time_and_its_connection_too(self) -> None:
        url = self.serve(b"HTTP/1.1 200 OK\r\nX: ", b"x", ANSWER_WITHIN / QUICKER / 20)
        with self.assertRaises(OutboundFailure):
            await self.ask(url)
        await self.peers[0].gone


PUBLIC = """
    8.8.8.8 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255
    192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0
    203.0.112.255 203.0.114.0 223.255.255.255
    2001:4860:4860::8888 2001:200:: 2001:db7:ffff::1 2001:db9:: 2003:: 2620:4f:7fff::1 2a00::1 3ffe:ffff::1
    64:ff9b::8.8.8.8
"""
PRIVATE = """
    0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255
    169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.9 192.0.0.10
    192.0.0.170 192.0.0.255 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.0 192.88.99.1 192.88.99.255
    192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1
    64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b::192.88.99.1 64:ff9b:1::1 64:ff9b:1::8.8.8.8
    64:ff9b:0:0:1::1 100::1 100:0:0:1::1 200::1 1fff::1 2001::1 2001:0:7f00:1:: 2001:1::1 2001:1::2 2001:2::1
    2001:3::1 2001:4:112::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2002:: 2002:7f00:1:: 2002:808:808::1
    2620:4f:8000::1 3fff::1 4000::1 5f00::1 8000::1 fc00::1 fd00::1 fe80::1 fe80::1%1 2a00::1%1 febf::1
    fec0::1 feff::1 ff02::1 ff0e::1
"""


class AddressTests(TestCase):
    def test_only_the_internets_addresses_are_public(self) -> None:
        for address in PUBLIC.split():
            self.assertTrue(is_public(address), address)
        for address in PRIVATE.split():
            self.assertFalse(is_public(address), address)

    def test_what_is_no_address_is_none_of_the_internets(self) -> None:
        for text in ("", "localhost", "8.8.8", "08.8.8.8", "0x8.8.8.8", "134744072", "8.8.8.8/32"):
            self.assertFalse(is_public(text), text)
