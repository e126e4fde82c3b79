"""Looking by oneself now and then: events may be lost (`ports.events`), so nobody sleeps on them alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

LEAST: Final = 30.0  # seconds between two looks
MOST: Final = 60.0


class Looking:
    """Calls `look` again and again, LEAST to MOST seconds apart: by chance, so that the many who look do
    not all do so at once. `look` must not raise, and costs next to nothing when there is nothing new."""

    __slots__ = ("_clock", "_look", "_timer")

    def __init__(self, clock: IReactorTime, look: Callable[[], object]) -> None:
        self._clock = clock
        self._look = look
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(random.uniform(LEAST, MOST), self._fired)  # noqa: S311

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        self.start()
        self._look()
