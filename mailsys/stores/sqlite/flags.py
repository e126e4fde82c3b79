"""The keywords that counts and indexes go by, as bits of an email's row."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mailsys.core.message import keywords as words

SEEN: Final = 1
FLAGGED: Final = 2
DRAFT: Final = 4
ATTACHMENT: Final = 16  # of the content; not a keyword
KEYWORDS: Final = SEEN | FLAGGED | DRAFT

BITS: Final = {"$seen": SEEN, "$flagged": FLAGGED, "$draft": DRAFT}
MARK: Final = "$deleted"  # belongs to a placement, never to an email


@lru_cache(maxsize=4096)
def flags_of(keywords: str) -> int:
    """The bits of a canonical keyword string."""
    flags = 0
    for name in words.names(keywords):
        flags |= BITS.get(name, 0)
    return flags


def is_unread(flags: int) -> bool:
    """Neither $seen nor $draft (RFC 8621 §2, unreadEmails)."""
    return not flags & (SEEN | DRAFT)
