"""Parameters of MAIL and RCPT."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp import xtext
from mailsys.core.smtp.arguments import BadParameter, mail_parameters, rcpt_parameters
from mailsys.core.smtp.parameters import MailParameters, RcptParameters


def mail(text: bytes, **changes: bool) -> MailParameters:
    return mail_parameters(text, **{"submission": True, "require_tls": True, **changes})


class MailParameterTests(SynchronousTestCase):
    def refused(self, text: bytes, code: int, **changes: bool) -> None:
        with self.subTest(text):
            error = self.assertRaises(BadParameter, mail, text, **changes)
            self.assertEqual((error.reply.code, error.reply.enhanced), (code, "5.5.4"))

    def test_all_of_them(self):
        self.assertEqual(
            mail(b" size=7 body=8BitMime SmtpUtf8 RET=full ENVID=x+20y REQUIRETLS AUTH=a+40b HOLDFOR=9"),
            MailParameters(7, "8BITMIME", True, "FULL", "x y", True, 9, None),
        )

    def test_none(self):
        self.assertEqual(mail(b""), MailParameters())

    def test_a_date_to_hold_until(self):
        self.assertEqual(mail(b" HOLDUNTIL=2026-11-24T03:00:00.5Z").hold_until, 1795489200.0)

    def test_unknown_ones(self):
        self.refused(b" FOO", 555)
        self.refused(b" FOO=1", 555)
        self.refused(b" NOTIFY=NEVER", 555)

    def test_those_not_offered(self):
        self.refused(b" HOLDFOR=1", 555, submission=False)
        self.refused(b" AUTH=<>", 555, submission=False)
        self.refused(b" REQUIRETLS", 555, require_tls=False)

    def test_malformed_ones(self):
        for text in (
            b"SIZE=1",
            b" SIZE",
            b" SIZE=",
            b" SIZE=-1",
            b" SIZE=123456789012345678901",
            b" SIZE=\xd9\xa1",
            b" BODY=9BIT",
            b" SMTPUTF8=1",
            b" RET=SOME",
            b" ENVID=",
            b" ENVID=a+0Ab",
            b" ENVID=a+ab",
            b" ENVID=" + b"x" * 101,
            b" REQUIRETLS=1",
            b" AUTH=",
            b" HOLDFOR=1234567890",
            b" HOLDUNTIL=tomorrow",
            b" HOLDUNTIL=2026-02-30T00:00:00Z",
            b" HOLDUNTIL=2026-11-24T03:00:00+01:00",
            b" HOLDFOR=1 HOLDUNTIL=2026-11-24T03:00:00Z",
            b" SIZE=1 size=1",
            b" =1",
            b" -X=1",
        ):
            self.refused(text, 501) if text != b" -X=1" else self.refused(text, 555)

    @settings(max_examples=200)
    @given(st.binary(max_size=60))
    def test_any_octets_parse_or_raise_the_one_error(self, text):
        for parse in (mail, rcpt_parameters):
            try:
                parse(b" " + text)
            except BadParameter as error:
                self.assertIn(error.reply.code, (501, 555))
                self.assertTrue(error.reply.render().isascii())


class RcptParameterTests(SynchronousTestCase):
    def test_both_of_them(self):
        self.assertEqual(
            rcpt_parameters(b" NOTIFY=success,FAILURE ORCPT=RFC822;a+2Bb@example.org"),
            RcptParameters("SUCCESS,FAILURE", "rfc822;a+b@example.org"),
        )

    def test_an_international_original_recipient(self):
        self.assertEqual(
            rcpt_parameters(b" ORCPT=utf-8;j\\x{FC}rgen@example.org").original, "utf-8;jürgen@example.org"
        )
        self.assertEqual(
            rcpt_parameters(" ORCPT=utf-8;jürgen@example.org".encode()).original, "utf-8;jürgen@example.org"
        )

    def test_malformed_ones(self):
        for text in (
            b" NOTIFY",
            b" NOTIFY=",
            b" NOTIFY=NEVER,SUCCESS",
            b" NOTIFY=SUCCESS,SUCCESS",
            b" NOTIFY=SOMETIMES",
            b" ORCPT=",
            b" ORCPT=rfc822",
            b" ORCPT=rfc822;",
            b" ORCPT=rfc822;a+0D+0Ab",
            b" ORCPT=utf-8;\\x{D800}",
            b" ORCPT=utf-8;\\x{0A}",
            b" ORCPT=utf-8;\\x{FFFFFF}",
            b" ORCPT=utf-8;\xff",
            b" NOTIFY=NEVER notify=NEVER",
        ):
            with self.subTest(text):
                error = self.assertRaises(BadParameter, rcpt_parameters, text)
                self.assertEqual(error.reply.code, 501)


class LengthTests(SynchronousTestCase):
    def test_what_just_fits_and_what_does_not(self):
        for parse, fits, octet in (
            (mail, b" SIZE=" + b"9" * 20, b"9"),
            (mail, b" ENVID=" + b"x" * 100, b"x"),
            (mail, b" HOLDFOR=" + b"9" * 9, b"9"),
            (mail, b" HOLDUNTIL=2026-11-24T03:00:00." + b"9" * 9 + b"Z", b""),
            (rcpt_parameters, b" ORCPT=rfc822;" + b"x" * 493, b"x"),
        ):
            parse(fits)
            if octet:
                with self.assertRaises(BadParameter, msg=fits):
                    parse(fits + octet)

    def test_an_unknown_word_is_quoted_up_to_a_length(self):
        for word, quoted in ((b"X" * 64, "X" * 64), (b"X" * 65, "X" * 64), (b"X-1", "X-1")):
            with self.assertRaises(BadParameter) as caught:
                rcpt_parameters(b" " + word)
            self.assertIn(caught.exception.reply.code, (501, 555))
            if caught.exception.reply.code == 555:
                self.assertEqual(caught.exception.reply.text, f"Unknown parameter {quoted}")


class XtextTests(SynchronousTestCase):
    @settings(max_examples=100)
    @given(st.binary(max_size=50))
    def test_what_is_encoded_comes_back(self, octets):
        encoded = xtext.encode(octets)
        self.assertEqual(xtext.decode(encoded), octets)
        self.assertFalse(set(encoded) & set(b" =\r\n"))
