"""The name server of `peers.dns` in a thread, over UDP, for tests that have no reactor."""

from __future__ import annotations

import socketserver
import threading
from typing import Any

from tests.peers.dns import DnsPeer


class DnsThread:
    """`zone`: as DnsPeer's; may be changed while it runs (answers have a TTL of one second)."""

    def __init__(self) -> None:
        self.peer = DnsPeer(None)
        self.peer.ttl = self.peer.negative_ttl = 1
        self.zone = self.peer.zone
        peer = self.peer

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, where = self.request
                where.sendto(peer.answer(data), self.client_address)

        self._server: Any = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
