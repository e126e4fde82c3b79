"""BODY[HEADER.FIELDS (...)] and its .NOT form out of a header block, octet for octet (RFC 9051 §6.4.5)."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=128)  # of names that clients make up, up to 25 KB each
def _pattern(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    # A line break in front of each field lets the search run on the break alone; the break at a
    # field's end is left for the next. Obsolete white space before the colon counts (RFC 5322 §4.5).
    words = b"|".join(sorted({re.escape(name.lower()) for name in names}))
    return re.compile(rb"\n((?:%b)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*)" % words, re.IGNORECASE)


def select(block: bytes, names: tuple[bytes, ...], *, negate: bool = False) -> bytes:
    """The fields of `block` with these names (in any case), or all others, and the blank line.

    `block` is a header block with or without its blank line, its field order and folding kept.
    Linear in the block; the caller bounds that (256 KiB).
    """
    if block and not block.endswith(b"\n"):
        block += b"\r\n"
    text = b"\n" + block
    if not negate:
        found = _pattern(names).findall(text)
        return b"\n".join([*found, b"\r\n"]) if found else b"\r\n"
    if text.endswith(b"\n\r\n"):
        text = text[:-2]  # the blank line; one is put back below
    elif text.endswith(b"\n\n"):
        text = text[:-1]
    kept = _pattern(names).sub(b"", text)[1:]
    return kept + b"\r\n"
