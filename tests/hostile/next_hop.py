"""A next hop that writes down every octet it is sent, on blocking sockets in a thread."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.hostile.target import HERE


class NextHop(threading.Thread):
    """`answers[command]`: what is answered in place of 250; `refused[address]`, what to RCPT of that one.
    `heard`: all octets, of all connections."""

    def __init__(self, *offers: bytes) -> None:
        super().__init__(daemon=True)
        self._listening = socket.create_server((HERE, 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Lock()
        self.offers = offers
        self.answers: dict[bytes, bytes] = {}
        self.refused: dict[bytes, bytes] = {}
        self.heard = b""
        self.taken: list[bytes] = []  # contents as they went over the wire, without the final dot

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _hear(self, octets: bytes) -> None:
        with self._lock:
            self.heard += octets

    def _serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as file, contextlib.suppress(OSError):
            peer.sendall(self.answers.get(b"GREETING", b"220 next.example ESMTP\r\n"))
            while line := file.readline():
                self._hear(line)
                verb = line[:4].upper()
                answer = self.answers.get(verb, b"250 2.0.0 ok\r\n")
                if verb == b"RCPT":
                    address = line.partition(b"<")[2].partition(b">")[0]
                    answer = self.refused.get(address, answer)
                if verb == b"EHLO" and verb not in self.answers:
                    answer = b"".join(b"250-%b\r\n" % each for each in (b"next.example", *self.offers))
                    answer += b"250 HELP\r\n"
                elif verb == b"DATA" and verb not in self.answers:
                    peer.sendall(b"354 go\r\n")
                    content = b""
                    # The laxest of all ends of data: what a smuggler hopes the next hop believes.
                    while not (b"\n" + content).endswith((b"\n.\r\n", b"\n.\n", b"\r.\r")):
                        octet = file.read(1)
                        if not octet:
                            break
                        content += octet
                    self._hear(content)
                    self.taken.append(content)
                elif verb == b"BDAT":
                    self.taken.append(file.read(int(line.split()[1])))
                elif verb == b"QUIT":
                    answer = b"221 2.0.0 bye\r\n"
                peer.sendall(answer)
                if verb == b"QUIT":
                    return
