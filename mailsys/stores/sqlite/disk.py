"""What the store asks of the file system when it writes: one small layer, so that a test can put a disk
in its place that forgets, reorders or tears what was not synced (`tests/stores/powerless.py`).

What a power cut leaves of a file is known after `sync`; of a folder's entries (a file made, renamed,
removed) after `sync_folder`. Nothing else may be relied on. Reading needs no layer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """What a file system has left for us. None: it does not count files (btrfs)."""

    octets: int
    files: int | None


class Disk:
    """The real one. Every method raises OSError. May be called from several threads."""

    vfs: str | None = None  # SQLite's VFS for the database; None: its own

    def create(self, path: str) -> int:
        """A new, empty file; its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, fd: int, data: bytes) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def sync(self, fd: int) -> None:
        os.fsync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def make_folder(self, path: str) -> None:
        """One folder, for our eyes only. Nothing happens when it is there."""
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise

    def sync_folder(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def room(self, path: str) -> Room:
        found = os.statvfs(path)
        return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)

    # -- made of these -------------------------------------------------------------------------------------

    def make_folders(self, path: str) -> None:
        """A folder and those above it, durable."""
        path = os.path.abspath(path)
        missing = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            self.make_folder(path)
            self.sync_folder(os.path.dirname(path))

    def put(self, path: str, content: bytes) -> None:
        """A whole small file under its name, durable: the old content or the new, never a part."""
        new = f"{path}.new"
        if os.path.exists(new):
            self.unlink(new)
        fd = self.create(new)
        try:
            self.write(fd, content)
            self.sync(fd)
        finally:
            self.close(fd)
        self.rename(new, path)
        self.sync_folder(os.path.dirname(path))


DISK = Disk()
