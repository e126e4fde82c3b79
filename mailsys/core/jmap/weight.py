"""How much a JSON value comes to when it is written out.

A result reference (RFC 8620 §3.7) puts the *same* value into many places: a few calls that each refer twice
to the one before make a kilobyte of request into gigabytes of answer. So what references bring is weighed
before it is used, and the walk ends as soon as it is too much.
"""

from __future__ import annotations

from typing import Any


class TooHeavy(Exception):
    """More values or octets than allowed."""


def weigh(value: Any, most_values: int, most_octets: int) -> tuple[int, int]:
    """(values, octets) of `value` as JSON, octets about. Raises TooHeavy beyond either bound; the time it
    takes is bounded by `most_values`, however often the same part stands in it."""
    values = octets = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        values += 1
        octets += 2
        if isinstance(one, str):
            octets += len(one)
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            octets += sum(map(len, one))
            waiting.extend(one.values())
        if values + len(waiting) > most_values or octets > most_octets:
            raise TooHeavy
    return values, octets
