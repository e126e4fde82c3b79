"""What a server offers, what that forbids, and the commands that are made of it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp.envelope import (
    RECIPIENTS_AT_ONCE,
    Capabilities,
    Envelope,
    EnvelopeRecipient,
    Fate,
    fate_of,
    mail_command,
    rcpt_command,
    unsafe,
    unsendable,
)
from mailsys.core.smtp.remote_reply import RemoteReply
from mailsys.core.smtp.reply import Reply

BOB = (EnvelopeRecipient("b@y.example"),)


def offered(*lines: str) -> Capabilities:
    return Capabilities.read(RemoteReply(250, tuple(line.encode() for line in ("mx.y.example hi", *lines))))


class CapabilityTests(SynchronousTestCase):
    def test_each_line_is_an_offer_the_first_of_a_name_counts(self) -> None:
        found = offered("size 1000", "AUTH=LOGIN", "8BITMIME", "SIZE 7", " -")
        self.assertEqual(found.name, "mx.y.example")
        self.assertEqual(dict(found.keywords), {"SIZE": "1000", "AUTH": "LOGIN", "8BITMIME": ""})
        self.assertEqual((found.offers("SIZE"), found.offers("DSN")), (True, False))
        self.assertEqual(Capabilities.read(RemoteReply(250)), Capabilities())

    def test_the_size_limit(self) -> None:
        for line, limit in (("SIZE 1000", 1000), ("SIZE", 0), ("SIZE x", 0), ("SIZE 0", 0), ("DSN", 0)):
            self.assertEqual(offered(line).size_limit, limit, line)
        self.assertEqual(offered("SIZE " + "9" * 19).size_limit, int("9" * 19))
        self.assertEqual(offered("SIZE " + "9" * 20).size_limit, 0)

    def test_limits(self) -> None:
        for line, recipients, messages in (
            ("LIMITS RCPTMAX=7 MAILMAX=3", 7, 3),
            ("LIMITS rcptmax=99", 99, 0),
            ("LIMITS RCPTMAX=5000 MAILMAX=5000", RECIPIENTS_AT_ONCE, 5000),
            ("LIMITS RCPTMAX=0 MAILMAX=0", RECIPIENTS_AT_ONCE, 0),
            ("LIMITS XRCPTMAX=7 XMAILMAX=7", RECIPIENTS_AT_ONCE, 0),
            ("SIZE 7", RECIPIENTS_AT_ONCE, 0),
        ):
            found = offered(line)
            self.assertEqual((found.recipients_at_once, found.transactions), (recipients, messages), line)


class FateTests(SynchronousTestCase):
    def test_each_class_of_reply(self) -> None:
        for code, fate in (
            (200, Fate.ACCEPTED),
            (299, Fate.ACCEPTED),
            (300, Fate.DEFERRED),
            (399, Fate.DEFERRED),
            (400, Fate.DEFERRED),
            (499, Fate.DEFERRED),
            (500, Fate.FAILED),
            (599, Fate.FAILED),
        ):
            reply = RemoteReply(code, (b"x",))
            self.assertEqual(fate_of(reply).fate, fate, code)
            self.assertEqual(
                (reply.positive, reply.transient, reply.permanent),
                (code < 300, 400 <= code < 500, code >= 500),
                code,
            )

    def test_our_own_replies_have_classes_too(self) -> None:
        for code in (250, 354, 399, 400, 421, 499, 500, 550):
            reply = Reply(code, "", "x")
            self.assertEqual(
                (reply.positive, reply.temporary, reply.permanent),
                (code < 400, code // 100 == 4, code // 100 == 5),
                code,
            )


class SendableTests(SynchronousTestCase):
    def refusal(self, *lines: str, **given: Any) -> str:
        values = {"size": 1000, **given}
        found = unsendable(Envelope("a@x.example", BOB, **values), offered(*lines))
        if found is None:
            return ""
        self.assertEqual((found.fate, found.remote), (Fate.FAILED, False))
        return found.reply[:10].strip()

    def test_what_stands_in_the_way(self) -> None:
        for given, lines, told in (
            ({}, (), ""),
            ({}, ("SIZE 1000",), ""),
            ({}, ("SIZE 999",), "552 5.3.4"),
            ({}, ("SIZE 0",), ""),
            ({"eight_bit": True}, (), ""),
            ({"binary": True}, ("BINARYMIME",), "554 5.6.3"),
            ({"binary": True}, ("CHUNKING",), "554 5.6.3"),
            ({"binary": True}, ("CHUNKING", "BINARYMIME"), ""),
            ({"require_tls": True}, (), "550 5.7.30"),
            ({"require_tls": True}, ("REQUIRETLS",), ""),
            ({"utf8": True}, (), "550 5.6.7"),
            ({"utf8": True}, ("SMTPUTF8",), ""),
        ):
            self.assertEqual(self.refusal(*lines, **given), told, (given, lines))

    def test_addresses_that_would_break_out_of_their_brackets(self) -> None:
        for address in ("a>b@c", "a b@c", 'a"b@c', "a\r\n@c", "a\x7f@c", "a\x80@c", "\ud800@c", "a" * 1001):
            self.assertTrue(unsafe(address), ascii(address))
        for address in ("a@c", '"a b>"@c', '"a\\" b"@c', "ü@c", "", "a" * 1000):
            self.assertFalse(unsafe(address), ascii(address))


class CommandTests(SynchronousTestCase):
    ALL = ("SIZE 9999", "8BITMIME", "SMTPUTF8", "DSN", "REQUIRETLS", "CHUNKING", "BINARYMIME")

    def test_mail_says_what_was_asked_for_where_it_is_offered(self) -> None:
        for given, lines, told in (
            ({}, (), ""),
            ({}, self.ALL, " SIZE=7"),
            ({"eight_bit": True}, self.ALL, " SIZE=7 BODY=8BITMIME"),
            ({"eight_bit": True}, ("DSN",), ""),
            ({"binary": True, "eight_bit": True}, self.ALL, " SIZE=7 BODY=BINARYMIME"),
            ({"utf8": True, "require_tls": True}, self.ALL, " SIZE=7 SMTPUTF8 REQUIRETLS"),
            ({"ret": "HDRS", "envid": "a+b"}, self.ALL, " SIZE=7 RET=HDRS ENVID=a+2Bb"),
            ({"ret": "SOME", "envid": "x" * 101}, self.ALL, " SIZE=7 ENVID=" + "x" * 100),
            ({"ret": "FULL", "envid": "x"}, ("SIZE",), " SIZE=7"),
        ):
            envelope = Envelope("a@x.example", BOB, 7, **given)  # type: ignore[arg-type]
            told = f"MAIL FROM:<a@x.example>{told}\r\n"
            self.assertEqual(mail_command(envelope, offered(*lines)).decode(), told, (given, lines))

    def test_rcpt_says_what_was_asked_for_where_it_is_offered(self) -> None:
        long = "rfc822;" + "x" * 500
        for notify, original, utf8, told in (
            ("", "", False, ""),
            ("NEVER", "", False, " NOTIFY=NEVER"),
            ("SUCCESS,DELAY", "", False, " NOTIFY=SUCCESS,DELAY"),
            ("NEVER,DELAY", "nothing", False, ""),
            ("", "rfc822;a+b=c@d", False, " ORCPT=rfc822;a+2Bb+3Dc@d"),
            ("", "X-Kind;\xfc", False, " ORCPT=X-Kind;+C3+BC"),
            ("", "x" * 41 + ";a", False, ""),
            ("", "x" * 40 + ";a", False, " ORCPT=" + "x" * 40 + ";a"),
            ("", long, False, f" ORCPT={long}"),
            ("", long + "x", False, ""),
            ("", "utf-8;ü@d", True, " ORCPT=utf-8;ü@d"),
            ("", "utf-8;ü@d", False, r" ORCPT=utf-8;\x{FC}@d"),
            ("", "UTF-8;a b\\+=\x9f", True, r" ORCPT=UTF-8;a\x{20}b\x{5C}\x{2B}\x{3D}\x{9F}"),
            ("", "utf-8;!~\x7f", False, r" ORCPT=utf-8;!~\x{7F}"),
        ):
            person = EnvelopeRecipient("b@y.example", notify, original)
            said = rcpt_command(person, offered("DSN"), utf8).decode()
            self.assertEqual(said, f"RCPT TO:<b@y.example>{told}\r\n", (notify, original))
            self.assertEqual(rcpt_command(person, offered(), utf8), b"RCPT TO:<b@y.example>\r\n")
