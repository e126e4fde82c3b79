"""Where the server listens: bound while it may still be root, opened once it is ready to serve.

Binding and listening are two steps: a bound socket holds its port but refuses connections, so that
nobody is greeted by a server whose store is still opening.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IListeningPort, IReactorSocket

from mailsys.log import Log
from mailsys.settings_file import host_port

log = Log("endpoints")

WITH_DATAGRAMS: Final = frozenset({"dns"})  # by TCP and UDP
_TRIES: Final = 20  # free TCP ports, until one is free for UDP too
_DATAGRAMS_WAITING: Final = 1024 * 1024  # octets that the system keeps for us
_LARGEST_DATAGRAM: Final = 4096


_Socket = socket.socket


class BindError(Exception):
    """An endpoint cannot be had; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A port that is ours: `service` is its name in the settings, `address` where it came to lie.
    `datagrams`: the same port for UDP, where the service has that too."""

    service: str
    address: str  # "127.0.0.1:25", "[::]:25"
    socket: socket.socket
    datagrams: _Socket | None = None

    def close(self) -> None:
        self.socket.close()
        if self.datagrams is not None:
            self.datagrams.close()


def bind(service: str, endpoint: str) -> Bound:
    """Take `endpoint` ("0.0.0.0:25", "[::]:25", "127.0.0.1:0"). "[::]" takes IPv4 too, and is
    "0.0.0.0" on a machine without IPv6. Raises BindError."""
    host, port = host_port(endpoint)
    try:
        return _bind(service, host, port)
    except OSError as problem:
        if host == "::" and problem.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            log.warning("no IPv6 here", service=service, endpoint=endpoint)
            return bind(service, f"0.0.0.0:{port}")
        reason = problem.strerror or str(problem)
        if problem.errno in (errno.EACCES, errno.EPERM) and port < 1024:
            reason += " (ports below 1024 need root; set `user` to drop to afterwards)"
        raise BindError(f"cannot listen on {endpoint} for {service}: {reason}") from None


def _bind(service: str, host: str, port: int) -> Bound:
    both = service in WITH_DATAGRAMS
    for turn in range(_TRIES, 0, -1):
        stream = _take(host, port, socket.SOCK_STREAM)
        name = stream.getsockname()
        address = f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
        if not both:
            return Bound(service, address, stream)
        try:
            return Bound(service, address, stream, _take(host, name[1], socket.SOCK_DGRAM))
        except OSError as problem:
            stream.close()
            if port or problem.errno != errno.EADDRINUSE or turn == 1:
                raise
    raise AssertionError


def _take(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    # getaddrinfo of a numeric address never asks a name server; it understands scopes (fe80::1%eth0).
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=kind, flags=socket.AI_NUMERICHOST
    )[0]
    taken = socket.socket(family, kind, protocol)
    try:
        if kind == socket.SOCK_STREAM:  # of datagrams a second server would get a share
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DATAGRAMS_WAITING)
        if family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        taken.bind(address)
        taken.setblocking(False)
    except BaseException:
        taken.close()
        raise
    return taken


class Listeners:
    """The open endpoints, closed together."""

    def __init__(self, reactor: IReactorSocket) -> None:
        self._reactor = reactor
        self._ports: list[IListeningPort] = []

    def open(self, bound: Bound, factory: Any, backlog: int) -> None:
        """Begin to take connections on `bound`, which is used up by this; datagrams go to the factory's
        `datagrams`. Raises BindError."""
        try:
            bound.socket.listen(backlog)
            # The reactor works on a duplicate of the descriptor.
            self._ports.append(
                self._reactor.adoptStreamPort(bound.socket.fileno(), bound.socket.family, factory)
            )
            if bound.datagrams is not None:
                self._ports.append(
                    self._reactor.adoptDatagramPort(
                        bound.datagrams.fileno(), bound.datagrams.family, factory.datagrams, _LARGEST_DATAGRAM
                    )
                )
        except OSError as problem:
            raise BindError(
                f"cannot listen on {bound.address} for {bound.service}: {problem.strerror}"
            ) from None
        finally:
            bound.close()
        log.info("listening", service=bound.service, address=bound.address)

    async def close(self) -> None:
        """Take no more connections; those that are open stay."""
        ports, self._ports = self._ports, []
        waits = [waiting for port in ports if (waiting := port.stopListening()) is not None]
        await gatherResults(waits, consumeErrors=True)
