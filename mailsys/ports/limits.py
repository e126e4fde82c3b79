"""Counters that bound how much anybody may do. All of them may be lost at any moment."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface


class ILimits(Interface):
    def hit(key: str, window: float, cost: int = 1) -> Deferred[int]:
        """Add `cost` to a counter that forgets within `window` seconds (fixed windows from the first
        hit); fires with its value. Bounded: the coldest keys are forgotten first."""

    def peek(key: str) -> Deferred[int]: ...

    def clear(key: str) -> Deferred[None]: ...
