"""Large blobs as files named by their content, and the spool that they grow in.

Power cut: a file is written and synced under a spool name, renamed to its final name, and the folder
is synced, all before a commit may name it. A crash before the rename leaves a spool file, one after
it an unreferenced file; both are swept. Nothing is ever written to a file under its final name.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Final

from mailsys.stores.sqlite.disk import DISK, Disk

BLOBS: Final = "blobs"
YOUNG: Final = 600.0  # seconds in which a staged file may wait for its commit


class BlobFiles:
    def __init__(self, folder: str, disk: Disk = DISK) -> None:
        self.disk = disk
        self.folder = os.path.join(folder, BLOBS)
        self._spool = os.path.join(folder, "spool")
        self._lock = threading.Lock()  # between a rename into place and the sweep's look and unlink
        self._number = 0
        self._staged: dict[bytes, float] = {}  # when each came, until it is known that a commit named it
        for path in (folder, self.folder, self._spool):
            disk.make_folders(path)
        # A process that died may have made folders and not come to sync them.
        for path in (os.path.dirname(os.path.abspath(folder)), folder, self.folder):
            disk.sync_folder(path)
        self._durable = set(os.listdir(self.folder))

    def path(self, digest: bytes) -> str:
        name = digest.hex()
        return os.path.join(self.folder, name[:2], name[2:])

    def open_spool(self) -> tuple[int, str]:
        """A new, empty file: descriptor and path."""
        with self._lock:
            self._number += 1
            path = os.path.join(self._spool, f"{os.getpid()}-{self._number}")
        return self.disk.create(path), path

    def keep(self, fd: int, spool: str, digest: bytes) -> str:
        """Make a finished spool file durable under its final name. Renaming over an equal file also
        makes it young again, so that the sweep cannot take it from under the coming commit."""
        self.disk.sync(fd)
        path = self.path(digest)
        folder = os.path.dirname(path)
        name = os.path.basename(folder)
        if name not in self._durable:
            # Another thread may have made it a moment ago: that it is there does not mean that it stays.
            self.disk.make_folder(folder)
            self.disk.sync_folder(self.folder)
            self._durable.add(name)
        with self._lock:
            self.disk.rename(spool, path)
            self._staged[digest] = time.time()
        self.disk.sync_folder(folder)
        return path

    def discard(self, digest: bytes) -> None:
        """Remove an unreferenced file; one that was staged a moment ago is looked at again later."""
        path = self.path(digest)
        with self._lock:
            try:
                staged = os.stat(path).st_mtime
                if time.time() - staged >= YOUNG:
                    self.disk.unlink(path)
                else:
                    self._staged.setdefault(digest, staged)
            except FileNotFoundError:
                pass

    def overdue(self, limit: int) -> list[bytes]:
        """Files staged so long ago that their commit must have come, if it was to come at all."""
        before = time.time() - YOUNG
        with self._lock:
            found = [digest for digest, staged in self._staged.items() if staged < before][:limit]
            for digest in found:
                del self._staged[digest]
        return found

    def empty_spool(self) -> None:
        """At start, under the store's lock: whatever lies there belongs to a process that died."""
        for entry in os.scandir(self._spool):
            self.disk.unlink(entry.path)

    def found(self) -> Iterator[list[bytes]]:
        """Digests of files old enough to be swept, a folder at a time."""
        before = time.time() - YOUNG
        for folder in sorted(os.listdir(self.folder)):
            digests = []
            for entry in os.scandir(os.path.join(self.folder, folder)):
                try:
                    if entry.stat().st_mtime < before:
                        digests.append(bytes.fromhex(folder + entry.name))
                except (ValueError, FileNotFoundError):
                    continue
            if digests:
                yield digests

    def remove(self) -> None:
        """The whole folder (stores in memory)."""
        shutil.rmtree(os.path.dirname(self.folder), ignore_errors=True)
