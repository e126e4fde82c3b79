"""Thunderbird, the program itself, against `mailsys local`: what a person does all day.

One run of the program goes through the whole story, as its start takes seconds. What it submits
travels on to a real Postfix, where both DKIM signatures verify.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from typing import ClassVar
from unittest import SkipTest

import dkim
from twisted.trial.unittest import TestCase

from tests.peers.postfix import Postfix
from tests.peers.thunderbird import Thunderbird
from tests.system.local import LocalSystem, mailsys, message, wait_for


class ThunderbirdTests(TestCase):
    system: ClassVar[LocalSystem]

    @classmethod
    def setUpClass(cls) -> None:
        if shutil.which("thunderbird") is None or not os.path.exists("/usr/sbin/postfix") or os.geteuid():
            raise SkipTest("needs thunderbird, postfix and root")
        cls.folder = tempfile.TemporaryDirectory(prefix="mailsys-test-")
        state = os.path.join(cls.folder.name, "state")
        first = LocalSystem("--state", state, folder=cls.folder.name)  # makes the certificate
        first.close()
        tls = first.state / "tls"
        cls.peer = Postfix("remote.test", str(tls / "certificate.pem"), str(tls / "key.pem")).start()
        cls.system = LocalSystem(
            "--state", state, "--smarthost", f"127.0.0.1:{cls.peer.port}", folder=cls.folder.name
        )
        address, password = cls.system.account()
        cls.thunderbird = Thunderbird(
            cls.system.port("imap"), cls.system.port("submission"), address, password
        )

    @classmethod
    def tearDownClass(cls) -> None:
        cls.thunderbird.close()
        cls.system.close()
        cls.peer.stop()
        cls.folder.cleanup()

    def deliver(self, *subjects: str) -> None:
        with self.system.smtp() as client:
            for subject in subjects:
                client.sendmail("a@elsewhere.test", ["alice@local.test"], message(subject))

    def shows(self, mailbox: str, count: int) -> list[str]:
        """Subjects of a folder once it holds `count` messages in Thunderbird's eyes."""
        return list(
            self.thunderbird.run(
                "const f = await open(args[0]);"
                "const list = await shows(f, String(args[1]), l => l.length == args[1]);"
                "return list.map(m => m.mime2DecodedSubject);",
                mailbox,
                count,
            )
        )

    def test_a_day_with_thunderbird(self) -> None:
        run = self.thunderbird.run
        self.deliver("one zebra", "two zebras", "three")
        self.assertEqual(self.shows("INBOX", 3), ["one zebra", "two zebras", "three"])

        read = run("return await source(messages(folder('INBOX'))[1]);")
        self.assertTrue(read.replace("\r\n", "\n").endswith("Hello.\n.\n..two dots\n"), read)

        run(
            "const [a, b] = messages(folder('INBOX'));"
            "folder('INBOX').markMessagesRead([a], true); folder('INBOX').markMessagesFlagged([b], true);"
        )
        client = self.system.imap()
        self.addCleanup(client.shutdown)
        client.select("INBOX", readonly=True)

        def flags() -> tuple[bytes, bytes]:
            client.noop()
            return client.search(None, "SEEN")[1][0], client.search(None, "FLAGGED")[1][0]

        wait_for(lambda: flags() == (b"1", b"2"))

        self.assertEqual(
            run("return await search(folder('INBOX'), 'Hello');"), ["one zebra", "two zebras", "three"]
        )
        self.assertEqual(run("return await search(folder('INBOX'), 'giraffe');"), [])

        run(
            "await create('Projects');"
            "await copy(folder('INBOX'), [messages(folder('INBOX'))[0]], folder('Projects'), true);"
        )
        self.assertEqual(self.shows("Projects", 1), ["one zebra"])
        self.assertEqual(self.shows("INBOX", 2), ["two zebras", "three"])

        run("await append(args[0], folder('Projects'));", message("appended").decode())
        self.assertEqual(self.shows("Projects", 2), ["one zebra", "appended"])
        run("await remove(folder('Projects'), [messages(folder('Projects'))[0]]);")
        self.assertEqual(self.shows("Projects", 1), ["appended"])

        # A message to somebody here and somebody elsewhere, with its copy into Sent by Thunderbird.
        text = message("from thunderbird", "alice@local.test", "someone@remote.test, bob@local.test").decode()
        self.assertEqual(
            run("return await send(args[0], args[1]);", "someone@remote.test, bob@local.test", text), "sent"
        )
        bob = self.system.imap(1)
        wait_for(lambda: bob.select("INBOX", readonly=True)[1] == [b"1"])
        bob.logout()
        (arrived,) = wait_for(lambda: self.peer.messages)
        self.assertIn(b"Subject: from thunderbird", arrived)
        self.assertIn(b"with ESMTPS", arrived)

        records = self.dkim_records()
        signatures = arrived.count(b"DKIM-Signature:")
        self.assertEqual(signatures, 2)
        verifier = dkim.DKIM(arrived.partition(b"\r\n")[2] if arrived.startswith(b"Return-Path") else arrived)
        for number in range(signatures):
            self.assertTrue(
                verifier.verify(number, dnsfunc=lambda name, timeout=5: records[name.rstrip(b".")])
            )

    def dkim_records(self) -> dict[bytes, bytes]:
        """Name to TXT, as the operator is told to publish them."""
        said = mailsys("domain", "records", "local.test", "--json", "--state", str(self.system.state))
        self.assertEqual(said.returncode, 0, said.stderr)
        return {
            record["name"].rstrip(".").encode(): "".join(re.findall('"([^"]*)"', record["value"])).encode()
            for record in json.loads(said.stdout)
            if "_domainkey" in record["name"]
        }
