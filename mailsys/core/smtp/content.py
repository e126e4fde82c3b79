"""The content of a message as it arrives: where DATA ends, dots, line ends, size.

Only CRLF ends a line and only CRLF.CRLF ends DATA. Content with a bare CR or LF is read to its true
end and then refused: passed on, another server might see an end of data in it (SMTP smuggling).
"""

from __future__ import annotations

from typing import Final

from mailsys.core.refusal import MessageTooBig
from mailsys.core.smtp.reply import Reply, refused

BARE: Final = Reply(550, "5.6.11", "Bare CR or LF in the message: lines end in CRLF (RFC 5321 2.3.8)")
TOO_BIG: Final = refused(MessageTooBig())

# What a window may end in that the next octets could make part of an end of data, or of a stuffed dot.
_ENDINGS: Final = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


def _bare(content: bytes) -> bool:
    """Whether a CR or LF is left when the pairs are gone. (Counting them is 3 to 5 times slower.)"""
    rest = content.replace(b"\r\n", b"")
    return b"\n" in rest or b"\r" in rest


class DataReader:
    """DATA's content. Feed it windows that begin with what it left over of the last one."""

    __slots__ = ("_begun", "bare", "limit", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0  # octets so far, as stored: without stuffed dots
        self.bare = False
        self._begun = False

    @property
    def refused(self) -> Reply | None:
        if self.size > self.limit:  # RFC 1870 §6.3
            return TOO_BIG
        return BARE if self.bare else None

    def read(self, window: bytes, start: int) -> tuple[bytes, int, bool]:
        """Content of the window from `start`, where what is left begins, and whether DATA ended.

        The content is empty as soon as the message is to be refused. At most 4 octets are left over
        unless it ended.
        """
        if not self._begun:
            # The command's own CRLF is the line end before a first line, which may be the only dot.
            if window[start : start + 3] == b".\r\n":
                return b"", start + 3, True
            if window[start : start + 1] == b".":
                if len(window) - start < 3 and b".\r\n".startswith(window[start:]):
                    return b"", start, False
                start += 1
            elif start == len(window):
                return b"", start, False
            self._begun = True
        dot = window.find(b"\r\n.", start)
        end = dot if dot < 0 or window.startswith(b"\r\n", dot + 3) else window.find(b"\r\n.\r\n", dot)
        if end >= 0:
            stop, left = end + 2, end + 5
        else:
            stop = left = len(window)
            for ending in _ENDINGS:
                if window.endswith(ending, start):
                    stop = left = left - len(ending)
                    break
        content = window[start:stop]
        if 0 <= dot != end:
            content = content.replace(b"\r\n.", b"\r\n")
        self.size += len(content)
        if self.bare or self.size > self.limit:
            return b"", left, end >= 0
        if _bare(content):
            self.bare = True
            return b"", left, end >= 0
        return content, left, end >= 0


class ChunkReader:
    """BDAT's content over all chunks of a message (RFC 3030). `binary`: BODY=BINARYMIME was given,
    then any octets are right; else lines must end in CRLF as in DATA."""

    __slots__ = ("_after_cr", "bare", "binary", "limit", "size")

    def __init__(self, limit: int, binary: bool) -> None:
        self.limit = limit
        self.binary = binary
        self.size = 0
        self.bare = False
        self._after_cr = False

    @property
    def refused(self) -> Reply | None:
        """What the content broke, as far as can be said before it is whole."""
        if self.size > self.limit:
            return TOO_BIG
        return BARE if self.bare else None

    @property
    def refused_at_end(self) -> Reply | None:
        return self.refused or (BARE if self._after_cr and not self.binary else None)

    def read(self, data: bytes) -> bytes:
        """The content to keep of `data`: nothing, as soon as the message is to be refused."""
        self.size += len(data)
        if self.size > self.limit:
            return b""
        if not self.binary and data:
            self._look(data)
        return b"" if self.bare else data

    def _look(self, data: bytes) -> None:
        if self._after_cr:
            if data[0] != 0x0A:
                self.bare = True
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        if _bare(data[:-1] if self._after_cr else data):
            self.bare = True
