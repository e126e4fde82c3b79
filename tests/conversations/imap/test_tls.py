"""STARTTLS, implicit TLS, what is allowed without, and signing in bound to the channel."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailsys.imap.auth import channel_binding
from mailsys.services.access.passwords import PasswordPool, hash_password
from mailsys.services.access.sign_in import SignIn
from mailsys.services.access.throttle import Throttle
from mailsys.services.operating.certificates import Certificates, write_self_signed
from mailsys.settings import Limits
from mailsys.sockets import give_back_buffers
from mailsys.stores.memory.limits import Limits as Counters
from tests.conversations.imap.client import ImapClient
from tests.conversations.imap.rig import SIMPLE, ImapTestCase

CLIENT = CertificateOptions()  # takes any certificate: who the server is, is not the matter here


class TlsTestCase(ImapTestCase):
    login_without_tls = False

    async def _start(self) -> None:
        folder = Path(self.mktemp())
        write_self_signed(folder / "certificate.pem", folder / "key.pem", ["localhost"])
        self.tls = Certificates(folder / "certificate.pem", folder / "key.pem")
        await super()._start()

    async def start_tls(self) -> ImapClient:
        client, _ = await self.greeted()
        self.assertEqual(await client.ask(b"STARTTLS"), [b"OK Begin TLS"])
        client.transport.startTLS(CLIENT)
        return client


class Stopping(TlsTestCase):
    async def test_who_neither_reads_nor_closes_does_not_hold_the_end_up(self):
        client = await self.start_tls()
        await client.ask(b"NOOP")
        client.transport.pauseProducing()
        began = reactor.seconds()
        await self.factory.stop()
        self.assertLess(reactor.seconds() - began, 4)
        client.transport.resumeProducing()
        await client.gone()


class StartTls(TlsTestCase):
    async def test_without_tls_nobody_signs_in(self):
        client, greeting = await self.greeted()
        self.assertIn(b"STARTTLS LOGINDISABLED]", greeting)
        self.assertNotIn(b"AUTH=", greeting)
        for command in (b"LOGIN alice@example.com secret", b"AUTHENTICATE PLAIN AAAA"):
            self.assertTrue((await client.ask(command))[-1].startswith(b"NO [PRIVACYREQUIRED]"))

    async def test_under_tls_one_does(self):
        client = await self.start_tls()
        (line, _) = await client.ask(b"CAPABILITY")
        self.assertIn(b"AUTH=PLAIN", line)
        self.assertNotIn(b"STARTTLS", line)
        self.assertNotIn(b"LOGINDISABLED", line)
        self.assertTrue((await client.ask(b"LOGIN alice@example.com secret"))[-1].startswith(b"OK"))
        self.assertTrue((await client.ask(b"STARTTLS"))[-1].startswith(b"BAD"))

    async def test_tls_begins_once(self):
        client = await self.start_tls()
        self.assertTrue((await client.ask(b"STARTTLS"))[-1].startswith(b"BAD"))

    async def test_commands_sent_ahead_of_tls_are_never_run(self):
        client, _ = await self.greeted()
        client.send(b"a STARTTLS\r\nb LOGIN alice@example.com secret\r\nc CREATE injected\r\n")
        responses = await client.until(rb"\* BYE")
        self.assertEqual(responses, [b"* BYE Commands behind STARTTLS"])
        await client.gone()
        self.assertNotIn("injected", [one.path for one in await self.mail.mailboxes(self.alice.id)])

    async def test_half_a_command_sent_ahead_is_no_better(self):
        client, _ = await self.greeted()
        client.send(b"a STARTTLS\r\nb LOG")
        await client.until(rb"\* BYE")
        await client.gone()

    async def test_large_messages_travel_under_tls(self):
        await self.deliver(SIMPLE + b"line\r\n" * 200_000)
        client = await self.start_tls()
        await client.ask(b"LOGIN alice@example.com secret")
        await client.ask(b"SELECT INBOX")
        (line, done) = await client.ask(b"FETCH 1 BODY.PEEK[]")
        self.assertEqual((len(line), done), (len(SIMPLE) + 1_200_000 + 30, b"OK FETCH completed"))

    async def test_a_session_in_idle_gives_its_buffers_back_and_goes_on(self):
        large = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 20_000 + b"\r\n"
        await self.deliver(large)
        client = await self.start_tls()
        await client.ask(b"LOGIN alice@example.com secret")
        await client.ask(b"SELECT INBOX")
        for _ in range(2):
            client.send(b"i IDLE\r\n")
            await client.until(rb"\+ ")
            (connection,) = self.factory.room.guests()
            before = connection.transport.getHandle()._into_ssl
            self.assertTrue(give_back_buffers(connection.transport))
            self.assertNotEqual(connection.transport.getHandle()._into_ssl, before)
            await self.deliver(SIMPLE)
            await client.until(rb"\* [0-9]+ EXISTS")
            client.send(b"DONE\r\n")
            await client.until(b"i OK")
            answer = await client.ask(b"FETCH 1 BODY.PEEK[]")
            self.assertIn(large, answer[0])

    async def test_logout_ends_it_in_order(self):
        client = await self.start_tls()
        await client.ask(b"LOGOUT")
        await client.gone()


class ImplicitTls(TlsTestCase):
    implicit_tls = True

    async def greeted(self):
        from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

        client = ImapClient()
        self.clients.append(client)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        await connectProtocol(endpoint, client)
        client.transport.startTLS(CLIENT)
        (greeting,) = await client.until(rb"\* ")
        return client, greeting

    async def test_the_greeting_comes_under_tls_and_login_is_possible_at_once(self):
        client, greeting = await self.greeted()
        self.assertIn(b"AUTH=PLAIN", greeting)
        self.assertNotIn(b"STARTTLS", greeting)
        self.assertTrue((await client.ask(b"LOGIN alice@example.com secret"))[-1].startswith(b"OK"))
        self.assertEqual((await client.ask(b"LOGOUT"))[-1], b"OK LOGOUT completed")


class WrappedByTheCaller(ImplicitTls):
    async def _start(self) -> None:
        await super()._start()
        await self.port.stopListening()
        factory = TLSMemoryBIOFactory(self.tls, False, self.factory)
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")


def scram(password: bytes, binding: tuple[str, bytes] | None):
    """RFC 5802's client as a generator: yields what to send, is sent what came."""
    kind, data = binding or ("", b"")
    gs2 = b"p=%b,," % kind.encode() if binding else b"n,,"
    nonce = os.urandom(9).hex().encode()
    first = b"n=alice@example.com,r=" + nonce
    challenge = yield gs2 + first
    fields = dict(one.split(b"=", 1) for one in challenge.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password, b64decode(fields[b"s"]), int(fields[b"i"]))
    last = b"c=%b,r=%b" % (b64encode(gs2 + data), fields[b"r"])
    signed = b",".join((first, challenge, last))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    verdict = yield last + b",p=" + b64encode(proof)
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    assert verdict == b"v=" + b64encode(server)
    yield b""


class Scram(TlsTestCase):
    """With the real service behind it."""

    def sign_in(self):
        self.pool = PasswordPool(reactor, threads=1)
        self.pool.start()
        return SignIn(
            self.store.accounts,
            Throttle(Counters(reactor), Limits(), reactor, os.urandom),
            reactor,
            self.pool,
            os.urandom,
        )

    async def _start(self) -> None:
        await super()._start()
        await self.store.accounts.set_credentials(self.alice.id, await hash_password("secret", self.pool))

    async def _stop(self) -> None:
        await super()._stop()
        self.pool.stop()

    async def _exchange(self, mechanism: bytes, password: bytes, binding) -> bytes:
        client = await self.start_tls()
        await client.ask(b"NOOP")
        if binding is not None:
            binding = channel_binding(client.transport.getHandle())
        steps = scram(password, binding)
        client.send(b"a AUTHENTICATE %b %b\r\n" % (mechanism, b64encode(next(steps))))
        while True:
            line = (await client.until(rb"(\+|a )"))[-1]
            if not line.startswith(b"+"):
                return line
            client.send(b64encode(steps.send(b64decode(line[2:]))) + b"\r\n")

    async def test_it_is_offered_with_and_without_binding(self):
        client = await self.start_tls()
        (line, _) = await client.ask(b"CAPABILITY")
        self.assertIn(b"AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN", line)

    async def test_scram(self):
        self.assertTrue((await self._exchange(b"SCRAM-SHA-256", b"secret", None)).startswith(b"a OK"))

    async def test_scram_plus_binds_to_the_channel(self):
        line = await self._exchange(b"SCRAM-SHA-256-PLUS", b"secret", "yes")
        self.assertTrue(line.startswith(b"a OK"), line)

    async def test_a_wrong_password_is_refused(self):
        line = await self._exchange(b"SCRAM-SHA-256", b"wrong", None)
        self.assertTrue(line.startswith(b"a NO [AUTHENTICATIONFAILED]"), line)

    async def test_plain_and_login_ask_the_same_service(self):
        client = await self.start_tls()
        client.send(
            b"a AUTHENTICATE LOGIN\r\n%b\r\n%b\r\n" % (b64encode(b"alice@example.com"), b64encode(b"secret"))
        )
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a OK"))
