"""Mail programs that people use, against `mailsys local`. CI has them; elsewhere they may be skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar
from unittest import SkipTest

from imapclient import IMAPClient
from twisted.trial.unittest import TestCase

from tests.system.local import LocalSystem, message, subjects, wait_for


class ClientTests(TestCase):
    system: ClassVar[LocalSystem]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="mailsys-test-")
        cls.system = LocalSystem(folder=cls.folder.name)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.system.close()
        cls.folder.cleanup()

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mailsys-home-"))
        self.addCleanup(shutil.rmtree, self.home)

    def run_program(self, *words: str, text: bytes = b"") -> bytes:
        """One run with a home folder of its own; it must succeed."""
        if shutil.which(words[0]) is None:
            raise SkipTest(f"{words[0]} is not installed")
        environment = {**os.environ, "HOME": str(self.home), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            words, input=text, capture_output=True, timeout=60, env=environment, cwd=self.home, check=False
        )
        self.assertEqual(
            done.returncode, 0, f"{done.stdout.decode()}\n{done.stderr.decode()}\n{self.system.log}"
        )
        return done.stdout

    def write(self, name: str, text: str) -> str:
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    @property
    def certificate(self) -> str:
        return str(self.system.state / "tls" / "certificate.pem")

    def wait_for_subject(self, subject: str, number: int = 0) -> None:
        client = self.system.imap(number)
        wait_for(lambda: subject in subjects(client))
        client.logout()

    def test_swaks_delivers_with_starttls_and_pipelining(self) -> None:
        said = self.run_program(
            *(
                "swaks",
                "--server",
                self.system.ready["smtp"],
                "--tls",
                "--pipeline",
                "--from",
                "a@elsewhere.test",
            ),
            *("--to", "alice@local.test", "--header", "Subject: from swaks", "--body", "hello"),
        )
        self.assertIn(b"TLS started", said)
        self.wait_for_subject("from swaks")

    def test_swaks_submits_with_each_mechanism(self) -> None:
        address, password = self.system.account()
        for mechanism in ("PLAIN", "LOGIN"):
            self.run_program(
                *("swaks", "--server", self.system.ready["submission"], "--tls", "--auth", mechanism),
                *("--auth-user", address, "--auth-password", password, "--from", address),
                *("--to", "bob@local.test", "--header", f"Subject: swaks {mechanism}"),
            )
            self.wait_for_subject(f"swaks {mechanism}", 1)

    def test_msmtp_submits_with_scram_over_tls(self) -> None:
        address, password = self.system.account()
        config = self.write(
            "msmtprc",
            f"defaults\ntls on\ntls_starttls off\ntls_trust_file {self.certificate}\n"
            f"account default\nhost localhost\nport {self.system.port('submissions')}\n"
            f"auth scram-sha-256\nuser {address}\npassword {password}\nfrom {address}\n",
        )
        self.run_program("msmtp", "-C", config, "bob@local.test", text=message("from msmtp", address))
        self.wait_for_subject("from msmtp", 1)

    def test_curl_reads_what_it_sent(self) -> None:
        sent = message("from curl")
        self.run_program(
            *("curl", "-sS", f"smtp://{self.system.ready['smtp']}", "--mail-from", "a@elsewhere.test"),
            *("--mail-rcpt", "bob@local.test", "-T", "-"),
            text=sent,
        )
        self.wait_for_subject("from curl", 1)
        address, password = self.system.account(1)
        url = f"imaps://localhost:{self.system.port('imaps')}/INBOX?SUBJECT%20curl"
        found = self.run_program(
            "curl", "-sS", "--cacert", self.certificate, "-u", f"{address}:{password}", url
        )
        number = found.split()[-1].decode()
        read = self.run_program(
            *("curl", "-sS", "--cacert", self.certificate, "-u", f"{address}:{password}"),
            f"imaps://localhost:{self.system.port('imaps')}/INBOX;MAILINDEX={number}",
        )
        self.assertTrue(read.endswith(sent))

    def test_mbsync_brings_mail_down_and_flags_and_new_mail_up(self) -> None:
        address, password = self.system.account()
        with self.system.smtp() as client:
            client.sendmail("a@elsewhere.test", [address], message("for mbsync"))
        self.wait_for_subject("for mbsync")
        config = self.write(
            "mbsyncrc",
            f"IMAPStore far\nHost localhost\nPort {self.system.port('imaps')}\nUser {address}\n"
            f'Pass "{password}"\nSSLType IMAPS\nCertificateFile {self.certificate}\n'
            f"\nMaildirStore near\nPath {self.home}/mail/\nInbox {self.home}/mail/INBOX\n"
            "SubFolders Verbatim\n"
            "\nChannel all\nFar :far:\nNear :near:\nPatterns INBOX Drafts\nCreate Both\n"
            "Expunge Both\nSyncState *\n",
        )
        (self.home / "mail").mkdir()
        self.run_program("mbsync", "-c", config, "-a")
        found = [
            path
            for path in (self.home / "mail/INBOX").rglob("*")
            if path.is_file() and b"for mbsync" in path.read_bytes()
        ]
        self.assertEqual(len(found), 1)
        name = found[0].name.partition(":2,")[0]
        found[0].rename(self.home / "mail/INBOX/cur" / f"{name}:2,FS")
        (self.home / "mail/Drafts/new/1.draft").write_bytes(message("draft from mbsync"))
        self.run_program("mbsync", "-c", config, "-a")
        client = self.system.imap()
        self.assertIn("draft from mbsync", subjects(client, "Drafts"))
        client.select("INBOX", readonly=True)
        self.assertEqual(len(client.search(None, 'FLAGGED SEEN SUBJECT "for mbsync"')[1][0].split()), 1)
        client.logout()

    def test_mutt_opens_the_inbox_marks_and_deletes(self) -> None:
        address, password = self.system.account(1)
        with self.system.smtp() as client:
            for subject in ("keep for mutt", "drop for mutt"):
                client.sendmail("a@elsewhere.test", [address], message(subject, to=address))
        self.wait_for_subject("drop for mutt", 1)
        config = self.write(
            "muttrc",
            f'set imap_user="{address}"\nset imap_pass="{password}"\n'
            f'set certificate_file="{self.certificate}"\nset ssl_ca_certificates_file="{self.certificate}"\n'
            f'set folder="imaps://localhost:{self.system.port("imaps")}/"\nset spoolfile="+INBOX"\n'
            "set delete=yes\nset quit=yes\nset header_cache=\nset sort=date-received\n"
            'push "<limit>~s mutt<enter><tag-pattern>~s keep<enter>'
            "<tag-prefix><flag-message><untag-pattern>.<enter>"
            '<delete-pattern>~s drop<enter><quit>"\n',
        )
        self.run_program("script", "-qec", f"mutt -F {config}", "/dev/null")
        client = self.system.imap(1)
        there = subjects(client)
        self.assertIn("keep for mutt", there)
        self.assertNotIn("drop for mutt", there)
        client.select("INBOX", readonly=True)
        self.assertEqual(len(client.search(None, 'FLAGGED SUBJECT "keep for mutt"')[1][0].split()), 1)
        client.logout()

    def test_imapclient_moves_searches_and_idles(self) -> None:
        import ssl

        context = ssl.create_default_context(cafile=self.certificate)
        with IMAPClient("localhost", self.system.port("imaps"), ssl_context=context) as client:
            client.login(*self.system.account())
            client.create_folder("Elsewhere/Übung")
            client.select_folder("INBOX")
            client.idle()
            with self.system.smtp() as smtp:
                smtp.sendmail("a@elsewhere.test", ["alice@local.test"], message("for imapclient"))
            wait_for(lambda: any(each[1] == b"EXISTS" for each in client.idle_check(5)))
            client.idle_done()
            (uid,) = client.search(["SUBJECT", "for imapclient"])
            client.add_flags([uid], ["$Important", r"\Flagged"])
            client.move([uid], "Elsewhere/Übung")
            client.select_folder("Elsewhere/Übung")
            (moved,) = client.search(["KEYWORD", "$Important"])
            self.assertIn(b"\\Flagged", client.fetch([moved], ["FLAGS"])[moved][b"FLAGS"])
            envelope = client.fetch([moved], ["ENVELOPE"])[moved][b"ENVELOPE"]
            self.assertEqual(envelope.subject, b"for imapclient")
            client.logout()
