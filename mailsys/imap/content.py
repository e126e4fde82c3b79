"""BODY[...] and BINARY[...]: which octets of a stored message a section is (RFC 9051 §6.4.5).

Small messages are read in batches and cut in memory. Larger ones are never held: their part tree
is found in a thread over a copy on disk, remembered, and the octets are streamed from the store.
"""

from __future__ import annotations

import mmap
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from twisted.internet.defer import DeferredSemaphore

from mailsys.core.imap import header_fields
from mailsys.core.imap.commands import Section
from mailsys.core.imap.fetch import cut, from_header
from mailsys.core.imap.response import literal, literal8, without_nul
from mailsys.core.message import mime
from mailsys.core.message.body import ENCODINGS, IDENTITY, decoded, decoded_size
from mailsys.core.message.mime import Content, Part
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import BlobId
from mailsys.services.content.reading import Offload

IN_MEMORY: Final = 256 * 1024  # octets of a message that are cut in memory
IN_MEMORY_PARTS: Final = 64 * 1024  # the same, when the part tree must be found on the reactor
PIECE: Final = 256 * 1024  # octets of one read while streaming
_READ: Final = 1024 * 1024
_TREES: Final = 32  # part trees of large messages that are remembered

T = TypeVar("T")


class UnknownEncoding(Exception):
    """BINARY of a part whose transfer encoding is not known (RFC 9051 §7.1 UNKNOWN-CTE)."""


class ContentGone(Exception):
    """The octets vanished while a literal that promised them was under way."""


def needs_tree(section: Section) -> bool:
    return bool(section.part)


def from_block(section: Section, block: bytes) -> bytes:
    """A section of a header block (the message's own, or one inside it), rendered."""
    return literal(from_header(section, block))


def from_blocks(section: Section, blocks: Sequence[bytes]) -> list[bytes]:
    """`from_block` of many."""
    if not section.fields or section.start is not None:
        return [from_block(section, block) for block in blocks]
    names, negate = section.fields, section.text == b"HEADER.FIELDS.NOT"
    values = [header_fields.select(block, names, negate=negate) for block in blocks]
    return [b"{%d}\r\n%b" % (len(value), without_nul(value)) for value in values]


class InMemory:
    """One small message, for all sections asked of it."""

    __slots__ = ("_data", "_header_size", "_tree")

    def __init__(self, data: bytes, header_size: int) -> None:
        self._data = data
        self._header_size = header_size
        self._tree: Part | None = None

    def render(self, section: Section) -> bytes:
        """The section's value as it goes on the wire. May raise UnknownEncoding."""
        if section.kind.startswith(b"BINARY"):
            return self._binary(section)
        data = self._data
        if not section.part:
            if not section.text:
                return literal(cut(section, data))
            if section.text == b"TEXT":
                return literal(cut(section, data[self._header_size :]))
            return from_block(section, data[: self._header_size])
        found = _locate(self._parts(), section)
        if found is None:
            return b"NIL"
        return from_block(section, data[found[0] : found[1]])

    def check(self, section: Section) -> None:
        """Raises UnknownEncoding where `render` would."""
        if section.part and section.kind.startswith(b"BINARY"):
            part = mime.find_part(self._parts(), section.part)
            if part is not None:
                _decodable(part)

    def _parts(self) -> Part:
        if self._tree is None:
            self._tree = mime.parse(self._data)
        return self._tree

    def _binary(self, section: Section) -> bytes:
        if not section.part:
            value: bytes | None = self._data
        else:
            part = mime.find_part(self._parts(), section.part)
            value = None if part is None else b"".join(decoded(self._data, _decodable(part)))
        if section.kind == b"BINARY.SIZE":
            return b"%d" % len(value or b"")
        return b"NIL" if value is None else literal8(cut(section, value))


def _locate(tree: Part, section: Section) -> tuple[int, int] | None:
    text = b"HEADER" if section.fields else section.text
    return mime.locate(tree, section.part, text)


def _decodable(part: Part) -> Part:
    if part.encoding not in ENCODINGS:
        raise UnknownEncoding
    return part


@dataclass(frozen=True, slots=True)
class Streamed:
    """A value that does not fit in memory: `opening` goes out first, then `size` octets, either
    [start, start + size) of the blob or the `pieces`."""

    opening: bytes
    start: int
    size: int
    pieces: Iterator[bytes] | None = None
    binary: bool = False  # a literal8, which may hold NUL


class Contents:
    """Large messages, shared by a factory's sessions."""

    def __init__(self, blobs: IBlobStore, offload: Offload) -> None:
        self._blobs = blobs
        self._offload = offload
        self._trees: OrderedDict[BlobId, Part] = OrderedDict()
        self._turns = DeferredSemaphore(2)  # large messages that are taken apart at a time

    async def large(self, section: Section, blob: BlobId, size: int, header_size: int) -> bytes | Streamed:
        """A section of a large message: rendered when it is small itself, else how to stream it."""
        if section.kind.startswith(b"BINARY") and section.part:
            return await self._binary(section, blob, size)
        binary = section.kind == b"BINARY"
        if section.kind == b"BINARY.SIZE":
            return b"%d" % size
        if not section.part:
            start, end = 0, size
            if section.text == b"TEXT":
                start = header_size
            elif section.text:
                end = header_size
        else:
            found = _locate(await self._tree(blob, size), section)
            if found is None:
                return b"NIL"
            start, end = found
        if section.fields:
            block = await self._blobs.read(blob, start, end - start)
            if block is None:
                raise ContentGone
            return from_block(section, block)
        return _range(section, start, end, binary)

    async def read(self, blob: BlobId, start: int, size: int) -> bytes:
        """Exactly these octets. Raises ContentGone."""
        data = await self._blobs.read(blob, start, size)
        if data is None or len(data) != size:
            raise ContentGone
        return data

    async def _binary(self, section: Section, blob: BlobId, size: int) -> bytes | Streamed:
        tree = await self._tree(blob, size)
        part = mime.find_part(tree, section.part)
        if part is None:
            return b"0" if section.kind == b"BINARY.SIZE" else b"NIL"
        part = _decodable(part)
        if part.encoding in IDENTITY:
            if section.kind == b"BINARY.SIZE":
                return b"%d" % part.size
            return _range(section, part.body, part.end, True)
        content = await self._copy(blob, size)
        whole = await self._in_turn(lambda: decoded_size(content, part))
        if section.kind == b"BINARY.SIZE":
            return b"%d" % whole
        start = min(section.start or 0, whole)
        length = whole if section.length is None else section.length
        length = min(length, whole - start)
        pieces = _clipped(decoded(content, part), start, length)
        return Streamed(b"~{%d}\r\n" % length, 0, length, pieces, True)

    async def _tree(self, blob: BlobId, size: int) -> Part:
        tree = self._trees.get(blob)
        if tree is None:
            content = await self._copy(blob, size)
            tree = await self._in_turn(lambda: mime.parse(content, size))
            self._trees[blob] = tree
            if len(self._trees) > _TREES:
                self._trees.popitem(last=False)
        else:
            self._trees.move_to_end(blob)
        return tree

    async def _copy(self, blob: BlobId, size: int) -> Content:
        """The whole message where a thread can look at it: in memory up to 1 MiB, else in a file
        that has no name and ends with its mapping."""
        if size <= _READ:
            return await self.read(blob, 0, size)
        with tempfile.TemporaryFile() as file:
            for start in range(0, size, _READ):
                file.write(await self.read(blob, start, min(_READ, size - start)))
            file.flush()
            return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        await self._turns.acquire()
        try:
            return await self._offload(work)
        finally:
            self._turns.release()


def _range(section: Section, start: int, end: int, binary: bool) -> Streamed:
    if section.start is not None:
        assert section.length is not None
        start = min(start + section.start, end)
        end = min(start + section.length, end)
    opening = (b"~{%d}\r\n" if binary else b"{%d}\r\n") % (end - start)
    return Streamed(opening, start, end - start, binary=binary)


def _clipped(pieces: Iterator[bytes], skip: int, length: int) -> Iterator[bytes]:
    for piece in pieces:
        if skip >= len(piece):
            skip -= len(piece)
            continue
        taken = piece[skip : skip + length]
        skip = 0
        length -= len(taken)
        yield taken
        if length <= 0:
            return
