"""One process owns a store's folder."""

from __future__ import annotations

import fcntl
import os

from mailsys.stores.sqlite.schema import StoreError


class StoreInUse(StoreError):
    """Another process has this store open."""


class FolderLock:
    """An exclusive lock that the kernel drops when its holder dies, however it dies."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "mail.lock")
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # flock, not fcntl locks: those would be lost by closing any other descriptor of the file.
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreInUse(
                f"{folder}: the mail store is in use by process {holder}; "
                "only one process may have it open. Stop that one first."
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
