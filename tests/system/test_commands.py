"""The commands, against a server that runs and against a store that none serves."""

from __future__ import annotations

import json
import smtplib
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from tests.system.local import LocalSystem, mailsys, message, wait_for


def _sorted_mail(number: int, words: bytes) -> bytes:
    return b"From: a%d@example.net\nSubject: %b\nMessage-ID: <%d@example.net>\n\nThe %b of %d.\n" % (
        number, words, number, words, number,
    )  # fmt: skip


class _Commands:
    """What holds either way."""

    place: tuple[str, str]

    def mailsys(self, *words: str, text: str = "") -> Any:
        """The result as JSON; the command must succeed."""
        done = mailsys(*words, *self.place, "--json", text=text)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def refused(self, *words: str, text: str = "") -> str:
        done = mailsys(*words, *self.place, text=text)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        return done.stderr.strip()

    def test_accounts_are_added_changed_and_removed(self) -> None:
        added = self.mailsys(
            "account",
            "add",
            "Carol@local.test",
            "--name",
            "Carol",
            "--quota",
            "2GiB",
            text="a good password\n",
        )
        self.assertEqual((added["address"], added["quota"]), ("carol@local.test", 2 << 30))
        self.assertIn("carol@local.test", [each["address"] for each in self.mailsys("account", "list")])
        self.assertFalse(self.mailsys("account", "set", "carol@local.test", "--no-enabled")["enabled"])
        shown = self.mailsys("account", "show", "carol@local.test")
        self.assertEqual(
            (shown["name"], shown["enabled"], shown["mailboxes"][0]["name"]), ("Carol", False, "INBOX")
        )
        self.mailsys("account", "remove", "carol@local.test", "--yes")
        self.assertIn("There is no account", self.refused("account", "show", "carol@local.test"))

    def test_domains_are_added_with_keys_and_removed(self) -> None:
        added = self.mailsys("domain", "add", "Second.test", "--postmaster", "alice@local.test")
        self.assertEqual((added["name"], added["postmaster"]), ("second.test", "alice@local.test"))
        self.assertEqual(len(added["dkim"]), 2)
        records = self.mailsys("domain", "records", "second.test")
        self.assertIn("MX", [each["type"] for each in records])
        changed = self.mailsys("domain", "set", "second.test", "--catch-all", "bob@local.test")
        self.assertEqual(
            (changed["postmaster"], changed["catch_all"]), ("alice@local.test", "bob@local.test")
        )
        self.mailsys("domain", "remove", "second.test")
        self.assertEqual([each["name"] for each in self.mailsys("domain", "list")], ["local.test"])

    def test_the_filter_is_taught_tried_and_made_to_forget(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            junk, good = Path(folder, "junk.mbox"), Path(folder, "good")
            junk.write_bytes(
                b"".join(b"From x\n" + _sorted_mail(n, b"free lottery money") + b"\n" for n in range(60))
            )
            good.mkdir()
            for n in range(60):
                good.joinpath(str(n)).write_bytes(_sorted_mail(n + 100, b"minutes of the rehearsal"))
            self.assertEqual(
                self.mailsys("filter", "train", "--junk", str(junk)), {"learned": 60, "known": 0}
            )
            self.assertEqual(
                self.mailsys("filter", "train", "--good", str(good)), {"learned": 60, "known": 0}
            )
            self.assertEqual(
                self.mailsys("filter", "train", "--good", str(good)), {"learned": 0, "known": 60}
            )
            self.mailsys("filter", "train", "--junk", "--account", "bob@local.test", str(junk))
        stats = {each["account"]: each for each in self.mailsys("filter", "stats")}
        self.assertEqual((stats["(shared)"]["junk"], stats["(shared)"]["good"]), (60, 60))
        self.assertEqual((stats["bob@local.test"]["junk"], stats["bob@local.test"]["good"]), (60, 0))
        rehearsed = {each["account"]: each for each in self.mailsys("rehearse", "--last", "10")}
        self.assertLessEqual({"alice@local.test", "bob@local.test"}, set(rehearsed))
        self.assertEqual(rehearsed["alice@local.test"]["to_junk"], 0)
        self.assertTrue(self.mailsys("filter", "forget", "--shared")["forgotten"])
        self.assertEqual([each["account"] for each in self.mailsys("filter", "stats")], ["bob@local.test"])
        self.assertTrue(self.mailsys("filter", "forget", "--account", "bob@local.test")["forgotten"])
        self.assertIn("There is no account", self.refused("rehearse", "--account", "x@local.test"))

    def test_aliases_and_forwards(self) -> None:
        self.mailsys("alias", "add", "al@local.test", "alice@local.test")
        self.mailsys("alias", "forward", "team@local.test", "bob@local.test", "x@elsewhere.test")
        self.assertEqual(
            {
                each["address"]: (each["kind"], each["account"], each["targets"])
                for each in self.mailsys("alias", "list")
            },
            {
                "al@local.test": ("alias", "alice@local.test", []),
                "team@local.test": ("forward", "", ["bob@local.test", "x@elsewhere.test"]),
            },
        )
        self.assertIn("exists already", self.refused("alias", "add", "al@local.test", "bob@local.test"))
        self.mailsys("alias", "remove", "al@local.test")
        self.mailsys("alias", "remove", "team@local.test")
        self.assertEqual(self.mailsys("alias", "list"), [])

    def test_what_cannot_be_done_is_refused_with_its_reason(self) -> None:
        self.assertIn("not a domain of ours", self.refused("account", "add", "a@other.test", text="pw\n"))
        self.assertIn("exists already", self.refused("account", "add", "bob@local.test", text="pw\n"))
        self.assertIn("is not an address", self.refused("account", "add", "bob", text="pw\n"))
        self.assertIn("There is no queue item 9", self.refused("queue", "show", "9"))
        self.assertIn("Nothing is known of", self.refused("trace", "nothing"))

    def test_a_weak_password_is_refused_as_on_the_web(self) -> None:
        for weak in ("short", "password123", "fred-fred1"):
            refused = self.refused("account", "add", "fred@local.test", text=f"{weak}\n")
            self.assertIn("assword", refused)
        self.assertIn("at least 10", self.refused("account", "password", "bob@local.test", text="secret\n"))
        self.assertIn("There is no", self.refused("account", "show", "fred@local.test"))

    def test_tables_are_for_people(self) -> None:
        done = mailsys("account", "list", *self.place)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split()[:2], ["address", "name"])
        self.assertTrue(lines[1].startswith("alice@local.test"))
        self.assertEqual(mailsys("queue", "list", *self.place).stdout, "the queue is empty\n")


class RunningTests(_Commands, TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="mailsys-test-")
        cls.system = LocalSystem("--state", f"{cls.folder.name}/state", folder=cls.folder.name)
        cls.place = ("--state", f"{cls.folder.name}/state")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.system.close()
        cls.folder.cleanup()

    def test_what_is_moved_into_junk_by_imap_and_answered_is_learned(self) -> None:
        """By MOVE, by COPY with STORE and EXPUNGE, and back again; nobody says so to the filter."""
        for number in range(3):
            with self.system.smtp() as client:
                client.sendmail(
                    "a@elsewhere.test", ["bob@local.test"], message(f"offer {number}", to="bob@x")
                )
        with self.system.imap(1) as client:
            client.select("INBOX")
            uids = wait_for(lambda: client.uid("SEARCH", "SUBJECT", "offer")[1][0].split())
            client.uid("MOVE", uids[0].decode(), "Junk")
            client.uid("COPY", uids[1].decode(), "Junk")
            client.uid("STORE", uids[1].decode(), "+FLAGS.SILENT", "(\\Deleted)")
            client.expunge()
            client.uid("STORE", uids[2].decode(), "+FLAGS", "(\\Answered)")
            wait_for(lambda: self.counted("bob@local.test") == (2, 1))
            client.select("Junk")
            back = client.uid("SEARCH", "SUBJECT", '"offer 0"')[1][0].decode()
            client.uid("COPY", back, "INBOX")
            client.uid("STORE", back, "+FLAGS.SILENT", "(\\Deleted)")
            client.expunge()
            wait_for(lambda: self.counted("bob@local.test") == (1, 2))
        self.mailsys("filter", "forget", "--account", "bob@local.test")
        self.mailsys("filter", "forget", "--shared")

    def counted(self, account: str) -> tuple[int, int]:
        rows = [each for each in self.mailsys("filter", "stats") if each["account"] == account]
        return (rows[0]["junk"], rows[0]["good"]) if rows else (0, 0)

    def test_check_while_it_runs(self) -> None:
        with self.system.smtp() as client:
            client.sendmail("a@elsewhere.test", ["alice@local.test"], message("z" * 300_000))
        done = mailsys("check", *self.place)
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 complaints; ", done.stdout)  # nobody reads postmaster
        (file,) = (Path(self.place[1]) / "blobs").glob("*/*")
        content = file.read_bytes()
        file.unlink()
        done = mailsys("check", *self.place)
        self.assertIn("is missing", done.stdout)
        self.assertIn("alice@local.test email", done.stdout)
        file.write_bytes(content)
        self.assertNotIn("is missing", mailsys("check", *self.place).stdout)

    def test_a_new_password_holds_at_once(self) -> None:
        self.mailsys("account", "add", "dave@local.test", text="first of two\n")
        self.mailsys("account", "password", "dave@local.test", text="second of two\n")
        with smtplib.SMTP("127.0.0.1", self.system.port("submission")) as client:
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                client.login("dave@local.test", "first of two")
            client.login("dave@local.test", "second of two")
        self.mailsys("account", "remove", "dave@local.test", "--yes")

    def test_a_new_alias_takes_mail_at_once(self) -> None:
        self.mailsys("alias", "add", "quick@local.test", "alice@local.test")
        with self.system.smtp() as client:
            client.sendmail("a@elsewhere.test", ["quick@local.test"], message("quick"))
        self.mailsys("alias", "remove", "quick@local.test")

    def test_a_message_is_traced_by_the_id_in_its_reply(self) -> None:
        with self.system.smtp() as client:
            client.ehlo()
            client.mail("a@elsewhere.test")
            client.rcpt("alice@local.test")
            code, reply = client.data(message("traced"))
        self.assertEqual(code, 250)
        steps = None
        for word in reply.decode().split():
            done = mailsys("trace", word.strip("()<>.,"), *self.place, "--json")
            if done.returncode == 0:
                steps = json.loads(done.stdout)
        self.assertEqual([step["stage"] for step in steps], ["received", "delivered"])

    def test_the_socket_is_for_its_owner_only(self) -> None:
        path = Path(self.place[1]) / "control.sock"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_no_password_is_logged(self) -> None:
        self.mailsys("account", "add", "erin@local.test", text="tell-nobody\n")
        self.mailsys("account", "remove", "erin@local.test", "--yes")
        self.assertNotIn("tell-nobody", self.system.log)


class AloneTests(_Commands, TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="mailsys-test-")
        cls.place = ("--state", f"{cls.folder.name}/state")
        LocalSystem(*cls.place, folder=cls.folder.name).close()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def test_check_finds_what_is_missing(self) -> None:
        done = mailsys("check", *self.place)
        self.assertEqual(
            (done.returncode, done.stdout),
            (1, "domains: nobody reads postmaster@local.test\n1 complaints; 0 blobs, 0 B hashed\n"),
        )
        self.mailsys("domain", "set", "local.test", "--postmaster", "alice@local.test")
        done = mailsys("check", *self.place)
        self.assertEqual((done.returncode, done.stdout), (0, "all is well: 0 blobs, 0 B hashed\n"))

    def test_check_of_a_damaged_store_tells_and_changes_nothing(self) -> None:
        with tempfile.TemporaryDirectory(prefix="mailsys-test-") as folder:
            place = ("--state", f"{folder}/state")
            system = LocalSystem(*place, folder=folder)
            with system.smtp() as client:
                client.sendmail("a@elsewhere.test", ["alice@local.test"], message("y" * 300_000))
            system.close()
            state = Path(folder) / "state"
            (file,) = (state / "blobs").glob("*/*")
            file.write_bytes(file.read_bytes()[:-1] + b"!")
            done = mailsys("check", *place)
            self.assertEqual((done.returncode, done.stderr), (1, ""))
            self.assertIn("alice@local.test email", done.stdout)
            self.assertIn("changed", done.stdout)
            database = state / "mail.sqlite"
            for content in (b"rubbish" * 10_000, b""):
                database.write_bytes(content)
                done = mailsys("check", *place)
                self.assertEqual((done.returncode, done.stderr), (1, ""))
                self.assertIn("Put it back from a backup", done.stdout)
                self.assertEqual(database.read_bytes(), content)
            database.unlink()
            self.assertEqual(mailsys("check", *place).returncode, 1)
            refused = mailsys("account", "list", *place)
            self.assertEqual(refused.returncode, 3)
            self.assertIn("missing or empty", refused.stderr)

    def test_a_folder_that_is_none_is_told(self) -> None:
        done = mailsys("account", "list", "--state", f"{self.folder.name}/none")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no such folder", done.stderr)


class QueueTests(TestCase):
    def test_retry_all_tries_again_what_failed_and_nothing_else(self) -> None:
        with tempfile.TemporaryDirectory(prefix="mailsys-test-") as folder:
            with socket.create_server(("127.0.0.1", 0)) as closed:
                nobody = f"127.0.0.1:{closed.getsockname()[1]}"
            place = ("--state", f"{folder}/state")
            system = LocalSystem(*place, "--smarthost", nobody, folder=folder)
            self.addCleanup(system.close)

            def queued() -> list[dict[str, Any]]:
                items: list[dict[str, Any]] = json.loads(mailsys("queue", "list", *place, "--json").stdout)
                return items

            with system.submission() as client:
                letter = message("out", "alice@local.test", "far@away.test")
                client.sendmail("alice@local.test", ["far@away.test"], letter)
                client.sendmail("alice@local.test", ["far@away.test"], letter, ["HOLDFOR=9999"])
            wait_for(lambda: [each["attempts"] for each in queued()] == [1, 0])
            later = queued()[1]["due"]
            self.assertEqual(mailsys("queue", "retry", *place).returncode, 2)
            done = mailsys("queue", "retry", "--all", *place, "--json")
            self.assertEqual(json.loads(done.stdout), {"count": 1})
            wait_for(lambda: [each["attempts"] for each in queued()] == [2, 0])
            self.assertEqual(queued()[1]["due"], later)
