"""An email's keywords (flags) as one canonical string.

One string per set keeps 10,000 rows small and comparable: sorted, space-separated, lower case,
`$seen $flagged` and so on in JMAP's spelling (RFC 8621 §4.1.1); IMAP's system flags map onto them
(RFC 9051 §2.3.2, RFC 5788).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

MOST: Final = (
    128  # of one email, besides the system's: they lie in each of its rows, and in each session's image
)

SYSTEM = {
    "\\seen": "$seen",
    "\\answered": "$answered",
    "\\flagged": "$flagged",
    "\\deleted": "$deleted",
    "\\draft": "$draft",
}
_WIRE = {
    "$seen": b"\\Seen",
    "$answered": b"\\Answered",
    "$flagged": b"\\Flagged",
    "$deleted": b"\\Deleted",
    "$draft": b"\\Draft",
    "$forwarded": b"$Forwarded",
    "$mdnsent": b"$MDNSent",
    "$junk": b"$Junk",
    "$notjunk": b"$NotJunk",
    "$phishing": b"$Phishing",
    "$important": b"$Important",
}
_SYSTEM: Final = frozenset(SYSTEM.values())


def canonical(keywords: Iterable[str]) -> str:
    """The canonical string of a set of keywords, IMAP system flags accepted."""
    return " ".join(sorted({SYSTEM.get(k, k) for k in (k.lower() for k in keywords)} - {"\\recent", ""}))


@lru_cache(maxsize=4096)
def names(keywords: str) -> frozenset[str]:
    """The set behind a canonical string."""
    return frozenset(keywords.split())


@lru_cache(maxsize=4096)
def are_too_many(keywords: str) -> bool:
    """Whether a canonical string holds more than an email may have."""
    return len(keywords) > 2 * MOST and len(names(keywords) - _SYSTEM) > MOST


@lru_cache(maxsize=4096)
def with_added(keywords: str, added: str) -> str:
    return " ".join(sorted(names(keywords) | names(added)))


@lru_cache(maxsize=4096)
def with_removed(keywords: str, removed: str) -> str:
    return " ".join(sorted(names(keywords) - names(removed)))


@lru_cache(maxsize=4096)
def imap_flags(keywords: str) -> bytes:
    """As IMAP's flag list without parentheses, system flags first."""
    found = names(keywords)
    system = [wire for name, wire in _WIRE.items() if name in found]
    return b" ".join(system + [k.encode("utf-8") for k in sorted(found) if k not in _WIRE])
