"""One connection to a judge: octets out at the pace that it takes them, answers in within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsys.ports.blobs import StagedBlob

_CONNECT_WITHIN: Final = 10.0  # seconds
_WINDOW: Final = 64 * 1024
_HELD: Final = 1024 * 1024  # octets of answers at most that wait to be read


class Unanswered(Exception):
    """No answer, or none that can be read; the text says why."""


@implementer(IPushProducer)
class Conversation(Protocol):
    transport: Any

    def __init__(self) -> None:
        self._held = b""
        self._closed = False
        self._more: Deferred[None] | None = None
        self._room: Deferred[None] | None = None

    # -- what the judge hears ------------------------------------------------------------------------------

    async def say(self, data: bytes) -> None:
        """Returns when there is room for more."""
        if self._closed or self.transport is None:
            raise Unanswered("it hung up")
        self.transport.write(data)
        if self._room is not None:
            await self._room

    async def tell(self, blob: StagedBlob, start: int = 0, before: bytes = b"") -> None:
        """The content from `start` on, in windows; `before` first."""
        if before:
            await self.say(before)
        for window in windows(blob, start):
            await self.say(window)

    # -- what it answers ------------------------------------------------------------------------------------

    async def octets(self, count: int) -> bytes:
        if count > _HELD:
            raise Unanswered(f"an answer of {count} octets")
        while len(self._held) < count:
            await self._wait()
        found, self._held = self._held[:count], self._held[count:]
        return found

    async def line(self, end: bytes = b"\n", longest: int = 8192) -> bytes:
        """Without its end."""
        while (at := self._held.find(end)) < 0:
            if len(self._held) > longest:
                raise Unanswered("a line without end")
            await self._wait()
        found, self._held = self._held[:at], self._held[at + len(end) :]
        return found

    async def rest(self) -> bytes:
        """All until it hangs up."""
        while not self._closed:
            await self._wait(at_end=True)
        found, self._held = self._held, b""
        return found

    def leave(self) -> None:
        """Once what was said is out: for who is at peace with it, and so reads."""
        if self.transport is not None:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    # -- Twisted's side -------------------------------------------------------------------------------------

    def connectionMade(self) -> None:  # noqa: N802
        if self.transport is not None:
            self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self._held += data
        if len(self._held) > _HELD:
            self.hang_up()
        self._wake()

    def connectionLost(self, reason: Failure = ...) -> None:  # type: ignore[assignment] # noqa: N802
        self._closed = True
        self.resumeProducing()
        self._wake()

    def pauseProducing(self) -> None:  # noqa: N802
        if self._room is None and not self._closed:
            self._room = Deferred()

    def resumeProducing(self) -> None:  # noqa: N802
        room, self._room = self._room, None
        if room is not None and not room.called:
            room.callback(None)

    def stopProducing(self) -> None:  # noqa: N802
        pass

    async def _wait(self, at_end: bool = False) -> None:
        if self._closed:
            raise Unanswered("it hung up")
        self._more = Deferred()
        await self._more
        if self._closed and not at_end and not self._held:
            raise Unanswered("it hung up")

    def _wake(self) -> None:
        more, self._more = self._more, None
        if more is not None and not more.called:
            more.callback(None)


def windows(blob: StagedBlob, start: int = 0) -> Iterator[bytes]:
    """The content from `start` on."""
    if blob.path is None:
        data = blob.data or b""
        for at in range(start, len(data), _WINDOW):
            yield data[at : at + _WINDOW]
        return
    with open(blob.path, "rb") as file:
        file.seek(start)
        while window := file.read(_WINDOW):
            yield window


def connect(reactor: Any, where: str) -> Deferred[Conversation]:
    """To `host:port`, or to a Unix socket by its path."""
    endpoint: Any
    if where.startswith("/"):
        endpoint = UNIXClientEndpoint(reactor, where, timeout=_CONNECT_WITHIN)  # type: ignore[no-untyped-call]
    else:
        host, _, port = where.rpartition(":")
        endpoint = HostnameEndpoint(reactor, host.strip("[]"), int(port), timeout=_CONNECT_WITHIN)
    waiting: Deferred[Conversation] = endpoint.connect(Factory.forProtocol(Conversation))
    return waiting
