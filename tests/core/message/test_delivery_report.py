"""Delivery reports of other systems (RFC 3464)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message.delivery_report import RecipientReport, read_delivery_report
from mailsys.core.queue.report import Action, Original, Reported, compose_report
from tests.core.message import odd_messages as odd

POSTFIX = odd.crlf(
    "From: MAILER-DAEMON@mx.example.net (Mail Delivery System)\nTo: a@example.com\n"
    "Content-Type: multipart/report; report-type=delivery-status;\n boundary=b\n\n"
    "--b\nContent-Description: Notification\n\nI'm sorry.\n\n"
    "--b\nContent-Type: message/delivery-status\n\n"
    "Reporting-MTA: dns; mx.example.net\nX-Postfix-Queue-ID: 1\nOriginal-Envelope-Id: QQ314159\n"
    "Arrival-Date: Mon, 02 Nov 2026 10:00:00 +0000\n\n"
    "Final-Recipient: rfc822; new@example.net\nOriginal-Recipient: rfc822;old@example.net\n"
    "Action: Failed\nStatus: 5.1.1\nRemote-MTA: dns; in.example.net\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <new@example.net>:\n    no such user\n\n"
    "Final-Recipient: rfc822; two@example.net\nAction: relayed\nStatus: 2.0.0\n"
    "Diagnostic-Code: x-local; whatever\n\n"
    "--b\nContent-Type: message/rfc822\n\n"
    "From: a@example.com\nMessage-ID: <1@example.com>\n\nHello\n\n--b--\n"
)


class ReadingTests(SynchronousTestCase):
    def test_what_postfix_writes(self):
        found = read_delivery_report(POSTFIX)
        self.assertEqual(
            found.recipients,
            (
                RecipientReport(
                    "new@example.net",
                    "old@example.net",
                    "failed",
                    "550 5.1.1 <new@example.net>:    no such user",
                ),
                RecipientReport("two@example.net", "", "relayed", ""),
            ),
        )
        self.assertEqual((found.envelope_id, found.message_id), ("QQ314159", "<1@example.com>"))

    def test_only_the_header_came_back(self):
        content = POSTFIX.replace(b"message/rfc822", b"text/rfc822-headers")
        self.assertEqual(read_delivery_report(content).message_id, "<1@example.com>")

    def test_nothing_came_back_but_it_says_what_it_answers(self):
        content = odd.crlf("In-Reply-To: <2@example.com>\n") + POSTFIX.replace(b"Message-ID:", b"X-None:")
        self.assertEqual(read_delivery_report(content).message_id, "<2@example.com>")

    def test_other_messages_are_none(self):
        for content in (
            odd.PLAIN,
            odd.MIXED,
            POSTFIX.replace(b"message/delivery-status", b"text/plain"),
            POSTFIX.replace(b"Action:", b"X-Action:"),
            POSTFIX.replace(b"multipart/report", b"multipart/mixed"),
        ):
            self.assertIsNone(read_delivery_report(content))

    @given(st.lists(st.sampled_from(list(Action)), min_size=1, max_size=5), st.text(max_size=80))
    @settings(max_examples=40)
    def test_what_we_write_is_read(self, actions, words):
        people = [
            Reported(f"r{number}@example.net", action, f"550 {words}", original=f"rfc822;o{number}@x.test")
            for number, action in enumerate(actions)
        ]
        original = Original("a@example.com", 1.7e9, b"Message-ID: <1@example.com>\r\n\r\n", None, "e id")
        data = compose_report(
            original, people, hostname="h.test", postmaster="p@h.test", now=1.7e9, unique="u" * 20
        ).data
        found = read_delivery_report(data)
        self.assertEqual(
            [(one.final, one.original, one.action) for one in found.recipients],
            [(one.address, one.original[7:], one.action.value) for one in people],
        )
        self.assertEqual((found.envelope_id, found.message_id), ("e id", "<1@example.com>"))

    @given(st.binary(max_size=400), st.integers(0, len(POSTFIX)))
    @settings(max_examples=60)
    def test_no_octets_make_it_fail(self, octets, at):
        read_delivery_report(octets)
        read_delivery_report(POSTFIX[:at] + octets + POSTFIX[at:])
