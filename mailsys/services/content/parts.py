"""Whole messages where their parts can be found: small ones in memory, large ones mapped from a file,
and the work on them in a thread unless it is a matter of a millisecond."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeVar

from twisted.internet.defer import DeferredSemaphore

from mailsys.core.jmap.bodies import Bodies
from mailsys.core.message import mime
from mailsys.core.message.mime import Content
from mailsys.core.refusal import ContentLost
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import BlobId
from mailsys.services.content.blob_access import BlobGone, BlobLost, BlobReader, FoundBlob
from mailsys.services.content.reading import Offload, is_plain

IN_MEMORY: Final = 1024 * 1024  # octets of a message that is held in memory
_MANY: Final = 64 * 1024  # octets of a message that is read together with others
_READ: Final = 1024 * 1024
_AT_ONCE: Final = 0.003  # seconds of the reactor's thread

T = TypeVar("T")


class Turn:
    """How long the reactor's thread has been at it. What comes after a few milliseconds goes to a
    thread, and then the reactor has served others meanwhile."""

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began = perf_counter()

    @property
    def over(self) -> bool:
        return perf_counter() - self._began > _AT_ONCE

    def renew(self) -> None:
        self._began = perf_counter()

    async def pause(self, offload: Offload) -> None:
        """When it has been long enough, others get their turn."""
        if self.over:
            await offload(_nothing)
            self.renew()


def _nothing() -> None:
    pass


class Contents:
    def __init__(self, blobs: IBlobStore, reader: BlobReader, offload: Offload) -> None:
        self._blobs = blobs
        self._reader = reader
        self._offload = offload
        self._turns = DeferredSemaphore(2)  # messages that are taken apart in threads at a time

    async def small(self, blobs: list[tuple[BlobId, int]]) -> dict[BlobId, bytes]:
        """The contents of those that are small, read in batches; `blobs` are ids and sizes."""
        wanted = list(dict.fromkeys(blob for blob, size in blobs if size <= _MANY))
        found: dict[BlobId, bytes] = {}
        while wanted:
            try:
                contents = await self._blobs.read_many(wanted, IN_MEMORY)
            except ContentLost:
                wanted = wanted[1:]  # `open` says so to whoever asks for that one
                continue
            found.update(zip(wanted, contents, strict=False))
            wanted = wanted[len(contents) :] if contents else []
        return found

    async def open(self, blob: BlobId, size: int) -> Content:
        """All of a stored message. Raises BlobGone, which may be BlobLost."""
        return await self.open_found(FoundBlob(blob, 0, size, "", size))

    async def open_found(self, found: FoundBlob) -> Content:
        """All of what a blobId names, decoded."""
        pieces = self._reader.pieces(found)
        if found.length <= IN_MEMORY:
            gathered: list[bytes] = []
            while piece := await pieces.next():
                gathered.append(piece)
            return b"".join(gathered)
        with tempfile.TemporaryFile() as file:  # goes with its mapping
            while piece := await pieces.next():
                file.write(piece)
            file.flush()
            size = file.tell()
            if not size:
                return b""
            return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)

    async def work(
        self, content: Content, blob: BlobId, work: Callable[[Bodies], T], turn: Turn | None = None
    ) -> T:
        """`work` on the message's parts, here when that is quick, else in a thread."""

        def run() -> T:
            return work(Bodies(content, mime.parse(content), blob))

        if isinstance(content, bytes) and is_plain(content) and (turn is None or not turn.over):
            return run()
        found = await self.in_thread(run)
        if turn is not None:
            turn.renew()
        return found

    async def in_thread(self, work: Callable[[], T]) -> T:
        await self._turns.acquire()
        try:
            return await self._offload(work)
        finally:
            self._turns.release()


__all__ = ["BlobGone", "BlobLost", "Contents", "Turn"]
