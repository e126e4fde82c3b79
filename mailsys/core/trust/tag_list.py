"""Tag=value lists: what DKIM, ARC and DMARC write their fields and records in (RFC 6376 §3.2)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

TAGS_AT_MOST: Final = 64
_NAME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_SPACE: Final = b" \t\r\n"


def parse_tags(text: bytes, *, gaps: bool = False) -> Mapping[bytes, bytes] | None:
    """Names (as written: case counts) and values without outer white space. None for what is no such
    list: a name twice, a tag without "=", more than 64 tags; nothing between two semicolons, unless
    `gaps`."""
    found: dict[bytes, bytes] = {}
    parts = text.split(b";", TAGS_AT_MOST + 1)
    if len(parts) > TAGS_AT_MOST + 1:
        return None
    for index, part in enumerate(parts):
        name, equals, value = part.partition(b"=")
        name = name.strip(_SPACE)
        if not equals:
            if name or (index < len(parts) - 1 and not gaps):
                return None
            continue
        if name in found or not _NAME.fullmatch(name):
            return None
        found[name] = value.strip(_SPACE)
    return found


def without_value(text: bytes, name: bytes) -> bytes:
    """The list with the value of one tag taken out, white space around it included (RFC 6376 §3.7)."""
    parts = text.split(b";")
    for index, part in enumerate(parts):
        head, equals, _ = part.partition(b"=")
        if equals and head.strip(_SPACE) == name:
            parts[index] = head + equals
            break
    return b";".join(parts)


def decode_base64(value: bytes) -> bytes | None:
    """RFC 6376 §2.10: white space may stand anywhere. Padding may be missing: people lose it when they
    copy keys. None when it is not base64."""
    text = value.translate(None, _SPACE)
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
