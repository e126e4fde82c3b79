"""How many values a JSON text holds: a bound for decoders, which take fifty octets of memory and more for
each `[]`, and the time to make it."""

from __future__ import annotations

import re
from typing import Final

# One without end goes to the end: to look for its end anew from each quote in it would take for ever.
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


def has_more_values(text: bytes, most: int) -> bool:
    """Whether there are more than about `most` (at least 1) values. Quick for short texts, and for long ones
    with few commas; what stands in strings is only looked at when that is not enough to tell."""
    if len(text) <= most or _marks(text) <= most:
        return False
    return _marks(_STRING.sub(b"", text)) > most


def _marks(text: bytes) -> int:
    """Each value but the first has a comma before it, or is the first of its array or object."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")
