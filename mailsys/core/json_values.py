"""How many values a JSON text holds: a bound for decoders, which take fifty octets of memory and more for
each `[]`, and the time to make it."""

from __future__ import annotations

import re
from typing import Final

_WINDOW: Final = 64 * 1024  # octets at a time: each call into C holds everybody up until it is through
# A string, or of one that does not end in the window its quote, and a backslash that ends the window. Nothing
# is looked at again from each quote in it: that would take for ever.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(")[^"\\]*+(?:\\.[^"\\]*+)*+(\\?)\Z', re.DOTALL)
_REST: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)

_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}:]', re.DOTALL)


def has_more_values(text: bytes, most: int) -> bool:
    """Whether there are more than about `most` (at least 1) values. Quick for short texts, and for long ones
    with few commas; what stands in strings is only looked at when that is not enough to tell."""
    if len(text) <= most or _marks(text) <= most:
        return False
    found = at = 0
    while at < len(text) and found <= most:
        end = min(at + _WINDOW, len(text))
        rest = _STRING.sub(rb"\1\2", text[at:end])
        found += _marks(rest)
        if rest.endswith((b'"', b'"\\')):  # a string goes on
            going_on = _REST.match(text, end + rest.endswith(b"\\"))
            end = len(text) if going_on is None else going_on.end()
        at = end
    return found > most


def has_more_names(text: bytes, most: int) -> bool:
    """Whether an object, given as JSON, has more than `most` names itself (not counted: what stands in its
    values). A microsecond for each token of it, where it is not clear at once."""
    if text.count(b":") <= most:
        return False
    depth = found = 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark == 0x3A:
            found += depth == 1
            if found > most:
                return True
        elif mark != 0x22:
            depth += 1 if mark in b"[{" else -1
    return False


def _marks(text: bytes) -> int:
    """Each value but the first has a comma before it, or is the first of its array or object."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")
