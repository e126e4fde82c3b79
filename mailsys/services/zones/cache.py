"""Answers of other servers, for as long as they say."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from mailsys.core.dns.answer import Kept

TTL_AT_MOST: Final = 86400.0  # seconds
NEGATIVE_AT_MOST: Final = 3600.0  # RFC 2308 §5
STALE_TTL: Final = 30  # RFC 8767 §4
_NAMES_AND_TABLES: Final = 400  # octets of an entry beside its answer, about

Key = tuple[bytes, int, int]  # name, type, DO and CD


@dataclass(frozen=True, slots=True)
class _Entry:
    kept: Kept
    until: float


class Cache:
    """`octets`: how much is kept, the least recently used of it go first. `stale`: seconds that an answer is
    kept after its end, for when no server can be reached (RFC 8767); 0: not at all."""

    def __init__(self, octets: int, stale: float) -> None:
        self._most = octets
        self._stale = stale
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self.octets = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Key, now: float) -> Kept | None:
        entry = self._entries.get(key)
        if entry is None or now >= entry.until:
            return None
        self._entries.move_to_end(key)
        return entry.kept

    def find_stale(self, key: Key, now: float) -> Kept | None:
        """One that is over, but not for long."""
        entry = self._entries.get(key)
        if entry is None or now >= entry.until + self._stale:
            return None
        return entry.kept.with_ttl(STALE_TTL, now)

    def put(self, key: Key, kept: Kept, seconds: float) -> None:
        """Nothing, where `seconds` is 0."""
        if seconds <= 0:
            return
        self._remove(key)
        self._entries[key] = _Entry(kept, kept.born + seconds)
        self.octets += _weight(kept)
        while self.octets > self._most:
            self._remove(next(iter(self._entries)))

    def clear(self) -> None:
        self._entries.clear()
        self.octets = 0

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.octets -= _weight(entry.kept)


def _weight(kept: Kept) -> int:
    return len(kept.wire) + 8 * len(kept.ttls) + _NAMES_AND_TABLES
