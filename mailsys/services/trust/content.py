"""A message's bytes as its checks want them: what arrived, without what we put in front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailsys.ports.blobs import StagedBlob
from mailsys.services.content.reading import AT_ONCE, Reading

WINDOW: Final = 256 * 1024
HEADER_AT_ONCE: Final = 16 * 1024  # octets canonicalised on the reactor's thread


@dataclass(frozen=True, slots=True)
class Content:
    """`header`: up to the blank line, as it arrived, without trace fields of ours; at most 256 KiB, and
    `whole` tells whether that is all of it. `body`: where the body begins in the blob."""

    header: bytes
    blob: StagedBlob
    body: int
    whole: bool = True

    @classmethod
    def of(cls, blob: StagedBlob, reading: Reading, ours: int) -> Content:
        """`ours`: octets in front of the blob that did not arrive (Return-Path, Received)."""
        body = reading.facts.header_size
        ended = reading.header.endswith((b"\r\n\r\n", b"\n\n")) or body >= blob.size
        return cls(reading.header[ours:], blob, body, ended)

    @property
    def fields(self) -> int:
        """How many there are in the header, counted without reading it."""
        header = self.header
        return header.count(b"\n") - header.count(b"\n ") - header.count(b"\n\t")

    @property
    def small(self) -> bool:
        """Whether looking at all of it takes no time worth a thread."""
        return len(self.header) <= HEADER_AT_ONCE and self.blob.size - self.body <= AT_ONCE

    def windows(self) -> Iterator[bytes]:
        """The body, piece by piece; in a thread unless it is small: it may be read from disk."""
        if self.blob.path is None:
            data = self.blob.data or b""
            for at in range(self.body, len(data), WINDOW):
                yield data[at : at + WINDOW]
            return
        with open(self.blob.path, "rb") as file:
            file.seek(self.body)
            while window := file.read(WINDOW):
                yield window
