"""Domain names as they are on the wire: labels with their lengths, ending in the root (RFC 1035 §3.1).

Everywhere here a name is such octets in lower case, so that equal names are equal octets. Text is as in a
zone file: `\\.` and `\\DDD` for what is no plain character (RFC 1035 §5.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

ROOT: Final = b"\x00"
LONGEST: Final = 255  # octets (RFC 1035 §2.3.4)
WILDCARD: Final = b"\x01*"
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_*/")


def to_wire(text: str) -> bytes:
    """A name from text, with or without the final dot. Raises ValueError for what is no name."""
    if text in ("", "."):
        return ROOT
    labels: list[bytearray] = [bytearray()]
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == ".":
            labels.append(bytearray())
            continue
        code = ord(char)
        if char == "\\":
            digits = text[at : at + 3]
            if len(digits) == 3 and digits.isdigit() and digits.isascii():
                code, at = int(digits), at + 3
            elif at < len(text) and not text[at].isdigit():
                code, at = ord(text[at]), at + 1
            else:
                raise ValueError(f"no DNS name: {text[:300]}")
        if code > 255 or (code > 127 and char != "\\"):
            raise ValueError(f"not ASCII (write it in A-labels): {text[:300]}")
        labels[-1].append(code)
    if not labels[-1]:
        labels.pop()
    if any(not 0 < len(label) < 64 for label in labels):
        raise ValueError(f"a label has 1 to 63 octets: {text[:300]}")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + ROOT
    if len(wire) > LONGEST:
        raise ValueError(f"longer than {LONGEST} octets: {text[:300]}")
    return wire.lower()


def to_text(name: bytes) -> str:
    """With the final dot; the root is "."."""
    return "".join(_label(label) + "." for label in labels_of(name)) or "."


def _label(label: bytes) -> str:
    return "".join(
        chr(code) if code in _PLAIN else f"\\{chr(code)}" if 33 <= code < 127 else f"\\{code:03d}"
        for code in label
    )


def labels_of(name: bytes) -> list[bytes]:
    found = []
    at = 0
    while length := name[at]:
        found.append(name[at + 1 : at + 1 + length])
        at += 1 + length
    return found


def parent(name: bytes) -> bytes:
    """The name without its first label. Not to be asked of the root."""
    return name[1 + name[0] :]


def with_ancestors(name: bytes) -> Iterator[bytes]:
    """The name, then each name above it, down to the root."""
    while True:
        yield name
        if name == ROOT:
            return
        name = name[1 + name[0] :]


def is_under(name: bytes, ancestor: bytes) -> bool:
    """Whether it is `ancestor` or below it."""
    return name.endswith(ancestor) and any(each == ancestor for each in with_ancestors(name))


def canonical_key(name: bytes) -> list[bytes]:
    """Names sort by this in the canonical order of DNSSEC (RFC 4034 §6.1)."""
    return labels_of(name)[::-1]
