"""A mailbox in descending order of SortBy.SNOOZED_UNTIL: the list that is kept in order of time, with the
few entries that wait in it or came back to it taken out of their places and put into others.

Costs what a page of that list costs, and for each of those entries two looks at its tallies.
"""

from __future__ import annotations

from typing import NamedTuple

import apsw

from mailsys.stores.sqlite.ordered import ListSpec, OrderedList, key_of
from mailsys.stores.sqlite.rows import one, values
from mailsys.stores.sqlite.tally import CONVERSATIONS, Key

_THREADS = """SELECT json_group_array(json_array(e.thread, s.until, s.email, c.received_at, c.email))
    FROM snooze s CROSS JOIN email e ON e.account = ?2 AND e.id = s.email
    CROSS JOIN conversation c ON c.list = ?1 AND c.thread = e.thread
    WHERE s.mailbox = ?1 AND s.until > c.received_at"""
_EMAILS = """SELECT json_group_array(json_array(e.id, s.until, e.id, e.received_at, e.id))
    FROM snooze s CROSS JOIN email e ON e.account = ?2 AND e.id = s.email
    WHERE s.mailbox = ?1 AND s.until > e.received_at"""


class _Moved(NamedTuple):
    """An entry that does not stand where the list has it. Both emails are of one thread."""

    key: Key  # where it stands, and the email that is shown
    was: Key  # its entry in the list


class Reordered:
    """One mailbox as one reader sees it, within one transaction. `spec`: without bounds, descending."""

    def __init__(self, connection: apsw.Connection, account: int, spec: ListSpec) -> None:
        self._connection = connection
        self._account = account
        self._spec = spec
        self._list = OrderedList(connection, spec)
        sql = _THREADS if spec.kind == CONVERSATIONS else _EMAILS
        found: dict[int, _Moved] = {}
        for thread, until, email, received_at, shown in values(
            one(connection, sql, (spec.number, account))[0]
        ):
            moved = _Moved((until, email), (received_at, shown))
            found[thread] = max(found.get(thread, moved), moved)
        self._moved = sorted(found.values(), reverse=True)
        self._places: list[int] | None = None

    def total(self) -> int:
        return self._list.total

    def _place(self, key: Key) -> int:
        """How many entries stand before this key, wherever they come from."""
        above = self._list.above(key)
        above -= sum(moved.was > key for moved in self._moved)
        return above + sum(moved.key > key for moved in self._moved)

    def position(self, anchor: int) -> int | None:
        for moved in self._moved:
            if moved.key[1] == anchor:
                return self._place(moved.key)
        key = key_of(self._connection, self._account, self._spec, anchor)
        if key is None or any(moved.was == key for moved in self._moved):
            return None  # of a thread, only the one that is shown stands anywhere
        return self._place(key)

    def page(self, position: int, limit: int) -> list[int]:
        """The emails from a position on: those that were moved at their places, the list between them."""
        count = min(limit, self.total() - position)
        if count <= 0 or position < 0:
            return []
        inside: dict[int, int] = {}  # place -> email
        before = 0  # moved entries above the page
        for moved in self._moved:  # descending, so places ascend
            place = self._place(moved.key)
            if place >= position + count:
                break
            if place < position:
                before += 1
            else:
                inside[place] = moved.key[1]
        rest = iter(self._unmoved(position - before, count - len(inside)))
        return [
            inside[place] if place in inside else next(rest) for place in range(position, position + count)
        ]

    def _unmoved(self, skip: int, count: int) -> list[int]:
        """Entries of the list without those that were moved."""
        if count <= 0:
            return []
        start = skip
        for moved in sorted(self._moved, key=lambda one: one.was, reverse=True):  # from the top
            if self._list.above(moved.was) > start:
                break
            start += 1
        out = {moved.was[1] for moved in self._moved}
        # As many more as may be left out.
        found = self._list.page(start, count + len(out))
        return [email for email in found if email not in out][:count]
