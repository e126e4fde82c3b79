"""Bodies of parts, decoded: whole, in pieces, or as text."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

from mailsys.core.message.charsets import decode as decode_charset
from mailsys.core.message.encoded import base64_octets
from mailsys.core.message.mime import WINDOW, Content, Part

IDENTITY: Final = frozenset((b"7bit", b"8bit", b"binary", b""))
ENCODINGS: Final = IDENTITY | {b"base64", b"quoted-printable"}

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOISE: Final = bytes(c for c in range(256) if c not in _ALPHABET)
_PADDING: Final = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")  # looked at once from the start of each run


def decoded(content: Content, part: Part) -> Iterator[bytes]:
    """The body without its transfer encoding, in pieces of at most 256 KB. An encoding that is not known
    is taken for none; ask `part.encoding in ENCODINGS` first where that matters (RFC 9051 §6.4.5.2
    BINARY: UNKNOWN-CTE)."""
    if part.encoding == b"base64":
        return _base64(content, part.body, part.end)
    if part.encoding == b"quoted-printable":
        return _quoted_printable(content, part.body, part.end)
    return (content[at : min(at + WINDOW, part.end)] for at in range(part.body, part.end, WINDOW))


def decoded_size(content: Content, part: Part) -> int:
    """Octets of the decoded body (BINARY.SIZE)."""
    if part.encoding not in (b"base64", b"quoted-printable"):
        return part.end - part.body
    return sum(map(len, decoded(content, part)))


def _base64(content: Content, start: int, end: int) -> Iterator[bytes]:
    held = b""
    for at in range(start, end, WINDOW):
        data = held + content[at : min(at + WINDOW, end)].translate(None, _NOISE)
        stop = data.find(b"=")
        if stop >= 0:  # padding ends it (RFC 4648 §3.3); what follows is no part of the data
            yield base64_octets(data[:stop])
            return
        whole = len(data) & ~3
        held = data[whole:]
        if whole:
            yield binascii.a2b_base64(data[:whole])
    if held:
        yield base64_octets(held)


def _quoted_printable(content: Content, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        stop = min(start + WINDOW, end)
        if stop < end:  # cut behind a line; in an endless one, not inside "=XX"
            window = content[start:stop]
            line = window.rfind(b"\n")
            if line >= 0:
                stop = start + line + 1
            elif (sign := window.rfind(b"=")) >= len(window) - 3 and sign > 0:
                stop = start + sign
        # RFC 2045 §6.7 (3): transports add white space to lines; behind "=" it hides a soft line break
        lines = _PADDING.sub(b"", content[start:stop])
        yield binascii.a2b_qp(lines.rstrip(b" \t") if stop == end else lines)
        start = stop


def charset(part: Part) -> str | None:
    """The declared charset of a text part."""
    for name, value in part.params:
        if name == b"charset":
            return value.decode("ascii", "replace")
    return None


def decoded_text(content: Content, part: Part, limit: int) -> tuple[str, bool]:
    """Up to `limit` octets of a text part as text, and whether it is HTML."""
    if part.encoding in (b"base64", b"quoted-printable"):
        pieces: list[bytes] = []
        room = limit
        for piece in decoded(content, part):
            pieces.append(piece)
            room -= len(piece)
            if room <= 0:
                break
        data = b"".join(pieces)[:limit]
    else:
        data = content[part.body : min(part.end, part.body + limit)]
    html = part.subtype == b"html" or (
        part.subtype not in (b"plain", b"enriched")
        and data[:200].lstrip()[:9].lower() in (b"<!doctype", b"<html>")
    )
    return decode_charset(data, charset(part)), html
