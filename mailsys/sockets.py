"""Sending at once what fits into the socket's buffer."""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Server


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
