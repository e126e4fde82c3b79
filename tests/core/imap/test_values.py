"""Small values: modified UTF-7, sequence sets, dates, patterns, responses, header fields, the table."""

from __future__ import annotations

import fnmatch
import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.imap import dates, fetch, header_fields, names, object_ids, response, sequence, states, utf7
from mailsys.core.imap.commands import Section
from mailsys.core.imap.lexer import Lexer
from mailsys.core.imap.parse import UID_VERBS, VERBS, parse
from mailsys.core.imap.patterns import compile_pattern
from mailsys.core.imap.states import RULES, State

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)


class ModifiedUtf7(SynchronousTestCase):
    def test_known_names(self):
        for text, octets in (
            ("Entwürfe", b"Entw&APw-rfe"),
            ("R&D", b"R&-D"),
            ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("\U0001f600", b"&2D3eAA-"),
            ("", b""),
        ):
            self.assertEqual(utf7.encode(text), octets)
            self.assertEqual(utf7.decode(octets), text)

    def test_other_spellings_are_refused(self):
        for octets in (
            b"&",
            b"a&b",
            b"&APw",
            b"&APw=-",
            b"&AP-",
            b"&AGE-",
            b"\xc3\xa4",
            b"&2D0-",
            b"&APw-&APw-",
            b"&A*w-",
        ):
            with self.assertRaises(utf7.NotModifiedUtf7, msg=octets):
                utf7.decode(octets)

    @settings(max_examples=200)
    @given(TEXT)
    def test_decode_undoes_encode(self, text):
        self.assertEqual(utf7.decode(utf7.encode(text)), text)

    @settings(max_examples=200)
    @given(st.text("&-,+/abAZ09 é", max_size=12).map(str.encode))
    def test_no_two_spellings_name_one_mailbox(self, octets):
        try:
            text = utf7.decode(octets)
        except utf7.NotModifiedUtf7:
            return
        self.assertEqual(utf7.encode(text), octets)


class Sets(SynchronousTestCase):
    def test_resolving(self):
        for text, maximum, expected in (
            (b"1", 5, [(1, 1)]),
            (b"5:1", 9, [(1, 5)]),
            (b"*", 0, []),
            (b"3:*,1", 0, [(1, 1)]),
            (b"*:3", 2, [(2, 3)]),
            (b"9:*", 5, [(5, 9)]),
            (b"1:3,4,6,2:2", 9, [(1, 4), (6, 6)]),
            (b"4294967295", 9, [(4294967295, 4294967295)]),
        ):
            self.assertEqual(sequence.parse(text).resolve(maximum), expected, text)

    def test_malformed_sets_are_refused(self):
        for text in (
            b"",
            b"0",
            b"1,",
            b",1",
            b"1:",
            b"1:2:3",
            b"4294967296",
            b"a",
            b"1 2",
            b"$1",
            b"01:*:",
            b"-1",
            b"1\n",
        ):
            with self.assertRaises(ValueError, msg=text):
                sequence.parse(text)
        with self.assertRaises(ValueError):
            sequence.parse(b"1,2,3", limit=2)

    @settings(max_examples=200)
    @given(st.sets(st.integers(1, 60)))
    def test_rendered_numbers_parse_back(self, numbers):
        if not numbers:
            self.assertEqual(sequence.render([]), b"")
            return
        ranges = sequence.parse(sequence.render(sorted(numbers))).resolve(1)
        self.assertEqual(sequence.count(ranges), len(numbers))
        for number in range(62):
            self.assertEqual(sequence.contains(ranges, number), number in numbers)

    def test_numbers_from_nought_are_ranges_too(self):
        self.assertEqual(sequence.to_ranges([0, 1, 4]), [(0, 1), (4, 4)])
        self.assertEqual(sequence.to_ranges([0]), [(0, 0)])
        self.assertEqual(sequence.to_ranges([]), [])

    def test_the_largest_plain_number(self):
        for text, largest in ((b"3:7,5", 7), (b"9:2", 9), (b"4:*,2", 4), (b"*", 0), (b"$", 0)):
            self.assertEqual(sequence.parse(text).largest(), largest, text)
            self.assertEqual(sequence.parse(text).has_star(), b"*" in text, text)


class Dates(SynchronousTestCase):
    def test_rendering_and_parsing(self):
        self.assertEqual(dates.render_date_time(0.0), b"01-Jan-1970 00:00:00 +0000")
        self.assertEqual(dates.render_date_time(-0.5), b"31-Dec-1969 23:59:59 +0000")
        self.assertEqual(dates.parse_date_time(b" 1-Jan-1970 00:00:00 -0130"), 5400.0)
        self.assertEqual(dates.parse_date_time(b"31-Dec-1998 23:59:60 +0000"), 915148799.0)  # a leap second
        for text in (
            b"01-Foo-1970 00:00:00 +0000",
            b"01-Jan-1970 00:00:00 +0060",
            b"01-Jan-1970 00:00:00 +2400",
            b"01-Jan-1970 24:00:00 +0000",
            b"32-Jan-1970 00:00:00 +0000",
            b"01-Jan-1970 00:00:00 0000",
        ):
            with self.assertRaises(ValueError, msg=text):
                dates.parse_date_time(text)
        self.assertEqual(dates.parse_date_time(b"01-Jan-1970 00:00:00 -2359"), 86340.0)
        self.assertEqual(dates.render_date_time(1e18), b"31-Dec-9999 01:46:40 +0000")

    @settings(max_examples=200)
    @given(st.integers(-62135596800, 253402300799))
    def test_parse_undoes_render(self, seconds):
        self.assertEqual(dates.parse_date_time(dates.render_date_time(seconds)), seconds)


class Patterns(SynchronousTestCase):
    def test_known_cases(self):
        for reference, pattern, name, expected in (
            ("", "*", "a/b", True),
            ("", "%", "a/b", False),
            ("", "%", "a", True),
            ("", "%/%", "a/b", True),
            ("", "a%", "a", True),
            ("", "a%", "ab/c", False),
            ("", "*%", "a/b", True),
            ("", "%*%", "a/b/c", True),
            ("a/", "%", "a/b", True),
            ("a/", "%", "b", False),
            ("", "inbox", "INBOX", True),
            ("", "Inb*", "INBOX", True),
            ("", "inbox/%", "INBOX/x", True),
            ("", "inbo", "INBOX", False),
            ("", "inbox/Y", "INBOX/y", False),
            ("", "inbox%", "INBOX/x", False),
            ("", "", "", True),
            ("", "", "a", False),
            ("", "ü*", "über", True),
            ("", "a", "A", False),
            ("", "*a*b", "xxaxxbxb", True),
            ("", "[a]", "a", False),
        ):
            self.assertEqual(compile_pattern(reference, pattern).matches(name), expected, (pattern, name))

    @settings(max_examples=300)
    @given(st.text("ab/%*", max_size=10), st.text("ab/", max_size=12))
    def test_it_agrees_with_a_regular_expression(self, pattern, name):
        expression = "".join({"*": ".*", "%": "[^/]*"}.get(c, re.escape(c)) for c in pattern)
        self.assertEqual(
            compile_pattern("", pattern).matches(name), re.fullmatch(expression, name) is not None
        )

    def test_a_bomb_costs_nothing(self):
        bombs = ["%*" * 500, "%a" * 500, "*a" * 500 + "b", "%/%" * 300, "*%*%" * 100 + "x"]
        started = time.process_time()
        for bomb in bombs:
            compile_pattern("", bomb).matches("a/" * 500)
        self.assertLess(time.process_time() - started, 0.5)  # some 0.05 s; backtracking would take for ever
        self.assertTrue(fnmatch.fnmatch("a", "*"))


class Responses(SynchronousTestCase):
    def test_strings(self):
        for function, value, expected in (
            (response.astring, b"abc", b"abc"),
            (response.astring, b"NIL", b'"NIL"'),
            (response.astring, b"", b'""'),
            (response.astring, b'a "\\', b'"a \\"\\\\"'),
            (response.astring, b"a\r\n", b"{3}\r\na\r\n"),
            (response.nstring, None, b"NIL"),
            (response.string, b"\xff", b"{1}\r\n\xff"),
            (response.string, b"x" * 1001, b"{1001}\r\n" + b"x" * 1001),
            (response.literal8, b"\0", b"~{1}\r\n\0"),
        ):
            self.assertEqual(function(value), expected)

    @settings(max_examples=200)
    @given(st.binary(max_size=30).filter(lambda data: b"\0" not in data))
    def test_an_astring_reads_back(self, data):
        self.assertEqual(Lexer(response.astring(data) + b"\r\n").astring(), data)

    @settings(max_examples=200)
    @given(TEXT.map(names.canonical), st.booleans())
    def test_a_mailbox_name_reads_back(self, name, utf8):
        shown = response.mailbox(name, utf8=utf8)
        if not names._FORBIDDEN.search(name):
            self.assertEqual(names.decode(Lexer(shown + b"\r\n").astring8(), utf8=utf8), name)

    def test_status_responses_never_break_their_line(self):
        self.assertEqual(response.tagged(b"a", b"NO", "a\r\nb OK ü", b"LIMIT"), b"a NO [LIMIT] a b OK ?\r\n")
        self.assertEqual(response.untagged(b"OK"), b"* OK Done\r\n")

    def test_copyuid_keeps_the_pairs_in_step(self):
        self.assertEqual(
            response.copy_uid(9, [1, 2, 3, 7], [10, 11, 20, 21]), b"COPYUID 9 1:2,3,7 10:11,20,21"
        )

    def test_list_and_status_lines(self):
        self.assertEqual(
            response.list_line([b"\\HasChildren"], "R&D", child_info=[b"SUBSCRIBED"]),
            b'* LIST (\\HasChildren) "/" R&-D ("CHILDINFO" ("SUBSCRIBED"))\r\n',
        )
        self.assertEqual(response.list_line([], "ü", lsub=True, utf8=True), '* LSUB () "/" "ü"\r\n'.encode())
        self.assertEqual(
            response.status_line("a b", [(b"MESSAGES", 1), (b"MAILBOXID", b"(F1)")]),
            b'* STATUS "a b" (MESSAGES 1 MAILBOXID (F1))\r\n',
        )

    def test_esearch(self):
        both = frozenset(b"MIN MAX COUNT ALL SAVE".split())
        self.assertEqual(
            response.esearch(b"a", [2, 3, 9], both, uid=True, modseq=7),
            b'* ESEARCH (TAG "a") UID MIN 2 MAX 9 ALL 2:3,9 COUNT 3 MODSEQ 7\r\n',
        )
        self.assertEqual(response.esearch(b"a", [], both, uid=False), b'* ESEARCH (TAG "a") COUNT 0\r\n')
        self.assertEqual(response.search_line([]), b"* SEARCH\r\n")
        self.assertEqual(response.search_line([1, 2], modseq=5), b"* SEARCH 1 2 (MODSEQ 5)\r\n")

    def test_rows(self):
        self.assertEqual(
            response.rows([b"UID", b"MODSEQ", b"FLAGS"], [1, 2], [[5, 6], [8, 9], [b"\\Seen", b""]]),
            b"* 1 FETCH (UID 5 MODSEQ (8) FLAGS (\\Seen))\r\n* 2 FETCH (UID 6 MODSEQ (9) FLAGS ())\r\n",
        )
        self.assertEqual(
            response.rows([b"EMAILID", b"BODY[HEADER.FIELDS (50%d)]"], [3], [[7], [b"NIL"]]),
            b"* 3 FETCH (EMAILID (M7) BODY[HEADER.FIELDS (50%d)] NIL)\r\n",
        )

    def test_vanished(self):
        self.assertEqual(response.vanished([1, 2, 5], earlier=True), b"* VANISHED (EARLIER) 1:2,5\r\n")
        self.assertEqual(response.vanished([]), b"")

    def test_object_ids_read_back_by_kind(self):
        self.assertEqual(object_ids.number("M", object_ids.email_id(12).decode()), 12)
        for text in ("T12", "M", "M01", "M-1", "M" + "9" * 30, "m1", "M1\n"):
            self.assertIsNone(object_ids.number("M", text))


HEADER = b"From: a\r\n b\r\nTO : c\r\nX-From: d\r\nfrom: e\r\nSubject:\r\n\r\n"


class HeaderFields(SynchronousTestCase):
    def test_selecting_keeps_folding_order_and_every_octet(self):
        self.assertEqual(
            header_fields.select(HEADER, (b"to", b"FROM")), b"From: a\r\n b\r\nTO : c\r\nfrom: e\r\n\r\n"
        )
        self.assertEqual(header_fields.select(HEADER, (b"Date",)), b"\r\n")

    def test_leaving_out(self):
        self.assertEqual(
            header_fields.select(HEADER, (b"to", b"FROM"), negate=True), b"X-From: d\r\nSubject:\r\n\r\n"
        )

    def test_a_block_without_its_blank_line(self):
        self.assertEqual(header_fields.select(b"a: b\r\nc: d", (b"c",)), b"c: d\r\n\r\n")
        self.assertEqual(header_fields.select(b"a: b\r\nc: d", (b"c",), negate=True), b"a: b\r\n\r\n")
        self.assertEqual(header_fields.select(b"", (b"c",), negate=True), b"\r\n")

    def test_a_block_of_bare_line_feeds_loses_nothing(self):
        self.assertEqual(header_fields.select(b"a: b\nc: d\n\n", (b"c",), negate=True), b"a: b\n\r\n")
        self.assertEqual(header_fields.select(b"a: b\nc: d\n\n", (b"a",), negate=True), b"c: d\n\r\n")

    @settings(max_examples=200)
    @given(
        st.lists(
            st.sampled_from([b"a: 1", b"B: 2\r\n\t3", b"ab: x", b"c:", b"a : y", b"nonsense"]), max_size=8
        )
    )
    def test_the_two_forms_share_out_the_block(self, fields):
        block = b"".join(field + b"\r\n" for field in fields) + b"\r\n"
        some = header_fields.select(block, (b"a", b"b"))
        rest = header_fields.select(block, (b"A", b"B"), negate=True)
        self.assertEqual(len(some) + len(rest), len(block) + 2)
        wanted = [f for f in fields if f.split(b":")[0].strip().lower() in (b"a", b"b")]
        self.assertEqual(some, b"".join(field + b"\r\n" for field in wanted) + b"\r\n")

    def test_a_large_block_is_read_in_milliseconds(self):
        block = b"X: \r\n \r\n" * 30000 + b"\r\n"
        started = time.process_time()
        for negate in (False, True):
            header_fields.select(block, tuple(b"X%d" % n for n in range(50)), negate=negate)
        self.assertLess(time.process_time() - started, 0.2)


class FetchSections(SynchronousTestCase):
    def test_cuts(self):
        self.assertEqual(fetch.cut(Section(start=2, length=2), b"abcdef"), b"cd")
        self.assertEqual(
            fetch.from_header(Section(text=b"HEADER.FIELDS", fields=(b"To",), start=0, length=4), HEADER),
            b"TO :",
        )


class CommandTable(SynchronousTestCase):
    EXAMPLES = (
        b"CAPABILITY",
        b"NOOP",
        b"LOGOUT",
        b"ID NIL",
        b"STARTTLS",
        b"AUTHENTICATE X",
        b"LOGIN a b",
        b"ENABLE X",
        b"SELECT a",
        b"EXAMINE a",
        b"CREATE a",
        b"DELETE a",
        b"RENAME a b",
        b"SUBSCRIBE a",
        b"UNSUBSCRIBE a",
        b'LIST "" a',
        b'LSUB "" a',
        b"NAMESPACE",
        b"STATUS a (SIZE)",
        b"IDLE",
        b"CHECK",
        b"CLOSE",
        b"UNSELECT",
        b"EXPUNGE",
        b"UID EXPUNGE 1",
        b"SEARCH ALL",
        b"UID SEARCH ALL",
        b"FETCH 1 UID",
        b"UID FETCH 1 UID",
        b"STORE 1 FLAGS a",
        b"UID STORE 1 FLAGS a",
        b"COPY 1 a",
        b"UID COPY 1 a",
        b"MOVE 1 a",
        b"UID MOVE 1 a",
    )

    def test_every_command_has_its_row_by_name(self):
        named = {states.name_of(parse(b"a " + text + b"\r\n")[1]) for text in self.EXAMPLES}
        self.assertEqual(named | {b"APPEND"}, set(RULES))
        for text in self.EXAMPLES:
            self.assertTrue(text.startswith(states.name_of(parse(b"a " + text + b"\r\n")[1])))

    def test_every_verb_is_in_the_table(self):
        self.assertEqual(
            {*VERBS, b"SEARCH", b"UID SEARCH", *(b"UID " + verb for verb in UID_VERBS)}, set(RULES)
        )

    def test_states(self):
        def names_in(state: State) -> set[bytes]:
            return {name for name, rule in RULES.items() if rule.states & state}

        always = set(b"CAPABILITY NOOP LOGOUT ID".split())
        self.assertEqual(
            names_in(State.NOT_AUTHENTICATED), always | set(b"STARTTLS LOGIN AUTHENTICATE".split())
        )
        self.assertNotIn(b"FETCH", names_in(State.AUTHENTICATED))
        self.assertNotIn(b"LOGIN", names_in(State.SELECTED))
        self.assertEqual(names_in(State.LOGOUT), set())

    def test_a_command_is_allowed_in_its_states_alone(self):
        fetch_one, login = (parse(b"a " + text + b"\r\n")[1] for text in (b"FETCH 1 UID", b"LOGIN a b"))
        for state in State:
            self.assertIs(states.allowed(fetch_one, state), state is State.SELECTED)
            self.assertIs(states.allowed(login, state), state is State.NOT_AUTHENTICATED)

    def test_what_changes_a_mailbox_is_refused_in_one_opened_with_examine(self):
        changing = {name for name, rule in RULES.items() if rule.changes}
        both = set(b"EXPUNGE STORE MOVE".split())
        self.assertEqual(changing, both | {b"UID " + name for name in both})
        for text in self.EXAMPLES:
            found = parse(b"a " + text + b"\r\n")[1]
            self.assertEqual(states.changes(found), states.name_of(found) in changing)
            self.assertEqual(
                states.keeps_numbers(found), states.name_of(found) in set(b"FETCH STORE SEARCH COPY".split())
            )

    def test_each_command_of_a_selected_mailbox_wants_one(self):
        selected = {name for name, rule in RULES.items() if rule.states == State.SELECTED}
        each = set(b"SEARCH FETCH STORE COPY MOVE EXPUNGE".split())
        self.assertEqual(
            selected, each | {b"UID " + name for name in each} | set(b"CHECK CLOSE UNSELECT".split())
        )
        self.assertEqual(RULES[b"ENABLE"].states, State.AUTHENTICATED)
        self.assertEqual(RULES[b"APPEND"].states, State.AUTHENTICATED | State.SELECTED)

    def test_expunge_waits_for_what_names_messages_by_number(self):
        waiting = {name for name, rule in RULES.items() if rule.keeps_numbers}
        self.assertEqual(waiting, set(b"FETCH STORE SEARCH COPY".split()))
