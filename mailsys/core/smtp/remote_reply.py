"""A server's replies, read from the wire (RFC 5321 §4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LINE_AT_MOST: Final = 4096  # octets; RFC 5321 §4.5.3.1.5 says 512
LINES_AT_MOST: Final = 128
TEXT_AT_MOST: Final = 1000  # characters of the joined text that are kept


class BadReply(Exception):
    """What the peer sent is no SMTP reply, or is endless."""


@dataclass(frozen=True, slots=True)
class RemoteReply:
    """code: 200-599. lines: the texts after the code, undecoded."""

    code: int
    lines: tuple[bytes, ...] = ()

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 2034 §3) of the right class, or ""."""
        found = _ENHANCED.match(self.lines[0]) if self.lines else None
        return found[1].decode() if found and found[1][:1] == b"%d" % (self.code // 100) else ""

    @property
    def text(self) -> str:
        """`550 5.1.1 all its text`: one printable line, the status code once."""
        words = []
        for line in self.lines:
            found = _ENHANCED.match(line)
            words.append(line[found.end() :] if found and self.enhanced else line)
        joined = b" ".join(words)[: 2 * TEXT_AT_MOST].decode("utf-8", "replace")
        joined = " ".join(_UNPRINTABLE.sub(" ", joined).split())[:TEXT_AT_MOST]
        return " ".join(word for word in (str(self.code), self.enhanced, joined) if word)


_ENHANCED = re.compile(rb"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]|$)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)  # RFC 5321 §4.2: Reply-line


class ReplyReader:
    """Bytes in, replies out, each bounded."""

    __slots__ = ("_buffer", "_code", "_lines", "_seen")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0  # octets of the buffer known to hold no LF
        self._code = 0
        self._lines: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished, or of an unasked, reply are held."""
        return bool(self._buffer or self._lines)

    def clear(self) -> None:
        """Forget everything that has come in (RFC 3207 §4.2: nothing from before TLS survives it)."""
        self._buffer.clear()
        self._seen = 0
        self._lines.clear()

    def next_reply(self) -> RemoteReply | None:
        """The next whole reply; None: more bytes are needed. Raises BadReply."""
        while (end := self._buffer.find(b"\n", self._seen)) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._seen = 0
            found = _LINE.fullmatch(line) if len(line) <= LINE_AT_MOST else None
            if found is None:
                raise BadReply("not an SMTP reply")
            code = int(found[1])
            if self._lines and code != self._code:
                raise BadReply("a reply changes its code midway")
            self._code = code
            self._lines.append(found[3] or b"")
            if found[2] != b"-":
                reply = RemoteReply(code, tuple(self._lines))
                self._lines.clear()
                return reply
            if len(self._lines) >= LINES_AT_MOST:
                raise BadReply("a reply without end")
        self._seen = len(self._buffer)
        if self._seen > LINE_AT_MOST:
            raise BadReply("a reply line without end")
        return None
