"""Messages that are made to cost: each is taken or refused at once, then read by an IMAP client."""

from __future__ import annotations

from mailsys.core.message.mime import MAX_DEPTH
from tests.hostile.target import MB, HostileTestCase, deliver

FETCH = b"f FETCH * (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (TO)] BODY.PEEK[TEXT]<0.100>)\r\n"


class MessageBombs(HostileTestCase):
    def take(self, content: bytes, *, memory: int = 48 * MB, wait: float = 0.5) -> bytes:
        """Delivered, fetched, searched; gives what FETCH said."""
        with self.bounded(memory=memory, wait=wait):
            reply = deliver(self.smtp(), content)
            self.assertRegex(reply, rb"^(250|5\d\d) ")
            imap = self.imap(b"INBOX")
            imap.say(FETCH)
            told = b"".join(imap.until(b"f "))
            self.assertRegex(told.splitlines()[-1], rb"^f OK")
            imap.say(b's SEARCH OR SUBJECT "zzz" OR BODY "zzz" HEADER X-None ""\r\n').until(b"s OK")
        return told

    def test_encoded_words_without_end(self):
        word = b" =?utf-8?q?=41?="
        self.take(b"Subject:" + word * 7000 + b"\r\n\r\nx\r\n")
        self.take(b"Subject:" + (word * 50 + b"\r\n") * 1000 + b"\r\nx\r\n")
        self.take(b"From: " + b"=?utf-8?b?" * 20_000 + b"\r\nSubject: " + b"=?" * 50_000 + b"\r\n\r\nx\r\n")
        self.take(b"Subject: " + b"=?utf-7?q?+AGE-?= " * 5000 + b"\r\n\r\nx\r\n")

    def test_parameters_without_end(self):
        numbered = b"".join(b"; a*%d*=%%41" % n for n in range(20_000))
        self.take(b"MIME-Version: 1.0\r\nContent-Type: text/plain" + numbered + b"\r\n\r\nx\r\n")
        self.take(b"Content-Type: text/plain" + b"; a=b" * 40_000 + b"\r\n\r\nx\r\n")
        self.take(b"Content-Type: text/plain; a=" + b'"\\' * 100_000 + b"\r\n\r\nx\r\n")
        self.take(b"Content-Disposition: attachment" + b";" * 200_000 + b"\r\n\r\nx\r\n")
        self.take(b"Content-Type: text/plain" + b" (" * 100_000 + b"\r\n\r\nx\r\n")

    def test_addresses_without_end(self):
        many = b",\r\n ".join(b"Person %d <p%d@example.org>" % (n, n) for n in range(7000))
        self.take(b"To: " + many + b"\r\n\r\nx\r\n")
        for opening in (b"(", b"<", b'"', b"a:", b"@a,", b"\\", b'"a" ', b"a.", b",", b";", b"[", b"a (b) "):
            self.take(b"From: " + opening * (100_000 // len(opening)) + b"\r\nCc: x@example.org\r\n\r\nx\r\n")

    def test_fields_without_end(self):
        self.take(b"a:\r\n" * 60_000 + b"\r\nx\r\n")
        self.take(b"X: y\r\n" + b" z\r\n" * 60_000 + b"\r\nx\r\n")
        self.take(b":\r\n" * 80_000 + b"\r\nx\r\n")
        self.take(b"Subject: \xff\xfe" + b"\x80" * 200_000 + b"\r\n\r\nx\r\n")
        self.take(
            b"References: " + b" ".join(b"<%d@example.net>" % n for n in range(10_000)) + b"\r\n\r\nx\r\n"
        )

    def test_a_header_of_megabytes(self):
        self.take(b"Subject: x\r\n" + b"X-Filler: y\r\n" * 400_000 + b"\r\nx\r\n", memory=64 * MB)

    def test_parts_without_end(self):
        opening = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        told = self.take(opening + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n")
        self.assertLess(told.count(b'"text" "plain"') + told.count(b'"TEXT" "PLAIN"'), 1002)
        self.take(opening + b"--b\r\n" * 300_000)
        self.take(opening + b"--b" * 500_000 + b"\r\n")
        self.take(opening + b"--bx\r\n" * 300_000)

    def test_depth_without_end(self):
        multiparts = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)
        )
        told = self.take(multiparts + b"\r\nx\r\n")
        self.assertLess(told.count(b"(("), MAX_DEPTH + 2)
        self.take(b"Content-Type: message/rfc822\r\n\r\n" * 20_000 + b"\r\nx\r\n")
        same = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        self.take(same * 20_000 + b"\r\nx\r\n")

    def test_all_parts_one_long_header(self):
        part = b"--b\r\nContent-Type: text/plain" + b"; a=b" * 400 + b"\r\n\r\nx\r\n"
        self.take(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 1000 + b"--b--\r\n")

    def test_markup_without_end(self):
        for piece in (b"<div>", b"<", b"<!--", b"&#", b"<a href='", b"<style>", b"<script>", b"&lt;"):
            self.take(b"Content-Type: text/html\r\n\r\n" + piece * (400_000 // len(piece)) + b"\r\n")

    def test_encodings_that_do_not_end(self):
        head = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: "
        for encoding, piece in (
            (b"quoted-printable", b"=\r\n"),
            (b"quoted-printable", b"="),
            (b"base64", b"="),
        ):
            self.take(head + encoding + b"\r\n\r\n" + piece * (2_000_000 // len(piece)) + b"\r\n")

    def test_a_message_by_append_costs_no_more(self):
        bombs = (
            b"From: " + b"(" * 60_000 + b"\r\n\r\nx\r\n",
            b"To: " + b"a," * 30_000 + b"\r\n\r\nx\r\n",
            b"Content-Type: text/html\r\n\r\n" + b"<b>" * 21_000,
            b"Subject:" + b" =?utf-8?q?=41?=" * 4000 + b"\r\n\r\nx\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 8000,
        )
        with self.bounded(memory=48 * MB):
            imap = self.imap(b"INBOX")
            for bomb in bombs * 8:
                imap.say(b"a APPEND INBOX {%d+}\r\n" % len(bomb), bomb, b"\r\n")
            for _ in bombs * 8:
                self.assertRegex(imap.until(b"a ")[-1], rb"^a OK")
