"""Readers: a few threads with a read-only connection each. In memory: the writer's connection, at once.

A read that starts after a write's Deferred fired sees that write (WAL: a statement reads the last commit).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from mailsys.core.refusal import ShuttingDown, TemporaryFailure
from mailsys.log import Log
from mailsys.stores.sqlite.failures import failure

log = Log("store")
T = TypeVar("T")


class Readers:
    def __init__(self, reactor: Any, connect: Callable[[], apsw.Connection], threads: int) -> None:
        """`threads` 0: `connect()` gives a connection that is used on the caller's thread."""
        self._reactor = reactor
        self._queue: SimpleQueue[tuple[Callable[[apsw.Connection], Any], Deferred[Any]] | None] = (
            SimpleQueue()
        )
        self._closed = False
        self._own = connect() if threads == 0 else None
        self._threads = [
            threading.Thread(target=self._loop, args=(connect(),), name=f"store-reader-{n}", daemon=True)
            for n in range(threads)
        ]
        self._running = threads
        self._finished: Deferred[None] = Deferred()
        for thread in self._threads:
            thread.start()

    def run(self, read: Callable[[apsw.Connection], T]) -> Deferred[T]:
        """Fires with `read(connection)`. Keep it short: long scans come in chunks (search.py)."""
        if self._closed:
            return fail(ShuttingDown(cause="the store is closed"))
        done: Deferred[T] = Deferred()
        if self._own is not None:
            self._answer(done, self._result(read, self._own))
        else:
            self._queue.put((read, done))
        return done

    def close(self) -> Deferred[None]:
        """Fires when what was asked has been answered."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._queue.put(None)
            if not self._threads:
                self._finished.callback(None)
        return self._finished

    def _loop(self, connection: apsw.Connection) -> None:
        while True:
            work = self._queue.get()
            if work is None:
                break
            read, done = work
            self._reactor.callFromThread(self._answer, done, self._result(read, connection))
        connection.close()
        self._reactor.callFromThread(self._ended)

    def _ended(self) -> None:
        self._running -= 1
        if self._running == 0:
            self._finished.callback(None)

    def _result(self, read: Callable[[apsw.Connection], T], connection: apsw.Connection) -> T | Failure:
        try:
            return read(connection)
        except (apsw.Error, OSError) as error:
            log.error("read failed", failure=error)
            return failure(TemporaryFailure(cause=f"{type(error).__name__}: {error}"))
        except Exception as error:
            return failure(error)

    def _answer(self, done: Deferred[Any], result: Any) -> None:
        done.callback(result)
