"""How likely a message is junk, from what its tokens were seen in before.

Each token's probability is Robinson's: what was counted, drawn towards a prior while it was seen little.
The prior of an account's own counts is what all accounts together know of the token, so one who has taught
nothing yet has the verdict of all, and one who has, his own. They are combined as by Fisher (χ² of the
logarithms, in both directions): evidence for both sides, or for none, comes out near 0.5 and is called
unsure rather than decided.

Sources: G. Robinson, "A Statistical Approach to the Spam Problem" (Linux Journal 107, 2003); the SpamBayes
project, which tried and measured it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mailsys.core.trust.tokens import is_build

STRENGTH: Final = 0.3  # how many sightings the prior weighs
OWN_STRENGTH: Final = 2.0  # the same of what all know, against an account's own
LEAST: Final = 0.1  # distance from 0.5 below which a token says nothing
BUILD: Final = 10  # tokens of how a message is built that are combined: they come together (HTML's own, say)
STRONGEST: Final = 500  # tokens that are combined
_KEPT: Final = 1e-9


class Opinion(Enum):
    JUNK = "junk"
    UNSURE = "unsure"
    GOOD = "good"
    UNTRAINED = "untrained"  # too little was learned to say anything


@dataclass(frozen=True, slots=True)
class Counts:
    """In how many messages of each kind; of one token, or (totals) of all."""

    spam: int = 0
    ham: int = 0


NOTHING: Final = Counts()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What one scope (an account, or all together) knows of some tokens. `tokens`: by key; those never
    seen are left out."""

    total: Counts
    tokens: Mapping[int, Counts]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Scores from `junk` on are junk, those up to `good` are good. `least`: messages of each kind that must
    have been learned, by the account or by all."""

    junk: float = 0.97
    good: float = 0.2
    least: int = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """`score`: 0 good, 1 junk; 0.5 when UNTRAINED. `strongest`: (token, its probability), the most telling
    first, at most ten of each side."""

    opinion: Opinion
    score: float
    strongest: tuple[tuple[str, float], ...] = ()


def judge(
    tokens: Sequence[tuple[str, int]], shared: Knowledge | None, own: Knowledge | None, bounds: Bounds
) -> Judged:
    """`tokens`: with their keys."""
    scopes = [scope for scope in (shared, own) if scope is not None and _trained(scope.total, bounds.least)]
    if not scopes:
        return Judged(Opinion.UNTRAINED, 0.5)
    found: list[tuple[float, str, float]] = []
    for token, key in tokens:
        probability, strength, seen = 0.5, STRENGTH, False
        for scope in scopes:
            counts = scope.tokens.get(key)
            if counts is not None:
                probability = _probability(counts, scope.total, probability, strength)
                seen = True
            if seen:
                strength = OWN_STRENGTH
        distance = abs(probability - 0.5)
        if distance >= LEAST:
            found.append((distance, token, probability))
    found.sort(key=lambda each: (-each[0], each[1]))
    built = 0
    kept: list[tuple[float, str, float]] = []
    for each in found:
        if is_build(each[1]):
            built += 1
            if built > BUILD:
                continue
        kept.append(each)
    found = kept[:STRONGEST]
    score = combined([probability for _, _, probability in found])
    opinion = (
        Opinion.JUNK if score >= bounds.junk else Opinion.GOOD if score <= bounds.good else Opinion.UNSURE
    )
    bad = [(token, probability) for _, token, probability in found if probability > 0.5][:10]
    good = [(token, probability) for _, token, probability in found if probability < 0.5][:10]
    first, second = (good, bad) if score < 0.5 else (bad, good)
    return Judged(opinion, score, (*first, *second))


def _trained(total: Counts, least: int) -> bool:
    return total.spam >= least and total.ham >= least


def _probability(counts: Counts, total: Counts, prior: float, strength: float) -> float:
    spam = counts.spam / max(total.spam, 1)
    ham = counts.ham / max(total.ham, 1)
    if spam + ham <= 0:
        return prior
    seen = counts.spam + counts.ham
    found = spam / (spam + ham)
    return min(max((strength * prior + seen * found) / (strength + seen), _KEPT), 1 - _KEPT)


def combined(probabilities: Sequence[float]) -> float:
    """Fisher's combination of independent evidence, from both sides: 0 to 1; 0.5 of nothing."""
    if not probabilities:
        return 0.5
    number = 2 * len(probabilities)
    spam = 1.0 - _chi_square(-2.0 * math.fsum(math.log(1.0 - p) for p in probabilities), number)
    ham = 1.0 - _chi_square(-2.0 * math.fsum(math.log(p) for p in probabilities), number)
    return (spam - ham + 1.0) / 2.0


def _chi_square(x: float, degrees: int) -> float:
    """Probability that χ² with this even number of degrees of freedom is `x` or more."""
    half = x / 2.0
    if half > 700.0:  # exp() is nothing any more: sum the logarithms' exponents from the largest
        terms = [-half]
        for i in range(1, degrees // 2):
            terms.append(terms[-1] + math.log(half / i))
        largest = max(terms)
        return min(math.exp(largest) * math.fsum(math.exp(t - largest) for t in terms), 1.0)
    term = total = math.exp(-half)
    for i in range(1, degrees // 2):
        term *= half / i
        total += term
    return min(total, 1.0)
