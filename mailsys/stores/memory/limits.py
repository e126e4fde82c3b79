"""ILimits within one process."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailsys.ports.limits import ILimits

_KEYS: Final = 100_000


class Clock(Protocol):
    def seconds(self) -> float: ...


@implementer(ILimits)
class Limits:
    """Counters in fixed windows, the most recently hit last; the coldest go when there are too many.

    `clock` is the reactor or a `twisted.internet.task.Clock`.
    """

    def __init__(self, clock: Clock, keys: int = _KEYS) -> None:
        self._clock = clock
        self._keys = keys
        self._counters: OrderedDict[str, tuple[float, int]] = OrderedDict()  # end of window, value

    def hit(self, key: str, window: float, cost: int = 1) -> Deferred[int]:
        value = self._value(key)
        if value is None:
            end, count = self._clock.seconds() + window, cost
        else:
            end, count = self._counters[key][0], value + cost
        self._counters[key] = (end, count)
        self._counters.move_to_end(key)
        if len(self._counters) > self._keys:
            self._counters.popitem(last=False)
        return succeed(count)

    def _value(self, key: str) -> int | None:
        found = self._counters.get(key)
        if found is None:
            return None
        if self._clock.seconds() >= found[0]:
            del self._counters[key]
            return None
        return found[1]

    def peek(self, key: str) -> Deferred[int]:
        return succeed(self._value(key) or 0)

    def clear(self, key: str) -> Deferred[None]:
        self._counters.pop(key, None)
        return succeed(None)
