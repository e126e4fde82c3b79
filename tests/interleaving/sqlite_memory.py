"""The SQLite store in memory as the back-end of trials: a copy is a matter of its octets."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.task import Clock

from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import SqliteStore, open_store


class SqliteInMemory:
    async def open(self, events: Events, clock: Clock) -> SqliteStore:
        return open_store(None, None, events, now=clock.seconds)

    def freeze(self, store: SqliteStore) -> bytes:
        return store.writer.batch.connection.serialize("main")

    async def copy(self, image: bytes, events: Events, clock: Clock) -> SqliteStore:
        store = await self.open(events, clock)
        store.writer.batch.connection.deserialize("main", image)
        return store

    def fingerprint(self, store: Any) -> bytes:
        return hashlib.blake2b(self.freeze(store), digest_size=16).digest()
