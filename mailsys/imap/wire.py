"""A connection's transport: what goes out, how fast, under TLS or not, and how it ends.

`ImapConnection` is made on this: it reads, and decides what is said.
"""

from __future__ import annotations

import time
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IProtocol, IPushProducer, ISSLTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsys.core.network import plain_address
from mailsys.imap.auth import channel_binding
from mailsys.imap.session import ClientGone, Parts
from mailsys.imap.wheel import Wheel
from mailsys.sockets import keep_alive

WRITE: Final = 64 * 1024  # octets gathered into one write
TURN: Final = 0.004  # seconds of work before other connections get their turn
PROBED: Final = 300  # seconds of silence after which the system asks whether the other end is there
GRACE: Final = 10.0  # seconds for a closed connection to take its last words
LAST_GRACE: Final = 1.5  # the same when the server stops


class Host(Protocol):
    """What a connection needs of the factory that made it."""

    parts: Parts
    wheel: Wheel
    implicit_tls: bool

    def admit(self, connection: Connection, address: str) -> bytes | None:
        """Count it in; or what turns it away, then it was not counted."""

    def gone(self, connection: Connection) -> None:
        """Count it out. Called once for each that was admitted."""


@implementer(IProtocol, IHandshakeListener, IPushProducer)
class Connection:
    """The transport's protocol, and the producer of what it writes. Hooks are below."""

    __slots__ = (
        "_address",
        "_admitted",
        "_choked",
        "_drained",
        "_greeted",
        "_host",
        "_lost",
        "_out",
        "_out_size",
        "_tls",
        "_until",
        "closing",
        "deadline",
        "transport",
    )

    def __init__(self, host: Host) -> None:
        self._host = host
        self.transport: Any = None
        self.closing = False  # the last word is said
        self.deadline = 0.0  # the wheel's: when too long was nothing heard
        self._admitted = False
        self._choked = False  # the client does not read what we write
        self._drained: Deferred[None] | None = None
        self._greeted = False
        self._lost = False
        self._out: list[bytes] = []
        self._out_size = 0
        self._tls = False
        self._until = 0.0  # when the turn of this connection is over

    # -- hooks -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """The peer's address is known, nothing was said yet."""

    def _greet(self) -> None:
        """Say the greeting."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        raise NotImplementedError

    def _went(self) -> None:
        """The connection is lost."""

    def _flowing(self) -> None:
        """What was said has been taken by the client: there is room for more."""

    def expire(self) -> None:
        """Nothing was heard for too long, or the last words are not taken."""
        raise NotImplementedError

    def stop(self) -> None:
        """The server closes."""
        raise NotImplementedError

    # -- the transport's calls ---------------------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:  # noqa: N802
        self.transport = transport
        self._address = plain_address(getattr(transport.getPeer(), "host", ""))
        self._begin()
        refusal = self._host.admit(self, self._address)
        wrapped = ISSLTransport.providedBy(transport)
        if refusal is not None:
            self.closing = True
            if wrapped or self._host.implicit_tls:  # words would wait for a handshake that may never come
                transport.abortConnection()
            else:
                transport.write(refusal)
                transport.loseConnection()
            return
        self._admitted = True
        transport.setTcpNoDelay(True)
        keep_alive(transport, PROBED)
        self.deadline = self._now() + self._host.parts.limits.imap_idle_before_login
        self._host.wheel.add(self)
        if self._host.implicit_tls and not wrapped:
            transport.startTLS(self._host.parts.tls)
            wrapped = True
        transport.registerProducer(self, True)
        if not wrapped:
            self._greet()

    def connectionMade(self) -> None:  # noqa: N802
        pass  # makeConnection did it all

    def handshakeCompleted(self) -> None:  # noqa: N802
        self._tls = True
        if not self._greeted:  # TLS from the first octet (RFC 8314 §3.2): now the greeting
            self._greet()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        self._lost = self.closing = True
        self._out.clear()
        if not self._admitted:
            return
        self._host.wheel.remove(self)
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.errback(ClientGone())
        self._went()

    # -- as the producer of answers: the transport's buffer is full, the client does not read -------------

    def pauseProducing(self) -> None:  # noqa: N802
        self._choked = True

    def resumeProducing(self) -> None:  # noqa: N802
        self._choked = False
        self._drain()
        self._flowing()

    def stopProducing(self) -> None:  # noqa: N802
        pass  # connectionLost comes

    # -- of the session's wire ---------------------------------------------------------------------------

    @property
    def tls(self) -> bool:
        return self._tls

    def binding(self) -> tuple[str, bytes] | None:
        return channel_binding(self.transport.getHandle()) if self._tls else None

    def say(self, data: bytes) -> None:
        if not self.closing:
            self._out.append(data)
            self._out_size += len(data)

    async def flow(self) -> None:
        if self._out_size >= WRITE:
            self._flush()
        if self._lost:
            raise ClientGone
        if not self._choked:
            if time.monotonic() < self._until:
                return
            # the client is fast, but others wait: go on in the reactor's next turn
            self._host.parts.clock.callLater(0, self._drain)
        self._drained = Deferred()
        await self._drained
        self._until = time.monotonic() + TURN

    def _drain(self) -> None:
        if self._drained is not None and not self._choked:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def hang_up(self, grace: float = GRACE) -> None:
        """Close, once what was said is written; cut off when the client does not take it in time."""
        self._flush()
        if self.closing:
            return
        self.closing = True
        transport = self.transport
        if self._host.implicit_tls and not self._tls:  # nothing can be said before the handshake
            transport.abortConnection()
            return
        transport.unregisterProducer()
        transport.resumeProducing()  # TLS has yet to read the other side's goodbye
        transport.loseConnection()
        self._host.wheel.remove(self)
        self.deadline = self._now() + grace
        self._host.wheel.add(self)

    def abort(self) -> None:
        self.closing = True
        self._out.clear()
        self.transport.abortConnection()

    def _flush(self) -> None:
        out = self._out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._out_size = 0
            if not self.closing:
                self.transport.write(data)

    def _now(self) -> float:
        seconds: float = self._host.parts.clock.seconds()
        return seconds
