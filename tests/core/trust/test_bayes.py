"""Combining what is known of tokens into one score."""

from __future__ import annotations

import math
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from mailsys.core.trust.bayes import BUILD, Bounds, Counts, Judged, Knowledge, Opinion, combined, judge

ENOUGH = Counts(100, 100)
BOUNDS = Bounds(least=10)


def known(total: Counts = ENOUGH, **tokens: tuple[int, int]) -> Knowledge:
    return Knowledge(total, {number(name): Counts(*counts) for name, counts in tokens.items()})


def number(name: str) -> int:
    return int.from_bytes(name.encode()[-7:], "big")


def judged(
    names: str, shared: Knowledge | None, own: Knowledge | None = None, bounds: Bounds = BOUNDS
) -> Judged:
    return judge([(f"word={name}", number(name)) for name in names.split()], shared, own, bounds)


class CombinedTests(TestCase):
    def test_as_fishers_method_has_it(self) -> None:
        """χ² of -2 ln(0.5·0.5·…) is far from either tail; known values of the closed form."""
        self.assertEqual(combined([]), 0.5)
        self.assertAlmostEqual(combined([0.5]), 0.5)
        # One p: χ² with 2 degrees is exp(-x/2) = p: (1 - (1-p) ... ) gives p itself.
        self.assertAlmostEqual(combined([0.9]), 0.9)
        # Two: exp(-m)(1+m) with exp(-m) = p².
        p = 0.9
        bad = 1 - (1 - p) ** 2 * (1 - 2 * math.log(1 - p))
        good = 1 - p**2 * (1 - 2 * math.log(p))
        self.assertAlmostEqual(combined([p, p]), (bad - good + 1) / 2)

    @given(st.lists(st.floats(1e-9, 1 - 1e-9), max_size=600))
    def test_between_0_and_1_and_the_same_from_both_sides(self, found: list[float]) -> None:
        score = combined(found)
        self.assertTrue(0.0 <= score <= 1.0)
        self.assertAlmostEqual(combined([1.0 - p for p in found]), 1.0 - score, places=6)

    def test_very_much_evidence_neither_overflows_nor_vanishes(self) -> None:
        self.assertAlmostEqual(combined([1 - 1e-9] * 500), 1.0)
        self.assertAlmostEqual(combined([1e-9] * 500), 0.0)
        self.assertAlmostEqual(combined([1 - 1e-9] * 250 + [1e-9] * 250), 0.5, places=3)


class JudgeTests(TestCase):
    def test_too_little_was_learned(self) -> None:
        for total in (Counts(100, 9), Counts(9, 100), Counts()):
            found = judged("money", known(total, money=(9, 0)))
            self.assertEqual((found.opinion, found.score, found.strongest), (Opinion.UNTRAINED, 0.5, ()))
        self.assertEqual(judged("money", None, None).opinion, Opinion.UNTRAINED)

    def test_junk_good_and_in_between(self) -> None:
        knowledge = known(money=(50, 0), prize=(40, 1), choir=(0, 50), hello=(30, 30))
        self.assertEqual(judged("money prize", knowledge).opinion, Opinion.JUNK)
        self.assertEqual(judged("choir hello", knowledge).opinion, Opinion.GOOD)
        self.assertEqual(judged("money choir", knowledge).opinion, Opinion.UNSURE)
        self.assertEqual(judged("never seen", knowledge).score, 0.5)

    def test_the_strongest_are_told_those_of_the_verdict_first(self) -> None:
        knowledge = known(money=(50, 0), prize=(40, 1), choir=(0, 5))
        found = judged("choir prize money", knowledge)
        self.assertEqual([token for token, _ in found.strongest], ["word=money", "word=prize", "word=choir"])
        self.assertTrue(found.strongest[0][1] > 0.9 > 0.5 > found.strongest[-1][1])

    def test_seen_once_says_less_than_seen_often(self) -> None:
        once = judged("money", known(money=(1, 0))).score
        often = judged("money", known(money=(20, 0))).score
        self.assertTrue(0.5 < once < often)

    def test_unequal_numbers_of_both_kinds_are_made_up_for(self) -> None:
        knowledge = known(Counts(10, 1000), word=(1, 100))
        self.assertAlmostEqual(judged("word", knowledge).score, 0.5)

    def test_ones_own_counts_outweigh_what_all_know(self) -> None:
        shared, own = known(money=(50, 0)), known(money=(0, 20))
        self.assertGreater(judged("money", shared).score, 0.9)
        self.assertLess(judged("money", shared, own).score, 0.2)
        self.assertGreater(judged("money", shared, known(other=(5, 5))).score, 0.9)
        # An account that has taught little goes by all.
        self.assertGreater(judged("money", shared, known(Counts(2, 2), money=(0, 2))).score, 0.9)
        self.assertLess(judged("money", None, own).score, 0.2)

    def test_of_tokens_of_the_build_only_the_strongest_few_count(self) -> None:
        """They come together: HTML has dozens, and a wanted newsletter as many as junk."""
        names = [f"t{n:02}" for n in range(40)]
        knowledge = known(**dict.fromkeys(names, (80, 20)), choir=(0, 90), hello=(1, 80))
        built = [(f"tag={name}", number(name)) for name in names]
        said = [(f"word={name}", number(name)) for name in ("choir", "hello")]
        words = [(f"word={name}", number(name)) for name in names]
        capped = judge(built + said, knowledge, None, BOUNDS).score
        self.assertLess(capped, judge(words + said, knowledge, None, BOUNDS).score)
        self.assertEqual(capped, judge(built[:BUILD] + said, knowledge, None, BOUNDS).score)
