"""The SMTP server's factory: counts connections, and stops them gracefully."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime
from twisted.internet.protocol import Factory

from mailsys.core.refusal import ShuttingDown, TooManyConnections
from mailsys.core.smtp.reply import refused
from mailsys.log import Log
from mailsys.services.access.authentication import ISignIn
from mailsys.services.delivery.transactions import ITransactions
from mailsys.settings import Limits
from mailsys.smtp.connection import SmtpConnection
from mailsys.smtp.service import Service
from mailsys.sockets import is_last

log = Log("smtp")

_STOP: Final = 30.0  # seconds a stopping server waits for messages that are arriving
_FULL: Final = refused(TooManyConnections("Too many connections, try again later"))


class SmtpFactory(Factory):
    """One port of the server: 25 (`submission` False), 587, or 465 (wrapped in TLS by the caller).

    `tls` is a context factory for STARTTLS; None: not offered. `login_without_tls` lets clients on
    loopback sign in in the clear. `require_tls` offers REQUIRETLS under TLS: only once sending keeps it.
    `now`: Unix time (None: the reactor's).
    """

    noisy = False

    def __init__(
        self,
        transactions: ITransactions,
        sign_in: ISignIn | None,
        hostname: str,
        limits: Limits,
        reactor: IReactorTime,
        *,
        submission: bool,
        tls: Any = None,
        login_without_tls: bool = False,
        require_tls: bool = False,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.service = Service(
            transactions,
            sign_in,
            hostname,
            limits,
            submission,
            tls is not None,
            login_without_tls,
            require_tls,
            now or reactor.seconds,
        )
        self.reactor = reactor
        self.tls = tls
        self._connections: set[SmtpConnection] = set()
        self._addresses: dict[str, int] = {}
        self._stopped: Deferred[None] | None = None

    def buildProtocol(self, _address: IAddress | None) -> IProtocol:  # type: ignore[override]  # noqa: N802
        return SmtpConnection(self)

    @property
    def connections(self) -> int:
        """Open at this moment."""
        return len(self._connections)

    def admit(self, connection: SmtpConnection, address: str) -> bytes | None:
        """Count a connection in; or the reply that turns it away."""
        limits = self.service.limits
        if self._stopped is not None:
            return refused(ShuttingDown()).render()
        if len(self._connections) >= limits.connections:
            log.warning("turned away", address=address, cause="connections in all")
            return _FULL.render()
        if is_last(connection.transport):
            log.warning("turned away", address=address, cause="file descriptors")
            return _FULL.render()
        here = self._addresses.get(address, 0)
        if here >= limits.connections_per_address:
            log.info("turned away", address=address, cause="connections of this address")
            return refused(TooManyConnections()).render()
        self._connections.add(connection)
        self._addresses[address] = here + 1
        return None

    def gone(self, connection: SmtpConnection, address: str) -> None:
        self._connections.discard(connection)
        left = self._addresses[address] - 1
        if left:
            self._addresses[address] = left
        else:
            del self._addresses[address]
        if self._stopped is not None and not self._connections and not self._stopped.called:
            self._stopped.callback(None)

    def stop(self) -> Deferred[None]:
        """Idle sessions are told to come back later, those in the middle of a message after limits.smtp_stop
        seconds; a message that is whole gets its answer first, within 30 s. Fires once all are gone. New ones
        are turned away from now on."""
        if self._stopped is not None:
            return self._stopped
        if not self._connections:
            self._stopped = succeed(None)
            return self._stopped
        stopped = self._stopped = Deferred()
        deadlines = (
            self.reactor.callLater(self.service.limits.smtp_stop, self._cut_all),
            self.reactor.callLater(_STOP, self._abort_all),
        )

        def done(result: None) -> None:
            for deadline in deadlines:
                if deadline.active():
                    deadline.cancel()

        stopped.addCallback(done)
        for connection in tuple(self._connections):
            connection.stop()
        return stopped

    def _cut_all(self) -> None:
        for connection in tuple(self._connections):
            connection.cut()

    def _abort_all(self) -> None:
        log.warning(
            "stop", cause="sessions that did not end were cut off", connections=len(self._connections)
        )
        for connection in tuple(self._connections):
            connection.abort()
