"""IStsPolicyStore on SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.ports import sts_policies as bounds
from mailsys.ports.sts_policies import IStsPolicyStore, KeptPolicy
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import many
from mailsys.stores.sqlite.writer import Writer

_FIND: Final = "SELECT domain, id, text, fetched, refresh, until FROM sts_policy WHERE domain = ?"
_OVER: Final = """
DELETE FROM sts_policy WHERE domain IN (
    SELECT domain FROM sts_policy WHERE until <= ? ORDER BY until LIMIT ?)
"""
_SOONEST: Final = """
DELETE FROM sts_policy WHERE domain IN (
    SELECT domain FROM sts_policy WHERE domain <> ? ORDER BY until LIMIT ?)
"""
_FORGOTTEN: Final = 100  # at once


@implementer(IStsPolicyStore)
class StsPolicyStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    def find(self, domain: str) -> Deferred[KeptPolicy | None]:
        def read(connection: apsw.Connection) -> KeptPolicy | None:
            rows = many(connection, _FIND, (domain,))
            return KeptPolicy(*rows[0]) if rows else None

        return self._readers.run(read)

    def keep(self, policy: KeptPolicy, now: float) -> Deferred[None]:
        row = (policy.domain, policy.id, policy.text, policy.fetched, policy.refresh, policy.until)

        def run(batch: Batch) -> None:
            batch.write(
                """INSERT INTO sts_policy VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (domain) DO UPDATE SET id = excluded.id, text = excluded.text,
                fetched = excluded.fetched, refresh = excluded.refresh, until = excluded.until
                WHERE excluded.fetched >= sts_policy.fetched""",
                row,
            )
            batch.write(_OVER, (now, _FORGOTTEN))
            over: int = batch.one("SELECT count(*) FROM sts_policy", ())[0] - bounds.KEPT
            if over > 0:
                batch.write(_SOONEST, (policy.domain, over))

        return self._writer.submit(run)

    def postpone(self, domain: str, fetched: float, refresh: float) -> Deferred[None]:
        def run(batch: Batch) -> None:
            batch.write(
                "UPDATE sts_policy SET refresh = ? WHERE domain = ? AND fetched = ?",
                (refresh, domain, fetched),
            )

        return self._writer.submit(run)

    def stale(self, now: float, limit: int) -> Deferred[Sequence[KeptPolicy]]:
        def read(connection: apsw.Connection) -> Sequence[KeptPolicy]:
            rows = many(
                connection,
                """SELECT domain, id, text, fetched, refresh, until FROM sts_policy
                WHERE refresh <= ? AND until > ?
                ORDER BY refresh LIMIT ?""",
                (now, now, limit),
            )
            return [KeptPolicy(*row) for row in rows]

        return self._readers.run(read)
