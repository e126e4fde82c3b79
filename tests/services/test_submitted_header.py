"""What is done to the header of a submitted message."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.refusal import MessageRejected, MessageTooBig, NotYourAddress, Refusal
from mailsys.services.submission.header import check_and_complete

WHOLE = b"From: a@b.example\r\nDate: x\r\nMessage-ID: <1@b>\r\n"


def edited(block: bytes) -> bytes:
    return check_and_complete(block, "DATE", "<ID>").block


class SubmittedHeaderTests(SynchronousTestCase):
    def test_a_complete_header_stays_octet_for_octet(self):
        block = WHOLE + b"Subject: =?utf-8?q?x?=  \r\n\t folded \r\nX:\r\n\r\n"
        self.assertEqual(edited(block), block)

    def test_missing_date_and_message_id_are_added(self):
        self.assertEqual(
            edited(b"From: a@b.example\r\n\r\n"),
            b"From: a@b.example\r\nDate: DATE\r\nMessage-ID: <ID>\r\n\r\n",
        )

    def test_bcc_goes_with_all_its_lines_wherever_it_stands(self):
        block = (
            b"bCC: x@y.example,\r\n\tz@y.example,\r\n w@y.example\r\n"
            + WHOLE
            + b"Resent-Bcc : q@y.example\r\nTo: t@y.example\r\nBcc:\r\n\r\n"
        )
        self.assertEqual(edited(block), WHOLE + b"To: t@y.example\r\n\r\n")

    def test_a_header_without_a_blank_line_is_completed_too(self):
        self.assertEqual(
            edited(b"From: a@b.example"), b"From: a@b.example\r\nDate: DATE\r\nMessage-ID: <ID>\r\n"
        )

    def test_a_missing_from_is_refused(self):
        for block in (b"\r\n", b"Subject: x\r\n\r\n", b""):
            with self.assertRaises(MessageRejected):
                edited(block)

    def test_two_from_fields_are_refused(self):
        with self.assertRaises(MessageRejected):
            edited(WHOLE + b"FROM: ceo@b.example\r\n\r\n")

    def test_every_author_and_the_sender_are_named(self):
        header = check_and_complete(
            b'From: "A, B" <a@b.example>, c@d.example, Team: e@f.example, g@h.example;\r\n'
            b"Sender: s@b.example\r\n\r\n",
            "DATE",
            "<ID>",
        )
        self.assertEqual(
            header.authors, ("a@b.example", "c@d.example", "e@f.example", "g@h.example", "s@b.example")
        )

    def test_hostile_from_lists_are_refused(self):
        for value in (
            b"",
            b"   ",
            b"nobody",
            b"Team:;",
            b"<>",
            b"a@b.example, nobody",
            b", ".join(b"a%d@b.example" % n for n in range(21)),
            b"a@b.example, " * 5000,
            b'"' + b"x" * 20000 + b'" <a@b.example>, ceo@b.example',
        ):
            with self.assertRaises(NotYourAddress):
                edited(b"From: " + value + b"\r\n\r\n")

    def test_a_from_that_readers_would_read_differently_is_refused(self):
        for value in (
            b"ceo@bank.example <a@b.example>",
            b"ceo@bank.example<a@b.example",
            b"<a@b.example",
            b'"ceo@bank.example <a@b.example>',
            b"a@b.example (ceo@bank.example)",
            b"<@ceo@bank.example:a@b.example>",
            b'"\\" <ceo@bank.example>, \\"" <a@b.example>',
            b"ceo\\@bank.example <a@b.example>",
            b"A ( <a@b.example>",
            b"a@b.example\0",
            b'<a@b.example> "ceo@bank.example",',
            b'=?utf-8?q?ceo=40bank.example?= "ceo@bank.example" a@b.example',
            b"a@b.example,, <a@b.example>",
        ):
            with self.assertRaises(NotYourAddress, msg=repr(value)):
                edited(b"From: " + value + b"\r\n\r\n")

    def test_usual_ways_to_write_a_name_are_taken(self):
        for value in (
            b"a@b.example",
            b"<a@b.example>",
            b"A. B. <a@b.example>",
            b'"A, B (C)" <a@b.example>',
            b'"a@b.example" <a@b.example>',
            b'"O\\"Neill" <a@b.example>',
            b"=?utf-8?q?=C3=84?= <a@b.example>",
            "Ä <a@b.example>".encode(),
            b"a@b.example (A B)",
            b"A\r\n\tB\r\n <a@b.example>",
            b'"a b"@b.example',
            b"A <a@[192.0.2.1]>",
        ):
            self.assertEqual(
                len(check_and_complete(b"From: " + value + b"\r\n\r\n", "D", "M").authors), 1, value
            )

    def test_a_header_of_very_many_fields_is_refused(self):
        with self.assertRaises(MessageTooBig):
            edited(WHOLE + b"X:\r\n" * 1000 + b"\r\n")
        edited(WHOLE + b"To: a@b.example,\r\n" + b" c@d.example,\r\n" * 5000 + b"\r\n")

    def test_a_from_behind_a_bare_line_feed_counts(self):
        with self.assertRaises(MessageRejected):
            edited(b"From: a@b.example\nFrom: ceo@b.example\r\n\r\n")

    def test_a_return_path_of_the_client_is_dropped(self):
        self.assertEqual(edited(b"Return-Path: <x@y.example>\r\n" + WHOLE + b"\r\n"), WHOLE + b"\r\n")

    @given(
        st.lists(
            st.sampled_from(
                [b"From: a@b.c\r\n", b"Bcc: x@y.z\r\n", b" fold\r\n", b"junk\r\n", b"X: y\r\n", b"\n"]
            )
        )
    )
    @settings(max_examples=200)
    def test_no_bcc_survives_and_nothing_else_is_lost(self, lines: list[bytes]):
        block = b"".join(lines)
        try:
            made = edited(block)
        except Refusal:
            return
        self.assertNotIn(b"Bcc", made.split(b"\n\n")[0].split(b"\r\n\r\n")[0])
        self.assertEqual(made.count(b"X: y\r\n"), block.count(b"X: y\r\n"))
