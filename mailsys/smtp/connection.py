"""One connection of the SMTP server: transport, order and time; what is said is the session's."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsys.core.network import plain_address
from mailsys.core.refusal import Refusal
from mailsys.core.smtp import events
from mailsys.core.smtp.reply import Reply, refused
from mailsys.log import Log
from mailsys.services.delivery.transactions import Client
from mailsys.smtp.service import Service
from mailsys.smtp.session import Session
from mailsys.smtp.tls import channel_binding, describe
from mailsys.sockets import send_now

log = Log("smtp")

_TIMEOUT: Final = b"421 4.4.2 Timeout, closing\r\n"
_STOPPING: Final = b"421 4.3.2 Service closing, try again later\r\n"
_INJECTED: Final = b"421 4.7.0 Commands behind STARTTLS, closing\r\n"
_START_TLS: Final = b"220 2.0.0 Begin TLS\r\n"

_HANDSHAKE: Final = 60.0  # seconds at most until TLS is up, where it comes first
_GRACE: Final = 10.0  # seconds for a closed connection to take its last reply
_LAST_GRACE: Final = 1.5  # the same when the server stops


class Host(Protocol):
    """What a connection needs of the factory that made it."""

    service: Service
    reactor: Any  # IReactorTime

    def admit(self, connection: SmtpConnection, address: str) -> bytes | None:
        """Count it in; or the reply that turns it away, then it was not counted."""

    def gone(self, connection: SmtpConnection) -> None:
        """Count it out. Called once for each that was admitted."""


@implementer(IProtocol, IHandshakeListener, IPushProducer)
class SmtpConnection:
    """Events are answered one after the other by a pump that runs while there are any; while it waits
    for a service the socket is not read, and its replies go out in one write.

    There is one timer. It is not moved at every sign of life: when it rings, it looks how long ago the
    last one was, and rings again later. Signs of life are commands, and octets of content.
    """

    __slots__ = (
        "_address",
        "_admitted",
        "_alive",
        "_began",
        "_choked",
        "_client",
        "_connected",
        "_cut",
        "_greet_under_tls",
        "_handshaking",
        "_host",
        "_lost",
        "_paused",
        "_running",
        "_seen",
        "_session",
        "_stopping",
        "_timer",
        "_tls",
        "closing",
        "transport",
    )

    def __init__(self, host: Host) -> None:
        self._host = host
        self.transport: Any = None
        self.closing = False  # the last reply is out
        self._admitted = False
        self._connected = False  # the services were told, and did not refuse
        self._running = False  # the pump, or the greeting
        self._paused = False  # reading is, until the pump is done
        self._choked = False  # the client does not read what we write
        self._lost = False
        self._stopping = False
        self._cut = False  # stopping, and a message that is not whole has had its time
        self._handshaking = False
        self._greet_under_tls = False
        self._alive = False  # an event came since the pump was last done
        self._tls: events.StartTls | None = None  # what the pump has to end with
        self._began: float | None = None  # when the message that is arriving did, as last looked at
        self._seen = 0.0  # when a sign of life was last seen
        self._timer: IDelayedCall | None = None

    # -- the transport's calls

    def makeConnection(self, transport: Any) -> None:  # noqa: N802
        self.transport = transport
        peer = transport.getPeer()
        self._address = plain_address(getattr(peer, "host", ""))
        self._client = Client(self._address, getattr(peer, "port", 0))
        self._session = Session(self._host.service, self._client, self._host.reactor.seconds)
        tls = ISSLTransport.providedBy(transport)
        reply = self._host.admit(self, self._address)
        if reply is not None:
            self.closing = True
            if tls:  # a reply would wait for a handshake that may never come
                transport.abortConnection()
            else:
                transport.write(reply)
                transport.loseConnection()
            return
        self._admitted = True
        reactor: IReactorTime = self._host.reactor
        self._seen = reactor.seconds()
        limits = self._host.service.limits
        self._handshaking = self._greet_under_tls = tls
        first = min(limits.smtp_idle, _HANDSHAKE) if tls else limits.smtp_idle
        self._timer = reactor.callLater(first, self._ring)
        transport.registerProducer(self, True)
        if not tls:
            self._greet()

    def connectionMade(self) -> None:  # noqa: N802
        pass  # makeConnection did it all

    def handshakeCompleted(self) -> None:  # noqa: N802
        tls = self.transport.getHandle()
        binding = channel_binding(tls) if self._host.service.submission else None
        self._session.tls_began(describe(tls), binding)
        self._handshaking = False
        self._seen = self._host.reactor.seconds()
        if self._greet_under_tls:  # TLS from the first octet (RFC 8314 §3.3): now the greeting
            self._greet_under_tls = False
            self._client = self._session.client
            self._greet()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.closing:
            return
        session = self._session
        session.receiver.feed(data)
        if self._running:
            if not self._paused:
                self._paused = True
                self.transport.pauseProducing()
            return
        if session.began is not None:
            self._seen = self._host.reactor.seconds()
        self._pump()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        self._lost = True
        self.closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._admitted:
            return
        self._admitted = False
        if not self._running:  # else the pump does it, when what it waits for is over
            self._session.abort()
        if self._connected:
            self._connected = False
            self._host.service.transactions.disconnected(self._client)
        if not isinstance(reason.value, (ConnectionDone, ConnectionLost, ConnectionAborted)):
            log.info("lost", address=self._address, cause=reason.getErrorMessage())
        self._host.gone(self)

    # -- as the producer of replies: the transport's buffer is full, the client does not read

    def pauseProducing(self) -> None:  # noqa: N802
        self._choked = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        self._choked = False
        if not self._paused and not self.closing:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802
        pass  # connectionLost comes

    # -- order

    def _start(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        self._running = True
        Deferred.fromCoroutine(work).addErrback(lambda failure: self._broken(failure.value))

    def _broken(self, defect: BaseException | None) -> None:
        """A defect of ours. The connection cannot be trusted any more."""
        log.error("session failed", defect, address=self._address)
        self._running = False
        if self._lost:
            self._session.abort()
        else:
            self._close(b"421 4.3.0 Internal error, closing\r\n")

    def _greet(self) -> None:
        """The services are asked first; what a hasty client sent meanwhile waits."""
        waiting = self._host.service.transactions.connected(self._client)
        if waiting is None:
            self._welcome()
        else:
            self._start(self._greet_later(waiting))

    async def _greet_later(self, waiting: Awaitable[None]) -> None:
        try:
            await waiting
        except Exception as failure:
            self._running = False
            if isinstance(failure, Refusal):
                log.info("turned away", address=self._address, cause=failure.cause, text=failure.text)
                reply = refused(failure)
            else:
                log.error("greeting failed", failure, address=self._address)
                reply = Reply(421, "4.3.0", "Local error, try again later")
            if not self._lost:
                self._close(reply.render())
            return
        self._welcome()

    def _welcome(self) -> None:
        if self._lost:
            self._host.service.transactions.disconnected(self._client)
            return
        self._connected = True
        send_now(self.transport, f"220 {self._host.service.hostname} ESMTP\r\n".encode("ascii"))
        self._pump()

    def _pump(self) -> None:
        """Answer what is here; where a service has to be waited for, the rest when it has answered."""
        replies: list[bytes] = []
        try:
            waiting = self._answer(replies)
            if waiting is None:
                self._answered(replies)
            else:
                self._start(self._pump_on(waiting, replies))
        except Exception as defect:
            self._broken(defect)

    async def _pump_on(self, waiting: Awaitable[bytes] | None, replies: list[bytes]) -> None:
        while waiting is not None:
            reply = await waiting
            if self._lost:
                self._running = False
                self._session.abort()
                return
            if reply:
                replies.append(reply)
            waiting = None if self._session.closing else self._answer(replies)
        self._answered(replies)

    def _answer(self, replies: list[bytes]) -> Awaitable[bytes] | None:
        """Answer one event after the other, up to one that waits: what comes of that. None: all that is
        here is answered, or the session ends."""
        session = self._session
        while (event := session.receiver.next_event()) is not None:
            self._alive = True
            if type(event) is events.StartTls:
                self._tls = event
                return None
            reply = session.answer(event)
            if not isinstance(reply, bytes):
                return reply
            if reply:
                replies.append(reply)
            if session.closing:
                return None
        return None

    def _answered(self, replies: list[bytes]) -> None:
        self._running = False
        tls, self._tls = self._tls, None
        alive, self._alive = self._alive, False
        if tls is not None:
            self._start_tls(tls, replies)
        elif replies:
            send_now(self.transport, b"".join(replies))
        self._pumped(alive)

    def _pumped(self, alive: bool) -> None:
        """All that was here is answered."""
        began = self._session.began
        if self._session.closing:
            self._close(b"")
            return
        if self._stopping and (began is None or self._cut):
            self._close(_STOPPING)
            return
        if alive:
            self._seen = self._host.reactor.seconds()
        if began is not self._began:
            self._began = began
            if began is not None:
                self._tighten()
        if self._handshaking:
            self._tighten()
        if self._paused:
            self._paused = False
            if not self._choked:
                self.transport.resumeProducing()

    def _start_tls(self, event: events.StartTls, replies: list[bytes]) -> None:
        if event.injected:  # CVE-2011-0411: a man in the middle would have us run them under TLS
            log.warning("injected", address=self._address, cause="octets behind STARTTLS in the clear")
            self._session.abort()
            self._session.closing = True
            self.transport.write(b"".join([*replies, _INJECTED]))
            return
        self.transport.write(b"".join([*replies, _START_TLS]))
        self._session.begin_tls()
        self._handshaking = True
        self.transport.startTLS(self._host.service.tls)

    # -- time and the end

    def _ring(self) -> None:
        self._timer = None
        if self.closing:
            self.transport.abortConnection()
            return
        now = self._host.reactor.seconds()
        due = self._due(now)
        if due > now:
            self._timer = self._host.reactor.callLater(due - now, self._ring)
            return
        log.info("timeout", address=self._address, receiving=self._session.began is not None)
        self._close(_TIMEOUT)

    def _due(self, now: float) -> float:
        limits = self._host.service.limits
        if self._running:  # it is we who are slow
            return now + limits.smtp_idle
        if self._handshaking:
            return self._seen + min(limits.smtp_idle, _HANDSHAKE)
        due = self._seen + limits.smtp_idle
        return due if self._began is None else min(due, self._began + limits.smtp_data)

    def _tighten(self) -> None:
        """There is less time now than when the timer was set."""
        if self._timer is not None:
            now = self._host.reactor.seconds()
            due = self._due(now)
            if due < self._timer.getTime():
                self._timer.reset(max(0.0, due - now))

    def stop(self) -> None:
        """Close now, or once the message that is arriving has its answer."""
        self._stopping = True
        if not self._running and self._session.began is None:
            self._close(_STOPPING)

    def cut(self) -> None:
        """Close now, in the middle of a message too; but what is whole gets its answer."""
        self._cut = True
        if not self._running:
            self._close(_STOPPING)

    def abort(self) -> None:
        self.closing = True
        self.transport.abortConnection()

    def _close(self, reply: bytes) -> None:
        if self.closing:
            return
        self.closing = True
        self._session.abort()
        transport = self.transport
        if self._handshaking:  # nothing can be said, and nothing would flush it
            transport.abortConnection()
            return
        if reply:
            transport.write(reply)
        transport.unregisterProducer()
        if self._paused or self._choked:  # TLS has yet to read the other side's goodbye
            transport.resumeProducing()
        transport.loseConnection()
        grace = _LAST_GRACE if self._stopping else _GRACE
        if self._timer is not None:
            self._timer.reset(grace)
        elif not self._lost:
            self._timer = self._host.reactor.callLater(grace, self._ring)
