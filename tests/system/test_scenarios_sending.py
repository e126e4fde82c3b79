"""Scenarios 4 and 9: one message to many places, other servers that refuse, and a restart in the middle."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import TestCase

from tests.hostile.next_hop import NextHop
from tests.system.browser import Browser
from tests.system.local import LocalSystem, mailsys, wait_for


class SendingTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.hop = NextHop(b"8BITMIME")
        self.hop.start()
        self.addCleanup(self.hop.stop)
        self.runs = 0
        self.start()

    def start(self) -> None:
        self.runs += 1
        state = str(self.folder / "state")
        accounts = [f"--account={name}@local.test:{name} likes tea" for name in ("alice", "bob", "carol")]
        hop = f"127.0.0.1:{self.hop.port}"
        self.system = LocalSystem(
            "--state", state, "--smarthost", hop, *accounts, folder=self.folder / str(self.runs)
        )
        self.addCleanup(self.system.close)

    def person(self, name: str) -> Browser:
        browser = Browser(self.system)
        self.addCleanup(browser.close)
        self.assertEqual(browser.sign_in(name, f"{name} likes tea").status, 200)
        return browser

    def found(self, browser: Browser, subject: str) -> list[Any]:
        listed = browser.call(
            "Email/get", ids=browser.emails("inbox"), properties=["subject", "to", "threadId"]
        )["list"]
        return [each for each in listed if each["subject"] == subject]

    def test_oneself_two_neighbours_and_two_domains_get_one_copy_each(self) -> None:
        alice, bob, carol = map(self.person, ("alice", "bob", "carol"))
        to = ["alice@local.test", "bob@local.test", "carol@local.test", "x@far.test", "y@near.test"]
        alice.send(to, "to all")
        wait_for(lambda: sum(b"Subject: to all" in each for each in self.hop.taken) == 2)
        for person in (alice, bob, carol):
            (email,) = wait_for(lambda one=person: self.found(one, "to all"))
            self.assertEqual([each["email"] for each in email["to"]], to)
        envelopes = re.findall(rb"(?i)RCPT TO:<([^>]*)>", self.hop.heard)
        self.assertEqual(sorted(envelopes), [b"x@far.test", b"y@near.test"])
        for content in self.hop.taken:
            self.assertIn(b"DKIM-Signature:", content)
            self.assertIn(b"y@near.test", content)

    def test_who_was_refused_comes_back_with_the_words_and_the_other_has_it(self) -> None:
        alice = self.person("alice")
        self.hop.refused[b"gone@far.test"] = b"550 5.1.1 Gone fishing for good\r\n"
        sent = alice.send(["here@far.test", "gone@far.test"], "half of it")
        (report,) = wait_for(lambda: self.found(alice, "[Not delivered] half of it"))
        self.assertEqual(report["threadId"], alice.get(sent, "threadId")["threadId"])
        value = alice.get(report["id"], "bodyValues", fetchTextBodyValues=True)["bodyValues"]
        text = "".join(each["value"] for each in value.values())
        self.assertIn("Gone fishing for good", text)
        failed = text.partition("\nThe message:")[0]
        self.assertIn("gone@far.test", failed)
        self.assertNotIn("here@far.test", failed)
        wait_for(lambda: any(b"half of it" in each for each in self.hop.taken))
        told = [(step["stage"], step["recipient"]) for step in alice.timeline(sent)]
        self.assertIn(("sent", "here@far.test"), told)
        self.assertNotIn(("sent", "gone@far.test"), told)
        words = [str(step["detail"]) for step in alice.timeline(sent) if step["recipient"] == "gone@far.test"]
        self.assertIn("Gone fishing for good", "".join(words))
        self.assertEqual([one[0] for one in alice.suggested("gone@")], [])
        self.assertEqual([one[0] for one in alice.suggested("here@")], ["here@far.test"])

    def test_what_was_put_off_goes_on_after_a_restart_once_and_whole(self) -> None:
        alice = self.person("alice")
        self.hop.refused[b"later@far.test"] = b"451 4.2.1 Come back later\r\n"
        sent = alice.send(["now@far.test", "later@far.test"], "in two parts")

        def deferred() -> list[Any]:
            return [step for step in alice.timeline(sent) if step["stage"] == "deferred"]

        (step,) = wait_for(deferred)
        self.assertIn("Come back later", str(step["detail"]))
        self.system.process.kill()
        self.system.process.wait()
        self.hop.refused.clear()
        self.start()
        done = mailsys("queue", "retry", "--all", "--state", str(self.system.state))
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_for(lambda: len(self.hop.taken) == 2)
        alice = self.person("alice")
        wait_for(lambda: [s for s in alice.timeline(sent) if s["stage"] == "sent"][1:])
        heard = self.hop.heard
        self.assertEqual(heard.count(b"<now@far.test>"), 1)
        self.assertEqual(heard.count(b"<later@far.test>"), 2)
        bodies = {each.partition(b"\r\n\r\n")[2] for each in self.hop.taken}
        self.assertEqual(len(bodies), 1)
