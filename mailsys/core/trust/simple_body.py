"""DKIM's "simple" body canonicalisation (RFC 6376 §3.4.3), window by window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailsys.core.smtp.wire_body import LineEnds

_EMPTY_LINES: Final = b"\r\n" * 16384


class SimpleBody:
    """Feeds the canonical form to `update`, whatever cut the windows have: line ends are only counted
    until other text follows."""

    __slots__ = ("_ends", "_lines", "_update")

    def __init__(self, update: Callable[[bytes], object]) -> None:
        self._update = update
        self._ends = LineEnds()
        self._lines = 0  # CRLFs seen since the last text

    def feed(self, data: bytes) -> None:
        self._take(self._ends.feed(data))

    def finish(self) -> None:
        self._take(self._ends.finish())
        self._update(b"\r\n")  # exactly one, also for an empty body

    def _take(self, data: bytes) -> None:
        if not data:
            return
        text = data.rstrip(b"\r\n")
        if text:
            while self._lines:
                count = min(self._lines, 16384)
                self._update(_EMPTY_LINES[: 2 * count])
                self._lines -= count
            self._update(text)
        self._lines += (len(data) - len(text)) // 2
