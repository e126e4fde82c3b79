import email
import email.policy
from email.message import Message

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message.thread import base_subject
from mailsys.core.queue.report import (
    LISTED_AT_MOST,
    Action,
    Original,
    Reported,
    compose_report,
    is_bounce,
    one_line,
    status_of,
    wants,
)

HEADER = (
    b"From: Alice <alice@example.com>\r\nTo: bob@example.net\r\nSubject: Lunch on\r\n Friday\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
    b"References: <0@example.com>\r\n\r\n"
)
BOB = Reported(
    "bob@example.net", Action.FAILED, "550 5.1.1 No such user", "mx.example.net [192.0.2.1]:25", at=9.0
)


def compose(recipients=(BOB,), **changes):
    original = Original(**{"sender": "alice@example.com", "created": 0.0, "header": HEADER} | changes)
    return compose_report(
        original,
        recipients,
        hostname="mx.example.com",
        postmaster="postmaster@example.com",
        now=100.0,
        unique="x" * 20,
    )


def parse(recipients=(BOB,), **changes) -> Message:
    return email.message_from_bytes(compose(recipients, **changes).data)


def fields(message: Message) -> list[Message]:
    """The groups of the delivery status: the message's, then one per recipient."""
    return message.get_payload()[1].get_payload()


class BounceTests(SynchronousTestCase):
    def test_a_bounce_is_what_speaks_against_the_address(self):
        for reply in ("550 5.1.1 No such user", "550 no such user", "556 5.1.10 none", "550 5.2.1 disabled"):
            self.assertTrue(is_bounce(reply), reply)
        for reply in ("550 5.7.1 Spam", "552 5.2.2 Full", "554 No", "550 5.6.7 No UTF-8", "552 5.3.4 Large"):
            self.assertFalse(is_bounce(reply), reply)


class ReportTests(SynchronousTestCase):
    def test_binary_mail_is_not_sent_back_in_a_report_of_text(self):
        for bad in (b"\0", b"a\nb", b"a\rb", b"\r\r\n"):
            data = compose(content=HEADER + bad + b"\r\n").data
            kind = email.message_from_bytes(data).get_payload()[2].get_content_type()
            self.assertEqual(kind, "text/rfc822-headers")
            data = compose(header=HEADER.replace(b"Lunch", b"Lu" + bad + b"nch")).data
            self.assertNotIn(b"\0", data)
            self.assertEqual(data.count(b"\n"), data.count(b"\r\n"))
            self.assertEqual(data.count(b"\r"), data.count(b"\r\n"))
            self.assertIn(b"Message-ID: <1@example.com>", data)

    def test_it_is_a_multipart_report_of_three_parts(self):
        message = parse()
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "delivery-status")
        self.assertEqual(
            [part.get_content_type() for part in message.get_payload()],
            ["text/plain", "message/delivery-status", "text/rfc822-headers"],
        )
        self.assertEqual(message.defects, [])

    def test_it_comes_from_the_postmaster_and_is_marked_automatic(self):
        message = parse()
        self.assertEqual(message["From"], "Mail Delivery System <postmaster@example.com>")
        self.assertEqual(message["To"], "<alice@example.com>")
        self.assertEqual(message["Auto-Submitted"], "auto-replied")

    def test_it_threads_with_the_message_it_is_about(self):
        message = parse()
        self.assertEqual(message["In-Reply-To"], "<1@example.com>")
        self.assertEqual(message["References"], "<0@example.com> <1@example.com>")
        self.assertEqual(base_subject(message["Subject"])[0], base_subject("Lunch on Friday")[0])

    def test_the_machine_part_says_what_happened_to_whom(self):
        about, bob = fields(parse(envid="QQ314"))
        self.assertEqual(about["Reporting-MTA"], "dns; mx.example.com")
        self.assertEqual(about["Original-Envelope-Id"], "QQ314")
        self.assertEqual(about["Arrival-Date"], "Thu, 1 Jan 1970 00:00:00 +0000")
        self.assertEqual(bob["Final-Recipient"], "rfc822; bob@example.net")
        self.assertEqual(bob["Action"], "failed")
        self.assertEqual(bob["Status"], "5.1.1")
        self.assertEqual(bob["Remote-MTA"], "dns; mx.example.net")
        self.assertEqual(bob["Diagnostic-Code"], "smtp; 550 5.1.1 No such user")
        self.assertEqual(bob["Last-Attempt-Date"], "Thu, 1 Jan 1970 00:00:09 +0000")

    def test_the_original_recipient_is_given_back(self):
        reported = Reported("b@x.example", Action.FAILED, "550 no", original="rfc822;bob+list@example.net")
        self.assertEqual(fields(parse([reported]))[1]["Original-Recipient"], "rfc822; bob+list@example.net")

    def test_a_delay_says_how_long_it_will_be_tried(self):
        delayed = Reported("b@x.example", Action.DELAYED, "451 4.3.0 later", "mx", retry_until=432000.0)
        message = parse([delayed])
        self.assertEqual(fields(message)[1]["Will-Retry-Until"], "Tue, 6 Jan 1970 00:00:00 +0000")
        self.assertIn("need not send it again", message.get_payload()[0].get_payload())
        self.assertTrue(message["Subject"].startswith("[Delayed] "))

    def test_people_read_what_went_wrong_and_who_said_so(self):
        text = parse().get_payload()[0].get_payload()
        self.assertIn("bob@example.net", text)
        self.assertIn("There is no such mailbox there", text)
        self.assertIn("mx.example.net [192.0.2.1]:25 said: 550 5.1.1 No such user", text)
        self.assertIn("Subject: Lunch on Friday", text)

    def test_our_own_reasons_are_not_put_into_the_mouth_of_a_server(self):
        ours = Reported("b@x.example", Action.FAILED, "550 5.1.2 The domain x.example does not exist")
        message = parse([ours])
        self.assertNotIn("Remote-MTA", fields(message)[1])
        self.assertTrue(fields(message)[1]["Diagnostic-Code"].startswith("x-local; 550 5.1.2"))

    def test_words_of_a_server_cannot_start_a_field_or_a_part(self):
        evil = "550 5.1.1 no\r\nX-Evil: 1\r\n\r\n--=_report_" + "x" * 20 + "\r\nContent-Type: text/html\r\n"
        message = parse([Reported("b@x.example", Action.FAILED, evil, "mx\r\nX-Evil: 2")])
        self.assertEqual(len(message.get_payload()), 3)
        self.assertEqual(len(fields(message)), 2)
        for group in fields(message):
            self.assertNotIn("X-Evil", group)

    def test_words_of_a_server_are_bounded(self):
        message = compose([Reported("b@x.example", Action.FAILED, "550 " + "x" * 10**6, "mx")])
        self.assertLess(len(message.data), 8000)
        self.assertTrue(all(len(line) <= 998 for line in message.data.split(b"\r\n")))

    def test_an_international_sender_gets_the_international_form(self):
        reported = Reported("bücher@example.net", Action.FAILED, "550 5.1.1 Nö", "mx")
        report = compose([reported], sender="jürgen@example.com")
        self.assertTrue(report.utf8)
        parts = email.message_from_bytes(report.data).get_payload()
        self.assertEqual(parts[1].get_content_type(), "message/global-delivery-status")
        self.assertIn("utf-8; bücher@example.net".encode(), report.data)

    def test_an_ascii_sender_gets_seven_bit_addresses(self):
        report = compose([Reported("bücher@example.net", Action.FAILED, "550 5.1.1 Nö", "mx")])
        self.assertFalse(report.utf8)
        group = fields(email.message_from_bytes(report.data))[1]
        self.assertEqual(group["Final-Recipient"], r"utf-8; b\x{FC}cher@example.net")
        self.assertTrue(group["Diagnostic-Code"].isascii())

    def test_a_whole_message_is_returned_when_it_is_given(self):
        content = HEADER + b"the body\r\n"
        part = parse(content=content).get_payload()[2]
        self.assertEqual(part.get_content_type(), "message/rfc822")
        self.assertEqual(part.get_payload()[0].get_payload(), "the body\r\n")

    def test_many_recipients_are_all_in_the_machine_part_and_some_in_the_text(self):
        many = [Reported(f"u{n}@x.example", Action.FAILED, "550 no", "mx") for n in range(1000)]
        message = parse(many)
        self.assertEqual(len(fields(message)), 1001)
        text = message.get_payload()[0].get_payload()
        self.assertEqual(text.count("@x.example"), LISTED_AT_MOST)
        self.assertIn("and 900 more", text)

    def test_an_encoded_subject_stays_as_it_is(self):
        header = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"
        self.assertEqual(parse(header=header)["Subject"], "[Not delivered] =?utf-8?q?Gr=C3=BC=C3=9Fe?=")

    def test_a_raw_utf8_subject_is_encoded(self):
        report = compose(header="Subject: Grüße aus Köln\r\n\r\n".encode())
        message = email.message_from_bytes(report.data, policy=email.policy.default)
        self.assertEqual(message["Subject"], "[Not delivered] Grüße aus Köln")

    def test_there_is_no_report_to_nobody(self):
        with self.assertRaises(ValueError):
            compose(sender="")

    @given(
        reply=st.text(max_size=300), host=st.text(max_size=60), address=st.text(min_size=1, max_size=60),
        original=st.text(max_size=60), envid=st.text(max_size=60), header=st.binary(max_size=300),
    )  # fmt: skip
    @settings(max_examples=200)
    def test_nothing_from_outside_breaks_the_structure(self, reply, host, address, original, envid, header):
        reported = Reported(address, Action.FAILED, reply, host, original, 5.0)
        data = compose([reported], envid=envid, header=header + b"\r\n\r\n").data
        head, _, rest = data.partition(b"\r\n\r\n")
        self.assertEqual(rest.count(b"\r\n--=_report_" + b"x" * 20 + b"\r\n"), 3)
        message = email.message_from_bytes(data)
        self.assertEqual(
            [part.get_content_type() for part in message.get_payload()],
            ["text/plain", "message/delivery-status", "text/rfc822-headers"],
        )
        self.assertEqual(len(fields(message)), 2)
        for line in head.split(b"\r\n"):
            self.assertLessEqual(len(line), 998)


class StatusTests(SynchronousTestCase):
    def test_the_enhanced_code_is_read_from_the_reply(self):
        for reply, action, status in (
            ("550 5.1.1 x", Action.FAILED, "5.1.1"),
            ("550-5.7.26 x", Action.FAILED, "5.7.26"),
            ("550 no code", Action.FAILED, "5.0.0"),
            ("451 later", Action.DELAYED, "4.0.0"),
            ("", Action.FAILED, "5.0.0"),
            ("250 ok", Action.RELAYED, "2.0.0"),
            ("550 5.1.1234 x", Action.FAILED, "5.0.0"),
        ):
            self.assertEqual(status_of(reply, action), status, reply)

    def test_notify_decides_who_is_told(self):
        for notify, action, told in (
            ("", Action.FAILED, True),
            ("", Action.DELAYED, True),
            ("", Action.RELAYED, False),
            ("NEVER", Action.FAILED, False),
            ("NEVER", Action.DELAYED, False),
            ("SUCCESS", Action.FAILED, False),
            ("SUCCESS", Action.RELAYED, True),
            ("FAILURE", Action.DELAYED, False),
            ("success,delay", Action.DELAYED, True),
        ):
            self.assertEqual(wants(notify, action), told, (notify, action))

    def test_one_line_is_one_line(self):
        self.assertEqual(one_line("a\r\nb\x00\u2028c  d"), "a b c d")
        self.assertEqual(len(one_line("x" * 5000)), 800)
