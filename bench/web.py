"""A small HTTP/1.1 and WebSocket client on asyncio, for the benchmarks of the web API."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import Any


class Http:
    """One keep-alive connection."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.port = port
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Basic {token}\r\n"

    async def open(self) -> Http:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        return self

    async def ask(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\n{self.head}"
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n")
        if body:
            self.writer.write(body)
        await self.writer.drain()
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : lower.index(b"\r\n", at)]) if at >= 0 else 0
        return status, await self.reader.readexactly(length)

    async def call(self, using: list[str], *calls: Any) -> Any:
        body = json.dumps({"using": using, "methodCalls": calls}).encode()
        status, answer = await self.ask("POST", "/jmap/api", body)
        assert status == 200, answer
        return json.loads(answer)["methodResponses"]

    def close(self) -> None:
        self.writer.close()


class Socket:
    """A WebSocket with the jmap subprotocol."""

    def __init__(self, http: Http) -> None:
        self.http = http

    async def open(self) -> Socket:
        http = self.http
        if not hasattr(http, "writer"):
            await http.open()
        key = base64.b64encode(os.urandom(16)).decode()
        http.writer.write(
            f"GET /jmap/ws HTTP/1.1\r\n{http.head}Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: jmap\r\n\r\n".encode()
        )
        head = await http.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return self

    def send(self, value: Any) -> None:
        data = json.dumps(value).encode()
        assert len(data) < 65536
        mask = b"\0\0\0\0"  # a mask of zeros leaves the octets as they are
        size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self.http.writer.write(b"\x81" + size + mask + data)

    async def receive(self) -> Any:
        """The next text message; pings are answered."""
        reader = self.http.reader
        while True:
            first, size = await reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await reader.readexactly(8), "big")
            data = await reader.readexactly(size)
            if first & 15 == 9:
                self.http.writer.write(b"\x8a" + bytes((0x80 | len(data),)) + b"\0\0\0\0" + data)
            elif first & 15 == 1:
                return json.loads(data)
            elif first & 15 == 8:
                raise ConnectionError(data)
