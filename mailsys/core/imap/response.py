"""Values to the octets of responses (RFC 9051 §7). All results end with CRLF unless said otherwise.

quoted string(text)      astring(octets)     nstring(octets | None)     literal(octets)    literal8(octets)
mailbox(name, utf8=)     flag_list(flags)    tagged(tag, status, text, code)
untagged(status, text, code)                 list_line(...)             status_line(...)
exists(n) recent(n) expunged(numbers) vanished(uids) search_line(...) esearch(...)
append_uid(...) copy_uid(...)                codes without brackets, for `tagged`
rows(items, columns)     many FETCH responses at once, from ready columns
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mailsys.core.imap import names, sequence

CRLF: Final = b"\r\n"

_ATOM = re.compile(rb'[^(){ \x00-\x1f\x7f-\xff%*"\\\]]+')
_QUOTABLE = re.compile(rb"[\x20-\x7e]{0,1000}")
_TEXT = re.compile(r"[\x00-\x1f\x7f]+")


# -- strings -------------------------------------------------------------------------------------


def without_nul(data: bytes) -> bytes:
    """NUL may stand in no literal but BINARY's literal8 (RFC 9051 §9: CHAR8). It becomes 0x80, as in other
    servers: sizes and ranges stay what they are, and BINARY brings the octets themselves."""
    return data.replace(b"\0", b"\x80")


def literal(data: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(data), without_nul(data))


def literal8(data: bytes) -> bytes:
    """RFC 9051 §9: for content that may hold NUL."""
    return b"~{%d}\r\n%b" % (len(data), data)


def string(data: bytes) -> bytes:
    """Quoted where that is allowed and short, else a literal."""
    if _QUOTABLE.fullmatch(data):
        if b"\\" in data or b'"' in data:
            data = data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return b'"%b"' % data
    return literal(data)


def nstring(data: bytes | None) -> bytes:
    return b"NIL" if data is None else string(data)


def astring(data: bytes) -> bytes:
    """As an atom where it can be one ("NIL" cannot: it would read as no string)."""
    if _ATOM.fullmatch(data) and data.upper() != b"NIL":
        return data
    return string(data)


def mailbox(name: str, *, utf8: bool = False) -> bytes:
    """A mailbox's name as clients of either revision read it (RFC 9051 §5.1, RFC 3501 §5.1.3)."""
    octets = names.encode(name, utf8=utf8)
    if octets.isascii():
        return astring(octets)
    # RFC 9051 §4.3: quoted strings hold UTF-8
    return b'"%b"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def flag_list(flags: Iterable[bytes]) -> bytes:
    return b"(%b)" % b" ".join(flags)


# -- status responses --------------------------------------------------------------------------------


def _status(tag: bytes, status: bytes, text: str, code: bytes) -> bytes:
    # resp-text is never empty, and no control may break the line
    shown = _TEXT.sub(" ", text).encode("ascii", "replace") or b"Done"
    if code:
        return b"%b %b [%b] %b\r\n" % (tag, status, code, shown)
    return b"%b %b %b\r\n" % (tag, status, shown)


def tagged(tag: bytes, status: bytes, text: str = "", code: bytes = b"") -> bytes:
    """`tag OK [CODE] text`. `status`: OK, NO or BAD; `code` without brackets."""
    return _status(tag, status, text, code)


def untagged(status: bytes, text: str = "", code: bytes = b"") -> bytes:
    """`* OK [CODE] text`, also PREAUTH and BYE."""
    return _status(b"*", status, text, code)


def continuation(text: bytes = b"") -> bytes:
    """`+ text`: base64 of a SASL challenge, or words."""
    return b"+ %b\r\n" % text


def append_uid(validity: int, uids: Iterable[int]) -> bytes:
    """RFC 4315 §3."""
    return b"APPENDUID %d %b" % (validity, sequence.render(uids))


def copy_uid(validity: int, source: Sequence[int], target: Sequence[int]) -> bytes:
    """RFC 4315 §3: two sets in step, runs joined only where both run on. Not for no messages."""
    left: list[tuple[int, int]] = []
    right: list[tuple[int, int]] = []
    for one, other in zip(source, target, strict=True):
        if left and left[-1][1] + 1 == one and right[-1][1] + 1 == other:
            left[-1] = (left[-1][0], one)
            right[-1] = (right[-1][0], other)
        else:
            left.append((one, one))
            right.append((other, other))
    return b"COPYUID %d %b %b" % (validity, sequence.render_ranges(left), sequence.render_ranges(right))


# -- mailboxes ---------------------------------------------------------------------------------------


def list_line(
    attributes: Iterable[bytes],
    name: str,
    *,
    utf8: bool = False,
    lsub: bool = False,
    child_info: Iterable[bytes] = (),
    old_name: str | None = None,
) -> bytes:
    r"""`* LIST (\HasNoChildren) "/" name`. `child_info`: RFC 5258 §3.5 CHILDINFO, as SUBSCRIBED;
    `old_name`: RFC 9051 §6.3.9.7 OLDNAME."""
    extended = []
    if child := b" ".join(b'"%b"' % word for word in child_info):
        extended.append(b'"CHILDINFO" (%b)' % child)
    if old_name is not None:
        extended.append(b'"OLDNAME" (%b)' % mailbox(old_name, utf8=utf8))
    return b'* %b (%b) "/" %b%b\r\n' % (
        b"LSUB" if lsub else b"LIST",
        b" ".join(attributes),
        mailbox(name, utf8=utf8),
        b" (%b)" % b" ".join(extended) if extended else b"",
    )


def status_line(name: str, items: Iterable[tuple[bytes, int | bytes]], *, utf8: bool = False) -> bytes:
    """`* STATUS name (MESSAGES 1 MAILBOXID (F1))`; octet values go out as they are."""
    shown = [b"%b %b" % (item, value if isinstance(value, bytes) else b"%d" % value) for item, value in items]
    return b"* STATUS %b (%b)\r\n" % (mailbox(name, utf8=utf8), b" ".join(shown))


def exists(count: int) -> bytes:
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    """Only for clients that did not enable IMAP4rev2 (RFC 9051 Appendix E)."""
    return b"* %d RECENT\r\n" % count


def expunged(numbers: Iterable[int]) -> bytes:
    """EXPUNGE responses in the order given; each number is one as of the moment it is read."""
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers])


def vanished(uids: Iterable[int], *, earlier: bool = False) -> bytes:
    """RFC 7162 §3.2.10; b"" for no uids."""
    shown = sequence.render(uids)
    if not shown:
        return b""
    return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if earlier else b"", shown)


# -- search --------------------------------------------------------------------------------------------


def search_line(numbers: Iterable[int], *, modseq: int | None = None) -> bytes:
    """`* SEARCH 1 2 3 (MODSEQ 7)` for clients of the older revision (RFC 7162 §3.1.5)."""
    shown = b" ".join([b"%d" % number for number in numbers])
    return b"* SEARCH%b%b\r\n" % (
        b" " + shown if shown else b"",
        b" (MODSEQ %d)" % modseq if shown and modseq is not None else b"",
    )


def esearch(
    tag: bytes, found: Sequence[int], returns: frozenset[bytes], *, uid: bool, modseq: int | None = None
) -> bytes:
    """RFC 9051 §7.3.4, RFC 4731 §3.1. A rev2 client's plain SEARCH is answered so too, with `returns`
    of ALL. `found` ascending. MIN, MAX and ALL are left out when nothing
    was found, COUNT never; SAVE shows nothing. The caller gives the `modseq` that RFC 4731 §3.2 asks for."""
    parts = [b'* ESEARCH (TAG "%b")' % tag.replace(b"\\", b"\\\\").replace(b'"', b'\\"')]
    if uid:
        parts.append(b"UID")
    if found:
        if b"MIN" in returns:
            parts.append(b"MIN %d" % found[0])
        if b"MAX" in returns:
            parts.append(b"MAX %d" % found[-1])
        if b"ALL" in returns:
            parts.append(b"ALL " + sequence.render(found))
    if b"COUNT" in returns:
        parts.append(b"COUNT %d" % len(found))
    if found and modseq is not None:
        parts.append(b"MODSEQ %d" % modseq)
    return b" ".join(parts) + CRLF


# -- FETCH rows ------------------------------------------------------------------------------------------

# How each item's column value is put into its row: {value} formats ready octets or integers
ROW_FORMATS: Final[dict[bytes, bytes]] = {
    b"UID": b"UID %d",
    b"FLAGS": b"FLAGS (%b)",  # core.message.keywords.imap_flags
    b"INTERNALDATE": b'INTERNALDATE "%b"',  # dates.render_date_time
    b"RFC822.SIZE": b"RFC822.SIZE %d",
    b"ENVELOPE": b"ENVELOPE %b",
    b"BODY": b"BODY %b",
    b"BODYSTRUCTURE": b"BODYSTRUCTURE %b",
    b"MODSEQ": b"MODSEQ (%d)",
    b"EMAILID": b"EMAILID (M%d)",  # object_ids.email_id
    b"THREADID": b"THREADID (T%d)",
}


def row_format(items: Iterable[bytes], tail: bytes = b")\r\n") -> bytes:
    """The %-format of one FETCH response with `items` in this order: number first, then a value for
    each item. An item that is not in ROW_FORMATS (a section's label) takes ready octets: a
    literal, NIL, digits for BINARY.SIZE; or, with `tail` b"", just `{n}` CRLF of a literal
    that is streamed after the row's beginning."""
    shown = [ROW_FORMATS.get(item) or item.replace(b"%", b"%%") + b" %b" for item in items]
    return b"* %d FETCH (" + b" ".join(shown) + tail


def rows(items: Sequence[bytes], numbers: Iterable[int], columns: Sequence[Iterable[int | bytes]]) -> bytes:
    """Many FETCH responses in one go: `columns` hold the items' values, in step with `numbers`.

    About 0.3 us a row and item; the caller chunks large answers (1,000 rows) so that others get a turn.
    """
    return b"".join(map(row_format(items).__mod__, zip(numbers, *columns, strict=True)))
