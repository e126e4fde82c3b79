"""The IMAP server's factory: what its sessions share, how many there are, and how they end."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from mailsys.core.imap import response
from mailsys.core.network import customer_of
from mailsys.core.refusal import Refusal, ShuttingDown
from mailsys.imap.connection import ImapConnection
from mailsys.imap.session import Parts
from mailsys.imap.wheel import Wheel
from mailsys.imap.wire import LAST_GRACE, Connection
from mailsys.room import Room

_STOP: Final = 30.0  # seconds that a stopping server waits for commands under way


class ImapFactory(Factory):
    """One port of the server: 143, or 993 (`implicit_tls`: wrapped by the caller, or else by us)."""

    noisy = False

    def __init__(self, parts: Parts, *, implicit_tls: bool = False) -> None:
        limits, reactor = parts.limits, parts.clock
        self.parts = parts
        self.implicit_tls = implicit_tls
        self.wheel = Wheel(reactor)
        self._clock = reactor
        self.room: Room[Connection] = Room(
            "imap",
            reactor,
            most=limits.connections,
            each=limits.connections_per_address,
            grace=_STOP,
        )

    def buildProtocol(self, _address: IAddress | None) -> IProtocol:  # type: ignore[override]  # noqa: N802
        return ImapConnection(self)

    @property
    def connections(self) -> int:
        """Open at this moment."""
        return len(self.room)

    def admit(self, connection: Connection, address: str) -> bytes | None:
        """Count a connection in; or what turns it away."""
        try:
            self.room.enter(connection, customer_of(address))
        except ShuttingDown:
            return response.untagged(b"BYE", "The server is closing", b"UNAVAILABLE")
        except Refusal:
            return response.untagged(b"BYE", "Too many connections", b"LIMIT")
        return None

    def gone(self, connection: Connection) -> None:
        self.room.leave(connection)

    def stop(self) -> Deferred[None]:
        """BYE to all; commands under way are answered first, within 30 s. Fires once all are gone.
        New connections are turned away from now on."""
        stopping = self.room.stopping
        stopped = self.room.stop()
        if stopping:
            return stopped
        if not self.room:
            self.wheel.stop()
            return stopped
        deaf = LoopingCall(self._abort_deaf)
        deaf.clock = self._clock
        deaf.start(LAST_GRACE / 4, now=False)

        def done(result: None) -> None:
            self.wheel.stop()
            deaf.stop()

        return stopped.addCallback(done)

    def _abort_deaf(self) -> None:
        """Those that neither read our BYE nor close."""
        now = self._clock.seconds()
        for connection in self.room.guests():
            if connection.closing and connection.deadline <= now:
                connection.abort()
