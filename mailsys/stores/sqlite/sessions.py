"""ISessionStore on SQLite: web sessions and the history of sign-ins."""

from __future__ import annotations

from typing import Any, Final

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.ports.ids import AccountId
from mailsys.ports.sessions import ISessionStore, SignInRecord, WebSession
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import many, one
from mailsys.stores.sqlite.writer import Writer

_SEEN_EVERY: Final = 60.0  # seconds between two writes of `seen`
_SESSIONS: Final = 1000  # of one account that are listed
_RECORDS: Final = 1000  # sign-ins kept per account
KEPT: Final = 90 * 86400.0  # seconds that a sign-in is kept

_COLUMNS: Final = "key, account, created, seen, expires, address, agent, csrf, second_factor"


def _session(row: Any) -> WebSession:
    key, account, created, seen, expires, address, agent, csrf, second_factor = row
    return WebSession(
        key, AccountId(account), created, seen, expires, address, agent, csrf, bool(second_factor)
    )


@implementer(ISessionStore)
class SessionStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    def put(self, session: WebSession) -> Deferred[None]:
        def run(batch: Batch) -> None:
            batch.write(
                "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    session.key,
                    session.account,
                    session.created,
                    session.seen,
                    session.expires,
                    session.address,
                    session.agent[:200],
                    session.csrf,
                    session.second_factor,
                ),
            )

        return self._writer.submit(run)

    def find(self, key: bytes, now: float) -> Deferred[WebSession | None]:
        def read(connection: apsw.Connection) -> WebSession | None:
            row = one(
                connection,
                f"SELECT {_COLUMNS} FROM session WHERE key = ? AND expires > ?",  # noqa: S608
                (key, now),
            )
            return None if row is None else _session(row)

        async def run() -> WebSession | None:
            session = await self._readers.run(read)
            if session is None or now < session.seen + _SEEN_EVERY:
                return session

            def bring_forward(batch: Batch) -> bool:
                return bool(
                    batch.write("UPDATE session SET seen = max(seen, ?) WHERE key = ?", (now, session.key))
                )

            # Removed meanwhile: it is no session any more.
            return session if await self._writer.submit(bring_forward) else None

        return Deferred.fromCoroutine(run())

    def of(self, account: AccountId, now: float) -> Deferred[list[WebSession]]:
        def read(connection: apsw.Connection) -> list[WebSession]:
            rows = many(
                connection,
                f"""SELECT {_COLUMNS} FROM session WHERE account = ? AND expires > ?
                ORDER BY created DESC LIMIT {_SESSIONS}""",  # noqa: S608
                (account, now),
            )
            return [_session(row) for row in rows]

        return self._readers.run(read)

    def remove(self, keys: list[bytes]) -> Deferred[None]:
        def run(batch: Batch) -> None:
            for key in keys:
                batch.write("DELETE FROM session WHERE key = ?", (key,))

        return self._writer.submit(run)

    def remove_all(self, account: AccountId, but: bytes | None = None) -> Deferred[int]:
        def run(batch: Batch) -> int:
            return batch.write(
                "DELETE FROM session WHERE account = ?1 AND (?2 IS NULL OR key <> ?2)", (account, but)
            )

        return self._writer.submit(run)

    def record(self, entry: SignInRecord) -> Deferred[None]:
        def run(batch: Batch) -> None:
            batch.write(
                """INSERT INTO sign_in (account, at, address, agent, service, how, success)
                VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (
                    entry.account,
                    entry.at,
                    entry.address,
                    entry.agent[:200],
                    entry.service,
                    entry.how,
                    entry.success,
                ),
            )
            batch.write(
                """DELETE FROM sign_in WHERE account = ?1 AND id <= (
                    SELECT id FROM sign_in WHERE account = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)""",
                (entry.account, _RECORDS),
            )

        return self._writer.submit(run)

    def history(self, account: AccountId, limit: int) -> Deferred[list[SignInRecord]]:
        def read(connection: apsw.Connection) -> list[SignInRecord]:
            rows = many(
                connection,
                """SELECT account, at, address, agent, service, how, success FROM sign_in
                WHERE account = ? ORDER BY id DESC LIMIT ?""",
                (account, min(limit, _RECORDS)),
            )
            return [
                SignInRecord(AccountId(account), at, address, agent, service, how, bool(success))
                for account, at, address, agent, service, how, success in rows
            ]

        return self._readers.run(read)


def prune(batch: Batch, now: float, limit: int) -> bool:
    """Drop some expired sessions and old sign-ins; whether there may be more."""
    sessions = batch.write(
        "DELETE FROM session WHERE key IN (SELECT key FROM session WHERE expires <= ? LIMIT ?)", (now, limit)
    )
    records = batch.write(
        "DELETE FROM sign_in WHERE id IN (SELECT id FROM sign_in WHERE at < ? LIMIT ?)", (now - KEPT, limit)
    )
    return sessions >= limit or records >= limit
