"""The deadlines of many connections on one timer.

A deadline may be pushed back by assigning to it: nothing is rescheduled until the wheel looks at
the connection again, so activity costs an assignment and ten thousand idle sessions cost nothing.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Mortal(Protocol):
    deadline: float  # seconds of the clock; float("inf"): never

    def expire(self) -> None:
        """The deadline passed. The wheel has forgotten it already; `add` again to go on."""


class Wheel:
    """Expires what is due, up to `tick` seconds late."""

    def __init__(self, clock: IReactorTime, tick: float = 5.0) -> None:
        self._clock = clock
        self._tick = tick
        self._buckets: dict[int, set[Mortal]] = {}
        self._timer: IDelayedCall | None = None

    def add(self, one: Mortal) -> None:
        """Watch it. Whoever leaves calls `remove`."""
        at = self._bucket(one.deadline)
        self._buckets.setdefault(at, set()).add(one)
        if self._timer is None:
            self._timer = self._clock.callLater(self._tick, self._turn)

    def bring_forward(self, one: Mortal, deadline: float) -> None:
        """Make it due earlier than it was, which an assignment does not do."""
        self.remove(one)
        one.deadline = deadline
        self.add(one)

    def remove(self, one: Mortal) -> None:
        for at, bucket in self._buckets.items():  # few: a bucket spans many seconds
            if one in bucket:
                bucket.remove(one)
                if not bucket:
                    del self._buckets[at]
                return

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._buckets.clear()

    def _bucket(self, deadline: float) -> int:
        """Seconds are binned by 60; the nearest minute is looked at on every tick."""
        horizon = self._clock.seconds() + 3600.0
        return int(min(deadline, horizon) // 60)

    def _turn(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        due = [at for at in self._buckets if at * 60 <= now]
        for at in due:
            bucket = self._buckets.pop(at)
            for one in bucket:
                if one.deadline <= now:
                    one.expire()
                else:
                    self._buckets.setdefault(max(self._bucket(one.deadline), int(now // 60)), set()).add(one)
        if self._buckets and self._timer is None:  # who expired may have come back meanwhile
            self._timer = self._clock.callLater(self._tick, self._turn)
