"""Messages of our own making, read back by Python's parser."""

from __future__ import annotations

import email
import email.policy
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import compose, header
from mailsys.core.message.address import Group, Mailbox
from mailsys.core.message.analysis import analyse
from mailsys.core.message.body import decoded
from mailsys.core.message.encoded import decode_words
from mailsys.core.message.mime import parse

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300)


class FieldTests(SynchronousTestCase):
    def test_short_fields_stay_on_their_line(self) -> None:
        self.assertEqual(compose.field("Subject", "Hello there"), b"Subject: Hello there\r\n")
        self.assertEqual(compose.field("X-Empty", ""), b"X-Empty: \r\n")

    def test_line_breaks_are_refused_everywhere(self) -> None:
        for bad in ("a\r\nBcc: x@y", "a\nb", "a\rb", "a\0b"):
            with self.assertRaises(ValueError):
                compose.field("Subject", bad)
            with self.assertRaises(ValueError):
                compose.structured("Date", bad)
            with self.assertRaises(ValueError):
                compose.field("Sub" + bad, "x")
            with self.assertRaises(ValueError):
                compose.attachment(b"", "a/b", bad)
        self.assertEqual(compose.address_field("To", [Mailbox("a\r\nb", "x", "y.org")]).count(b"\r\n"), 1)

    def test_names_are_checked(self) -> None:
        for name in ("", "A B", "A:", "Ü", "x" * 100):
            with self.assertRaises(ValueError):
                compose.field(name, "x")

    def test_a_value_too_long_for_any_line_is_encoded_or_refused(self) -> None:
        made = compose.field("Subject", "x" * 5000)
        self.assertLessEqual(max(map(len, made.split(b"\r\n"))), 78)
        with self.assertRaises(ValueError):
            compose.structured("Message-ID", "x" * 5000)

    @given(TEXT.map(lambda t: " ".join(t.split()).strip()))
    @settings(max_examples=150)
    def test_any_text_survives_folding_and_encoding(self, words: str) -> None:
        made = compose.field("Subject", words)
        self.assertTrue(made.isascii())
        self.assertLessEqual(max(map(len, made.split(b"\r\n"))), 998)
        ((name, value),) = header.fields(made)
        self.assertEqual((name, decode_words(value)), (b"subject", words))

    def test_addresses_fold_between_words(self) -> None:
        made = compose.address_field(
            "To", [Mailbox(f"Person {i}", f"p{i}", "example.org") for i in range(20)]
        )
        self.assertLessEqual(max(map(len, made.split(b"\r\n"))), 78)
        self.assertEqual(len(email.message_from_bytes(made, policy=email.policy.default)["To"].addresses), 20)

    def test_groups_can_be_written(self) -> None:
        self.assertEqual(
            compose.address_field("To", [Group("undisclosed-recipients", ())]),
            b"To: undisclosed-recipients: ;\r\n",
        )


class MessageTests(SynchronousTestCase):
    def test_a_report_reads_as_one(self) -> None:
        original = b"From: a@b.org\r\nSubject: x\r\n\r\nbody \xff\r\n"
        report = compose.multipart(
            "report",
            [
                compose.text("Your mail could not be delivered.\nSorry."),
                compose.delivery_status(
                    [[("Reporting-MTA", "dns; mx")], [("Final-Recipient", "rfc822; ö\r\n"), ("Action", "x")]]
                ),
                compose.headers_part(original[:27]),
            ],
            compose.new_boundary(Random(1)),
            report_type="delivery-status",
        )  # fmt: skip
        content = compose.compose(
            [
                compose.structured("Date", "Tue, 24 Nov 2026 03:02:11 +0000"),
                compose.structured("Message-ID", compose.new_message_id(Random(1), 1.5, "example.org")),
                compose.address_field("From", [Mailbox("Mail Delivery System", "postmaster", "example.org")]),
                compose.field("Subject", "Undelivered: ünicode"),
            ],
            report,
        )
        read = email.message_from_bytes(content, policy=email.policy.default)
        self.assertEqual(read.get_content_type(), "multipart/report")
        self.assertEqual(read.get_param("report-type"), "delivery-status")
        self.assertEqual(
            [part.get_content_type() for part in read.iter_parts()],
            ["text/plain", "message/delivery-status", "text/rfc822-headers"],
        )
        self.assertEqual(read["Subject"], "Undelivered: ünicode")
        self.assertFalse(read.defects)
        self.assertTrue(content.isascii())
        self.assertNotRegex(content, rb"(?<!\r)\n|\r(?!\n)")
        self.assertEqual(len(parse(content).children), 3)
        self.assertEqual(analyse(content).preview, "Your mail could not be delivered. Sorry.")

    def test_an_enclosed_message_keeps_its_octets(self) -> None:
        original = b"Subject: x\r\n\r\n--b\r\n\xff\r\n--b--\r\n"
        entity = compose.multipart("mixed", [compose.message_part(original)], "b")
        content = compose.compose([], entity)
        root = parse(content)
        (part,) = root.children
        self.assertEqual(content[part.body : part.end], original)
        self.assertEqual((root.encoding, part.encoding), (b"8bit", b"8bit"))
        self.assertTrue(entity.eight_bit)

    def test_an_attachment_comes_back(self) -> None:
        data = bytes(range(256)) * 10
        content = compose.compose(
            [], compose.multipart("mixed", [compose.attachment(data, "a/b", "ü.bin")], "b")
        )
        (part,) = email.message_from_bytes(content, policy=email.policy.default).iter_attachments()
        self.assertEqual(part.get_payload(decode=True), data)
        self.assertEqual(part.get_filename(), "ü.bin")

    @given(TEXT)
    @settings(max_examples=150)
    def test_any_text_comes_back_in_short_ascii_lines(self, words: str) -> None:
        content = compose.compose([], compose.text(words))
        self.assertTrue(content.isascii())
        self.assertNotRegex(content, rb"(?<!\r)\n|\r(?!\n)")
        self.assertLessEqual(max(map(len, content.split(b"\r\n"))), 998)
        back = b"".join(decoded(content, parse(content))).decode()
        expected = words.replace("\r\n", "\n").replace("\r", "\n")
        self.assertEqual(back.replace("\r\n", "\n").removesuffix("\n"), expected.removesuffix("\n"))

    def test_long_lines_are_wrapped_by_the_encoding(self) -> None:
        content = compose.compose([], compose.text("x" * 5000))
        self.assertLessEqual(max(map(len, content.split(b"\r\n"))), 78)
