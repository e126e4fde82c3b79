"""Every command's grammar, as tables; and what hostile octets may not do."""

from __future__ import annotations

import contextlib
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.imap.commands import (
    All,
    And,
    Authenticate,
    Copy,
    Create,
    Date,
    Delete,
    Enable,
    Expunge,
    Fetch,
    Id,
    Keyword,
    List,
    Login,
    ModSeq,
    Not,
    Numbers,
    ObjectId,
    Or,
    QResync,
    Rename,
    Search,
    Section,
    Select,
    Simple,
    Size,
    Status,
    Store,
    Subscribe,
    Text,
)
from mailsys.core.imap.lexer import BadCommand
from mailsys.core.imap.parse import UID_VERBS, VERBS, parse, parse_append, tag_of
from mailsys.core.imap.search_arguments import SearchBounds
from mailsys.core.imap.sequence import SequenceSet


def command(text: bytes, **options):
    tag, found = parse(b"t1 " + text + b"\r\n", **options)
    assert tag == b"t1"
    return found


def one(low: int, high: int | None = None) -> SequenceSet:
    return SequenceSet(((low, low if high is None else high),))


class Table(SynchronousTestCase):
    def check(self, table: dict) -> None:
        for text, expected in table.items():
            self.assertEqual(command(text), expected, text)

    def refuse(self, *texts: bytes) -> None:
        for text in texts:
            with self.assertRaises(BadCommand, msg=repr(text)) as caught:
                command(text)
            self.assertEqual(caught.exception.tag, b"t1")


class SimpleCommands(Table):
    def test_commands_without_arguments(self):
        for name in b"CAPABILITY NOOP LOGOUT STARTTLS CHECK CLOSE UNSELECT EXPUNGE NAMESPACE IDLE".split():
            self.assertEqual(command(name.lower()), Simple(name))

    def test_they_take_none(self):
        self.refuse(b"NOOP x", b"NOOP  ", b"IDLE (", b"EXPUNGE 1", b"STARTTLS\0")

    def test_a_single_trailing_space_is_forgiven(self):
        self.assertEqual(command(b"NOOP "), Simple(b"NOOP"))

    def test_unknown_commands_are_refused(self):
        self.refuse(
            b"XYZZY",
            b"UID NOOP",
            b"UID",
            b"",
            b" NOOP",
            b'"NOOP"',
            b"FETCH\0 1 FLAGS",
            b"UID UID FETCH 1 UID",
        )

    def test_id(self):
        self.check(
            {
                b"ID NIL": Id(()),
                b"ID ()": Id(()),
                b'ID ("name" "mutt" "version" NIL)': Id((("name", "mutt"), ("version", None))),
            }
        )
        self.refuse(b"ID", b"ID (name mutt)", b'ID ("a")', b"ID (" + b'"a" "b" ' * 31 + b")")

    def test_enable(self):
        self.check({b"ENABLE condstore IMAP4rev2": Enable((b"CONDSTORE", b"IMAP4REV2"))})
        self.refuse(b"ENABLE", b"ENABLE (CONDSTORE)")

    def test_authenticate(self):
        self.check(
            {
                b"AUTHENTICATE plain": Authenticate("PLAIN", None),
                b"AUTHENTICATE PLAIN =": Authenticate("PLAIN", b""),
                b"AUTHENTICATE PLAIN AGEAYg==": Authenticate("PLAIN", b"\0a\0b"),
            }
        )
        self.refuse(
            b"AUTHENTICATE",
            b"AUTHENTICATE PLAIN !",
            b"AUTHENTICATE PLAIN AGEAYg",
            b"AUTHENTICATE PLAIN A=== x",
        )

    def test_login(self):
        self.check(
            {
                b"LOGIN a b": Login(b"a", b"b"),
                b'LOGIN "a@b" "p \\"\\\\"': Login(b"a@b", b'p "\\'),
                b"LOGIN {3}\r\na\r\n {2+}\r\nxy": Login(b"a\r\n", b"xy"),
                'LOGIN "ä" ö'.encode(): Login("ä".encode(), "ö".encode()),
                b'LOGIN "" ""': Login(b"", b""),
                b"LOGIN a]b c]": Login(b"a]b", b"c]"),
            }
        )
        self.refuse(
            b"LOGIN",
            b"LOGIN a",
            b"LOGIN a b c",
            b'LOGIN "a',
            b'LOGIN "a\\x" b',
            b"LOGIN a {9}\r\nb",
            b"LOGIN a(b c",
            b"LOGIN a {1}\r\n\0",
            b"LOGIN ~{1}\r\na b",
            b"LOGIN a  b",
        )


class MailboxCommands(Table):
    def test_inbox_is_case_insensitive_also_as_a_parent(self):
        for text in (b"iNbOx", b'"INBOX"', b"{5}\r\ninbox"):
            self.assertEqual(command(b"DELETE " + text), Delete("INBOX"))
        self.assertEqual(command(b"DELETE inbox/x"), Delete("INBOX/x"))
        self.assertEqual(command(b"DELETE inboxes"), Delete("inboxes"))

    def test_names_come_in_modified_utf7_or_utf8(self):
        self.check(
            {
                b"DELETE Entw&APw-rfe": Delete("Entwürfe"),
                "DELETE Entwürfe".encode(): Delete("Entwürfe"),
                'DELETE "Entwürfe"'.encode(): Delete("Entwürfe"),
                b"DELETE R&-D": Delete("R&D"),
                "DELETE u\u0308".encode(): Delete("ü"),
            }
        )
        self.assertEqual(command(b"DELETE R&-D", utf8=True), Delete("R&-D"))

    def test_names_that_nobody_could_tell_apart_are_refused(self):
        self.refuse(
            b'DELETE ""',
            b"DELETE \xff",
            b"DELETE {2}\r\na\n",
            b"DELETE " + b"x" * 1001,
            b"DELETE &AAo-",
            b"DELETE R&D",  # shifted, and never back
            b"DELETE &AGE-",  # "a", which stands for itself
            b"DELETE &2AA-",  # half of a pair
            b"DELETE &AOQAO-",  # bits too many
            "DELETE a\u2028".encode(),
            b"DELETE a*",
            b"DELETE",
            b'DELETE "a" b',
        )

    def test_select(self):
        self.check(
            {
                b"SELECT inbox": Select("INBOX", False),
                b"EXAMINE x": Select("x", True),
                b"SELECT x (CONDSTORE)": Select("x", False, True),
                b"SELECT x (QRESYNC (67890007 20050715194045000 41,43:211,214:541))": Select(
                    "x",
                    False,
                    False,
                    QResync(67890007, 20050715194045000, SequenceSet(((41, 41), (43, 211), (214, 541)))),
                ),
                b"SELECT x (QRESYNC (1 2 1:9 (1,3 4,7)))": Select(
                    "x",
                    False,
                    False,
                    QResync(1, 2, one(1, 9), SequenceSet(((1, 1), (3, 3))), SequenceSet(((4, 4), (7, 7)))),
                ),
                b"SELECT x (QRESYNC (1 2 (1 4)) CONDSTORE)": Select(
                    "x", False, True, QResync(1, 2, None, one(1), one(4))
                ),
            }
        )
        self.refuse(
            b"SELECT",
            b"SELECT x (FOO)",
            b"SELECT x (QRESYNC (0 1))",
            b"SELECT x (QRESYNC (1 0))",
            b"SELECT x (QRESYNC (1 2 1:*))",
            b"SELECT x (QRESYNC (1 2 $))",
            b"SELECT x (QRESYNC (1 2 1:3 ()))",
            b"SELECT x CONDSTORE",
            b"SELECT x (CONDSTORE",
        )

    def test_create_delete_rename_subscribe(self):
        self.check(
            {
                b"CREATE a/b/": Create("a/b"),
                b"CREATE x (USE (\\archive \\Foo))": Create("x", ("\\Archive", "\\Foo")),
                b"RENAME a b/": Rename("a", "b"),
                b"SUBSCRIBE a": Subscribe("a", True),
                b"UNSUBSCRIBE a": Subscribe("a", False),
            }
        )
        self.refuse(
            b"CREATE", b"CREATE x (USE \\Sent)", b"CREATE x (FOO (\\Sent))", b"RENAME a", b"SUBSCRIBE"
        )

    def test_status(self):
        self.check({b"STATUS x (messages UIDNEXT SIZE)": Status("x", (b"MESSAGES", b"UIDNEXT", b"SIZE"))})
        self.refuse(
            b"STATUS x", b"STATUS x ()", b"STATUS x (FOO)", b"STATUS x (MESSAGES", b"STATUS x MESSAGES"
        )

    def test_list(self):
        self.check(
            {
                b'LIST "" *': List("", ("*",)),
                b'LIST "" ""': List("", ("",)),
                b'LIST "" inbox': List("", ("INBOX",)),
                b"LIST a/ b%]": List("a/", ("b%]",)),
                b'LSUB "" "%"': List("", ("%",), lsub=True),
                b'LIST (SUBSCRIBED RECURSIVEMATCH) "" ("a" b*)': List(
                    "",
                    ("a", "b*"),
                    extended=True,
                    select_subscribed=True,
                    select_recursive=True,
                    return_subscribed=True,
                ),
                b'LIST () "" % RETURN (SPECIAL-USE CHILDREN STATUS (MESSAGES UNSEEN) SUBSCRIBED)': List(
                    "",
                    ("%",),
                    extended=True,
                    return_subscribed=True,
                    return_children=True,
                    return_special=True,
                    return_status=(b"MESSAGES", b"UNSEEN"),
                ),
                b'LIST (REMOTE SPECIAL-USE) "" *': List(
                    "", ("*",), extended=True, select_remote=True, select_special=True, return_special=True
                ),
            }
        )
        self.refuse(
            b"LIST",
            b'LIST ""',
            b'LIST (FOO) "" *',
            b'LIST (RECURSIVEMATCH) "" *',
            b'LIST (RECURSIVEMATCH REMOTE) "" *',
            b'LIST "" * RETURN',
            b'LIST "" * RETURN (FOO)',
            b'LIST "" * FOO ()',
            b'LSUB "" (a b)',
            b'LIST "" (' + b" ".join([b"%"] * 60) + b")",
        )

    def test_append_up_to_its_literal(self):
        def append(text: bytes):
            return parse_append(b"t1 APPEND " + text + b"\r\n")[1]

        found = append(b'"x" (\\seen Foo foo Foo) " 1-Feb-2024 10:00:00 +0100" ~{5+}')
        self.assertEqual(
            (found.mailbox, found.flags, found.size, found.binary),
            ("x", (b"\\Seen", b"Foo", b"foo"), 5, True),
        )
        self.assertEqual(found.date, 1706778000.0)
        for text in (
            b"x",
            b"x {5} ",
            b"{5}",
            b"x (\\Recent) {5}",
            b"x (\\*) {5}",
            b'x "now" {5}',
            b"x () () {5}",
            b'x "01-Feb-2024 10:00:00 +0100"{5}',
            b"x UTF8 ({5}",
            b"x {}",
            b'x "31-Feb-2024 10:00:00 +0100" {5}',
            b'x "01-Feb-2024 10:00:00 +2500" {5}',
            b'x "01-Feb-0000 10:00:00 +0000" {5}',
        ):
            with self.assertRaises(BadCommand, msg=repr(text)):
                append(text)


class FetchCommands(Table):
    def test_macros_and_single_items(self):
        fast = (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE")
        self.check(
            {
                b"FETCH 1 fast": Fetch(False, one(1), fast, ()),
                b"FETCH 1 ALL": Fetch(False, one(1), (*fast, b"ENVELOPE"), ()),
                b"FETCH 1 FULL": Fetch(False, one(1), (*fast, b"ENVELOPE", b"BODY"), ()),
                b"FETCH 1:* BODY": Fetch(False, one(1, 0), (b"BODY",), ()),
                b"UID FETCH $ (BODYSTRUCTURE EMAILID THREADID modseq)": Fetch(
                    True,
                    SequenceSet(saved=True),
                    (b"UID", b"BODYSTRUCTURE", b"EMAILID", b"THREADID", b"MODSEQ"),
                    (),
                ),
            }
        )
        self.refuse(
            b"FETCH 1 (FAST)",
            b"FETCH 1",
            b"FETCH 1 ()",
            b"FETCH 1 FOO",
            b"FETCH 1 (FLAGS",
            b"FETCH 0 FLAGS",
            b"FETCH 1 FLAGS UID",
        )

    def test_sections(self):
        for text, expected in {
            b"BODY[]": Section(label=b"BODY[]"),
            b"BODY.PEEK[]<0.10>": Section(start=0, length=10, peek=True, label=b"BODY[]<0>"),
            b"body[text]": Section(text=b"TEXT", label=b"BODY[TEXT]"),
            b"BODY[1.2.HEADER]": Section((1, 2), b"HEADER", label=b"BODY[1.2.HEADER]"),
            b"BODY[3.MIME]": Section((3,), b"MIME", label=b"BODY[3.MIME]"),
            b"BODY[3]": Section((3,), label=b"BODY[3]"),
            b'BODY.PEEK[HEADER.FIELDS (From "To" {2}\r\nCc)]<0.5>': Section(
                (),
                b"HEADER.FIELDS",
                (b"From", b"To", b"Cc"),
                0,
                5,
                True,
                label=b"BODY[HEADER.FIELDS (From To Cc)]<0>",
            ),
            b'BODY[1.HEADER.FIELDS.NOT ("X(Y")]': Section(
                (1,), b"HEADER.FIELDS.NOT", (b"X(Y",), label=b'BODY[1.HEADER.FIELDS.NOT ("X(Y")]'
            ),
            b"BINARY[1]<5.6>": Section((1,), start=5, length=6, kind=b"BINARY", label=b"BINARY[1]<5>"),
            b"BINARY.PEEK[]": Section(peek=True, kind=b"BINARY", label=b"BINARY[]"),
            b"BINARY.SIZE[1.1]": Section((1, 1), peek=True, kind=b"BINARY.SIZE", label=b"BINARY.SIZE[1.1]"),
            b"RFC822": Section(kind=b"RFC822", label=b"RFC822"),
            b"RFC822.HEADER": Section(
                text=b"HEADER", peek=True, kind=b"RFC822.HEADER", label=b"RFC822.HEADER"
            ),
            b"RFC822.TEXT": Section(text=b"TEXT", kind=b"RFC822.TEXT", label=b"RFC822.TEXT"),
        }.items():
            found = command(b"FETCH 1 (" + text + b" UID)")
            self.assertEqual(found.sections, (expected,), text)
        self.refuse(
            *[
                b"FETCH 1 " + text
                for text in (
                    b"BODY[",
                    b"BODY[0]",
                    b"BODY[1.]",
                    b"BODY[1.FOO]",
                    b"BODY[MIME]",
                    b"BODY[HEADER.FIELDS]",
                    b"BODY[HEADER.FIELDS ()]",
                    b"BODY[HEADER.FIELDS (a:b)]",
                    b"BODY[]<0>",
                    b"BODY[]<0.0>",
                    b"BODY[]<1.99999999999999999999>",
                    b"BODY[TEXT.1]",
                    b"BINARY[TEXT]",
                    b"BINARY.SIZE[1]<0.1>",
                    b"BODY.PEEK",
                    b"BODY[" + b"1." * 200 + b"1]",
                    b"BODY[99999999999]",
                    b"BODY[HEADER.FIELDS ({3}\r\na\r\n)]",
                    b"BODY [1]",
                )
            ]
        )

    def test_modifiers(self):
        self.assertEqual(
            command(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)"),
            Fetch(True, one(1, 0), (b"UID", b"FLAGS", b"MODSEQ"), (), 12345, True),
        )
        self.refuse(
            b"FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
            b"UID FETCH 1 FLAGS (VANISHED)",
            b"FETCH 1 FLAGS (FOO)",
            b"FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
            b"FETCH 1 FLAGS (CHANGEDSINCE)",
        )

    def test_store(self):
        self.check(
            {
                b"STORE 1 FLAGS ()": Store(False, one(1), "replace", False, ()),
                b"UID STORE 1 +flags.silent (\\seen $Junk)": Store(
                    True, one(1), "add", True, (b"\\Seen", b"$Junk")
                ),
                b"STORE 1 -FLAGS \\Deleted foo": Store(
                    False, one(1), "remove", False, (b"\\Deleted", b"foo")
                ),
                b"STORE 1 (UNCHANGEDSINCE 0) FLAGS (a)": Store(False, one(1), "replace", False, (b"a",), 0),
            }
        )
        self.refuse(
            b"STORE 1 FLAGS (\\Recent)",
            b"STORE 1 FLAGS (\\*)",
            b"STORE 1 FLAGS (\\Foo)",
            b"STORE 1 FLAGS",
            b"STORE 1 FOO (a)",
            b"STORE 1 +FLAGS.LOUD (a)",
            b"STORE 1 (FOO 1) FLAGS (a)",
            b"STORE 1 FLAGS (a]b)",
            b"STORE 1 FLAGS (\xc3\xa4)",
            b"STORE 1 FLAGS (" + b" ".join(b"f%d" % n for n in range(300)) + b")",
        )

    def test_copy_move_and_uid_expunge(self):
        self.check(
            {
                b"COPY 1 x": Copy(False, one(1), "x", False),
                b"UID MOVE 1:2 inbox": Copy(True, one(1, 2), "INBOX", True),
                b"UID EXPUNGE 3:*": Expunge(one(3, 0)),
            }
        )
        self.refuse(b"COPY 1", b"COPY x y", b"COPY 1,, x", b"COPY 1: x", b"UID EXPUNGE", b"COPY $,1 x")


class SearchCommands(Table):
    def key(self, text: bytes, **options):
        return command(b"SEARCH " + text, **options).key

    def test_keys(self):
        for text, expected in {
            b"ALL": All(),
            b"unseen": Not(Keyword("$seen")),
            b"NEW": And((Keyword("\\recent"), Not(Keyword("$seen")))),
            b"OLD": Not(Keyword("\\recent")),
            b"1:3,5": Numbers(SequenceSet(((1, 3), (5, 5))), False),
            b"*": Numbers(one(0), False),
            b"$": Numbers(SequenceSet(saved=True), False),
            b"UID 7": Numbers(one(7), True),
            b"KEYWORD $Junk": Keyword("$junk"),
            b"UNKEYWORD \\Seen": Not(Keyword("$seen")),
            b"SEEN FLAGGED": And((Keyword("$seen"), Keyword("$flagged"))),
            b"OR SEEN NOT DRAFT": Or(Keyword("$seen"), Not(Keyword("$draft"))),
            b"(SEEN (DRAFT)) ALL": And((And((Keyword("$seen"), Keyword("$draft"))), All())),
            b'SUBJECT "a b"': Text("subject", "a b"),
            b"BODY {4}\r\n\xc3\xa4\r\n": Text("body", "ä\r\n"),
            b"HEADER X-Foo bar": Text("header", "bar", "X-Foo"),
            b'HEADER Subject ""': Text("header", "", "Subject"),
            b"BEFORE 2-Jan-1970": Date(False, None, 1),
            b"ON 2-Jan-1970": Date(False, 1, 2),
            b'SENTSINCE "02-jan-1970"': Date(True, 1, None),
            b"LARGER 5": Size(larger=5),
            b"SMALLER 5": Size(smaller=5),
            b"MODSEQ 12": ModSeq(12),
            b'MODSEQ "/flags/\\\\draft" all 12': ModSeq(12),
            b"EMAILID M5": ObjectId("EMAILID", "M5"),
        }.items():
            self.assertEqual(self.key(text), expected, text)
        self.refuse(
            *[
                b"SEARCH " + text
                for text in (
                    b"",
                    b"FOO",
                    b"(",
                    b"()",
                    b"(SEEN",
                    b"SEEN)",
                    b"OR SEEN",
                    b"NOT",
                    b"SUBJECT",
                    b"ON today",
                    b"ON 32-Jan-1970",
                    b"ON 1-Jan-0000",
                    b"LARGER -1",
                    b"LARGER x",
                    b"BODY \xff",
                    b"UID x",
                    b"MODSEQ",
                    b'MODSEQ "x" all 1',
                    b"HEADER a",
                    b"KEYWORD",
                    b"CHARSET UTF-8",
                )
            ]
        )

    def test_return_options(self):
        self.check(
            {
                b"SEARCH RETURN () ALL": Search(False, All(), frozenset({b"ALL"})),
                b"UID SEARCH return (MIN max SAVE) ALL": Search(
                    True, All(), frozenset({b"MIN", b"MAX", b"SAVE"})
                ),
            }
        )
        self.refuse(b"SEARCH RETURN (FOO) ALL", b"SEARCH RETURN (MIN)", b"SEARCH RETURN ALL ALL")

    def test_charsets(self):
        self.assertEqual(command(b"SEARCH CHARSET utf-8 TEXT \xc3\xa4").key, Text("text", "ä"))
        self.assertEqual(command(b"SEARCH CHARSET US-ASCII TEXT x").charset, "us-ascii")
        self.refuse(b"SEARCH CHARSET US-ASCII TEXT \xc3\xa4")
        with self.assertRaises(BadCommand) as caught:
            command(b"SEARCH CHARSET KOI8-R TEXT x")
        self.assertEqual(
            (caught.exception.status, caught.exception.code), (b"NO", b"BADCHARSET (US-ASCII UTF-8)")
        )

    def test_text_terms_are_bounded_and_sets_are_not_terms(self):
        self.key(b" ".join([b"TEXT x"] * 50))
        self.refuse(b"SEARCH " + b" ".join([b"TEXT x"] * 51))
        self.key(b" ".join([b"UID 1"] * 60))
        self.key(b"TEXT x TEXT y", bounds=SearchBounds(text_terms=2))
        with self.assertRaises(BadCommand):
            self.key(b"TEXT x TEXT y", bounds=SearchBounds(text_terms=1))

    def test_keys_and_depth_are_bounded_to_the_number(self):
        bounds = SearchBounds(keys=3, depth=2)
        for fine in (
            b"SEEN SEEN SEEN",
            b"NOT NOT SEEN",
            b"((SEEN))",
            b"SEEN NOT NOT SEEN",
            b"(SEEN NOT SEEN)",
        ):
            bounds = SearchBounds(keys=5, depth=2)
            self.key(fine, bounds=bounds)
        for deep in (b"SEEN NOT NOT NOT SEEN", b"(SEEN NOT NOT SEEN)", b"OR NOT SEEN NOT NOT SEEN"):
            with self.assertRaises(BadCommand, msg=deep):
                self.key(deep, bounds=SearchBounds(keys=9, depth=2))
        bounds = SearchBounds(keys=3, depth=2)
        for fine in (b"SEEN SEEN SEEN", b"NOT NOT SEEN", b"((SEEN))"):
            self.key(fine, bounds=bounds)
        for much in (b"SEEN SEEN SEEN SEEN", b"OR SEEN NOT SEEN", b"(NOT (SEEN))"):
            with self.assertRaises(BadCommand) as caught:
                self.key(much, bounds=bounds)
            self.assertEqual(caught.exception.code, b"LIMIT", much)

    def test_a_chain_of_fifty_alternatives_is_fine(self):
        self.key(b"OR FROM a " * 49 + b"FROM b")

    def test_nesting_is_bounded(self):
        for bomb in (b"(" * 60000, b"NOT " * 15000 + b"ALL", b"OR ALL " * 9000 + b"ALL", b"(NOT " * 12000):
            self.refuse(b"SEARCH " + bomb)


class Bounds(SynchronousTestCase):
    def test_what_just_fits_and_what_is_one_too_many(self):
        for make, most in (
            (lambda n: b"ID (" + b" ".join([b'"a" NIL'] * n) + b")", 30),
            (lambda n: b"ENABLE" + b" X" * n, 50),
            (lambda n: b'LIST "" (' + b" ".join([b"a"] * n) + b")", 50),
            (lambda n: b"STORE 1 FLAGS (" + b" ".join(b"k%d" % k for k in range(n)) + b")", 200),
            (lambda n: b"STORE 1 FLAGS " + b" ".join(b"k%d" % k for k in range(n)), 200),
            (lambda n: b"FETCH 1 BODY[" + b".".join([b"1"] * n) + b"]", 100),
            (lambda n: b"FETCH 1 BODY[HEADER.FIELDS (" + b" ".join([b"a"] * n) + b")]", 100),
            (lambda n: b"FETCH 1 (" + b" ".join(b"BODY[%d]" % part for part in range(1, n + 1)) + b")", 4000),
            (lambda n: b"CREATE " + b"a" * n, 1000),
            (lambda n: b"SEARCH LARGER %d" % n, 2**63 - 1),
            (lambda n: b"SEARCH SMALLER %d" % n, 2**63 - 1),
            (lambda n: b"SEARCH MODSEQ %d" % n, 2**63 - 1),
            (lambda n: b"FETCH 1 BODY[]<0.%d>" % n, 2**63 - 1),
            (lambda n: b"FETCH 1 BODY[]<%d.1>" % n, 2**63 - 1),
            (lambda n: b"FETCH 1 BODY[%d]" % n, 2**32 - 1),
            (lambda n: b"FETCH %d UID" % n, 2**32 - 1),
        ):
            command(make(most))
            with self.assertRaises(BadCommand, msg=make(min(most, 2)) + b" ... %d" % most):
                command(make(most + 1))

    def test_words_of_an_id_are_cut(self):
        found = command(b'ID ("' + b"n" * 31 + b'" "' + b"v" * 1025 + b'")')
        self.assertEqual(found.fields, (("n" * 30, "v" * 1024),))


class Hostile(SynchronousTestCase):
    def test_sixty_four_kilobytes_of_anything_are_refused_quickly(self):
        started = time.process_time()
        for verb in [*VERBS, *(b"UID " + verb for verb in UID_VERBS), b"SEARCH", b"UID SEARCH"]:
            for filler in (
                b"(",
                b'"',
                b"\\",
                b"{",
                b"1,",
                b"1:*,",
                b"*:",
                b"a",
                b'"a" ',
                b"{1}\r\na",
                b"\0",
                b"\xff",
                b"&",
            ):
                for head in (b"", b"1 ", b"x ", b"1 BODY[", b'"" (', b"1 BODY[HEADER.FIELDS (", b"1 FLAGS ("):
                    with contextlib.suppress(BadCommand):
                        parse(b"a " + verb + b" " + head + filler * (65000 // len(filler)) + b"\r\n")
        self.assertLess((time.process_time() - started) / 2500, 0.02)

    def test_a_huge_set_parses_and_resolves_in_milliseconds(self):
        text = b",".join(b"%d:*" % n for n in range(1, 9000))
        started = time.process_time()
        found = command(b"UID FETCH " + text + b" FLAGS")
        self.assertEqual(found.numbers.resolve(10), [(1, 8999)])
        self.assertLess(time.process_time() - started, 0.5)

    @settings(max_examples=300)
    @given(
        verb=st.sampled_from([*VERBS, *(b"UID " + verb for verb in UID_VERBS), b"SEARCH", b"UID SEARCH"]),
        words=st.lists(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    b'( ) [ ] "" "a" {1}\r\na 1:* $ NIL ALL OR NOT BODY[ BODY.PEEK[HEADER.FIELDS <0.1> '
                    b"RETURN STATUS CHARSET UTF-8 MODSEQ QRESYNC USE \\Seen FLAGS +FLAGS.SILENT UID "
                    b"1-Jan-2000 inbox = ~{1}\r\na (CHANGEDSINCE (UNCHANGEDSINCE 18446744073709551616".split(
                        b" "
                    )
                ),
            ),
            max_size=12,
        ),
        glue=st.sampled_from([b" ", b""]),
        utf8=st.booleans(),
    )
    def test_parsing_raises_nothing_but_bad_command(self, verb, words, glue, utf8):
        data = b"a " + verb + b" " + glue.join(words) + b"\r\n"
        try:
            parse(data, utf8=utf8)
        except BadCommand as problem:
            self.assertEqual(problem.tag, b"a")
            self.assertNotIn("\n", problem.text)
        with contextlib.suppress(BadCommand):
            parse_append(data.replace(b"a APPEND", b"a append"), utf8=utf8)

    @settings(max_examples=200)
    @given(st.binary(max_size=60))
    def test_any_octets_at_all(self, data):
        for function in (parse, parse_append):
            with contextlib.suppress(BadCommand):
                function(data)
        tag_of(data)
