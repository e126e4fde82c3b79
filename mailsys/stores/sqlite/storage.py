"""IStorage on SQLite."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from mailsys.core.refusal import InsufficientStorage, TemporaryFailure
from mailsys.ports.storage import Checked, IStorage, Progress
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.checking import Check, Place
from mailsys.stores.sqlite.failures import failure
from mailsys.stores.sqlite.writer import Writer

_HOLDS: Final = 10.0  # seconds that a write which succeeded speaks for the disk


@implementer(IStorage)
class Storage:
    """`place` is looked up when a check begins."""

    def __init__(
        self, writer: Writer, reactor: Any, check_room: Callable[[int], None], place: Callable[[], Place]
    ) -> None:
        self._writer = writer
        self._reactor = reactor
        self._check_room = check_room
        self._place = place
        self._written = float("-inf")
        self._checks: list[threading.Thread] = []
        self._closing = threading.Event()

    def ready(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._ready())

    async def _ready(self) -> None:
        self._check_room(0)
        if time.monotonic() - self._written < _HOLDS:
            return
        try:
            await self._writer.submit(_write)
        except InsufficientStorage:
            raise
        except TemporaryFailure as problem:
            raise TemporaryFailure("The store cannot write", cause=problem.cause) from problem
        self._written = time.monotonic()

    def check(self, tell: Callable[[Progress], bool]) -> Deferred[Checked]:
        place = self._place()
        if place.connection is not None:  # in memory: here and now
            return maybeDeferred(Check(place, tell, True).run)
        done: Deferred[Checked] = Deferred()
        stopped = threading.Event()

        def told(progress: Progress) -> None:
            if not tell(progress):
                stopped.set()

        def hand_over(progress: Progress) -> bool:
            self._reactor.callFromThread(told, progress)
            return not (stopped.is_set() or self._closing.is_set())

        def work() -> None:
            result: Any
            try:
                result = Check(place, hand_over, False).run()
            except Exception as error:
                result = failure(error)
            self._reactor.callFromThread(done.callback, result)

        thread = threading.Thread(target=work, name="store-check", daemon=True)
        self._checks = [each for each in self._checks if each.is_alive()] + [thread]
        thread.start()
        return done

    def close(self) -> None:
        """End checks that are under way; waits for less than a second."""
        self._closing.set()
        for thread in self._checks:
            thread.join(2.0)


def _write(batch: Batch) -> None:
    batch.set_counter("ready", int(time.time()))
