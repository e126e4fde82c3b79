"""PLAIN (RFC 4616) and LOGIN."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.sasl.failure import SaslMalformed
from mailsys.core.sasl.plain import Claim, Login, parse_plain


class PlainTests(SynchronousTestCase):
    def test_name_and_password_are_read(self):
        self.assertEqual(parse_plain(b"\0tim\0tanstaaftanstaaf"), Claim("tim", "tanstaaftanstaaf"))

    def test_an_authzid_is_kept(self):
        self.assertEqual(parse_plain(b"Ursel\0Kurt\0xipj3plmq"), Claim("Kurt", "xipj3plmq", "Ursel"))

    def test_utf8_is_read(self):
        self.assertEqual(parse_plain("\0jürgen\0pässwörd".encode()), Claim("jürgen", "pässwörd"))

    def test_what_breaks_the_grammar_is_malformed(self):
        for message in (b"", b"tim", b"\0tim", b"\0\0secret", b"\0tim\0", b"\0tim\0a\0b", b"\0\xff\0a"):
            with self.assertRaises(SaslMalformed):
                parse_plain(message)

    def test_long_messages_are_malformed(self):
        with self.assertRaises(SaslMalformed):
            parse_plain(b"\0tim\0" + b"x" * 5000)
        with self.assertRaises(SaslMalformed):
            parse_plain(b"x" * 1_000_000)

    @given(st.binary(max_size=100))
    @settings(max_examples=150)
    def test_any_bytes_give_a_claim_or_malformed(self, message: bytes):
        try:
            claim = parse_plain(message)
        except SaslMalformed:
            return
        self.assertEqual(
            b"\0".join(s.encode() for s in (claim.acting_as, claim.name, claim.password)), message
        )


class LoginTests(SynchronousTestCase):
    def test_both_questions_are_asked(self):
        machine = Login()
        self.assertEqual(machine.take(None), b"Username:")
        self.assertEqual(machine.take(b"tim"), b"Password:")
        self.assertEqual(machine.take(b"secret"), Claim("tim", "secret"))

    def test_an_initial_response_is_the_name(self):
        machine = Login()
        self.assertEqual(machine.take(b"tim"), b"Password:")

    def test_silence_is_no_answer_to_a_question(self):
        machine = Login()
        machine.take(b"tim")
        with self.assertRaises(SaslMalformed):
            machine.take(None)

    def test_an_empty_password_is_malformed(self):
        machine = Login()
        machine.take(b"tim")
        with self.assertRaises(SaslMalformed):
            machine.take(b"")

    def test_nothing_is_taken_after_the_end(self):
        machine = Login()
        machine.take(b"tim")
        machine.take(b"secret")
        with self.assertRaises(SaslMalformed):
            machine.take(b"again")

    def test_empty_and_long_answers_are_malformed(self):
        for answer in (b"", b"x" * 5000, b"a\0b", b"\xff"):
            with self.assertRaises(SaslMalformed):
                Login().take(answer)
