"""How the sections of a FETCH are cut (RFC 9051 §6.4.5)."""

from __future__ import annotations

from mailsys.core.imap import header_fields
from mailsys.core.imap.commands import Section


def is_header(section: Section) -> bool:
    """Answered by the message's header block alone."""
    return not section.part and section.text.startswith(b"HEADER")


def from_header(section: Section, header: bytes) -> bytes:
    """The octets of a header section, partial applied; render them with `response.literal`."""
    if section.fields:
        header = header_fields.select(header, section.fields, negate=section.text == b"HEADER.FIELDS.NOT")
    return cut(section, header)


def cut(section: Section, data: bytes) -> bytes:
    """The partial of a section's octets: nothing when it starts beyond their end (RFC 9051 §6.4.5)."""
    if section.start is None:
        return data
    return data[section.start : section.start + (section.length or 0)]
