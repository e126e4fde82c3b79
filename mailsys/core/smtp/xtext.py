"""xtext: how parameter values carry any octets (RFC 3461 §4)."""

from __future__ import annotations

import re
from typing import Final

# RFC 3461 §4: xchar = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
_XTEXT: Final = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEXCHAR: Final = re.compile(rb"\+([0-9A-F]{2})")
_TO_ENCODE: Final = re.compile(rb"[^!-*,-<>-~]")


def decode(text: bytes) -> bytes | None:
    """The octets behind an xtext; None when it is not one."""
    if _XTEXT.fullmatch(text) is None:
        return None
    if b"+" not in text:
        return text
    return _HEXCHAR.sub(lambda match: bytes((int(match[1], 16),)), text)


def encode(octets: bytes) -> bytes:
    """`octets` as xtext: decode(encode(x)) == x."""
    return _TO_ENCODE.sub(lambda match: b"+%02X" % match[0][0], octets)
