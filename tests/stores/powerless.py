"""A disk that a power cut can be tried on: it keeps book of what was written and what was synced.

The files are real ones, and never really synced. Beside them, for each file: what is durable, and the
writes since its last sync; for each folder: its durable entries, and what was done to them since. A cut
makes an image of what such a disk may be found with afterwards. It keeps what was synced, and of all
else what chance lets it keep: nothing, all, a beginning, any of the writes in any order, or any of
their sectors (a torn write). A file that had grown may be found as long as it was, with zeros or
rubbish where nothing was kept; an entry that was made, removed or renamed may be found or not, each on
its own, so that a renamed file can be under both names or under none.

A write leaves octets beside it alone (SQLite's "powersafe overwrite", which it assumes of every disk).
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import apsw

from mailsys.stores.sqlite.disk import Disk

_NUMBERS: Final = count(1)
# What SQLite syncs the folder for when it first syncs such a file (os_unix.c, UNIXFILE_DIRSYNC).
_DIRSYNC: Final = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class _File:
    """A file, whatever names it has."""

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.pending: list[tuple[int, bytes] | int] = []  # a write, or a new length
        self.size = len(content)

    def write(self, at: int, data: bytes) -> None:
        self.pending.append((at, data))
        self.size = max(self.size, at + len(data))

    def truncate(self, size: int) -> None:
        self.pending.append(size)
        self.size = size

    def sync(self) -> None:
        for each in self.pending:
            _apply(self.durable, each)
        self.pending.clear()

    def after_cut(self, chance: random.Random) -> bytes:
        found = bytearray(self.durable)
        if not self.pending:
            return bytes(found)
        for each in _kept(self.pending, chance):
            _apply(found, each)
        if len(found) < self.size and chance.random() < 0.5:
            hole = self.size - len(found)
            found += chance.randbytes(hole) if chance.random() < 0.5 else bytes(hole)
        return bytes(found)


def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        if change <= len(content):
            del content[change:]
        else:
            content.extend(bytes(change - len(content)))
        return
    at, data = change
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def _kept(pending: list[tuple[int, bytes] | int], chance: random.Random) -> list[tuple[int, bytes] | int]:
    way = chance.choice(("none", "all", "beginning", "some", "torn"))
    if way == "none":
        return []
    if way == "all":
        return pending
    if way == "beginning":
        return pending[: chance.randrange(len(pending) + 1)]
    if way == "some":
        return [each for each in pending if chance.random() < 0.5]
    sector = chance.choice((512, 4096))
    share = chance.choice((0.1, 0.5, 0.9))
    found: list[tuple[int, bytes] | int] = []
    for each in pending:
        if isinstance(each, int):
            found += [each] if chance.random() < share else []
            continue
        at, data = each
        start = 0
        while start < len(data):
            end = min(len(data), (at + start) // sector * sector + sector - at)
            if chance.random() < share:
                found.append((at + start, data[start:end]))
            start = end
    return found


class PowerlessDisk(Disk):
    """`folder` exists and holds what is durable so far. `at_cut`: how many operations from now on the
    cuts come; `cut(image)` is called at each, inside of the operation, so whatever was told to anybody
    before it had been promised before it."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        self.operations = 0
        self.cut: Callable[[], None] = lambda: None
        self.at_cut: list[int] = []  # ascending
        self._lock = threading.RLock()
        self._files: dict[str, _File | None] = {}  # by path; None: a folder
        self._durable: dict[str, _File | None] = {}
        self._pending: list[tuple[str, _File | None, bool]] = []  # path, what, whether it is there now
        self._open: dict[int, _File] = {}
        for parent, folders, files in os.walk(self.folder):
            for name in folders:
                self._files[os.path.join(parent, name)] = None
            for name in files:
                path = os.path.join(parent, name)
                with open(path, "rb") as file:
                    self._files[path] = _File(file.read())
        self._durable.update(self._files)
        self.vfs = f"powerless-{next(_NUMBERS)}"
        self._vfs = _Vfs(self.vfs, self)

    def close_vfs(self) -> None:
        """The store is closed."""
        self._vfs.unregister()

    # -- what happens --------------------------------------------------------------------------------------

    def _happens(self) -> None:
        self.operations += 1
        if self.at_cut and self.operations >= self.at_cut[0]:
            self.at_cut.pop(0)
            self.cut()

    def _entry(self, path: str, what: _File | None, there: bool) -> None:
        if there:
            self._files[path] = what
        else:
            self._files.pop(path, None)
        self._pending.append((path, what, there))

    def image(self, into: str, chance: random.Random) -> None:
        """What may be found after a cut at this moment, written to the new folder `into`. Only from `cut`."""
        entries = dict(self._durable)
        keep = chance.choice((0.0, 0.5, 0.5, 0.9, 1.0))
        for path, what, there in self._pending:
            if chance.random() < keep:
                if there:
                    entries[path] = what
                else:
                    entries.pop(path, None)
        os.mkdir(into)
        contents = {id(file): file.after_cut(chance) for file in entries.values() if file is not None}
        for path in sorted(entries):
            what, place = entries[path], into + path[len(self.folder) :]
            if not os.path.isdir(os.path.dirname(place)):
                continue  # its folder is not there
            if what is None:
                os.mkdir(place)
            else:
                with open(place, "wb") as file:
                    file.write(contents[id(what)])

    # -- Disk ------------------------------------------------------------------------------------------------

    def create(self, path: str) -> int:
        with self._lock:
            self._happens()
            fd = super().create(path)
            self._open[fd] = file = _File()
            self._entry(path, file, True)
            return fd

    def write(self, fd: int, data: bytes) -> None:
        with self._lock:
            file = self._open[fd]
            file.write(file.size, bytes(data))
            self._happens()
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        with self._lock:
            self._happens()
            self._open[fd].sync()
            self._happens()

    def close(self, fd: int) -> None:
        with self._lock:
            del self._open[fd]
            super().close(fd)

    def rename(self, old: str, new: str) -> None:
        with self._lock:
            self._happens()
            super().rename(old, new)
            file = self._files[old]
            self._entry(new, file, True)
            self._entry(old, file, False)
            self._happens()

    def unlink(self, path: str) -> None:
        with self._lock:
            super().unlink(path)
            self._entry(path, self._files.get(path), False)
            self._happens()

    def make_folder(self, path: str) -> None:
        with self._lock:
            super().make_folder(path)
            if path not in self._files:
                self._entry(path, None, True)
            self._happens()

    def sync_folder(self, path: str) -> None:
        with self._lock:
            self._happens()
            rest = []
            for change in self._pending:
                name, what, there = change
                if os.path.dirname(name) != path:
                    rest.append(change)
                elif there:
                    self._durable[name] = what
                else:
                    self._durable.pop(name, None)
            self._pending = rest
            self._happens()

    # -- SQLite --------------------------------------------------------------------------------------------

    def opened(self, path: str) -> _File:
        with self._lock:
            found = self._files.get(path)
            if found is None:
                found = _File()
                self._entry(path, found, True)
                self._happens()
            return found

    def deleted(self, path: str, sync: bool) -> None:
        with self._lock:
            if path in self._files:
                self._entry(path, self._files[path], False)
                if sync:
                    self.sync_folder(os.path.dirname(path))
                self._happens()

    def written(self, file: _File, at: int, data: bytes) -> None:
        with self._lock:
            file.write(at, data)
            self._happens()

    def truncated(self, file: _File, size: int) -> None:
        with self._lock:
            file.truncate(size)
            self._happens()

    def synced(self, file: _File, folder: str) -> None:
        with self._lock:
            self._happens()
            file.sync()
            self._happens()
            if folder:
                self.sync_folder(folder)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: PowerlessDisk) -> None:
        self.disk = disk
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _VfsFile(name, flags, self.disk)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.disk.deleted(filename, syncdir)


class _VfsFile(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: PowerlessDisk) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._file = disk.opened(path)
        self._folder = os.path.dirname(path) if flags[0] & _DIRSYNC else ""

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.written(self._file, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.truncated(self._file, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.synced(self._file, self._folder)
        self._folder = ""

    def xLock(self, level: int) -> None:
        try:
            super().xLock(level)
        except apsw.IOError:  # what apsw makes of a second busy answer, when one of several is closed
            raise apsw.BusyError from None
