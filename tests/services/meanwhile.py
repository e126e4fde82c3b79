"""What others do at the same time: at an await of somebody who works on what he has read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from mailsys.ports.events import Changed, Listener
from mailsys.ports.ids import AccountId

Work = Callable[[], Awaitable[Any]]


class Meanwhile:
    """A port as it is, but that before the next call of a method other work is done first: as if another
    process had come in between."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._waiting: dict[str, list[Work]] = {}
        self._always: dict[str, Work] = {}

    def before(self, method: str, work: Work) -> None:
        """Once; of several, one at each call."""
        self._waiting.setdefault(method, []).append(work)

    def always_before(self, method: str, work: Work) -> None:
        self._always[method] = work

    @property
    def left(self) -> list[str]:
        """Methods that were not called as often as was waited for."""
        return [name for name, waiting in self._waiting.items() if waiting]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        waiting = self._waiting.get(name)
        work = waiting.pop(0) if waiting else self._always.get(name)
        if work is None:
            return found

        async def first(*given: Any, **named: Any) -> Any:
            await work()
            return await found(*given, **named)

        return lambda *given, **named: Deferred.fromCoroutine(first(*given, **named))


class Deaf:
    """IEvents of which every one is lost."""

    def publish(self, changed: Changed) -> None:
        """Nobody hears it."""

    def subscribe(self, account: AccountId, listener: Listener) -> Callable[[], None]:
        return lambda: None
