"""IBlobStore on SQLite rows and files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, Final

import apsw
import zstandard
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.refusal import ContentLost
from mailsys.log import Log
from mailsys.ports.blobs import IBlobSink, IBlobStore, StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.stores.sqlite.accept import FILE, RAW
from mailsys.stores.sqlite.batch import ids
from mailsys.stores.sqlite.files import BlobFiles
from mailsys.stores.sqlite.readers import Readers, one_state
from mailsys.stores.sqlite.rows import integers, one, pieces, values
from mailsys.stores.sqlite.sink import INLINE, RunInThread, Sink, digest

log = Log("store")

_AT_ONCE: Final = 400 * 1024  # octets in one statement of read_many


@implementer(IBlobStore)
class BlobStore:
    def __init__(
        self,
        readers: Readers,
        files: Callable[[], BlobFiles],
        run: RunInThread,
        check_room: Callable[[int], None],
    ) -> None:
        self._check_room = check_room
        self._readers = readers
        self._files = files
        self._run = run

    def sink(self) -> IBlobSink:
        return Sink(self._files, self._run, self.check_room)

    def check_room(self, octets: int = 0) -> None:
        self._check_room(octets)

    def stage(self, data: bytes) -> StagedBlob:
        if len(data) > INLINE:
            raise ValueError(f"{len(data)} octets are too much to stage at once; use a sink")
        self.check_room(len(data))
        return StagedBlob(digest(data), len(data), data)

    def size(self, blob: BlobId) -> Deferred[int | None]:
        def read(connection: apsw.Connection) -> int | None:
            row = one(connection, "SELECT size FROM blob WHERE hash = ?", (blob,))
            return row[0] if row else None

        return self._readers.run(read)

    def read(self, blob: BlobId, start: int = 0, length: int | None = None) -> Deferred[bytes | None]:
        def read(connection: apsw.Connection) -> bytes | None:
            row = one(
                connection,
                """SELECT b.size, b.form, d.data FROM blob b LEFT JOIN blob_data d ON d.blob = b.id
                WHERE b.hash = ?""",
                (blob,),
            )
            if row is None:
                return None
            size, form, data = row
            end = size if length is None else min(size, start + length)
            if form != FILE:
                return _whole(blob, size, form, data)[start:end]
            return self._file(connection, blob, start, max(0, end - start))

        return self._readers.run(read)

    def _file(self, connection: apsw.Connection, blob: BlobId, start: int, length: int) -> bytes | None:
        """Part of a file whose row was there. None: it was swept since. Raises ContentLost."""
        try:
            found = _part(self._files().path(blob), start, length)
        except FileNotFoundError:
            if not one(connection, "SELECT 1 FROM blob WHERE hash = ?", (blob,)):
                return None
            found = None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            found = None
        return _there(blob, found, length)

    def read_many(self, blobs: list[BlobId], limit: int) -> Deferred[list[bytes]]:
        def read(connection: apsw.Connection) -> list[bytes]:
            if not blobs:
                return []
            with one_state(connection):
                wanted, known, data = _rows(connection, blobs, limit)
            found: list[bytes] = []
            for blob in wanted:
                row = known.get(blob)
                try:
                    content = self._content(connection, blob, row, data) if row else b""
                except ContentLost:
                    if not found:
                        raise
                    break
                found.append(content or b"")
            return found

        return self._readers.run(read)

    def _content(
        self, connection: apsw.Connection, blob: BlobId, row: Any, data: dict[int, bytes]
    ) -> bytes | None:
        size, form, number = row
        if form == FILE:
            return self._file(connection, blob, 0, size)
        return _whole(blob, size, form, data.get(number))


def _part(path: str, start: int, length: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = []
        while length > 0:
            piece = os.pread(fd, min(length, 1 << 20), start)
            if not piece:
                break
            found.append(piece)
            start += len(piece)
            length -= len(piece)
        return b"".join(found)
    finally:
        os.close(fd)


def _rows(
    connection: apsw.Connection, blobs: list[BlobId], limit: int
) -> tuple[list[BlobId], dict[bytes, Any], dict[int, bytes]]:
    """How far the limit lets us go; (size, form, id) of those that exist; and what lies in rows, by id."""
    rows = values(
        one(
            connection,
            """SELECT json_group_array(json_array(hex(b.hash), b.size, b.form, b.id))
            FROM carray(?) w CROSS JOIN blob b ON b.hash = w.value""",
            (apsw.carray(tuple(set(blobs))),),
        )[0]
    )
    known = {bytes.fromhex(row[0]): row[1:] for row in rows}
    wanted: list[BlobId] = []
    total = 0
    for blob in blobs:
        wanted.append(blob)
        if blob in known:
            total += known[blob][0]
        if total >= limit:
            break
    inline = {known[b][2]: known[b][0] for b in wanted if b in known and known[b][1] != FILE}
    return wanted, known, _inline(connection, inline)


def _inline(connection: apsw.Connection, sizes: dict[int, int]) -> dict[int, bytes]:
    """Rows of blob_data by id, given their sizes; about half a megabyte a statement (one concatenation
    of megabytes costs three times as much, in pages that the allocator must fetch)."""
    found: dict[int, bytes] = {}
    numbers: list[int] = []
    total = 0
    for number in sorted(sizes):
        numbers.append(number)
        total += sizes[number]
        if total >= _AT_ONCE:
            _read_rows(connection, numbers, found)
            numbers, total = [], 0
    if numbers:
        _read_rows(connection, numbers, found)
    return found


def _read_rows(connection: apsw.Connection, numbers: list[int], found: dict[int, bytes]) -> None:
    row: Any = one(
        connection,
        """SELECT group_concat(d.blob), group_concat(length(d.data)),
            CAST(group_concat(d.data, '') AS BLOB)
        FROM carray(?) w CROSS JOIN blob_data d ON d.blob = w.value""",
        (ids(numbers),),
    )
    found.update(zip(integers(row[0]), pieces(row[1], row[2]), strict=True))


def _whole(blob: BlobId, size: int, form: int, data: bytes | None) -> bytes:
    if data is not None and form != RAW:
        try:
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=INLINE)
        except zstandard.ZstdError as error:
            log.error("content damaged", blob=blob.hex(), cause=str(error))
            raise ContentLost(cause=blob.hex()) from error
    return _there(blob, data, size)


def _there(blob: BlobId, data: bytes | None, size: int) -> bytes:
    """`data`, when it is there and all of it."""
    if data is None or len(data) != size:
        found = "missing" if data is None else f"{len(data)} of {size} octets"
        log.error("content lost", blob=blob.hex(), found=found)
        raise ContentLost(cause=f"{blob.hex()}: {found}")
    return data
