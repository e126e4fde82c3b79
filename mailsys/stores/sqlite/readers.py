"""Readers: a few threads with a read-only connection each. In memory: the writer's connection, at once.

A read that starts after a write's Deferred fired sees that write (WAL: a statement reads the last commit).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from mailsys.core.refusal import ShuttingDown
from mailsys.log import Log
from mailsys.stores.sqlite.failures import failure, refusal_of

log = Log("store")
T = TypeVar("T")


@contextmanager
def one_state(connection: apsw.Connection) -> Iterator[None]:
    """Statements inside read one state of the store."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


class _Guard:
    """Interrupts one read that takes too long. Its time begins when a reader takes it up."""

    def __init__(self, reactor: Any, longest: float) -> None:
        self._reactor = reactor
        self._longest = longest
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None  # while it reads
        self._begun = 0.0
        self._call = reactor.callLater(longest, self._look)

    def around(self, read: Callable[[apsw.Connection], T]) -> Callable[[apsw.Connection], T]:
        def guarded(connection: apsw.Connection) -> T:
            with self._lock:
                self._connection = connection
                self._begun = time.monotonic()
            try:
                return read(connection)
            finally:
                with self._lock:
                    self._connection = None

        return guarded

    def _look(self) -> None:
        with self._lock:
            if self._connection is not None and time.monotonic() - self._begun >= self._longest:
                self._connection.interrupt()
        # It may still wait, or be between two statements.
        self._call = self._reactor.callLater(max(0.05, self._longest / 10), self._look)

    def over(self, result: T) -> T:
        if self._call.active():
            self._call.cancel()
        return result


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

    def run(self, read: Callable[[apsw.Connection], T], longest: float = 0.0) -> Deferred[T]:
        """Fires with `read(connection)`. Keep it short: long scans come in chunks (search.py), or give
        the seconds after which it is interrupted and fails with TemporaryFailure."""
        if self._closed:
            return fail(ShuttingDown(cause="the store is closed"))
        done: Deferred[T] = Deferred()
        if longest and self._own is None:
            guard = _Guard(self._reactor, longest)
            read = guard.around(read)
            done.addBoth(guard.over)
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
            return failure(refusal_of(error))
        except Exception as error:
            return failure(error)

    def _answer(self, done: Deferred[Any], result: Any) -> None:
        done.callback(result)
