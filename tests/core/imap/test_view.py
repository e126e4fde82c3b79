"""A session's numbering: a client that applies the responses always has the server's list."""

from __future__ import annotations

import random
import timeit
import tracemalloc
from array import array

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.imap.sequence import SequenceSet, parse
from mailsys.core.imap.view import Changes, Position, View


def uids(*numbers: int) -> array:
    return array("I", numbers)


class Image:
    """A mailbox as the server keeps it: appends in place, a new array when rows vanish."""

    def __init__(self, *numbers: int) -> None:
        self.uids = uids(*numbers)
        self.next = max(numbers, default=0) + 1
        self.modseq = 1

    def add(self, count: int) -> None:
        for _ in range(count):
            self.uids.append(self.next)
            self.next += 1

    def remove(self, gone: set[int]) -> None:
        self.uids = array("I", [uid for uid in self.uids if uid not in gone])


class Client:
    """What a client makes of the responses, knowing no uid but what it is told."""

    def __init__(self, image: Image) -> None:
        self.messages = list(image.uids)
        self.flags: dict[int, int] = {}

    def apply(self, changes: Changes, image: Image, *, by_uid: bool) -> None:
        if by_uid:
            for uid in changes.vanished:
                self.messages.remove(uid)
        else:
            for number in changes.expunged:
                del self.messages[number - 1]
        if changes.exists is not None:
            assert changes.exists > len(self.messages), "EXISTS may only grow"
            fresh = [uid for uid in image.uids if not self.messages or uid > self.messages[-1]]
            self.messages += fresh
            assert len(self.messages) == changes.exists
        for number, uid in changes.flags:
            assert self.messages[number - 1] == uid, "FETCH names another message"
            self.flags[uid] = image.modseq


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 4)),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 12), max_size=4)),
        st.tuples(st.just("change"), st.sets(st.integers(0, 12), max_size=4)),
        st.tuples(st.just("flush"), st.booleans()),
        st.tuples(st.just("lost"), st.sets(st.integers(0, 12), max_size=2)),
    ),
    max_size=40,
)


class ClientModel(SynchronousTestCase):
    @settings(max_examples=300)
    @given(start=st.sets(st.integers(1, 20), max_size=8), steps=STEPS, by_uid=st.booleans())
    def test_a_client_that_applies_the_responses_has_the_servers_list(self, start, steps, by_uid):
        image = Image(*sorted(start))
        view, client = View(image.uids), Client(image)
        untold: set[int] = set()
        for action, value in steps:
            if action == "add":
                image.add(value)
                view.note(image.uids)
            elif action in ("remove", "lost"):
                gone = {image.uids[at] for at in value if at < len(image.uids)}
                image.remove(gone)
                untold -= gone
                # "lost": the note of who vanished never came; the view finds out by itself
                view.note(image.uids, vanished=sorted(gone) if action == "remove" else ())
            elif action == "change":
                image.modseq += 1
                touched = {image.uids[at] for at in value if at < len(image.uids)}
                view.note(image.uids, changed=[(uid, image.modseq) for uid in sorted(touched)])
                untold |= touched & set(client.messages)
            else:
                before = len(client.messages)
                changes = view.flush(expunge=value)
                if not value:
                    self.assertEqual((changes.expunged, changes.vanished), ((), ()))
                client.apply(changes, image, by_uid=by_uid)
                untold -= {uid for _, uid in changes.flags}
                self.assertFalse(untold)
                if not value:
                    self.assertGreaterEqual(len(client.messages), before)
            self.assertEqual(view.count, len(client.messages))
            self.assertEqual([view.uid(n) for n in range(view.count)], client.messages)
            self.assertEqual([view.number(uid) for uid in client.messages], list(range(1, view.count + 1)))
        client.apply(view.flush(expunge=True), image, by_uid=by_uid)
        self.assertEqual(client.messages, list(image.uids))
        self.assertTrue(view.shares(image.uids))
        self.assertFalse(view.pending)
        self.assertFalse(view.flush(expunge=True))


class Sharing(SynchronousTestCase):
    def test_an_agreeing_view_holds_the_images_array(self):
        image = Image(1, 2, 3)
        view = View(image.uids)
        image.add(1)
        view.note(image.uids)
        self.assertEqual(view.count, 3)
        self.assertEqual(view.flush(expunge=False), Changes(exists=4, recent=0))
        self.assertIs(view._uids, image.uids)
        image.remove({2})
        view.note(image.uids, vanished=[2])
        self.assertFalse(view.shares(image.uids))
        self.assertEqual(view.flush(expunge=True), Changes(expunged=(2,), vanished=(2,)))
        self.assertIs(view._uids, image.uids)


class Telling(SynchronousTestCase):
    def test_expunge_numbers_hold_at_the_moment_they_are_sent(self):
        image = Image(*range(1, 8))
        view = View(image.uids)
        image.remove({3, 4, 7})
        view.note(image.uids, vanished=[3, 4, 7])
        self.assertEqual(view.flush(expunge=True), Changes((7, 4, 3), (3, 4, 7)))

    def test_a_row_that_came_and_went_is_never_mentioned(self):
        image = Image(1)
        view = View(image.uids)
        image.add(2)
        view.note(image.uids)
        image.remove({2})
        view.note(image.uids, vanished=[2])
        self.assertEqual(view.flush(expunge=True), Changes(exists=2, recent=0))

    def test_recent_is_told_again_when_it_changes(self):
        image = Image(1, 2, 3)
        view = View(image.uids, [(2, 3)])
        image.remove({1})
        view.note(image.uids)
        self.assertEqual(view.flush(expunge=True), Changes((1,), (1,)))
        image.remove({3})
        view.note(image.uids)
        self.assertFalse(view.flush(expunge=False))
        self.assertEqual(view.flush(expunge=True), Changes((2,), (3,), recent=1))

    def test_flags_of_a_vanished_row_are_not_told(self):
        image = Image(1, 2)
        view = View(image.uids)
        view.note(image.uids, changed=[(1, 5)])
        image.remove({1})
        view.note(image.uids, changed=[(1, 6)], vanished=[1])
        self.assertFalse(view.flush(expunge=False))
        self.assertEqual(view.flush(expunge=True), Changes((1,), (1,)))

    def test_recent_counts_what_this_session_claimed_and_still_has(self):
        image = Image(1, 2, 3)
        view = View(image.uids, [(3, 3)])
        image.add(2)
        view.note(image.uids)
        view.claim_recent(4, 5)
        self.assertEqual(view.flush(expunge=True).recent, 3)
        self.assertEqual(view.recent_ranges, ((3, 5),))

    def test_ranges_with_others_mail_between_them_stay_apart(self):
        view = View(uids(*range(1, 10)))
        for low, high in ((2, 2), (3, 4), (4, 5), (7, 7), (8, 9), (11, 10)):
            view.claim_recent(low, high)
        self.assertEqual(view.recent_ranges, ((2, 5), (7, 9)))
        self.assertEqual(view.recent_count(), 7)
        self.assertEqual(View(uids(5, 6), [(1, 3), (6, 9)]).recent_count(), 1)

    def test_a_few_rows_gone_from_a_large_mailbox_are_found_without_looking_at_all(self):
        old = array("I", range(1, 200_001))
        image = Image(*range(1, 200_001))
        image.remove({1, 77, 199_999, 200_000})

        def told() -> Changes:
            view = View(old)
            view.note(image.uids)
            return view.flush(expunge=True)

        self.assertEqual(told(), Changes((200_000, 199_999, 77, 1), (1, 77, 199_999, 200_000)))
        whole = min(timeit.repeat(lambda: set(old).difference(image.uids), number=1, repeat=3))
        self.assertLess(min(timeit.repeat(told, number=1, repeat=5)), whole / 10)

    def test_an_idle_view_is_small(self):
        image = Image(*range(1, 10_001))
        tracemalloc.start()
        views = [View(image.uids) for _ in range(1000)]
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(size / len(views), 300)


class Naming(SynchronousTestCase):
    def test_sets_of_numbers_and_uids(self):
        view = View(uids(10, 20, 30, 40))
        for text, by_number, by_uid in (
            (b"1:2", [10, 20], []),
            (b"*", [40], [40]),
            (b"3:*", [30, 40], [10, 20, 30, 40]),
            (b"99:*", [40], [40]),
            (b"4,1", [10, 40], []),
            (b"20:30,15", [], [20, 30]),
        ):
            self.assertEqual(list(view.select(parse(text), uid=False)), by_number, text)
            self.assertEqual(list(view.select(parse(text), uid=True)), by_uid, text)

    def test_positions_are_numbers_less_one(self):
        view = View(uids(10, 20, 30, 40))
        self.assertEqual(list(view.positions(parse(b"2:3"), uid=False)), [1, 2])
        self.assertEqual(list(view.positions(parse(b"40,10:19"), uid=True)), [0, 3])
        self.assertEqual(view.position(30), 2)
        self.assertIsNone(view.position(35))

    def test_the_saved_result_drops_what_is_gone(self):
        image = Image(1, 2, 3, 4)
        view = View(image.uids)
        view.saved = uids(1, 2, 4)
        image.remove({2})
        view.note(image.uids, vanished=[2])
        view.flush(expunge=True)
        self.assertEqual(list(view.select(SequenceSet(saved=True), uid=False)), [1, 4])
        self.assertEqual(view.spans(SequenceSet(saved=True), uid=True), [(0, 1), (2, 3)])
        view.saved = uids(1, 3, 4)
        self.assertEqual(view.spans(SequenceSet(saved=True), uid=False), [(0, 3)])

    def test_many_uids_to_numbers(self):
        view = View(array("I", range(1, 2000, 2)))
        for size in (10, 900):
            some = sorted(random.Random(1).sample(range(1, 2100), size))
            self.assertEqual(view.numbers(some), [view.number(uid) for uid in some])

    def test_a_position_outside_is_an_index_error(self):
        for outside in (-1, 1):
            with self.assertRaises(IndexError):
                View(uids(1)).uid(Position(outside))
