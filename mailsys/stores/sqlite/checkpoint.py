"""When the write-ahead log is copied back into the file.

SQLite would do it inside whichever commit passes a bound, and that commit (and all behind it) would
wait some 40 ms. Here a thread with its own connection copies and syncs the bulk while commits go on;
the writer then copies the little that was added meanwhile, between two commits, which lets SQLite
start the log from its beginning again. Passive checkpoints wait for nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import apsw

from mailsys.log import Log

log = Log("store")

_IDLE_PAGES: Final = 500  # 4 MB: worth it when nobody waits
_BUSY_PAGES: Final = 4_000  # 32 MB
_TOO_MANY: Final = 64_000  # 512 MB: the disk cannot keep up, the writer must do it all


class Checkpoint:
    def __init__(self, writing: apsw.Connection, connect: Callable[[], apsw.Connection]) -> None:
        self._pages = 0  # in the log, as of the last commit
        self._wanted = threading.Semaphore(0)
        self._running = False
        self._done = False
        self._closing = False
        self._connection = connect()
        self._thread = threading.Thread(target=self._loop, name="store-checkpoint", daemon=True)
        writing.set_wal_hook(self._committed)
        self._thread.start()

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def between_commits(self, writing: apsw.Connection, idle: bool) -> None:
        """Called by the writer's thread outside of any transaction."""
        if self._done or self._pages >= _TOO_MANY:
            self._done = False
            writing.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._pages = 0
        elif not self._running and self._pages >= (_IDLE_PAGES if idle else _BUSY_PAGES):
            self._running = True
            self._wanted.release()

    def close(self) -> None:
        """Called by the writer's thread when it has ended its last transaction."""
        self._closing = True
        self._wanted.release()
        self._thread.join()

    def _loop(self) -> None:
        while True:
            self._wanted.acquire()
            if self._closing:
                break
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                self._done = True
            except apsw.Error as error:
                # The log keeps everything; the next attempt copies it.
                log.error("checkpoint failed", failure=error)
            self._running = False
        self._connection.close()
