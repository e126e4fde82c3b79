"""IStrangers on SQLite."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.ports.strangers import HALF_LIFE, KEPT, IStrangers, Patience, Standing
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import integers, one, pieces, values
from mailsys.stores.sqlite.writer import Writer

_DAY: Final = 86400.0
_FORGOTTEN: Final = 6 * HALF_LIFE / _DAY  # days without news after which nothing is left
_KEY: Final = 300  # characters of a key that are kept


@implementer(IStrangers)
class Strangers:
    def __init__(self, writer: Writer, readers: Readers, now: Callable[[], float]) -> None:
        self._writer = writer
        self._readers = readers
        self._now = now

    def standings(self, keys: Sequence[str]) -> Deferred[Mapping[str, Standing]]:
        day = self._now() / _DAY
        return self._readers.run(lambda c: _standings(c, keys, day))

    def refused(self, keys: Sequence[str]) -> Deferred[None]:
        day = self._now() / _DAY
        return self._writer.submit(lambda batch: _refused(batch, keys, day))

    def knock(self, keys: Sequence[str], origin: str, patience: Patience) -> Deferred[float]:
        return self._writer.submit(lambda batch: _knock(batch, keys, origin, patience, self._now()))


def _standings(connection: apsw.Connection, keys: Sequence[str], day: float) -> dict[str, Standing]:
    if not keys:
        return {}
    short = {key[:_KEY]: key for key in keys}
    row = one(
        connection,
        """SELECT json_group_array(json_array(key, taken, junk, good, refused, day))
        FROM carray(?) w CROSS JOIN reputation r ON r.key = w.value""",
        (apsw.carray(tuple(short)),),
    )
    found = {}
    for key, *figures, then in values(row[0]):
        left = _left(day - then)
        found[short[key]] = Standing(*(figure * left for figure in figures))
    return found


def _left(days: float) -> float:
    return float(0.5 ** (max(0.0, days) * _DAY / HALF_LIFE))


# -- reputation, counted by whatever commit brings the news --------------------------------------------


def _refused(batch: Batch, keys: Sequence[str], day: float) -> None:
    for key in dict.fromkeys(keys):
        batch.insert["reputation"]((key[:_KEY], 0.0, 0.0, 0.0, 1.0, day))


def taken(batch: Batch, origin: Sequence[str], received_at: float) -> None:
    """A message was accepted. Buffered: it is on the way of every message."""
    add = batch.insert["reputation"]
    for key in origin:
        add((key[:_KEY], 1.0, 0.0, 0.0, 0.0, received_at / _DAY))


def said(batch: Batch, account: int, blobs: Iterable[int], junk: int | None) -> None:
    """The owner of these blobs' emails says that they are junk (1), or not (0), or takes it back (None). It
    counts as of when something was last heard from there."""
    row = batch.one(
        """SELECT json_group_array(json_array(v.email, v.said, v.origin)) FROM carray(?2) w
        CROSS JOIN email e INDEXED BY email_blob ON e.blob = w.value AND e.account = ?1
        CROSS JOIN verdict v ON v.account = ?1 AND v.email = e.id WHERE v.said IS NOT ?3""",
        (account, ids(sorted(blobs)), junk),
    )
    found = values(row[0])
    if not found:
        return
    for _, before, origin in found:
        keys = origin.split("\n") if origin else []
        if before is not None:
            _add(batch, keys, "junk" if before else "good", -1)
        if junk is not None:
            _add(batch, keys, "junk" if junk else "good", 1)
    batch.write(
        "UPDATE verdict SET said = ? WHERE account = ? AND email IN (SELECT value FROM carray(?))",
        (junk, account, ids(email for email, _, _ in found)),
    )


def _add(batch: Batch, keys: Sequence[str], column: str, change: int) -> None:
    if keys:
        batch.write(
            f"""UPDATE reputation SET {column} = max(0, {column} + ?)
            WHERE key IN (SELECT value FROM carray(?))""",  # noqa: S608
            (change, apsw.carray(tuple(keys))),
        )


# -- greylisting -----------------------------------------------------------------------------------------


def _knock(batch: Batch, keys: Sequence[str], origin: str, patience: Patience, now: float) -> float:
    keys = [key[:_KEY] for key in keys]
    origin = origin[:_KEY]
    known = batch.read("SELECT until FROM greylist WHERE key = ? AND first IS NULL", (origin,))
    if known is not None and known[0] > now:
        _let_in(batch, origin, now + patience.keep)
        return 0.0
    if not keys:
        return 0.0
    row = batch.read(
        """SELECT json_group_object(g.key, g.first) FROM carray(?) w CROSS JOIN greylist g
        ON g.key = w.value AND g.first IS NOT NULL AND g.until > ?""",
        (apsw.carray(tuple(keys)), now),
    )
    waiting: dict[str, float] = json.loads(row[0])
    if any(first + patience.delay <= now for first in waiting.values()):
        batch.write(
            "DELETE FROM greylist WHERE key IN (SELECT value FROM carray(?))", (apsw.carray(tuple(keys)),)
        )
        _let_in(batch, origin, now + patience.keep)
        return 0.0
    for key in keys:
        if key not in waiting:
            batch.write("INSERT OR REPLACE INTO greylist VALUES (?, ?, ?)", (key, now, now + patience.window))
    return patience.delay - (now - min(waiting.values(), default=now))


def _let_in(batch: Batch, origin: str, until: float) -> None:
    batch.write("INSERT OR REPLACE INTO greylist VALUES (?, NULL, ?)", (origin, until))


# -- forgetting --------------------------------------------------------------------------------------------


def forget(batch: Batch, now: float, limit: int, kept: int = KEPT) -> bool:
    """Some of what is over, or too much; whether there was any."""
    if batch.write(
        "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist WHERE until <= ? LIMIT ?)", (now, limit)
    ):
        return True
    if batch.write(
        "DELETE FROM reputation WHERE key IN (SELECT key FROM reputation WHERE day < ? LIMIT ?)",
        (now / _DAY - _FORGOTTEN, limit),
    ):
        return True
    for table, order in (("greylist", "until"), ("reputation", "day")):
        surplus = batch.read(f"SELECT count(*) FROM {table}")[0] - kept  # noqa: S608
        if surplus > 0:
            batch.write(
                f"DELETE FROM {table} WHERE key IN (SELECT key FROM {table} ORDER BY {order} LIMIT ?)",  # noqa: S608
                (min(surplus, limit),),
            )
            return True
    return False


def verdicts(connection: apsw.Connection, account: int, emails: Sequence[int]) -> dict[int, bytes]:
    """As they are kept, by email."""
    if not emails:
        return {}
    row = one(
        connection,
        """SELECT group_concat(v.email), group_concat(length(v.data)), CAST(group_concat(v.data, '') AS BLOB)
        FROM carray(?) w CROSS JOIN verdict v ON v.account = ? AND v.email = w.value""",
        (ids(emails), account),
    )
    return dict(zip(integers(row[0]), pieces(row[1], row[2]), strict=True))
