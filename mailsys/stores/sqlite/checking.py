"""Whether all that is kept is there and is what it was: `mailsys check`.

Works on whatever is found. What cannot be read is a complaint that names the emails and accounts that it
concerns, as far as those can still be read, and the check goes on behind it. Reads with a connection of
its own, in one thread, a little at a time; holds no more than a few rows and a piece of one blob.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw
import zstandard

from mailsys.ports.storage import Checked, Progress
from mailsys.stores.sqlite import integrity, schema
from mailsys.stores.sqlite.accept import FILE, RAW
from mailsys.stores.sqlite.files import YOUNG
from mailsys.stores.sqlite.sink import INLINE

# ruff: noqa: S608
_MOST: Final = 100  # complaints of a kind that are told one by one
_HOLDERS: Final = 5  # emails that are named of one blob
_BLOBS: Final = 100  # rows of blobs at a time
_PIECE: Final = 1024 * 1024  # octets of a file at a time
_TELL: Final = 0.5  # seconds between two reports of progress
_REST: Final = 0.05  # seconds at the most between two slices
_STEPS: Final = 50_000  # of SQLite, between two looks at whether to go on
# What a blob's row leads to; read whole, since a broken page shows only then.
_BESIDE: Final = ("content", "header", "head_text", "body_text")


class _Stopped(Exception):
    """Nobody waits for the result any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """What to check. `database` None: `connection` is used, and left open."""

    database: str | None
    blobs: str | None
    vfs: str | None = None
    connection: apsw.Connection | None = None


class Check:
    """One check. `tell` is called in the thread that runs it, and answers whether to go on; `alone`: nobody
    else works on the store, so there is no need to rest."""

    def __init__(self, place: Place, tell: Callable[[Progress], bool], alone: bool) -> None:
        self._place = place
        self._tell = tell
        self._alone = alone
        self._connection: apsw.Connection = None  # type: ignore[assignment]
        self._complaints: list[str] = []
        self._kinds: Counter[str] = Counter()
        self._blobs = 0
        self._octets = 0
        self._told = 0.0
        self._slice = time.monotonic()
        self._what = Progress("starting", 0, 0)

    def run(self) -> Checked:
        try:
            if self._open():
                try:
                    self._look()
                finally:
                    if self._place.connection is None:
                        self._connection.close()
        except _Stopped:
            self._complaints.append("the check was ended before its end")
        except (apsw.Error, OSError) as error:
            self._complain("store", f"cannot be read any further: {error}")
        for kind, count in self._kinds.items():
            if count > _MOST:
                self._complaints.append(f"{kind}: {count - _MOST} more like these")
        return Checked(tuple(self._complaints), self._blobs, self._octets)

    def _complain(self, kind: str, text: str) -> None:
        self._kinds[kind] += 1
        if self._kinds[kind] <= _MOST:
            self._complaints.append(f"{kind}: {text}")

    # -- going on ------------------------------------------------------------------------------------------

    def _at(self, what: str, done: int, total: int) -> None:
        self._what = Progress(what, done, total)
        self._breathe()

    def _breathe(self) -> None:
        """Between two slices: rest as long as the last one took, and say how far we are."""
        now = time.monotonic()
        if not self._alone:
            time.sleep(min(_REST, now - self._slice))
        self._slice = time.monotonic()
        if self._slice - self._told >= _TELL:
            self._told = self._slice
            if not self._tell(self._what):
                raise _Stopped

    def _step(self) -> bool:
        """Inside of a long statement; True ends it."""
        now = time.monotonic()
        if now - self._told < _TELL:
            return False
        self._told = now
        return not self._tell(self._what)

    # -- the parts -----------------------------------------------------------------------------------------

    def _open(self) -> bool:
        place = self._place
        if place.database is None:
            assert place.connection is not None
            self._connection = place.connection
            return True
        try:
            if not os.path.getsize(place.database):
                self._complain("store", f"{place.database} is empty. Put it back from a backup.")
                return False
            self._connection = schema.connect(place.database, read_only=True, vfs=place.vfs)
            # A bad sector under a mapping ends the process; read it and get an error.
            self._connection.execute("PRAGMA mmap_size=0").fetchall()
            self._connection.set_progress_handler(self._step, _STEPS)
        except FileNotFoundError:
            self._complain("store", f"{place.database} is missing. Put it back from a backup.")
            return False
        except apsw.Error as error:
            self._complain("store", f"{place.database} cannot be read: {error}. Put it back from a backup.")
            return False
        return True

    def _look(self) -> None:
        tables = self._tables()
        if "blob" not in tables or "account" not in tables:
            self._complain("store", "the database holds no accounts and no mail. Put it back from a backup.")
            return
        version = schema.version_of(self._connection)
        if version != schema.VERSION:
            self._complain(
                "store",
                f"the database is of schema {version}, this version knows {schema.VERSION}; "
                "start the server once, or check with the version that wrote it.",
            )
            return
        self._pages(tables)
        self._relations()
        self._accounts()
        self._all_blobs()
        if self._place.blobs is not None:
            self._orphans(self._place.blobs)

    def _tables(self) -> list[str]:
        try:
            rows = self._connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name"
            ).fetchall()
        except apsw.Error as error:
            self._complain("database", f"its list of tables cannot be read: {error}")
            return []
        return [str(row[0]) for row in rows]

    def _pages(self, tables: Sequence[str]) -> None:
        """SQLite's own check. While others write, table by table, so that the log is not held for long;
        blob_data's rows are all read later on."""
        parts = [""] if self._alone else [f"('{name}')" for name in tables if name != "blob_data"]
        for number, part in enumerate(parts):
            self._at("tables", number, len(parts))
            for row in self._rows(f"database{part}", f"PRAGMA integrity_check{part}"):
                if row[0] != "ok":
                    self._complain("database", str(row[0]).replace("\n", " "))

    def _relations(self) -> None:
        """What refers is met by what is referred to, and what is counted is right."""
        statements = integrity.statements()
        for number, (what, sql) in enumerate(statements.items()):
            self._at("relations", number, len(statements))
            for row in self._rows(what, f"SELECT * FROM ({sql}) LIMIT {_MOST + 1}"):
                self._complain(what, " ".join(map(str, row)))
        try:
            for each in integrity.tallies(self._connection):
                kind, _, text = each.partition(": ")
                self._complain(kind, text)
        except (apsw.Error, ValueError) as error:
            self._failed("tally counts wrongly", error)

    def _accounts(self) -> None:
        """Each account's emails and placements can be read."""
        found = list(self._rows("accounts", "SELECT id, address FROM account ORDER BY id"))
        for number, (account, address) in enumerate(found):
            self._at("accounts", number, len(found))
            for what, sql in (
                ("emails", "SELECT count(*), sum(modseq + received_at) FROM email WHERE account = ?"),
                (
                    "mailboxes",
                    """SELECT count(*), sum(p.modseq + p.received_at) FROM mailbox m
                    JOIN placement p ON p.mailbox = m.id WHERE m.account = ?""",
                ),
            ):
                try:
                    self._read(sql, account)
                except apsw.Error as error:
                    self._failed("account", error, f"{address}: its {what} cannot all be read")

    def _rows(self, what: str, sql: str) -> Iterator[Any]:
        try:
            yield from self._connection.execute(sql)
        except apsw.Error as error:
            self._failed("database", error, what)

    def _read(self, sql: str, number: int) -> list[Any]:
        return self._connection.execute(sql, (number,)).fetchall()

    def _failed(self, kind: str, error: Exception, what: str = "") -> None:
        if isinstance(error, apsw.InterruptError):
            raise _Stopped from error
        self._complain(kind, f"{what}{': ' if what else ''}{error}")

    # -- blobs ---------------------------------------------------------------------------------------------

    def _all_blobs(self) -> None:
        total = last = 0
        for row in self._rows("blobs", "SELECT count(*), max(id) FROM blob"):
            total = row[0]
        while True:
            try:
                rows = self._next(last, _BLOBS)
            except apsw.Error as error:
                rows = self._behind(last, error)
            if not rows:
                return
            for row in rows:
                self._at("blobs", self._blobs, total)
                self._blob(*row)
                last = row[0]

    def _next(self, last: int, limit: int) -> list[Any]:
        return self._connection.execute(
            "SELECT id, hash, size, form FROM blob WHERE id > ? ORDER BY id LIMIT ?", (last, limit)
        ).fetchall()

    def _behind(self, last: int, error: apsw.Error) -> list[Any]:
        """The next row that can be read at all, behind a broken page; what lies between is told of."""
        if isinstance(error, apsw.InterruptError):
            raise _Stopped from error

        def readable(start: int) -> list[Any]:
            try:
                return self._next(start, 1)
            except apsw.Error:
                return []

        if found := readable(last):
            return found  # the page after it is the broken one
        far = 1
        while far < 1 << 40 and not readable(last + far):
            far *= 2
        near = far // 2
        while far - near > 1:
            middle = (near + far) // 2
            near, far = (near, middle) if readable(last + middle) else (middle, far)
        found = readable(last + far)
        until = found[0][0] if found else 1 << 62
        concerned = self._named(
            "SELECT blob FROM email WHERE blob > ? AND blob < ?", (last, until), "from email"
        )
        self._complain("blobs", f"a part of their list cannot be read ({error}): {concerned}")
        return found

    def _blob(self, number: int, digest: bytes, size: int, form: int) -> None:
        self._blobs += 1
        wrong = self._content(number, digest, size, form)
        for table in _BESIDE:
            try:
                self._read(f"SELECT * FROM {table} WHERE blob = ?", number)
            except apsw.Error as error:
                wrong = wrong or f"what is known of it cannot be read ({table}: {error})"
        if wrong and self._is_there(number):
            concerned = self._named("SELECT blob FROM email WHERE blob = ?", (number,), "of it")
            self._complain("blob", f"{digest.hex()}: {wrong}: {concerned}")

    def _is_there(self, number: int) -> bool:
        """Whether it was not swept while we looked."""
        try:
            return bool(self._read("SELECT 1 FROM blob WHERE id = ?", number))
        except apsw.Error:
            return True

    def _content(self, number: int, digest: bytes, size: int, form: int) -> str:
        """What is wrong with it; "" for nothing."""
        if form == FILE:
            return self._file(digest, size)
        try:
            row: Any = self._connection.execute(
                "SELECT data FROM blob_data WHERE blob = ?", (number,)
            ).fetchall()
        except apsw.Error as error:
            return f"cannot be read: {error}"
        if not row:
            return "missing"
        data = row[0][0]
        try:
            if form != RAW:
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=INLINE)
        except zstandard.ZstdError as error:
            return f"changed: {error}"
        self._octets += len(data)
        return _differs(hashlib.blake2b(data, digest_size=32).digest() == digest, len(data), size)

    def _file(self, digest: bytes, size: int) -> str:
        name = digest.hex()
        assert self._place.blobs is not None
        path = os.path.join(self._place.blobs, name[:2], name[2:])
        hashed = hashlib.blake2b(digest_size=32)
        read = 0
        try:
            with open(path, "rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    hashed.update(piece)
                    read += len(piece)
                    self._octets += len(piece)
                    self._breathe()
        except FileNotFoundError:
            return f"its file {path} is missing (put it back from a backup)"
        except OSError as error:
            return f"its file {path} cannot be read: {error.strerror}"
        wrong = _differs(hashed.digest() == digest, read, size)
        return f"its file {path} is {wrong} (put it back from a backup)" if wrong else ""

    def _named(self, blobs: str, bindings: tuple[int, ...], of: str) -> str:
        """Whose emails (and which queue items) have one of these blobs, for people."""
        try:
            rows: Any = self._connection.execute(
                f"""SELECT a.address, e.id, e.blob FROM email e LEFT JOIN account a ON a.id = e.account
                WHERE e.blob IN ({blobs}) LIMIT {_HOLDERS + 1}""",
                bindings,
            ).fetchall()
            names = [f"{address} email {email}{self._subject(blob)}" for address, email, blob in rows]
            if len(bindings) == 1:
                waiting = self._connection.execute(
                    f"SELECT id FROM queue WHERE blob = ? LIMIT {_HOLDERS + 1}",
                    bindings,
                ).fetchall()
                names += [f"queue item {each[0]}" for each in waiting]
        except apsw.Error as error:
            return f"which emails that concerns cannot be told ({error})"
        if len(names) > _HOLDERS:
            names[_HOLDERS:] = ["and others"]
        return ", ".join(names) or f"no email has {'one ' if of != 'of it' else ''}{of}"

    def _subject(self, blob: int) -> str:
        try:
            rows: Any = self._connection.execute(
                "SELECT subject FROM content WHERE blob = ?", (blob,)
            ).fetchall()
        except apsw.Error:
            return ""
        return f" {rows[0][0][:60]!r}" if rows else ""

    def _orphans(self, blobs: str) -> None:
        """Files that no row names. Young ones may be on their way to a commit."""
        before = time.time() - YOUNG
        try:
            folders = sorted(os.listdir(blobs))
        except OSError as error:
            self._complain("files", f"{blobs} cannot be read: {error.strerror}")
            return
        for number, folder in enumerate(folders):
            self._at("files", number, len(folders))
            try:
                entries = [
                    (entry.name, entry.path, entry.stat())
                    for entry in os.scandir(os.path.join(blobs, folder))
                ]
            except OSError as error:
                self._complain("files", f"{os.path.join(blobs, folder)}: {error.strerror}")
                continue
            for name, path, found in entries:
                if found.st_mtime < before:
                    self._orphan(folder + name, path, found.st_size)

    def _orphan(self, name: str, path: str, size: int) -> None:
        try:
            digest = bytes.fromhex(name)
            known = self._connection.execute("SELECT 1 FROM blob WHERE hash = ?", (digest,)).fetchall()
        except ValueError:
            self._complain("files", f"{path} is none of ours")
            return
        except apsw.Error:
            return  # that the list of blobs cannot be read was told
        if not known:
            self._complain(
                "files", f"{path} ({size} octets) belongs to no mail; the server removes it when it starts"
            )


def _differs(same: bool, read: int, size: int) -> str:
    if same and read == size:
        return ""
    return f"changed: {read} octets instead of {size}" if read != size else "changed"
