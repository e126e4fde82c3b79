"""What is not an end of data, however much it looks like one."""

from __future__ import annotations

from tests.conversations.smtp.wire import ConversationCase

# Followed by a second transaction, each of these would smuggle it past a server that takes it for an end.
LOOKALIKES = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "CR . CR": b"\r.\r",
    "CR . CRLF": b"\r.\r\n",
    "CRLF . CR": b"\r\n.\r",
    "CR CRLF . CRLF without its first LF": b"\r\r.\r\n",
    "LF CR . CRLF": b"\n\r.\r\n",
    "CRLF . CR CRLF": b"\r\n.\r\r\n",
    "LF LF . LF LF": b"\n\n.\n\n",
}
SMUGGLED = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nsmuggled\r\n.\r\n"


class SmugglingTests(ConversationCase):
    def test_only_crlf_dot_crlf_ends_data_and_bare_line_ends_are_refused(self):
        for name, lookalike in LOOKALIKES.items():
            with self.subTest(name):
                conversation = self.in_data()
                said = conversation.say(b"first" + lookalike + SMUGGLED)
                self.assertEqual(
                    said, b"550 5.6.11 Bare CR or LF in the message: lines end in CRLF (RFC 5321 2.3.8)\r\n"
                )
                self.assertEqual(self.transactions.received, [])
                self.assertTrue(self.transactions.sinks[-1].aborted)
                self.assertTrue(conversation.say(b"NOOP\r\n").startswith(b"250"))

    def test_the_same_holds_octet_by_octet(self):
        for name, lookalike in LOOKALIKES.items():
            with self.subTest(name):
                conversation = self.in_data()
                said = b""
                for octet in b"first" + lookalike + SMUGGLED:
                    said += conversation.say(bytes((octet,)))
                self.assertEqual(said[:10], b"550 5.6.11")
                self.assertEqual(said.count(b"\r\n"), 1)

    def test_a_nul_is_content_and_ends_nothing(self):
        for lookalike in (b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\0\n"):
            conversation = self.in_data()
            said = conversation.say(b"first" + lookalike + b"QUIT\r\n.\r\n")
            self.assertEqual(said.count(b"\r\n"), 1)
            self.assertFalse(conversation.closed)

    def test_a_stuffed_dot_is_a_dot(self):
        conversation = self.in_data()
        self.assertIn(b"250", conversation.say(b"..\r\n...\r\n.x\r\nx.\r\n.\r\n"))
        self.assertEqual(self.transactions.received[0].body, b".\r\n..\r\nx\r\nx.\r\n")

    def test_a_bare_lf_ends_no_command(self):
        conversation = self.greeted()
        said = conversation.say(b"NOOP\nMAIL FROM:<a@example.org>\r\n")
        self.assertEqual(said, b"500 5.5.2 Syntax error: control characters in a command\r\n")

    def test_a_bare_cr_ends_no_command(self):
        conversation = self.greeted()
        self.assertTrue(conversation.say(b"NOOP\rNOOP\r\n").startswith(b"500 5.5.2"))

    def test_a_nul_in_a_command_is_refused(self):
        conversation = self.greeted()
        self.assertTrue(conversation.say(b"MAIL FROM:<a\0@example.org>\r\n").startswith(b"500 5.5.2"))

    def test_bare_line_ends_in_chunks_are_refused_unless_binary(self):
        commands = b"RCPT TO:<b@example.com>\r\nBDAT 7 LAST\r\nx\n.\ny\r\n"
        conversation = self.greeted()
        said = conversation.say(b"MAIL FROM:<a@example.org>\r\n" + commands)
        self.assertIn(b"550 5.6.11", said)
        said = conversation.say(b"MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n" + commands)
        self.assertNotIn(b"550", said)
        self.assertEqual(self.transactions.received[0].body, b"x\n.\ny\r\n")

    def test_a_crlf_may_be_cut_by_chunks(self):
        conversation = self.greeted()
        said = conversation.say(
            b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 2\r\nx\rBDAT 3 LAST\r\n\ny\r"
        )
        self.assertIn(b"550 5.6.11", said.splitlines()[-1])  # the last CR stays bare
        said = conversation.say(
            b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 2\r\nx\rBDAT 4 LAST\r\n\ny\r\n"
        )
        self.assertIn(b"250 2.0.0 kept", said)
        self.assertEqual(self.transactions.received[0].body, b"x\r\ny\r\n")

    def test_an_end_of_data_inside_a_chunk_is_content(self):
        body = b"x\r\n.\r\nQUIT\r\n"
        conversation = self.greeted()
        said = conversation.say(
            b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT %d LAST\r\n" % len(body) + body
        )
        self.assertIn(b"kept", said)
        self.assertEqual(self.transactions.received[0].body, body)
        self.assertFalse(conversation.closed)
