"""What a FETCH needs, and how its parts are cut (RFC 9051 §6.4.5).

plan(fetch, read_only=...) -> FetchPlan      columns by the names of ports.mail.Column
value(item, raw)                             a column's value as `response.rows` takes it
from_header(section, header)                 a section that the header block answers
span(section, header_size, size)             a section that is a range of the message
cut(section, data)                           the partial of a part's octets
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mailsys.core.imap import dates, header_fields
from mailsys.core.imap.commands import Fetch, Section

# Which stored column answers an item; UID, FLAGS, MODSEQ and EMAILID are in the mailbox's image
COLUMNS: Final = {
    b"INTERNALDATE": "received_at",
    b"RFC822.SIZE": "size",
    b"ENVELOPE": "envelope",
    b"BODY": "body",
    b"BODYSTRUCTURE": "body_structure",
    b"THREADID": "thread",
}
IMAGE_ITEMS: Final = frozenset((b"UID", b"FLAGS", b"MODSEQ", b"EMAILID"))

_CONVERT: Final[dict[bytes, Callable[[Any], int | bytes]]] = {b"INTERNALDATE": dates.render_date_time}


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """`items` and then `sections` are the row, in the order asked. Sections by what answers them:
    the `header` column; a range of the blob; or the MIME parts, found in the whole message."""

    items: tuple[bytes, ...]
    sections: tuple[Section, ...]
    columns: tuple[str, ...]  # to ask the store for, in this order
    header_sections: tuple[Section, ...]
    range_sections: tuple[Section, ...]
    part_sections: tuple[Section, ...]
    sets_seen: bool  # RFC 9051 §6.4.5: \Seen is set, and FLAGS shown where that changed them

    @property
    def image_only(self) -> bool:
        """Answered from the image, without a question to the store."""
        return not self.columns

    @property
    def needs_blob(self) -> bool:
        return bool(self.range_sections or self.part_sections)


def plan(fetch: Fetch, *, read_only: bool = False) -> FetchPlan:
    """Plan once per command. `read_only`: the mailbox is open with EXAMINE, nothing becomes seen."""
    by_header = tuple(s for s in fetch.sections if is_header(s))
    ranges = tuple(s for s in fetch.sections if is_range(s))
    parts = tuple(s for s in fetch.sections if not is_header(s) and not is_range(s))
    columns = [COLUMNS[item] for item in fetch.items if item in COLUMNS]
    if by_header:
        # The header column is cut at its bound: header_size tells, and the blob has the whole
        columns += ["header", "header_size", "blob"]
    if ranges:
        columns += ["header_size", "size", "blob"]
    if parts:
        columns += ["size", "blob"]
    seen = not read_only and any(not section.peek for section in fetch.sections)
    return FetchPlan(
        fetch.items, fetch.sections, tuple(dict.fromkeys(columns)), by_header, ranges, parts, seen
    )


def is_header(section: Section) -> bool:
    """Answered by the message's header block alone."""
    return not section.part and section.text.startswith(b"HEADER")


def is_range(section: Section) -> bool:
    """A range of the message as stored: BODY[], BODY[TEXT] and the old names.

    BINARY[] of the whole message is none: it decodes (RFC 3516 §4.3)."""
    return not section.part and section.text in (b"", b"TEXT") and not section.kind.startswith(b"BINARY")


def value(item: bytes, raw: Any) -> int | bytes:
    """The store's column value of `item` made ready for `response.rows`."""
    convert = _CONVERT.get(item)
    return raw if convert is None else convert(raw)


def values(item: bytes, raw: list[Any]) -> list[int | bytes]:
    """A whole column at once."""
    convert = _CONVERT.get(item)
    return raw if convert is None else [convert(one) for one in raw]


def from_header(section: Section, header: bytes) -> bytes:
    """The octets of a header section, partial applied; render them with `response.literal`."""
    if section.fields:
        header = header_fields.select(header, section.fields, negate=section.text == b"HEADER.FIELDS.NOT")
    return cut(section, header)


def span(section: Section, header_size: int, size: int) -> tuple[int, int]:
    """[start, end) of a range section in the stored message, partial applied."""
    low = header_size if section.text == b"TEXT" else 0
    if section.start is None:
        return low, size
    start = min(low + section.start, size)
    return start, min(start + (section.length or 0), size)


def cut(section: Section, data: bytes) -> bytes:
    """The partial of a section's octets: nothing when it starts beyond their end (RFC 9051 §6.4.5)."""
    if section.start is None:
        return data
    return data[section.start : section.start + (section.length or 0)]
