"""IOnceStore on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.ports.once import IOnceStore
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.writer import Writer

_LONGEST: Final = 200  # characters of a key


@implementer(IOnceStore)
class OnceStore:
    def __init__(self, writer: Writer, now: Callable[[], float]) -> None:
        self._writer = writer
        self._now = now

    def take(self, key: str, until: float, at_most: int = 1) -> Deferred[bool]:
        return self._writer.submit(lambda batch: _take(batch, key, until, at_most, self._now()))

    def give_back(self, key: str) -> Deferred[None]:
        return self._writer.submit(lambda batch: _give_back(batch, key))


def _take(batch: Batch, key: str, until: float, at_most: int, now: float) -> bool:
    if len(key) > _LONGEST:
        raise ValueError(f"a key has at most {_LONGEST} characters")
    row = batch.read("SELECT taken, until FROM once WHERE key = ?", (key,))
    taken, kept = (0, until) if row is None or row[1] <= now else row
    if taken >= at_most:
        return False
    batch.write("INSERT OR REPLACE INTO once VALUES (?, ?, ?)", (key, taken + 1, max(kept, until)))
    return True


def _give_back(batch: Batch, key: str) -> None:
    if not batch.write("UPDATE once SET taken = taken - 1 WHERE key = ? AND taken > 1", (key,)):
        batch.write("DELETE FROM once WHERE key = ?", (key,))


def forget(batch: Batch, now: float, limit: int) -> bool:
    """Some keys whose time is over; whether there were any."""
    return bool(
        batch.write(
            "DELETE FROM once WHERE key IN (SELECT key FROM once WHERE until <= ? LIMIT ?)", (now, limit)
        )
    )
