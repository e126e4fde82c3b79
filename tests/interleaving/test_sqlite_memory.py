"""The interleaving contract on the SQLite store in memory."""

from __future__ import annotations

from tests.interleaving import contract
from tests.interleaving.sqlite_memory import SqliteInMemory


class Interleavings(SqliteInMemory, contract.InterleavingContract):
    pass
