"""A message's content on its way into DATA: CRLF lines, dots stuffed (RFC 5321 §2.3.8, §4.5.2)."""

from __future__ import annotations


class LineEnds:
    """Makes every line end CRLF, window by window, whatever cut the windows have.

    Stored messages have CRLF lines already and pass untouched; a bare CR or LF (from an APPEND, say)
    becomes CRLF, since neither may go on the wire (RFC 5321 §2.3.8) and both are how messages are
    smuggled. `finish` gives what was held back.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = False  # a CR at the end of the last window

    def feed(self, data: bytes) -> bytes:
        if self._held and data:
            data = b"\r" + data
            self._held = False
        if data.endswith(b"\r"):
            data = data[:-1]
            self._held = True
        pairs = data.count(b"\r\n")
        if pairs != data.count(b"\n") or pairs != data.count(b"\r"):
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        return data

    def finish(self) -> bytes:
        held, self._held = self._held, False
        return b"\r\n" if held else b""


class DotStuffer:
    """Content -> what goes between 354 and the reply, the final dot included."""

    __slots__ = ("_at_line_start", "_ends")

    def __init__(self) -> None:
        self._ends = LineEnds()
        self._at_line_start = True

    def feed(self, data: bytes) -> bytes:
        return self._stuff(self._ends.feed(data))

    def finish(self) -> bytes:
        """The rest: a last line end where the content lacks one, then the dot."""
        rest = self._stuff(self._ends.finish())
        return rest + (b".\r\n" if self._at_line_start else b"\r\n.\r\n")

    def _stuff(self, data: bytes) -> bytes:
        if not data:
            return b""
        first = self._at_line_start and data.startswith(b".")
        # a window never ends between CR and LF, so a line start is seen in it or remembered
        self._at_line_start = data.endswith(b"\r\n")
        if b"\r\n." in data:
            data = data.replace(b"\r\n.", b"\r\n..")
        return b"." + data if first else data
