"""Where the server listens: bound while it may still be root, opened once it is ready to serve.

Binding and listening are two steps: a bound socket holds its port but refuses connections, so that
nobody is greeted by a server whose store is still opening.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import ServerFactory

from mailsys.log import Log
from mailsys.settings_file import host_port

log = Log("endpoints")


class BindError(Exception):
    """An endpoint cannot be had; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A port that is ours: `service` is its name in the settings, `address` where it came to lie."""

    service: str
    address: str  # "127.0.0.1:25", "[::]:25"
    socket: socket.socket


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
    # getaddrinfo of a numeric address never asks a name server; it understands scopes (fe80::1%eth0).
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        taken.bind(address)
        taken.setblocking(False)
    except BaseException:
        taken.close()
        raise
    name = taken.getsockname()
    return Bound(service, f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}", taken)


class Listeners:
    """The open endpoints, closed together."""

    def __init__(self, reactor: IReactorSocket) -> None:
        self._reactor = reactor
        self._ports: list[IListeningPort] = []

    def open(self, bound: Bound, factory: ServerFactory[Any], backlog: int) -> None:
        """Begin to take connections on `bound`, which is used up by this. Raises BindError."""
        try:
            bound.socket.listen(backlog)
            # The reactor works on a duplicate of the descriptor.
            port = self._reactor.adoptStreamPort(bound.socket.fileno(), bound.socket.family, factory)
        except OSError as problem:
            raise BindError(
                f"cannot listen on {bound.address} for {bound.service}: {problem.strerror}"
            ) from None
        finally:
            bound.socket.close()
        self._ports.append(port)
        log.info("listening", service=bound.service, address=bound.address)

    async def close(self) -> None:
        """Take no more connections; those that are open stay."""
        ports, self._ports = self._ports, []
        waits = [waiting for port in ports if (waiting := port.stopListening()) is not None]
        await gatherResults(waits, consumeErrors=True)
