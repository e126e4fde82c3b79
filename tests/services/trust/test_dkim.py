"""DKIM: what dkimpy signs, at random, and every rule about signatures and keys."""

import base64

import dkim
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import DkimEvidence, Signed
from tests.peers.dns_table import DnsTable
from tests.services.trust.makers import SHORT, ed_key, published, rsa_key, signed, table
from tests.services.trust.rig import NOW, examined

LETTER = (
    b"Received: from here\r\n by there\r\n"
    b"From: Bob <bob@b.test>\r\nTo: alice@a.test\r\n"
    b"Subject:  Lunch \t on\r\n Friday \r\n\r\n"
    b"Hello  Alice, \r\n\r\n\tsee you \t.\r\n\r\n\r\n"
)
TAGS = b"v=1; a=rsa-sha256; c=relaxed/simple; d=b.test; s=s; h=from:to:subject"


def one(dns: DnsTable, message: bytes, at: float = NOW) -> DkimEvidence:
    (found,) = examined(dns, message, at=at).dkim
    return found


class OthersTests(SynchronousTestCase):
    """dkimpy signs; we verify. And what was changed on the way fails here as there."""

    @settings(max_examples=150)
    @given(
        lines=st.lists(st.text(alphabet=" \tab.=é", max_size=20), max_size=12),
        subject=st.text(alphabet=" \tab;:é", max_size=30),
        header=st.sampled_from([b"simple", b"relaxed"]),
        body=st.sampled_from([b"simple", b"relaxed"]),
        length=st.booleans(),
        ed=st.booleans(),
    )
    def test_any_message(self, lines, subject, header, body, length, ed):
        message = (
            "From: bob@b.test\r\nSubject: x"
            + subject
            + "\r\n\tfolded\r\nX-Y:\r\n\r\n"
            + "\r\n".join(["x", *lines, ""])
        ).encode()
        key = ed_key() if ed else rsa_key(1024)
        if ed:
            private = base64.b64encode(key.private_bytes_raw())
        else:
            private = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        field = dkim.sign(
            message,
            b"s",
            b"b.test",
            private,
            canonicalize=(header, body),
            signature_algorithm=b"ed25519-sha256" if ed else b"rsa-sha256",
            length=length,
        )
        dns = table(b"k=" + (b"ed25519" if ed else b"rsa") + b"; p=" + published(key))
        later = 4_000_000_000  # dkimpy signs with the time of day
        found = one(dns, field + message, later)
        self.assertIs(found.result, Signed.PASS, found.cause)
        self.assertFalse(found.partial)
        found = one(dns, field + message + b"more\r\n", later)
        self.assertIs(found.result, Signed.PASS if length else Signed.FAIL)
        self.assertEqual(found.partial, length)
        found = one(dns, field + message.replace(b"Subject: x", b"Subject: y"), later)
        self.assertIs(found.result, Signed.FAIL)


class RuleTests(SynchronousTestCase):
    def test_keys(self):
        p = published(rsa_key(1024))
        for record, result in (
            (b"p=" + p, Signed.PASS),
            (b"v=DKIM1; k=rsa; h=sha1:sha256; s=email:x; t=s; p=" + p, Signed.PASS),
            (b"v=DKIM1; ; p=" + p + b";;", Signed.PASS),
            (b"v=DKIM1; p=" + p[:40] + b" \t" + p[40:], Signed.PASS),
            (b"v=DKIM1; p=", Signed.PERMERROR),  # revoked
            (b"v=DKIM1", Signed.PERMERROR),
            (b"v=DKIM2; p=" + p, Signed.PERMERROR),
            (b"p=" + p + b"; v=DKIM1", Signed.PERMERROR),
            (b"v=DKIM1; h=sha1; p=" + p, Signed.PERMERROR),
            (b"v=DKIM1; s=tlsrpt; p=" + p, Signed.PERMERROR),
            (b"v=DKIM1; k=ed25519; p=" + p, Signed.PERMERROR),
            (b"v=DKIM1; k=ed25519; p=" + published(ed_key()), Signed.PERMERROR),
            (b"v=DKIM1; k=dsa; p=" + p, Signed.PERMERROR),
            (b"v=DKIM1; p=" + p[:-20], Signed.PERMERROR),
            (b"v=DKIM1; p=!", Signed.PERMERROR),
            (b"v=DKIM1; p=" + published(rsa_key(2048)), Signed.FAIL),
            (b"p=" + p + b"; n=" + b"x" * 9000, Signed.PERMERROR),
        ):
            found = one(table(record), signed(LETTER, TAGS))
            self.assertIs(found.result, result, (record, found.cause))
        self.assertIs(one(DnsTable(), signed(LETTER, TAGS)).result, Signed.PERMERROR)
        found = one(table(b"t=y; p=" + p), signed(LETTER, TAGS))
        self.assertTrue(found.testing)

    def test_a_bare_rsa_key_is_read(self):
        """RFC 6376 §3.6.1 says RSAPublicKey where all publish a SubjectPublicKeyInfo."""
        public = rsa_key(1024).public_key()
        bare = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        found = one(table(b"p=" + base64.b64encode(bare)), signed(LETTER, TAGS))
        self.assertIs(found.result, Signed.PASS)

    def test_key_for_one_domain_only(self):
        record = b"v=DKIM1; t=s; p=" + published(rsa_key(1024))
        for identity, result in (
            (b"bob@b.test", Signed.PASS),
            (b"@b.test", Signed.PASS),
            (b"@sub.b.test", Signed.PERMERROR),
        ):
            found = one(table(record), signed(LETTER, TAGS + b"; i=" + identity))
            self.assertIs(found.result, result)
        self.assertIs(one(table(), signed(LETTER, TAGS + b"; i=@sub.b.test")).result, Signed.PASS)

    def test_short_keys(self):
        key = serialization.load_pem_private_key(SHORT, None)
        found = one(table(b"p=" + published(key)), signed(LETTER, TAGS, key))
        self.assertIs(found.result, Signed.POLICY, found.cause)
        self.assertEqual(found.bits, 512)

    def test_dns_that_does_not_answer(self):
        dns = table()
        dns.broken.add("s._domainkey.b.test")
        self.assertIs(one(dns, signed(LETTER, TAGS)).result, Signed.TEMPERROR)

    def test_times(self):
        for tags, result in (
            (b"; t=%d" % (NOW - 5), Signed.PASS),
            (b"; t=%d" % (NOW + 60), Signed.PASS),
            (b"; t=%d" % (NOW + 86400), Signed.POLICY),
            (b"; x=%d" % (NOW + 5), Signed.PASS),
            (b"; x=%d" % (NOW - 5), Signed.FAIL),
            (b"; t=%d; x=%d" % (NOW - 5, NOW - 9), Signed.NEUTRAL),
            (b"; t=soon", Signed.NEUTRAL),
            (b"; x=-1", Signed.NEUTRAL),
            (b"; t=99999999999999999", Signed.NEUTRAL),
        ):
            found = one(table(), signed(LETTER, TAGS + tags))
            self.assertIs(found.result, result, (tags, found.cause))

    def test_lengths(self):
        body = LETTER.partition(b"\r\n\r\n")[2]
        simple = body.rstrip(b"\r\n") + b"\r\n"
        for length, result, partial in (
            (0, Signed.PASS, True),
            (3, Signed.PASS, True),
            (len(simple), Signed.PASS, False),
            (len(simple) + 1, Signed.FAIL, False),
        ):
            found = one(table(), signed(LETTER, TAGS + b"; l=%d" % length, body=simple[:length]))
            self.assertIs(found.result, result, (length, found.cause))
            self.assertIs(found.partial, partial)

    def test_what_cannot_be_read(self):
        for tags in (
            TAGS.replace(b"v=1", b"v=2"),
            TAGS.replace(b"v=1; ", b""),
            TAGS.replace(b"d=b.test", b"d="),
            TAGS.replace(b"d=b.test", b"d=b..test"),
            TAGS.replace(b"s=s", b"s=\xff"),
            TAGS.replace(b"h=from", b"h=date"),
            TAGS.replace(b"c=relaxed/simple", b"c=nowsp"),
            TAGS.replace(b"rsa-sha256", b"rsa-md5"),
            TAGS + b"; d=c.test",
            TAGS + b"; i=@c.test",
            TAGS + b"; i=@eb.test",
            TAGS + b"; i=b.test",
            TAGS + b"; q=carrier-pigeon",
            TAGS + b"; l=-1",
            TAGS + b";; z=1",
            TAGS + b"; " + b"; ".join(b"y%d=" % n for n in range(100)),
        ):
            found = one(table(), signed(LETTER, tags))
            self.assertIs(found.result, Signed.NEUTRAL, (tags, found.cause))
            self.assertTrue(found.cause)
        self.assertIs(one(table(), b"DKIM-Signature: \x00\xff\r\n" + LETTER).result, Signed.NEUTRAL)

    def test_sha1_is_refused(self):
        found = one(table(), signed(LETTER, TAGS.replace(b"rsa-sha256", b"rsa-sha1")))
        self.assertIs(found.result, Signed.POLICY)

    def test_names_of_other_scripts(self):
        tags = TAGS.replace(b"d=b.test", "d=bücher.test".encode())
        dns = DnsTable()
        dns.txt("s._domainkey.xn--bcher-kva.test", b"p=" + published(rsa_key(1024)))
        found = one(dns, signed(LETTER, tags))
        self.assertIs(found.result, Signed.PASS, found.cause)
        self.assertEqual(found.domain, "xn--bcher-kva.test")

    def test_each_has_its_own_result(self):
        good = signed(LETTER, TAGS)
        ed = signed(LETTER, TAGS.replace(b"rsa-", b"ed25519-").replace(b"s=s", b"s=e"), ed_key())
        dns = table()
        dns.txt("e._domainkey.b.test", b"k=ed25519; p=" + published(ed_key()))
        dns.broken.add("t._domainkey.b.test")
        temporary = signed(LETTER, TAGS.replace(b"s=s", b"s=t"))
        fields = [each.removesuffix(LETTER) for each in (good, temporary, ed)]
        found = examined(dns, b"".join(fields) + LETTER).dkim
        self.assertEqual([each.result for each in found], [Signed.PASS, Signed.TEMPERROR, Signed.PASS])

    def test_one_too_many(self):
        field = signed(LETTER, TAGS).removesuffix(LETTER)
        dns = table()
        found = examined(dns, field * 500 + LETTER).dkim
        self.assertEqual([each.result for each in found], [Signed.PASS] * 10 + [Signed.NEUTRAL])
        self.assertIn("490", found[-1].cause)
        self.assertEqual(dns.asked.count(("s._domainkey.b.test", "TXT")), 1)
