"""POST /api/v1/send with an Idempotency-Key, while the process is killed at any moment and programs try
again until they are answered: one message a key, and every acknowledged one is there.

MAILSYS_SEND_ONCE=3000 in the environment makes it that many messages."""

import base64
import http.client
import json
import os
import sys
from collections import Counter
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

from twisted.trial.unittest import TestCase

from tests.system.local import PATIENCE, LocalSystem

MESSAGES = int(os.environ.get("MAILSYS_SEND_ONCE", "80"))
EACH = 20  # messages between two ends, about
PROGRAMS = 4


class Program(Thread):
    """Takes the next number, and sends that message until it is told that it was sent."""

    def __init__(self, case: "SendOnceTests") -> None:
        super().__init__(daemon=True)
        self.case = case
        self.retries = self.replayed = 0
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            for number in self.case.numbers:
                self.send(number)
        except BaseException as problem:
            self.problem = problem

    def send(self, number: int) -> None:
        body = {"to": [{"address": "bob@local.test"}], "subject": f"number {number}", "text": "Hello"}
        while not self.case.over.is_set():
            system = self.case.system
            connection = http.client.HTTPConnection("127.0.0.1", system.port("http"), timeout=PATIENCE)
            try:
                headers = self.case.headers | {"Idempotency-Key": f"key-{number}"}
                connection.request("POST", "/api/v1/send", json.dumps(body), headers)
                self.case.begun.append(number)
                answer = connection.getresponse()
                status, content = answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                status, content = 0, b""
            finally:
                connection.close()
            if status == 202:
                self.replayed += answer.getheader("Idempotent-Replayed") == "true"
                self.case.answers.setdefault(number, []).append(json.loads(content))
                return
            assert status in (0, 409, 503), (status, content)
            self.retries += 1
            self.case.over.wait(0.01)


class SendOnceTests(TestCase):
    def start(self) -> None:
        self.runs += 1
        self.system = LocalSystem("--state", str(self.folder / "state"), folder=self.folder / str(self.runs))
        self.addCleanup(self.system.close)

    def test_each_key_is_sent_once_however_often_the_process_is_killed(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.runs = 0
        self.over = Event()
        self.addCleanup(self.over.set)
        self.begun: list[int] = []
        self.answers: dict[int, list[Any]] = {}
        self.numbers = iter(range(MESSAGES))  # one for all programs
        chance = Random(5)
        self.start()
        token = base64.b64encode(":".join(self.system.account()).encode()).decode()
        self.headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        programs = [Program(self) for _ in range(PROGRAMS)]
        for each in programs:
            each.start()
        while any(each.is_alive() for each in programs):
            wanted = len(self.begun) + chance.randrange(1, 2 * EACH)
            while len(self.begun) < wanted and any(each.is_alive() for each in programs):
                self.over.wait(0.001)
            self.over.wait(chance.random() * 0.03)  # somewhere within the work on a request
            self.system.process.kill()
            self.system.process.wait()
            self.start()
        self.assertEqual([each.problem for each in programs], [None] * PROGRAMS)
        self.assertGreater(sum(each.retries for each in programs), 0)
        if "MAILSYS_SEND_ONCE" in os.environ:
            replayed = sum(each.replayed for each in programs)
            told = f"{MESSAGES} messages, {self.runs - 1} kills, {replayed} answered from the record\n"
            sys.stderr.write(told)

        self.assertEqual(sorted(self.answers), list(range(MESSAGES)))
        expected = Counter(
            (f"number {number}", answer["messageId"]) for number, (answer,) in self.answers.items()
        )
        self.assertEqual(self.messages(1, "inbox"), expected)
        self.assertEqual(self.messages(0, "sent"), expected)

    def messages(self, number: int, role: str) -> Counter[tuple[str, str]]:
        """(subject, Message-ID) of all in a mailbox."""
        client = self.system.imap(number)
        client.select({"inbox": "INBOX", "sent": "Sent"}[role], readonly=True)
        fields = "(BODY.PEEK[HEADER.FIELDS (SUBJECT MESSAGE-ID)])"
        _, parts = client.fetch("1:*", fields)
        found: Counter[tuple[str, str]] = Counter()
        for part in parts:
            if isinstance(part, tuple):
                lines = dict(line.split(": ", 1) for line in part[1].decode().strip().split("\r\n"))
                found[lines["Subject"], lines["Message-ID"]] += 1
        client.logout()
        return found
