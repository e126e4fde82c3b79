"""DMARC, the pure half: records, the walk, and what follows from what was found."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.dmarc import (
    DmarcRecord,
    applicable,
    ends_walk,
    organizational_domain,
    parse_record,
    published_policy,
    record_of,
    walk,
)
from mailsys.core.trust.evidence import Policy


class RecordTests(SynchronousTestCase):
    def test_all_tags(self):
        found = parse_record(
            b"v=DMARC1; p=Reject ;sp=quarantine;np=reject; adkim=s; aspf=S; psd=n; t=y; fo=1:d:x;"
            b" pct=5; rf=afrf; ri=9; rua=mailto:a@x.test!10m, mailto:b@x.test ,nonsense;"
            b" ruf=mailto:c@x.test; unknown=1;"
        )
        self.assertEqual(
            found,
            DmarcRecord(
                Policy.REJECT,
                Policy.QUARANTINE,
                Policy.REJECT,
                True,
                True,
                "n",
                True,
                ("mailto:a@x.test", "mailto:b@x.test"),
                ("mailto:c@x.test",),
                ("1", "d"),
            ),
        )

    def test_what_is_missing_or_wrong(self):
        self.assertEqual(parse_record(b"v=DMARC1"), DmarcRecord())
        self.assertEqual(parse_record(b"v=DMARC1;;=;p;p=quarantine;p=none").policy, Policy.QUARANTINE)
        self.assertEqual(parse_record(b"v=DMARC1; p=reject; adkim=x; psd=z; t=1; fo=q").psd, "u")
        for wrong in (b"p=bad", b"p=reject; sp=bad", b"p=reject; np="):
            self.assertFalse(parse_record(b"v=DMARC1; " + wrong).usable)
            found = parse_record(b"v=DMARC1; rua=mailto:a@x.test; " + wrong)
            self.assertTrue(found.usable)
            self.assertEqual((found.policy, found.subdomains), (Policy.NONE, None))

    def test_which_text_is_a_record(self):
        for text in (b"v=DMARC1", b"v = DMARC1 ;p=none", b"v=DMARC1;"):
            self.assertIsNotNone(record_of([b"other", text]), text)
        for text in (
            b"v=dmarc1; p=none",
            b"p=none; v=DMARC1",
            b"v=DMARC12",
            b"v=DMARC1 p=none",
            b" v=DMARC1",
        ):
            self.assertIsNone(record_of([text]), text)
        self.assertIsNone(record_of([b"v=DMARC1; p=none", b"v=DMARC1; p=none"]))

    @given(st.binary(max_size=200))
    def test_never_raises(self, rest):
        parse_record(b"v=DMARC1;" + rest)


class WalkTests(SynchronousTestCase):
    def test_names(self):
        self.assertEqual(walk("example.test"), ("example.test", "test"))
        self.assertEqual(
            walk("a.b.c.d.e.f.g.h.i.j.mail.example.test"),
            (
                "a.b.c.d.e.f.g.h.i.j.mail.example.test",
                "g.h.i.j.mail.example.test",
                "h.i.j.mail.example.test",
                "i.j.mail.example.test",
                "j.mail.example.test",
                "mail.example.test",
                "example.test",
                "test",
            ),
        )
        self.assertEqual(len(walk(".".join("abcdefgh"))), 8)
        self.assertEqual(len(walk(".".join("abcdefg"))), 7)

    def test_where_it_ends(self):
        self.assertTrue(ends_walk(DmarcRecord(psd="y")))
        self.assertTrue(ends_walk(DmarcRecord(psd="n")))
        self.assertFalse(ends_walk(DmarcRecord()))
        self.assertFalse(ends_walk(None))

    def test_organizational_domains(self):
        plain, suffix, not_suffix = DmarcRecord(), DmarcRecord(psd="y"), DmarcRecord(psd="n")
        for found, domain in (
            # RFC 9989 §4.10.2, its three examples
            ({"mail.example.com": plain, "example.com": plain}, "example.com"),
            ({"mail.example.com": not_suffix}, "mail.example.com"),
            ({"com": suffix}, "example.com"),
            ({}, "a.mail.example.com"),
            ({"a.mail.example.com": plain}, "a.mail.example.com"),
            ({"com": plain}, "com"),
            ({"a.mail.example.com": suffix}, "a.mail.example.com"),
            ({"mail.example.com": plain, "example.com": suffix}, "mail.example.com"),
            ({"mail.example.com": plain, "com": suffix}, "example.com"),
        ):
            self.assertEqual(organizational_domain("a.mail.example.com", found), domain, found)

    def test_whose_record_applies(self):
        own, of_organization, of_suffix = (
            DmarcRecord(Policy.NONE),
            DmarcRecord(Policy.REJECT, subdomains=Policy.NONE, nonexistent=Policy.QUARANTINE),
            DmarcRecord(Policy.NONE, nonexistent=Policy.REJECT, psd="y"),
        )
        for found, where in (
            ({"a.x.bank": own, "x.bank": of_organization}, "a.x.bank"),
            ({"x.bank": of_organization, "bank": of_suffix}, "x.bank"),
            ({"bank": of_suffix}, "bank"),
        ):
            self.assertEqual(applicable("a.x.bank", found), (where, found[where]))
        self.assertIsNone(applicable("a.x.bank", {}))
        self.assertEqual(published_policy("x.bank", "x.bank", of_organization, True), Policy.REJECT)
        self.assertEqual(published_policy("a.x.bank", "x.bank", of_organization, True), Policy.NONE)
        self.assertEqual(published_policy("a.x.bank", "x.bank", of_organization, False), Policy.QUARANTINE)
        self.assertEqual(published_policy("a.x.bank", "bank", of_suffix, True), Policy.NONE)
        self.assertEqual(published_policy("a.x.bank", "bank", of_suffix, False), Policy.REJECT)
        self.assertEqual(
            published_policy("a.x.bank", "x.bank", DmarcRecord(Policy.REJECT), False), Policy.REJECT
        )

    def test_a_record_between_does_not_apply(self):
        """§4.10.1: only the author's own, the organization's and the suffix's do."""
        found = {"b.x.bank": DmarcRecord(Policy.NONE), "x.bank": DmarcRecord(Policy.REJECT)}
        self.assertEqual(applicable("a.b.x.bank", found), ("x.bank", found["x.bank"]))
