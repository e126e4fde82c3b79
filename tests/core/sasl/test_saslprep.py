"""SASLprep (RFC 4013)."""

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.sasl.saslprep import prepare_password, saslprep


class SaslprepTests(SynchronousTestCase):
    def test_the_examples_of_rfc_4013(self):
        for given, prepared in (
            ("I\u00adX", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u00aa", "a"),
            ("\u2168", "IX"),
        ):
            self.assertEqual(saslprep(given), prepared)
        for given in ("\u0007", "\u0627\u0031", "\u0627a\u0627", "x" * 1025):
            with self.assertRaises(ValueError):
                saslprep(given)

    def test_text_that_runs_to_the_left_is_prepared(self):
        self.assertEqual(saslprep("\u0627\u0031\u0628"), "\u0627\u0031\u0628")

    def test_other_spaces_become_spaces(self):
        self.assertEqual(saslprep("a\u00a0b\u3000c"), "a b c")

    def test_emoji_make_a_password(self):
        self.assertEqual(prepare_password("horse🐎"), "horse🐎".encode())
        with self.assertRaises(ValueError):
            saslprep("🪿", allow_unassigned=False)

    def test_composed_and_decomposed_passwords_are_the_same(self):
        self.assertEqual(prepare_password("pa\u0308ss"), prepare_password("p\u00e4ss"))

    def test_a_prohibited_password_is_taken_as_typed(self):
        self.assertEqual(prepare_password("a\tb"), b"a\tb")

    def test_empty_and_endless_passwords_are_none(self):
        for given in ("", "x" * 1025):
            with self.assertRaises(ValueError):
                prepare_password(given)

    def test_a_password_of_only_invisible_characters_is_not_an_empty_one(self):
        self.assertNotEqual(prepare_password("\u00ad"), b"")
