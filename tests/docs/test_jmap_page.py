"""docs/jmap.md: what it says of code and tests is there, and every method is told of."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.generate import ROOT

_ROW = re.compile(r"^\| (?:§|RFC \d+, \d+).* \|$", re.M)
_NAMED = re.compile(r"`([\w/]+\.\w+)`(?: \(([\w, ]+)\))?")
_REGISTERED = re.compile(r"""api\.register\(\s*"([A-Za-z]+/[A-Za-z]+)\"""")
# What each RFC asks of a server, by its own numbers.
_SECTIONS = {
    8620: "1.2 1.3 1.4 1.5 1.7 2 2.2 3.1 3.2 3.3 3.4 3.6.1 3.6.2 3.7 3.8 4 5.1 5.2 5.3 5.4 5.5 5.6 5.7 "
    "6.1 6.2 6.3 7.1 7.2 7.3 8",
    8621: "1.3 1.5 2 2.1 2.2 2.3 2.4 2.5 3 4.1.1 4.1.2 4.1.3 4.1.4 4.2 4.3 4.4 4.5 4.6 4.7 4.8 4.9 5 6 "
    "7 7.1 7.2 7.3 7.4 7.5 8 9",
    8887: "3 4.1 4.2 4.3.1 4.3.2 4.3.3 4.3.4 4.3.5",
    9404: "3 4.1 4.2 4.3",
    9425: "2 4",
}


class JmapPageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.page = (ROOT / "docs" / "jmap.md").read_text()
        self.rows = [row.strip("|").split(" | ") for row in _ROW.findall(self.page)]

    def test_every_row_names_code_and_tests_that_are_there(self) -> None:
        self.assertGreater(len(self.rows), 60)
        for row in self.rows:
            self.assertEqual(len(row), 4, row)
            for column, below in ((row[2], "mailsys"), (row[3], "tests")):
                named = _NAMED.findall(column)
                self.assertTrue(named, row)
                for name, classes in named:
                    path = ROOT / below / name
                    self.assertTrue(path.is_file(), f"{path} of {row}")
                    text = path.read_text()
                    for each in filter(None, classes.split(", ")):
                        self.assertRegex(text, rf"(?m)^class {each}\b", row)

    def test_every_section_has_its_row(self) -> None:
        for number, wanted in _SECTIONS.items():
            table = self.page.partition(f"| RFC {number} |")[2].partition("\n\n")[0]
            found = {
                each for row in _ROW.findall(table) for each in re.findall(r"§([\d.]+)", row.split("|")[1])
            }
            self.assertEqual(set(wanted.split()) - found, set(), number)

    def test_every_method_is_told_of(self) -> None:
        known = {
            name
            for path in (ROOT / "mailsys").rglob("*.py")
            for name in _REGISTERED.findall(path.read_text())
        }
        self.assertGreater(len(known), 30)
        told = {name for row in self.rows for name in re.findall(r"\w+/\w+", row[1])}
        self.assertEqual(known - told, set())
