"""Replies on the wire."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.refusal import OverQuota
from mailsys.core.smtp.reply import Reply, refused


class ReplyTests(SynchronousTestCase):
    def test_one_line(self):
        self.assertEqual(Reply(250, "2.1.0", "Sender ok").render(), b"250 2.1.0 Sender ok\r\n")

    def test_several_lines_carry_the_enhanced_code_each(self):
        self.assertEqual(Reply(550, "5.7.1", "one\ntwo").render(), b"550-5.7.1 one\r\n550 5.7.1 two\r\n")

    def test_without_an_enhanced_code(self):
        self.assertEqual(Reply(220, "", "mx ESMTP").render(), b"220 mx ESMTP\r\n")

    def test_a_refusal_tells_its_text_and_not_its_cause(self):
        self.assertEqual(refused(OverQuota(cause="secret")).render(), b"452 4.2.2 Mailbox is full\r\n")

    def test_text_is_masked_unless_utf8_was_asked_for(self):
        reply = Reply(550, "5.1.1", "jürgen\r250 ok")
        self.assertEqual(reply.render(), b"550 5.1.1 j?rgen?250 ok\r\n")
        self.assertEqual(reply.render(utf8=True), "550 5.1.1 jürgen?250 ok\r\n".encode())

    @settings(max_examples=200)
    @given(st.text(max_size=700), st.booleans())
    def test_any_text_makes_whole_lines_within_512_octets(self, text, utf8):
        rendered = Reply(550, "5.0.0", text).render(utf8)
        lines = rendered.split(b"\r\n")
        self.assertEqual(lines.pop(), b"")
        for line in lines:
            self.assertLessEqual(len(line), 510)
            self.assertNotIn(b"\r", line)
            self.assertNotIn(b"\n", line)
            self.assertTrue(line.startswith((b"550-5.0.0 ", b"550 5.0.0 ")))
            line.decode("utf-8" if utf8 else "ascii")
        self.assertEqual([line[3:4] for line in lines], [b"-"] * (len(lines) - 1) + [b" "])
