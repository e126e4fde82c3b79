"""The sink of a submitted message: holds the header back until its end, edits it, lets the body through."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.message.header import MAX_HEADER
from mailsys.core.refusal import MessageTooBig, Refusal
from mailsys.ports.blobs import IBlobSink, IBlobStore, StagedBlob
from mailsys.services.submission.header import SubmittedHeader

_BLANK_LINE: Final = re.compile(rb"\A\r?\n|\n\r?\n")


@implementer(IBlobSink)
class SubmissionBody:
    """`head` goes in front; `edit` turns the header block that came into the one that is stored, or
    raises a Refusal. A refused message is swallowed to its end (the wire has to be read anyway); the
    refusal is kept in `refusal` for the transaction to raise."""

    def __init__(self, blobs: IBlobStore, head: bytes, edit: Callable[[bytes], SubmittedHeader]) -> None:
        self._blobs = blobs
        self._sink = blobs.sink()
        self._head = head
        self._edit = edit
        self._held: bytearray | None = bytearray()  # None: the header is through
        self.refusal: Refusal | None = None
        self.header: SubmittedHeader | None = None
        self.seven_bit = True
        self.size = 0

    def write(self, data: bytes) -> Deferred[None] | None:
        self.size += len(data)
        if self.seven_bit and not data.isascii():
            self.seven_bit = False
        if self.refusal is not None:
            return None
        held = self._held
        if held is None:
            return self._sink.write(data)
        start = max(0, len(held) - 3)  # the blank line may be cut anywhere
        held += data
        # At the very beginning a line break is the blank line; elsewhere only one that follows another.
        found = _BLANK_LINE.search(held, start)
        if found is None or found.end() > MAX_HEADER:
            if len(held) > MAX_HEADER:
                self._refuse(MessageTooBig("The header is too large", cause=f"more than {MAX_HEADER} octets"))
            return None
        return self._pass_on(bytes(held[: found.end()]), bytes(held[found.end() :]))

    def _pass_on(self, block: bytes, rest: bytes) -> Deferred[None] | None:
        try:
            self.header = self._edit(block)
        except Refusal as refusal:
            self._refuse(refusal)
            return None
        self._held = None
        return self._sink.write(self._head + self.header.block + rest)

    def _refuse(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self._held = None
        self._sink.abort()

    def finish(self) -> Deferred[StagedBlob]:
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> StagedBlob:
        if self.refusal is None and self._held is not None:  # no blank line: all of it is header
            wait = self._pass_on(bytes(self._held), b"")
            if wait is not None:
                await wait
        if self.refusal is not None:
            return self._blobs.stage(b"")  # named by nobody, so swept; `commit` raises the refusal
        return await self._sink.finish()

    def abort(self) -> None:
        self._held = None
        self._sink.abort()
