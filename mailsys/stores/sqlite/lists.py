"""What the writer keeps of each list (a mailbox, or all mail of an account) beside its entries: one row
per thread, and the tallies. Changes are gathered while jobs run and written once per commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mailsys.stores.sqlite.rows import one, values
from mailsys.stores.sqlite.states import MailboxState
from mailsys.stores.sqlite.tally import CONVERSATIONS, EMAILS, Key, Tally

if TYPE_CHECKING:
    import apsw

REMEMBERED: Final = 100_000  # stretches of all tallies: then the next transaction starts over
_encode: Final = msgspec.json.Encoder().encode


class _Entry:
    """What happened to one thread in one list."""

    __slots__ = ("best", "emails", "gone", "unread")

    def __init__(self) -> None:
        self.emails = 0
        self.unread = 0
        self.best: Key | None = None  # newest that came
        self.gone: set[int] | None = None  # emails that went


class Lists:
    """`insert` buffers rows (Inserts.add); `box` gives a mailbox whose counts are about to be written."""

    def __init__(
        self,
        connection: apsw.Connection,
        insert: dict[str, Callable[[Iterable[Any]], None]],
        box: Callable[[int], MailboxState | None],
    ) -> None:
        self._connection = connection
        self._insert = insert
        self._box = box
        self._tallies: dict[tuple[int, int], Tally] = {}
        self.forget()

    def forget(self) -> None:
        """The transaction was rolled back."""
        self._tallies.clear()
        self._loaded = 0
        self._entries: dict[tuple[int, int], _Entry] = {}
        self._counted: set[Tally] = set()
        self.fresh: set[int] = set()  # threads that have no row anywhere yet

    def forget_some(self) -> None:
        """Between two transactions."""
        if self._loaded > REMEMBERED:
            self._tallies.clear()
            self._loaded = 0

    def put(self, number: int, thread: int, key: Key, unread: bool) -> None:
        """An email came into a list."""
        tally = self._tally(number, EMAILS)
        tally.add(key, 1)
        self._counted.add(tally)
        self._came(number, thread, key, unread)

    def put_all(self, number: int, entries: Iterable[tuple[int, Key, bool]]) -> None:
        """Many emails (thread, key, unread) came into a list."""
        tally = self._tally(number, EMAILS)
        self._counted.add(tally)
        for thread, key, unread in entries:
            tally.add(key, 1)
            self._came(number, thread, key, unread)

    def _came(self, number: int, thread: int, key: Key, unread: bool) -> None:
        entry = self._entries.get((number, thread))
        if entry is None:
            entry = self._entries[number, thread] = _Entry()
        entry.emails += 1
        entry.unread += unread
        if entry.best is None or key > entry.best:
            entry.best = key

    def take_all(self, number: int, entries: Iterable[tuple[int, Key, bool]]) -> None:
        """Many emails went out of a list."""
        tally = self._tally(number, EMAILS)
        self._counted.add(tally)
        known = self._entries
        for thread, key, unread in entries:
            tally.add(key, -1)
            entry = known.get((number, thread))
            if entry is None:
                entry = known[number, thread] = _Entry()
            entry.emails -= 1
            entry.unread -= unread
            if entry.gone is None:
                entry.gone = set()
            entry.gone.add(key[1])

    def total(self, number: int, kind: int) -> int:
        return self._tally(number, kind).total

    def _tally(self, number: int, kind: int) -> Tally:
        tally = self._tallies.get((number, kind))
        if tally is None:
            tally = self._tallies[number, kind] = Tally(self._connection, number, kind)
            self._loaded += len(tally)
        return tally

    def _count(self, number: int, kind: int, key: Key, change: int) -> None:
        tally = self._tally(number, kind)
        tally.add(key, change)
        self._counted.add(tally)

    # -- writing, called by Batch.flush ------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        return bool(self._entries)

    def apply(self, flush: Callable[[], None]) -> None:
        """Bring the rows of threads up to date and the counts of mailboxes with them. `flush` writes
        what is buffered; it is called only when an entry must be looked for."""
        entries, self._entries = self._entries, {}
        fresh, self.fresh = self.fresh, set()
        known = self._rows([pair for pair in entries if pair[1] not in fresh])
        removed: dict[int, list[int]] = {}
        lost: list[tuple[int, int, int, int, Key | None]] = []  # list, thread, emails, unread, key before
        for (number, thread), entry in entries.items():
            old = known.get((number, thread))
            emails, unread = entry.emails, entry.unread
            before: Key | None = None
            if old is not None:
                emails += old[2]
                unread += old[3]
                before = (old[4], old[5])
            self._count_box(number, old, emails, unread)
            if emails <= 0:
                if before is not None:
                    removed.setdefault(number, []).append(thread)
                    self._move(number, before, None)
                continue
            gone = entry.gone
            best = entry.best
            if gone is not None and (
                (before is not None and before[1] in gone) or (best is not None and best[1] in gone)
            ):
                lost.append((number, thread, emails, unread, before))
                continue
            key = max(found for found in (before, best) if found is not None)
            self._move(number, before, key)
            self._insert["conversation"]((number, thread, emails, unread, *key))
        if lost:
            flush()
            self._find(lost)
        for number, threads in removed.items():
            self._connection.execute(
                "DELETE FROM conversation WHERE list = ?1 AND thread IN (SELECT value FROM json_each(?2))",
                (number, _encode(threads).decode()),
            ).fetchall()

    def _move(self, number: int, before: Key | None, after: Key | None) -> None:
        """A thread's place in a list."""
        if before != after:
            if before is not None:
                self._count(number, CONVERSATIONS, before, -1)
            if after is not None:
                self._count(number, CONVERSATIONS, after, 1)

    def _count_box(self, number: int, old: Any, emails: int, unread: int) -> None:
        box = self._box(number) if number > 0 else None
        if box is not None:
            box.threads += (emails > 0) - (old is not None)
            box.unread_threads += (emails > 0 and unread > 0) - (old is not None and old[3] > 0)

    def _rows(self, pairs: list[tuple[int, int]]) -> dict[tuple[int, int], Any]:
        if not pairs:
            return {}
        row = one(
            self._connection,
            """SELECT json_group_array(json_array(
                c.list, c.thread, c.emails, c.unread, c.received_at, c.email))
            FROM json_each(?) w CROSS JOIN conversation c
            ON c.list = json_extract(w.value, '$[0]') AND c.thread = json_extract(w.value, '$[1]')""",
            (_encode(pairs).decode(),),
        )
        return {(found[0], found[1]): found for found in values(row[0])}

    def _find(self, lost: list[tuple[int, int, int, int, Key | None]]) -> None:
        """The newest of threads whose newest went away."""
        found: dict[tuple[int, int], Key] = {}
        for sql, wanted in (
            (_NEWEST_PLACED, [(number, thread) for number, thread, *_ in lost if number > 0]),
            (_NEWEST, [(-number, thread) for number, thread, *_ in lost if number < 0]),
        ):
            if wanted:
                row = one(self._connection, sql, (_encode(wanted).decode(),))
                for number, thread, at, email in values(row[0]):
                    found[number, thread] = (at, email)
        for number, thread, emails, unread, before in lost:
            key = found[number, thread]
            self._move(number, before, key)
            self._insert["conversation"]((number, thread, emails, unread, *key))

    def settle(self) -> bool:
        """Buffer the changed stretches, once all entries are written; whether there are any."""
        if not self._counted:
            return False
        counted, self._counted = self._counted, set()
        add = self._insert["tally"]
        for tally in counted:
            rows, dropped = tally.settle(self._connection)
            for key, count in rows:
                add((tally.number, tally.kind, *key, count))
            for key in dropped:
                self._connection.execute(
                    "DELETE FROM tally WHERE list = ? AND kind = ? AND received_at = ? AND email = ?",
                    (tally.number, tally.kind, *key),
                ).fetchall()
        return True

    def drop(self, number: int) -> None:
        """A mailbox is removed; it is empty, and everything is flushed."""
        self._connection.execute("DELETE FROM conversation WHERE list = ?", (number,)).fetchall()
        self._connection.execute("DELETE FROM tally WHERE list = ?", (number,)).fetchall()
        for kind in (EMAILS, CONVERSATIONS):
            self._tallies.pop((number, kind), None)


# The newest email of each thread among those placed in a mailbox: threads are walked from their newest.
_NEWEST_PLACED: Final = """SELECT json_group_array(json_array(list, thread, json_extract(top, '$[0]'),
        json_extract(top, '$[1]'))) FROM (
    SELECT json_extract(w.value, '$[0]') list, json_extract(w.value, '$[1]') thread,
        (SELECT json_array(e.received_at, e.id) FROM mailbox m CROSS JOIN email e INDEXED BY email_thread
         WHERE m.id = json_extract(w.value, '$[0]') AND e.account = m.account
            AND e.thread = json_extract(w.value, '$[1]')
            AND EXISTS (SELECT 1 FROM placement p WHERE p.email = e.id AND p.mailbox = m.id AND p.mark <= 0)
         ORDER BY e.received_at DESC, e.id DESC LIMIT 1) top
    FROM json_each(?) w)"""
_NEWEST: Final = """SELECT json_group_array(json_array(list, thread, json_extract(top, '$[0]'),
        json_extract(top, '$[1]'))) FROM (
    SELECT -json_extract(w.value, '$[0]') list, json_extract(w.value, '$[1]') thread,
        (SELECT json_array(e.received_at, e.id) FROM email e INDEXED BY email_thread
         WHERE e.account = json_extract(w.value, '$[0]') AND e.thread = json_extract(w.value, '$[1]')
            AND e.hidden = 0
         ORDER BY e.received_at DESC, e.id DESC LIMIT 1) top
    FROM json_each(?) w)"""
