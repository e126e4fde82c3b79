"""ENVELOPE, BODY and BODYSTRUCTURE as wire bytes."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import header, structure
from mailsys.core.message.mime import parse
from tests.core.message import odd_messages as odd
from tests.core.message.test_mime import PIECES

_TOKEN = re.compile(rb'(\()|(\))|( )|"((?:[^"\\\r\n]|\\["\\])*)"|\{(\d+)\}\r\n|(NIL|\d+)')


def read(wire: bytes) -> object:
    """A strict reader of IMAP's parenthesised lists; fails on anything a client could not read."""
    stack: list[list[object]] = [[]]
    position = 0
    while position < len(wire):
        m = _TOKEN.match(wire, position)
        assert m is not None, wire[position : position + 40]
        position = m.end()
        if m.group(1):
            stack.append([])
        elif m.group(2):
            done = stack.pop()
            stack[-1].append(done)
        elif m.group(4) is not None:
            assert m.group(4).isascii()
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", m.group(4)))
        elif m.group(5):
            data = wire[position : position + int(m.group(5))]
            assert len(data) == int(m.group(5))
            assert b"\0" not in data
            stack[-1].append(data)
            position += len(data)
        elif m.group(6):
            stack[-1].append(None if m.group(6) == b"NIL" else int(m.group(6)))
    assert len(stack) == 1
    return stack[0][0]


def envelope(block: bytes) -> list[object]:
    found = read(structure.envelope(structure.index(header.fields(block))))
    assert isinstance(found, list)
    assert len(found) == 10
    return found


class EnvelopeTests(SynchronousTestCase):
    def test_every_field_is_in_its_place(self) -> None:
        block = (
            b"Date: d\r\nSubject: =?utf-8?q?=C3=B6?=\r\nFrom: A <a@x>\r\nSender: s@x\r\nReply-To: r@x\r\n"
            b"To: t@x, u@y\r\n"
            b"Cc: c@x\r\nBcc: b@x\r\nIn-Reply-To: <i@x>\r\nMessage-ID: <m@x>\r\n\r\n"
        )
        self.assertEqual(
            envelope(block),
            [
                b"d", b"=?utf-8?q?=C3=B6?=", [[b"A", None, b"a", b"x"]], [[None, None, b"s", b"x"]],
                [[None, None, b"r", b"x"]], [[None, None, b"t", b"x"], [None, None, b"u", b"y"]],
                [[None, None, b"c", b"x"]], [[None, None, b"b", b"x"]], b"<i@x>", b"<m@x>",
            ],
        )  # fmt: skip

    def test_sender_and_reply_to_default_to_from(self) -> None:
        found = envelope(b"From: a@x\r\nSender:\r\n\r\n")
        self.assertEqual(found[2:5], [[[None, None, b"a", b"x"]]] * 3)

    def test_what_is_missing_is_nil(self) -> None:
        self.assertEqual(envelope(b"\r\n"), [None] * 10)

    def test_an_empty_subject_is_not_a_missing_one(self) -> None:
        self.assertEqual(envelope(b"Subject:\r\n\r\n")[1], b"")

    def test_groups_are_marked(self) -> None:
        self.assertEqual(
            envelope(b"To: g: a@x;\r\n\r\n")[5],
            [[None, None, b"g", None], [None, None, b"a", b"x"], [None, None, None, None]],
        )

    def test_what_cannot_be_quoted_is_a_literal(self) -> None:
        self.assertEqual(structure.string(b'say "x\\y"'), b'"say \\"x\\\\y\\""')
        self.assertEqual(structure.string("ö".encode()), b"{2}\r\n\xc3\xb6")
        self.assertEqual(structure.string(b"a\rb"), b"{3}\r\na\rb")
        self.assertEqual(structure.string(b"a\0b\x80"), b"{3}\r\nab\x80")
        self.assertTrue(structure.string(b"x" * 5000).startswith(b"{5000}\r\n"))

    def test_a_huge_recipient_list_makes_a_bounded_envelope(self) -> None:
        block = b"To: " + b", ".join(b"a%d@example.org" % i for i in range(10_000)) + b"\r\n\r\n"
        self.assertLess(len(structure.envelope(structure.index(header.fields(block)))), 64 * 1024)

    @given(
        st.lists(
            st.tuples(st.sampled_from([b"From", b"To", b"Subject", b"Date"]), st.binary(max_size=60)),
            max_size=4,
        )
    )
    def test_any_octets_make_a_readable_envelope(self, found: list[tuple[bytes, bytes]]) -> None:
        envelope(b"".join(b"%b: %b\r\n" % pair for pair in found) + b"\r\n")


class BodyTests(SynchronousTestCase):
    def test_a_plain_message(self) -> None:
        body, extended = structure.bodies(parse(odd.PLAIN))
        self.assertEqual(body, b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 25 2)')
        self.assertEqual(extended, body[:-1] + b" NIL NIL NIL NIL)")

    def test_plain_text_without_a_charset_is_shown_in_ascii(self) -> None:
        """RFC 2046 §4.1.2. Other texts may name theirs inside, and who names one is believed."""
        for kind, shown in (
            (b"text/plain", b'("charset" "us-ascii")'),
            (b"text/plain; format=flowed", b'("format" "flowed" "charset" "us-ascii")'),
            (b"text/plain; charset=utf-8", b'("charset" "utf-8")'),
            (b"text/html", b"NIL"),
            (b"nonsense", b'("charset" "us-ascii")'),
        ):
            body, _ = structure.bodies(parse(b"Content-Type: " + kind + b"\r\n\r\nx"))
            self.assertIn(b'" ' + shown + b" NIL NIL", body)

    def test_parts_and_enclosed_messages(self) -> None:
        body, extended = structure.bodies(parse(odd.MIXED))
        alternative, message, subtype, *extension = read(extended)  # type: ignore[misc]
        self.assertEqual(subtype, b"mixed")
        self.assertEqual(extension, [[b"boundary", b"b"], None, None, None])
        self.assertEqual(alternative[1][:3], [b"text", b"html", [b"charset", b"utf-8"]])
        self.assertEqual(message[:2], [b"message", b"rfc822"])
        self.assertEqual(message[7][1], b"inner")  # its envelope's subject
        self.assertEqual(
            message[8][1],
            [
                b"image", b"png", [b"name", b"x.png"], b"<x@y>", b"a picture", b"base64", 12, b"abc",
                [b"attachment", [b"filename", b"x.png"]], [b"en", b"de"], b"http://x/",
            ],
        )  # fmt: skip
        self.assertEqual(message[9], 20)  # lines
        self.assertEqual(read(body)[1][8][1], message[8][1][:7])  # type: ignore[index]

    def test_every_odd_message_has_a_readable_structure(self) -> None:
        for content in odd.ALL:
            for wire in structure.bodies(parse(content)):
                read(wire)

    @given(PIECES)
    @settings(max_examples=150)
    def test_any_parts_make_a_readable_structure(self, content: bytes) -> None:
        def check(found: object) -> None:
            assert isinstance(found, list)
            if isinstance(found[0], list):
                parts = [entry for entry in found if isinstance(entry, list)]
                self.assertIsInstance(found[len(parts)], bytes)
                for part in parts:
                    check(part)
            else:
                self.assertIsInstance(found[6], int)

        body, extended = structure.bodies(parse(content))
        check(read(body))
        read(extended)
