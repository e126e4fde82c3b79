"""JMAP over WebSocket (RFC 8887): requests, responses and push on one connection."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgspec
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from mailsys import metrics
from mailsys.core.jmap.problems import RequestProblem, not_request
from mailsys.core.refusal import Refusal
from mailsys.log import Log
from mailsys.services.jmap.protocol.api import Caller, JmapApi
from mailsys.services.notifying.push import Feed, Follower, Moved
from mailsys.web.admission import Admission
from mailsys.web.app import Routes
from mailsys.web.problems import WebProblem
from mailsys.web.request import WebRequest
from mailsys.web.streams import Streams

if TYPE_CHECKING:
    from mailsys.web.channel import Channel

log = Log("web")

CAPABILITY: Final = "urn:ietf:params:jmap:websocket"
PROTOCOL: Final = "jmap"

_PING_EVERY: Final = 120.0  # seconds
_PING_WITHIN: Final = 60.0
_CLOSE_WITHIN: Final = 5.0
_TYPES_MOST: Final = 100
_ABOUT_BLANK: Final = "about:blank"

_encode = msgspec.json.Encoder().encode


class SocketRoutes:
    def __init__(
        self,
        api: JmapApi,
        feed: Feed,
        streams: Streams,
        admission: Admission,
        requests_at_once: int,
        reactor: Any,
    ) -> None:
        self.api = api
        self.feed = feed
        self.admission = admission
        self.requests_at_once = requests_at_once
        self._streams = streams
        self._factory = factory = WebSocketServerFactory(None, reactor=reactor)
        factory.protocol = JmapSocket  # type: ignore[assignment]
        factory.setProtocolOptions(
            webStatus=False,
            failByDrop=False,
            closeHandshakeTimeout=_CLOSE_WITHIN,
            autoPingInterval=_PING_EVERY,
            autoPingTimeout=_PING_WITHIN,
            allowNullOrigin=True,  # origins were looked at before
        )
        api.announce(CAPABILITY, _capability)

    def mount(self, routes: Routes) -> None:
        routes.add("/jmap/ws", self.open, "GET")

    async def open(self, request: WebRequest) -> IResource:
        """Check all that can be answered with a status, then hand the connection over."""
        caller = await self.admission.reader(request)
        if request.site.origin.is_foreign(request):
            # Browsers let any page open a socket, and send cookies along (RFC 6455 §10.2).
            raise WebProblem(403, "Sockets of other sites' pages are refused.", cause="foreign Origin")
        upgrade = (request.getHeader(b"upgrade") or b"").lower()
        if upgrade != b"websocket" or request.getHeader(b"sec-websocket-key") is None:
            raise WebProblem(
                426,
                "This is an address for WebSockets.",
                headers=[(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")],
            )
        offered = ",".join(
            each.decode("ascii", "replace")
            for each in request.requestHeaders.getRawHeaders(b"sec-websocket-protocol") or []
        )
        if PROTOCOL not in [each.strip() for each in offered.split(",")]:  # RFC 8887 §4.1
            raise WebProblem(400, 'The subprotocol "jmap" is required.')
        socket = JmapSocket(self, caller, request.channel)
        socket.factory = self._factory
        socket.leave = self._streams.enter(caller, socket.shut)
        return _Takeover(socket)


def _capability(base_url: str) -> dict[str, Any]:
    """RFC 8887 §3.1."""
    return {"url": base_url.replace("http", "ws", 1) + "/jmap/ws", "supportsPush": True}


@implementer(IResource)
class _Takeover:
    """Takes the connection from the HTTP channel and replays the handshake to the WebSocket."""

    isLeaf = True  # noqa: N815

    def __init__(self, socket: JmapSocket) -> None:
        self._socket = socket

    def getChildWithDefault(self, name: bytes, request: Any) -> Any:  # noqa: N802
        raise WebProblem(404)

    def putChild(self, path: bytes, child: Any) -> None:  # noqa: N802
        raise TypeError("a socket has no children")

    def render(self, request: WebRequest) -> int:
        socket, channel = self._socket, request.channel
        transport: Any
        transport, channel.transport = channel.transport, None
        early = b"".join(channel._dataBuffer) + channel.clearLineBuffer()
        channel.requests.clear()
        channel._dataBuffer = []
        transport.unregisterProducer()
        lines = [b"GET " + request.uri + b" HTTP/1.1"]
        for name, values in request.requestHeaders.getAllRawHeaders():
            lines.append(name + b": " + b", ".join(values))
        request.notifications.clear()  # the connection's end is the socket's affair now
        site, request.began = request.site, request.site.reactor.seconds()
        request.setResponseCode(101)
        site.log(request)
        del request.channel, request.transport
        if isinstance(transport, ProtocolWrapper):  # TLS
            transport.wrappedProtocol = socket
        else:
            transport.protocol = socket
        socket.makeConnection(transport)
        transport.registerProducer(socket, True)
        transport.resumeProducing()
        socket.dataReceived(b"\r\n".join(lines) + b"\r\n\r\n" + early)
        return NOT_DONE_YET


@implementer(IPushProducer)
class JmapSocket(WebSocketServerProtocol):
    """One socket. Requests run side by side, a bounded number of them; the next ones stay in the network
    until there is room. What a slow reader has not taken of push is merged into one StateChange."""

    transport: Any

    def __init__(self, routes: SocketRoutes, caller: Caller, channel: Channel) -> None:
        super().__init__()
        self._routes = routes
        self._caller = caller
        self._channel = channel
        self._running = 0
        self._waiting: deque[bytes] = deque()
        self._full = False  # the transport has enough to write for now
        self._read_paused = False
        self._types: frozenset[str] | None = None
        self._follower: Follower | None = None
        self._enabling = 0  # grows with each WebSocketPushEnable and Disable: the last one counts
        self._pending: Moved | None = None
        self._open = False
        self.leave: Any = lambda: None

    # -- autobahn's calls ----------------------------------------------------------------------------

    def onConnect(self, _request: Any) -> str:  # noqa: N802
        return PROTOCOL

    def onOpen(self) -> None:  # noqa: N802
        self._open = True
        metrics.web_sockets.inc()
        # What the handshake left behind is of no more use, and there may be thousands of sockets.
        for name in ("http_request_data", "http_headers", "http_request_params"):
            self.__dict__.pop(name, None)

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        super().onMessageFrameBegin(length)
        limit = self._routes.api.limits.max_size_request
        if self.message_data_total_length > limit and not self.failedByMe:
            self._max_message_size_exceeded(
                self.message_data_total_length, limit, f"A request has at most {limit} octets."
            )

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        if isBinary:  # RFC 8887 §4.2: "Binary frames MUST NOT be used"
            self._close_with(1003, "JMAP is text")
            return
        self._waiting.append(payload)
        self._work()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        self._ended()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override] # noqa: N802
        super().connectionLost(reason)
        self._ended()
        self._channel.count_out()

    def _ended(self) -> None:
        if self._open:
            self._open = False
            metrics.web_sockets.dec()
        self._stop_push()
        self._waiting.clear()
        self.leave()

    def shut(self, code: int, reason: str) -> None:
        """The server ends it."""
        if self._open:
            self._close_with(code, reason)
        elif self.transport is not None:
            self.transport.loseConnection()

    def _close_with(self, code: int, reason: str) -> None:
        # autobahn's sendClose takes only codes of applications (RFC 6455 §7.4.2)
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode("utf-8")[:120], isReply=False)

    # -- requests ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        limit = self._routes.requests_at_once
        while self._waiting and self._running < limit and not self._full and self._open:
            self._running += 1
            Deferred.fromCoroutine(self._answer(self._waiting.popleft())).addBoth(self._answered)
        self._read_or_not()

    def _answered(self, result: Any) -> None:
        self._running -= 1
        if isinstance(result, Failure):
            log.error("socket request failed", result.value, account=self._caller.account.id)
            self.shut(1011, "The server failed")
        self._work()

    def _read_or_not(self) -> None:
        """Stop reading while there is work that cannot begin, or answers that are not taken."""
        pause = bool(self._waiting) or self._full
        if pause != self._read_paused and self.transport is not None and self._open:
            self._read_paused = pause
            if pause:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    async def _answer(self, payload: bytes) -> None:
        request_id: str | None = None
        try:
            value = await self._routes.api.decode(payload)
            if not isinstance(value, dict):
                raise not_request("A message is an object.")
            given = value.get("id")
            request_id = given if isinstance(given, str) else None
            answer = await self._do(value)
        except (RequestProblem, WebProblem, Refusal) as problem:
            answer = _encode(_request_error(problem, request_id))
        if answer is not None:
            self._say(answer)

    async def _do(self, value: dict[str, Any]) -> bytes | None:
        kind = value.get("@type")
        if kind == "Request":
            return await self._request(value)
        if kind == "WebSocketPushEnable":
            await self._enable_push(value)
            return None
        if kind == "WebSocketPushDisable":
            self._stop_push()
            return None
        raise not_request('"@type" must be "Request", "WebSocketPushEnable" or "WebSocketPushDisable".')

    async def _request(self, value: dict[str, Any]) -> bytes:
        request_id = value.get("id")
        if request_id is not None and not isinstance(request_id, str):
            raise not_request('"id" must be a string.')
        head: dict[str, Any] = {"@type": "Response"}
        if request_id is not None:
            head["requestId"] = request_id
        admission, caller = self._routes.admission, self._caller
        await admission.count(caller)
        leave = await admission.requests.enter(caller.account.id)
        try:
            return await self._routes.api.call_decoded(caller, value, head)
        finally:
            leave()

    def _say(self, data: bytes) -> None:
        if self._open and self.state == self.STATE_OPEN:
            self.sendMessage(data)

    # -- push ------------------------------------------------------------------------------------------

    async def _enable_push(self, value: dict[str, Any]) -> None:
        """RFC 8887 §4.3.5.2."""
        names, since = value.get("dataTypes"), value.get("pushState")
        if names is not None and not (isinstance(names, list) and all(isinstance(one, str) for one in names)):
            raise not_request('"dataTypes" must be an array of strings or null.')
        if since is not None and not isinstance(since, str):
            raise not_request('"pushState" must be a string.')
        if names is not None and len(names) > _TYPES_MOST:
            raise not_request(f'"dataTypes" has at most {_TYPES_MOST} names.')
        self._stop_push()
        number = self._enabling
        self._types = None if names is None else frozenset(names)
        follower = await self._routes.feed.follow(self._caller.account.id, self._tell, since)
        if number != self._enabling or not self._open:
            follower.stop()
        else:
            self._follower = follower

    def _stop_push(self) -> None:
        self._enabling += 1
        self._pending = None
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.stop()

    def _tell(self, moved: Moved) -> None:
        if self._full or self._pending is not None:
            self._pending = moved if self._pending is None else self._pending.and_then(moved)
            return
        data = moved.encode(self._types, True)
        if data is not None:
            metrics.state_changes.inc()
            self._say(data)

    # -- IPushProducer: what the transport asks for ------------------------------------------------------

    def pauseProducing(self) -> None:  # noqa: N802
        self._full = True
        self._read_or_not()

    def resumeProducing(self) -> None:  # noqa: N802
        self._full = False
        pending, self._pending = self._pending, None
        if pending is not None:
            self._tell(pending)
        self._work()

    def stopProducing(self) -> None:  # noqa: N802
        pass


def _request_error(problem: Exception, request_id: str | None) -> dict[str, Any]:
    """RFC 8887 §4.3.4: the problem document, and which request it is about."""
    if isinstance(problem, RequestProblem | WebProblem):
        document = problem.document()
    else:
        assert isinstance(problem, Refusal)
        document = {"type": _ABOUT_BLANK, "status": problem.http, "detail": problem.text}
    return {"@type": "RequestError", "requestId": request_id, **document}
