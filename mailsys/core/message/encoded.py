"""Encoded words in header fields (RFC 2047) and encoded parameters (RFC 2231)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from mailsys.core.message.charsets import decode as decode_charset
from mailsys.core.message.header import MAX_VALUE

# RFC 2047 §2; spaces inside the text are tolerated, as many senders leave them in. No part can be
# scanned twice: charset is bounded and the text ends at the next question mark.
_WORD: Final = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\r\n]*)\?=")
_NOT_BASE64: Final = bytes(
    c for c in range(256) if not (chr(c).isascii() and (chr(c).isalnum() or chr(c) in "+/"))
)
_Q_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def base64_octets(data: bytes) -> bytes:
    """Base64 with anything else in it ignored and missing padding supplied. Never raises."""
    data = data.translate(None, _NOT_BASE64)
    if len(data) % 4 == 1:
        data = data[:-1]
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


def decode_words(value: bytes) -> str:
    """The text of an unstructured field or phrase. Never raises; linear.

    Octets of adjacent words in one charset are joined before they are decoded, since senders cut
    characters in half. Words beyond the first 16 KB are left as they are.
    """
    if b"=?" not in value:
        return decode_charset(value)
    rest = b""
    if len(value) > MAX_VALUE:
        value, rest = value[:MAX_VALUE], value[MAX_VALUE:]
    pieces: list[str] = []
    held: list[bytes] = []  # octets of adjacent words in `held_charset`
    held_charset = ""
    position = 0
    for m in _WORD.finditer(value):
        gap = value[position : m.start()]
        charset = m.group(1).partition(b"*")[0].decode("ascii", "replace").lower()  # RFC 2231 §5 language
        adjacent = bool(held) and not gap.strip()
        if held and (not adjacent or charset != held_charset):
            pieces.append(decode_charset(b"".join(held), held_charset))
            held = []
        if gap and not adjacent:
            pieces.append(decode_charset(gap))
        text = m.group(3)
        if m.group(2) in b"bB":
            held.append(base64_octets(text))
        else:
            held.append(binascii.a2b_qp(text, header=True))
        held_charset = charset
        position = m.end()
    if held:
        pieces.append(decode_charset(b"".join(held), held_charset))
    pieces.append(decode_charset(value[position:] + rest))
    return "".join(pieces)


def encode_words(text: str, first: int = 60, *, force: bool = False) -> str:
    """ASCII words for text that is not ASCII, separated by spaces so that they can be folded; each at
    most 75 characters (RFC 2047 §2). ASCII text that holds no `=?` comes back as it is.

    `first` is the room for the first word. B or Q is used, whichever is shorter. With `force` ASCII is
    encoded too.
    """
    if not force and text.isascii() and "=?" not in text and text.isprintable():
        return text
    data = text.encode("utf-8", "replace")
    quoted = sum(1 if c in _Q_SAFE or c == 32 else 3 for c in data)
    use_q = quoted <= (len(data) + 2) // 3 * 4
    words: list[str] = []
    piece: list[str] = []
    used, room = 0, max(first, 24) - 12  # "=?utf-8?q?" and "?="
    for character in text:
        octets = character.encode("utf-8", "replace")
        cost = sum(1 if c in _Q_SAFE or c == 32 else 3 for c in octets) if use_q else len(octets)
        limit = room if use_q else room // 4 * 3
        if piece and used + cost > limit:
            words.append(_word("".join(piece), use_q))
            piece, used, room = [], 0, 63
        piece.append(character)
        used += cost
    words.append(_word("".join(piece), use_q))
    return " ".join(words)


def _word(text: str, use_q: bool) -> str:
    data = text.encode("utf-8", "replace")
    if not use_q:
        return "=?utf-8?b?" + binascii.b2a_base64(data, newline=False).decode("ascii") + "?="
    body = "".join("_" if c == 32 else chr(c) if c in _Q_SAFE else f"={c:02X}" for c in data)
    return "=?utf-8?q?" + body + "?="


def decode_parameter(params: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """A parameter's text from `(name, value)` pairs with joined continuations (see `mime.parameters`):
    the extended form `name*` (RFC 2231 §4) first, else the plain one, encoded words in it decoded
    although RFC 2047 §5 forbids them there."""
    plain: bytes | None = None
    for key, value in params:
        if key == name + b"*":
            charset, _, rest = value.partition(b"'")
            _, quote, text = rest.partition(b"'")
            if quote:
                return decode_charset(unquote_to_bytes(text), charset.decode("ascii", "replace") or None)
            return decode_charset(unquote_to_bytes(value))  # a quote alone is a character of the text
        if key == name and plain is None:
            plain = value
    return None if plain is None else decode_words(plain)
