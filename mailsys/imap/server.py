"""The IMAP server's factory: what its sessions share, how many there are, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool

from mailsys.core.imap import response
from mailsys.core.message.analysis import analyse
from mailsys.imap.connection import ImapConnection
from mailsys.imap.content import Contents
from mailsys.imap.session import Parts
from mailsys.imap.wheel import Wheel
from mailsys.imap.wire import LAST_GRACE, Connection
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.events import IEvents
from mailsys.ports.mail import IMailStore
from mailsys.services.access.authentication import ISignIn
from mailsys.services.content.reading import MessageReader, Offload
from mailsys.services.mailboxes.account import Mailboxes
from mailsys.settings import Limits
from mailsys.sockets import is_last

log = Log("imap")

_STOP: Final = 30.0  # seconds that a stopping server waits for commands under way


class ImapFactory(Factory):
    """One port of the server: 143, or 993 (`implicit_tls`: wrapped by the caller, or else by us).

    `tls` is a context factory for TLS; None: not offered. `login_without_tls` lets clients on
    loopback sign in in the clear. Ports of one process should share `mailboxes`, so that a mailbox
    is in memory once. `offload` runs work in threads, which should be few: they share the interpreter.
    """

    noisy = False

    def __init__(
        self,
        mail: IMailStore,
        blobs: IBlobStore,
        events: IEvents,
        sign_in: ISignIn,
        hostname: str,
        limits: Limits,
        reactor: Any,
        *,
        tls: Any = None,
        implicit_tls: bool = False,
        login_without_tls: bool = False,
        mailboxes: Mailboxes | None = None,
        offload: Offload | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        """now: Unix time (None: the reactor's)."""
        offload = offload or partial(deferToThreadPool, reactor, reactor.getThreadPool())
        self.mailboxes = mailboxes or Mailboxes(mail, events, reactor)
        self.parts = Parts(
            mail,
            blobs,
            sign_in,
            self.mailboxes,
            Contents(blobs, offload),
            MessageReader(analyse, offload),
            offload,
            limits,
            reactor,
            hostname,
            tls is not None,
            login_without_tls,
            now or reactor.seconds,
        )
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.wheel = Wheel(reactor)
        self._reactor = reactor
        self._connections: set[Connection] = set()
        self._addresses: dict[str, int] = {}
        self._stopped: Deferred[None] | None = None

    def buildProtocol(self, _address: IAddress | None) -> IProtocol:  # type: ignore[override]  # noqa: N802
        return ImapConnection(self)

    @property
    def connections(self) -> int:
        """Open at this moment."""
        return len(self._connections)

    def admit(self, connection: Connection, address: str) -> bytes | None:
        """Count a connection in; or what turns it away."""
        limits = self.parts.limits
        if self._stopped is not None:
            return response.untagged(b"BYE", "The server is closing", b"UNAVAILABLE")
        here = self._addresses.get(address, 0)
        full = len(self._connections) >= limits.connections or is_last(connection.transport)
        if full or here >= limits.connections_per_address:
            log.info("turned away", peer=address, here=here, connections=len(self._connections))
            return response.untagged(b"BYE", "Too many connections", b"LIMIT")
        self._connections.add(connection)
        self._addresses[address] = here + 1
        return None

    def gone(self, connection: Connection, address: str) -> None:
        self._connections.discard(connection)
        left = self._addresses[address] - 1
        if left:
            self._addresses[address] = left
        else:
            del self._addresses[address]
        if self._stopped is not None and not self._connections and not self._stopped.called:
            self._stopped.callback(None)

    def stop(self) -> Deferred[None]:
        """BYE to all; commands under way are answered first, within 30 s. Fires once all are gone.
        New connections are turned away from now on."""
        if self._stopped is not None:
            return self._stopped
        if not self._connections:
            self.wheel.stop()
            self._stopped = succeed(None)
            return self._stopped
        stopped = self._stopped = Deferred()
        deadline = self._reactor.callLater(_STOP, self._abort_all)
        deaf = LoopingCall(self._abort_deaf)
        deaf.clock = self._reactor
        deaf.start(LAST_GRACE / 4, now=False)

        def done(result: None) -> None:
            self.wheel.stop()
            deaf.stop()
            if deadline.active():
                deadline.cancel()

        stopped.addCallback(done)
        for connection in tuple(self._connections):
            connection.stop()
        return stopped

    def _abort_deaf(self) -> None:
        """Those that neither read our BYE nor close."""
        now = self._reactor.seconds()
        for connection in tuple(self._connections):
            if connection.closing and connection.deadline <= now:
                connection.abort()

    def _abort_all(self) -> None:
        log.warning("stop", cause="commands still under way were cut off", connections=len(self._connections))
        for connection in tuple(self._connections):
            connection.abort()
