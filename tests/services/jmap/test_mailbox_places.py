"""Which changes of a tree of mailboxes can be made together."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.ports.mailboxes import Role
from mailsys.services.jmap.mail.mailbox_places import Place, refused

DEEP = 8


def whole(tree: dict[str, Place]) -> bool:
    """The rules, written down once more, without any order."""
    claims = [place.claim for place in tree.values()]
    roles = [place.role for place in tree.values() if place.role is not None]
    if len(set(claims)) < len(claims) or len(set(roles)) < len(roles):
        return False
    for place in tree.values():
        depth = 1
        while place.parent is not None:
            depth += 1
            if place.parent not in tree or depth > DEEP:
                return False
            place = tree[place.parent]
    return True


def after(before: dict[str, Place], wanted: list[tuple[str, Place | None]]) -> dict[str, Place]:
    tree = dict(before)
    for mailbox, place in wanted:
        if place is None:
            del tree[mailbox]
        else:
            tree[mailbox] = place
    return tree


TREE = {
    "F1": Place(None, "INBOX", Role.INBOX),
    "F2": Place(None, "a", None),
    "F3": Place("F2", "b", Role.TRASH),
    "F4": Place("F3", "c", None),
    "F5": Place(None, "d", Role.SENT),
}
NEW = ("#x", "#y")
places = st.builds(
    Place,
    st.sampled_from([None, *TREE, *NEW, "F9"]),
    st.sampled_from(["a", "b", "c", "d", "e", "Inbox"]),
    st.sampled_from([None, None, None, Role.TRASH, Role.SENT]),
)
changes = st.lists(
    st.tuples(st.sampled_from(["F2", "F3", "F4", "F5"]), st.none() | places)
    | st.tuples(st.sampled_from(NEW), places),
    unique_by=lambda one: one[0],
)


class PlacesTests(SynchronousTestCase):
    def test_names_go_round(self) -> None:
        wanted = [("F2", Place(None, "d", None)), ("F5", Place(None, "a", Role.SENT))]
        self.assertEqual(refused(TREE, wanted, DEEP), frozenset())

    def test_who_cannot_go_keeps_others_from_coming(self) -> None:
        wanted = [
            ("#x", Place(None, "a", None)),
            ("F2", Place(None, "d", None)),
            ("F5", Place(None, "inbox", Role.SENT)),
        ]
        self.assertEqual(refused(TREE, wanted, DEEP), {0, 1, 2})

    def test_of_two_that_want_the_same_the_earlier_gets_it(self) -> None:
        wanted = [("#x", Place(None, "e", None)), ("#y", Place(None, "e", None))]
        self.assertEqual(refused(TREE, wanted, DEEP), {1})

    def test_what_has_children_at_last_is_not_destroyed(self) -> None:
        self.assertEqual(refused(TREE, [("F3", None)], DEEP), {0})
        self.assertEqual(refused(TREE, [("F3", None), ("F4", None)], DEEP), frozenset())
        self.assertEqual(refused(TREE, [("F3", None), ("F4", Place("F2", "c", None))], DEEP), frozenset())

    def test_no_loops_and_not_too_deep(self) -> None:
        self.assertEqual(refused(TREE, [("F2", Place("F4", "a", None))], DEEP), {0})
        self.assertEqual(refused(TREE, [("F2", Place("#x", "a", None))], DEEP), {0})
        self.assertEqual(refused(TREE, [("#x", Place("F4", "e", None))], 3), {0})

    @settings(max_examples=500, deadline=None)
    @given(changes)
    def test_what_is_not_refused_leaves_the_tree_whole(self, wanted: list[tuple[str, Place | None]]) -> None:
        gone = refused(TREE, wanted, DEEP)
        kept = [one for at, one in enumerate(wanted) if at not in gone]
        self.assertTrue(whole(after(TREE, kept)), kept)
        if whole(after(TREE, wanted)):
            self.assertEqual(gone, frozenset())

    def test_a_long_chain_takes_no_long_time(self) -> None:
        tree = {f"F{n}": Place(None, f"n{n}", None) for n in range(2000)}
        wanted: list[tuple[str, Place | None]] = [
            (f"F{n}", Place(None, f"n{n + 1}", None)) for n in range(500)
        ]
        start = time.process_time()
        self.assertEqual(len(refused(tree, wanted, DEEP)), 500)
        self.assertLess(time.process_time() - start, 0.2)
