"""ILearningStore on SQLite: lessons that wait (taught by lessons.py), and counts of tokens.

A token is a narrow row in a clustered table: a message's few hundred are found, or counted, by one
statement. Keys are hashes, so the rows of one message lie all over the table, and learning one dirties some
hundred pages: that is why lessons are learned several to a commit, and why nobody who moves mail waits.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.trust.bayes import Counts, Knowledge
from mailsys.ports import learning as bounds
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.learning import ALL, ILearningStore, Known, Lesson, Taught
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.readers import Readers, one_state
from mailsys.stores.sqlite.rows import integers, one, values
from mailsys.stores.sqlite.writer import Writer

_KEPT: Final = 0.9  # of what is kept at most, after pruning
_WINDOW: Final = 2000  # rows that are looked at in one step of pruning
_DAY: Final = 86400.0
_AGE: Final = 30  # days that weigh as much as one sighting


@implementer(ILearningStore)
class LearningStore:
    def __init__(self, writer: Writer, readers: Readers, now: Callable[[], float]) -> None:
        self._writer = writer
        self._readers = readers
        self._now = now

    def lessons(self, limit: int) -> Deferred[list[Lesson]]:
        return self._readers.run(lambda connection: _lessons(connection, limit))

    def learn(self, taught: Sequence[Taught]) -> Deferred[int]:
        day = int(self._now() / _DAY)
        return self._writer.submit(lambda batch: sum([_learn(batch, each, day) for each in taught]))

    def totals(self, scopes: Sequence[AccountId]) -> Deferred[Mapping[AccountId, Known]]:
        return self._readers.run(lambda connection: _totals(connection, scopes))

    def knowledge(
        self, scopes: Sequence[AccountId], keys: Sequence[int]
    ) -> Deferred[Mapping[AccountId, Knowledge]]:
        def read(connection: apsw.Connection) -> Mapping[AccountId, Knowledge]:
            with one_state(connection):
                return _knowledge(connection, scopes, keys)

        return self._readers.run(read)

    def learned(self, account: AccountId, blobs: Sequence[BlobId]) -> Deferred[Mapping[BlobId, bool]]:
        return self._readers.run(lambda connection: _learned(connection, account, blobs))

    def forget(self, scope: AccountId) -> Deferred[bool]:
        async def run() -> bool:
            # First of all what makes the rest count for nothing.
            found = bool(
                await self._writer.submit(
                    lambda batch: batch.write("UPDATE known SET spam = 0, ham = 0 WHERE scope = ?", (scope,))
                )
            )
            while await self._writer.submit(lambda batch: _forget_some(batch, scope, _WINDOW)):
                pass
            return found

        return Deferred.fromCoroutine(run())


# -- reading ---------------------------------------------------------------------------------------------


def _lessons(connection: apsw.Connection, limit: int) -> list[Lesson]:
    row = one(
        connection,
        """SELECT json_group_array(json_array(l.account, hex(b.hash), l.spam, l.number))
        FROM (SELECT * FROM lesson ORDER BY number LIMIT ?) l JOIN blob b ON b.id = l.blob""",
        (limit,),
    )
    found = [
        Lesson(
            AccountId(account), BlobId(bytes.fromhex(digest)), None if spam is None else bool(spam), number
        )
        for account, digest, spam, number in values(row[0])
    ]
    return sorted(found, key=lambda lesson: lesson.number)


def _totals(connection: apsw.Connection, scopes: Sequence[int]) -> dict[AccountId, Known]:
    if not scopes:
        return {}
    row = one(
        connection,
        """SELECT json_group_array(json_array(k.scope, k.spam, k.ham, k.tokens)) FROM carray(?) w
        CROSS JOIN known k ON k.scope = w.value""",
        (ids(scopes),),
    )
    return {AccountId(scope): Known(Counts(spam, ham), tokens) for scope, spam, ham, tokens in values(row[0])}


def _knowledge(
    connection: apsw.Connection, scopes: Sequence[AccountId], keys: Sequence[int]
) -> dict[AccountId, Knowledge]:
    found: dict[AccountId, Knowledge] = {}
    wanted = sorted(set(keys))  # in order of the table: neighbours share pages
    for scope, known in _totals(connection, scopes).items():
        tokens: dict[int, Counts] = {}
        if wanted:
            row = one(
                connection,
                """SELECT group_concat(t.key), group_concat(t.spam), group_concat(t.ham) FROM carray(?) w
                CROSS JOIN token t ON t.scope = ? AND t.key = w.value""",
                (ids(wanted), scope),
            )
            counts = map(Counts, integers(row[1]), integers(row[2]))
            tokens = dict(zip(integers(row[0]), counts, strict=True))
        found[scope] = Knowledge(known.total, tokens)
    return found


def _learned(connection: apsw.Connection, account: AccountId, blobs: Sequence[BlobId]) -> dict[BlobId, bool]:
    by_key = {_key(blob): blob for blob in blobs}
    if not by_key:
        return {}
    row = one(
        connection,
        """SELECT json_group_array(json_array(l.key, l.spam)) FROM carray(?) w
        CROSS JOIN learned l ON l.scope = ? AND l.key = w.value""",
        (ids(sorted(by_key)), account),
    )
    return {by_key[key]: bool(spam) for key, spam in values(row[0])}


def _key(blob: bytes) -> int:
    return int.from_bytes(blob[:8], "big", signed=True)


# -- learning --------------------------------------------------------------------------------------------


def _learn(batch: Batch, taught: Taught, day: int) -> bool:
    """Whether anything is known that was not known before."""
    if taught.lesson is not None and not _take(batch, taught):
        return False
    if taught.account != ALL and batch.find_account(taught.account) is None:
        return False
    key = _key(taught.blob)
    row = batch.read("SELECT spam, shared FROM learned WHERE scope = ? AND key = ?", (taught.account, key))
    before = None if row is None else bool(row[0])
    if before == taught.spam:
        return False
    keys = array("q", sorted(set(taught.keys)))
    if before is not None:
        for scope in _scopes(taught.account, bool(row[1])):
            _count(batch, scope, keys, before, -1, day)
    if taught.spam is None:
        batch.write("DELETE FROM learned WHERE scope = ? AND key = ?", (taught.account, key))
    else:
        for scope in _scopes(taught.account, taught.shared):
            _count(batch, scope, keys, taught.spam, 1, day)
        batch.write(
            "INSERT OR REPLACE INTO learned VALUES (?, ?, ?, ?, ?)",
            (taught.account, key, taught.spam, taught.shared, day),
        )
    change = (taught.spam is not None) - (before is not None)
    batch.write("UPDATE known SET learned = learned + ? WHERE scope = ?", (change, taught.account))
    return True


def _take(batch: Batch, taught: Taught) -> bool:
    """End the lesson; False: it is none any more."""
    blob = batch.blob(taught.blob)
    if blob is None or not batch.write(
        "DELETE FROM lesson WHERE account = ? AND blob = ? AND number = ?",
        (taught.account, blob.id, taught.lesson),
    ):
        return False
    batch.hold(blob.id, -1)
    return True


def _scopes(account: int, shared: bool) -> tuple[int, ...]:
    return (account, ALL) if shared and account != ALL else (account,)


def _count(batch: Batch, scope: int, keys: array[int], spam: bool, change: int, day: int) -> None:
    """Count a message's tokens in a scope once more, or (-1) once less. What falls to nothing goes."""
    batch.write("INSERT OR IGNORE INTO known VALUES (?, 0, 0, 0, 0)", (scope,))
    column = "spam" if spam else "ham"
    tokens = 0
    if keys:
        numbers = apsw.carray(keys)
        if change > 0:
            there = batch.read(
                "SELECT count(*) FROM carray(?) w CROSS JOIN token t ON t.scope = ? AND t.key = w.value",
                (numbers, scope),
            )[0]
            batch.write(
                f"""INSERT INTO token SELECT ?, value, ?, ?, ? FROM carray(?) WHERE true
                ON CONFLICT DO UPDATE SET {column} = {column} + 1, day = excluded.day""",  # noqa: S608
                (scope, int(spam), int(not spam), day, numbers),
            )
            tokens = len(keys) - there
        else:
            batch.write(
                f"""UPDATE token SET {column} = max({column} - 1, 0)
                WHERE scope = ? AND key IN (SELECT value FROM carray(?))""",  # noqa: S608
                (scope, numbers),
            )
            tokens = -batch.write(
                """DELETE FROM token WHERE scope = ? AND key IN (SELECT value FROM carray(?))
                AND spam = 0 AND ham = 0""",
                (scope, numbers),
            )
    batch.write(
        f"UPDATE known SET {column} = max({column} + ?, 0), tokens = tokens + ? WHERE scope = ?",  # noqa: S608
        (change, tokens, scope),
    )


# -- forgetting ------------------------------------------------------------------------------------------


def prune(batch: Batch, now: float) -> bool:
    """One step towards the bounds, of one scope that is beyond them; whether there was any."""
    most, messages = bounds.TOKENS_KEPT, bounds.LEARNED_KEPT
    row = batch.read(
        """SELECT scope, tokens > ?, tokens - ?, learned - ? FROM known
        WHERE tokens > ? OR learned > ? LIMIT 1""",
        (most, int(most * _KEPT), int(messages * _KEPT), most, messages),
    )
    if row is None:
        return False
    scope, tokens, too_many, too_old = row
    if tokens:
        _prune_tokens(batch, scope, too_many, int(now / _DAY))
    else:
        gone = batch.write(
            """DELETE FROM learned WHERE scope = ? AND key IN
            (SELECT key FROM learned WHERE scope = ? ORDER BY day LIMIT ?)""",
            (scope, scope, min(too_old, _WINDOW)),
        )
        batch.write("UPDATE known SET learned = learned - ? WHERE scope = ?", (gone, scope))
    return True


def _prune_tokens(batch: Batch, scope: int, too_many: int, today: int) -> None:
    """Of the next window of the scope's tokens (they lie in order of a hash: any window is a sample of all)
    the quarter goes that was seen least, age counted against it."""
    name = f"pruned {scope}"
    at = batch.counter(name)
    row = batch.read(
        """SELECT group_concat(key), max(key), count(*) FROM
        (SELECT key FROM token WHERE scope = ? AND key > ? ORDER BY key LIMIT ?)""",
        (scope, at, _WINDOW),
    )
    batch.set_counter(name, row[1] if row[2] == _WINDOW else -(1 << 63))
    keys = integers(row[0])
    if not keys:
        return
    gone = batch.write(
        """DELETE FROM token WHERE scope = ?1 AND key IN (SELECT t.key FROM carray(?2) w
        CROSS JOIN token t ON t.scope = ?1 AND t.key = w.value
        ORDER BY t.spam + t.ham - (?3 - t.day) / ?4 LIMIT ?5)""",
        (scope, ids(keys), today, float(_AGE), min(len(keys) // 4 + 1, too_many)),
    )
    batch.write("UPDATE known SET tokens = tokens - ? WHERE scope = ?", (gone, scope))


def _forget_some(batch: Batch, scope: int, limit: int) -> bool:
    """A part of all that a scope knows; whether there is more."""
    for table in ("token", "learned"):
        gone = batch.write(
            f"""DELETE FROM {table} WHERE scope = ?1 AND key IN
            (SELECT key FROM {table} WHERE scope = ?1 LIMIT ?2)""",  # noqa: S608
            (scope, limit),
        )
        if gone:
            column = "tokens" if table == "token" else "learned"
            batch.write(f"UPDATE known SET {column} = {column} - ? WHERE scope = ?", (gone, scope))  # noqa: S608
            return True
    batch.write("DELETE FROM known WHERE scope = ? AND tokens <= 0 AND learned <= 0", (scope,))
    return False


def remove_of(batch: Batch, account: int, limit: int) -> bool:
    """Lessons and knowledge of a removed account, some of it; whether there was any."""
    row: Any = batch.read(
        "SELECT group_concat(blob) FROM (SELECT blob FROM lesson WHERE account = ? LIMIT ?)", (account, limit)
    )
    blobs = integers(row[0])
    if blobs:
        batch.write(
            "DELETE FROM lesson WHERE account = ? AND blob IN (SELECT value FROM carray(?))",
            (account, ids(blobs)),
        )
        for blob in blobs:
            batch.hold(blob, -1)
        return True
    return _forget_some(batch, account, limit)
