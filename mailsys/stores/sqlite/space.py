"""Room on the disk: new mail is refused while some of it is left, so that reading, deleting, sending and
reporting never find none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mailsys import metrics
from mailsys.core.refusal import InsufficientStorage
from mailsys.log import Log
from mailsys.stores.sqlite.disk import Disk, Room

log = Log("store")

_OFTEN: Final = 1.0  # seconds that a look holds
_AGAIN: Final = 1.1  # so much of the reserve must be free before mail is taken again: no flapping


@dataclass(frozen=True, slots=True)
class Reserve:
    """What is kept free; 0: nothing."""

    octets: int = 0
    files: int = 0


NOTHING: Final = Reserve()


class Space:
    """Asked from the reactor and from threads."""

    def __init__(
        self, disk: Disk, folder: str, reserve: Reserve, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._reserve = reserve
        self._seconds = seconds
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._room = Room(0, None)
        self._short = False

    def check(self, octets: int = 0) -> None:
        """Raises InsufficientStorage when there is too little room, or would be with `octets` more."""
        if self._seconds() - self._looked >= _OFTEN:
            self._look()
        if self._short or (self._reserve.octets and self._room.octets - octets < self._reserve.octets):
            raise InsufficientStorage(cause=f"{self._room}, {self._reserve}")

    def _look(self) -> None:
        try:
            room = self._disk.room(self._folder)
        except OSError as error:
            # Whether it can still be written will show when it is.
            log.error("room on the disk is not known", failure=error)
            self._looked = self._seconds()
            return
        with self._lock:
            self._room, self._looked = room, self._seconds()
            share = _AGAIN if self._short else 1.0
            short = room.octets < self._reserve.octets * share or (
                room.files is not None and room.files < self._reserve.files * share
            )
            changed, self._short = short != self._short, short
        metrics.storage(room.octets, room.files, short)
        if changed:
            say = log.error if short else log.info
            say(
                "no room for new mail" if short else "room for new mail again",
                free_octets=room.octets,
                free_files=room.files,
                kept_octets=self._reserve.octets,
                kept_files=self._reserve.files,
            )
