"""Mail transactions on port 25, as conversations."""

from __future__ import annotations

from mailsys.core.refusal import MailLoop, MessageTooBig, TemporaryFailure, TooManyConnections
from tests.conversations.smtp.wire import Conversation, ConversationCase


class TransactionTests(ConversationCase):
    def test_a_message_is_taken(self):
        self.talk("""
            C: EHLO client.example
            S: 250-mx.example.com
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250-DSN
            S: 250 LIMITS MAILMAX=1000 RCPTMAX=1000
            C: MAIL FROM:<ann@example.org> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=abc+2B1
            S: 250 2.1.0
            C: RCPT TO:<bob@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+40example.com
            S: 250 2.1.5
            C: DATA
            S: 354
            C: Subject: hello
            C:
            C: ..dot
            C: .
            S: 250 2.0.0 kept as 1
            C: QUIT
            S: 221 2.0.0
        """)
        (mail,) = self.transactions.received
        self.assertEqual(mail.body, b"Subject: hello\r\n\r\n.dot\r\n")
        self.assertEqual(mail.sender, "ann@example.org")
        self.assertEqual((mail.parameters.ret, mail.parameters.envid), ("HDRS", "abc+1"))
        ((address, parameters),) = mail.recipients
        self.assertEqual(address, "bob@example.com")
        self.assertEqual(parameters.notify, "SUCCESS,DELAY")
        self.assertEqual(parameters.original, "rfc822;bob@example.com")
        self.assertEqual(mail.client.hello, "client.example")
        self.assertEqual(mail.client.protocol, "ESMTP")

    def test_helo_makes_a_plain_smtp_session(self):
        conversation = self.talk("""
            C: HELO old.example
            S: 250 mx.example.com
            C: MAIL FROM:<>
            S: 250 2.1.0
            C: RCPT TO:<Postmaster>
            S: 250 2.1.5
            C: DATA
            S: 354
            C: x
            C: .
            S: 250 2.0.0
        """)
        (mail,) = self.transactions.received
        self.assertEqual((mail.sender, mail.client.protocol), ("", "SMTP"))
        self.assertEqual(mail.recipients[0][0], "postmaster")
        self.assertFalse(conversation.closed)

    def test_a_whole_conversation_in_one_packet_is_answered_in_one_write(self):
        conversation = self.connect()
        writes: list[bytes] = []
        conversation.line.write = writes.append
        conversation.protocol.dataReceived(
            b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n"
            b"RCPT TO:<unknown@example.com>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n"
        )
        self.assertEqual(len(writes), 1)
        codes = [line[:3] for line in writes[0].splitlines() if line[3:4] == b" "]
        self.assertEqual(codes, [b"250", b"250", b"250", b"550", b"354", b"250", b"221"])
        self.assertTrue(conversation.closed)

    def test_codes_of_what_comes_out_of_order(self):
        self.talk("""
            C: MAIL FROM:<a@example.org>
            S: 503 5.5.1 Send HELO
            C: DATA
            S: 503 5.5.1
            C: EHLO
            S: 501 5.5.4 Say your name
            C: EHLO x y
            S: 501 5.5.4 Say your name
            C: HELO a b c
            S: 501 5.5.4 Say your name
            C: MAIL FROM:<a@example.org>
            S: 503 5.5.1 Send HELO
            C: EHLO  x
            S: 250-
            S: 250-
            S: 250-
            S: 250-
            S: 250-
            S: 250-
            S: 250-
            S: 250-
            S: 250-
            S: 250 LIMITS
            C: RCPT TO:<b@example.com>
            S: 503 5.5.1 Send MAIL
            C: MAIL FROM:<a@example.org>
            S: 250
            C: MAIL FROM:<a@example.org>
            S: 503 5.5.1 A mail transaction
            C: DATA
            S: 554 5.5.1 No valid recipients
            C: RSET
            S: 250 2.0.0
            C: DATA
            S: 503 5.5.1
        """)

    def test_small_talk(self):
        self.talk("""
            C: NOOP whatever
            S: 250 2.0.0
            C: HELP
            S: 214 2.0.0
            C: VRFY bob
            S: 252 2.0.0
            C: VRFY
            S: 501 5.5.4
            C: EXPN list
            S: 502 5.5.1
            C: WHAT
            S: 500 5.5.1
            C: EHLO
            S: 501 5.5.4
            C: AUTH PLAIN
            S: 503 5.5.1
            C: STARTTLS
            S: 503 5.5.1
            C: RSET now
            S: 501 5.5.4
            C: quit
            S: 221 2.0.0
        """)

    def test_codes_of_bad_arguments(self):
        conversation = self.greeted()
        self.talk(
            """
            C: MAIL FROM:a@example.org
            S: 501 5.1.7
            C: MAIL FROM:<postmaster>
            S: 501 5.1.7
            C: MAIL TO:<a@example.org>
            S: 501 5.5.4
            C: MAIL FROM:<a@example.org> FOO=1
            S: 555 5.5.4
            C: MAIL FROM:<a@example.org> AUTH=<>
            S: 555 5.5.4
            C: MAIL FROM:<a@example.org> HOLDFOR=10
            S: 555 5.5.4
            C: MAIL FROM:<a@example.org> REQUIRETLS
            S: 555 5.5.4
            C: MAIL FROM:<a@example.org> SIZE=1 SIZE=2
            S: 501 5.5.4
            C: MAIL FROM:<a@example.org> SIZE=abc
            S: 501 5.5.4
            C: MAIL FROM:<a@example.org>SIZE=1
            S: 501 5.5.4
            C: MAIL FROM:<a@example.org> SIZE=52428801
            S: 552 5.3.4
            C: MAIL FROM:<a@example.org> SIZE=52428800
            S: 250 2.1.0
            C: RCPT TO:<>
            S: 501 5.1.3
            C: RCPT TO:<b@example.com> NOTIFY=NEVER,DELAY
            S: 501 5.5.4
            C: RCPT TO:<b@example.com> SIZE=1
            S: 555 5.5.4
            C: RCPT TO:<unknown@example.com>
            S: 550 5.1.1
            """,
            conversation,
        )

    def test_a_refused_recipient_leaves_the_others(self):
        self.talk(
            """
            C: MAIL FROM:<a@example.org>
            S: 250
            C: RCPT TO:<unknown@example.com>
            S: 550 5.1.1
            C: RCPT TO:<b@example.com>
            S: 250
            C: DATA
            S: 354
            C: .
            S: 250
            """,
            self.greeted(),
        )
        self.assertEqual([a for a, _ in self.transactions.received[0].recipients], ["b@example.com"])
        self.assertEqual(self.transactions.received[0].body, b"")

    def test_a_defect_of_a_service_is_a_temporary_failure(self):
        self.talk(
            """
            C: MAIL FROM:<a@example.org>
            S: 250
            C: RCPT TO:<crash@example.com>
            S: 451 4.3.0
            C: RCPT TO:<b@example.com>
            S: 250
            """,
            self.greeted(),
        )

    def test_the_reply_to_a_message_is_what_the_service_says(self):
        for failure, code in (
            (MailLoop(), b"554 5.4.6"),
            (MessageTooBig(), b"552 5.3.4"),
            (TemporaryFailure(), b"451 4.3.0"),
            (ValueError("a defect"), b"451 4.3.0"),
        ):
            self.transactions.refuse_commit = failure
            conversation = self.in_data()
            said = conversation.say(b"x\r\n.\r\n")
            self.assertTrue(said.startswith(code), said)
            self.assertTrue(self.transactions.sinks[-1].aborted)
            self.assertTrue(conversation.say(b"MAIL FROM:<a@example.org>\r\n").startswith(b"250"))

    def test_a_private_cause_is_not_told(self):
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\n")
        self.assertNotIn(b"tests know", conversation.say(b"RCPT TO:<unknown@example.com>\r\n"))

    def test_a_refused_body_is_answered_in_place_of_354(self):
        self.transactions.refuse_body = TemporaryFailure()
        conversation = self.greeted()
        said = conversation.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        self.assertTrue(said.splitlines()[-1].startswith(b"451 4.3.0"))
        self.assertTrue(conversation.say(b"DATA\r\n").startswith(b"503"))

    def test_a_full_disk_is_told_after_the_content(self):
        self.transactions.full_disk = True
        conversation = self.in_data()
        self.assertEqual(conversation.say(b"x\r\n"), b"")
        self.assertTrue(conversation.say(b"y\r\n.\r\n").startswith(b"451 4.3.0"))
        self.assertTrue(self.transactions.sinks[0].aborted)
        self.assertEqual(self.transactions.received, [])
        self.assertTrue(conversation.say(b"NOOP\r\n").startswith(b"250"))

    def test_whoever_is_refused_hears_why_before_any_greeting(self):
        self.transactions.refuse_connection = TooManyConnections()
        conversation = Conversation(self.factory)
        self.assertTrue(conversation.heard().startswith(b"421 4.7.0"))
        self.assertTrue(conversation.closed)
        conversation.hang_up()
        self.assertEqual(self.factory.connections, 0)

    def test_every_greeted_client_is_said_goodbye_once(self):
        conversation = self.greeted()
        self.assertEqual(len(self.transactions.clients), 1)
        conversation.say(b"QUIT\r\n")
        conversation.hang_up()
        self.assertEqual(self.transactions.clients, [])

    def test_a_lost_connection_aborts_its_transaction(self):
        conversation = self.in_data()
        conversation.say(b"half a mess")
        conversation.hang_up()
        self.assertTrue(self.transactions.sinks[0].aborted)
        self.assertEqual(self.transactions.aborted, 1)
        self.assertEqual(self.transactions.received, [])

    def test_ehlo_ends_a_transaction(self):
        conversation = self.greeted()
        conversation.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nEHLO y\r\n")
        self.assertTrue(conversation.say(b"DATA\r\n").startswith(b"503"))
        self.assertEqual(self.transactions.aborted, 1)

    def test_a_name_that_could_be_nobodys_is_refused(self):
        """RFC 5321 §4.1.2, §4.1.3, with mercy for odd ones."""
        good = """a.example A host-1.example host_1.local DESKTOP-7QX -odd- localhost a.example. 3com.example
            192.0.2.1 2001:db8::1 [192.0.2.1] [IPv6:2001:db8::1] [ipv6:::1] [fe80::1] [IPv6:fe80::1%25en0]
            [tag:what] exämple.org xn--exmple-cua.org Bob's-iPhone"""
        bad = (
            """a..b - . .a <x> [1.2.3.4 1.2.3.4] [] [a.example] [1.2.3] [1.2.3.256] [IPv6:xyz] [IPv6:] a@b
            a/b a,b "a" (a) a;b [tag:] [:x] 2001:db8::zz a:25 \\ --.a"""
            + " "
            + "a" * 256
        )
        for names, code in ((good, b"250"), (bad, b"501 5.5.4 ")):
            for name in names.split():
                conversation = self.connect()
                for verb in (b"EHLO", b"HELO"):
                    said = conversation.say(b"%b %b\r\n" % (verb, name.encode()))
                    self.assertTrue(said.startswith(code), (name, said))
                conversation.say(b"QUIT\r\n")

    def test_the_name_in_ehlo_cannot_break_a_trace_header(self):
        conversation = self.connect()
        self.assertTrue(conversation.say(b'EHLO Bob(s)"<pc>\\\r\n').startswith(b"501 5.5.4 "))
        conversation.say(b"EHLO Bob's_pc.\xc3\xa9\r\n")
        said = conversation.say(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n.\r\n")
        self.assertIn(b"kept", said)
        self.assertEqual(self.transactions.received[0].client.hello, "Bob?s_pc.??")


class InternationalTests(ConversationCase):
    def test_utf8_addresses_need_smtputf8(self):
        self.talk(
            """
            C: MAIL FROM:<jürgen@exämple.org>
            S: 553 5.6.7
            C: MAIL FROM:<jürgen@exämple.org> SMTPUTF8
            S: 250
            C: RCPT TO:<用户@例子.example>
            S: 250
            """,
            self.greeted(),
        )

    def test_a_utf8_recipient_needs_smtputf8_too(self):
        self.talk(
            """
            C: MAIL FROM:<a@example.org>
            S: 250
            C: RCPT TO:<用户@例子.example>
            S: 553 5.6.7
            """,
            self.greeted(),
        )

    def test_broken_utf8_is_bad_syntax(self):
        conversation = self.greeted()
        said = conversation.say(b"MAIL FROM:<j\xfcrgen@example.org> SMTPUTF8\r\n")
        self.assertTrue(said.startswith(b"501 5.1.7"), said)

    def test_eight_bit_content_is_taken_without_being_declared(self):
        conversation = self.in_data()
        self.assertIn(b"250", conversation.say("Grüße\r\n.\r\n".encode("latin-1")))
        self.assertEqual(self.transactions.received[0].body, "Grüße\r\n".encode("latin-1"))
