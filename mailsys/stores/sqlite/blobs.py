"""IBlobStore on SQLite rows and files. What is read is what was stored: content is hashed before it is
handed out, unless it was in the last quarter of an hour (a large file is read in many pieces)."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

import apsw
import zstandard
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys import metrics
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
_PIECE: Final = 1024 * 1024  # octets of one read of a file
_HOLDS: Final = 900.0  # seconds that content is trusted after it was hashed
_REMEMBERED: Final = 65_536  # contents that were hashed lately


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
        self._hashed: dict[BlobId, float] = {}  # and until when it is trusted (monotonic)

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
            try:
                row = one(
                    connection,
                    """SELECT b.size, b.form, d.data FROM blob b LEFT JOIN blob_data d ON d.blob = b.id
                    WHERE b.hash = ?""",
                    (blob,),
                )
            except (apsw.IOError, apsw.CorruptError) as error:
                _lost(blob, str(error))
            if row is None:
                return None
            size, form, data = row
            end = size if length is None else min(size, start + length)
            if form != FILE:
                return self._whole(blob, size, form, data)[start:end]
            return self._file(connection, blob, size, start, max(0, end - start))

        return self._readers.run(read)

    def _file(
        self, connection: apsw.Connection, blob: BlobId, size: int, start: int, length: int
    ) -> bytes | None:
        """Part of a file whose row was there. None: it was swept since. Raises ContentLost."""
        try:
            found = self._part(blob, size, start, length)
        except FileNotFoundError:
            if not one(connection, "SELECT 1 FROM blob WHERE hash = ?", (blob,)):
                return None
            found = None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            found = None
        return _there(blob, found, length)

    def _part(self, blob: BlobId, size: int, start: int, length: int) -> bytes:
        with open(self._files().path(blob), "rb", buffering=0) as file:
            if self._trusted(blob):
                return _read(file.fileno(), start, length)
            there = os.fstat(file.fileno()).st_size
            if there != size:
                _lost(blob, f"{there} of {size} octets")
            found, hashed = _read_hashed(file.fileno(), start, length)
        self._compare(blob, hashed)
        return found

    def _trusted(self, blob: BlobId) -> bool:
        return self._hashed.get(blob, 0.0) > time.monotonic()

    def _compare(self, blob: BlobId, hashed: bytes) -> None:
        if hashed != blob:
            _lost(blob, "its hash is another")
        if len(self._hashed) >= _REMEMBERED:
            self._hashed.clear()
        self._hashed[blob] = time.monotonic() + _HOLDS

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
            return self._file(connection, blob, size, 0, size)
        return self._whole(blob, size, form, data.get(number))

    def _whole(self, blob: BlobId, size: int, form: int, data: bytes | None) -> bytes:
        if data is not None and form != RAW:
            try:
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=INLINE)
            except zstandard.ZstdError as error:
                _lost(blob, str(error))
        data = _there(blob, data, size)
        if not self._trusted(blob):
            self._compare(blob, digest(data))
        return data


def _read(fd: int, start: int, length: int) -> bytes:
    found = []
    while length > 0:
        piece = os.pread(fd, min(length, _PIECE), start)
        if not piece:
            break
        found.append(piece)
        start += len(piece)
        length -= len(piece)
    return b"".join(found)


def _read_hashed(fd: int, start: int, length: int) -> tuple[bytes, bytes]:
    """As `_read`, and the hash of all that the file holds."""
    state = hashlib.blake2b(digest_size=32)
    found = []
    at = 0
    while piece := os.pread(fd, _PIECE, at):
        state.update(piece)
        part = piece[max(0, start - at) : max(0, start + length - at)]
        if part:
            found.append(part)
        at += len(piece)
    return b"".join(found), state.digest()


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
    """A row on a bad sector is left out, as one that is missing is."""
    try:
        row: Any = one(
            connection,
            """SELECT group_concat(d.blob), group_concat(length(d.data)),
                CAST(group_concat(d.data, '') AS BLOB)
            FROM carray(?) w CROSS JOIN blob_data d ON d.blob = w.value""",
            (ids(numbers),),
        )
    except (apsw.IOError, apsw.CorruptError) as error:
        if len(numbers) == 1:
            log.error("content unreadable", row=numbers[0], cause=str(error))
            return
        for number in numbers:
            _read_rows(connection, [number], found)
        return
    found.update(zip(integers(row[0]), pieces(row[1], row[2]), strict=True))


def _there(blob: BlobId, data: bytes | None, size: int) -> bytes:
    """`data`, when it is there and all of it."""
    if data is None or len(data) != size:
        _lost(blob, "missing" if data is None else f"{len(data)} of {size} octets")
    return data


def _lost(blob: BlobId, found: str) -> NoReturn:
    metrics.blobs_lost.inc()
    log.error("content lost", blob=blob.hex(), found=found)
    raise ContentLost(cause=f"{blob.hex()}: {found}")
