"""Learning what people taught, after they did, and without anybody waiting for it.

Lessons wait in the store (`ports.learning`): one that a crash cuts off is there at the next start, and of two
processes that take up the same one commit holds. Looked for every few seconds, since any process may have
been the one that moved the mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailsys.core.refusal import ContentLost
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.learning import ILearningStore, Lesson, Taught
from mailsys.services.content.reading import Offload
from mailsys.services.learning.content_filter import LOOKED_AT, taken_apart

_log = Log("learning")

LOOK: Final = 5.0  # seconds between looks
AT_ONCE: Final = 4  # messages in one commit: it takes some milliseconds each, and others' commits wait


class Learner:
    """clock: what timers are set by. shared: what an account teaches counts for all of them as well."""

    def __init__(
        self,
        learning: ILearningStore,
        blobs: IBlobStore,
        offload: Offload,
        clock: IReactorTime,
        shared: bool = True,
    ) -> None:
        self._learning = learning
        self._blobs = blobs
        self._offload = offload
        self._clock = clock
        self._shared = shared
        self._timer: IDelayedCall | None = None
        self._work: Deferred[None] | None = None
        self._running = False

    def start(self) -> None:
        self._running = True
        self._look()

    def stop(self) -> Deferred[None]:
        """Fires when the commit under way, if any, is made."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self.busy or succeed(None)

    @property
    def busy(self) -> Deferred[None] | None:
        """Fires when what is under way is done; None: nothing is."""
        if self._work is None:
            return None
        done: Deferred[None] = Deferred()
        self._work.addBoth(lambda _: done.callback(None))
        return done

    def _look(self) -> None:
        self._timer = None
        self._work = Deferred()
        Deferred.fromCoroutine(self._learn_all()).addErrback(self._failed).addBoth(self._finish)

    def _failed(self, failure: Any) -> None:
        _log.error("learning-failed", failure.value)

    def _finish(self, _: object) -> None:
        work, self._work = self._work, None
        if self._running:
            self._timer = self._clock.callLater(LOOK, self._look)
        if work is not None:
            work.callback(None)

    async def _learn_all(self) -> None:
        learned = 0
        while self._running:
            lessons: list[Lesson] = await self._learning.lessons(AT_ONCE)
            if not lessons:
                break
            learned += await self._learning.learn([await self._taught(lesson) for lesson in lessons])
        if learned:
            _log.info("learned", messages=learned)

    async def _taught(self, lesson: Lesson) -> Taught:
        try:
            content: bytes | None = await self._blobs.read(lesson.blob, 0, LOOKED_AT)
        except ContentLost:
            content = None
        if content is None:  # the lesson is ended all the same
            return Taught(lesson.account, lesson.blob, None, (), lesson.number)
        keys = await self._offload(lambda: _keys(content))
        return Taught(lesson.account, lesson.blob, lesson.spam, keys, lesson.number, self._shared)


def _keys(content: bytes) -> Sequence[int]:
    return [each for _, each in taken_apart(content)]
