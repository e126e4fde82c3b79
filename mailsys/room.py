"""The connections of one port, whatever they speak: who is let in, how many there are, how all of them end.

SMTP, IMAP and the web each have a room. A protocol asks `enter` when its connection is made, says `leave`
when it is lost, and is told to `stop` and, when it took too long over that, to `abort`.
"""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from mailsys.core.refusal import ShuttingDown, TemporaryFailure, TooManyConnections
from mailsys.log import Log
from mailsys.sockets import is_last


class Guest(Protocol):
    """A connection."""

    transport: Any

    def stop(self) -> None:
        """The server closes: finish what is under way, then end. Called at most once."""

    def abort(self) -> None:
        """End now."""


G = TypeVar("G", bound=Guest)


class Room(Generic[G]):
    """`most` connections in all, `each` of them from one address; `grace`: seconds that those under way may
    take when the server stops."""

    def __init__(self, name: str, clock: IReactorTime, *, most: int, each: int, grace: float) -> None:
        self._log = Log(name)
        self._clock = clock
        self._most = most
        self._each = each
        self._grace = grace
        self._guests: dict[G, str] = {}
        self._addresses: dict[str, int] = {}
        self._empty: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._guests)

    def __contains__(self, guest: G) -> bool:
        return guest in self._guests

    def guests(self) -> tuple[G, ...]:
        return tuple(self._guests)

    def enter(self, guest: G, address: str) -> None:
        """Let one in. `address` is the network that connections are counted by. Raises ShuttingDown,
        TemporaryFailure (the server is full) or TooManyConnections."""
        if self._empty is not None:
            raise ShuttingDown()
        last = is_last(guest.transport)
        if last or len(self._guests) >= self._most:
            cause = "file descriptors" if last else "connections in all"
            self._log.warning("turned away", peer=address, connections=len(self._guests), cause=cause)
            raise TemporaryFailure("Too many connections, try again later", cause="the server is full")
        here = self._addresses.get(address, 0)
        if here >= self._each:
            self._log.info("turned away", peer=address, here=here)
            raise TooManyConnections(cause=f"{here} connections of {address}")
        self._guests[guest] = address
        self._addresses[address] = here + 1

    def leave(self, guest: G) -> None:
        """Its connection is lost. One that was not let in, or left before, changes nothing."""
        address = self._guests.pop(guest, None)
        if address is None:
            return
        left = self._addresses[address] - 1
        if left:
            self._addresses[address] = left
        else:
            del self._addresses[address]
        if self._empty is not None and not self._guests and not self._empty.called:
            self._empty.callback(None)

    @property
    def stopping(self) -> bool:
        return self._empty is not None

    def stop(self) -> Deferred[None]:
        """Let nobody in any more, and all of them end. Fires once the room is empty, or all were aborted and
        have gone."""
        if self._empty is not None:
            waiting: Deferred[None] = Deferred()
            self._empty.chainDeferred(waiting)
            return waiting
        if not self._guests:
            self._empty = succeed(None)
            return succeed(None)
        empty = self._empty = Deferred()
        late = self._clock.callLater(self._grace, self._abort_all)

        def done(result: None) -> None:
            if late.active():
                late.cancel()

        empty.addCallback(done)
        for guest in self.guests():
            guest.stop()
        waiting = Deferred()
        empty.chainDeferred(waiting)
        return waiting

    def _abort_all(self) -> None:
        self._log.warning("stop", cause="cut off what was still under way", connections=len(self._guests))
        for guest in self.guests():
            guest.abort()
