"""Our client hands mail to our server: what one side writes the other must read."""

from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import TestCase

from mailsys.core.smtp.envelope import Envelope, EnvelopeRecipient, Fate
from mailsys.core.smtp.wire_body import LineEnds
from mailsys.services.dns.route import Host
from mailsys.services.sending.demand import Demand, Proof
from mailsys.services.sending.transmit import Content
from mailsys.settings import Limits, Sending
from mailsys.smtp.client import Dialer
from mailsys.smtp.server import SmtpFactory
from mailsys.smtp.service import Service
from tests.conversations.smtp.memory import Transactions
from tests.peers.smtp_peer import self_signed

VERIFIED = Demand(Proof.CERTIFICATE)
CONTEXT, CERTIFICATE = self_signed("mx.y.example")


class MeetingTests(TestCase):
    def setUp(self) -> None:
        self.transactions = Transactions()
        self.factory = SmtpFactory(
            Service(self.transactions, None, "mx.y.example", Limits(), False, reactor.seconds, CONTEXT),
            reactor,
        )
        self.port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.hop = None
        self.addCleanup(lambda: Deferred.fromCoroutine(self.clean()))

    async def clean(self) -> None:
        if self.hop is not None:
            self.hop.abort()
        await maybeDeferred(self.port.stopListening)
        while self.transactions.clients:
            turn: Deferred[None] = Deferred()
            reactor.callLater(0, turn.callback, None)
            await turn

    async def send(self, content: bytes, *people: EnvelopeRecipient, **given):
        if self.hop is None:
            dialer = Dialer(reactor, "mx.x.example", Sending(), CERTIFICATE)
            self.hop = await dialer.dial(
                Host("mx.y.example", "127.0.0.1", self.port.getHost().port), VERIFIED
            )

        async def read(start: int, length: int) -> bytes:
            return content[start : start + length]

        people = people or (EnvelopeRecipient("b@y.example"),)
        envelope = Envelope(given.pop("sender", "a@x.example"), people, len(content), **given)
        return await self.hop.transmit(envelope, Content(b"", len(content), read))

    async def test_all_kinds_of_content_arrive_octet_for_octet_over_tls(self):
        chance = Random(11)
        pieces = [
            b".",
            b"..\r\n",
            b"\r\n",
            b"\r\n.\r\n",
            b"word ",
            b"\xff\xfe",
            b"\r",
            b"\n",
            b".\n.\r.",
            b"y" * 900,
        ]
        for size in (0, 1, 30, 3000):
            content = b"Subject: x\r\n\r\n" + b"".join(chance.choice(pieces) for _ in range(size))
            results = await self.send(content)
            self.assertEqual([r.fate for r in results], [Fate.ACCEPTED], results)
            ends = LineEnds()
            expected = ends.feed(content) + ends.finish()
            if not expected.endswith(b"\r\n"):
                expected += b"\r\n"
            self.assertEqual(self.transactions.received[-1].body, expected)
        self.assertEqual(len(self.transactions.received), 4)

    async def test_binary_content_arrives_untouched(self):
        content = bytes(range(256)) * 3000
        await self.send(content, binary=True)
        self.assertEqual(self.transactions.received[0].body, content)

    async def test_parameters_mean_the_same_on_both_sides(self):
        person = EnvelopeRecipient("bü@y.example", "SUCCESS,DELAY", "utf-8;bü+x=1@y.example")
        await self.send(b"\r\n", person, sender="ä@x.example", eight_bit=True, ret="HDRS", envid="id +=1")
        (received,) = self.transactions.received
        self.assertEqual(received.sender, "ä@x.example")
        parameters = received.parameters
        self.assertTrue(parameters.utf8)
        self.assertEqual((parameters.body, parameters.ret, parameters.envid), ("8BITMIME", "HDRS", "id +=1"))
        address, given = received.recipients[0]
        self.assertEqual(address, "bü@y.example")
        self.assertEqual(
            (set(given.notify.split(",")), given.original), ({"SUCCESS", "DELAY"}, person.original)
        )

    async def test_recipients_refused_there_fail_here(self):
        results = await self.send(
            b"\r\n", EnvelopeRecipient("unknown@y.example"), EnvelopeRecipient("b@y.example")
        )
        self.assertEqual([r.fate for r in results], [Fate.FAILED, Fate.ACCEPTED])
        self.assertTrue(results[0].reply.startswith("550 5.1.1"))
        results = await self.send(b"\r\n", EnvelopeRecipient("unknown@y.example"))
        self.assertEqual([r.fate for r in results], [Fate.FAILED])
        results = await self.send(b"\r\n")
        self.assertEqual([r.fate for r in results], [Fate.ACCEPTED])
