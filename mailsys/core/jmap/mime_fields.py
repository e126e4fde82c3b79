"""MIME fields with parameters, and the transfer encodings of what we compose (RFC 2045, RFC 2231)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from typing import Final

_TOKEN: Final = re.compile(r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+")
_KEPT: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PIECE: Final = 60  # characters of one RFC 2231 section
_WINDOW: Final = 256 * 1024
_ENDS: Final = re.compile(r"\r\n|\r|\n")
BASE64_LINES: Final = 57 * 4096  # octets that make whole lines of base64


def parameter(name: str, value: str) -> str:
    """One parameter, in sections where it is long and percent-encoded where it is not ASCII
    (RFC 2231 §3, §4)."""
    if value.isascii() and len(value) <= _PIECE:
        if _TOKEN.fullmatch(value):
            return f"{name}={value}"
        return f'{name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    units = [
        "".join(chr(c) if c in _KEPT else f"%{c:02X}" for c in one.encode("utf-8", "replace"))
        for one in value
    ]
    pieces = ["utf-8''"]
    for unit in units:
        if len(pieces[-1]) + len(unit) > _PIECE:
            pieces.append("")
        pieces[-1] += unit
    if len(pieces) == 1:
        return f"{name}*={pieces[0]}"
    return "; ".join(f"{name}*{number}*={piece}" for number, piece in enumerate(pieces))


def content_field(name: str, words: Sequence[str]) -> bytes:
    """`name: word; word`, a line per word where one line will not do."""
    line = f"{name}: " + "; ".join(words)
    if len(line) > 78:
        line = f"{name}: " + "; ".join(words).replace("; ", ";\r\n ")
    return line.encode("utf-8", "replace") + b"\r\n"


def type_field(kind: str, params: Sequence[tuple[str, str]]) -> bytes:
    return content_field("Content-Type", [kind, *(parameter(name, value) for name, value in params)])


def encode_text(text: str) -> tuple[str, bytes]:
    """A text's transfer encoding and its octets, lines ended by CRLF; decoding gives the same text,
    with or without a line end at its end."""
    data = _ENDS.sub("\r\n", text).encode("utf-8", "replace")
    if data.isascii() and b"\0" not in data and max(map(len, data.split(b"\r\n"))) <= 990:
        return "7bit", data
    high = len(data) - len(data.translate(None, bytes(range(128, 256))))
    if high * 3 > len(data):  # other scripts: base64 is shorter
        return "base64", b"".join(
            base64_lines(data[at : at + BASE64_LINES]) for at in range(0, len(data), BASE64_LINES)
        )
    pieces: list[bytes] = []
    start = 0
    while start < len(data):
        stop = start + _WINDOW
        if stop < len(data):
            line = data.rfind(b"\r\n", start, stop)
            stop = line + 2 if line >= start else stop
        piece = data[start:stop].replace(b"\r\n", b"\n")
        quoted = binascii.b2a_qp(piece, istext=True)
        if stop < len(data) and not quoted.endswith(b"\n"):
            quoted += b"=\n"  # an endless line goes on
        pieces.append(quoted.replace(b"\n", b"\r\n"))
        start = stop
    return "quoted-printable", b"".join(pieces)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76; all but the last call must be given a multiple of 57 octets."""
    lines = [binascii.b2a_base64(data[at : at + 57], newline=False) for at in range(0, len(data), 57)]
    return b"\r\n".join(lines) + b"\r\n" if lines else b""
