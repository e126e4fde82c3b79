"""Sending at once: nothing is lost, doubled or out of order."""

from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailsys.sockets import send_now

BIG = b"".join(b"%07d\n" % n for n in range(1_000_000))


def read_all(client: socket.socket) -> bytes:
    parts = []
    while data := client.recv(1 << 20):
        parts.append(data)
    return b"".join(parts)


class SendNowTests(TestCase):
    async def asyncSetUp(self) -> None:
        connected: Deferred[Protocol] = Deferred()

        class Server(Protocol):
            def connectionMade(self) -> None:
                connected.callback(self)

        self.port = reactor.listenTCP(0, Factory.forProtocol(Server), interface="127.0.0.1")
        self.client = socket.create_connection(("127.0.0.1", self.port.getHost().port))
        self.transport = (await connected).transport

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.asyncSetUp())

    def tearDown(self) -> Deferred[None]:
        self.client.close()
        return self.port.stopListening()

    async def test_a_short_reply_is_with_the_client_before_the_reactor_turns(self):
        send_now(self.transport, b"250 ok\r\n")
        self.assertEqual(self.client.recv(100), b"250 ok\r\n")
        self.transport.loseConnection()
        self.assertEqual(await deferToThread(read_all, self.client), b"")

    async def test_what_the_socket_does_not_take_follows_in_order(self):
        send_now(self.transport, BIG)
        first = self.client.recv(1 << 20)  # now the socket has room, while Twisted still holds a rest
        send_now(self.transport, b"the end")
        self.transport.loseConnection()
        rest = await deferToThread(read_all, self.client)
        self.assertEqual(len(first + rest), len(BIG) + 7)
        self.assertTrue(first + rest == BIG + b"the end")

    async def test_a_client_that_left_is_no_error(self):
        self.client.close()
        for _ in range(3):
            send_now(self.transport, b"x" * 1000)
        self.transport.loseConnection()

    def test_another_transport_is_simply_written_to(self):
        transport = StringTransport()
        send_now(transport, b"x")
        self.assertEqual(transport.value(), b"x")
        self.transport.loseConnection()
