"""Plays the conversations in `scripts/` with a whole system, over HTTP."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import ClassVar
from unittest import TestCase

import mailsys
from tests.conversations.jmap.script import Client, Conversation, Section, methods, read
from tests.system.local import LocalSystem

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))
_REGISTERED = re.compile(r"""api\.register\(\s*"([A-Za-z]+/[A-Za-z]+)\"""")


class ConversationTests(TestCase):
    client: ClassVar[Client]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        system = LocalSystem("--state", f"{folder.name}/state", folder=folder.name)
        cls.addClassCleanup(system.close)
        cls.client = Client(system.ready["http"].removeprefix("http://"), *system.account())
        cls.client.open()

    def test_all_conversations_go_as_written(self) -> None:
        for path in SCRIPTS:
            for section in read(path):
                with self.subTest(script=path.stem, section=section.title):
                    Conversation(self.client).play(section)

    def test_an_answer_that_is_another_is_noticed(self) -> None:
        for lines in (
            ['> Core/echo {"a": 1}', '< Core/echo {"a": 2}'],
            ['> Core/echo {"a": [1]}', '< Core/echo {"a": []}'],
            ['> Core/echo {"a": null}', '< Core/echo {"a": "$_"}'],
            ['> Core/echo {"a": 1}', '< Core/echo {"b": 1}'],
            ['> Core/echo {"a": 1, "b": 2}', '< Core/echo {"a": "$x", "b": "$x"}'],
            ["> Core/echo {}", "< error {}"],
            ["> Core/echo {}", "> Core/echo {}", "< Core/echo {}"],
            ["> Core/echo {}", "< Core/echo {}", "< Core/echo {}"],
            ["> Core/echo {}"],
        ):
            with self.assertRaises(AssertionError, msg=str(lines)):
                Conversation(self.client).play(Section("", lines))


class ScriptTests(TestCase):
    def test_every_method_has_a_conversation(self) -> None:
        known = {
            name
            for path in Path(mailsys.__file__).parent.rglob("*.py")
            for name in _REGISTERED.findall(path.read_text())
        }
        self.assertGreater(len(known), 30)
        played = {name for path in SCRIPTS for name in methods(path)}
        self.assertEqual(known - played, set())
