"""Staging a message again with header fields in front that could not be written before it was all there."""

from __future__ import annotations

from typing import BinaryIO, Final

from mailsys.ports.blobs import IBlobSink, IBlobStore, StagedBlob
from mailsys.services.content.reading import Offload

_WINDOW: Final = 256 * 1024  # octets copied at a time


async def prefixed(blobs: IBlobStore, blob: StagedBlob, front: bytes, offload: Offload) -> StagedBlob:
    """`blob`, staged but not named by a commit, behind `front`. Large content is copied by a thread; the
    store sweeps the first copy. Raises what its sinks do."""
    sink = blobs.sink()
    try:
        await _write(sink, front)
        if blob.path is None:
            await _write(sink, blob.data or b"")
        else:
            file = await offload(lambda path=blob.path: open(path, "rb"))  # type: ignore[misc]  # noqa: SIM115
            try:
                await _copy(file, sink, offload)
            finally:
                file.close()
        staged: StagedBlob = await sink.finish()
        return staged
    except BaseException:
        sink.abort()
        raise


async def _copy(file: BinaryIO, sink: IBlobSink, offload: Offload) -> None:
    while data := await offload(lambda: file.read(_WINDOW)):
        await _write(sink, data)


async def _write(sink: IBlobSink, data: bytes) -> None:
    waiting = sink.write(data)
    if waiting is not None:
        await waiting
