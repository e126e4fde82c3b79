"""docs/scenarios.md: each of the 23 scenarios has its tests, or says what is left, and each test is there."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.generate import ROOT

_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.M)
_SERVER = re.compile(r"`(tests/[\w/]+\.py)` \(([\w, ]+)\)")
_BROWSER = re.compile(r"`(webclient/[\w/.-]+\.tsx?)` \(((?:“[^”]+”(?:, )?)+)\)")
_NONE = "–"


class ScenariosPageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rows = _ROW.findall((ROOT / "docs" / "scenarios.md").read_text())

    def test_each_has_tests_or_says_what_is_left(self) -> None:
        self.assertEqual([int(number) for number, *_ in self.rows], list(range(1, 24)))
        for number, _, server, browser, left in self.rows:
            self.assertNotEqual((server, browser, left), (_NONE, _NONE, _NONE), number)
            for cell, entry in ((server, _SERVER), (browser, _BROWSER)):
                rest = entry.sub("", cell).replace(";", "").strip()
                self.assertEqual(rest, _NONE if cell == _NONE else "", number)

    def test_every_test_that_is_named_is_there(self) -> None:
        count = 0
        for _, _, server, browser, _ in self.rows:
            for path, names in _SERVER.findall(server):
                text = (ROOT / path).read_text()
                for name in names.split(", "):
                    self.assertRegex(text, rf"(?m)^\s*(?:class|(?:async )?def) {name}\b", path)
                    count += 1
            for path, titles in _BROWSER.findall(browser):
                text = (ROOT / path).read_text()
                for title in re.findall("“([^”]+)”", titles):
                    self.assertRegex(text, rf"(?:test|it)\(\s*['\"`].*{re.escape(title)}", path)
                    count += 1
        self.assertGreater(count, 80)
