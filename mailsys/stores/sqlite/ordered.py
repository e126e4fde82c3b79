"""Positions and pages of a list in order of time: what tallies are for.

A list is a mailbox or all mail, of emails or of threads, between two times. Everything here costs the
sum of its stretches (some hundred numbers in a million entries) and one bounded walk along an index.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import apsw

from mailsys.stores.sqlite.rows import integers, one, values
from mailsys.stores.sqlite.tally import CONVERSATIONS, HIGHEST, LOWEST, READ, Key, entries


@dataclass(frozen=True, slots=True)
class ListSpec:
    """A list that is kept in order: `number` is a mailbox, or minus an account."""

    number: int
    kind: int
    after: float | None  # received_at >=
    before: float | None  # received_at <
    ascending: bool


class OrderedList:
    """A list as one reader sees it, within one transaction."""

    def __init__(self, connection: apsw.Connection, spec: ListSpec) -> None:
        self._connection = connection
        self._spec = spec
        self._source, self._bound = entries(spec.number, spec.kind)
        self._newest: Key | None = None  # as soon as somebody asks
        rows = values(one(connection, READ, (spec.number, spec.kind))[0])
        self._starts: list[Key] = [(at, email) for at, email, _ in rows] or [LOWEST]
        self._before = [0]  # entries before each stretch, and in all
        for row in rows:
            self._before.append(self._before[-1] + row[2])
        if not rows:
            self._before.append(0)
        self._low = 0 if spec.after is None else self._rank((spec.after, 0))
        self._high = self._before[-1] if spec.before is None else self._rank((spec.before, 0))
        self.total = max(0, self._high - self._low)

    def _rank(self, key: Key) -> int:
        """How many entries of the whole list come before this key."""
        at = bisect_right(self._starts, key) - 1
        row = one(
            self._connection,
            f"SELECT count(*) FROM {self._source} WHERE (at, email) >= (?2, ?3) AND (at, email) < (?4, ?5)",  # noqa: S608
            (self._bound, *self._starts[at], *key),
        )
        return self._before[at] + int(row[0])

    def position(self, key: Key) -> int | None:
        """Where an entry stands; None when it is not between the two times."""
        spec = self._spec
        if (spec.after is not None and key[0] < spec.after) or (
            spec.before is not None and key[0] >= spec.before
        ):
            return None
        rank = self._rank(key)
        return rank - self._low if spec.ascending else self._high - 1 - rank

    def above(self, key: Key) -> int:
        """How many entries come after this key in time, of a list without bounds."""
        if self._newest is None:
            row = one(
                self._connection,
                f"SELECT at, email FROM {self._source} ORDER BY at DESC, email DESC LIMIT 1",  # noqa: S608
                (self._bound,),
            )
            self._newest = LOWEST if row is None else (row[0], row[1])
        if key >= self._newest:
            return 0
        return self._before[-1] - self._rank((key[0], key[1] + 1))

    def page(self, position: int, limit: int) -> list[int]:
        """The emails from a position on."""
        count = min(limit, self.total - position)
        if count <= 0 or position < 0:
            return []
        if self._spec.ascending:
            rank = self._low + position
            at = bisect_right(self._before, rank) - 1
            condition, order = "(at, email) >= (?2, ?3)", "at, email"
            key, skip = self._starts[at], rank - self._before[at]
        else:
            rank = self._high - 1 - position
            at = bisect_right(self._before, rank) - 1
            condition, order = "(at, email) < (?2, ?3)", "at DESC, email DESC"
            key = self._starts[at + 1] if at + 1 < len(self._starts) else HIGHEST
            skip = self._before[at + 1] - 1 - rank
        row = one(
            self._connection,
            f"""SELECT group_concat(email) FROM (SELECT email FROM {self._source}
            WHERE {condition} ORDER BY {order} LIMIT ?4 OFFSET ?5)""",  # noqa: S608
            (self._bound, *key, count, skip),
        )
        return integers(row[0])


def key_of(connection: apsw.Connection, account: int, spec: ListSpec, email: int) -> Key | None:
    """Where an email stands in a list; None when it is not in it (of a thread, only the newest is)."""
    row = one(
        connection,
        "SELECT received_at, thread FROM email WHERE account = ? AND id = ? AND hidden = 0",
        (account, email),
    )
    if row is None:
        return None
    if spec.kind == CONVERSATIONS:
        inside = one(
            connection,
            "SELECT 1 FROM conversation WHERE list = ? AND thread = ? AND email = ?",
            (spec.number, row[1], email),
        )
    elif spec.number > 0:
        inside = one(
            connection,
            "SELECT 1 FROM placement INDEXED BY placement_email"
            " WHERE email = ? AND mailbox = ? AND mark <= 0",
            (email, spec.number),
        )
    else:
        inside = True
    return (row[0], email) if inside else None
