"""What a blobId names, for those who may read it: whole blobs, and decoded parts of messages
(RFC 8620 §6.2, RFC 8621 §4.1.4 blobId of a part)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailsys.core.jmap.decoding import Decoder
from mailsys.core.jmap.ids import BlobName, parse_blob_id
from mailsys.core.refusal import ContentLost, MessageTooBig
from mailsys.ports.blobs import IBlobStore, StagedBlob
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.mail import IMailStore

WINDOW: Final = 256 * 1024  # octets of one read
INLINE: Final = 64 * 1024  # octets that are staged at once (IBlobStore.stage)


class BlobGone(Exception):
    """The octets vanished while they were being read."""


class BlobLost(BlobGone):
    """The octets should be there, and are missing or changed on the disk; the store's log says more."""


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A readable blob. `size` is that of what the id names; None where only decoding can tell."""

    blob: BlobId
    start: int
    length: int  # octets in the store
    encoding: str
    size: int | None


class BlobPieces:
    """A blob's octets from `start` on, a piece at a time, in memory of one window."""

    __slots__ = ("_at", "_blobs", "_decoder", "_end", "_found", "_left", "_skip")

    def __init__(
        self, blobs: IBlobStore, found: FoundBlob, start: int = 0, length: int | None = None
    ) -> None:
        self._blobs = blobs
        self._found = found
        self._end = found.start + found.length
        self._decoder = Decoder(found.encoding) if found.encoding else None
        self._skip = start if found.encoding else 0
        self._at = found.start if found.encoding else min(found.start + start, self._end)
        self._left = length

    async def next(self) -> bytes:
        """The next octets; b"" at the end. Raises BlobGone."""
        while True:
            if self._left == 0:
                return b""
            if self._at >= self._end:
                if self._decoder is None:
                    return b""
                piece = self._decoder.finish()
                self._decoder = None
                self._end = -1
                if not piece:
                    return b""
            else:
                size = min(WINDOW, self._end - self._at)
                if self._decoder is None and self._left is not None:
                    size = min(size, self._left)
                try:
                    data = await self._blobs.read(self._found.blob, self._at, size)
                except ContentLost as lost:
                    raise BlobLost from lost
                if data is None or len(data) != size:
                    raise BlobGone
                self._at += size
                piece = data if self._decoder is None else self._decoder.feed(data)
            if self._skip:
                skipped = min(self._skip, len(piece))
                self._skip -= skipped
                piece = piece[skipped:]
            if self._left is not None:
                piece = piece[: self._left]
                self._left -= len(piece)
            if piece:
                return piece


class BlobReader:
    """Finds and reads blobs for an account."""

    def __init__(self, mail: IMailStore, blobs: IBlobStore) -> None:
        self._mail = mail
        self._blobs = blobs

    async def find(self, account: AccountId, text: str) -> FoundBlob | None:
        """None when there is no such blob, or the account holds nothing that has it."""
        name = parse_blob_id(text)
        return None if name is None else await self.find_named(account, name)

    async def find_named(self, account: AccountId, name: BlobName) -> FoundBlob | None:
        blob = BlobId(name.blob)
        if not await self._mail.holds(account, blob):
            return None
        size = await self._blobs.size(blob)
        if size is None:
            return None
        if name.length is None:
            return FoundBlob(blob, 0, size, "", size)
        if name.start + name.length > size:
            return None
        return FoundBlob(blob, name.start, name.length, name.encoding, None if name.encoding else name.length)

    def pieces(self, found: FoundBlob, start: int = 0, length: int | None = None) -> BlobPieces:
        """Its octets from `start` on, at most `length` of them."""
        return BlobPieces(self._blobs, found, start, length)

    async def size(self, found: FoundBlob) -> int:
        """Octets of what the id names; may have to decode all of it."""
        if found.size is not None:
            return found.size
        pieces = self.pieces(found)
        size = 0
        while piece := await pieces.next():
            size += len(piece)
        return size

    async def read(self, found: FoundBlob, limit: int) -> bytes:
        """The whole of it; MessageTooBig beyond `limit` octets."""
        if found.size is not None and found.size > limit:
            raise MessageTooBig
        pieces = self.pieces(found)
        gathered: list[bytes] = []
        size = 0
        while piece := await pieces.next():
            size += len(piece)
            if size > limit:
                raise MessageTooBig
            gathered.append(piece)
        return b"".join(gathered)

    async def stage(self, found: FoundBlob) -> StagedBlob | BlobId:
        """What a commit can name: the blob itself, or a copy of the decoded part."""
        if not found.encoding and found.start == 0 and found.length == await self._blobs.size(found.blob):
            return found.blob
        sink = self._blobs.sink()
        try:
            pieces = self.pieces(found)
            while piece := await pieces.next():
                wait = sink.write(piece)
                if wait is not None:
                    await wait
            return await sink.finish()
        except BaseException:
            sink.abort()
            raise
