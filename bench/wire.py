"""Small asyncio clients for the benchmarks: no more than what they need of SMTP and IMAP."""

from __future__ import annotations

import asyncio
import ssl


class Imap:
    """One IMAP connection. `source` binds the client's address (127.0.0.0/8 is all loopback)."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def open(self, port: int, source: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Imap:
        """`tls`: from the first octet."""
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(source, 0), limit=1 << 26, ssl=tls
        )
        await self.reader.readline()
        self.number = 0
        return self

    async def command(self, text: bytes) -> list[bytes]:
        """Send one command, read to its tagged answer, give all lines (literals inlined as lines)."""
        self.number += 1
        tag = b"c%d" % self.number
        self.writer.write(tag + b" " + text + b"\r\n")
        lines = []
        while True:
            line = await self.reader.readline()
            if not line:
                raise ConnectionError("hung up after %r" % text[:80])
            lines.append(line)
            if line.startswith(tag + b" "):
                if not line.startswith(tag + b" OK"):
                    raise ValueError(line)
                return lines
            if line.endswith(b"}\r\n") and b"{" in line:
                size = int(line[line.rindex(b"{") + 1 : -3])
                lines.append(await self.reader.readexactly(size))

    async def login(self, user: str, password: str) -> None:
        await self.command(b"LOGIN %s %s" % (user.encode(), password.encode()))

    async def idle(self) -> None:
        self.writer.write(b"i IDLE\r\n")
        while not (await self.reader.readline()).startswith(b"+"):
            pass

    def close(self) -> None:
        self.writer.close()


class Smtp:
    """One SMTP connection, one message after the other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def open(self, port: int, source: str = "127.0.0.1") -> Smtp:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        await self.reply()
        await self.say(b"EHLO bench.example")
        return self

    async def reply(self) -> bytes:
        while True:
            line = await self.reader.readline()
            if not line:
                raise ConnectionError("hung up")
            if line[3:4] != b"-":
                return line

    async def say(self, text: bytes) -> bytes:
        self.writer.write(text + b"\r\n")
        return await self.reply()

    async def send(self, sender: str, recipients: list[str], content: bytes) -> bytes:
        """Pipelined envelope, then the content (CRLF lines, no leading dots); the final reply."""
        envelope = [b"MAIL FROM:<%s>" % sender.encode()]
        envelope += [b"RCPT TO:<%s>" % r.encode() for r in recipients]
        self.writer.write(b"\r\n".join([*envelope, b"DATA"]) + b"\r\n")
        for _ in range(len(envelope)):
            reply = await self.reply()
            if not reply.startswith(b"250"):
                raise ValueError(reply)
        reply = await self.reply()
        if not reply.startswith(b"354"):
            raise ValueError(reply)
        self.writer.write(content + b".\r\n")
        await self.writer.drain()
        return await self.reply()

    def close(self) -> None:
        self.writer.close()


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
