"""What Twisted's transports do not offer: sending at once, keeping alive, and giving buffers back."""

from __future__ import annotations

import resource
import socket
from typing import Any, Final

from OpenSSL import SSL
from twisted.internet.tcp import Server

SPARE: Final = 64  # descriptors that are left to the store, look-ups and mail on its way out


def is_last(transport: Any) -> bool:
    """Whether a new connection has one of the process's last descriptors: it should be told, and closed.
    Where accept() fails for want of one Twisted can only drop the client without a word. Descriptors are
    given out lowest first, so the number tells. Should what has no number be asked, the answer is no."""
    number = getattr(transport, "fileno", lambda: -1)()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return bool(most != resource.RLIM_INFINITY and number >= most - min(SPARE, most // 4))


def send_now(transport: Any, data: bytes) -> None:
    """As `transport.write(data)`, without a turn through the reactor where that is possible.

    Twisted asks epoll whether a socket can be written to, waits for the answer, writes, and tells epoll
    to forget it: for a short reply to an idle client that is most of the cost. On a plain TCP
    connection that has nothing else to send the reply goes to the socket directly, and only what it
    does not take goes the long way. This looks at private attributes of Twisted's transport; should
    they ever change, `write` does all the work.
    """
    if (
        type(transport) is Server
        and not transport.TLS
        and transport.connected
        and not transport.disconnecting
    ):
        try:
            if not transport.dataBuffer and not transport._tempDataBuffer:
                sent = transport.socket.send(data)
                if sent == len(data):
                    return
                data = data[sent:]
        except (OSError, AttributeError):
            pass  # `write` meets the same error, and knows what to do about it
    transport.write(data)


def keep_alive(transport: Any, idle: int) -> None:
    """Have the system probe a connection that was silent for `idle` seconds, where it lets us say so (else
    when it thinks fit), so that one whose other end is gone without a word is noticed."""
    transport.setTcpKeepAlive(1)
    under = getattr(transport, "transport", None) or transport  # of TLS that wraps the connection
    handle = getattr(under, "socket", None)
    if handle is not None and hasattr(socket, "TCP_KEEPIDLE"):
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)


def give_back_buffers(transport: Any) -> bool:
    """For a TLS session that will lie idle: let go of what OpenSSL keeps for octets in transit.

    Its memory BIOs never shrink: 3 to 10 KB each session, from the handshake on. New ones take their place
    while both are empty; True when that was done. pyOpenSSL has no name for this: should its insides ever
    change, nothing happens here but that the memory stays taken.
    """
    connection = transport.getHandle()
    try:
        library: Any = SSL._lib  # type: ignore[attr-defined]
        where: Any = SSL._ffi.new("char **")  # type: ignore[attr-defined]
        if any(library.BIO_get_mem_data(one, where) for one in (connection._into_ssl, connection._from_ssl)):
            return False
        arriving, leaving = library.BIO_new(library.BIO_s_mem()), library.BIO_new(library.BIO_s_mem())
        if not arriving or not leaving:
            return False
        library.SSL_set_bio(connection._ssl, arriving, leaving)  # frees the old ones
        connection._into_ssl, connection._from_ssl = arriving, leaving
    except AttributeError:
        return False
    return True
