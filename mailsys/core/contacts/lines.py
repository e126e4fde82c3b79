"""vCards in a stream of octets, and the content lines of one (RFC 6350 §3, RFC 2426 §2.6, vCard 2.1 §2).

Phones and mail programs write all three versions, often not quite as they should: what can be understood
is, and what cannot is told of and costs only its own card.
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailsys.core.message.charsets import decode

MAX_CARD: Final = 8 * 1024 * 1024  # octets of one card; photos are in it
MAX_LINES: Final = 2000  # content lines of one card
_MAX_PARAMETERS: Final = 64  # of one line
_NAME: Final = re.compile(r"(?:([A-Za-z0-9-]{1,64})\.)?([A-Za-z0-9-]{1,64})")
_BASE64_ONLY: Final = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}|[A-Za-z0-9+/]+={1,2}")
_ENCODINGS: Final = frozenset(("QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"))
_CARETS: Final = {"^n": "\n", "^^": "^", "^'": '"'}  # RFC 6868


@dataclass(frozen=True, slots=True)
class RawCard:
    """One card's lines between BEGIN and END. `error`: why it cannot be read, "" when it can."""

    line: int  # where it begins in the stream, from 1
    lines: tuple[bytes, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A content line. Names of parameters are in upper case, their values as they were; `value` is still
    escaped, unless it was encoded: then it is what that meant (`octets` for base64)."""

    name: str  # in upper case
    value: str
    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    group: str = ""
    octets: bytes | None = None

    def parameter(self, name: str) -> tuple[str, ...]:
        """All values of a parameter, however often it was given."""
        return tuple(value for key, values in self.parameters if key == name for value in values)

    def first(self, name: str) -> str:
        """Its first value, "" without it."""
        return next(iter(self.parameter(name)), "")


class Splitter:
    """Finds the cards in a stream, whatever way its octets were cut."""

    def __init__(self, max_card: int = MAX_CARD) -> None:
        self._max_card = max_card
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = False
        self._rest = b""
        self._number = 0
        self._start = 0
        self._lines: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._too_large = False

    def feed(self, data: bytes) -> list[RawCard]:
        """The cards that are complete now."""
        if not self._begun:
            data = self._rest + data
            if len(data) < 4:
                self._rest = data
                return []
            self._begin(data)
            self._rest = b""
            data = data[3:] if data.startswith(codecs.BOM_UTF8) else data
        if self._decoder is not None:
            data = self._decoder.decode(data).encode("utf-8", "replace")
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > self._max_card:
            self._rest, self._too_large = b"", True
        return [card for line in lines for card in self._line(line.removesuffix(b"\r"))]

    def finish(self) -> list[RawCard]:
        """What the end of the stream leaves."""
        found = [card for line in self._rest.split(b"\r") for card in self._line(line)]
        self._rest = b""
        if self._depth:
            found.append(self._broken("The card has no end."))
        return found

    def _begin(self, data: bytes) -> None:
        self._begun = True
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def _line(self, line: bytes) -> Iterator[RawCard]:
        self._number += 1
        word = line.strip().upper() if len(line) < 64 else b""
        if word == b"BEGIN:VCARD":
            if self._depth and not self._nests():
                yield self._broken("The card has no end.")
            if not self._depth:
                self._start, self._lines, self._size, self._too_large = self._number, [], 0, False
            self._depth += 1
        elif not self._depth:
            return
        elif word == b"END:VCARD":
            self._depth -= 1
            if not self._depth:
                if self._too_large:
                    yield self._broken("The card is too large.")
                else:
                    yield RawCard(self._start, tuple(self._lines))
                self._lines = []
        elif self._depth == 1:
            self._size += len(line) + 1
            if self._size > self._max_card:
                self._too_large, self._lines = True, []
            elif not self._too_large:
                self._lines.append(line)

    def _nests(self) -> bool:
        """Whether a card may begin inside this one (vCard 2.1 §2.4.3: an AGENT)."""
        return self._depth > 1 or any(line.upper().startswith(b"AGENT") for line in self._lines[-1:])

    def _broken(self, error: str) -> RawCard:
        self._depth, self._lines = 0, []
        return RawCard(self._start, (), error)


def read_lines(card: RawCard) -> list[Line]:
    """Its content lines; those that are none are left out. Raises ValueError for too many."""
    found: list[Line] = []
    for octets in _unfolded(card.lines):
        line = read_line(octets)
        if line is None:
            continue
        if len(found) >= MAX_LINES:
            raise ValueError("The card has too many lines.")
        found.append(line)
    return found


def _unfolded(lines: tuple[bytes, ...]) -> Iterator[bytes]:
    """Content lines: continuations begin with white space (RFC 6350 §3.2); what is quoted-printable goes
    on after a "=" at its end; base64 of version 2.1 goes on as long as there is nothing else."""
    at = 0
    while at < len(lines):
        pieces = [lines[at]]
        at += 1
        head = pieces[0].partition(b":")[0].upper()
        quoted = b"QUOTED-PRINTABLE" in head
        base64 = b"BASE64" in head or b"ENCODING=B" in head
        while at < len(lines):
            line = lines[at]
            if quoted and pieces[-1].endswith(b"="):
                pieces[-1] = pieces[-1][:-1]
                pieces.append(line)
            elif line[:1] in (b" ", b"\t"):
                pieces.append(line[1:])
            elif base64 and _BASE64_ONLY.fullmatch(line.strip()):
                pieces.append(line.strip())
            else:
                break
            at += 1
        if any(pieces):
            yield b"".join(pieces)


def read_line(octets: bytes) -> Line | None:
    """One content line; None when it is none."""
    head, value = _cut(octets)
    if value is None:
        return None
    parts = _split_quoted(decode(head), ";")
    named = _NAME.fullmatch(parts[0].strip())
    if named is None or len(parts) > _MAX_PARAMETERS:
        return None
    parameters: list[tuple[str, tuple[str, ...]]] = []
    for part in parts[1:]:
        name, equals, text = part.partition("=")
        name = name.strip()
        if not equals:  # version 2.1: a value alone
            parameters.append(("ENCODING" if name.upper() in _ENCODINGS else "TYPE", (name,)))
        elif _NAME.fullmatch(name):
            values = tuple(_unquoted(one) for one in _split_quoted(text, ","))
            parameters.append((name.upper(), values))
    line = Line(named[2].upper(), "", tuple(parameters), named[1] or "")
    return _with_value(line, value)


def _with_value(line: Line, value: bytes) -> Line:
    encoding, charset = line.first("ENCODING").upper(), line.first("CHARSET")
    kept = tuple(one for one in line.parameters if one[0] not in ("ENCODING", "CHARSET"))
    if encoding in ("B", "BASE64"):
        try:
            octets = binascii.a2b_base64(re.sub(rb"\s", b"", value))
        except binascii.Error:
            return Line(line.name, "", kept, line.group)
        return Line(line.name, "", kept, line.group, octets)
    if encoding == "QUOTED-PRINTABLE":
        value = quopri.decodestring(value)
        # Lines of a text; its own escapes stay what they are.
        text = decode(value, charset or None).replace("\r\n", "\n").replace("\n", "\\n")
        return Line(line.name, text, kept, line.group)
    return Line(line.name, decode(value, charset or None), kept, line.group)


def _cut(octets: bytes) -> tuple[bytes, bytes | None]:
    """At the first ":" that is not within quotes."""
    quoted = False
    for at in range(min(len(octets), 8192)):
        byte = octets[at]
        if byte == 0x22:
            quoted = not quoted
        elif byte == 0x3A and not quoted:
            return octets[:at], octets[at + 1 :]
    head, colon, value = octets.partition(b":")  # a quote that is never closed
    return (head, value) if colon and len(head) <= 8192 else (octets, None)


def _split_quoted(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return text.split(separator)
    parts, start, quoted = [], 0, False
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == separator and not quoted:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return re.sub(r"\^[n^']", lambda found: _CARETS[found[0]], text)


# -- values --------------------------------------------------------------------------------------------------


def unescaped(text: str) -> str:
    """A text value (RFC 6350 §3.4)."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], text, flags=re.DOTALL)


def split(text: str, separator: str) -> list[str]:
    """At a separator that is not escaped; the parts are still escaped."""
    if "\\" not in text:
        return text.split(separator)
    return re.findall(rf"((?:\\.|[^\\{separator}]|\\$)*)(?:{separator}|$)", text, flags=re.DOTALL)[
        : _count(text, separator)
    ]


def _count(text: str, separator: str) -> int:
    return len(re.sub(r"\\.", "", text, flags=re.DOTALL).split(separator))


# -- writing -------------------------------------------------------------------------------------------------

_WIDTH: Final = 75  # octets of a line (RFC 6350 §3.2)


def escaped(text: str) -> str:
    r"""A text value; separators of lists and structures are escaped as well."""
    text = text.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
    return text.replace("\r\n", "\\n").replace("\r", "\\n").replace("\n", "\\n")


def written(line: Line) -> str:
    """A content line with its CRLF, folded. Its value is written as it is."""
    head = f"{line.group}.{line.name}" if line.group else line.name
    for name, values in line.parameters:
        head += f";{name}={','.join(map(_parameter, values))}"
    return _folded(f"{head}:{line.value}")


def _parameter(text: str) -> str:
    text = text.replace("^", "^^").replace("\r\n", "^n").replace("\n", "^n").replace('"', "^'")
    text = "".join(c for c in text if c >= " " and c != "\x7f")
    return f'"{text}"' if any(c in text for c in ",;:") else text


def _folded(text: str) -> str:
    octets = text.encode("utf-8", "replace")
    if len(octets) <= _WIDTH:
        return octets.decode() + "\r\n"
    pieces: list[bytes] = []
    at, width = 0, _WIDTH
    while at < len(octets):
        end = min(at + width, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
        pieces.append(octets[at:end])
        at, width = end, _WIDTH - 1
    return b"\r\n ".join(pieces).decode() + "\r\n"
