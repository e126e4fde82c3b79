"""IObjectStore on SQLite: small JSON documents by account, kind and id, with their change log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.refusal import ObjectConflict, StateMismatch
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange, ObjectChanges, ObjectsWritten, StoredObject
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import one, values
from mailsys.stores.sqlite.states import AccountState
from mailsys.stores.sqlite.writer import Writer

_ALL: Final = 10_000


def check(batch: Batch, changes: Sequence[ObjectChange]) -> None:
    """UnknownRecipient when an account is missing, ObjectConflict when a condition does not hold: before
    anything is changed."""
    for change in changes:
        batch.account(change.account)
    check_conditions(batch, changes)


def check_conditions(batch: Batch, changes: Sequence[ObjectChange]) -> None:
    for change in changes:
        if change.if_modseq is None:
            continue
        row = batch.read(
            "SELECT modseq FROM object WHERE account = ? AND kind = ? AND id = ?",
            (change.account, change.kind, change.id),
        )
        modseq = 0 if row is None else row[0]
        if modseq != change.if_modseq:
            raise ObjectConflict(cause=f"{change.kind} {change.id} of account {change.account}: {modseq}")


def apply(batch: Batch, changes: Sequence[ObjectChange]) -> ObjectsWritten:
    """Write them; what belongs to an account that is gone is left out."""
    accounts = {change.account: batch.find_account(change.account) for change in changes}
    last = changes[-1] if changes else None
    owner = None if last is None else accounts[last.account]
    before = 0 if owner is None or last is None else batch.kind_state(owner, last.kind)
    for change in changes:
        account = accounts[change.account]
        if account is not None:
            _apply(batch, account, change)
    if owner is None or last is None:
        return ObjectsWritten(0, 0, 0)
    return ObjectsWritten(before, batch.kind_state(owner, last.kind), owner.modseq)


def _apply(batch: Batch, account: AccountState, change: ObjectChange) -> None:
    found = batch.read(
        "SELECT number, created FROM object WHERE account = ? AND kind = ? AND id = ?",
        (change.account, change.kind, change.id),
    )
    if found is None and (change.remove or change.value is None):
        return
    modseq = batch.change_kind(account, change.kind)
    if change.remove:
        batch.insert["gone_object"]((change.account, change.kind, modseq, change.id, found[1]))
        batch.write("DELETE FROM object WHERE number = ?", (found[0],))
    elif change.value is None:
        batch.write("UPDATE object SET modseq = ? WHERE number = ?", (modseq, found[0]))
    elif found is not None:
        batch.write(
            "UPDATE object SET modseq = ?, value = ? WHERE number = ?", (modseq, change.value, found[0])
        )
    else:
        batch.write(
            "INSERT INTO object VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                batch.number("object"),
                change.account,
                change.kind,
                change.id,
                modseq,
                modseq,
                change.value,
            ),
        )


def check_state(batch: Batch, changes: Sequence[ObjectChange], if_state: int | None) -> None:
    """StateMismatch when the state of the first change's kind in its account is another."""
    if not changes or if_state is None:
        return
    first = changes[0]
    state = batch.kind_state(batch.account(first.account), first.kind)
    if state != if_state:
        raise StateMismatch(cause=f"account {first.account}: {first.kind} state is {state}")


def _write(batch: Batch, changes: Sequence[ObjectChange], if_state: int | None) -> ObjectsWritten:
    check(batch, changes)
    check_state(batch, changes, if_state)
    return apply(batch, changes)


@implementer(IObjectStore)
class ObjectStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    def write(self, changes: Sequence[ObjectChange], if_state: int | None = None) -> Deferred[ObjectsWritten]:
        return self._writer.submit(lambda batch: _write(batch, changes, if_state))

    def objects(
        self, account: AccountId, kind: str, ids: Sequence[str] | None = None
    ) -> Deferred[list[StoredObject]]:
        return self._readers.run(lambda connection: _objects(connection, account, kind, ids))

    def changes(self, account: AccountId, kind: str, since: int, limit: int) -> Deferred[ObjectChanges]:
        return self._readers.run(lambda connection: _changes(connection, account, kind, since, limit))

    def of_kind(self, kind: str, limit: int) -> Deferred[list[tuple[AccountId, StoredObject]]]:
        def read(connection: apsw.Connection) -> list[tuple[AccountId, StoredObject]]:
            row = one(
                connection,
                f"""SELECT json_group_array(json_array(account, {_COLUMNS})) FROM
                (SELECT * FROM object WHERE kind = ? ORDER BY number LIMIT ?)""",  # noqa: S608
                (kind, limit),
            )
            return [(AccountId(found[0]), _object(found[1:])) for found in values(row[0])]

        return self._readers.run(read)


_COLUMNS: Final = "id, CAST(value AS TEXT), created, modseq"


def _object(row: Sequence[Any]) -> StoredObject:
    return StoredObject(row[0], row[1].encode(), row[2], row[3])


def _objects(
    connection: apsw.Connection, account: int, kind: str, ids: Sequence[str] | None
) -> list[StoredObject]:
    if ids is None:
        row = one(
            connection,
            f"""SELECT json_group_array(json_array({_COLUMNS})) FROM
            (SELECT * FROM object WHERE account = ? AND kind = ? ORDER BY number LIMIT ?)""",  # noqa: S608
            (account, kind, _ALL),
        )
        return [_object(found) for found in values(row[0])]
    wanted = tuple({name for name in ids if "\0" not in name})
    if not wanted:
        return []
    row = one(
        connection,
        """SELECT json_group_array(json_array(id, CAST(o.value AS TEXT), created, modseq)) FROM carray(?3) w
        CROSS JOIN object o ON account = ?1 AND kind = ?2 AND id = w.value""",
        (account, kind, apsw.carray(wanted)),
    )
    known = {found[0]: _object(found) for found in values(row[0])}
    return [known[name] for name in ids if name in known]


def _changes(connection: apsw.Connection, account: int, kind: str, since: int, limit: int) -> ObjectChanges:
    """In order of modseq, cut between two modseqs; as views.emails_changed."""
    row = one(
        connection,
        """SELECT c.modseq, c.floor, (SELECT json_group_array(json_array(n, id, created, dead)) FROM (
            SELECT modseq n, id, created, 0 dead FROM object
                WHERE account = ?1 AND kind = ?2 AND modseq > ?3
            UNION ALL SELECT modseq, id, created, 1 FROM gone_object
                WHERE account = ?1 AND kind = ?2 AND modseq > ?3 AND created <= ?3
            ORDER BY 1 LIMIT ?4 + 1))
        FROM account_count c WHERE c.account = ?1""",
        (account, kind, since, limit),
    )
    if row is None:
        return ObjectChanges(since, False, (), (), (), complete=False)
    modseq, floor, text = row
    rows = values(text)
    more = len(rows) > limit
    if more:
        last = rows[-1][0]
        rows = [found for found in rows if found[0] < last]
        if not rows:
            return ObjectChanges(since, True, (), (), (), complete=False)
        modseq = rows[-1][0]
    alive = {name for _, name, _, dead in rows if not dead}
    gone = {name for _, name, _, dead in rows if dead}
    created = tuple(name for _, name, at, dead in rows if not dead and at > since and name not in gone)
    # An id that was removed and written again was there before, and is there now.
    updated = tuple(name for _, name, at, dead in rows if not dead and (at <= since or name in gone))
    return ObjectChanges(modseq, more, created, updated, tuple(sorted(gone - alive)), complete=since >= floor)
