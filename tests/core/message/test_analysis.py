"""What is read off a message on arrival, and that nothing hostile makes it dear."""

from __future__ import annotations

import dataclasses
import mmap
import tempfile
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import mime, text
from mailsys.core.message.analysis import analyse
from mailsys.core.message.facts import MessageFacts
from tests.core.message import odd_messages as odd
from tests.core.message.test_mime import PIECES
from tests.core.message.test_structure import read


def header_block(content: Any) -> bytes:
    """The header as it stands, blank line included; of an overlong one the first 256 KB in whole lines."""
    return bytes(content[: mime.header_end(content, 0, len(content))])


class FactTests(SynchronousTestCase):
    def test_a_plain_message(self) -> None:
        facts = analyse(odd.PLAIN)
        self.assertEqual(facts.size, len(odd.PLAIN))
        self.assertEqual(facts.header_size, odd.PLAIN.index(b"\r\n\r\n") + 4)
        self.assertEqual(facts.message_id, "<1@example.org>")
        self.assertEqual(facts.references, ())
        self.assertEqual((facts.subject, facts.base_subject, facts.subject_text), ("Hello", "hello", "hello"))
        self.assertEqual(facts.sender, "Alice <alice@example.org>")
        self.assertEqual(facts.recipients, "Bob <bob@example.net>, carol@example.net")
        self.assertEqual(facts.sent_at, 1795485731.0)
        self.assertEqual(facts.preview, "Dear Bob, how are you?")
        self.assertFalse(facts.has_attachment)
        self.assertEqual(facts.from_text, "alice <alice@example.org>")
        self.assertEqual(facts.to_text, "bob <bob@example.net>, carol@example.net")
        self.assertEqual((facts.cc_text, facts.bcc_text), ("", ""))
        self.assertEqual(facts.body_text, "dear bob, how are you? ")
        self.assertIn("subject: hello\n", facts.header_text)
        self.assertIn("to: bob <bob@example.net>, carol@example.net\n", facts.header_text)

    def test_all_text_parts_are_searched_and_the_first_is_shown(self) -> None:
        facts = analyse(odd.MIXED)
        self.assertEqual(facts.preview, "plain words")
        self.assertEqual(facts.body_text.split(), ["plain", "words", "html", "words", "grüsse"])
        self.assertTrue(facts.has_attachment)

    def test_html_alone_is_shown_as_text(self) -> None:
        content = odd.crlf("Content-Type: text/html\n\n<style>x</style><p>Dear <b>all</b>,<br>hello</p>\n")
        facts = analyse(content)
        self.assertEqual(facts.preview, "Dear all, hello")
        self.assertFalse(facts.has_attachment)

    def test_fields_in_the_charset_of_the_text_are_read_in_it(self) -> None:
        content = (
            "From: Пётр <p@b.org>\r\nSubject: Привет\r\nX-Mailer: Ж\r\n"
            "Content-Type: text/plain; charset=koi8-r\r\n\r\n"
        )
        facts = analyse(content.encode("koi8-r"))
        self.assertEqual((facts.sender, facts.subject), ("Пётр <p@b.org>", "Привет"))
        self.assertEqual((facts.subject_text, facts.base_subject), ("привет", "привет"))
        self.assertIn("x-mailer: ж\n", facts.header_text)
        self.assertIn("Привет".encode("koi8-r"), facts.envelope)

    def test_encoded_fields_are_decoded_for_people_and_search(self) -> None:
        facts = analyse(
            b"From: =?utf-8?q?J=C3=B6rg?= <j@b.org>\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
            b"\tDICH\r\nX-Raw: \xe9\r\n\r\n"
        )
        self.assertEqual(facts.sender, "Jörg <j@b.org>")
        self.assertEqual(facts.subject, "Grüße DICH")
        self.assertEqual(facts.subject_text, text.fold("Grüße DICH"))
        self.assertEqual(facts.header_text, "from: jörg <j@b.org>\nsubject: grüsse dich\nx-raw: é\n")
        self.assertIn(b"=?utf-8?q?J=C3=B6rg?=", facts.envelope)

    def test_people_are_searched_as_they_are_written_and_as_they_are_shown(self) -> None:
        facts = analyse(
            b'From: "Doe\\, J\\"r" <jd@b.org>\r\nTo: jo (Joe Bloggs) @ b.org\r\n'
            b'Cc: "=?utf-8?q?J=C3=B6rg?= M" <m@b.org>, plain@b.org\r\nBcc: Ann <a@b.org>\r\n\r\n'
        )
        self.assertIn('doe, j"r <jd@b.org>', facts.from_text)
        self.assertIn('"doe\\, j\\"r"', facts.from_text)
        self.assertIn("joe bloggs <jo@b.org>", facts.to_text)
        self.assertIn("jörg m <m@b.org>, plain@b.org", facts.cc_text)
        self.assertEqual(facts.bcc_text, "ann <a@b.org>")

    def test_inline_pictures_of_a_page_are_no_attachments(self) -> None:
        content = odd.crlf(
            "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<img src=cid:x>\n"
            "--b\nContent-Type: image/png\nContent-ID: <x>\nContent-Disposition: inline\n\nx\n--b--\n"
        )
        self.assertFalse(analyse(content).has_attachment)

    def test_an_attachment_is_what_would_be_offered_for_saving(self) -> None:
        """RFC 8621 §4.1.4 hasAttachment; the second part of a multipart/mixed."""
        for offered, fields in (
            (False, "Content-Type: image/png\nContent-Disposition: inline\n"),
            (False, "Content-Type: image/png\n"),  # shown below the text
            (True, "Content-Type: image/png\nContent-Disposition: attachment\n"),
            (True, "Content-Type: application/pdf\n"),
            (True, "Content-Type: application/pdf\nContent-Disposition: inline; filename=a.pdf\n"),
            (False, "Content-Type: text/plain\n"),
            (False, "Content-Type: text/plain; name=a.txt\nContent-Disposition: inline\n"),
            (True, "Content-Type: text/plain; name=a.txt\n"),
            (True, "Content-Type: text/calendar\n"),
            (True, "Content-Type: message/rfc822\n"),
            (False, "Content-Type: message/delivery-status\n"),
            (False, "Content-Type: multipart/mixed; boundary=c\n"),
        ):
            content = odd.crlf(
                "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n" + fields + "\nx\n--b--\n"
            )
            self.assertIs(analyse(content).has_attachment, offered, fields)

    def test_a_message_that_is_nothing_but_a_file_has_an_attachment(self) -> None:
        for offered, kind in ((True, "application/pdf"), (True, "text/calendar"), (False, "image/png")):
            content = odd.crlf(f"Content-Type: {kind}\n\nx\n")
            self.assertIs(analyse(content).has_attachment, offered, kind)

    def test_signatures_are_no_attachments(self) -> None:
        content = odd.crlf(
            "Content-Type: multipart/signed; boundary=b\n\n--b\n\ntext\n--b\n"
            "Content-Type: application/pgp-signature\n\nx\n--b--\n"
        )
        self.assertFalse(analyse(content).has_attachment)

    def test_only_the_first_octets_count_when_a_size_is_given(self) -> None:
        self.assertEqual(analyse(odd.PLAIN + b"more", len(odd.PLAIN)), analyse(odd.PLAIN))

    def test_a_mapped_file_gives_the_same_facts(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(odd.MIXED)
            file.flush()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                self.assertEqual(analyse(mapped), analyse(odd.MIXED))
                self.assertEqual(header_block(mapped), header_block(odd.MIXED))

    def test_the_header_block_ends_with_its_blank_line(self) -> None:
        self.assertTrue(header_block(odd.PLAIN).endswith(b"@example.org>\r\n\r\n"))
        self.assertEqual(header_block(odd.NO_HEADER), b"\r\n")
        self.assertEqual(header_block(odd.NO_BODY), odd.NO_BODY)
        self.assertLessEqual(len(header_block(b"a: b\r\n" * 100_000)), mime.MAX_HEADER)

    @given(PIECES | st.binary(max_size=300))
    @settings(max_examples=200)
    def test_any_octets_have_facts_that_can_be_stored(self, content: bytes) -> None:
        facts = analyse(content)
        self.assertEqual(facts.size, len(content))
        self.assertEqual(content[: facts.header_size], header_block(content))
        for wire in (facts.envelope, facts.body, facts.body_structure):
            read(wire)
        for field in dataclasses.fields(MessageFacts):
            value = getattr(facts, field.name)
            if isinstance(value, str):
                value.encode("utf-8")
                self.assertNotIn("\0", value)


MULTIPART = b"Content-Type: multipart/mixed; boundary"
EW = b"=?utf-8?q?=C3=B6?= "
HOSTILE = {
    "encoded words": b"Subject: " + EW * 10_000 + b"\r\n\r\n",
    "parameters": b"Content-Type: text/plain; " + b"a=b; " * 200_000 + b"\r\n\r\n",
    "open comments": b"From: " + b"(" * 250_000 + b"\r\n\r\n",
    "open angles": b"From: " + b"<" * 250_000 + b"\r\n\r\n",
    "routes": b"From: " + b"<@a," * 60_000 + b"\r\n\r\n",
    "recipients": b"To: " + b",\r\n ".join(b"u%d@example.org" % i for i in range(200_000)) + b"\r\n\r\nhi",
    "fields": b"a:b\r\n" * 100_000 + b"\r\nhi",
    "folds": b"a: b\r\n" + b" \r\n" * 80_000 + b"\r\nhi",
    "depth": b"".join(b"%b=b%d\r\n\r\n--b%d\r\n" % (MULTIPART, i, i) for i in range(1000)),
    "messages": b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    "parts": MULTIPART + b"=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "near delimiters": MULTIPART + b"=b\r\n\r\n--b\r\n\r\n" + b"\n--bx" * 1_000_000,
    "references": b"References: " + b"<a@b>" * 50_000 + b"\r\n\r\n",
    "replies": b"Subject: " + b"re:" * 80_000 + b"\r\n\r\n",
    "one line": b"Subject: x\r\n\r\n" + b"x" * 10_000_000,
}  # fmt: skip


class HostileTests(SynchronousTestCase):
    def test_answers_are_bounded_and_time_is_linear(self) -> None:
        for name, content in HOSTILE.items():
            began = time.process_time()
            facts = analyse(content)
            self.assertLess(time.process_time() - began, 5, name)  # each takes well under 0.2 s
            self.assertLessEqual(len(facts.header_text), 2 * mime.MAX_HEADER, name)
            self.assertLessEqual(len(facts.body_text), text.MAX_TEXT, name)
            self.assertLessEqual(len(facts.envelope), 512 * 1024, name)
            self.assertLessEqual(len(facts.body_structure), 2 * mime.MAX_HEADERS, name)
            self.assertLessEqual(len(facts.references), 100, name)
            self.assertLessEqual(
                max(len(facts.subject), len(facts.sender), len(facts.recipients)), 1000, name
            )
            self.assertLessEqual(len(facts.preview), 256, name)
