"""The control socket: how commands reach the process that owns the store.

A Unix socket `control.sock` in the state folder, mode 0600. A connection carries one JSON line with
a command (`services.operating.commands`) and one with the reply; a command that takes long sends lines
with its progress before that, and ends when the other side leaves. Whoever may open it may do everything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime, IReactorUNIX
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.python.failure import Failure

from mailsys.core.refusal import Refusal
from mailsys.log import Log
from mailsys.ports.storage import Progress
from mailsys.services.operating.administration import Administration, decode
from mailsys.services.operating.commands import Reply

log = Log("control")

NAME: Final = "control.sock"
LONGEST: Final = 1024 * 1024  # octets of a request
_PATIENCE: Final = 30.0  # seconds for a request to arrive
_LONGEST_PATH: Final = 100  # sun_path has 108 octets on Linux, 104 on BSD


class ControlProtocol(Protocol):
    """One request, one reply."""

    factory: ControlFactory

    def __init__(self) -> None:
        self._received: list[bytes] = []
        self._octets = 0
        self._timer: IDelayedCall | None = None
        self._asked = False
        self._left = False

    def connectionMade(self) -> None:  # noqa: N802
        self._timer = self.factory.clock.callLater(_PATIENCE, self._close)

    def connectionLost(self, reason: Failure = ...) -> None:  # type: ignore[assignment] # noqa: N802
        self._rest()
        self._left = True

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._asked:
            return
        self._received.append(data)
        self._octets += len(data)
        if b"\n" in data:
            self._asked = True
            self._rest()
            ensureDeferred(self._answer(b"".join(self._received).partition(b"\n")[0]))
        elif self._octets > LONGEST:
            self._close()

    async def _answer(self, line: bytes) -> None:
        try:
            reply = Reply(result=await self.factory.administration.perform(decode(line), self._tell))
        except Refusal as refusal:
            reply = Reply(refused=refusal.text)
        except Exception as problem:
            log.error("command failed", failure=problem)
            reply = Reply(refused=f"Failed: {type(problem).__name__}; the log says more")
        if self.transport is not None:
            self.transport.write(msgspec.json.encode(reply) + b"\n")
            self._close()

    def _tell(self, progress: Progress) -> bool:
        if self.transport is not None and not self._left:
            self.transport.write(msgspec.json.encode(Reply(progress=progress)) + b"\n")
        return not self._left

    def _rest(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


class ControlFactory(ServerFactory[ControlProtocol]):
    protocol = ControlProtocol
    noisy = False

    def __init__(self, administration: Administration, clock: IReactorTime) -> None:
        self.administration = administration
        self.clock = clock


class ControlSocket:
    """The listening socket. Twisted removes it from the folder when it is closed."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._open = ExitStack()
        self._port: IListeningPort | None = None

    def open(self, reactor: IReactorUNIX, factory: ControlFactory) -> None:
        """Whoever holds the store calls this, so a socket found there is a dead one's."""
        (self._state / NAME).unlink(missing_ok=True)
        path = self._open.enter_context(address(self._state))
        # Twisted sets the mode between binding and listening, so nobody slips in before.
        self._port = reactor.listenUNIX(path, factory, backlog=16, mode=0o600)  # type: ignore[arg-type]

    async def close(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        with suppress(OSError):  # somebody removed the socket
            await _stopped(port)
        self._open.close()


@contextmanager
def address(state: Path) -> Iterator[str]:
    """The path of the socket in a form that fits into a socket address, however deep the folder is.
    It holds as long as the context."""
    path = str(state / NAME)
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


async def _stopped(port: IListeningPort) -> None:
    waiting = port.stopListening()
    if isinstance(waiting, Deferred):
        await waiting
