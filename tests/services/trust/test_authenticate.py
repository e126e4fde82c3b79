"""All checks together: at once, in bounded time, with bounded look-ups, in a thread where it takes long."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.authentication_results import render
from mailsys.core.trust.evidence import Evidence, Signed, Spf
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.services.trust import spf
from mailsys.services.trust.authenticate import Authenticator
from mailsys.services.trust.content import Content
from tests.peers.dns_table import DnsTable
from tests.services.trust.makers import ed_key, published, sealed, signed, table
from tests.services.trust.rig import clock, content, examined, now_result

LETTER = b"From: Bob <bob@b.test>\r\nTo: alice@a.test\r\nSubject: Lunch\r\n\r\nHello  Alice\r\n"
TAGS = b"v=1; a=rsa-sha256; c=relaxed/simple; d=b.test; s=s; h=from:to:subject"


def zone() -> DnsTable:
    dns = table()
    dns.txt("e._domainkey.b.test", b"k=ed25519; p=" + published(ed_key()))
    dns.txt("b.test", b"v=spf1 mx -all")
    dns.records["b.test", "MX"] = [(10, "mail.b.test")]
    dns.records["mail.b.test", "A"] = ["192.0.2.1"]
    dns.txt("mail.b.test", b"v=spf1 a -all")
    dns.txt("_dmarc.b.test", b"v=DMARC1; p=reject")
    dns.records["1.2.0.192.in-addr.arpa", "PTR"] = ["other.b.test", "mail.b.test"]
    return dns


def two_signatures() -> bytes:
    return signed(signed(LETTER, TAGS), TAGS.replace(b"rsa-", b"ed25519-").replace(b"s=s", b"s=e"), ed_key())


class Offload:
    """Notes what was handed to a thread."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, work):
        self.count += 1
        return succeed(work())


class TogetherTests(SynchronousTestCase):
    def test_an_ordinary_message(self):
        found = examined(zone(), two_signatures())
        self.assertEqual([one.result for one in found.dkim], [Signed.PASS, Signed.PASS])
        self.assertEqual((found.spf.result, found.spf_hello.result), (Spf.PASS, Spf.PASS))
        self.assertIs(found.dmarc.result, Signed.PASS)
        self.assertEqual(found.address.name, "mail.b.test")
        self.assertEqual(found.address.names, ("other.b.test", "mail.b.test"))
        self.assertIs(found.arc.result, Signed.NONE)
        self.assertEqual((found.author, found.author_name), ("bob@b.test", "Bob"))

    def test_nothing_is_asked_twice(self):
        dns = zone()
        examined(dns, two_signatures())
        self.assertEqual(len(dns.asked), len(set(dns.asked)))

    def test_the_envelope_first(self):
        dns = zone()
        made = Authenticator(dns, Offload(), clock(), "mx.a.test")
        given = ("192.0.2.1", "mail.b.test", "bob@b.test")
        known = now_result(Deferred.fromCoroutine(made.envelope(*given)))
        self.assertIs(known.spf.result, Spf.PASS)
        before = len(dns.asked)
        found = now_result(
            Deferred.fromCoroutine(made.examine(*given, content(two_signatures()), known=known))
        )
        self.assertEqual(found, examined(zone(), two_signatures()))
        self.assertEqual({name.split(".")[0] for name, _ in dns.asked[before:]}, {"s", "e", "_dmarc"})

    def test_null_sender(self):
        found = examined(zone(), LETTER, sender="")
        self.assertIs(found.spf, found.spf_hello)
        self.assertEqual(found.spf.domain, "mail.b.test")

    def test_a_forwarded_message(self):
        """The list changed the subject; its seal says what it had seen."""
        dns = zone()
        key = dns.records["s._domainkey.b.test", "TXT"]
        dns.records["s._domainkey.list.test", "TXT"] = key
        seen = b"list.test; (x) dmarc (y) = pass header.from=b.test"
        message = sealed(
            signed(LETTER, TAGS).replace(b"Lunch", b"[x] Lunch"), b"i=1; d=list.test; s=s", seen, b"none"
        )
        message = sealed(message, b"i=2; d=list.test; s=s", b"list.test; none", b"pass")
        found = examined(dns, message, "203.0.113.9", "list.test", "x@list.test")
        self.assertIs(found.dmarc.result, Signed.FAIL)
        self.assertIs(found.arc.result, Signed.PASS)
        self.assertEqual(found.arc.sealers, ("list.test", "list.test"))
        self.assertIs(found.arc.first_dmarc, Signed.PASS)
        self.assertEqual(found.arc.first_results, seen.decode())
        dns.broken.add("s._domainkey.list.test")
        self.assertIs(examined(dns, message).arc.result, Signed.TEMPERROR)


class AddressTests(SynchronousTestCase):
    def result(self, dns: DnsTable, peer: str = "192.0.2.1") -> Signed:
        return examined(dns, LETTER, peer).address.result

    def test_names(self):
        dns = zone()
        self.assertIs(self.result(dns), Signed.PASS)
        self.assertIs(self.result(dns, "192.0.2.2"), Signed.PERMERROR)
        dns.records["mail.b.test", "A"] = ["192.0.2.9"]
        self.assertIs(self.result(dns), Signed.FAIL)
        dns.broken.add("other.b.test")
        self.assertIs(self.result(dns), Signed.TEMPERROR)
        dns.broken.add("1.2.0.192.in-addr.arpa")
        self.assertIs(self.result(dns), Signed.TEMPERROR)

    def test_version_6(self):
        dns = DnsTable()
        reverse = "1.0.0.0." + "0.0.0.0." * 5 + "8.b.d.0.1.0.0.2.ip6.arpa"
        dns.records[reverse, "PTR"] = ["six.b.test"]
        dns.records["six.b.test", "AAAA"] = ["2001:0db8::0001"]
        self.assertIs(self.result(dns, "2001:db8::1"), Signed.PASS)


class BoundTests(SynchronousTestCase):
    def test_silence(self):
        """Whatever does not answer within the time is open; what did, counts."""
        dns = zone()
        dns.silent |= {"b.test", "s._domainkey.b.test"}
        at = clock()
        made = Authenticator(dns, Offload(), at, "mx.a.test", seconds=10.0)
        out: list[Evidence] = []
        d = Deferred.fromCoroutine(
            made.examine("192.0.2.1", "mail.b.test", "bob@b.test", content(two_signatures()))
        )
        d.addCallback(out.append)
        at.advance(9.9)
        self.assertEqual(out, [])
        at.advance(0.2)
        (found,) = out
        self.assertIs(found.spf.result, Spf.TEMPERROR)
        self.assertEqual([one.result for one in found.dkim], [Signed.PASS, Signed.TEMPERROR])
        self.assertIs(found.dmarc.result, Signed.PASS)
        self.assertIs(found.spf_hello.result, Spf.PASS)
        self.assertEqual(at.getDelayedCalls(), [])

    def test_no_time_left_for_the_policy(self):
        dns = zone()
        dns.silent |= {"_dmarc.b.test", "_dmarc.test"}
        at = clock()
        made = Authenticator(dns, Offload(), at, "mx.a.test")
        out: list[Evidence] = []
        d = Deferred.fromCoroutine(
            made.examine("192.0.2.1", "mail.b.test", "bob@b.test", content(two_signatures()))
        )
        d.addCallback(out.append)
        at.advance(21)
        self.assertIs(out[0].dmarc.result, Signed.TEMPERROR)

    def test_look_ups(self):
        """A message that wants to have thousands of names asked for."""
        dns = zone()
        lines = b"".join(
            b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.test; s=s; h=from; bh=eA==; b=eA==\r\n" % n
            for n in range(500)
        )
        author = b"From: x@" + b".".join([b"a"] * 100) + b".b.test\r\n"
        dns.txt("b.test", b"v=spf1 " + b" ".join(b"mx:m%d.test" % n for n in range(9)) + b" -all")
        for n in range(9):
            dns.records[f"m{n}.test", "MX"] = [(i, f"h{n}-{i}.test") for i in range(10)]
            for i in range(10):
                dns.records[f"h{n}-{i}.test", "A"] = ["192.0.2.200"]
        dns.records["1.2.0.192.in-addr.arpa", "PTR"] = [f"p{n}.test" for n in range(400)]
        found = examined(dns, lines + author + b"\r\nx\r\n")
        self.assertIs(found.spf.result, Spf.FAIL)
        self.assertLess(len(dns.asked), 150)
        self.assertEqual(len(found.dkim), 11)

    def test_the_budget_of_all(self):
        made = Authenticator(zone(), Offload(), clock(), "mx.a.test", lookups=3)
        found = now_result(
            Deferred.fromCoroutine(
                made.examine("192.0.2.1", "mail.b.test", "bob@b.test", content(two_signatures()))
            )
        )
        self.assertIs(found.spf.result, Spf.TEMPERROR)
        self.assertIs(found.dmarc.result, Signed.TEMPERROR)

    def test_where_it_is_done(self):
        for message, count in (
            (two_signatures(), 0),
            (LETTER + b"x" * 70000, 1),
            (b"X: " + b"y" * 20000 + b"\r\n" + LETTER, 2),
        ):
            offload = Offload()
            made = Authenticator(zone(), offload, clock(), "mx.a.test")
            now_result(
                Deferred.fromCoroutine(
                    made.examine("192.0.2.1", "mail.b.test", "bob@b.test", content(message))
                )
            )
            self.assertEqual(offload.count, count, message[:40])

    def test_from_a_file(self):
        message = signed(LETTER + b"line \r\n" * 100000, TAGS)
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"Return-Path: <>\r\n" + message)
        start = message.index(b"\r\n\r\n") + 4
        blob = StagedBlob(BlobId(bytes(32)), len(message) + 17, path=path)
        made = Authenticator(zone(), Offload(), clock(), "mx.a.test")
        for body, result in ((start + 17, Signed.PASS), (start + 18, Signed.FAIL)):
            given = Content(message[:start], blob, body)
            found = now_result(
                Deferred.fromCoroutine(made.examine("192.0.2.1", "mail.b.test", "bob@b.test", given))
            )
            self.assertIs(found.dkim[0].result, result)

    def test_a_header_that_is_not_all(self):
        message = content(two_signatures())
        given = Content(message.header, message.blob, message.body, whole=False)
        made = Authenticator(zone(), Offload(), clock(), "mx.a.test")
        found = now_result(
            Deferred.fromCoroutine(made.examine("192.0.2.1", "mail.b.test", "bob@b.test", given))
        )
        self.assertEqual({one.result for one in found.dkim}, {Signed.NEUTRAL})
        self.assertIs(found.dmarc.result, Signed.PERMERROR)


class HostileTests(SynchronousTestCase):
    """Time is that of this thread, and the least of three, so that others on the machine do not count."""

    def cost(self, dns: DnsTable, message: bytes, sender: str = "bob@b.test") -> float:
        given = content(message)
        times = []
        for _ in range(3):
            spf._checked.cache_clear()
            made = Authenticator(dns, Offload(), clock(), "mx.a.test")
            begun = time.thread_time()
            now_result(Deferred.fromCoroutine(made.examine("192.0.2.1", "mail.b.test", sender, given)))
            times.append(time.thread_time() - begun)
        return min(times)

    def test_header_body_and_signatures(self):
        signature = two_signatures().partition(b"From:")[0]
        body = b"a" + b" " * 40000 + b"\r\n" + (b" " * 70 + b"\t\r\n") * 5000
        folded = b"X-Folded: a\r\n" + b"\t \tb\r\n" * 36000
        many = b"".join(b"Y%d: z\r\n" % n for n in range(20000))
        long_list = signed(
            LETTER,
            TAGS.replace(b"c=relaxed/simple", b"c=relaxed/relaxed") + b":" + b":".join([b"x-folded"] * 900),
        ).partition(b"From:")[0]
        for header in (signature * 250, folded, many, long_list * 10 + folded, long_list * 10 + many):
            message = (header + LETTER).partition(b"\r\n\r\n")[0][: 250 * 1024] + b"\r\n\r\n" + body
            self.assertLess(self.cost(zone(), message), 0.05, header[:60])

    def test_chains(self):
        dns = zone()
        message = LETTER
        for n in range(1, 51):
            message = sealed(message, b"i=%d; d=b.test; s=s" % n, b"x; none", b"pass" if n > 1 else b"none")
        self.assertIs(examined(dns, message).arc.result, Signed.PASS)
        self.assertLess(self.cost(dns, message), 0.05)
        message = sealed(message, b"i=51; d=b.test; s=s", b"x; none", b"pass")
        self.assertIs(examined(dns, message).arc.result, Signed.FAIL)

    def test_spf_records(self):
        many = b"v=spf1 " + b" ".join(b"ip4:10.%d.%d.0/24" % (n // 250, n % 250) for n in range(400)) + b" "
        for record in (
            b"v=spf1 " + b"a" * 8000,
            b"v=spf1 " + b"exists:" + b"a." * 4000 + b"%{",
            b"v=spf1 " + b" ".join(b"exists:" + b"a" * 250 + b".%{i" for _ in range(30)),
            b"v=spf1 " + b" ".join(b"exists:%{l1r-+.}" + b".%{i}" * 90 for _ in range(10)),
            many + b" ".join(b"include:i%d.test" % n for n in range(10)) + b" -all",
            b"v=spf1 " + b"\x00\xff" * 3000,
            b"v=spf1 " + b"x=" + b"%{d}" * 120,
        ):
            dns = zone()
            dns.txt("b.test", record)
            for n in range(10):
                dns.txt(f"i{n}.test", many + b"?all")
            self.assertLess(self.cost(dns, LETTER), 0.05, record[:60])


class AnyTests(SynchronousTestCase):
    """Whatever strangers send, there is evidence, and it can be written down."""

    tags = st.lists(
        st.tuples(
            st.sampled_from(["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z", "cv"]),
            st.one_of(
                st.sampled_from(
                    ["1", "2", "rsa-sha256", "ed25519-sha256", "eA==", "relaxed/relaxed", "b.test", "from"]
                ),
                st.text(alphabet="from:=b.test@ \r\n\t1=%é\x00", max_size=12),
            ),
        ),
        max_size=12,
    )
    names = st.sampled_from(
        [
            "DKIM-Signature",
            "ARC-Seal",
            "ARC-Message-Signature",
            "ARC-Authentication-Results",
            "From",
            "from ",
            "Authentication-Results",
        ]
    )

    @settings(max_examples=300)
    @given(
        st.lists(st.tuples(names, tags), max_size=6),
        st.binary(max_size=60),
        st.text(max_size=12),
        st.one_of(st.just(""), st.text(max_size=12), st.text(max_size=8).map(lambda text: text + "@b.test")),
    )
    def test_any_message(self, fields, rest, hello, sender):
        header = b"".join(
            f"{name}: {'; '.join(f'{tag}={value}' for tag, value in tags)}\r\n".encode()
            for name, tags in fields
        )
        found = examined(zone(), header + rest, hello=hello, sender=sender)
        self.assertTrue(render("mx.a.test", found).isascii())
        self.assertFalse(any(one.result is Signed.PASS for one in found.dkim))
        self.assertIsNot(found.arc.result, Signed.PASS)
