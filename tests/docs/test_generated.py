"""Documentation and code say the same."""

from __future__ import annotations

import re
import tomllib

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.generate import PAGES, ROOT, STANDARDS

REFERENCE = re.compile(r"RFC (\d{3,5})")


class PageTests(SynchronousTestCase):
    def test_the_printed_pages_are_current(self) -> None:
        for name, make in PAGES.items():
            text = (ROOT / name).read_text()
            self.assertEqual(make(text), text, f"{name} is out of date: run `make docs`")


class StandardsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listed = {each["number"]: each["status"] for each in tomllib.loads(STANDARDS.read_text())["rfc"]}
        self.named: dict[int, str] = {}
        for path in sorted((ROOT / "mailsys").rglob("*.py")):
            for number in REFERENCE.findall(path.read_text("utf-8")):
                self.named.setdefault(int(number), str(path.relative_to(ROOT)))

    def test_every_rfc_that_the_code_names_is_listed(self) -> None:
        missing = {number: path for number, path in self.named.items() if number not in self.listed}
        self.assertEqual(missing, {}, "add them to mailsys/standards.toml, then `make docs`")

    def test_every_rfc_that_we_claim_is_named_where_it_is_followed(self) -> None:
        claimed = {number for number, status in self.listed.items() if status == "yes"}
        self.assertEqual(claimed - set(self.named), set())

    def test_the_status_is_one_of_three_words_and_numbers_ascend(self) -> None:
        self.assertEqual(set(self.listed.values()) - {"yes", "partial", "no"}, set())
        self.assertEqual(list(self.listed), sorted(self.listed))
