"""Commands hidden in content or before TLS: none of them is ever carried out, here or at the next hop."""

from __future__ import annotations

from base64 import b64encode
from typing import ClassVar

from tests.hostile.next_hop import NextHop
from tests.hostile.target import PASSWORD, USER, HostileTestCase, Server, Wire
from tests.system.local import wait_for

EVIL = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nsmuggled\r\n.\r\n"
ENDS = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r",
    b"\r.\r\n", b"\r\n.\r", b"\r\r.\r\n", b"\n\r.\r\n", b"\r\n.\r\r\n",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\n\n", b"\r\n.\x0b\r\n", b"\r\n .\r\n", b"\r\n.\t\r\n",
    b"\x85.\x85",
)  # fmt: skip


class ToTheNextHop(HostileTestCase):
    hop: ClassVar[NextHop]
    offers: ClassVar[tuple[bytes, ...]] = (b"PIPELINING", b"8BITMIME", b"SIZE 50000000")

    @classmethod
    def setUpClass(cls) -> None:
        cls.hop = NextHop(*cls.offers)
        cls.hop.start()
        cls.server = Server({"smarthost": f'"127.0.0.1:{cls.hop.port}"'})

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.hop.stop()

    def submitting(self) -> Wire:
        wire = self.smtp("submission")
        secret = b64encode(b"\0" + USER + b"\0" + PASSWORD)
        self.assertTrue(wire.say(b"AUTH PLAIN " + secret + b"\r\n").reply().startswith(b"235"))
        return wire

    def reports(self) -> int:
        """Delivery reports in the inbox."""
        imap = self.imap(b"INBOX")
        found = imap.say(b'f SEARCH FROM "postmaster"\r\n').until(b"f OK")[0]
        imap.close()
        return len(found.split()) - 2

    def test_what_looks_like_an_end_of_data_is_refused_or_stays_content(self):
        header = b"From: me@example.org\r\nTo: x@example.net\r\nSubject: s\r\n\r\n"
        wire = self.submitting()
        before, sent = len(self.hop.taken), 0
        for end in ENDS:
            wire.say(b"MAIL FROM:<me@example.org>\r\nRCPT TO:<x@example.net>\r\nDATA\r\n")
            self.assertEqual([wire.reply()[:3] for _ in range(3)], [b"250", b"250", b"354"])
            # Behind it: what would be a second message. It all is one message's content to us.
            wire.say(header + b"first" + end + EVIL)
            reply = wire.reply()
            sent += reply.startswith(b"250")
            self.assertRegex(reply, rb"^(250 2|550 5\.6\.11)", end)
            self.assertTrue(wire.say(b"RSET\r\n").reply().startswith(b"250"), end)
        self.assertGreater(sent, 0)
        wait_for(lambda: len(self.hop.taken) - before >= sent)
        commands = self.hop.heard
        for content in self.hop.taken:
            commands = commands.replace(content, b"")
        self.assertNotIn(b"evil@", commands)
        self.assertEqual(commands.count(b"MAIL FROM"), before + sent)

    def test_an_end_of_data_within_a_chunk_is_stuffed_on_its_way_out(self):
        before = len(self.hop.taken)
        content = b"From: me@example.org\r\nSubject: chunk\r\n\r\nfirst\r\n.\r\n" + EVIL
        wire = self.submitting()
        wire.say(b"MAIL FROM:<me@example.org>\r\nRCPT TO:<x@example.net>\r\n")
        wire.say(b"BDAT %d LAST\r\n" % len(content) + content)
        self.assertEqual([wire.reply()[:3] for _ in range(3)], [b"250"] * 3)
        wait_for(lambda: len(self.hop.taken) > before)
        self.assertIn(b"first\r\n..\r\n" + EVIL[:-5] + b"\r\n..\r\n", self.hop.taken[-1])
        self.assertNotIn(b"evil@", self.hop.heard.replace(self.hop.taken[-1], b"").split(b"chunk")[-1])

    def test_bare_line_ends_of_binary_mail_are_not_put_into_data(self):
        """BINARYMIME may hold them; a next hop without CHUNKING never sees them (RFC 3030 §3)."""
        before, known = len(self.hop.taken), self.reports()
        wire = self.submitting()
        for end in ENDS[:9]:
            content = b"From: me@example.org\r\nSubject: binary\r\n\r\nfirst" + end + EVIL
            wire.say(b"MAIL FROM:<me@example.org> BODY=BINARYMIME\r\nRCPT TO:<x@example.net>\r\n")
            wire.say(b"BDAT %d LAST\r\n" % len(content) + content)
            self.assertEqual([wire.reply()[:3] for _ in range(3)], [b"250"] * 3, end)
        wait_for(lambda: self.reports() == known + 9)
        self.assertEqual(len(self.hop.taken), before)
        self.assertNotIn(
            b"evil@", self.hop.heard.split(b"binary")[-1] if b"binary" in self.hop.heard else b""
        )

    def test_commands_in_addresses_and_parameters_do_not_travel(self):
        wire = self.submitting()
        for command in (
            b"MAIL FROM:<me@example.org> ENVID=a+0D+0ARCPT\r\n",
            b'RCPT TO:<"x\r\nRCPT TO:<y@example.net>"@example.net>\r\n',
            b"RCPT TO:<x@example.net> ORCPT=rfc822;a+0D+0AQUIT\r\n",
            b"RCPT TO:<x@example.net\x00>\r\n",
            b'RCPT TO:<"a\\\x0db"@example.net>\r\n',
        ):
            wire.say(command)
            wire.reply()
            wire.say(b"RSET\r\nMAIL FROM:<me@example.org>\r\n")
        wire.say(b"NOOP end\r\n")
        self.assertNotIn(b"\nQUIT\r\nQUIT", self.hop.heard)


class BeforeTls(HostileTestCase):
    def test_smtp_and_submission_drop_what_was_injected_behind_starttls(self):
        for service in ("smtp", "submission"):
            wire = self.smtp(service)
            wire.say(b"STARTTLS\r\n" + EVIL)
            self.assertEqual(wire.to_the_end()[:9], b"421 4.7.0", service)

    def test_what_comes_in_a_packet_of_its_own_but_in_the_clear_breaks_tls(self):
        for service, greeting, command in (
            ("smtp", b"220", b"STARTTLS\r\n"),
            ("submission", b"220", b"STARTTLS\r\n"),
            ("imap", b"* OK", b"a STARTTLS\r\n"),
        ):
            wire = self.dial(service)
            wire.until(greeting)
            if service != "imap":
                wire.say(b"EHLO x.example\r\n").reply()
            wire.say(command).line()
            wire.try_to_say(b"NOOP\r\nb NOOP\r\n" + EVIL)
            self.assertNotRegex(wire.to_the_end(), rb"250|b OK", service)

    def test_imap_drops_what_was_injected_behind_starttls(self):
        wire = self.dial("imap")
        wire.until(b"* OK")
        wire.say(b'a STARTTLS\r\nb LOGIN me@example.org "open sesame"\r\nc SELECT INBOX\r\n')
        self.assertRegex(wire.to_the_end(), rb"^\* BYE")

    def test_what_was_said_before_tls_is_forgotten(self):
        wire = self.smtp("submission")
        wire.say(b"STARTTLS\r\n").reply()
        wire.start_tls()
        self.assertTrue(wire.say(b"MAIL FROM:<me@example.org>\r\n").reply().startswith(b"503 5.5.1"))
        wire = self.dial("imap")
        wire.until(b"* OK")
        wire.say(b'l LOGIN me@example.org "open sesame"\r\n').until(b"l OK")
        wire.say(b"a STARTTLS\r\n")
        self.assertRegex(wire.line(), rb"^a (BAD|NO)")
