"""Tokens: what they say of a message, that its way through servers changes none, and their bounds."""

from __future__ import annotations

import time
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from mailsys.core.trust.tokens import MAX_TOKENS, key, shown, tokens

LETTER = (
    b"From: =?utf-8?q?Prize_Office?= <win777@mail.biz.example>\r\n"
    b"Reply-To: other@elsewhere.example\r\n"
    b"To: undisclosed-recipients:;\r\n"
    b"Subject: FREE MONEY NOW !!\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0800\r\n"
    b"Message-ID: <abc123@mail.biz.example>\r\n"
    b"X-Mailer: Blaster 7.1\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: text/html; charset="windows-1251"\r\n'
    b"\r\n"
    b"<html><body bgcolor=#ff0000><p>Claim your free money"
    b' <a href="http://user@192.0.2.7:8080/claim/prize?id=7">here</a>'
    b'<img src="http://track.co.uk/p.gif"><span style="display:none">x</span></body></html>\r\n'
)
TRACE = (
    b"Return-Path: <win777@mail.biz.example>\r\n"
    b"Received: from x by y; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    b"Authentication-Results: mx.example.org; spf=fail\r\n"
    b"X-Spam-Status: Yes\r\n"
    b"ARC-Seal: i=1; a=rsa-sha256\r\n"
    b"Delivered-To: alice@example.org\r\n"
)


class TokenTests(TestCase):
    def test_what_is_seen_in_a_message(self) -> None:
        found = set(tokens(LETTER))
        for token in (
            "subject=free money",
            "built=subject in capitals",
            "built=subject with an exclamation mark",
            "from=win777@mail.biz.example",
            "from domain=biz.example",
            "from name=prize",
            "built=replies go to another domain",
            "built=undisclosed recipients",
            "program=blaster",
            "zone=+480",
            "message-id=mail.biz.example",
            "charset=windows-1251",
            "part=text/html",
            "word=free money",
            "word=claim",
            "link=192.0.2.*",
            "link=track.co.uk",
            "link path=claim",
            "built=link with a user name",
            "built=link to a bare address",
            "built=link to an odd port",
            "built=HTML alone",
            "built=hidden text",
            "tag=img",
            "colour=#ff0000",
            "field=x-mailer",
        ):
            self.assertIn(token, found)

    def test_what_servers_put_in_front_gives_no_token(self) -> None:
        """Else what is judged on its way in and what is learned from the store would differ."""
        self.assertEqual(tokens(TRACE + LETTER), tokens(LETTER))

    def test_text_in_any_encoding_gives_the_same_words(self) -> None:
        head = (
            b"From: a@example.net\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
        )
        plain = set(tokens(head + b"8bit\r\n\r\nK\xc3\xa4se kaufen\r\n"))
        for encoding, body in (
            (b"base64", b"S8Okc2Uga2F1ZmVuDQo="),
            (b"quoted-printable", b"K=C3=A4se kau=\r\nfen"),
        ):
            found = set(tokens(head + encoding + b"\r\n\r\n" + body + b"\r\n"))
            self.assertTrue({"word=käse kaufen", "word=käse"} <= plain & found)

    def test_keys_are_the_same_in_every_process(self) -> None:
        self.assertEqual(key("word=free money"), 9129285233674254957)
        self.assertTrue(all(-(1 << 63) <= key(each) < 1 << 63 for each in tokens(LETTER)))

    def test_people_can_read_them(self) -> None:
        self.assertEqual(shown("word=free money"), "the words “free money”")
        self.assertEqual(shown("from domain=biz.example"), "a sender at biz.example")
        self.assertEqual(shown("link=a\u202eb\nc"), "a link to a?b?c")
        self.assertTrue(all(shown(each).isprintable() for each in tokens(LETTER)))

    @given(st.binary(max_size=2000))
    def test_any_octets(self, octets: bytes) -> None:
        for content in (octets, LETTER[:200] + octets, b"Content-Type: text/html\r\n\r\n<a href=" + octets):
            found = tokens(content)
            self.assertEqual(len(found), len(set(found)))
            self.assertTrue(all(shown(each).isprintable() and key(each) is not None for each in found))

    def test_bounded_in_number_and_time(self) -> None:
        html = b"From: a@b\r\nContent-Type: text/html\r\n\r\n"
        size = 256 * 1024
        for content in (
            b"".join(b"word%d " % n for n in range(40_000)),
            b"a b c d e f g h i j " * (size // 20),
            b"From: a@b\r\n\r\n" + b"a" + b"." * size,
            html + b"<" * size,
            html + b"<a href=" + b" " * size,
            html + (b"<a href=" + b" " * 990 + b">") * 260,
            html + (b"<td color" + b" " * 990 + b">") * 260,
            html + b"<a href=http://h/" * (size // 17),
            html + b"http://a.b/c " * (size // 13),
            b"From: " + b"<a@b>," * (size // 6) + b"\r\n\r\n",
            b"X: y\r\n" * (size // 6) + b"\r\n\r\n",
            b"Subject: " + b"=?utf-8?q?a?= " * (size // 15) + b"\r\n\r\n",
        ):
            began = time.process_time()
            found = tokens(content[:size])
            self.assertLess(time.process_time() - began, 1.0, content[:60])
            self.assertLessEqual(len(found), MAX_TOKENS)
