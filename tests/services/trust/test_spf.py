"""SPF: the test suite of RFC 7208, and what costs time or cannot be answered."""

from ipaddress import ip_address
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import Spf, SpfEvidence
from mailsys.services.trust import spf
from mailsys.services.trust.lookups import Lookups
from tests.peers.dns_table import DnsTable

SUITE = Path(__file__).parent / "suites" / "rfc7208-tests.yml"


def scenarios():
    return list(yaml.safe_load_all(SUITE.read_text("utf-8")))


def table(zone: dict) -> DnsTable:
    """Records of type SPF stand for TXT ones, unless there are some (or NONE) for the name."""
    dns = DnsTable()
    for name, records in zone.items():
        name = name.lower()
        typed = [next(iter(one.items())) for one in records if isinstance(one, dict)]
        text = any(kind == "TXT" for kind, _ in typed)
        for kind, value in typed:
            if kind == "SPF":
                if text:
                    continue
                kind = "TXT"
            if value == "NONE":
                continue
            if value == "TIMEOUT":
                dns.broken.add((name, kind))
                continue
            if kind == "TXT":
                value = ("".join(value) if isinstance(value, list) else value).encode("utf-8")
            elif kind == "MX":
                value = (value[0], value[1].lower())
            elif kind in ("A", "AAAA"):
                value = str(ip_address(value))
            dns.records.setdefault((name, kind), []).append(value)
        if "TIMEOUT" in records:
            given = {kind for (known, kind) in dns.records if known == name}
            dns.broken.update((name, kind) for kind in ("A", "AAAA", "MX", "TXT", "PTR") if kind not in given)
    return dns


def checked(dns, peer: str, hello: str, sender: str, clock=None) -> SpfEvidence:
    found: list[SpfEvidence] = []
    lookups = Lookups(dns, clock or Clock())
    d = Deferred.fromCoroutine(spf.check(lookups, peer, hello, sender, receiver="mx.a.test", now=1e9))
    d.addCallback(found.append)
    failed: list[object] = []
    d.addErrback(failed.append)
    if failed:
        failed[0].raiseException()
    return found[0]


class SuiteTests(SynchronousTestCase):
    def test_rfc_7208(self):
        wrong, count = [], 0
        for scenario in scenarios():
            for name, case in scenario["tests"].items():
                count += 1
                dns = table(scenario["zonedata"])
                found = checked(dns, case["host"], case["helo"], case["mailfrom"] or "")
                wanted = case["result"]
                wanted = [wanted] if isinstance(wanted, str) else wanted
                if found.result.value not in wanted:
                    wrong.append((name, found, wanted))
                explanation = case.get("explanation")
                if explanation not in (None, "DEFAULT") and found.cause != explanation:
                    wrong.append((name, found, explanation))
        self.assertEqual(wrong, [])
        self.assertEqual(count, 203)


class CheckTests(SynchronousTestCase):
    def zone(self, record: bytes) -> DnsTable:
        dns = DnsTable()
        dns.txt("b.test", record)
        return dns

    def test_whom(self):
        dns = self.zone(b"v=spf1 ip4:192.0.2.1 ip6:2001:db8::/32 -all")
        for peer, result in (
            ("192.0.2.1", Spf.PASS),
            ("192.0.2.2", Spf.FAIL),
            ("2001:db8::5", Spf.PASS),
            ("2001:db9::5", Spf.FAIL),
            ("::ffff:192.0.2.1", Spf.PASS),
        ):
            self.assertIs(checked(dns, peer, "x.test", "bob@b.test").result, result, peer)
        self.assertIs(checked(dns, "192.0.2.1", "b.test", "").result, Spf.PASS)  # the null sender
        for hello in ("[192.0.2.1]", "localhost", "", "b..test", "b.test\r\nx", "x" * 300 + ".test", "ü"):
            found = checked(dns, "192.0.2.1", hello, "")
            self.assertIs(found.result, Spf.NONE, hello)
            self.assertTrue(found.domain.isascii())
        self.assertIs(checked(dns, "192.0.2.1", "x", "no address").result, Spf.NONE)

    def test_other_scripts(self):
        dns = DnsTable()
        dns.txt("xn--bcher-kva.test", b"v=spf1 exists:%{l}.ok.test ip4:192.0.2.1 -all")
        dns.records["bob.ok.test", "A"] = ["127.0.0.2"]
        for sender, peer, result in (
            ("bob@bücher.test", "192.0.2.9", Spf.PASS),
            ("böb@bücher.test", "192.0.2.9", Spf.FAIL),  # no term with such a local part matches
            ("böb@bücher.test", "192.0.2.1", Spf.PASS),
        ):
            found = checked(dns, peer, "x.test", sender)
            self.assertEqual((found.result, found.domain), (result, "xn--bcher-kva.test"))

    def test_why(self):
        dns = self.zone(b"v=spf1 include:c.test ip4:192.0.2.1 exp=why.b.test -all")
        dns.txt("c.test", b"v=spf1 ?all")
        dns.txt("why.b.test", b"%{i} is not %{d}; ask %{r}")
        self.assertEqual(checked(dns, "192.0.2.1", "x", "bob@b.test").cause, "matched ip4:192.0.2.1")
        self.assertNotIn(("why.b.test", "TXT"), dns.asked)
        self.assertEqual(
            checked(dns, "192.0.2.2", "x", "bob@b.test").cause, "192.0.2.2 is not b.test; ask mx.a.test"
        )
        dns.txt("why.b.test", b"x" * 600)
        self.assertEqual(checked(dns, "192.0.2.2", "x", "bob@b.test").cause, "matched -all")
        dns.broken.add("why.b.test")
        self.assertIs(checked(dns, "192.0.2.2", "x", "bob@b.test").result, Spf.FAIL)
        dns.broken.add("c.test")
        found = checked(dns, "192.0.2.1", "x", "bob@b.test")
        self.assertEqual((found.result, found.cause), (Spf.TEMPERROR, "SERVFAIL"))
        self.assertIn(
            "no.test", checked(self.zone(b"v=spf1 include:no.test"), "192.0.2.1", "x", "bob@b.test").cause
        )

    def test_hosts_without_the_peers_kind_of_address(self):
        dns = self.zone(b"v=spf1 mx a:h4.test ip6:2001:db8::1 -all")
        dns.records["b.test", "MX"] = [(1, f"h{n}.test") for n in range(4)]
        for n in range(5):
            dns.records[f"h{n}.test", "A"] = ["192.0.2.7"]
        self.assertIs(checked(dns, "2001:db8::1", "x", "bob@b.test").result, Spf.PASS)
        dns.broken.add(("h2.test", "A"))  # nobody needs to know
        self.assertIs(checked(dns, "2001:db8::1", "x", "bob@b.test").result, Spf.PASS)
        dns.broken.clear()
        for n in range(3):
            del dns.records[f"h{n}.test", "A"]  # now it is void
        self.assertIs(checked(dns, "2001:db8::1", "x", "bob@b.test").result, Spf.PERMERROR)

    def test_few_waits(self):
        """What a record includes is asked for at once."""
        dns = self.zone(b"v=spf1 include:i0.test include:i1.test include:i2.test redirect=i3.test")
        for n in range(4):
            dns.txt(f"i{n}.test", b"v=spf1 ?all" if n < 3 else b"v=spf1 mx -all")
        dns.records["i3.test", "MX"] = [(1, "h0.test"), (2, "h1.test")]
        self.assertIs(checked(dns, "192.0.2.1", "x", "bob@b.test").result, Spf.FAIL)
        self.assertEqual(
            [name for name, _ in dns.asked[:5]], ["b.test", "i0.test", "i1.test", "i2.test", "i3.test"]
        )
        self.assertEqual(len(dns.asked), len(set(dns.asked)))

    @settings(max_examples=300)
    @given(
        st.lists(
            st.one_of(
                st.sampled_from(
                    [
                        "a",
                        "mx",
                        "ptr",
                        "-all",
                        "include:b.test",
                        "include:c.test",
                        "redirect=c.test",
                        "exists:%{i}.x.test",
                    ]
                ),
                st.text(alphabet="aimxp46:/.%{}dlsor-+~?=0123 \n\xe9", max_size=20),
            ),
            max_size=12,
        ),
        st.binary(max_size=30),
    )
    def test_any_record(self, terms, other):
        dns = self.zone(b"v=spf1 " + " ".join(terms).encode())
        dns.txt("c.test", b"v=spf1 " + other)
        checked(dns, "192.0.2.1", "mail.b.test", "bob@b.test")
        checked(dns, "2001:db8::1", "mail.b.test", "o'x@b.test")
