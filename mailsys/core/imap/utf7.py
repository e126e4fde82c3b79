"""Modified UTF-7 for mailbox names (RFC 3501 §5.1.3), both ways.

`decode(b"Entw&APw-rfe") == "Entwürfe"`; `encode` is its exact inverse. Decoding is strict: what
`encode` would never write (8-bit octets, needless or padded base64, lone surrogates) is refused,
so that no two spellings name one mailbox.
"""

from __future__ import annotations

import binascii
import re

_SHIFT = re.compile(rb"&([^-]*)(-?)")
_RUN = re.compile(r"&|[^\x20-\x7e]+")


class NotModifiedUtf7(ValueError):
    """The octets are not modified UTF-7."""


def _unshift(match: re.Match[bytes]) -> bytes:
    code, dash = match.group(1), match.group(2)
    if not dash:
        raise NotModifiedUtf7("shift is not closed")
    if not code:
        return b"&"
    try:
        units = binascii.a2b_base64(code.replace(b",", b"/") + b"=" * (-len(code) % 4), strict_mode=True)
        return units.decode("utf-16-be").encode("utf-8")
    except (binascii.Error, UnicodeError) as error:
        raise NotModifiedUtf7(str(error)) from None


def decode(name: bytes) -> str:
    """The name's text. Raises NotModifiedUtf7."""
    if not name.isascii():
        raise NotModifiedUtf7("8-bit octet")
    if b"&" not in name:
        return name.decode("ascii")
    text = _SHIFT.sub(_unshift, name).decode("utf-8")
    if encode(text) != name:
        raise NotModifiedUtf7("not the canonical form")
    return text


def _shift(match: re.Match[str]) -> str:
    run = match.group()
    if run == "&":
        return "&-"
    code = binascii.b2a_base64(run.encode("utf-16-be", "replace"), newline=False).rstrip(b"=")
    return "&" + code.replace(b"/", b",").decode("ascii") + "-"


def encode(text: str) -> bytes:
    """Modified UTF-7 of `text`. Lone surrogates, which no name may hold, become "?"."""
    return _RUN.sub(_shift, text).encode("ascii")
