"""Taking a blob as it arrives: small ones in memory, large ones into a file by a thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mailsys.core.refusal import Refusal, TemporaryFailure
from mailsys.log import Log
from mailsys.ports.blobs import IBlobSink, StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.stores.sqlite.failures import refusal_of
from mailsys.stores.sqlite.files import BlobFiles

log = Log("store")

INLINE: Final = 64 * 1024  # octets of the largest blob kept as a row
_SPOOL_FROM: Final = 128 * 1024  # octets in memory before they go to the file


class RunInThread(Protocol):
    def __call__(self, work: Callable[[], Any]) -> Deferred[Any]: ...


def digest(data: bytes) -> BlobId:
    return BlobId(hashlib.blake2b(data, digest_size=32).digest())


@implementer(IBlobSink)
class Sink:
    """At most one piece is on its way to the file; a second one makes the producer wait, so that at
    most twice 128 KiB (and the last write) are in memory."""

    def __init__(
        self, files: Callable[[], BlobFiles], run: RunInThread, check_room: Callable[[], None]
    ) -> None:
        self.size = 0
        self._check_room = check_room
        self._files = files
        self._run = run
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._hash: Any = None
        self._fd = -1
        self._spool = ""
        self._writing: Deferred[None] | None = None
        self._waiting: Deferred[None] | None = None
        self._error: Exception | None = None
        self._over = False

    def write(self, data: bytes) -> Deferred[None] | None:
        if self._error is None:
            try:
                self._check_room()
            except Refusal as refusal:
                self._error = refusal
        if self._error is not None:
            return fail(self._error)
        self.size += len(data)
        self._pending.append(data)
        self._pending_size += len(data)
        if self._pending_size < _SPOOL_FROM:
            return None
        if self._writing is None:
            self._start()
            return None
        if self._waiting is None:
            self._waiting = Deferred()
        return self._waiting

    def _start(self) -> None:
        """Hand what is pending to a thread."""
        pieces, self._pending, self._pending_size = self._pending, [], 0
        self._writing = self._run(lambda: self._append(pieces))
        self._writing.addCallbacks(self._written, self._failed)

    def _append(self, pieces: list[bytes]) -> None:
        # In a thread; never two at once for one sink.
        if self._fd < 0:
            self._fd, self._spool = self._files().open_spool()
            self._hash = hashlib.blake2b(digest_size=32)
        for piece in pieces:
            self._hash.update(piece)
            self._files().disk.write(self._fd, piece)

    def _written(self, _: object) -> None:
        self._writing = None
        if self._over:
            self._discard()
        waiting, self._waiting = self._waiting, None
        if not self._over and self._pending_size >= _SPOOL_FROM:
            self._start()
        if waiting is not None:
            waiting.callback(None)

    def _failed(self, failure: Any) -> None:
        self._writing = None
        log.error("spool write failed", failure=failure.value)
        self._error = refusal_of(failure.value)
        self._pending.clear()
        if self._over:
            self._discard()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(self._error)

    def finish(self) -> Deferred[StagedBlob]:
        if self._over:
            raise RuntimeError("this sink is closed")
        if self._error is not None:
            return fail(self._error)
        if self.size <= INLINE:
            self._over = True
            data = b"".join(self._pending)
            self._pending.clear()
            return succeed(StagedBlob(digest(data), self.size, data))
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> StagedBlob:
        while self._writing is not None:
            after: Deferred[None] = Deferred()
            self._waiting, before = after, self._waiting
            if before is not None:
                after.chainDeferred(before)
            await after
        if self._error is not None:
            raise self._error
        if self._over:
            raise TemporaryFailure(cause="aborted while finishing")
        pieces, self._pending, self._pending_size = self._pending, [], 0

        def keep() -> StagedBlob:
            self._append(pieces)
            blob = BlobId(self._hash.digest())
            path = self._files().keep(self._fd, self._spool, blob)
            self._spool = ""
            self._files().disk.close(self._fd)
            self._fd = -1
            return StagedBlob(blob, self.size, None, path)

        self._over = True
        try:
            staged: StagedBlob = await self._run(keep)
        except OSError as error:
            log.error("staging failed", failure=error)
            self._discard()
            raise refusal_of(error) from error
        return staged

    def abort(self) -> None:
        if self._over:
            return
        self._over = True
        self._pending.clear()
        self._pending_size = 0
        if self._writing is None:
            self._discard()

    def _discard(self) -> None:
        """Remove the spool file; what fails here the sweep at the next start finishes."""
        if self._fd >= 0:
            self._files().disk.close(self._fd)
            self._fd = -1
        if self._spool:
            try:
                self._files().disk.unlink(self._spool)
            except OSError as error:
                log.warning("spool file left behind", path=self._spool, cause=str(error))
            self._spool = ""
