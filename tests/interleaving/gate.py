"""Ports whose every call is a place where somebody else may act: the schedule of one run.

A `Schedule` counts the calls that the writer under test makes on its ports, and at one of them, before the
call or after its result, runs another writer to its end. Walking the place from the first call to the last
walks every way in which the other can fall between the awaits of the first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from twisted.internet.defer import Deferred

# Answer at once: they take or give what no other writer can see.
_AT_ONCE: Final = frozenset({"stage", "sink", "listen", "check_room"})


@dataclass(frozen=True, slots=True)
class Point:
    """One call of a port: the n-th of a run, and who made it."""

    number: int
    call: str  # port and method
    where: str  # file, line and function of the caller

    def __str__(self) -> str:
        return f"call {self.number} ({self.call}, {self.where})"


class Schedule:
    """`other` runs once, at call `at`, `after` its result or before it. `at` None: never."""

    patient = False  # a store that answers at once: who has not ended by now waits for the first writer

    def __init__(self, at: int | None = None, after: bool = False) -> None:
        self.at = at
        self.after = after
        self.other: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.running = False  # calls are counted
        self.count = 0
        self.point: Point | None = None  # where the other ran

    async def call(self, name: str, method: Callable[..., Any], args: Any, given: Any, frame: Any) -> Any:
        number = self.count
        self.count += 1
        here = number == self.at
        if here:
            self.point = Point(number, name, _place(frame))
            if not self.after:
                await self._let()
        try:
            return await method(*args, **given)
        finally:
            if here and self.after:
                await self._let()

    async def _let(self) -> None:
        other, self.other = self.other, None
        if other is not None:
            self.running = False  # what the other calls is not counted
            done = Deferred.fromCoroutine(other())
            if self.patient or done.called:
                await done
            self.running = True


class Gate:
    """A port seen through a schedule."""

    def __init__(self, name: str, port: Any, schedule: Schedule) -> None:
        self._name = name
        self._port = port
        self._schedule = schedule

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name in _AT_ONCE or not callable(method):
            return method
        schedule = self._schedule
        called = f"{self._name}.{name}"

        def gated(*args: Any, **given: Any) -> Any:
            if not schedule.running:
                return method(*args, **given)
            frame = sys._getframe(1)
            return Deferred.fromCoroutine(schedule.call(called, method, args, given, frame))

        self.__dict__[name] = gated
        return gated


def _place(frame: FrameType) -> str:
    code = frame.f_code
    path = Path(code.co_filename).parts
    start = path.index("mailsys") if "mailsys" in path else -2
    return f"{'/'.join(path[start:])}:{frame.f_lineno} {code.co_name}"
