"""Bringing snoozed mail back when its time has come.

What waits is in the store, so a restart loses nothing: what fell due meanwhile comes back at the start.
The timer is set for the next one that is due, by the clock of the times themselves; it is looked at again
every LOOK seconds all the same, since another process may have snoozed something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailsys.log import Log
from mailsys.ports.emails import Woken
from mailsys.ports.mail import IMailStore

_log = Log("snoozing")

AT_ONCE: Final = 100  # emails in one commit: others' commits come in between
LOOK: Final = 60.0  # seconds without a look, at most
_SOONEST: Final = 0.01  # seconds until what is due is looked for


class Waker:
    """clock: what timers are set by; now: Unix time."""

    def __init__(self, mail: IMailStore, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._mail = mail
        self._clock = clock
        self._now = now
        self._timer: IDelayedCall | None = None
        self._work: Deferred[None] | None = None
        self._again = False
        self._running = False

    def start(self) -> None:
        self._running = True
        self.look()

    def stop(self) -> Deferred[None]:
        """Fires when the commit under way, if any, is made."""
        self._running = False
        self._stop_timer()
        return self.busy or succeed(None)

    @property
    def busy(self) -> Deferred[None] | None:
        """Fires when what is under way is done; None: nothing is."""
        if self._work is None:
            return None
        done: Deferred[None] = Deferred()
        self._work.addBoth(lambda _: done.callback(None))
        return done

    def look(self) -> None:
        """Something was snoozed, or is due. Cheap to call often."""
        if not self._running:
            return
        self._stop_timer()
        if self._work is not None:
            self._again = True
            return
        self._work = Deferred()
        Deferred.fromCoroutine(self._wake()).addErrback(self._failed).addBoth(self._finish)

    def _finish(self, _: Any) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.callback(None)

    def _failed(self, failure: Any) -> None:
        _log.error("waking-failed", failure.value)
        self._set_timer(LOOK)

    async def _wake(self) -> None:
        woken = await self._once()
        while self._running and (woken.more or self._again):
            self._again = False
            woken = await self._once()
        due = woken.next_due
        self._set_timer(LOOK if due is None else min(LOOK, max(due - self._now(), _SOONEST)))

    async def _once(self) -> Woken:
        woken: Woken = await self._mail.wake(self._now(), AT_ONCE)
        if woken.emails:
            _log.info("woken", emails=woken.emails)
        return woken

    def _set_timer(self, delay: float) -> None:
        if self._running:
            self._stop_timer()
            self._timer = self._clock.callLater(delay, self._fired)

    def _fired(self) -> None:
        self._timer = None
        self.look()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
