"""The id that a message has from its first line to its last: in the queue, the timeline and the logs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Final

from mailsys.ports.ids import TraceId

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u to misread
_PAIRS: Final = ["".join(pair) for pair in product(_DIGITS, repeat=2)]


def new_trace(now: float, random_bytes: Callable[[int], bytes]) -> TraceId:
    """16 letters and digits: 45 bits of milliseconds, then 35 of chance. Sorts by time."""
    number = (int(now * 1000) & (1 << 45) - 1) << 35 | int.from_bytes(random_bytes(5), "big") >> 5
    pairs = _PAIRS
    return TraceId("".join([pairs[number >> shift & 1023] for shift in (70, 60, 50, 40, 30, 20, 10, 0)]))


def first_trace(at: float) -> TraceId:
    """What every trace made at `at` or later sorts behind, and every earlier one before."""
    return new_trace(min(max(at, 0.0), 2.0**35), bytes)
