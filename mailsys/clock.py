"""Two clocks: one that tells how long, and one that tells when.

How long: the monotonic clock. Deadlines, waits, rates, and whatever is remembered for a while in memory go by
it, and so does each `callLater` once `time_by_monotonic_clock` was called. Nothing sets it.

When: the wall clock, Unix time. What is stored or shown goes by it. Operators, NTP and virtual machines set
it, forward and back; `SteadyClock` notices (docs/decisions/0017).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

STEP: Final = 2.0  # seconds between two looks that are no drift any more: somebody set the clock


def time_by_monotonic_clock(reactor: Any) -> None:
    """From here on `reactor.seconds()`, and with it `callLater`, go by the monotonic clock (Twisted takes
    Unix time: a clock that is set back by an hour holds up all timers for an hour). To be called once, before
    anything is scheduled; raises RuntimeError when something was. Harmless when it was called before."""
    if reactor.seconds is time.monotonic:
        return
    if reactor.getDelayedCalls():
        raise RuntimeError("something was scheduled by the wall clock already")
    reactor.seconds = time.monotonic


@implementer(IReactorTime)
class WallClock:
    """Unix time, and the timers of the monotonic clock: for services that stamp what they store."""

    def __init__(self, timers: IReactorTime, unix: Callable[[], float] = time.time) -> None:
        self._timers = timers
        self._unix = unix

    def seconds(self) -> float:
        return self._unix()

    def callLater(  # noqa: N802
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002
        *args: object,
        **kwargs: object,
    ) -> IDelayedCall:
        return self._timers.callLater(delay, callable, *args, **kwargs)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:  # noqa: N802
        calls: Sequence[IDelayedCall] = self._timers.getDelayedCalls()
        return calls


class SteadyClock:
    """Unix time that goes on evenly when the wall clock is set, until it is told to follow.

    wall, monotonic: the two clocks, in seconds. Corrections of less than STEP between two looks (NTP's
    slewing) are followed at once.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def seconds(self) -> float:
        return self._monotonic() + self._offset

    def step(self) -> float:
        """By how many seconds the wall clock was set and not followed yet; negative: back; 0.0: it was not.
        A machine that slept looks like one whose clock was set forward."""
        step = self._wall() - self.seconds()
        if abs(step) >= STEP:
            return step
        self._offset += step
        return 0.0

    def follow(self) -> None:
        """Take the wall clock's word for it."""
        self._offset = self._wall() - self._monotonic()
