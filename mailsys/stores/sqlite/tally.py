"""Counts of a sorted list by stretches, so that a position in a million entries is a short sum.

The stretches of one list are cut where its entries are, whatever their dates: at most FULL entries lie
in each, even when an import gave all of them the same time. Finding the position of an entry sums the
stretches before its own (some hundred rows for a million) and counts the rest inside one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, TypeAlias

import apsw

from mailsys.stores.sqlite.rows import one, values

Key: TypeAlias = tuple[float, int]  # received_at, email

EMAILS: Final = 0
CONVERSATIONS: Final = 1
FULL: Final = 2000
LOWEST: Final[Key] = (-9e99, 0)
HIGHEST: Final[Key] = (9e99, 0)

READ: Final = """SELECT json_group_array(json_array(received_at, email, count)) FROM (
    SELECT * FROM tally WHERE list = ? AND kind = ? ORDER BY received_at, email)"""


_CONVERSATIONS: Final = """SELECT received_at at, email FROM conversation INDEXED BY conversation_received
    WHERE list = ?1"""
_PLACEMENTS: Final = """SELECT received_at at, email FROM placement INDEXED BY placement_received
    WHERE mailbox = ?1 AND mark <= 0"""
_MAIL: Final = """SELECT received_at at, id email FROM email INDEXED BY email_received
    WHERE account = ?1 AND hidden = 0"""


def entries(number: int, kind: int) -> tuple[str, int]:
    """(table, and the condition that ?1 is the list) that a list's keys `at`, `email` are read from;
    and what to bind. Ordered reads of it go by an index."""
    if kind == CONVERSATIONS:
        return f"({_CONVERSATIONS})", number
    if number > 0:
        return f"({_PLACEMENTS})", number
    return f"({_MAIL})", -number


class Tally:
    """The stretches of one list as the writer knows them."""

    __slots__ = ("_changed", "_counts", "_dropped", "_starts", "kind", "number")

    def __init__(self, connection: apsw.Connection, number: int, kind: int) -> None:
        self.number = number
        self.kind = kind
        rows = values(one(connection, READ, (number, kind))[0]) or [(*LOWEST, 0)]
        self._starts: list[Key] = [(at, email) for at, email, _ in rows]
        self._counts: list[int] = [count for _, _, count in rows]
        self._changed: set[Key] = set()
        self._dropped: set[Key] = set()

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def total(self) -> int:
        return sum(self._counts)

    def add(self, keys: Iterable[Key], change: int) -> None:
        """Count each of these so often more."""
        starts, counts, changed = self._starts, self._counts, self._changed
        for key in keys:
            at = bisect_right(starts, key) - 1
            counts[at] += change
            changed.add(starts[at])

    def settle(self, connection: apsw.Connection) -> tuple[list[tuple[Key, int]], list[Key]]:
        """Cut what is too long, join what is too short, once the entries themselves are written: the
        rows to write and those to remove."""
        for start in sorted(self._changed):
            at = bisect_right(self._starts, start) - 1
            if self._starts[at] != start:
                continue  # joined to its neighbour meanwhile
            if self._counts[at] > FULL:
                self._cut(connection, at)
            elif at > 0 and self._counts[at] + self._counts[at - 1] < FULL // 4:
                self._counts[at - 1] += self._counts.pop(at)
                self._changed.add(self._starts[at - 1])
                self._dropped.add(self._starts.pop(at))
        counts = dict(zip(self._starts, self._counts, strict=True)) if self._changed else {}
        rows = [(key, counts[key]) for key in self._changed if key in counts]
        dropped = [key for key in self._dropped if key not in counts]
        self._changed = set()
        self._dropped = set()
        return rows, dropped

    def _cut(self, connection: apsw.Connection, at: int) -> None:
        # Mail comes in at the end of a list: leave what lies behind it well filled.
        source, bound = entries(self.number, self.kind)
        while self._counts[at] > FULL:
            size = FULL * 3 // 4 if at == len(self._starts) - 1 else self._counts[at] // 2
            size = min(size, FULL * 3 // 4)
            row = one(
                connection,
                f"SELECT at, email FROM {source} WHERE (at, email) >= (?2, ?3)"  # noqa: S608
                " ORDER BY at, email LIMIT 1 OFFSET ?4",
                (bound, *self._starts[at], size),
            )
            if row is None:
                return
            key = (row[0], row[1])
            self._starts.insert(at + 1, key)
            self._counts[at : at + 1] = [size, self._counts[at] - size]
            self._changed.add(key)
            at += 1
