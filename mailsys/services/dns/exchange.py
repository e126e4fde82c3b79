# ruff: noqa: N802  (Twisted's names where Twisted's methods are overridden)
"""One message to another server, and its answer as octets.

Each has a random id and a socket of its own on a port that the kernel picks at random; the socket is
connected, so only the server asked is heard; the question must be the one asked (RFC 5452 §9). UDP first,
TCP when the answer was cut.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.python.failure import Failure

from mailsys.core.dns.types import QR, TC
from mailsys.ports.resolver import ResolverError

Server = tuple[str, int]
_SIZE: Final = 4096  # octets of a datagram that are read; we ask for 1232


class _Exchange:
    """Fires `done` once, with octets that answer `wire`."""

    def __init__(self, reactor: Any, wire: bytes, question: bytes, patience: float) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._reactor = reactor
        self._wire = wire
        self._question = question.lower()
        self._timer: IDelayedCall | None = reactor.callLater(patience, self._look_once_more)

    def _look_once_more(self) -> None:
        """The reactor looks at its clock before its sockets: after a pause of this process the answers are
        there but the times are over. So the sockets are read once more before a question fails."""
        self._timer = self._reactor.callLater(0, self._fail, "timed out")

    def _take(self, wire: bytes) -> None:
        if self._answers(wire) and self._stop():
            self.done.callback(wire)

    def _answers(self, wire: bytes) -> bool:
        if len(wire) < 12 or wire[:2] != self._wire[:2] or not wire[2] & QR >> 8:
            return False
        if (wire[2] ^ self._wire[2]) & 0x78:  # another opcode
            return False
        end = 12 + len(self._question)
        if wire[4:6] == b"\x00\x01" and wire[12:end].lower() == self._question:
            return True
        # FORMERR, NOTIMP, REFUSED and answers to NOTIFY and UPDATE may come without question: they are still
        # bound to our id and port.
        return wire[4:6] == b"\x00\x00" and (wire[3] & 15 not in (0, 3) or bool(self._wire[2] & 0x78))

    def _fail(self, cause: str) -> None:
        if self._stop():
            self.done.errback(ResolverError(cause))

    def _stop(self) -> bool:
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        if timer.active():
            timer.cancel()
        return True


class _Datagram(_Exchange, DatagramProtocol):
    def __init__(self, reactor: Any, server: Server, wire: bytes, question: bytes, patience: float) -> None:
        super().__init__(reactor, wire, question, patience)
        self._server = server

    def startProtocol(self) -> None:
        transport: Any = self.transport
        transport.connect(*self._server)
        transport.write(self._wire)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if (addr[0], addr[1]) == self._server:
            self._take(datagram)

    def connectionRefused(self) -> None:
        self._fail("refused")


class _Stream(_Exchange, Protocol):
    def __init__(self, reactor: Any, wire: bytes, question: bytes, patience: float) -> None:
        super().__init__(reactor, wire, question, patience)
        self._buffer = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(len(self._wire).to_bytes(2, "big") + self._wire)

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) >= 2 + length:
                self._take(self._buffer[2 : 2 + length])
                self._fail("garbled over TCP")

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # type: ignore[no-untyped-call]  # noqa: B008
        self._fail("closed the TCP connection")

    def _stop(self) -> bool:
        stopped = super()._stop()
        if stopped and self.transport is not None:
            self.transport.loseConnection()
        return stopped


async def ask(reactor: Any, server: Server, wire: bytes, question: bytes, patience: float) -> bytes:
    """`wire` has `question` as its question section; patience: seconds. Raises ResolverError."""
    answer = await ask_by_datagram(reactor, server, wire, question, patience)
    if struct.unpack_from("!H", answer, 2)[0] & TC:
        answer = await ask_by_stream(reactor, server, wire, question, patience)
    return answer


async def ask_by_datagram(
    reactor: Any, server: Server, wire: bytes, question: bytes, patience: float
) -> bytes:
    exchange = _Datagram(reactor, server, wire, question, patience)
    try:
        port = reactor.listenUDP(0, exchange, "::" if ":" in server[0] else "", _SIZE)
    except (OSError, ValueError) as error:
        raise ResolverError(f"no socket: {error}") from error
    try:
        return await exchange.done
    finally:
        port.stopListening()


async def ask_by_stream(reactor: Any, server: Server, wire: bytes, question: bytes, patience: float) -> bytes:
    exchange = _Stream(reactor, wire, question, patience)
    make = TCP6ClientEndpoint if ":" in server[0] else TCP4ClientEndpoint
    try:
        await make(reactor, server[0], server[1], patience).connect(Factory.forProtocol(lambda: exchange))
    except Exception as error:
        raise ResolverError(f"over TCP: {error}") from error
    return await exchange.done
