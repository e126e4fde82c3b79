"""What all connections of one web port share: bounds, headers, the access log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource
from twisted.web.server import Site

from mailsys import metrics
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.room import Room
from mailsys.settings import Limits, Web
from mailsys.web.callers import Callers
from mailsys.web.channel import Channel
from mailsys.web.origin import Origins
from mailsys.web.request import BodyRule, WebRequest

log = Log("web")

_STOP: Final = 20.0  # seconds that answers under way may take when the server stops
_HEALTH: Final = (b"/health/", b"/healthz", b"/readyz")

# On every answer; routes that show something in a browser replace them.
_HEADERS: Final = (
    (b"X-Content-Type-Options", [b"nosniff"]),
    (b"Content-Security-Policy", [b"default-src 'none'; frame-ancestors 'none'"]),
    (b"Referrer-Policy", [b"no-referrer"]),
    (b"Cross-Origin-Resource-Policy", [b"same-origin"]),
    (b"X-Frame-Options", [b"DENY"]),
    (b"Cache-Control", [b"no-store"]),
)
_HSTS: Final = [b"max-age=31536000; includeSubDomains"]
_PREFLIGHT: Final = (
    (b"Access-Control-Allow-Methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"Access-Control-Allow-Headers",
        b"Authorization, Content-Type, If-None-Match, Last-Event-ID, X-CSRF-Token",
    ),
    (b"Access-Control-Max-Age", b"600"),
)
_EXPOSED: Final = b"ETag, Location, Retry-After, Content-Disposition, Content-Range"

Admit = Callable[[WebRequest], Awaitable[Callable[[], None] | None]]


class WebSite(Site):
    """`body_rule(method, path)` says what a route takes; `admit(request)` is awaited before a large body
    is read, raises what refuses it, and answers with what to call when the request is over."""

    noisy = False
    resource: IResource
    reactor: Any

    def __init__(
        self,
        resource: IResource,
        *,
        callers: Callers,
        blobs: IBlobStore,
        origin: Origins,
        settings: Web,
        limits: Limits,
        body_rule: Callable[[bytes, bytes], BodyRule],
        admit: Admit,
        reactor: Any,
    ) -> None:
        super().__init__(
            resource,
            requestFactory=WebRequest,
            parsePOSTFormSubmission=False,
            timeout=settings.idle,
            reactor=reactor,
        )
        self.callers = callers
        self.blobs = blobs
        self.origin = origin
        self.settings = settings
        self.body_rule = body_rule
        self.admit = admit
        self.room: Room[Channel] = Room(
            "web",
            reactor,
            most=limits.connections,
            each=limits.connections_per_address,
            grace=_STOP,
        )
        self._date = (0, b"")

    # Site keeps a log file and a clock for it; our log needs neither.
    def startFactory(self) -> None:  # noqa: N802
        pass

    def stopFactory(self) -> None:  # noqa: N802
        pass

    def buildProtocol(self, address: IAddress | None) -> Channel:  # type: ignore[override] # noqa: N802
        channel = Channel()
        channel.factory = channel.site = self
        channel.room = self.room
        channel.requestFactory = WebRequest
        channel.callLater = self.reactor.callLater  # type: ignore[method-assign]
        channel.timeOut = self.timeOut  # type: ignore[assignment] # fractions are fine
        return channel

    @property
    def connections(self) -> int:
        return len(self.room)

    def stop(self) -> Deferred[None]:
        """Close what is at rest, let answers under way end within 20 s. Fires once all are gone. Streams
        have been closed before, by their own keeper."""
        return self.room.stop()

    # -- each request ------------------------------------------------------------------------------------

    def dress(self, request: WebRequest) -> None:
        """The headers that every answer has."""
        headers = request.responseHeaders
        for name, value in _HEADERS:
            headers.setRawHeaders(name, value)
        now = int(self.reactor.seconds())
        if now != self._date[0]:
            self._date = (now, cast("bytes", datetimeToString()))
        headers.setRawHeaders(b"Date", [self._date[1]])
        if request.is_https:
            headers.setRawHeaders(b"Strict-Transport-Security", _HSTS)
        allowed = self.origin.allowed_origin(request)
        if allowed is not None:
            headers.setRawHeaders(b"Access-Control-Allow-Origin", [allowed])
            headers.setRawHeaders(b"Access-Control-Allow-Credentials", [b"true"])
            headers.setRawHeaders(b"Access-Control-Expose-Headers", [_EXPOSED])
            headers.setRawHeaders(b"Cross-Origin-Resource-Policy", [b"cross-origin"])
        if self.settings.allowed_origins:
            headers.addRawHeader(b"Vary", b"Origin")

    def check(self, request: WebRequest) -> None:
        """Raises WebProblem for what no route should see."""
        if request.path.startswith(_HEALTH):
            return  # asked for by address, by whatever watches over us
        self.origin.check_host(request)
        self.origin.check_origin(request)

    def answers_preflight(self, request: WebRequest) -> bool:
        """CORS: whether another site's script may send what it wants to (Fetch §3.2.2)."""
        if request.method != b"OPTIONS" or request.getHeader(b"access-control-request-method") is None:
            return False
        if self.origin.allowed_origin(request) is not None:
            for name, value in _PREFLIGHT:
                request.setHeader(name, value)
        request.setResponseCode(204)
        request.finish()
        return True

    def log(self, request: WebRequest) -> None:  # type: ignore[override]
        """The access log: one line a request."""
        took = self.reactor.seconds() - request.began
        metrics.web_request(request.code, took)
        log.info(
            "request",
            method=request.method,
            path=request.path[:200],
            status=request.code,
            size=request.sentLength,
            ms=round(took * 1000, 1),
            peer=request.address,
            account=None if request.caller is None else request.caller.account.id,
        )
