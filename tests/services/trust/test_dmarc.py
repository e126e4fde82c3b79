"""DMARC with look-ups: whose policy, who is aligned, and what remains open when the DNS does not answer."""

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import DmarcEvidence, Policy, Signed
from tests.peers.dns_table import DnsTable
from tests.services.trust.makers import signed, table
from tests.services.trust.rig import examined

PEER = "192.0.2.1"


def letter(author: bytes = b"Bob <bob@b.test>", signer: bytes = b"b.test") -> bytes:
    message = b"From: " + author + b"\r\nSubject: x\r\n\r\nHello\r\n"
    if not signer:
        return message
    return signed(message, b"v=1; a=rsa-sha256; c=relaxed/simple; d=" + signer + b"; s=s; h=from")


def zone(**records: bytes) -> DnsTable:
    """Records of `_dmarc` names by domain, "__" for "."; the key of s._domainkey under the usual domains."""
    dns = table()
    key = dns.records["s._domainkey.b.test", "TXT"]
    for domain in ("mail.b.test", "x.mail.b.test", "c.test", "b.test.c.test", "alice.io.test", "bob.io.test"):
        dns.records[f"s._domainkey.{domain}", "TXT"] = key
    for domain, record in records.items():
        dns.txt("_dmarc." + domain.replace("__", "."), record)
    return dns


def found(dns: DnsTable, message: bytes, sender: str = "x@elsewhere.test") -> DmarcEvidence:
    evidence = examined(dns, message, PEER, "mail.elsewhere.test", sender)
    assert evidence.dmarc is not None
    return evidence.dmarc


class AlignmentTests(SynchronousTestCase):
    def test_by_dkim(self):
        reject = b"v=DMARC1; p=reject"
        strict = b"v=DMARC1; p=reject; adkim=s"
        for records, author, signer, result in (
            ({"b__test": reject}, b"b.test", b"b.test", Signed.PASS),
            ({"b__test": reject}, b"b.test", b"mail.b.test", Signed.PASS),
            ({"b__test": reject}, b"mail.b.test", b"b.test", Signed.PASS),
            ({"b__test": reject}, b"b.test", b"c.test", Signed.FAIL),
            ({"b__test": reject}, b"b.test", b"b.test.c.test", Signed.FAIL),
            ({"b__test": reject}, b"b.test", b"", Signed.FAIL),
            ({"b__test": strict}, b"b.test", b"b.test", Signed.PASS),
            ({"b__test": strict}, b"b.test", b"mail.b.test", Signed.FAIL),
            # a subdomain that is an organization of its own
            (
                {"b__test": reject, "mail__b__test": b"v=DMARC1; psd=n"},
                b"b.test",
                b"mail.b.test",
                Signed.FAIL,
            ),
            # tenants of one suffix, which says that it is one
            ({"io__test": b"v=DMARC1; p=reject; psd=y"}, b"bob.io.test", b"alice.io.test", Signed.FAIL),
            ({"io__test": b"v=DMARC1; p=reject; psd=y"}, b"bob.io.test", b"bob.io.test", Signed.PASS),
            ({}, b"b.test", b"b.test", Signed.NONE),
        ):
            one = found(zone(**records), letter(b"bob@" + author, signer))
            self.assertIs(one.result, result, (records, author, signer, one.cause))
            self.assertEqual(bool(one.aligned_dkim), result is Signed.PASS)

    def test_by_spf(self):
        for record, sender, result in (
            (b"v=DMARC1; p=reject", "bob@b.test", Signed.PASS),
            (b"v=DMARC1; p=reject", "bob@mail.b.test", Signed.PASS),
            (b"v=DMARC1; p=reject; aspf=s", "bob@mail.b.test", Signed.FAIL),
            (b"v=DMARC1; p=reject", "bob@c.test", Signed.FAIL),
        ):
            dns = zone(b__test=record)
            for domain in ("b.test", "mail.b.test", "c.test"):
                dns.txt(domain, b"v=spf1 ip4:192.0.2.1 -all")
            one = found(dns, letter(signer=b""), sender)
            self.assertIs(one.result, result, (record, sender))
            self.assertIs(one.aligned_spf, result is Signed.PASS)

    def test_null_sender_is_the_hello(self):
        dns = zone(b__test=b"v=DMARC1; p=reject")
        dns.txt("mail.b.test", b"v=spf1 ip4:192.0.2.1 -all")
        evidence = examined(dns, letter(signer=b""), PEER, "mail.b.test", "")
        self.assertTrue(evidence.dmarc.aligned_spf)


class PolicyTests(SynchronousTestCase):
    def test_of_subdomains(self):
        dns = zone(b__test=b"v=DMARC1; p=none; sp=quarantine; np=reject; rua=mailto:d@b.test; fo=1")
        dns.records["mail.b.test", "MX"] = [(10, "b.test")]
        for author, policy in (
            (b"b.test", Policy.NONE),
            (b"mail.b.test", Policy.QUARANTINE),
            (b"ghost.b.test", Policy.REJECT),
        ):
            one = found(dns, letter(b"bob@" + author, b""))
            self.assertEqual((one.policy, one.record_domain), (policy, "b.test"), author)
            self.assertEqual(one.report_to, ("mailto:d@b.test",))
            self.assertEqual(one.failure_options, ("1",))

    def test_in_test(self):
        for record, policy, published in (
            (b"v=DMARC1; p=reject; t=y", Policy.QUARANTINE, Policy.REJECT),
            (b"v=DMARC1; p=quarantine; t=y", Policy.NONE, Policy.QUARANTINE),
            (b"v=DMARC1; p=none; t=y", Policy.NONE, Policy.NONE),
        ):
            one = found(zone(b__test=record), letter(signer=b""))
            self.assertEqual((one.policy, one.published), (policy, published))

    def test_at_most_eight_questions_a_walk(self):
        dns = zone()
        author = ".".join("abcdefghijklmnop") + ".b.test"
        found(dns, letter(b"bob@" + author.encode(), b""))
        asked = {name for name, _ in dns.asked if name.startswith("_dmarc.")}
        self.assertEqual(len(asked), 8)


class AuthorTests(SynchronousTestCase):
    def test_exactly_one_domain(self):
        dns = zone(b__test=b"v=DMARC1; p=reject")
        for author, domain in (
            (b"Bob <bob@B.test>", "b.test"),
            (b"bob@b.test, al@b.test", "b.test"),
            (b"bob@b.test, al@c.test", ""),
            (b"Team: bob@b.test, al@b.test;", "b.test"),
            (b"Undisclosed:;", ""),
            (b"bob", ""),
            (b"", ""),
            (b"bob@[192.0.2.1]", ""),
            (b"bob@-b.test", ""),
            (b"<bob@b.test>\r\nFrom: <al@b.test>", ""),
            (b'"bob@c.test" <bob@b.test>', "b.test"),
            (b"=?utf-8?q?bob=40c.test?= <bob@b.test> (al@c.test)", "b.test"),
            (b"a@b.test, " * 3000 + b"x@c.test", ""),
        ):
            one = found(dns, letter(author, b""))
            self.assertEqual(one.author_domain, domain, author[:80])
            if not domain:
                self.assertIs(one.result, Signed.PERMERROR)
                self.assertTrue(one.cause)
        self.assertIs(found(dns, b"Subject: x\r\n\r\nHello\r\n").result, Signed.PERMERROR)
        one = found(
            zone(**{"xn--bcher-kva__test": b"v=DMARC1; p=reject"}), letter("bob@bücher.test".encode(), b"")
        )
        self.assertEqual(one.record_domain, "xn--bcher-kva.test")


class OpenTests(SynchronousTestCase):
    """Temporary failures are never taken for a pass, nor for a fail."""

    def test_the_policy_cannot_be_had(self):
        for name in ("_dmarc.b.test", "_dmarc.test"):
            dns = zone()
            dns.broken.add(name)
            self.assertIs(found(dns, letter()).result, Signed.TEMPERROR)

    def test_a_key_or_spf_cannot_be_had(self):
        dns = zone(b__test=b"v=DMARC1; p=reject")
        dns.broken.add("s._domainkey.b.test")
        self.assertIs(found(dns, letter()).result, Signed.TEMPERROR)
        dns.broken = {"b.test"}
        self.assertIs(found(dns, letter(signer=b""), "bob@b.test").result, Signed.TEMPERROR)
        self.assertIs(found(dns, letter(), "bob@b.test").result, Signed.PASS)  # the other one is enough
        dns.broken = {"c.test"}  # of somebody else: it could not help
        self.assertIs(found(dns, letter(signer=b""), "bob@c.test").result, Signed.FAIL)
