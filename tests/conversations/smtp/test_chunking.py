"""BDAT (RFC 3030), as conversations."""

from __future__ import annotations

from mailsys.core.refusal import TemporaryFailure
from tests.conversations.smtp.wire import ConversationCase

ENVELOPE = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n"


class ChunkingTests(ConversationCase):
    def test_chunks_make_one_message(self):
        conversation = self.greeted()
        said = conversation.say(ENVELOPE + b"BDAT 5\r\n.one\nBDAT 0\r\nBDAT 5 LAST\r\n.two\n")
        self.assertIn(b"550 5.6.11", said.splitlines()[2])  # a bare LF is told with the chunk it is in
        said = conversation.say(ENVELOPE + b"BDAT 6\r\n.one\r\nBDAT 0\r\nbdat 6 last\r\n.two\r\n")
        self.assertEqual(
            said.splitlines()[2:],
            [b"250 2.0.0 6 octets received", b"250 2.0.0 6 octets received", b"250 2.0.0 kept as 1"],
        )
        self.assertEqual(self.transactions.received[0].body, b".one\r\n.two\r\n")

    def test_an_empty_last_chunk_ends_the_message(self):
        conversation = self.greeted()
        said = conversation.say(ENVELOPE + b"BDAT 3\r\nx\r\nBDAT 0 LAST\r\n")
        self.assertIn(b"kept", said.splitlines()[-1])
        self.assertEqual(self.transactions.received[0].body, b"x\r\n")

    def test_a_chunk_nobody_may_send_is_swallowed(self):
        conversation = self.greeted()
        said = conversation.say(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual([line[:9] for line in said.splitlines()], [b"503 5.5.1", b"250 2.0.0"])

    def test_without_valid_recipients_a_chunk_is_swallowed(self):
        conversation = self.greeted()
        said = conversation.say(b"MAIL FROM:<a@example.org>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual([line[:9] for line in said.splitlines()[1:]], [b"554 5.5.1", b"250 2.0.0"])

    def test_a_body_refused_by_the_service_is_swallowed_and_then_answered(self):
        self.transactions.refuse_body = TemporaryFailure()
        conversation = self.greeted()
        said = conversation.say(ENVELOPE + b"BDAT 6\r\nQUIT\r\n")
        self.assertTrue(said.splitlines()[2].startswith(b"451 4.3.0"))
        said = conversation.say(b"BDAT 6 LAST\r\nQUIT\r\n")  # was in the pipe already
        self.assertTrue(said.startswith(b"503 5.5.1"))
        self.assertFalse(conversation.closed)

    def test_data_and_bdat_do_not_mix(self):
        conversation = self.greeted()
        conversation.say(ENVELOPE + b"BDAT 3\r\nx\r\n")
        self.assertTrue(conversation.say(b"DATA\r\n").startswith(b"503 5.5.1"))
        self.assertTrue(conversation.say(b"RCPT TO:<c@example.com>\r\n").startswith(b"503 5.5.1"))
        self.assertTrue(conversation.say(b"RSET\r\n").startswith(b"250"))
        self.assertTrue(self.transactions.sinks[0].aborted)

    def test_binary_content_needs_bdat(self):
        conversation = self.greeted()
        said = conversation.say(
            b"MAIL FROM:<a@example.org> BODY=BINARYMIME\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        )
        self.assertTrue(said.splitlines()[-1].startswith(b"503 5.5.1"))
        said = conversation.say(b"BDAT 4 LAST\r\n\0\n\r\xff")
        self.assertIn(b"kept", said)
        self.assertEqual(self.transactions.received[0].body, b"\0\n\r\xff")

    def test_a_bdat_that_is_not_understood_ends_the_connection(self):
        """Where its octets end is not known, and they must not become commands."""
        for line in (b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 5 FIRST", b"BDAT 5 LAST LAST"):
            conversation = self.greeted()
            self.assertTrue(
                conversation.say(ENVELOPE + line + b"\r\n").splitlines()[-1].startswith(b"501 5.5.4")
            )
            self.assertTrue(conversation.closed)

    def test_chunks_that_sum_up_to_too_much_are_refused(self):
        self.build(message_size=10)
        conversation = self.greeted()
        said = conversation.say(ENVELOPE + b"BDAT 8\r\n12345678BDAT 3\r\n901NOOP\r\n")
        self.assertEqual(
            [line[:9] for line in said.splitlines()[2:]], [b"250 2.0.0", b"552 5.3.4", b"250 2.0.0"]
        )
        self.assertTrue(self.transactions.sinks[0].aborted)

    def test_a_chunk_of_absurd_size_ends_the_connection(self):
        conversation = self.greeted()
        said = conversation.say(ENVELOPE + b"BDAT 9999999999999 LAST\r\n")
        self.assertTrue(said.splitlines()[-1].startswith(b"552 5.3.4"))
        self.assertTrue(conversation.closed)
