"""The TLS-Required field (RFC 8689 §3): its author would rather have the message arrive than protected."""

from __future__ import annotations

from typing import Final

from mailsys.core.message.header import scan

FIELD: Final = b"tls-required"
_LONGEST: Final = 100  # octets of a value that are looked at


def needs_no_tls(header: bytes) -> bool:
    """Whether the header has the field once, and with its one value, "No"."""
    values = [header[f.value : min(f.end, f.value + _LONGEST)] for f in scan(header) if f.name == FIELD]
    return [value.strip().lower() for value in values] == [b"no"]
