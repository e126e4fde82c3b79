"""Writing an answer in pieces, as fast as the client reads and no faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from mailsys.web.request import WebRequest


class ClientGone(Exception):
    """Nobody reads the answer any more."""


@implementer(IPushProducer)
class Flow:
    """Registers with the request; `close` before `finish`. `patience`: seconds without anything taken after
    which the client is cut off; None: it may take for ever."""

    def __init__(self, request: WebRequest, patience: float | None = None) -> None:
        self._request = request
        self._patience = patience
        self._timer: Any = None
        self._paused = False
        self._waiting: Deferred[None] | None = None
        self._over = False
        request.notifyFinish().addBoth(self._gone)
        request.registerProducer(self, True)

    @property
    def paused(self) -> bool:
        """What was written last has not left yet."""
        return self._paused

    @property
    def over(self) -> bool:
        return self._over

    def ready(self) -> Deferred[None]:
        """Fires when more may be written; fails with ClientGone."""
        if self._over:
            raise ClientGone
        if not self._paused:
            return succeed(None)
        if self._waiting is None:
            self._waiting = Deferred()
        return self._waiting

    def close(self) -> None:
        self._stop_timer()
        if not self._over:
            self._over = True
            self._request.unregisterProducer()

    def pauseProducing(self) -> None:  # noqa: N802
        self._paused = True
        if self._patience is not None and self._timer is None:
            self._timer = self._request.site.reactor.callLater(self._patience, self._lose_patience)

    def resumeProducing(self) -> None:  # noqa: N802
        self._paused = False
        self._stop_timer()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def stopProducing(self) -> None:  # noqa: N802
        pass  # the request hears of it in a moment, then we do: before, it would be finished as if whole

    def _gone(self, _: object) -> None:
        """The request is finished, or the client left."""
        self._stop_timer()
        self._over = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(ClientGone())

    def _lose_patience(self) -> None:
        self._timer = None
        self._request.channel.transport.abortConnection()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
