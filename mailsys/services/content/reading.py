"""Reading a staged message once: its facts, its header block, whether it is 7-bit.

Small, plain content is read where we stand (a fraction of a millisecond). Larger content is read in a
worker thread, from the file that the store staged, mapped into memory; so is what is small but made
of thousands of addresses, tags or parts, which takes tens of milliseconds.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from twisted.internet.defer import Deferred

from mailsys.core.message.facts import MessageFacts
from mailsys.core.message.header import MAX_HEADER, unfold
from mailsys.ports.blobs import StagedBlob

T = TypeVar("T")

AT_ONCE: Final = 64 * 1024  # octets at most that are read on the reactor's thread
_TRIVIAL: Final = 1024  # octets that cannot take long, whatever they are
_SMALL: Final = 5120  # octets whose body cannot
_HEADER_AT_ONCE: Final = 16 * 1024
_STEP: Final = 1024 * 1024

Analyse = Callable[["bytes | mmap.mmap"], MessageFacts]


class Offload(Protocol):
    """Runs work in a thread, such as `partial(deferToThreadPool, reactor, pool)`."""

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]: ...


@dataclass(frozen=True, slots=True)
class Reading:
    facts: MessageFacts
    header: bytes  # blank line included, at most 256 KiB
    seven_bit: bool  # no octet above 127; only looked at when asked for, else True

    def with_fields(self, fields: bytes, at: int) -> Reading:
        """Of the same message with these header fields (ASCII, CRLF at the end) from the octet `at` on, where
        a field ends."""
        facts, size = self.facts, len(fields)
        lines = unfold(fields).decode("ascii").split("\r\n")
        text = "".join(f"{' '.join(line.split()).casefold()}\n" for line in lines if line)
        return Reading(
            replace(
                facts,
                size=facts.size + size,
                header_size=facts.header_size + size,
                header_text=text + facts.header_text,
            ),
            (self.header[:at] + fields + self.header[at:])[:MAX_HEADER],
            self.seven_bit,
        )


def is_plain(data: bytes) -> bool:
    """Whether reading this takes less than about 5 ms. Judged by counts of what costs time (measured:
    2 us a word or address of a list, 1 us a tag, 10 us a part), which ordinary mail has few of."""
    size = len(data)
    if size <= _TRIVIAL:
        return True
    if size > AT_ONCE:
        return False
    end = data.find(b"\r\n\r\n", 0, _HEADER_AT_ONCE)
    if end < 0:
        return False
    header = data[:end]
    # translate is the cheapest way to count: one pass, a nanosecond an octet.
    if end - len(header.translate(None, b",;()[]")) > 500 or end - len(header.translate(None, b" \n")) > 1800:
        return False
    if size <= _SMALL:
        return True
    lower = header.lower()
    if b"multipart/" in lower or b"message/" in lower:
        lower = data.lower()
        if data.count(b"\n--", end) > 64 or b"message/rfc822" in lower or b"message/global" in lower:
            return False
    return b"text/html" not in lower or size - len(data.translate(None, b"<&")) <= 4000


class MessageReader:
    """`analyse` is `core.message.analysis.analyse`."""

    def __init__(self, analyse: Analyse, offload: Offload) -> None:
        self._analyse = analyse
        self._offload = offload

    def at_once(self, blob: StagedBlob) -> bool:
        """Whether `read_now` will do."""
        return blob.data is not None and is_plain(blob.data)

    def read_now(self, blob: StagedBlob) -> Reading:
        """For small content; on the reactor's thread only when `at_once` says so."""
        data = blob.data or b""
        facts = self._analyse(data)
        return Reading(facts, data[: min(facts.header_size, MAX_HEADER)], data.isascii())

    async def read(self, blob: StagedBlob, bits: bool = False) -> Reading:
        """`bits`: tell whether it is 7-bit, too."""
        if self.at_once(blob):
            return self.read_now(blob)
        if blob.data is not None and len(blob.data) <= AT_ONCE:
            return await self._offload(lambda: self.read_now(blob))
        return await self._offload(lambda: self._read_in_thread(blob, bits))

    def _read_in_thread(self, blob: StagedBlob, bits: bool) -> Reading:
        if blob.path is None:
            data = blob.data or b""
            return self._read(data, len(data), bits)
        with open(blob.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return self._read(mapped, len(mapped), bits)

    def _read(self, content: bytes | mmap.mmap, size: int, bits: bool) -> Reading:
        facts = self._analyse(content)
        header = bytes(content[: min(facts.header_size, MAX_HEADER)])
        seven_bit = not bits or all(content[i : i + _STEP].isascii() for i in range(0, size, _STEP))
        return Reading(facts, header, seven_bit)
