"""Staging a message again with header fields that could not be written before it was all there."""

from __future__ import annotations

from typing import BinaryIO, Final

from mailsys.ports.blobs import IBlobSink, IBlobStore, StagedBlob
from mailsys.services.content.reading import Offload

_WINDOW: Final = 256 * 1024  # octets copied at a time


async def inserted(
    blobs: IBlobStore, blob: StagedBlob, fields: bytes, at: int, offload: Offload
) -> StagedBlob:
    """`blob`, staged but not named by a commit, with `fields` from the octet `at` on (at most _WINDOW). Large
    content is copied by a thread; the store sweeps the first copy. Raises what its sinks do."""
    sink = blobs.sink()
    try:
        if blob.path is None:
            data = blob.data or b""
            await _write(sink, b"".join((data[:at], fields, data[at:])))
        else:
            file = await offload(lambda path=blob.path: open(path, "rb"))  # type: ignore[misc]  # noqa: SIM115
            try:
                first = await offload(lambda: file.read(at)) if at else b""
                await _write(sink, first + fields)
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
