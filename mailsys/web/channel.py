"""One HTTP/1.1 connection: Twisted's channel, with bounds on time and number, able to wait."""

from __future__ import annotations

import re
from typing import Any, Final

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from mailsys import metrics
from mailsys.core.network import customer_of
from mailsys.core.refusal import Refusal, ShuttingDown
from mailsys.room import Room
from mailsys.web.origin import Origins
from mailsys.web.problems import WebProblem, encode

_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_LARGEST_HEADER: Final = 32 * 1024
_CLOSED_WITHIN: Final = 120.0  # seconds that a client may take for the rest of the last answer
_STOPPED_WITHIN: Final = 1.0  # seconds for the same without an answer, when the server stops


class Channel(HTTPChannel):
    """`hold` stops reading and parsing until `release`: nothing of a body goes on meanwhile."""

    totalHeadersSize = _LARGEST_HEADER  # noqa: N815
    maxHeaders = 200  # noqa: N815
    transport: Any
    site: Any  # Twisted asks it for more than Site says
    factory: Any
    room: Room[Channel]
    peer_address = ""
    _held = False

    def connectionMade(self) -> None:  # noqa: N802
        super().connectionMade()
        self.peer_address = Origins.plain(self.transport.getPeer())
        try:
            self.room.enter(self, customer_of(self.peer_address))
        except ShuttingDown:
            self.transport.abortConnection()  # as it will be in a moment, when nobody listens
        except Refusal as refusal:
            self.say(WebProblem(refusal.http, refusal.text, headers=[(b"Retry-After", b"60")]))
        else:
            metrics.web_connections.inc()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override] # noqa: N802
        super().connectionLost(reason)
        self.count_out()

    def count_out(self) -> None:
        """The connection is gone (a WebSocket calls this for the channel that it took it from)."""
        if self in self.room:
            self.room.leave(self)
            metrics.web_connections.dec()

    @property
    def at_rest(self) -> bool:
        """No request is under way."""
        return not self.requests

    # -- reading -----------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        # Header lines do not move the timeout: a request that comes in drops must be complete within it.
        if not self.line_mode:
            self.resetTimeout()
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        super(HTTPChannel, self).dataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        self.say(WebProblem(431, "A line of the header is too long."))

    def allHeadersReceived(self) -> None:  # noqa: N802
        # As Twisted's, but "100 Continue" is the request's to send, once it wants the body.
        self.resetTimeout()
        request = self.requests[-1]
        whole = _ABSOLUTE.match(self._path)
        if whole is not None:  # RFC 9112 §3.2.2: then it, and not the Host field, says to whom
            request.requestHeaders.setRawHeaders(b"Host", [whole[1]])
            rest = self._path[whole.end() :]
            self._path = rest if rest.startswith(b"/") else b"/" + rest
        request.parseCookies()
        self.persistent = self.checkPersistence(request, self._version)
        request.gotLength(self.length)

    def what_was_asked(self) -> tuple[bytes, bytes, bytes]:
        """Method, target and version of the request whose headers just came in."""
        return self._command, self._path, self._version

    def hold(self) -> None:
        self._held = True
        self.paused = True
        self._networkProducer.pauseProducing()
        self.setTimeout(None)  # it is us who keep it waiting

    def release(self) -> None:
        if not self._held:
            return
        self._held = self.paused = False
        if not self._handlingRequest:
            self.setTimeout(self.site.timeOut)
        if not self._waitingForTransport:
            self._networkProducer.resumeProducing()
        self._receive(b"")

    def resumeProducing(self) -> None:  # noqa: N802
        if not self._held:
            super().resumeProducing()
            return
        self._waitingForTransport = False
        if self._requestProducer is not None:
            self._requestProducer.resumeProducing()

    def requestDone(self, request: Any) -> None:  # noqa: N802
        super().requestDone(request)
        if self.persistent and not self.requests and self.transport is not None:
            self.setTimeout(self.site.timeOut)  # which `hold` had taken away

    # -- refusing ------------------------------------------------------------------------------------

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        if self._receivedHeaderSize > self.totalHeadersSize:
            self.say(WebProblem(431, "The header is too large."))
        else:
            self.say(WebProblem(400, "This is not an HTTP/1.1 request."))

    def say(self, problem: WebProblem) -> None:
        """Answer something that did not become a request, and close."""
        body = encode(problem)
        headers = b"".join(b"%b: %b\r\n" % each for each in problem.headers)
        self.transport.write(
            b"HTTP/1.1 %d %b\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n"
            b"Connection: close\r\nX-Content-Type-Options: nosniff\r\n%b\r\n%b"
            % (problem.status, problem.title.encode("ascii", "replace"), len(body), headers, body)
        )
        self.paused = True
        self.loseConnection()

    def stop(self) -> None:
        """The server stops: close now when at rest, else after the answer under way."""
        self.persistent = 0
        if self.at_rest and self.transport is not None:  # None: a WebSocket has it
            self._close(_STOPPED_WITHIN)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def loseConnection(self) -> None:  # noqa: N802
        self._close(_CLOSED_WITHIN)

    def _close(self, within: float) -> None:
        """Write what waits, then close. TLS waits for the client to agree, and a client need not read: it
        is cut off in the end."""
        if self._abortingCall is None and self.transport is not None:
            self._abortingCall = self.callLater(within, self.forceAbortClient)
        super().loseConnection()

    def lineReceived(self, line: bytes) -> Any:  # noqa: N802
        if self.paused:  # an earlier line ended this connection
            return None
        return super().lineReceived(line)
