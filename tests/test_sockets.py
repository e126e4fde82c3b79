"""Sending at once: nothing is lost, doubled or out of order."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from mailsys.sockets import send_now

PARTS = [bytes((n % 251,)) * (1 + (n * 7919) % 90_000) for n in range(80)]


class Sender(Protocol):
    def connectionMade(self) -> None:
        for part in PARTS:
            send_now(self.transport, part)
        self.transport.loseConnection()


class Reader(Protocol):
    def connectionMade(self) -> None:
        self.transport.pauseProducing()
        self.received: list[bytes] = []
        self.lost: Deferred[bytes] = Deferred()
        reactor.callLater(0.01, self.transport.resumeProducing)

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(b"".join(self.received))


class SendNowTests(TestCase):
    async def test_a_slow_reader_gets_everything_in_order(self):
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(Sender))
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        reader: Any = await endpoint.connect(Factory.forProtocol(Reader))
        self.assertEqual(await reader.lost, b"".join(PARTS))
        await port.stopListening()

    def test_another_transport_is_simply_written_to(self):
        transport = StringTransport()
        send_now(transport, b"x")
        self.assertEqual(transport.value(), b"x")
