"""SPF: the test suite of RFC 7208, and what costs time or cannot be answered."""

from ipaddress import ip_address
from pathlib import Path

import yaml
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import SpfEvidence
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
