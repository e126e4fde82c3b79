"""Sequence sets (RFC 9051 §9: sequence-set), bounded and normalised."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Ranges: TypeAlias = "list[tuple[int, int]]"

MAX_RANGES: Final = 50_000  # a 64 KiB line holds at most 32,768
_MAX_NUMBER: Final = 2**32 - 1
_SET = re.compile(
    rb"(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?(?:,(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?)*"
)


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as given, `*` kept as 0 until resolved; `saved` is RFC 5182's "$"."""

    ranges: tuple[tuple[int, int], ...] = ()
    saved: bool = False

    def resolve(self, maximum: int) -> Ranges:
        """Ascending, disjoint, joined [lo, hi] ranges with `*` standing for `maximum`.

        `maximum` is the largest number in use; `n:*` includes it even where n is larger (RFC 9051
        §9). With 0, an empty mailbox, ranges with `*` name nothing. Ranges may reach beyond
        `maximum`: of uids nobody has, or numbers to refuse.
        """
        found: Ranges = []
        for low, high in self.ranges:
            if not (low and high):
                if not maximum:
                    continue
                low, high = low or maximum, high or maximum
            found.append((low, high) if low <= high else (high, low))
        return join(found)

    def largest(self) -> int:
        """The largest plain number in it; `*` counts for nothing."""
        return max((max(pair) for pair in self.ranges), default=0)

    def has_star(self) -> bool:
        return any(not (low and high) for low, high in self.ranges)


def join(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sort ranges, and join those that overlap or touch."""
    joined: Ranges = []
    last = -1
    for low, high in sorted(ranges):
        if joined and low <= last + 1:
            if high > last:
                joined[-1] = (joined[-1][0], high)
                last = high
        else:
            joined.append((low, high))
            last = high
    return joined


def contains(ranges: Sequence[tuple[int, int]], number: int) -> bool:
    """Whether `number` lies in resolved ranges."""
    at = bisect_right(ranges, (number, _MAX_NUMBER + 1)) - 1
    return at >= 0 and number <= ranges[at][1]


def count(ranges: Sequence[tuple[int, int]]) -> int:
    return sum(high - low + 1 for low, high in ranges)


def parse(text: bytes, limit: int = MAX_RANGES) -> SequenceSet:
    """Parse `1,3:5,7:*` or `$`. Raises ValueError; at most `limit` ranges."""
    if text == b"$":
        return SequenceSet(saved=True)
    if text.count(b",") >= limit:
        raise ValueError("too many ranges")
    if not _SET.fullmatch(text):
        raise ValueError("malformed sequence set")
    ranges: list[tuple[int, int]] = []
    for item in text.split(b","):
        low, colon, high = item.partition(b":")
        first = _number(low)
        ranges.append((first, _number(high) if colon else first))
    return SequenceSet(tuple(ranges))


def _number(text: bytes) -> int:
    if text == b"*":
        return 0
    value = int(text)
    if not 0 < value <= _MAX_NUMBER:  # nz-number
        raise ValueError("number out of range")
    return value


def to_ranges(numbers: Iterable[int]) -> Ranges:
    """Ascending distinct numbers as ranges."""
    ranges: Ranges = []
    start = previous = -2
    for number in numbers:
        if number != previous + 1:
            if start >= 0:
                ranges.append((start, previous))
            start = number
        previous = number
    if start >= 0:
        ranges.append((start, previous))
    return ranges


def render(numbers: Iterable[int]) -> bytes:
    """Ascending distinct numbers as a set: b"1:3,7"; b"" for none."""
    return render_ranges(to_ranges(numbers))


def render_ranges(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Ranges as a set. In step order too: COPYUID pairs keep the order given (RFC 4315 §3)."""
    return b",".join([b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges])
