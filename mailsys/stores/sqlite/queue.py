"""IQueueStore on SQLite.

`ready` is the later of `due` and the end of a lease, so an index over it answers "what may be worked
on now" and a lease that is not extended ends by itself. The holder is known by its token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.ports.ids import AccountId, EmailId, QueueId, TraceId
from mailsys.ports.objects import ObjectChange
from mailsys.ports.patches import EmailPatch
from mailsys.ports.queue import Destination, IQueueStore, Lease, QueueItem, Rescheduled, Settlement, Withdrawn
from mailsys.ports.queue_items import NewQueueItem, Outcome
from mailsys.ports.timeline import TimelineEntry
from mailsys.stores.sqlite import edits, timeline
from mailsys.stores.sqlite.accept import accept
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.correspondents import discredit
from mailsys.stores.sqlite.items import COLUMNS, decode, encode, is_pending, item_of
from mailsys.stores.sqlite.objects import apply as write_objects
from mailsys.stores.sqlite.objects import check_conditions, check_state
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import many, one, values
from mailsys.stores.sqlite.writer import Writer

_FROM = f"SELECT {COLUMNS} FROM queue q JOIN blob b ON b.id = q.blob"  # noqa: S608

# Hops from destination to destination in the index instead of reading every item.
_DUE = """WITH RECURSIVE d(name) AS (
    SELECT min(destination) FROM queue WHERE hold = 0
    UNION ALL SELECT (SELECT min(destination) FROM queue WHERE hold = 0 AND destination > d.name)
    FROM d WHERE d.name IS NOT NULL)
SELECT json_group_array(json_array(name, ready)) FROM (SELECT name, ready FROM (
    SELECT name, (SELECT min(ready) FROM queue WHERE hold = 0 AND destination = name) ready
    FROM d WHERE name IS NOT NULL)
WHERE ready <= ?1 ORDER BY ready LIMIT ?2)"""


def _remove(batch: Batch, number: int, blob: int) -> None:
    batch.execute("DELETE FROM queue WHERE id = ?", (number,))
    batch.hold(blob, -1)


@implementer(IQueueStore)
class QueueStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    # -- working ----------------------------------------------------------------------------------------

    def due(self, now: float, limit: int) -> Deferred[list[Destination]]:
        def read(connection: apsw.Connection) -> list[Destination]:
            return [Destination(*row) for row in values(one(connection, _DUE, (now, limit))[0])]

        return self._readers.run(read)

    def next_due(self) -> Deferred[float | None]:
        def read(connection: apsw.Connection) -> float | None:
            found: float | None = one(connection, "SELECT min(ready) FROM queue WHERE hold = 0")[0]
            return found

        return self._readers.run(read)

    def lease(self, destination: str, now: float, seconds: float, limit: int) -> Deferred[list[Lease]]:
        def run(batch: Batch) -> list[Lease]:
            batch.flush()
            rows = many(
                batch.connection,
                f"{_FROM} WHERE q.hold = 0 AND q.destination = ? AND q.ready <= ? ORDER BY q.ready LIMIT ?",
                (destination, now, limit),
            )
            if not rows:
                return []
            token, until = batch.number("lease"), now + seconds
            batch.execute(
                "UPDATE queue SET ready = ?, token = ? WHERE id IN (SELECT value FROM carray(?))",
                (until, token, ids(row[0] for row in rows)),
            )
            return [Lease(replace(item_of(row), leased_until=until), token, until) for row in rows]

        return self._writer.submit(run)

    def extend(self, leases: Sequence[Lease], until: float) -> Deferred[list[bool]]:
        def run(batch: Batch) -> list[bool]:
            return [
                bool(
                    batch.execute(
                        "UPDATE queue SET ready = ? WHERE id = ? AND token = ? AND hold = 0",
                        (until, lease.item.id, lease.token),
                    )
                )
                for lease in leases
            ]

        return self._writer.submit(run)

    def end_leases(self, beyond: float, now: float) -> Deferred[int]:
        """The token stays: an attempt was begun."""

        def run(batch: Batch) -> int:
            count = batch.execute(
                "UPDATE queue SET ready = ? WHERE token <> 0 AND hold = 0 AND ready > ?", (now, beyond)
            )
            batch.queued = batch.queued or count > 0
            return count

        return self._writer.submit(run)

    def reschedule(self, changes: Sequence[Rescheduled]) -> Deferred[int]:
        def run(batch: Batch) -> int:
            count = 0
            for change in changes:
                count += batch.execute(
                    """UPDATE queue SET due = ?1, ready = ?1
                    WHERE id = ?2 AND due = ?3 AND token = 0 AND hold = 0""",
                    (change.due, change.item, change.seen),
                )
            batch.queued = batch.queued or count > 0
            return count

        return self._writer.submit(run)

    def settle(self, lease: Lease, settlement: Settlement) -> Deferred[bool]:
        return self._writer.submit(lambda batch: _settle(batch, lease, settlement), urgent=True)

    # -- looking and steering -----------------------------------------------------------------------------

    def items(
        self, limit: int, after: QueueId | None = None, account: AccountId | None = None
    ) -> Deferred[list[QueueItem]]:
        def read(connection: apsw.Connection) -> list[QueueItem]:
            mine = "" if account is None else "AND q.account = ?3"
            bindings: tuple[Any, ...] = (after or 0, limit)
            rows = many(
                connection,
                f"{_FROM} WHERE q.id > ?1 {mine} ORDER BY q.id LIMIT ?2",
                bindings if account is None else (*bindings, account),
            )
            return [item_of(row) for row in rows]

        return self._readers.run(read)

    def item(self, queue: QueueId) -> Deferred[QueueItem | None]:
        def read(connection: apsw.Connection) -> QueueItem | None:
            row = one(connection, f"{_FROM} WHERE q.id = ?", (queue,))
            return item_of(row) if row else None

        return self._readers.run(read)

    def size(self) -> Deferred[int]:
        def read(connection: apsw.Connection) -> int:
            row = one(connection, "SELECT count(*) FROM queue", ())
            return int(row[0]) if row else 0

        return self._readers.run(read)

    def retry(self, queues: Sequence[QueueId], now: float) -> Deferred[int]:
        """An item that somebody holds a lease on stays his; it becomes due when he is done."""

        def run(batch: Batch) -> int:
            if not queues:
                return 0
            count = batch.execute(
                """UPDATE queue SET hold = 0, due = ?1, ready = CASE token WHEN 0 THEN ?1 ELSE ready END
                WHERE id IN (SELECT value FROM carray(?2))""",
                (now, ids(queues)),
            )
            batch.queued = batch.queued or count > 0
            return count

        return self._writer.submit(run)

    def hold(self, queues: Sequence[QueueId]) -> Deferred[int]:
        def run(batch: Batch) -> int:
            if not queues:
                return 0
            return batch.execute(
                "UPDATE queue SET hold = 1 WHERE id IN (SELECT value FROM carray(?))", (ids(queues),)
            )

        return self._writer.submit(run)

    def drop(
        self,
        queues: Sequence[QueueId],
        now: float,
        entries: Sequence[TimelineEntry] = (),
        objects: Sequence[ObjectChange] = (),
    ) -> Deferred[int]:
        def run(batch: Batch) -> int:
            if not queues:
                return 0
            rows = values(
                batch.one(
                    """SELECT json_group_array(json_array(id, blob)) FROM queue
                    WHERE id IN (SELECT value FROM carray(?))""",
                    (ids(queues),),
                )[0]
            )
            if rows:
                check_conditions(batch, objects)
            for number, blob in rows:
                _remove(batch, number, blob)
            if rows:
                write_objects(batch, objects)
                timeline.record(batch, entries)
            return len(rows)

        return self._writer.submit(run)

    def withdraw(
        self,
        account: AccountId,
        trace: TraceId,
        entries: Sequence[TimelineEntry] = (),
        objects: Sequence[ObjectChange] = (),
        patches: Sequence[EmailPatch] = (),
        destroy: Sequence[EmailId] = (),
        objects_if_state: int | None = None,
    ) -> Deferred[Withdrawn | None]:
        def run(batch: Batch) -> Withdrawn | None:
            batch.flush()
            rows = many(
                batch.connection,
                """SELECT id, blob, attempts, token, item FROM queue
                WHERE account = ? AND instr(item, CAST(? AS BLOB)) > 0""",
                (account, trace),
            )
            items = [(row, item) for row in rows if (item := decode(row[4])).trace == trace]
            if not items:
                return None
            for (_, _, attempts, token, _), item in items:
                if attempts or token or any(r.outcome is not Outcome.PENDING for r in item.recipients):
                    return None
            check_conditions(batch, objects)
            check_state(batch, objects, objects_if_state)
            owner = batch.account(account) if patches or destroy else None
            before = 0 if owner is None else owner.email_state
            for (number, blob, *_), _ in items:
                _remove(batch, number, blob)
            written = write_objects(batch, objects) if objects else None
            patched = None if owner is None else edits.apply(batch, owner, patches, destroy, before)
            timeline.record(batch, entries)
            return Withdrawn(written, patched)

        return self._writer.submit(run)

    # -- timelines ---------------------------------------------------------------------------------------

    def record(self, entries: Sequence[TimelineEntry]) -> Deferred[None]:
        return self._writer.submit(lambda batch: timeline.record(batch, entries))

    def timeline(self, trace: TraceId) -> Deferred[list[TimelineEntry]]:
        return self._readers.run(lambda connection: timeline.read(connection, trace))

    def traces(
        self,
        address: str,
        account: AccountId | None,
        since: TraceId,
        before: TraceId | None,
        limit: int,
    ) -> Deferred[list[TraceId]]:
        return self._readers.run(
            lambda connection: timeline.find(connection, address, account, since, before, limit)
        )

    def listen(self, wake: Callable[[], None]) -> None:
        self._writer.wakers.append(wake)


def _settle(batch: Batch, lease: Lease, settlement: Settlement) -> bool:
    number = lease.item.id
    row = batch.one("SELECT token, blob, item FROM queue WHERE id = ?", (number,))
    if row is None:
        return False
    token, blob, packed = row
    item = decode(packed)
    if token != lease.token:
        # Somebody else works on it now; what the next hop took must not be sent again all the same.
        taken = {r.address: r for r in settlement.recipients if r.outcome is Outcome.DELIVERED}
        merged = tuple(
            taken.get(r.address, r) if r.outcome is Outcome.PENDING else r for r in item.recipients
        )
        if merged != item.recipients:
            _write_recipients(batch, number, blob, replace(item, recipients=merged))
        return False
    check_conditions(batch, settlement.objects)
    for acceptance in settlement.accept:
        accept(batch, acceptance)
    write_objects(batch, settlement.objects)
    timeline.record(batch, settlement.timeline)
    if settlement.bounced and item.account is not None:
        discredit(batch, item.account, settlement.bounced)
    item = replace(item, recipients=settlement.recipients)
    if not is_pending(item):
        _remove(batch, number, blob)
        return True
    batch.execute(
        """UPDATE queue SET item = ?, due = ?, ready = ?, token = 0, attempts = attempts + ?,
        delayed_told = max(delayed_told, ?), last_error = ? WHERE id = ?""",
        (
            encode(item),
            settlement.due,
            settlement.due,
            settlement.count_attempt,
            settlement.delayed_told,
            settlement.error,
            number,
        ),
    )
    batch.queued = True
    return True


def _write_recipients(batch: Batch, number: int, blob: int, item: NewQueueItem) -> None:
    if is_pending(item):
        batch.execute("UPDATE queue SET item = ? WHERE id = ?", (encode(item), number))
    else:
        _remove(batch, number, blob)
