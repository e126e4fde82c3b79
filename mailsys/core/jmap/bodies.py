"""A message's parts as JMAP shows them: EmailBodyPart, EmailBodyValue, and which parts are the text,
the HTML and the attachments (RFC 8621 §4.1.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from mailsys.core.jmap.header_forms import HeaderBlock, as_text, header_property
from mailsys.core.jmap.ids import part_blob_id
from mailsys.core.message.body import ENCODINGS, charset, decoded, decoded_size
from mailsys.core.message.charsets import codec
from mailsys.core.message.charsets import decode as decode_charset
from mailsys.core.message.header import MAX_VALUE
from mailsys.core.message.mime import Content, Part
from mailsys.core.message.shown import part_name, sort_parts

MAX_VALUE_OCTETS: Final = 5 * 1024 * 1024  # of one body value; what is longer is truncated

BODY_PROPERTIES: Final = frozenset(
    ("partId", "blobId", "size", "headers", "name", "type", "charset", "disposition", "cid", "language",
     "location", "subParts")
)  # fmt: skip
DEFAULT_BODY_PROPERTIES: Final = (
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location",
)  # fmt: skip

_BRACKETED: Final = re.compile(rb"<([^<>]*)>")


class Bodies:
    """One message's parts. `blob` is the id of the stored message; part numbers are IMAP's."""

    __slots__ = ("attachments", "blob", "content", "html", "numbers", "root", "text")

    def __init__(self, content: Content, root: Part, blob: bytes) -> None:
        self.content = content
        self.root = root
        self.blob = blob
        self.numbers: dict[int, str] = {}  # id of a leaf -> partId
        self._count(root, "")
        self.text: list[Part] = []
        self.html: list[Part] = []
        self.attachments: list[Part] = []
        sort_parts([root], b"mixed", False, self.html, self.text, self.attachments)

    def _count(self, part: Part, prefix: str) -> None:
        if not part.children:
            self.numbers[id(part)] = prefix or "1"
        for number, child in enumerate(part.children, 1):
            self._count(child, f"{prefix}.{number}" if prefix else str(number))

    def leaves(self) -> Iterator[Part]:
        stack = [self.root]
        while stack:
            part = stack.pop()
            if part.children:
                stack.extend(reversed(part.children))
            else:
                yield part

    # -- EmailBodyPart -----------------------------------------------------------------------------------

    def part(self, part: Part, properties: Sequence[str], deep: bool = False) -> dict[str, Any]:
        """The properties asked for; `deep`: of its sub-parts too (as bodyStructure has them)."""
        found: dict[str, Any] = {}
        block: HeaderBlock | None = None
        for name in properties:
            if name.startswith("header") and block is None:
                block = HeaderBlock(self.content[part.start : part.body])
            if name == "headers":
                assert block is not None
                found[name] = block.headers()
            elif name.startswith("header:"):
                wanted = header_property(name)
                assert wanted is not None
                assert block is not None
                found[name] = block.get(wanted)
            elif name != "subParts":
                found[name] = self._property(part, name)
        if deep and part.children:
            found["subParts"] = [self.part(child, properties, True) for child in part.children]
        elif "subParts" in properties:
            found["subParts"] = (
                [self.part(child, properties, True) for child in part.children] if part.children else None
            )
        return found

    def _property(self, part: Part, name: str) -> Any:
        match name:
            case "partId":
                return None if part.children else self.numbers[id(part)]
            case "blobId":
                if part.children:
                    return None
                return part_blob_id(self.blob, part.body, part.size, part.encoding.decode("ascii", "replace"))
            case "size":
                return 0 if part.children else decoded_size(self.content, part)  # of what blobId names
            case "name":
                return part_name(part)
            case "type":
                return f"{part.type.decode('utf-8', 'replace')}/{part.subtype.decode('utf-8', 'replace')}"
            case "charset":
                return charset(part) or ("us-ascii" if part.type == b"text" else None)
            case "disposition":
                return None if part.disposition is None else part.disposition.value.decode("utf-8", "replace")
            case "cid":
                return _cid(part.id)
            case "language":
                if part.language is None:
                    return None
                tags = [tag.strip() for tag in part.language.decode("utf-8", "replace").split(",")]
                return [tag for tag in tags[:100] if tag] or None
            case _:
                return None if part.location is None else as_text(part.location[:MAX_VALUE]).strip() or None

    # -- EmailBodyValue ----------------------------------------------------------------------------------

    def value(self, part: Part, limit: int) -> dict[str, Any]:
        """A text part's value, at most `limit` octets of it as UTF-8 (0: as much as there is)."""
        bound = MAX_VALUE_OCTETS if not limit else min(limit, MAX_VALUE_OCTETS)
        # As few octets as surely give that many of UTF-8: a charset may need up to four for one
        room = bound * 4 + 1024
        pieces: list[bytes] = []
        cut = False
        for piece in decoded(self.content, part):
            pieces.append(piece)
            room -= len(piece)
            if room <= 0:
                cut = True
                break
        data = b"".join(pieces)
        text, problem = _decoded(data, charset(part), cut)
        problem = problem or part.encoding not in ENCODINGS
        text = text.replace("\r\n", "\n")
        text, shortened = truncate(text, bound, part.subtype == b"html")
        return {"value": text, "isEncodingProblem": problem, "isTruncated": shortened or cut}


def _decoded(data: bytes, declared: str | None, cut: bool) -> tuple[str, bool]:
    """Text, and whether the charset is unknown or the octets are not in it."""
    if declared is None or declared.lower() in ("us-ascii", "ascii"):
        if data.isascii():
            return data.decode("ascii"), False
        text = decode_charset(data)
        # What claims no charset and is UTF-8 is understood; what claims to be ASCII is not that
        return text, declared is not None or not _strictly(data, "utf-8", cut)
    name = codec(declared)
    if name is None:
        return decode_charset(data), True
    return decode_charset(data, declared), not _strictly(data, name, cut)


def _strictly(data: bytes, name: str, cut: bool) -> bool:
    if name == "cp1252":  # stands for iso-8859-1 here, which has a meaning for every octet
        return True
    try:
        data.decode(name)
    except UnicodeDecodeError as error:
        return cut and error.start >= len(data) - 4
    except (UnicodeError, ValueError):
        return False
    return True


def truncate(text: str, limit: int, html: bool = False) -> tuple[str, bool]:
    """At most `limit` octets of UTF-8, cut between characters and not inside an HTML tag."""
    if len(text) * 4 <= limit:
        return text, False
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit:
        return text, False
    shortened = data[:limit].decode("utf-8", "ignore")
    if html:
        opening = shortened.rfind("<")
        if opening > shortened.rfind(">") and opening >= len(shortened) - 4096:
            shortened = shortened[:opening]
    return shortened, True


def _cid(value: bytes | None) -> str | None:
    if value is None:
        return None
    found = _BRACKETED.search(value[:MAX_VALUE])
    text = (found.group(1) if found is not None else value[:MAX_VALUE]).strip()
    return text.decode("utf-8", "replace") or None
