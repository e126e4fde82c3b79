"""The SMTP server's factory: counts connections, and stops them gracefully."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime
from twisted.internet.protocol import Factory

from mailsys.core.network import customer_of
from mailsys.core.refusal import Refusal, TemporaryFailure, TooManyConnections
from mailsys.core.smtp.reply import refused
from mailsys.log import Log
from mailsys.room import Room
from mailsys.smtp.connection import SmtpConnection
from mailsys.smtp.service import Service

log = Log("smtp")

_STOP: Final = 30.0  # seconds a stopping server waits for messages that are arriving
_FULL: Final = refused(TooManyConnections("Too many connections, try again later"))


class SmtpFactory(Factory):
    """One port of the server: 25, 587, or 465 (wrapped in TLS by the caller)."""

    noisy = False

    def __init__(self, service: Service, reactor: IReactorTime) -> None:
        limits = service.limits
        self.service = service
        self.reactor = reactor
        self.room: Room[SmtpConnection] = Room(
            "smtp",
            reactor,
            most=limits.connections,
            each=limits.connections_per_address,
            grace=_STOP,
        )

    def buildProtocol(self, _address: IAddress | None) -> IProtocol:  # type: ignore[override]  # noqa: N802
        return SmtpConnection(self)

    @property
    def connections(self) -> int:
        """Open at this moment."""
        return len(self.room)

    def admit(self, connection: SmtpConnection, address: str) -> bytes | None:
        """Count a connection in; or the reply that turns it away."""
        try:
            self.room.enter(connection, customer_of(address))
        except TemporaryFailure:  # RFC 5321 §3.8, §4.2.2: who closes before a greeting says 421
            return _FULL.render()
        except Refusal as refusal:
            return refused(refusal).render()
        return None

    def gone(self, connection: SmtpConnection) -> None:
        self.room.leave(connection)

    def stop(self) -> Deferred[None]:
        """Idle sessions are told to come back later, those in the middle of a message after limits.smtp_stop
        seconds; a message that is whole gets its answer first, within 30 s. Fires once all are gone. New ones
        are turned away from now on."""
        stopped = self.room.stop()
        if not self.room:
            return stopped
        cut = self.reactor.callLater(self.service.limits.smtp_stop, self._cut_all)

        def done(result: None) -> None:
            if cut.active():
                cut.cancel()

        return stopped.addCallback(done)

    def _cut_all(self) -> None:
        for connection in self.room.guests():
            connection.cut()
