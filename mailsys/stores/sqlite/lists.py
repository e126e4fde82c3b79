"""What the writer keeps of each list (a mailbox, or all mail of an account) beside its entries: one row
per thread, and the tallies. Changes are gathered while jobs run and written once per commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

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


_Lost: TypeAlias = tuple[int, int, int, int, "Key | None"]  # list, thread, emails, unread, place before


def _came(known: dict[int, _Entry], thread: int, key: Key, unread: bool) -> None:
    entry = known.get(thread)
    if entry is None:
        entry = known[thread] = _Entry()
    entry.emails += 1
    entry.unread += unread
    if entry.best is None or key > entry.best:
        entry.best = key


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
        self._entries: dict[int, dict[int, _Entry]] = {}  # by list and thread
        self._counted: set[Tally] = set()
        self.fresh: set[int] = set()  # threads that have no row anywhere yet

    def forget_some(self) -> None:
        """Between two transactions."""
        if self._loaded > REMEMBERED:
            self._tallies.clear()
            self._loaded = 0

    def put(self, number: int, thread: int, key: Key, unread: bool) -> None:
        """An email came into a list."""
        self._count(number, EMAILS, (key,), 1)
        _came(self._entries.setdefault(number, {}), thread, key, unread)

    def put_all(self, number: int, entries: Iterable[tuple[int, Key, bool]]) -> None:
        """Many emails (thread, key, unread) came into a list."""
        known = self._entries.setdefault(number, {})
        keys = []
        for thread, key, unread in entries:
            keys.append(key)
            _came(known, thread, key, unread)
        self._count(number, EMAILS, keys, 1)

    def take_all(self, number: int, entries: Iterable[tuple[int, Key, bool]]) -> None:
        """Many emails went out of a list."""
        known = self._entries.setdefault(number, {})
        keys = []
        for thread, key, unread in entries:
            keys.append(key)
            entry = known.get(thread)
            if entry is None:
                entry = known[thread] = _Entry()
            entry.emails -= 1
            entry.unread -= unread
            if entry.gone is None:
                entry.gone = {key[1]}
            else:
                entry.gone.add(key[1])
        self._count(number, EMAILS, keys, -1)

    def total(self, number: int, kind: int) -> int:
        return self._tally(number, kind).total

    def _tally(self, number: int, kind: int) -> Tally:
        tally = self._tallies.get((number, kind))
        if tally is None:
            tally = self._tallies[number, kind] = Tally(self._connection, number, kind)
            self._loaded += len(tally)
        return tally

    def _count(self, number: int, kind: int, keys: Sequence[Key], change: int) -> None:
        if keys:
            tally = self._tally(number, kind)
            tally.add(keys, change)
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
        pairs = [(number, thread) for number, threads in entries.items() for thread in threads]
        known = self._rows([pair for pair in pairs if pair[1] not in fresh])
        lost: list[_Lost] = []
        removed = {number: self._update(number, threads, known, lost) for number, threads in entries.items()}
        if lost:
            flush()
            self._find(lost)
        for number, threads in removed.items():
            if threads:
                self._connection.execute(_REMOVE, (number, _encode(threads).decode())).fetchall()

    def _update(
        self, number: int, threads: dict[int, _Entry], known: dict[tuple[int, int], Any], lost: list[_Lost]
    ) -> list[int]:
        """Of one list: the threads that are not in it any more. Those whose newest email went away are added
        to `lost`."""
        box = self._box(number) if number > 0 else None
        insert = self._insert["conversation"]
        removed: list[int] = []
        left: list[Key] = []  # places of threads
        came: list[Key] = []
        for thread, entry in threads.items():
            old = known.get((number, thread))
            emails, unread, best = entry.emails, entry.unread, entry.best
            before: Key | None = None
            if old is not None:
                emails += old[2]
                unread += old[3]
                before = (old[4], old[5])
            if box is not None:
                box.threads += (emails > 0) - (old is not None)
                box.unread_threads += (emails > 0 and unread > 0) - (old is not None and old[3] > 0)
            if emails <= 0:
                if before is not None:
                    removed.append(thread)
                    left.append(before)
                continue
            gone = entry.gone
            if gone is not None and (
                (before is not None and before[1] in gone) or (best is not None and best[1] in gone)
            ):
                lost.append((number, thread, emails, unread, before))
                continue
            key = max(found for found in (before, best) if found is not None)
            if key != before:
                came.append(key)
                if before is not None:
                    left.append(before)
            insert((number, thread, emails, unread, *key))
        self._count(number, CONVERSATIONS, left, -1)
        self._count(number, CONVERSATIONS, came, 1)
        return removed

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

    def _find(self, lost: list[_Lost]) -> None:
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
            if key != before:
                self._count(number, CONVERSATIONS, (key,), 1)
                if before is not None:
                    self._count(number, CONVERSATIONS, (before,), -1)
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


_REMOVE: Final = "DELETE FROM conversation WHERE list = ?1 AND thread IN (SELECT value FROM json_each(?2))"

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
