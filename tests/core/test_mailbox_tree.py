"""Which changes of a mailbox tree can be made together, and why others cannot."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.mailbox_tree import Key, Objection, Place, Why, objections

DEEP = 8


def whole(tree: dict[Key, Place]) -> bool:
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


def after(before: dict[Key, Place], wanted: list[tuple[Key, Place | None]]) -> dict[Key, Place]:
    tree = dict(before)
    for mailbox, place in wanted:
        if place is None:
            del tree[mailbox]
        else:
            tree[mailbox] = place
    return tree


TREE: dict[Key, Place] = {
    "F1": Place(None, "INBOX", "inbox"),
    "F2": Place(None, "a", None),
    "F3": Place("F2", "b", "trash"),
    "F4": Place("F3", "c", None),
    "F5": Place(None, "d", "sent"),
}
NEW = ("#x", "#y")
places = st.builds(
    Place,
    st.sampled_from([None, *TREE, *NEW, "F9"]),
    st.sampled_from(["a", "b", "c", "d", "e", "Inbox"]),
    st.sampled_from([None, None, None, "trash", "sent"]),
)
changes = st.lists(
    st.tuples(st.sampled_from(["F2", "F3", "F4", "F5"]), st.none() | places)
    | st.tuples(st.sampled_from(NEW), places),
    unique_by=lambda one: one[0],
)

Wanted = list[tuple[Key, Place | None]]


def why(wanted: Wanted, tree: dict[Key, Place] = TREE, deep: int = DEEP) -> dict[Key, Why]:
    return {key: found.why for key, found in objections(tree, wanted, deep).items()}


class ObjectionTests(SynchronousTestCase):
    def test_names_go_round(self) -> None:
        self.assertEqual(why([("F2", Place(None, "d")), ("F5", Place(None, "a", "sent"))]), {})

    def test_who_cannot_go_keeps_others_from_coming(self) -> None:
        wanted: Wanted = [
            ("#x", Place(None, "a")),
            ("F2", Place(None, "d")),
            ("F5", Place(None, "inbox", "sent")),
        ]
        found = objections(TREE, wanted, DEEP)
        self.assertEqual(found["F5"], Objection(Why.NAME, "F1"))
        self.assertEqual(found["F2"], Objection(Why.NAME, "F5"))
        self.assertEqual(found["#x"], Objection(Why.NAME, "F2"))

    def test_of_two_that_want_the_same_the_earlier_gets_it(self) -> None:
        self.assertEqual(why([("#x", Place(None, "e")), ("#y", Place(None, "e"))]), {"#y": Why.NAME})
        self.assertEqual(
            why([("#x", Place(None, "e", "junk")), ("#y", Place(None, "f", "junk"))]), {"#y": Why.ROLE}
        )

    def test_a_role_that_is_not_given_up_is_not_taken(self) -> None:
        wanted: Wanted = [("F3", Place("F2", "b", "sent")), ("F5", Place(None, "d", "trash"))]
        self.assertEqual(why(wanted), {})
        wanted = [("F3", Place("F2", "b", "sent")), ("F5", Place("#none", "d"))]
        self.assertEqual(why(wanted), {"F3": Why.ROLE, "F5": Why.PARENT})

    def test_what_has_children_at_last_is_not_destroyed(self) -> None:
        self.assertEqual(why([("F3", None)]), {"F3": Why.CHILDREN})
        self.assertEqual(why([("F3", None), ("F4", None)]), {})
        self.assertEqual(why([("F3", None), ("F4", Place("F2", "c"))]), {})
        # Who comes below it stays, and it stays for that; so does who wanted its name.
        self.assertEqual(
            why([("#x", Place("F5", "x")), ("#y", Place(None, "d")), ("F5", None)]),
            {"F5": Why.CHILDREN, "#y": Why.NAME},
        )

    def test_no_loops(self) -> None:
        self.assertEqual(why([("F2", Place("F4", "a"))]), {"F2": Why.BELOW_ITSELF})
        self.assertEqual(why([("F2", Place("F2", "a"))]), {"F2": Why.BELOW_ITSELF})
        self.assertEqual(why([("F2", Place("#x", "a"))]), {"F2": Why.PARENT})
        wanted: Wanted = [("F2", Place("F5", "a")), ("F5", Place("F3", "d", "sent"))]
        self.assertEqual(why(wanted), {"F5": Why.BELOW_ITSELF})
        self.assertEqual(why([("F2", Place("F4", "a")), ("F4", Place(None, "c"))]), {})

    def test_not_too_deep_with_what_is_below(self) -> None:
        self.assertEqual(why([("#x", Place("F4", "e"))], deep=3), {"#x": Why.DEPTH})
        self.assertEqual(why([("F2", Place("F5", "a"))], deep=4), {})
        self.assertEqual(why([("F2", Place("F5", "a"))], deep=3), {"F2": Why.DEPTH})
        # One that was too deep before is renamed all the same.
        self.assertEqual(why([("F4", Place("F3", "z"))], deep=2), {})

    def test_creates_below_creates_go_with_them(self) -> None:
        wanted: Wanted = [("#y", Place("#x", "y")), ("#x", Place(None, "a"))]
        self.assertEqual(why(wanted), {"#x": Why.NAME, "#y": Why.PARENT})

    @settings(max_examples=500)
    @given(changes)
    def test_what_is_not_refused_leaves_the_tree_whole(self, wanted: Wanted) -> None:
        gone = objections(TREE, wanted, DEEP)
        kept = [one for one in wanted if one[0] not in gone]
        self.assertTrue(whole(after(TREE, kept)), kept)
        if whole(after(TREE, wanted)):
            self.assertEqual(gone, {})

    def test_many_and_long_chains_take_no_long_time(self) -> None:
        tree: dict[Key, Place] = {
            f"F{n}": Place(f"F{n - 1}" if n % 7 else None, f"n{n}") for n in range(5000)
        }
        blocked: Wanted = [(f"F{n}", Place(None, f"n{n + 7}")) for n in range(0, 3500, 7)]
        self.assertEqual(len(why(blocked, tree)), 500)  # the last cannot, so none can
        swaps: Wanted = [(f"F{n}", Place(f"F{4999 - n}", "x")) for n in range(500)]
        wide: Wanted = [(f"#{n}", Place(f"#{n - 1}" if n % 5 else "F3", f"c{n}")) for n in range(500)]
        for wanted in (blocked, swaps, wide):
            start = time.process_time()
            gone = objections(tree, wanted, DEEP)
            self.assertLess(time.process_time() - start, 1.0)
            kept = [one for one in wanted if one[0] not in gone]
            self.assertTrue(whole(after(tree, kept)))
