"""Decoding a large JSON text without holding the interpreter: piece by piece, each a matter of milliseconds.

A decoder in C lets nobody else run until it is through, in whatever thread it is: ten megabytes of small
values take a second. Taken apart a level at a time (the decoder passes over what stands inside, which is
quick), and each piece decoded for itself, the others get their turn between any two.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from mailsys.core.json_values import has_more_names

_PIECE: Final = 16 * 1024  # octets that are decoded in one go: at most some 5,000 values, 5 ms
_NAMES: Final = 20_000  # of one object: they cannot be taken apart
_DEEPEST: Final = 64  # levels that are taken apart: each is passed over again for every one above it

_decode = msgspec.json.Decoder().decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_dict = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def decode_in_pieces(text: bytes, depth: int = 0) -> Any:
    """As a decoder would, in a thread. Raises ValueError (msgspec.DecodeError is one), also for what is both
    large and nested deeply."""
    if len(text) <= _PIECE:
        return _decode(text)
    first = text[:256].lstrip(b" \t\r\n")[:1]
    if first not in (b"[", b"{"):
        return _decode(text)  # one long string; or no JSON
    if depth == _DEEPEST:
        raise ValueError("large, and nested too deeply")
    if first == b"{" and has_more_names(text, _NAMES):
        raise ValueError(f"an object has at most {_NAMES} names")
    if first == b"[":
        return [decode_in_pieces(bytes(each), depth + 1) for each in _list(text)]
    return {name: decode_in_pieces(bytes(each), depth + 1) for name, each in _dict(text).items()}
