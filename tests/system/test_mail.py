"""Mail through the whole system, with the standard library's clients."""

from __future__ import annotations

import imaplib
import smtplib
import socket
import ssl
from typing import ClassVar

from twisted.trial.unittest import TestCase

from tests.system.local import PATIENCE, LocalSystem, message, subjects, wait_for


class MailTests(TestCase):
    """One system for all of them: each uses subjects of its own."""

    system: ClassVar[LocalSystem]

    @classmethod
    def setUpClass(cls) -> None:
        import tempfile

        cls.folder = tempfile.TemporaryDirectory(prefix="mailsys-test-")
        cls.system = LocalSystem(folder=cls.folder.name)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.system.close()
        cls.folder.cleanup()

    def fetched(self, subject: str, number: int = 0) -> bytes:
        """The whole message of that subject in an account's inbox, as soon as it is there."""
        client = self.system.imap(number)
        try:
            wait_for(lambda: subject in subjects(client))
            client.select("INBOX", readonly=True)
            place = subjects(client).index(subject) + 1
            _, parts = client.fetch(str(place), "(BODY.PEEK[])")
            return parts[0][1]
        finally:
            client.logout()

    def test_mail_from_another_server_is_read_back_byte_for_byte(self) -> None:
        sent = message("from outside")
        with self.system.smtp() as client:
            client.sendmail("someone@elsewhere.test", ["alice@local.test"], sent)
        read = self.fetched("from outside")
        self.assertTrue(read.endswith(sent), read)
        verdict = rb"X-Mailsys-Verdict: inbox; .*\r\n(\t.*\r\n)*"
        head = rb"\AReturn-Path: <someone@elsewhere\.test>\r\n" + verdict + b"Received: "
        self.assertRegex(read[:500], head)

    def test_alice_writes_to_bob_with_starttls(self) -> None:
        with self.system.submission() as client:
            client.sendmail("alice@local.test", ["bob@local.test"], message("to bob", "alice@local.test"))
        self.assertIn(b"Subject: to bob\r\n", self.fetched("to bob", 1))

    def test_submission_with_tls_from_the_start(self) -> None:
        with smtplib.SMTP_SSL(
            "127.0.0.1", self.system.port("submissions"), context=self.system.trust(), timeout=PATIENCE
        ) as client:
            client.login(*self.system.account())
            client.sendmail("alice@local.test", ["bob@local.test"], message("465", "alice@local.test"))
        self.assertIn(b"Subject: 465\r\n", self.fetched("465", 1))

    def test_on_loopback_a_login_without_tls_is_let_in(self) -> None:
        with self.system.submission(tls=False) as client:
            self.assertEqual(client.noop()[0], 250)

    def test_a_stranger_may_not_relay(self) -> None:
        with self.system.smtp() as client:
            refused = self.assertRaises(
                smtplib.SMTPRecipientsRefused,
                client.sendmail,
                "a@elsewhere.test",
                ["b@elsewhere.test"],
                message("relay"),
            )
        self.assertEqual(refused.recipients["b@elsewhere.test"][0], 550)

    def test_an_unknown_recipient_is_refused_at_once(self) -> None:
        with self.system.smtp() as client:
            client.ehlo()
            client.mail("a@elsewhere.test")
            self.assertEqual(client.rcpt("nobody@local.test")[0], 550)
            self.assertEqual(client.rcpt("alice@local.test")[0], 250)

    def test_a_wrong_password_is_refused(self) -> None:
        client = imaplib.IMAP4("127.0.0.1", self.system.port("imap"), timeout=PATIENCE)
        self.addCleanup(client.shutdown)
        self.assertRaises(imaplib.IMAP4.error, client.login, "alice@local.test", "wrong")

    def test_imap_with_starttls(self) -> None:
        client = imaplib.IMAP4("localhost", self.system.port("imap"), timeout=PATIENCE)
        client.starttls(self.system.trust())
        client.login(*self.system.account())
        self.assertEqual(client.select("INBOX")[0], "OK")
        client.logout()

    def test_what_is_appended_to_a_new_mailbox_is_there_with_its_flags(self) -> None:
        client = self.system.imap()
        self.assertEqual(client.create("Projects")[0], "OK")
        sent = message("kept")
        self.assertEqual(client.append("Projects", r"(\Seen \Flagged)", "", sent)[0], "OK")
        client.select("Projects")
        _, parts = client.fetch("1", "(FLAGS BODY.PEEK[])")
        self.assertEqual(parts[0][1], sent)
        self.assertIn(b"\\Flagged", parts[0][0] + parts[1])
        client.logout()

    def test_the_certificate_speaks_for_localhost(self) -> None:
        context = ssl.create_default_context(cafile=str(self.system.state / "tls" / "certificate.pem"))
        with (
            socket.create_connection(("127.0.0.1", self.system.port("imaps")), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            self.assertIn(secure.version(), ("TLSv1.3", "TLSv1.2"))
            self.assertTrue(secure.recv(100).startswith(b"* OK"))
