"""Mail from one system to another, over the wire."""

from __future__ import annotations

import json
import tempfile
from email import message_from_bytes
from typing import ClassVar

import dkim
from twisted.trial.unittest import TestCase

from tests.system.local import LocalSystem, mailsys, message, subjects, wait_for


class TwoSystemsTests(TestCase):
    """`here` hands all its mail for elsewhere to `there`."""

    here: ClassVar[LocalSystem]
    there: ClassVar[LocalSystem]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="mailsys-test-")
        cls.there = LocalSystem("--domain", "there.test", folder=f"{cls.folder.name}/there")
        cls.here = LocalSystem(
            "--domain", "here.test", "--smarthost", cls.there.ready["smtp"], folder=f"{cls.folder.name}/here"
        )

    @classmethod
    def tearDownClass(cls) -> None:
        cls.here.close()
        cls.there.close()
        cls.folder.cleanup()

    def submit(self, subject: str, *recipients: str) -> None:
        with self.here.submission() as client:
            client.sendmail(
                "alice@here.test", recipients, message(subject, "alice@here.test", ", ".join(recipients))
            )

    def read(self, system: LocalSystem, number: int, subject: str) -> bytes:
        client = system.imap(number)
        try:
            wait_for(lambda: any(subject in each for each in subjects(client)))
            place = next(n for n, each in enumerate(subjects(client), 1) if subject in each)
            _, parts = client.fetch(str(place), "(BODY.PEEK[])")
            return parts[0][1]
        finally:
            client.logout()

    def test_it_arrives_and_its_signatures_hold_there(self) -> None:
        self.submit("signed", "bob@there.test")
        arrived = self.read(self.there, 1, "signed")
        self.assertIn(b"by mail.there.test", arrived)
        self.assertTrue(arrived.endswith(b"Hello.\r\n.\r\n..two dots\r\n"))
        listed = mailsys("domain", "records", "here.test", "--state", str(self.here.state), "--json")
        published = {
            each["name"].encode(): "".join(each["value"].split('"')[1::2]).encode()
            for each in json.loads(listed.stdout)
        }
        verifier = dkim.DKIM(arrived)
        signatures = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
        kinds = [b"a=rsa-sha256" in each for each in signatures]
        self.assertEqual(sorted(kinds), [False, True])  # RSA and Ed25519; dkimpy alone verifies the first
        self.assertTrue(
            verifier.verify(idx=kinds.index(True), dnsfunc=lambda name, timeout=5: published.get(name))
        )

    def test_one_message_to_readers_here_and_there(self) -> None:
        self.submit("both", "bob@here.test", "bob@there.test", "alice@there.test")
        for system, number in ((self.here, 1), (self.there, 1), (self.there, 0)):
            self.assertIn(b"Subject: both\r\n", self.read(system, number, "both"))

    def test_a_refused_recipient_comes_back_as_a_report(self) -> None:
        self.submit("to nobody", "nobody@there.test", "bob@there.test")
        self.assertIn(b"Subject: to nobody\r\n", self.read(self.there, 1, "to nobody"))
        parsed = message_from_bytes(self.read(self.here, 0, "eliver"))
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        self.assertEqual(parsed.get_param("report-type"), "delivery-status")
        status = next(part for part in parsed.walk() if part.get_content_type() == "message/delivery-status")
        recipient = status.get_payload()[1]
        self.assertEqual(recipient["Final-Recipient"], "rfc822; nobody@there.test")
        self.assertEqual((recipient["Action"], recipient["Status"]), ("failed", "5.1.1"))
        self.assertIn("550", recipient["Diagnostic-Code"])

    def test_the_queue_is_empty_in_the_end_and_the_trace_tells_the_way(self) -> None:
        self.submit("traced", "bob@there.test")
        self.read(self.there, 1, "traced")
        place = ("--state", str(self.here.state))
        wait_for(lambda: mailsys("queue", "list", *place).stdout == "the queue is empty\n")
        events = [event for event in self.here.events() if event["event"] == "submitted"]
        steps = json.loads(mailsys("trace", events[-1]["trace"], *place, "--json").stdout)
        stages = [step["stage"] for step in steps]
        self.assertEqual(stages[0], "submitted")
        self.assertEqual(stages[-1], "sent")
