"""Paths of MAIL and RCPT."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp.path import BadPath, parse_path

GOOD = {
    b"<>": "",
    b"<a@b>": "a@b",
    b" <a@b.example>": "a@b.example",
    b"<a.b+c=d@Example.COM>": "a.b+c=d@Example.COM",
    b"<!#$%&'*+-/=?^_`{|}~@example.org>": "!#$%&'*+-/=?^_`{|}~@example.org",
    b'<"joe"@example.org>': "joe@example.org",
    b'<"j\\oe.x"@example.org>': "joe.x@example.org",
    b'<"joe smith"@example.org>': '"joe smith"@example.org',
    b'<"a@b\\"c\\\\"@example.org>': '"a@b\\"c\\\\"@example.org',
    b'<""@example.org>': '""@example.org',
    b'<"a..b"@example.org>': '"a..b"@example.org',
    b'<"a>b"@example.org>': '"a>b"@example.org',
    b"<@one.example,@two.example:a@b.example>": "a@b.example",
    b"<a@[192.0.2.1]>": "a@[192.0.2.1]",
    b"<a@[IPv6:2001:DB8::1]>": "a@[IPv6:2001:db8::1]",
    b"<Postmaster>": "postmaster",
    b"<POSTMASTER@example.org>": "POSTMASTER@example.org",
    b"<a@my_host.example>": "a@my_host.example",
    "<jürgen@exämple.org>".encode(): "jürgen@exämple.org",
    '<"jür gen"@example.org>'.encode(): '"jür gen"@example.org',
    b"<" + b"a" * 256 + b"@example.org>": "a" * 256 + "@example.org",
}
BAD = [
    b"",
    b"a@b",
    b"<a@b",
    b"<a>",
    b"<@b>",
    b"<a@>",
    b"<a@b@c>",
    b"<a b@c>",
    b"<a..b@c>",
    b"<.a@c>",
    b"<a.@c>",
    b"<a@c.>",
    b"<a@.c>",
    b"<a@-c>",
    b"<a@c->",
    b"<a@b c>",
    b'<"a@c>',
    b'<"a"b@c>',
    b'<"a\\"@c>',
    b"<a@[]>",
    b"<a@[1.2.3]>",
    b"<a@[256.1.1.1]>",
    b"<a@[IPv6:zz]>",
    b"<a@[IPv6:fe80::1%eth0]>",
    b"<a@[X-tag:foo]>",
    b"<a(comment)@b>",
    b"<a@b<c>",
    b"<\xff@b>",
    "<a\u0085b@example.org>".encode(),
    b"  <a@b>",
    b"<" + b"a" * 257 + b"@example.org>",
    b"<a@" + b"b" * 64 + b".example>",
    b"<a@" + b"b." * 130 + b"example>",
]


class PathTests(SynchronousTestCase):
    def test_good_paths_give_one_spelling_of_the_mailbox(self):
        for text, mailbox in GOOD.items():
            with self.subTest(text):
                self.assertEqual(parse_path(b"FROM:" + text + b" X", 5), (mailbox, 5 + len(text)))

    def test_bad_paths_are_refused(self):
        for text in BAD:
            with self.subTest(text):
                self.assertRaises(BadPath, parse_path, text)

    def test_the_one_spelling_is_a_path_again(self):
        for mailbox in GOOD.values():
            if "@" in mailbox:
                self.assertEqual(parse_path(f"<{mailbox}>".encode())[0], mailbox)

    def test_hostile_paths_take_no_time(self):
        begun = time.process_time()
        for text in (
            b"<" + b"a." * 2000 + b"@",
            b"<@" + b"a-" * 2000 + b":",
            b"<" + b"@a.b," * 800 + b"x",
            b'<"' + b"\\a" * 2000,
            b"<a@" + b"a-" * 2000 + b">",
            b"<a@" + b"a" * 4000 + b"!",
            b"<" + b"@" * 4000,
        ):
            self.assertRaises(BadPath, parse_path, text)
        self.assertLess(time.process_time() - begun, 0.1)  # some 3 ms here

    @settings(max_examples=200)
    @given(st.binary(max_size=60))
    def test_any_octets_parse_or_raise_the_one_error(self, text):
        try:
            mailbox, end = parse_path(b"<" + text)
        except BadPath:
            return
        self.assertLessEqual(end, len(text) + 1)
        if mailbox not in ("", "postmaster"):
            self.assertEqual(parse_path(f"<{mailbox}>".encode())[0], mailbox)

    @settings(max_examples=200)
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
    def test_any_quoted_local_part_comes_back(self, local):
        quoted = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        mailbox, _ = parse_path(f"<{quoted}@example.org>".encode())
        again, _ = parse_path(f"<{mailbox}>".encode())
        self.assertEqual(again, mailbox)
        self.assertIn(mailbox.rpartition("@")[0], (local, quoted))
