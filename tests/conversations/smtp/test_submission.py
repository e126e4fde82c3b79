"""Signing in and submitting (587), as conversations. These clients are on loopback, where `mailsys
local` lets them sign in without TLS; from elsewhere it takes TLS (see test_tls)."""

from __future__ import annotations

from base64 import b64encode

from mailsys.core.refusal import RateLimited, TemporaryFailure
from tests.conversations.smtp.wire import Conversation, ConversationCase

PLAIN = b64encode(b"\0alice\0secret")
WRONG = b64encode(b"\0alice\0wrong")


class SubmissionCase(ConversationCase):
    submission = True

    def greeted(self, address: str = "127.0.0.1") -> Conversation:
        return super().greeted(address)


class SignInTests(SubmissionCase):
    def test_ehlo_offers_what_submission_has(self):
        said = self.connect("127.0.0.1").say(b"EHLO x\r\n")
        self.assertIn(b"250-AUTH SCRAM-SHA-256 PLAIN\r\n", said)
        self.assertIn(b"250 FUTURERELEASE 2592000 1970-01-31T00:00:00Z\r\n", said)
        self.assertIn(b"LIMITS MAILMAX=1000 RCPTMAX=100\r\n", said)

    def test_plain_with_an_initial_response(self):
        conversation = self.greeted()
        self.assertEqual(conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\n"), b"235 2.7.0 Signed in\r\n")
        said = conversation.say(b"MAIL FROM:<alice@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\n")
        self.assertIn(b"kept", said)
        client = self.transactions.received[0].client
        self.assertEqual((client.account, client.login), (1, "alice@example.com"))
        self.assertEqual(client.protocol, "ESMTPA")

    def test_plain_without_one(self):
        conversation = self.greeted()
        self.assertEqual(conversation.say(b"auth plain\r\n"), b"334 \r\n")
        self.assertTrue(conversation.say(PLAIN + b"\r\n").startswith(b"235 2.7.0"))

    def test_an_empty_initial_response_is_one(self):
        self.assertTrue(self.greeted().say(b"AUTH PLAIN =\r\n").startswith(b"501 5.5.2"))
        self.assertTrue(self.greeted().say(b"AUTH SCRAM-SHA-256 =\r\n").startswith(b"334 dj1wcm9vZg=="))

    def test_a_last_word_of_the_server_is_acknowledged_first(self):
        conversation = self.greeted()
        self.assertEqual(conversation.say(b"AUTH SCRAM-SHA-256\r\n"), b"334 d2hvPw==\r\n")
        self.assertEqual(conversation.say(b64encode(b"n,,") + b"\r\n"), b"334 dj1wcm9vZg==\r\n")
        self.assertTrue(conversation.say(b"NOOP!\r\n").startswith(b"501 5.5.2"))  # not acknowledged
        self.assertTrue(conversation.say(b"MAIL FROM:<a@example.com>\r\n").startswith(b"530"))
        conversation.say(b"AUTH SCRAM-SHA-256 =\r\n")
        self.assertTrue(conversation.say(b"\r\n").startswith(b"235 2.7.0"))

    def test_the_exchange_can_be_cancelled(self):
        conversation = self.greeted()
        conversation.say(b"AUTH PLAIN\r\n")
        self.assertTrue(conversation.say(b"*\r\n").startswith(b"501 5.7.0"))
        self.assertTrue(conversation.say(PLAIN + b"\r\n").startswith(b"500 5.5.1"))
        self.assertTrue(conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"235"))

    def test_garbage(self):
        for line, code in (
            (b"AUTH", b"501 5.5.4"),
            (b"AUTH PLAIN ???", b"501 5.5.2"),
            (b"AUTH PLAIN YQ", b"501 5.5.2"),
            (b"AUTH NOTHING", b"504 5.5.4"),
            (b"AUTH SCRAM-SHA-256-PLUS", b"504 5.5.4"),  # not offered without TLS
            (b"AUTH P\xffAIN", b"501 5.5.4"),
            (b"AUTH PLAIN " + b64encode(b"alice"), b"501 5.5.2"),
            (b"AUTH PLAIN " + WRONG, b"535 5.7.8"),
            (b"AUTH PLAIN " + b"A" * 13000, b"500 5.5.6"),
        ):
            conversation = self.greeted()
            said = conversation.say(line + b"\r\n")
            self.assertTrue(said.startswith(code), (line[:30], said))
            self.assertTrue(conversation.say(b"NOOP\r\n").startswith(b"250"))

    def test_a_response_may_be_long_but_not_longer(self):
        conversation = self.greeted()
        conversation.say(b"AUTH PLAIN\r\n")
        self.assertTrue(conversation.say(b"A" * 12284 + b"\r\n").startswith(b"501 5.5.2"))
        conversation.say(b"AUTH PLAIN\r\n")
        self.assertEqual(
            conversation.say(b"A" * 12288 + b"\r\n"),
            b"500 5.5.6 Authentication exchange line is too long\r\n",
        )

    def test_guessing_ends_the_connection(self):
        conversation = self.greeted()
        for _ in range(4):
            self.assertTrue(conversation.say(b"AUTH PLAIN " + WRONG + b"\r\n").startswith(b"535"))
        self.assertTrue(conversation.say(b"AUTH PLAIN " + WRONG + b"\r\n").startswith(b"421"))
        self.assertTrue(conversation.closed)

    def test_what_is_no_fault_of_the_client_is_temporary(self):
        for failure in (RateLimited(), TemporaryFailure(), RuntimeError("a defect")):
            self.sign_in.failure = failure
            said = self.greeted().say(b"AUTH PLAIN " + PLAIN + b"\r\n")
            self.assertTrue(said.startswith(b"454 4.7.0"), said)
            self.assertNotIn(b"defect", said)

    def test_nobody_signs_in_twice(self):
        conversation = self.greeted()
        conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\n")
        self.assertTrue(conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"503 5.5.1"))

    def test_nobody_signs_in_during_a_transaction(self):
        conversation = self.greeted()
        conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\nMAIL FROM:<alice@example.com>\r\n")
        self.assertTrue(conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"503 5.5.1"))

    def test_mail_needs_a_sign_in(self):
        self.assertTrue(self.greeted().say(b"MAIL FROM:<a@example.com>\r\n").startswith(b"530 5.7.0"))

    def test_from_elsewhere_signing_in_needs_tls(self):
        conversation = self.connect("192.0.2.1")
        self.assertNotIn(b"AUTH", conversation.say(b"EHLO x\r\n"))
        self.assertTrue(conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"538 5.7.11"))
        self.assertTrue(conversation.say(b"MAIL FROM:<a@example.com>\r\n").startswith(b"530 5.7.0 Must"))
        self.assertEqual(self.sign_in.bindings, [])


class FutureReleaseTests(SubmissionCase):
    def signed_in(self) -> Conversation:
        conversation = self.greeted()
        conversation.say(b"AUTH PLAIN " + PLAIN + b"\r\n")
        return conversation

    def test_a_message_may_be_held(self):
        conversation = self.signed_in()
        mail = b"MAIL FROM:<alice@example.com> HOLDFOR=3600 AUTH=<>\r\n"
        conversation.say(mail + b"RCPT TO:<b@example.org>\r\nDATA\r\n.\r\n")
        self.assertEqual(self.transactions.received[0].parameters.hold_for, 3600)

    def test_until_a_date_too(self):
        conversation = self.signed_in()
        mail = b"MAIL FROM:<alice@example.com> HOLDUNTIL=1970-01-02T00:00:00Z\r\n"
        conversation.say(mail + b"RCPT TO:<b@example.org>\r\nDATA\r\n.\r\n")
        self.assertEqual(self.transactions.received[0].parameters.hold_until, 86400.0)

    def test_but_not_for_ever(self):
        conversation = self.signed_in()
        for parameter in (
            b"HOLDFOR=2592001",
            b"HOLDUNTIL=1971-01-01T00:00:00Z",
            b"HOLDUNTIL=1970-13-01T00:00:00Z",
            b"HOLDFOR=-1",
            b"HOLDFOR=60 HOLDUNTIL=1970-01-02T00:00:00Z",
        ):
            said = conversation.say(b"MAIL FROM:<alice@example.com> " + parameter + b"\r\n")
            self.assertTrue(said.startswith(b"501 5.5.4"), (parameter, said))
