"""The client against a server in this process, over loopback."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, TestCase

from mailsys.core.smtp.envelope import Envelope, EnvelopeRecipient, Fate
from mailsys.services.dns.route import Host
from mailsys.services.sending.demand import Demand, Proof
from mailsys.services.sending.transmit import Content, DialError
from mailsys.settings import Sending
from mailsys.smtp.client import WINDOW, Dialer
from tests.peers.smtp_peer import SmtpPeer, self_signed

MESSAGE = b"Subject: Hi\r\n\r\n.dot\r\nbye\r\n"
ANYTHING = Demand()
REQUIRED = Demand(Proof.CERTIFICATE, by="REQUIRETLS", final=True)
CONTEXT, CERTIFICATE = self_signed("mx.y.example")


class OtherClock:
    """The real reactor's sockets under a clock that only tests move."""

    def __init__(self) -> None:
        self.clock = Clock()

    def __getattr__(self, name: str):
        return getattr(self.clock if name in ("callLater", "seconds", "getDelayedCalls") else reactor, name)


class ClientTests(TestCase):
    def setUp(self) -> None:
        self.peer = SmtpPeer(reactor).start()
        self.hops = []
        self.addCleanup(lambda: Deferred.fromCoroutine(self.clean()))

    async def clean(self) -> None:
        for hop in self.hops:
            hop.abort()
        await self.peer.stop()

    async def dial(self, demand: Demand = ANYTHING, name: str = "mx.y.example", on=reactor, **settings):
        dialer = Dialer(on, "mx.x.example", Sending(**settings), trust=CERTIFICATE)
        hop = await dialer.dial(Host(name, "127.0.0.1", self.peer.port), demand)
        self.hops.append(hop)
        return hop

    def envelope(self, *recipients: str, **given) -> Envelope:
        people = tuple(EnvelopeRecipient(r) for r in recipients or ["b@y.example"])
        return Envelope("a@x.example", people, given.pop("size", len(MESSAGE)), **given)

    async def send(self, hop, message: bytes = MESSAGE, prefix: bytes = b"", envelope=None):
        async def read(start: int, length: int) -> bytes:
            return message[start : start + length]

        return await hop.transmit(envelope or self.envelope(), Content(prefix, len(message), read))

    # -- carrying messages --------------------------------------------------------------------

    async def test_a_message_arrives_as_it_was(self):
        results = await self.send(await self.dial(), prefix=b"DKIM-Signature: x\r\n")
        self.assertEqual([r.fate for r in results], [Fate.ACCEPTED])
        self.assertEqual(self.peer.messages[0].content, b"DKIM-Signature: x\r\n" + MESSAGE)

    async def test_a_connection_carries_one_message_after_another(self):
        hop = await self.dial()
        for _ in range(5):
            await self.send(hop)
        self.assertEqual((len(self.peer.messages), self.peer.connections, hop.carried), (5, 1, 5))
        self.assertTrue(hop.usable)

    async def test_ipv6_carries_mail_as_well(self):
        six = SmtpPeer(reactor, host="::1")
        try:
            six.start()
        except CannotListenError as error:
            raise SkipTest("no IPv6 on loopback") from error
        self.addCleanup(lambda: Deferred.fromCoroutine(six.stop()))
        dialer = Dialer(reactor, "mx.x.example", Sending(local_address="::1"))
        hop = await dialer.dial(Host("mx.y.example", "::1", six.port), ANYTHING)
        self.hops.append(hop)
        await self.send(hop)
        self.assertEqual(len(six.messages), 1)

    async def test_a_large_message_is_streamed_and_arrives_whole(self):
        message = MESSAGE + b"".join(b".%d\r\n" % n for n in range(300_000))
        self.assertGreater(len(message), 5 * WINDOW)
        largest = 0
        hop = await self.dial()

        async def read(start: int, length: int) -> bytes:
            nonlocal largest
            largest = max(largest, length)
            return message[start : start + length]

        results = await hop.transmit(self.envelope(), Content(b"X: y\r\n", len(message), read))
        self.assertEqual(results[0].fate, Fate.ACCEPTED)
        self.assertEqual(self.peer.messages[0].content, b"X: y\r\n" + message)
        self.assertLessEqual(largest, WINDOW)

    async def test_a_message_that_vanishes_midway_is_never_ended(self):
        async def read(start: int, length: int) -> bytes | None:
            return b"x" * length if start < WINDOW else None

        hop = await self.dial()
        results = await hop.transmit(self.envelope(), Content(b"", 10 * WINDOW, read))
        self.assertEqual(results[0].fate, Fate.DEFERRED)
        self.assertEqual(self.peer.messages, [])
        self.assertFalse(hop.usable)

    async def test_recipients_are_answered_for_one_by_one(self):
        self.peer.replies["RCPT"] = ["250 ok", "450 4.2.1 later", "550 5.1.1 no"]
        results = await self.send(await self.dial(), envelope=self.envelope("b@y", "c@y", "d@y"))
        self.assertEqual([r.fate for r in results], [Fate.ACCEPTED, Fate.DEFERRED, Fate.FAILED])
        self.assertEqual(self.peer.messages[0].recipients, ["RCPT TO:<b@y>"])

    async def test_binary_content_goes_by_bdat(self):
        self.peer.offers += ["CHUNKING", "BINARYMIME"]
        content = bytes(range(256)) * 10
        hop = await self.dial()
        results = await self.send(hop, content, envelope=self.envelope(binary=True, size=len(content)))
        self.assertEqual(results[0].fate, Fate.ACCEPTED)
        self.assertEqual(self.peer.messages[0].content, content)

    # -- losing the connection ---------------------------------------------------------------------

    async def test_a_connection_lost_at_any_command_defers(self):
        for command in ("MAIL", "RCPT", "DATA", "BODY", "END"):
            self.peer.drop_at = ""
            hop = await self.dial()
            self.peer.drop_at = command
            message = MESSAGE + b"x" * 78 * 20_000 if command == "BODY" else MESSAGE
            results = await self.send(hop, message)
            self.assertEqual([r.fate for r in results], [Fate.DEFERRED], command)
            self.assertTrue(results[0].reply.startswith("451 4.4.2 Lost the connection"), results[0].reply)
            self.assertEqual(results[0].ambiguous, command == "END", command)
            self.assertFalse(hop.usable)

    async def test_no_greeting_no_connection(self):
        for self.peer.drop_at in ("GREETING", "EHLO"):
            with self.assertRaises(DialError):
                await self.dial()

    async def test_a_refusing_greeting_is_passed_on(self):
        self.peer.replies["GREETING"] = ["554 5.7.1 go away"]
        with self.assertRaises(DialError) as caught:
            await self.dial()
        self.assertEqual((caught.exception.reply, caught.exception.remote), ("554 5.7.1 go away", True))

    async def test_nobody_listening_is_a_passing_failure(self):
        await self.peer.stop()
        with self.assertRaises(DialError) as caught:
            await self.dial()
        self.assertTrue(caught.exception.reply.startswith("451 4.4.1"))

    async def test_a_silent_server_is_given_up_after_the_patience_for_that_command(self):
        self.peer.offers = []
        for command, seconds in (("MAIL", 300), ("END", 600)):
            on = OtherClock()
            self.peer.silent_at = ""
            hop = await self.dial(on=on)
            self.peer.silent_at = command
            waiting = self.send(hop)
            result = Deferred.fromCoroutine(waiting)
            while hop._sender.waiting.name != command:
                await self.pause()
            on.clock.advance(seconds - 1)
            self.assertNoResult(result)
            on.clock.advance(2)
            results = await result
            self.assertEqual(results[0].fate, Fate.DEFERRED)
            self.assertIn("Timed out", results[0].reply)

    def assertNoResult(self, result: Deferred) -> None:
        self.assertFalse(result.called)

    def pause(self) -> Deferred:
        turn: Deferred = Deferred()
        reactor.callLater(0, turn.callback, None)
        return turn

    async def test_a_peer_that_does_not_let_go_is_cut_off(self):
        on = OtherClock()
        hop = await self.dial(on=on)
        (session,) = self.peer.open
        session.transport.pauseProducing()  # it neither reads nor closes
        hop.transport.write(b"x" * 30_000_000)
        hop.close()
        await self.pause()
        self.assertFalse(hop._gone)
        on.clock.advance(11)
        for _ in range(20):
            await self.pause()
        self.assertTrue(hop._gone)
        self.assertEqual(on.clock.getDelayedCalls(), [])

    # -- TLS --------------------------------------------------------------------------------------

    def offer_tls(self) -> None:
        self.peer.offers.append("STARTTLS")
        self.peer.tls = CONTEXT

    async def test_starttls_is_used_when_it_is_offered_whatever_the_certificate(self):
        self.offer_tls()
        hop = await self.dial(name="other.example")
        await self.send(hop)
        self.assertTrue(self.peer.messages[0].tls)
        self.assertTrue(hop.tls.startswith("TLSv1."))
        self.assertFalse(hop.met.verifies)

    async def test_the_servers_name_is_sent_in_the_handshake(self):
        self.offer_tls()
        self.peer.tls, _ = self_signed("mx.y.example")
        names = []
        self.peer.tls.getContext().set_tlsext_servername_callback(lambda c: names.append(c.get_servername()))
        await self.dial()
        self.assertEqual(names, [b"mx.y.example"])

    async def test_a_failed_handshake_falls_back_to_clear_text_on_a_new_connection(self):
        self.offer_tls()
        self.peer.break_tls = True
        hop = await self.dial()
        await self.send(hop)
        self.assertFalse(self.peer.messages[0].tls)
        self.assertEqual((self.peer.connections, hop.tls), (2, ""))

    async def test_a_refused_starttls_goes_on_in_clear(self):
        self.offer_tls()
        self.peer.replies["STARTTLS"] = ["454 4.7.0 not now"]
        hop = await self.dial()
        await self.send(hop)
        self.assertEqual((self.peer.connections, hop.tls), (1, ""))

    async def test_verified_means_the_right_name_on_the_certificate(self):
        self.offer_tls()
        hop = await self.dial(REQUIRED)
        self.assertTrue(hop.met.verifies)
        with self.assertRaises(DialError) as caught:
            await self.dial(REQUIRED, name="other.example")
        self.assertTrue(caught.exception.reply.startswith("550 5.7.10"))

    async def test_verified_never_falls_back(self):
        for case in ("not offered", "broken", "refused"):
            self.peer.offers = [] if case == "not offered" else ["STARTTLS"]
            self.peer.tls = CONTEXT
            self.peer.break_tls = case == "broken"
            self.peer.replies = {"STARTTLS": ["454 no"]} if case == "refused" else {}
            with self.assertRaises(DialError) as caught:
                await self.dial(REQUIRED)
            self.assertTrue(caught.exception.reply.startswith("550 5.7.10"), case)
        self.assertEqual(self.peer.messages, [])
