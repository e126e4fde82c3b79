"""HTTP as octets on a socket, from a thread: for what a client library hides."""

import socket
from typing import Any

from twisted.internet.threads import deferToThread


def talk(port: int, *pieces: bytes, timeout: float = 10.0, until: bytes | None = None) -> Any:
    """Send the pieces, then read until the server closes (or `until` was seen); fires with what came."""

    def work() -> bytes:
        got = b""
        try:
            connected = socket.create_connection(("127.0.0.1", port), timeout)
        except ConnectionResetError:
            return got
        with connected as connection:
            for piece in pieces:
                try:
                    connection.sendall(piece)
                except OSError:
                    break
            while until is None or until not in got:
                try:
                    data = connection.recv(65536)
                except ConnectionResetError:
                    break
                if not data:
                    break
                got += data
        return got

    return deferToThread(work)


def head(method: str, path: str, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
