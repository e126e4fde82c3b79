"""The contracts on what is kept in this process's memory."""

from __future__ import annotations

from twisted.internet.task import Clock

from mailsys.stores.memory.events import Events
from mailsys.stores.memory.limits import Limits
from tests.contracts import events, limits


class MemoryEvents(events.EventsContract):
    def make(self) -> Events:
        return Events()


class MemoryLimits(limits.LimitsContract):
    def make(self) -> Limits:
        self.clock = Clock()
        return Limits(self.clock, self.KEYS)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
