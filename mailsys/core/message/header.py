"""A header block as bytes: its fields, their unfolded values, and byte-exact selections of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

Fields: TypeAlias = list[tuple[bytes, bytes]]  # (lower-case name, unfolded value without outer spaces)

MAX_HEADER: Final = 256 * 1024  # octets of one header block that are looked at
MAX_FIELDS: Final = 2000  # of one block that are understood; the bytes of all are kept
MAX_VALUE: Final = 16 * 1024  # octets of one value that decoders and address parsers are given


class Field(NamedTuple):
    """Where one field lies in its block; `end` is behind its last line break."""

    name: bytes  # lower case; b"" for a line that is no field (no colon, mbox "From ")
    start: int
    value: int  # first octet behind the colon
    end: int


# One field with its continuation lines. The second branch swallows whatever is no field, so each
# match starts where the last one ended and the scan is linear. What is repeated possessively leaves
# nothing to go back to: Python before 3.11.5 loses its place there (cpython gh-106052).
_LINES: Final = rb"[^\n]*(?:\n[ \t][^\n]*+)*+\n?"
_FIELD: Final = re.compile(rb"([^\s:]++)[ \t]*+:" + _LINES + rb"|" + _LINES)
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


def scan(block: bytes) -> list[Field]:
    """All lines of a header block as fields with offsets, up to its blank line. Never raises.

    Obsolete white space before the colon is tolerated (RFC 5322 §4.5); bare LF ends a line too.
    """
    found: list[Field] = []
    position, end = 0, len(block)
    match = _FIELD.match
    while position < end:
        m = match(block, position)
        if m is None:  # cannot be: the second branch matches anything
            break
        name, stop = m.group(1), m.end()
        if name is not None:
            found.append(Field(name.lower(), position, block.index(b":", m.end(1)) + 1, stop))
        elif stop - position <= 2 and block[position:stop] in (b"\r\n", b"\n"):
            break
        else:
            found.append(Field(b"", position, position, stop))
        position = stop
    return found


def unfold(value: bytes) -> bytes:
    """A raw field value on one line: each fold becomes one space (RFC 5322 §2.2.3)."""
    if b"\n" in value:
        value = _FOLD.sub(b" ", value)
    return value.strip(b" \t\r\n")


def fields(block: bytes) -> Fields:
    """Names (lower case) and unfolded values in order, of the first 2,000 lines; lines that are no
    fields are left out."""
    if b"\r\n " in block:
        block = block.replace(b"\r\n ", b" ")
    if b"\r\n\t" in block:
        block = block.replace(b"\r\n\t", b" ")
    if block.count(b"\n") != block.count(b"\r\n"):  # bare LF somewhere
        block = re.sub(rb"\n[ \t]", b" ", block.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    found: Fields = []
    add = found.append
    lines = block.split(b"\r\n", MAX_FIELDS)
    if len(lines) > MAX_FIELDS:
        lines.pop()  # the unsplit rest
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            name = name.rstrip(b" \t")
            if name and b" " not in name and b"\t" not in name:
                add((name.lower(), value.strip(b" \t\r")))
    return found


def first(found: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The value of the first field of that name, in any case."""
    name = name.lower()
    for key, value in found:
        if key == name:
            return value
    return None


def every(found: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """The values of all fields of that name, in any case, in order."""
    name = name.lower()
    return [value for key, value in found if key == name]
