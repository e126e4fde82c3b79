"""EventSource push (RFC 8620 §7.3)."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred

from mailsys import metrics
from mailsys.core.refusal import ShuttingDown
from mailsys.services.notifying.push import Feed, Follower, Moved
from mailsys.web.admission import Admission
from mailsys.web.app import Routes
from mailsys.web.flow import Flow
from mailsys.web.problems import WebProblem
from mailsys.web.request import WebRequest
from mailsys.web.streams import Streams

# RFC 8620 §7.3: a server's minimum is at most 30 s, its maximum at least 300 s.
_PING_LEAST: Final = 1
_PING_MOST: Final = 3600
_TYPES_MOST: Final = 100


class EventStreamRoutes:
    def __init__(self, feed: Feed, streams: Streams, admission: Admission, clock: Any) -> None:
        self._feed = feed
        self._streams = streams
        self._admission = admission
        self._clock = clock

    def mount(self, routes: Routes) -> None:
        routes.add("/jmap/eventsource/", self.stream, "GET")

    async def stream(self, request: WebRequest) -> None:
        caller = await self._admission.reader(request)
        types = types_of(request.argument(b"types"))
        close_after = request.argument(b"closeafter") or "no"
        if close_after not in ("state", "no"):
            raise WebProblem(400, 'closeafter must be "state" or "no".')
        ping = ping_of(request.argument(b"ping"))
        account = caller.account.id
        stream = EventStream(request, types, close_after == "state", ping, self._clock)
        try:
            leave = self._streams.enter(caller, stream.close)
        except ShuttingDown:
            # A browser never comes back after an answer that is not 200, but does when there is none
            # (HTML, "Server-sent events": fail the connection, reestablish the connection).
            request.channel.transport.abortConnection()
            return
        metrics.web_streams.inc()
        try:
            since = (request.getHeader(b"last-event-id") or b"").decode("ascii", "replace").strip()
            follower = await self._feed.follow(account, stream.tell, since or None)
            try:
                stream.open(follower)
                await stream.over
            finally:
                follower.stop()
        finally:
            metrics.web_streams.dec()
            leave()


def types_of(text: str | None) -> frozenset[str] | None:
    """The types asked for; None: all ("*")."""
    if text is None or not text:
        raise WebProblem(400, 'types must be "*" or a list of type names.')
    if text == "*":
        return None
    names = text.split(",")
    if len(names) > _TYPES_MOST:
        raise WebProblem(400, f"At most {_TYPES_MOST} types.")
    return frozenset(names)


def ping_of(text: str | None) -> int:
    """Seconds between pings; 0: none."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise WebProblem(400, "ping must be a whole number of seconds.")
    seconds = int(text[:10])
    return min(max(seconds, _PING_LEAST), _PING_MOST) if seconds else 0


class EventStream:
    """One open stream. What a slow reader has not taken is merged into one event."""

    def __init__(
        self,
        request: WebRequest,
        types: frozenset[str] | None,
        close_after_state: bool,
        ping: int,
        clock: Any,
    ) -> None:
        self.over: Deferred[None] = Deferred()  # fires when the stream ended, whoever ended it
        self._request = request
        self._types = types
        self._close_after_state = close_after_state
        self._ping = ping
        self._clock = clock
        self._flow: _Flow | None = None
        self._pending: Moved | None = None
        self._timer: Any = None

    def open(self, follower: Follower) -> None:
        request = self._request
        if request._disconnected:
            self.end()
            return
        if self.over.called:
            request.finish()  # closed before it began
            return
        request.setHeader(b"Content-Type", b"text/event-stream; charset=utf-8")
        request.setHeader(b"X-Accel-Buffering", b"no")
        request.channel.transport.setTcpKeepAlive(1)
        if request.method == b"HEAD":
            self.close()
            return
        request.notifyFinish().addBoth(lambda _: self.end())
        self._flow = _Flow(request, self._flush)
        request.write(b"retry: 3000\n\n")  # the headers leave now: what changes from here on is told
        self._rest()
        self._flush()

    def tell(self, moved: Moved) -> None:
        self._pending = moved if self._pending is None else self._pending.and_then(moved)
        if self._flow is not None:
            self._flush()

    def _flush(self) -> None:
        pending, flow = self._pending, self._flow
        if pending is None or flow is None or flow.paused or self.over.called:
            return
        self._pending = None
        data = pending.encode(self._types, False)
        if data is None:
            return
        metrics.state_changes.inc()
        self._request.write(b"event: state\nid: %b\ndata: %b\n\n" % (pending.position.encode(), data))
        if self._close_after_state:
            self.close()
        else:
            self._rest()

    def _rest(self) -> None:
        """The time until the next ping begins anew with each event."""
        if not self._ping:
            return
        if self._timer is not None and self._timer.active():
            self._timer.reset(self._ping)
        else:
            self._timer = self._clock.callLater(self._ping, self._send_ping)

    def _send_ping(self) -> None:
        if self._flow is not None and not self._flow.paused:
            self._request.write(b'event: ping\ndata: {"interval":%d}\n\n' % self._ping)
        self._rest()

    def close(self, _code: int = 0, _reason: str = "") -> None:
        """The server ends the stream."""
        if self.over.called:
            return
        request, flow = self._request, self._flow
        if flow is not None and not request._disconnected:
            flow.close()
            request.finish()  # which ends it, through notifyFinish
        elif request.method == b"HEAD" and not request._disconnected:
            request.finish()
        self.end()

    def end(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self.over.called:
            self.over.callback(None)


class _Flow(Flow):
    def __init__(self, request: WebRequest, resumed: Any) -> None:
        self._resumed = resumed
        super().__init__(request)

    def resumeProducing(self) -> None:  # noqa: N802
        super().resumeProducing()
        self._resumed()
