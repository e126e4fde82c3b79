"""Byte-exact edits of a header block: what submission and delivery change before a message is stored.

A block is what `analysis.header_block` gives, blank line included or not; all else stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailsys.core.message import header


def has_field(block: bytes, name: bytes) -> bool:
    """Whether a field of that name is there, in any case; an empty one counts."""
    name = name.lower()
    return any(found.name == name for found in header.scan(block))


def raw_values(block: bytes, name: bytes) -> list[bytes]:
    """The values of all fields of that name as they stand, folds and all, up to the last line break."""
    name = name.lower()
    return [
        block[found.value : found.end].rstrip(b"\r\n") for found in header.scan(block) if found.name == name
    ]


def remove_fields(block: bytes, names: Sequence[bytes]) -> bytes:
    """The block without any field of these names (Bcc: RFC 5322 §3.6.3)."""
    lower = {name.lower() for name in names}
    kept: list[bytes] = []
    start = 0
    for found in header.scan(block):
        if found.name in lower:
            kept.append(block[start : found.start])
            start = found.end
    kept.append(block[start:])
    return b"".join(kept) if len(kept) > 1 else block


def prepend_fields(block: bytes, *fields: bytes) -> bytes:
    """Whole fields, each ending in CRLF as `compose.field` makes them, in front of all others."""
    for field in fields:
        if not field.endswith(b"\r\n") or b"\r\n\r\n" in field or field[:1] in b" \t\r\n:":
            raise ValueError("not a whole header field")
    return b"".join((*fields, block))
