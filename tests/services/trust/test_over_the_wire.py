"""With the real resolver and a name server, as in service: what the table in the other tests stands for."""

import random

from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.trial.unittest import TestCase

from mailsys.core.message.analysis import analyse
from mailsys.core.trust.evidence import Signed, Spf
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.services.content.reading import MessageReader
from mailsys.services.dns.resolve import StubResolver
from mailsys.services.trust.authenticate import Authenticator
from mailsys.services.trust.content import Content
from tests.peers.dns import DnsPeer
from tests.services.trust.makers import published, rsa_key, signed

LETTER = b"From: Bob <bob@b.test>\r\nTo: alice@a.test\r\nSubject: Lunch\r\n\r\nHello  Alice\r\n"
TAGS = b"v=1; a=rsa-sha256; c=relaxed/simple; d=b.test; s=s; h=from:to:subject"
OURS = b"Return-Path: <bob@b.test>\r\nReceived: from b by a;\r\n\tMon, 23 Nov 2026 10:00:00 +0000\r\n"


class WireTests(TestCase):
    async def setUp(self):
        self.peer = await DnsPeer(reactor).start()
        self.addCleanup(self.peer.stop)
        zone = self.peer.zone
        key = published(rsa_key(2048)).decode()
        zone["s._domainkey.b.test", "TXT"] = [f'"v=DKIM1; k=rsa; p=" "{key[:200]}" "{key[200:]}"']
        zone["b.test", "TXT"] = ['"unrelated"', '"v=spf1 mx include:c.test " "-all"']
        zone["c.test", "TXT"] = ['"v=spf1 ?all"']
        zone["b.test", "MX"] = ["10 mail.b.test."]
        zone["mail.b.test", "TXT"] = ['"v=spf1 ptr -all"']
        zone["_dmarc.b.test", "TXT"] = ['"v=DMARC1; p=reject"']
        zone["1.2.0.192.in-addr.arpa", "PTR"] = ["mail.b.test."]
        self.peer.host("mail.b.test", "192.0.2.1", "2001:db8::1")
        self.resolver = StubResolver(reactor, [self.peer.address], random=random.Random(1), timeout=1.0)

    async def examined(self, message: bytes):
        """As reception does it: our trace fields in front, read, then examined."""
        stored = OURS + message
        blob = StagedBlob(BlobId(bytes(32)), len(stored), stored)
        reading = await MessageReader(analyse, lambda work: succeed(work())).read(blob)
        content = Content.of(blob, reading, len(OURS))
        made = Authenticator(self.resolver, lambda work: succeed(work()), reactor, "mx.a.test")
        return await made.examine("192.0.2.1", "mail.b.test", "bob@b.test", content)

    async def test_all(self):
        found = await self.examined(signed(LETTER, TAGS, rsa_key(2048)))
        self.assertIs(found.spf.result, Spf.PASS, found.spf)
        self.assertIs(found.spf_hello.result, Spf.PASS, found.spf_hello)
        self.assertEqual([(one.result, one.bits) for one in found.dkim], [(Signed.PASS, 2048)])
        self.assertIs(found.dmarc.result, Signed.PASS)
        self.assertEqual(found.address.name, "mail.b.test")

    async def test_servfail(self):
        for name in ("b.test", "s._domainkey.b.test", "_dmarc.b.test", "1.2.0.192.in-addr.arpa"):
            self.peer.rcodes[name] = 2
        found = await self.examined(signed(LETTER, TAGS, rsa_key(2048)))
        self.assertIs(found.spf.result, Spf.TEMPERROR)
        self.assertIs(found.dkim[0].result, Signed.TEMPERROR)
        self.assertIs(found.dmarc.result, Signed.TEMPERROR)
        self.assertIs(found.address.result, Signed.TEMPERROR)

    async def test_a_megabyte_of_header(self):
        header = b"X-Folded: a\r\n" + b"\tb\r\n" * 250_000
        found = await self.examined(header + signed(LETTER, TAGS, rsa_key(2048)))
        self.assertIs(found.dmarc.result, Signed.PERMERROR)
        self.assertEqual(found.dmarc.cause, "the header is too long")
