"""SEARCH over columns gives what looking at each message would."""

from __future__ import annotations

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.imap.commands import (
    All,
    And,
    Date,
    Keyword,
    ModSeq,
    Not,
    Numbers,
    ObjectId,
    Or,
    Size,
    Text,
)
from mailsys.core.imap.search import Rows, evaluate, highest_modseq, make_plan, undecided
from mailsys.core.imap.sequence import SequenceSet
from mailsys.core.imap.view import View

UIDS = array("I", [2, 3, 5, 8, 9, 12])
EMAILS = array("q", [100, 7, 55, 56, 57, 1])
MODSEQS = array("q", [1, 9, 3, 4, 9, 2])
KEYWORDS = ["", "$seen", "$flagged $seen", "", "$junk", "$seen"]
SIZES = {100: 10, 7: 20, 55: 30, 56: 40, 57: 50, 1: 60}
RECEIVED = {email: 86400.0 * n + 5 for n, email in enumerate(EMAILS)}
SENT = {100: 0.0, 7: None, 55: 86399.9, 56: 86400.0, 57: -5.0, 1: 1e9}
THREADS = {100: 1, 7: 1, 55: 2, 56: 3, 57: 3, 1: 1}
COLUMNS = {"size": SIZES, "received_at": RECEIVED, "sent_at": SENT, "thread": THREADS}
TEXTS = {Text("subject", "a"): [1, 7, 100], Text("body", "b"): [55], Text("header", "", "X"): [56, 57]}


def rows(known: int = 12, recent: tuple = ((9, 12),)) -> Rows:
    view = View(UIDS)
    return Rows(UIDS, EMAILS, MODSEQS, KEYWORDS, view.select, known, recent)


def brute(key, at: int) -> bool:
    email = EMAILS[at]
    match key:
        case And(keys):
            return all(brute(one, at) for one in keys)
        case Or(left, right):
            return brute(left, at) or brute(right, at)
        case Not(inner):
            return not brute(inner, at)
        case All():
            return True
        case Keyword("\\recent"):
            return 9 <= UIDS[at] <= 12
        case Keyword(name):
            return name in KEYWORDS[at].split()
        case Numbers(numbers, uid):
            ranges = numbers.resolve(12 if uid else 6)
            value = UIDS[at] if uid else at + 1
            return any(low <= value <= high for low, high in ranges)
        case ModSeq(least):
            return MODSEQS[at] >= least
        case ObjectId("EMAILID", text):
            return text == f"M{email}"
        case ObjectId("THREADID", text):
            return text == f"T{THREADS[email]}"
        case Text():
            return email in TEXTS[key]
        case Size(larger, smaller):
            return (larger is None or SIZES[email] > larger) and (smaller is None or SIZES[email] < smaller)
        case Date(sent, first, last):
            moment = SENT[email] if sent else RECEIVED[email]
            return (
                moment is not None
                and (first is None or moment >= first * 86400)
                and (last is None or moment < last * 86400)
            )
    raise AssertionError(key)


NUMBERS = st.builds(
    SequenceSet,
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), min_size=1, max_size=3).map(tuple),
)
KEYS = st.recursive(
    st.one_of(
        st.just(All()),
        st.sampled_from(["$seen", "$flagged", "$junk", "$nothing", "\\recent"]).map(Keyword),
        st.builds(Numbers, NUMBERS, st.booleans()),
        st.integers(0, 10).map(ModSeq),
        st.sampled_from([("EMAILID", "M7"), ("EMAILID", "X"), ("THREADID", "T1"), ("THREADID", "M1")]).map(
            lambda pair: ObjectId(*pair)
        ),
        st.sampled_from(list(TEXTS)),
        st.integers(0, 70).map(lambda n: Size(larger=n)),
        st.integers(0, 70).map(lambda n: Size(smaller=n)),
        st.builds(Date, st.booleans(), st.none() | st.integers(-1, 6), st.none() | st.integers(-1, 6)),
    ),
    lambda keys: st.one_of(
        st.lists(keys, min_size=1, max_size=3).map(lambda found: And(tuple(found))),
        st.builds(Or, keys, keys),
        st.builds(Not, keys),
    ),
    max_leaves=8,
)


class Evaluation(SynchronousTestCase):
    @settings(max_examples=400)
    @given(KEYS, st.booleans())
    def test_it_agrees_with_looking_at_each_message(self, key, texts_first):
        plan = make_plan(key)
        asked = undecided(plan, rows(), TEXTS if texts_first else None)
        columns = {name: {email: COLUMNS[name][email] for email in asked} for name in plan.columns}
        texts = {text: TEXTS[text] for text in plan.texts}
        found = evaluate(plan, rows(), texts, columns)
        self.assertEqual(list(found), [UIDS[at] for at in range(6) if brute(key, at)])

    def test_only_rows_that_the_image_leaves_open_are_asked_for(self):
        plan = make_plan(And((Keyword("$seen"), Size(larger=20))))
        self.assertEqual(plan.columns, ("size",))
        self.assertEqual(list(undecided(plan, rows())), [7, 55, 1])

    def test_rows_not_told_yet_do_not_match(self):
        self.assertEqual(list(evaluate(make_plan(All()), rows(known=5))), [2, 3, 5])
        self.assertEqual(list(evaluate(make_plan(All()), rows(known=0))), [])

    def test_an_empty_mailbox_has_no_matches(self):
        view = View(array("I"))
        empty = Rows(array("I"), array("q"), array("q"), [], view.select, 0)
        for key in (All(), Not(All()), Keyword("$seen"), Numbers(SequenceSet(((1, 0),)), False)):
            self.assertEqual(list(evaluate(make_plan(key), empty)), [])

    def test_the_highest_modseq_is_of_the_matches(self):
        self.assertEqual(highest_modseq(rows(), [5, 8]), 4)
        self.assertEqual(highest_modseq(rows(), []), 0)


class Planning(SynchronousTestCase):
    def test_simplification(self):
        seen, text = Keyword("$seen"), Text("subject", "x")
        for key, expected in (
            (And((All(), seen)), seen),
            (And((seen, And((text, seen)))), And((seen, text))),
            (Or(All(), text), All()),
            (Not(Not(text)), text),
            (And((text, Not(All()))), Not(All())),
            (Or(Not(All()), text), text),
            (Numbers(SequenceSet(((1, 0),)), True), All()),
            (Text("body", ""), All()),
            (ObjectId("EMAILID", "foo"), Not(All())),
        ):
            self.assertEqual(make_plan(key).key, expected)

    def test_what_was_simplified_away_is_not_looked_up(self):
        self.assertEqual(make_plan(Or(All(), Text("body", "x"))).texts, ())

    def test_equal_texts_are_looked_up_once(self):
        text = Text("body", "x")
        self.assertEqual(make_plan(Or(text, And((text, Keyword("$seen"))))).texts, (text,))

    def test_modseq_asks_for_modseq_in_the_answer(self):
        self.assertTrue(make_plan(Or(All(), ModSeq(5))).uses_modseq)
        self.assertFalse(make_plan(All()).uses_modseq)
