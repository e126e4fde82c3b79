"""Words found, marked (RFC 8621 §5)."""

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.jmap.snippets import MAX_OCTETS, mark, pattern, preview, terms


class SnippetTests(SynchronousTestCase):
    def test_matches_are_marked_and_all_else_is_escaped(self):
        self.assertEqual(mark("a <b> Foo & foo", pattern(["foo"])),
                         "a &lt;b&gt; <mark>Foo</mark> &amp; <mark>foo</mark>")  # fmt: skip

    def test_nothing_found_is_none(self):
        self.assertIsNone(mark("abc", pattern(["x"])))
        self.assertIsNone(preview("abc", pattern(["x"])))

    def test_no_words_make_no_pattern(self):
        self.assertIsNone(pattern([" "]))

    def test_a_quoted_phrase_is_one_match(self):
        self.assertEqual(mark("a big  dog", pattern(['"big dog"'])), "a <mark>big  dog</mark>")

    def test_phrases_have_quotes_of_either_kind_with_escapes(self):
        self.assertEqual(terms(["'a b' \"c \\\" d\" it's"]), ['c " d', "it's", "a b"])

    def test_a_pattern_is_taken_literally(self):
        self.assertIsNone(mark("abc", pattern(["a.c"])))

    def test_a_preview_is_around_the_match_and_short(self):
        text = "<&> " * 500 + "needle" + " ümläut" * 500
        shown = preview(text, pattern(["needle"]))
        self.assertIn("<mark>needle</mark>", shown)
        self.assertLessEqual(len(shown.encode()), MAX_OCTETS)

    def test_what_is_longer_than_a_preview_shows_nothing_wrong(self):
        self.assertIsNone(preview("a" * 1000, pattern(["a" * 900])))
