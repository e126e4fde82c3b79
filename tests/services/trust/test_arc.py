"""ARC: the validation suite by Valimail."""

from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import Signed
from tests.peers.dns_table import DnsTable
from tests.services.trust.rig import examined

SUITE = Path(__file__).parent / "suites" / "arc-draft-validation-tests.yml"

# Written before RFC 8301 and RFC 8617 (§4.1.1: only algorithms of RFC 8301 and later) took SHA-1 away.
NO_LONGER = {"ams_fields_a_sha1": "fail", "as_fields_a_sha1": "fail"}


class AllCases(yaml.SafeLoader):
    """Keeps cases that stand twice under one name."""


def pairs(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict:
    found: dict = {}
    for key, value in loader.construct_pairs(node, deep=True):
        while key in found:
            key += " again"
        found[key] = value
    return found


AllCases.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, pairs)


def scenarios():
    return list(yaml.load_all(SUITE.read_text("utf-8"), AllCases))


class SuiteTests(SynchronousTestCase):
    def test_validation(self):
        wrong, count = [], 0
        for scenario in scenarios():
            dns = DnsTable()
            for name, text in (scenario.get("txt-records") or {}).items():
                dns.txt(name.lower(), text.replace("\n", "").encode())
            for name, case in scenario["tests"].items():
                count += 1
                found = examined(dns, case["message"].encode()).arc
                wanted = NO_LONGER.get(name, (case["cv"] or "fail").lower())
                if found.result is not Signed(wanted):
                    wrong.append((name, wanted, found.result.value, found.cause, case.get("description")))
        self.assertEqual(wrong, [])
        self.assertEqual(count, 174)
