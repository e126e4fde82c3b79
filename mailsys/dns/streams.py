# ruff: noqa: N802  (Twisted's names where Twisted's methods are overridden)
"""DNS over TCP (RFC 7766): questions in a row, answers as they are ready, zones one message at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPullProducer, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsys.core.network import network_of, plain_address
from mailsys.core.refusal import Refusal
from mailsys.dns.datagrams import DnsDatagrams
from mailsys.log import Log
from mailsys.room import Room
from mailsys.services.zones.serve import NameService

log = Log("dns")

IDLE: Final = 10.0  # seconds of silence (RFC 7766 §6.2.3: a few)
SLOW: Final = 60.0  # seconds that a client may take for what was sent
AT_ONCE: Final = 20  # questions of one connection under way; then no more are read
QUESTIONS: Final = 10_000  # of one connection
_LONGEST: Final = 4096  # octets of a question
_GRACE: Final = 2.0


class DnsStream(Protocol):
    def __init__(self, factory: DnsStreams) -> None:
        self._home = factory
        self._buffer = b""
        self._under_way = 0
        self._asked = 0
        self._sending: _Messages | None = None
        self._timer: IDelayedCall | None = None
        self._stopping = False

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self._address = plain_address(transport.getPeer().host)
        try:
            self._home.room.enter(self, network_of(self._address))
        except Refusal:
            transport.abortConnection()
            return
        transport.setTcpNoDelay(True)
        self._timer = self._home.clock.callLater(IDLE, self._over)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._home.room.leave(self)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        """Answer what is there, as far as there is room."""
        transport: Any = self.transport
        while len(self._buffer) >= 2 and self._sending is None and self._under_way < AT_ONCE:
            length = int.from_bytes(self._buffer[:2], "big")
            if length > _LONGEST or self._asked >= QUESTIONS or self._stopping:
                transport.loseConnection()
                self._buffer = b""
                return
            if len(self._buffer) < 2 + length:
                break
            wire, self._buffer = self._buffer[2 : 2 + length], self._buffer[2 + length :]
            self._asked += 1
            self._wait(SLOW)
            self._answer(wire)
        if self._sending is None and self._under_way < AT_ONCE:
            transport.resumeProducing()
        else:
            transport.pauseProducing()

    def _answer(self, wire: bytes) -> None:
        try:
            answer = self._home.service.message(wire, self._address)
        except Exception as problem:
            log.error("not answered", peer=self._address, failure=problem)
            answer = None
        if isinstance(answer, bytes):
            self._send(answer)
        elif isinstance(answer, Deferred):
            self._under_way += 1
            answer.addCallbacks(self._send_late, self._failed)
        elif answer is None:
            self._drop()
        else:
            self._sending = _Messages(self, answer)
            transport: Any = self.transport
            transport.registerProducer(self._sending, False)

    def _send(self, answer: bytes) -> None:
        transport: Any = self.transport
        transport.write(len(answer).to_bytes(2, "big") + answer)
        if not self._under_way:
            self._wait(IDLE)

    def _send_late(self, answer: bytes | None) -> None:
        self._under_way -= 1
        if self in self._home.room:
            if answer:
                self._send(answer)
            self._go_on()

    def _failed(self, failure: Failure) -> None:
        self._under_way -= 1
        log.error("not answered", peer=self._address, failure=failure.value)
        self._drop()

    def sent_all(self) -> None:
        """A zone is out."""
        self._sending = None
        self._wait(IDLE)
        self._go_on()

    def _wait(self, seconds: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.reset(seconds)

    def moved(self) -> None:
        """The client takes what is sent."""
        self._wait(SLOW)

    def _over(self) -> None:
        self.abort()

    def _drop(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()

    # -- Guest ---------------------------------------------------------------------------------------------

    def stop(self) -> None:
        self._stopping = True
        if self._sending is None:
            self._drop()

    def abort(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()


@implementer(IPullProducer)
class _Messages:
    """The messages of a zone, made as the client takes them."""

    def __init__(self, stream: DnsStream, messages: Iterator[bytes]) -> None:
        self._stream = stream
        self._messages = messages

    def resumeProducing(self) -> None:
        transport: Any = self._stream.transport
        message = next(self._messages, None)
        if message is None:
            transport.unregisterProducer()
            self._stream.sent_all()
        else:
            self._stream.moved()
            transport.write(len(message).to_bytes(2, "big") + message)

    def stopProducing(self) -> None:
        self._messages = iter(())


class DnsStreams(Factory[DnsStream]):
    noisy = False

    def __init__(self, service: NameService, clock: IReactorTime, *, most: int, each: int) -> None:
        self.service = service
        self.datagrams = DnsDatagrams(service)  # of the same port
        self.clock = clock
        self.room: Room[DnsStream] = Room("dns", clock, most=most, each=each, grace=_GRACE)

    def buildProtocol(self, addr: Any) -> DnsStream:
        return DnsStream(self)

    @property
    def connections(self) -> int:
        return len(self.room)

    def stop(self) -> Deferred[None]:
        return self.room.stop()
