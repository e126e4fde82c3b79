"""Encoded words, charsets, text and its search form, dates, base subjects."""

from __future__ import annotations

import re
import time
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import charsets, dates, encoded, text, thread

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


class EncodedWordTests(SynchronousTestCase):
    def test_words_decode(self) -> None:
        for value, expected in (
            (b"plain", "plain"),
            (b"=?iso-8859-1?Q?Gr=FC=DFe_aus?= K=?utf-8?B?w7ZsbiE=?=", "Grüße aus Köln!"),
            (b"=?utf-8?q?a?= =?utf-8?q?b?= c", "ab c"),
            (b"=?utf-8?q?=C3?= =?utf-8?q?=B6?=", "ö"),
            (b"=?utf-8*en?q?x?=", "x"),
            (b"=?nonsense?q?=E4?=", "ä"),
            (b"=?utf-8?q?two words?=", "two words"),
            (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
            (b"=?utf-8?q?a", "=?utf-8?q?a"),
            ("naïve".encode(), "naïve"),
            (b"na\xefve", "naïve"),
        ):
            self.assertEqual(encoded.decode_words(value), expected, value)

    def test_a_bomb_of_words_stays_its_size(self) -> None:
        bomb = b"=?utf-8?q?=C3=B6?= " * 60_000
        self.assertLessEqual(len(encoded.decode_words(bomb)), len(bomb))

    @given(TEXT)
    @example("=?utf-8?q?x?=")
    @example("a  b ")
    @settings(max_examples=150)
    def test_what_is_encoded_decodes_to_the_same(self, words: str) -> None:
        written = encoded.encode_words(words)
        self.assertTrue(written.isascii())
        self.assertTrue(all(len(word) <= 75 for word in written.split(" ") if word.startswith("=?utf-8?")))
        self.assertEqual(encoded.decode_words(written.encode()), words)

    @given(st.binary(max_size=300))
    def test_any_octets_decode_to_storable_text(self, value: bytes) -> None:
        encoded.decode_words(value).encode("utf-8")
        encoded.decode_words(b"=?utf-7?q?" + value + b"?=").encode("utf-8")


class CharsetTests(SynchronousTestCase):
    def test_names_that_mail_uses_are_known(self) -> None:
        for name in (
            "utf-8", "UTF8", "us-ascii", "iso-8859-1", "ISO_8859-15", "windows-1252", "cp1251", "koi8-r",
            "gb2312", "gbk", "big5", "shift_jis", "iso-2022-jp", "euc-jp", "euc-kr", "ks_c_5601-1987",
            "iso-8859-8-i", "windows-874", "utf-7", "utf-16", "macintosh",
        ):  # fmt: skip
            self.assertIsNotNone(charsets.codec(name), name)

    def test_codecs_that_are_no_charsets_are_not_used(self) -> None:
        for name in (
            "idna",
            "punycode",
            "unicode_escape",
            "base64",
            "rot13",
            "zlib",
            "undefined",
            "os",
            "../x",
            "",
        ):
            self.assertIsNone(charsets.codec(name), name)

    def test_the_declared_charset_then_utf_8_then_windows_1252(self) -> None:
        self.assertEqual(charsets.decode(b"\xe4", "koi8-r"), "Д")
        self.assertEqual(charsets.decode("ä".encode(), "us-ascii"), "ä")
        self.assertEqual(charsets.decode("ä".encode(), "x-nonsense"), "ä")
        self.assertEqual(charsets.decode(b"\x93x\x94", None), "“x”")
        self.assertEqual(charsets.decode(b"\xff\x81", "utf-8"), "ÿ\ufffd")

    def test_a_field_in_the_charset_of_the_text_becomes_utf_8(self) -> None:
        for words, name in (
            ("Привет", "koi8-r"),
            ("日本語", "shift_jis"),
            ("中文", "gb2312"),
            ("café", "latin1"),
        ):
            value = f'"{words}" <a@b.org>'
            octets = value.encode(charsets.codec(name) or "")
            self.assertEqual(charsets.header_in_utf_8(octets, name), value.encode(), name)

    def test_a_field_that_is_utf_8_or_cannot_be_in_the_charset_stays(self) -> None:
        for octets, name in (
            ("Grüße".encode(), "koi8-r"),
            ("Grüße aus".encode() + b"\xe9", "koi8-r"),
            (b"plain", "utf-16"),
            (b"\xe9\xe8", "utf-16"),
            (b"\xe9", "cp037"),
            (b"\xe9", "euc-jp"),
            (b"\xe9", "x-nonsense"),
            (b"\xe9", None),
        ):
            self.assertEqual(charsets.header_in_utf_8(octets, name), octets, name)

    def test_a_few_bad_octets_do_not_change_the_charset_of_all(self) -> None:
        for words, name in (
            ("café 日本", "utf-8"),
            ("中文字", "gb2312"),
            ("日本語", "euc-jp"),
            ("한국어", "euc-kr"),
        ):
            found = charsets.decode(words.encode(charsets.codec(name) or "") + b" \xff.", name)
            self.assertTrue(found.startswith(f"{words} "), (name, found))
            self.assertIn("\ufffd", found)
        long = "Grüße aus Köln, " * 10_000
        found = charsets.decode(long.encode() + b"\xe9" + long.encode(), None)
        self.assertEqual(found, f"{long}\ufffd{long}")

    def test_what_only_claims_to_be_utf_8_is_windows_1252(self) -> None:
        for words in ("café", "Grüße aus Köln", "naïve œuvre", "Ångström"):
            self.assertEqual(charsets.decode(words.encode("cp1252"), "utf-8"), words)

    def test_bad_octets_of_any_kind_cost_little(self) -> None:
        for octets in (b"\x80\xc3", b"\xc3", b"\xe0\x80", b"\xf0\x80\x80", b"\xff\xc3\xa9"):
            for name in ("utf-8", "gb2312", "iso-2022-jp", "shift_jis", None):
                began = time.process_time()
                charsets.decode(octets * (300_000 // len(octets)), name)
                self.assertLess(time.process_time() - began, 1.0, (octets, name))

    def test_long_text_decodes_as_short_text_does(self) -> None:
        words = "Grüße, こんにちは " * 10_000
        for name in ("utf-8", "iso-2022-jp", "utf-16"):
            data = words.replace("ü", "u").replace("ß", "s").encode(name)
            self.assertEqual(charsets.decode(data, name), words.replace("ü", "u").replace("ß", "s"))

    def test_text_cut_within_a_character_keeps_its_charset(self) -> None:
        self.assertEqual(charsets.decode(("ü" * 40_000).encode()[:-1], "utf-8"), "ü" * 39_999)


class FoldTests(SynchronousTestCase):
    def test_case_and_white_space_are_levelled(self) -> None:
        self.assertEqual(text.fold("Hello\r\n\t  WORLD"), "hello world")
        self.assertEqual(text.fold("Große\u00a0\u2003STRASSE"), "grosse strasse")
        self.assertEqual(text.fold("E\u0301"), "é")
        self.assertEqual(text.fold("a\0b\x7fc"), "a b c")
        self.assertEqual(text.fold(" a "), " a ")

    @given(st.text(st.characters(max_codepoint=127)), st.sampled_from((1, 30_000)))
    @example("", 1)
    @example(" \r\n ", 1)
    @example("a \t", 1)
    def test_ascii_is_folded_alike_at_any_length(self, words: str, times: int) -> None:
        whole = (words[:20] * times)[:100_000]
        self.assertEqual(text.fold(whole), re.sub("[\0- \x7f]+", " ", whole).lower())

    @given(TEXT)
    @settings(max_examples=200)
    def test_folded_text_is_its_own_folded_form(self, words: str) -> None:
        once = text.fold(words)
        self.assertEqual(text.fold(once), once)
        self.assertNotIn("  ", once)
        self.assertNotRegex(once, "[\\x00-\\x1f]")

    @given(st.text(st.characters(codec="ascii"), max_size=200))
    def test_the_ascii_way_agrees_with_the_other(self, words: str) -> None:
        self.assertEqual(text.fold(words + "é")[:-1].rstrip(), text.fold(words + "e")[:-1].rstrip())

    def test_a_run_of_combining_marks_is_not_quadratic(self) -> None:
        began = time.process_time()
        text.fold("\u0301\u0316" * 250_000)
        self.assertLess(time.process_time() - began, 5)  # hours when quadratic

    @given(TEXT, st.integers(1, 100))
    def test_cleaned_text_is_one_bounded_printable_line(self, words: str, limit: int) -> None:
        line = text.clean(words, limit)
        self.assertLessEqual(len(line), limit)
        self.assertNotRegex(line, "[\\x00-\\x1f\\x7f\\u2028]")

    def test_normalising_in_windows_agrees_with_the_whole(self) -> None:
        words = "e\u0301cole na\u00efve " * 500
        self.assertEqual(text.nfc(words), unicodedata.normalize("NFC", words))


class HtmlTests(SynchronousTestCase):
    def words(self, html: str) -> str:
        return " ".join(text.from_html(html).split())

    def test_what_a_reader_sees_remains(self) -> None:
        for html, expected in (
            ("<p>one</p><p>two</p>", "one two"),
            ("a<b>b</b>c", "abc"),
            ("x<br>y<br/>z", "x y z"),
            ("<STYLE>p {}</STYLE>x<script>if (a<b) y()</script >z", "xz"),
            ("<head><title>t</title></head>x", "x"),
            ("a<!-- <p>hidden</p> -->b<!-->c", "abc"),
            (
                "a &lt;b&gt; &amp;amp; &auml;&#228;&#xe4;&euro &nbsp;x &unknown; &",
                "a <b> &amp; äää€ x &unknown; &",
            ),
            ("<stylish>shown</stylish>", "shown"),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("a<script>never closed", "a"),
            ("&#0;&#xd800;&#x110000;&#9999999;", "\ufffd\ufffd\ufffd"),
            ("", ""),
        ):
            self.assertEqual(self.words(html), expected, html)

    def test_hostile_documents_take_linear_time(self) -> None:
        for piece in (
            "<",
            "<a",
            "<!--",
            "<!-->",
            "<p>",
            "<script ",
            "<style></style>",
            "&",
            "&amp;",
            "<a href='",
            "&#1",
        ):
            began = time.process_time()
            text.from_html(piece * (1_000_000 // len(piece)))
            self.assertLess(time.process_time() - began, 5, piece)

    @given(
        st.lists(
            st.sampled_from(
                ["<", ">", "<p>", "<!--", "-->", "<script>", "</script>", "&lt;", "x", "&#60;", '"']
            ),
            max_size=30,
        )
    )
    def test_no_document_makes_it_fail(self, pieces: list[str]) -> None:
        text.from_html("".join(pieces)).encode("utf-8")


class DateTests(SynchronousTestCase):
    def test_dates_as_they_are_written(self) -> None:
        for value, expected in (
            (b"Tue, 24 Nov 2026 03:02:11 +0000", 1795489331.0),
            (b"24 Nov 2026 04:02:11 +0100", 1795489331.0),
            (b"Tue, 24 Nov 2026 03:02 GMT", 1795489320.0),
            (b"Mon, 23 Nov 26 22:02:11 EST", 1795489331.0),
            (b"Tue, 24 Nov 2026 03:02:11 +0000 (UTC (really))", 1795489331.0),
            (b"Tue,24 Nov 2026 03:02:11 Z", 1795489331.0),
            (b"Tue Nov 24 03:02:11 2026", 1795489331.0),
            (b"Tue, 24 Nov 2026 03(comment):   02  (a (b) c):  11 +0000", 1795489331.0),  # RFC 5322 §A.6.3
            (b"Tuesday, 24-Nov-26 03:02:11 UT", 1795489331.0),
            (b"1 Jan 70 00:00:00 -0000", 0.0),
            (b"31 Feb 2026 00:00:00 +0000", None),
            (b"24 Nov 2026 25:02:11 +0000", None),
            (b"24 Foo 2026 03:02:11 +0000", None),
            (b"yesterday", None),
            (b"", None),
        ):
            self.assertEqual(dates.parse(value), expected, value)

    def test_the_zone_is_the_one_it_was_written_in(self) -> None:
        for zone, minutes in (
            (b"-0330", -210),
            (b"EST", -300),
            (b"GMT", 0),
            (b"-0000", 0),
            (b"A", 0),
            (b"", 0),
        ):
            found = dates.parse_zoned(b"24 Nov 2026 03:02:11 " + zone)
            self.assertEqual(found, (1795489331.0 - minutes * 60, minutes), zone)
        self.assertIsNone(dates.parse_zoned(b"24 Nov 2026 03:02:11 +9999"))

    @given(st.integers(0, 4_000_000_000), st.integers(-14 * 60, 14 * 60))
    def test_what_is_rendered_parses_to_the_same(self, at: int, offset: int) -> None:
        self.assertEqual(dates.parse(dates.render(at, offset).encode()), float(at))

    @given(st.binary(max_size=60))
    def test_no_octets_make_it_fail(self, value: bytes) -> None:
        dates.parse(value)


class ThreadTests(SynchronousTestCase):
    def test_base_subjects(self) -> None:
        for subject, expected in (
            ("Hello", ("hello", False)),
            ("Re: Hello", ("hello", True)),
            ("RE: re[2]: Fwd: Hello  World (fwd)", ("hello world", True)),
            ("AW: Antw: SV: Hello", ("hello", True)),
            ("[list] Re: [list] Hello", ("hello", True)),
            ("Re: [list] Re: Hello", ("hello", True)),
            ("[only a label]", ("[only a label]", False)),
            ("[fwd: Re: Hello]", ("hello", True)),
            ("Re :Hello", ("hello", True)),
            ("Reply: Hello", ("reply: hello", False)),
            ("Re:", ("", True)),
            ("", ("", False)),
            ("回复：你好", ("你好", True)),
        ):
            self.assertEqual(thread.base_subject(subject), expected, subject)

    def test_ids_are_kept_once_and_the_newest_hundred(self) -> None:
        self.assertEqual(
            thread.references([b"<a@x> junk <b@x>\r\n <a@x>", b"<c@x>"]), ("<a@x>", "<b@x>", "<c@x>")
        )
        many = b" ".join(b"<%d@x>" % i for i in range(5000))
        self.assertEqual(thread.references([many]), tuple(f"<{i}@x>" for i in range(4900, 5000)))

    def test_a_malformed_id_is_none(self) -> None:
        self.assertEqual(thread.message_id(b" <a@b> (x)"), "<a@b>")
        for value in (b"a@b", b"<>", b"<a b>", b"<" + b"x" * 2000 + b">", b""):
            self.assertIsNone(thread.message_id(value))

    @given(TEXT)
    def test_a_base_subject_is_its_own_base(self, subject: str) -> None:
        base = thread.base_subject("Re: " + subject)[0]
        self.assertEqual(base, base.strip())
