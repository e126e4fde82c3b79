"""A message's part tree as offsets into its content; bodies are never copied.

Content is `bytes` or an `mmap`: whatever has slices, `find` and a length. Everything here is bounded:
depth, parts, octets of header looked at, and the work spent on finding boundaries; what lies beyond a
bound is one opaque leaf, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from mmap import mmap
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from mailsys.core.message import header
from mailsys.core.message.header import MAX_HEADER, MAX_VALUE, Fields

Content: TypeAlias = bytes | mmap

MAX_DEPTH: Final = 64
MAX_PARTS: Final = 1000
MAX_HEADERS: Final = 2 * 1024 * 1024  # octets of all parts' header blocks together
MAX_PARAMETERS: Final = 100
WINDOW: Final = 256 * 1024  # octets per call into C

Pairs: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Valued(NamedTuple):
    """A header value with parameters: `text/plain; charset=utf-8`."""

    value: bytes  # lower case, without white space
    params: Pairs  # names in lower case; continuations joined (RFC 2231 §3)


class Part:
    """One part. Offsets are into the whole content: header block [start, body), body [body, end)."""

    __slots__ = (
        "body", "children", "description", "disposition", "encoding", "end", "fields", "id",
        "language", "lines", "location", "md5", "message", "params", "start", "subtype", "type",
    )  # fmt: skip

    start: int
    body: int
    end: int
    fields: Fields  # of the root and of enclosed messages all, of other parts only those of MIME
    type: bytes  # lower case, as is subtype
    subtype: bytes
    params: Pairs
    encoding: bytes  # Content-Transfer-Encoding, lower case, "7bit" by default
    id: bytes | None
    description: bytes | None
    disposition: Valued | None
    language: bytes | None
    location: bytes | None
    md5: bytes | None
    lines: int  # line ends in the body; of text and message parts only
    children: list[Part]  # of a multipart; such a part has at least one
    message: Part | None  # the message inside a message/rfc822 part

    @property
    def size(self) -> int:
        """Octets of the body as it stands, still encoded."""
        return self.end - self.body


# -- windows over content ----------------------------------------------------------------------------


def find(content: Content, needle: bytes, start: int, end: int) -> int:
    """As `bytes.find`, in windows, so that no single call holds the interpreter long."""
    overlap = len(needle) - 1
    if isinstance(content, bytes):
        while start < end:
            found = content.find(needle, start, min(start + 4 * WINDOW, end))
            if found >= 0:
                return found
            start += 4 * WINDOW - overlap
        return -1
    step = 4096  # growing, so that many near hits do not copy a large window each
    while start < end:
        # mmap.find is a naive loop in CPython up to 3.12; searching a slice costs less
        found = content[start : min(start + step, end)].find(needle)
        if found >= 0:
            return start + found
        start += step - overlap
        step = min(step * 2, WINDOW)
    return -1


def count(content: Content, needle: bytes, start: int, end: int) -> int:
    """Occurrences of one octet in a range."""
    if isinstance(content, bytes) and end - start <= WINDOW * 4:
        return content.count(needle, start, end)
    return sum(content[at : min(at + WINDOW, end)].count(needle) for at in range(start, end, WINDOW))


def header_end(content: Content, start: int, end: int) -> int:
    """Where the body begins: behind the blank line, or at `end` when there is none.

    A header block is looked at up to 256 KB; a longer one ends at its last whole line before that.
    """
    head = content[start : start + 2]
    if head == b"\r\n":
        return min(start + 2, end)
    if head[:1] == b"\n":
        return min(start + 1, end)
    stop = min(start + MAX_HEADER, end)
    crlf = content.find(b"\n\r\n", start, stop)
    lf = content.find(b"\n\n", start, stop if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf + 2
    if crlf >= 0:
        return crlf + 3
    if stop == end:
        return end
    cut = content.rfind(b"\n", start, stop)
    return cut + 1 if cut >= 0 else stop


# -- structured values ---------------------------------------------------------------------------------

# A run of ";" is a match of its own when no parameter follows: nothing is looked at from each of its
# octets anew. Groups are not repeated possessively: see header._LINES.
_PARAMETER: Final = re.compile(
    rb';[\s;]*+(?:([^\s;="]++)\s*+=\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"|([^;]*+)))?', re.S
)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.S)
_CONTINUED: Final = re.compile(rb"([^*]+)\*([0-9]{1,3})(\*?)")
_TYPE: Final = re.compile(rb"\s*([^\s/;\"()<>@,:\\]+)\s*/\s*([^\s/;\"()<>@,:\\]+)")
_TOKEN: Final = re.compile(rb"\s*([^\s;()\"]+)")


def _uncommented(value: bytes) -> bytes:
    """Without RFC 5322 comments; parentheses within quotes are kept."""
    kept: list[bytes] = []
    depth, quoted = 0, False
    for piece in re.findall(rb'\\.|[()"]|[^\\()"]+|\\', value, re.S):
        if piece == b'"' and not depth:
            quoted = not quoted
        elif not quoted and piece == b"(":
            depth += 1
            continue
        elif depth and piece == b")":
            depth -= 1
            continue
        if not depth:
            kept.append(piece)
    return b"".join(kept)


def parameters(value: bytes) -> Pairs:
    """The parameters behind the first ";" of a header value, at most 100.

    Continuations (`name*0`, `name*1*`) are joined under `name`, or `name*` when any of them is in the
    extended form, percent-encoding kept (RFC 2231 §3, §4; RFC 9051 §7.5.2 wants them joined).
    """
    found: dict[bytes, bytes] = {}
    joined: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    for m in _PARAMETER.finditer(value):
        name, quoted, plain = m.groups()
        if name is None:
            continue
        if quoted is not None:
            text = _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        else:
            text = plain.strip()
            if b'"' in text:
                text = text.replace(b'"', b"")
        name = name.lower()
        if b"*" in name and (c := _CONTINUED.fullmatch(name)) is not None:
            joined.setdefault(c.group(1), {}).setdefault(int(c.group(2)), (text, c.group(3) == b"*"))
        elif name not in found:
            found[name] = text
        if len(found) + len(joined) >= MAX_PARAMETERS:
            break
    for name, pieces in joined.items():
        extended = any(star for _, star in pieces.values())
        texts: list[bytes] = []
        for number in range(len(pieces)):
            if number not in pieces:  # RFC 2231 §3: numbered without gaps
                break
            text, star = pieces[number]
            texts.append(text.replace(b"%", b"%25") if extended and not star else text)
        found.setdefault(name + b"*" if extended else name, b"".join(texts))
    return tuple(found.items())


def _valued(value: bytes, pattern: re.Pattern[bytes]) -> Valued | None:
    value = value[:MAX_VALUE]
    if b"(" in value:
        value = _uncommented(value)
    m = pattern.match(value)
    if m is None:
        return None
    return Valued(b"/".join(m.groups()).lower(), parameters(value) if b";" in value else ())


@lru_cache(maxsize=1024)
def _type_of(value: bytes) -> Valued | None:
    return _valued(value, _TYPE)


@lru_cache(maxsize=1024)
def _disposition_of(value: bytes) -> Valued | None:
    return _valued(value, _TOKEN)


def content_type(value: bytes) -> Valued | None:
    """A Content-Type value; None when it names no type. Never raises."""
    if len(value) > 128 or b"oundary" in value:  # these hardly repeat: not worth remembering
        return _valued(value, _TYPE)
    return _type_of(value)


def disposition(value: bytes) -> Valued | None:
    """A Content-Disposition value (RFC 2183)."""
    return _valued(value, _TOKEN) if len(value) > 128 else _disposition_of(value)


def _boundary(params: Pairs) -> bytes:
    """Also in the extended form `boundary*=us-ascii''...` (RFC 2231 §4); empty when there is none."""
    found = dict(params)
    boundary = found.get(b"boundary", b"")
    if not boundary and (extended := found.get(b"boundary*", b"")):
        boundary = unquote_to_bytes(extended.split(b"'", 2)[-1])
    return boundary


# -- the tree ------------------------------------------------------------------------------------------

_PLAIN: Final = Valued(b"text/plain", ((b"charset", b"us-ascii"),))  # RFC 2045 §5.2
_DIGEST: Final = Valued(b"message/rfc822", ())  # RFC 2046 §5.1.5
_OPAQUE: Final = Valued(b"application/octet-stream", ())
_LINED: Final = (b"text", b"message")


class _Parser:
    def __init__(self, content: Content, size: int) -> None:
        self.content = content
        self.parts = 0
        self.headers = 0
        self.work = 8 * size + 16 * WINDOW  # octets that may be searched for boundaries

    def entity(self, start: int, end: int, depth: int, default: Valued, message: bool) -> Part:
        part = Part()
        self.parts += 1
        body = header_end(self.content, start, end)
        part.start, part.body, part.end = start, body, end
        part.children, part.message, part.lines = [], None, 0
        part.id = part.description = part.language = part.location = part.md5 = None
        part.disposition, part.encoding = None, b"7bit"
        kind: Valued | None = default
        self.headers += body - start
        if self.headers > MAX_HEADERS and depth:
            part.fields = []
            kind = _OPAQUE
        else:
            found = header.fields(self.content[start:body])
            if not message:
                found = [pair for pair in found if pair[0].startswith(b"content-")]
            part.fields = found
            for name, value in found:
                if name.startswith(b"content-"):
                    if name == b"content-type":
                        kind = content_type(value) or _PLAIN
                    else:
                        self._mime_field(part, name, value)
        self._shape(part, kind or default, depth)
        return part

    @staticmethod
    def _mime_field(part: Part, name: bytes, value: bytes) -> None:
        value = value[:MAX_VALUE]
        if name == b"content-transfer-encoding":
            m = _TOKEN.match(value)
            part.encoding = m.group(1).lower() if m is not None else b"7bit"
        elif name == b"content-disposition":
            part.disposition = disposition(value)
        elif name == b"content-id":
            part.id = value
        elif name == b"content-description":
            part.description = value
        elif name == b"content-language":
            part.language = value
        elif name == b"content-location":
            part.location = value
        elif name == b"content-md5":
            part.md5 = value

    def _shape(self, part: Part, kind: Valued, depth: int) -> None:
        main, _, sub = kind.value.partition(b"/")
        part.type, part.subtype, part.params = main, sub, kind.params
        if main == b"multipart":
            if depth >= MAX_DEPTH or self.parts >= MAX_PARTS:
                part.type, part.subtype, part.params = b"application", b"octet-stream", ()
                return
            boundary = _boundary(kind.params)
            if boundary and len(boundary) <= 256:
                self._children(part, boundary, depth, _DIGEST if sub == b"digest" else _PLAIN)
            if part.children:
                return
            # No part can be told apart: its text is shown as it stands.
            part.type, part.subtype, part.params = b"text", b"plain", ()
        elif main == b"message" and sub in (b"rfc822", b"global"):
            if depth >= MAX_DEPTH or self.parts >= MAX_PARTS:
                part.type, part.subtype = b"application", b"octet-stream"
            else:
                part.message = self.entity(part.body, part.end, depth + 1, _PLAIN, True)
        if part.type in _LINED:
            part.lines = count(self.content, b"\n", part.body, part.end)

    def _children(self, part: Part, boundary: bytes, depth: int, default: Valued) -> None:
        """RFC 2046 §5.1.1: delimiters stand at the start of a line and own the line break before them;
        white space may follow. A missing closing delimiter ends with the parent."""
        content, end = self.content, part.end
        needle = b"\n--" + boundary
        starts: list[int] = []  # of each part
        ends: list[int] = []
        position = part.body
        if content[position : position + len(needle) - 1] == needle[1:]:
            position -= 1  # right at the start: as if a line break came before
            found = position
        else:
            found = self._find(needle, max(position - 1, part.start), end)
        while found >= 0:
            behind = found + len(needle)
            tail = content[behind : behind + 1024]
            closing = tail[:2] == b"--"
            line, newline, _ = tail.partition(b"\n")
            blank = not (line[2:] if closing else line).strip(b" \t\r")
            if blank and (newline or behind + len(line) >= end):
                if not closing and self.parts + len(starts) >= MAX_PARTS:
                    break  # the last part takes what is left
                if starts:
                    before = found - 1 if found > 0 and content[found - 1 : found] == b"\r" else found
                    ends.append(max(before, starts[-1]))
                if closing:
                    break
                starts.append(min(behind + len(line) + len(newline), end))
                position = starts[-1] - 1  # the next delimiter may follow at once
            else:
                self.work -= 512  # a false hit costs more than the octets searched
                position = behind
            found = self._find(needle, position, end)
        if len(ends) < len(starts):
            ends.append(end)
        for start, stop in zip(starts, ends, strict=True):
            part.children.append(self.entity(start, max(stop, start), depth + 1, default, False))

    def _find(self, needle: bytes, start: int, end: int) -> int:
        if self.work <= 0:
            return -1
        found = find(self.content, needle, start, end)
        self.work -= (end if found < 0 else found) - start
        return found


def parse(content: Content, size: int | None = None) -> Part:
    """The tree of a whole message. Never raises; every range nests in its parent's."""
    end = len(content) if size is None else min(size, len(content))
    return _Parser(content, end).entity(0, end, 0, _PLAIN, True)


# -- IMAP's part numbers ---------------------------------------------------------------------------------


def find_part(root: Part, numbers: Sequence[int]) -> Part | None:
    """The part that IMAP numbers name (RFC 9051 §6.4.5); the root for none. A message that is not a
    multipart is its own part 1; numbers below a message/rfc822 part count in the message inside."""
    part = root
    container: Part | None = root  # where the next number counts
    for number in numbers:
        if container is None or number < 1:
            return None
        if container.children:
            if number > len(container.children):
                return None
            part = container.children[number - 1]
        elif number == 1:  # a message that is no multipart
            part = container
        else:
            return None
        container = part if part.children else part.message
    return part


def locate(root: Part, numbers: Sequence[int], text: bytes) -> tuple[int, int] | None:
    """The range of BODY[numbers.text]: text is b"", HEADER, TEXT or MIME (for HEADER.FIELDS locate
    HEADER and select). None when there is no such part."""
    part = find_part(root, numbers)
    if part is None:
        return None
    if not text:
        return (part.body, part.end) if numbers else (part.start, part.end)
    if text == b"MIME":
        return (part.start, part.body) if numbers else None
    if numbers:  # HEADER and TEXT of a part are those of the message inside it
        if part.message is None:
            return None
        part = part.message
    return (part.start, part.body) if text == b"HEADER" else (part.body, part.end)
