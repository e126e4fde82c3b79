"""When a webhook tells: one thing at a time, woken by changes, and again after a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from mailsys.log import Log
from mailsys.ports.events import Changed
from mailsys.ports.ids import AccountId

log = Log("webhooks")


class Runner:
    """Of one webhook. tell: tells what there is to tell; answers with the seconds after which to come again,
    None: when something changes. working: those that are telling, removed ones among them. forget: called
    once this one is of no use."""

    def __init__(
        self,
        account: AccountId,
        ident: str,
        tell: Callable[[Runner], Awaitable[float | None]],
        working: set[Runner],
        forget: Callable[[Runner], None],
        clock: Any,
    ) -> None:
        self._tell = tell
        self._all_working = working
        self._forget = forget
        self.account = account
        self.ident = ident
        self.of_use = True  # False: the webhook was changed or removed, and what comes of this one is dropped
        self._clock = clock
        self._working = False
        self._waiting: list[Deferred[None]] = []
        self._again = False
        self._looked = 0  # the account's modseq at the last look
        self.ended = False
        self._timer: Any = None
        self.unsubscribe: Callable[[], None] = lambda: None

    def changed(self, changed: Changed) -> None:
        # Not when only objects were written, ours among them; and after a failure what changed is told
        # with the next try.
        if (changed.mailboxes or changed.arrived) and self._timer is None:
            self.wake()

    def look(self, modseq: int) -> None:
        """The account is at `modseq`: wake if it was at another at the last look."""
        looked, self._looked = self._looked, modseq
        if looked != modseq and self._timer is None:
            self.wake()

    def wake(self) -> None:
        if self._timer is not None:
            if self._timer.active():
                self._timer.cancel()
            self._timer = None
        if self._working:
            self._again = True
        elif not self.ended:
            self._working = True  # before it begins: it may be over at once
            self._all_working.add(self)
            Deferred.fromCoroutine(self._work())

    def busy(self) -> Deferred[None] | None:
        """Fires when what is being done is done; None: nothing is."""
        if not self._working:
            return None
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def drop(self) -> None:
        """There is nothing to tell any more, or somebody else tells it."""
        self.of_use = False
        self.end()
        self._forget(self)

    def end(self) -> None:
        self.ended = True
        self.unsubscribe()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    async def _work(self) -> None:
        again: float | None = None
        try:
            again = await self._tell(self)
        except Exception as error:
            log.error("webhook not told", error, account=self.account, id=self.ident)
            again = 60.0
        self._working = False
        self._all_working.discard(self)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
        if self.ended:
            return
        once_more, self._again = self._again, False
        if again is not None and again > 0:
            self._timer = self._clock.callLater(again, self._due)
        elif again is not None or once_more:
            self._timer = self._clock.callLater(0, self._due)

    def _due(self) -> None:
        self._timer = None
        self.wake()
