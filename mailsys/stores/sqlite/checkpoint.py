"""When the write-ahead log is copied back into the file.

By the writer between commits, so never inside somebody's commit: when nobody waits and there is
something worth copying, or when the log has grown large. A passive checkpoint waits for nobody.
"""

from __future__ import annotations

from typing import Final

import apsw

_IDLE_PAGES: Final = 500  # 4 MB
_BUSY_PAGES: Final = 8_000  # 64 MB


class Checkpoint:
    def __init__(self, connection: apsw.Connection) -> None:
        self._pages = 0
        connection.set_wal_hook(self._committed)

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def between_commits(self, connection: apsw.Connection, idle: bool) -> None:
        if self._pages >= (_IDLE_PAGES if idle else _BUSY_PAGES):
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._pages = 0
