"""STARTTLS and implicit TLS, over real TLS on loopback."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from mailsys.services.operating.certificates import Certificates, write_self_signed
from mailsys.settings import Limits
from mailsys.smtp.server import SmtpFactory
from mailsys.smtp.service import Service
from tests.conversations.smtp.memory import SignIn, Transactions


class Client(Protocol):
    """Reads replies: `await client.reply()` gives the next one's lines."""

    def __init__(self) -> None:
        self.buffer = b""
        self.waiting: Deferred[Any] | None = None
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        self._look()

    def connectionLost(self, reason: Any) -> None:
        self.lost.callback(None)
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting.callback([b"lost"])

    def reply(self) -> Deferred[list[bytes]]:
        self.waiting = waiting = Deferred()
        self._look()
        return waiting

    def _look(self) -> None:
        if self.waiting is None:
            return
        lines = []
        rest = self.buffer
        while b"\r\n" in rest:
            line, rest = rest.split(b"\r\n", 1)
            lines.append(line)
            if line[3:4] == b" ":
                self.buffer = rest
                waiting, self.waiting = self.waiting, None
                waiting.callback(lines)
                return

    def say(self, data: bytes) -> Deferred[list[bytes]]:
        self.transport.write(data)
        return self.reply()


class TlsCase(TestCase):
    implicit = False
    login_without_tls = False
    limits = Limits()

    async def asyncSetUp(self) -> None:
        folder = Path(self.mktemp())
        write_self_signed(folder / "certificate.pem", folder / "key.pem", ["localhost"])
        self.context = Certificates(folder / "certificate.pem", folder / "key.pem")
        self.transactions = Transactions()
        self.sign_in = SignIn()
        self.clock = Clock()
        self.factory = SmtpFactory(
            Service(
                self.transactions,
                self.sign_in,
                "mx.example.com",
                self.limits,
                submission=True,
                now=self.clock.seconds,
                tls=self.context,
                login_without_tls=self.login_without_tls,
            ),
            self.clock,
        )
        factory = TLSMemoryBIOFactory(self.context, False, self.factory) if self.implicit else self.factory
        self.port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.clients: list[Client] = []

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.asyncSetUp())

    def endpoint(self) -> TCP4ClientEndpoint:
        return TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)

    async def connect_in_the_clear(self) -> Client:
        factory: Any = Factory.forProtocol(Client)
        client: Any = await self.endpoint().connect(factory)
        self.clients.append(client)
        return client

    async def connect(self) -> Client:
        factory: Any = Factory.forProtocol(Client)
        if self.implicit:
            factory = TLSMemoryBIOFactory(ssl.CertificateOptions(), True, factory)
        connected: Any = await self.endpoint().connect(factory)
        client: Client = connected.wrappedProtocol if self.implicit else connected
        self.clients.append(client)
        self.assertEqual(await client.reply(), [b"220 mx.example.com ESMTP"])
        return client

    async def secured(self) -> Client:
        client = await self.connect()
        await client.say(b"EHLO before\r\n")
        self.assertEqual(await client.say(b"STARTTLS\r\n"), [b"220 2.0.0 Begin TLS"])
        client.transport.startTLS(ssl.CertificateOptions())
        return client

    async def asyncTearDown(self) -> None:
        for client in self.clients:
            client.transport.abortConnection()
        await self.port.stopListening()
        await self.factory.stop()
        for client in self.clients:
            await client.lost
        self.assertEqual(self.factory.connections, 0)
        self.assertEqual(self.transactions.clients, [])

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.asyncTearDown())


class StartTlsTests(TlsCase):
    async def test_tls_is_offered_and_signing_in_only_under_it(self):
        client = await self.connect()
        lines = await client.say(b"EHLO x\r\n")
        self.assertIn(b"250-STARTTLS", lines)
        self.assertFalse([line for line in lines if b"AUTH" in line or b"REQUIRETLS" in line])

    async def test_under_tls_a_new_session_begins(self):
        client = await self.secured()
        self.assertTrue(
            (await client.say(b"MAIL FROM:<a@example.com>\r\n"))[0].startswith(b"503 5.5.1 Send HELO")
        )
        lines = await client.say(b"EHLO after\r\n")
        self.assertNotIn(b"250-STARTTLS", lines)
        self.assertIn(b"250-REQUIRETLS", lines)
        self.assertIn(b"250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN", lines)
        self.assertTrue((await client.say(b"STARTTLS\r\n"))[0].startswith(b"503 5.5.1"))
        self.assertTrue(
            (await client.say(b"AUTH PLAIN " + b64encode(b"\0alice\0secret") + b"\r\n"))[0].startswith(b"235")
        )
        await client.say(b"MAIL FROM:<alice@example.com> REQUIRETLS\r\n")
        await client.say(b"RCPT TO:<b@example.org>\r\n")
        await client.say(b"DATA\r\n")
        body = b"x" * 70 + b"\r\n"
        self.assertIn(b"kept", (await client.say(body * 5000 + b".\r\n"))[0])
        (mail,) = self.transactions.received
        self.assertEqual(mail.body, body * 5000)
        self.assertTrue(mail.client.tls.startswith("TLSv1.3 TLS_"))
        self.assertEqual((mail.client.protocol, mail.client.hello), ("ESMTPSA", "after"))
        self.assertTrue(mail.parameters.require_tls)

    async def test_an_exchange_is_bound_to_its_channel(self):
        client = await self.secured()
        await client.say(b"EHLO x\r\n")
        await client.say(b"AUTH SCRAM-SHA-256-PLUS\r\n")
        expected = client.transport.getHandle().export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        self.assertEqual(self.sign_in.bindings, [("tls-exporter", expected)])

    async def test_before_tls_1_3_it_is_bound_to_the_certificate(self):
        client = await self.connect()
        await client.say(b"EHLO before\r\n")
        await client.say(b"STARTTLS\r\n")
        client.transport.startTLS(ssl.CertificateOptions(lowerMaximumSecurityTo=ssl.TLSVersion.TLSv1_2))
        await client.say(b"EHLO x\r\n")
        await client.say(b"AUTH SCRAM-SHA-256-PLUS\r\n")
        certificate = client.transport.getPeerCertificate().to_cryptography()
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
        self.assertEqual(self.sign_in.bindings, [("tls-server-end-point", digest)])

    async def test_commands_behind_starttls_are_thrown_away_with_the_connection(self):
        client = await self.connect()
        await client.say(b"EHLO x\r\n")
        lines = await client.say(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<a@example.com>\r\n")
        self.assertEqual(lines, [b"421 4.7.0 Commands behind STARTTLS, closing"])
        await client.lost
        self.assertEqual(client.buffer, b"")

    async def test_a_single_octet_behind_it_is_enough(self):
        client = await self.connect()
        await client.say(b"EHLO x\r\n")
        self.assertTrue((await client.say(b"STARTTLS\r\n\x16"))[0].startswith(b"421"))
        await client.lost

    async def test_what_is_no_tls_after_starttls_runs_nothing(self):
        client = await self.connect()
        await client.say(b"EHLO x\r\n")
        await client.say(b"STARTTLS\r\n")
        client.transport.write(b"EHLO y\r\nNOOP\r\n" * 10)
        await client.lost
        self.assertNotIn(b"250", client.buffer)

    async def test_a_transaction_does_not_survive(self):
        client = await self.connect()
        await client.say(b"EHLO x\r\n")
        self.assertTrue((await client.say(b"STARTTLS now\r\n"))[0].startswith(b"501"))
        await client.say(b"STARTTLS\r\n")
        client.transport.startTLS(ssl.CertificateOptions())
        self.assertTrue((await client.say(b"RCPT TO:<b@example.com>\r\n"))[0].startswith(b"503"))

    async def test_a_handshake_that_does_not_come_is_not_waited_for(self):
        client = await self.connect()
        await client.say(b"EHLO x\r\n")
        await client.say(b"STARTTLS\r\n")
        self.clock.advance(60)
        await client.lost

    async def test_quit_under_tls_closes(self):
        client = await self.secured()
        self.assertEqual(await client.say(b"QUIT\r\n"), [b"221 2.0.0 Bye"])
        await client.lost


class SignedInBeforeTlsTests(TlsCase):
    login_without_tls = True

    async def test_a_sign_in_does_not_survive_starttls(self):
        plain = b64encode(b"\0alice\0secret")
        client = await self.connect()
        await client.say(b"EHLO x\r\n")
        self.assertTrue((await client.say(b"AUTH PLAIN " + plain + b"\r\n"))[0].startswith(b"235"))
        await client.say(b"STARTTLS\r\n")
        client.transport.startTLS(ssl.CertificateOptions())
        await client.say(b"EHLO x\r\n")
        self.assertTrue((await client.say(b"MAIL FROM:<alice@example.com>\r\n"))[0].startswith(b"530"))


class ImplicitTlsTests(TlsCase):
    implicit = True

    async def test_the_greeting_comes_under_tls_and_everything_is_offered(self):
        client = await self.connect()
        lines = await client.say(b"EHLO x\r\n")
        self.assertNotIn(b"250-STARTTLS", lines)
        self.assertIn(b"250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN", lines)
        await client.say(b"AUTH PLAIN " + b64encode(b"\0alice\0secret") + b"\r\n")
        await client.say(b"MAIL FROM:<alice@example.com>\r\n")
        await client.say(b"RCPT TO:<b@example.org>\r\n")
        await client.say(b"DATA\r\n")
        self.assertIn(b"kept", (await client.say(b".\r\n"))[0])
        self.assertEqual(self.transactions.received[0].client.protocol, "ESMTPSA")

    async def test_stopping_says_goodbye(self):
        client = await self.connect()
        self.factory.stop()
        self.assertTrue((await client.reply())[0].startswith(b"421 4.3.2"))
        await client.lost

    async def test_a_handshake_that_does_not_come_is_not_waited_for(self):
        client = await self.connect_in_the_clear()
        client.transport.write(b"\x16\x03\x01")
        while not self.factory.connections:
            await deferLater(reactor, 0, lambda: None)
        self.clock.advance(60)
        await client.lost
        self.assertEqual(client.buffer, b"")


class CrowdedTlsTests(TlsCase):
    implicit = True
    limits = Limits(connections_per_address=1)

    async def test_who_is_one_too_many_is_dropped_without_a_handshake(self):
        await self.connect()
        client = await self.connect_in_the_clear()
        await client.lost
        self.assertEqual(self.factory.connections, 1)
