"""DKIM's "relaxed" body canonicalisation (RFC 6376 §3.4.4), window by window, in linear time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailsys.core.smtp.wire_body import LineEnds

_EMPTY_LINES: Final = b"\r\n" * 16384


class RelaxedBody:
    """Feeds the canonical form to `update`, whatever cut the windows have.

    What ends a line or the body may still be dropped, so line ends and a last blank are only counted
    until other text follows; nothing else is kept between windows.
    """

    __slots__ = ("_any", "_blank", "_ends", "_lines", "_update")

    def __init__(self, update: Callable[[bytes], object]) -> None:
        self._update = update
        self._ends = LineEnds()
        self._lines = 0  # CRLFs seen since the last text
        self._blank = False  # white space seen after them
        self._any = False

    def feed(self, data: bytes) -> None:
        self._take(self._ends.feed(data))

    def finish(self) -> None:
        self._take(self._ends.finish())
        if self._any:
            self._update(b"\r\n")  # exactly one, whether there were none or many

    def _take(self, data: bytes) -> None:
        if not data:
            return
        if self._blank:
            data = b" " + data
        if b"\t" in data:
            data = data.replace(b"\t", b" ")
        while b"  " in data:  # each turn halves the runs
            data = data.replace(b"  ", b" ")
        if b" \r\n" in data:
            data = data.replace(b" \r\n", b"\r\n")
        text = data.rstrip(b" \r\n")
        rest = data[len(text) :]
        self._blank = rest.endswith(b" ")
        if text:
            while self._lines:
                count = min(self._lines, 16384)
                self._update(_EMPTY_LINES[: 2 * count])
                self._lines -= count
            self._update(text)
            self._any = True
        self._lines += rest.count(b"\n")
