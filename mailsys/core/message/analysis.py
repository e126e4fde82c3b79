"""All that is read off a message when it arrives, in one pass.

A small message is done on the reactor's thread (about 0.1 ms); a large one belongs in a worker, where no
single call into C takes more than about a megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mailsys.core.message import dates, mime, structure, thread
from mailsys.core.message.address import mailbox, parse_raw
from mailsys.core.message.body import charset, decoded_text
from mailsys.core.message.charsets import header_in_utf_8
from mailsys.core.message.encoded import decode_words
from mailsys.core.message.facts import MessageFacts
from mailsys.core.message.header import MAX_VALUE, Fields
from mailsys.core.message.mime import Content, Part
from mailsys.core.message.shown import has_attachment
from mailsys.core.message.text import MAX_TEXT, clean, fold, fold_ascii, fold_lines, from_html

PREVIEW: Final = 256  # characters
MAX_SUBJECT: Final = 998
MAX_SENDER: Final = 320
MAX_RECIPIENTS: Final = 1000
_MAX_ADDRESSES: Final = 50  # of one list that are shown
_MAX_DECODED: Final = 1000  # fields that are decoded one by one for search
_MAX_PART_HEADERS: Final = 128 * 1024  # octets of headers inside the message that are searched
_MAX_LEAVES: Final = 200  # text parts that are read for search


def analyse(content: Content, size: int | None = None) -> MessageFacts:
    """The facts of one message; `size` when fewer octets than all of `content` are the message.

    Never raises, whatever the octets. Time is linear in the header (bounded) and in the text parts'
    first megabyte; other parts are only searched for boundaries.
    """
    root = mime.parse(content, size)
    found = structure.index(root.fields)
    envelope = structure.envelope(found)
    fields = _readable(content, root)
    if fields is not root.fields:
        found = structure.index(fields)
    body, body_structure = structure.bodies(root)
    subject_raw = found.get(b"subject", _NOTHING)[0]
    subject = clean(decode_words(subject_raw[:MAX_VALUE]), MAX_SUBJECT)
    text, preview, attachment = _read(content, root)
    date = found.get(b"date")
    ids = found.get(b"message-id")
    threads = [*found.get(b"references", ()), *found.get(b"in-reply-to", ())]
    return MessageFacts(
        root.end,
        root.body,
        thread.message_id(ids[0]) if ids else None,
        thread.references(threads) if threads else (),
        thread.base_subject(subject)[0],
        subject,
        _people(found.get(b"from"), 1)[:MAX_SENDER],
        _people(found.get(b"to"), _MAX_ADDRESSES)[:MAX_RECIPIENTS],
        dates.parse(date[0]) if date else None,
        preview,
        attachment,
        envelope,
        body,
        body_structure,
        _search(found.get(b"subject")),
        _search_people(found.get(b"from")),
        _search_people(found.get(b"to")),
        _search_people(found.get(b"cc")),
        _search_people(found.get(b"bcc")),
        _header_text(fields) + _part_headers(root),
        text,
    )


_NOTHING: Final = [b""]


def _readable(content: Content, root: Part) -> Fields:
    """The fields, those that are not in ASCII nor in UTF-8 by the charset that the text is in."""
    name = charset(root)
    if name is None or content[: root.body].isascii():
        return root.fields
    return [(field, header_in_utf_8(value, name)) for field, value in root.fields]


def _people(values: list[bytes] | None, limit: int) -> str:
    if values is None:
        return ""
    value = values[0] if len(values) == 1 else b", ".join(values)
    shown = []
    for raw in parse_raw(value[: 80 * limit + 1000]):
        if raw[3] is None:
            continue
        entry = mailbox(raw)
        shown.append(f"{entry.name} <{entry.address}>" if entry.name else entry.address)
        if len(shown) == limit:
            break
    return ", ".join(shown)


def _search(values: list[bytes] | None) -> str:
    if values is None:
        return ""
    value = values[0] if len(values) == 1 else b", ".join(values)
    return _folded(value)


_UNPLAIN: Final = re.compile(rb'[\\(]|"[^"]*=\?|[ \t]@|@[ \t]')  # where parsing brings out other words


def _search_people(values: list[bytes] | None) -> str:
    """The field as it stands and, where that is something else, its names and addresses as they are
    shown: FROM and its like look at the structure's text (RFC 9051 §6.4.4), people at what they see."""
    text = _search(values)
    if values is None or not any(map(_UNPLAIN.search, values)):
        return text
    shown = fold(_people(values, _MAX_ADDRESSES))
    return text if shown in text else f"{text} {shown}"


def _folded(value: bytes) -> str:
    if b"=?" not in value and value.isascii():
        return fold_ascii(value)
    return fold(decode_words(value))


def _header_text(found: Fields) -> str:
    """`name: value` lines, folded; decoding only where something is to be decoded."""
    plain = b"\n".join([name + b": " + value for name, value in found])
    if b"=?" not in plain and plain.isascii():
        return fold_lines(plain) + "\n" if plain else ""
    return "".join([f"{_folded(name)}: {_folded(value)}\n" for name, value in found[:_MAX_DECODED]])


def _part_headers(root: Part) -> str:
    """MIME fields of the parts and headers of enclosed messages, each line behind a space: TEXT finds
    them (RFC 9051 §6.4.4), HEADER, which looks at the message's own, does not."""
    found: Fields = []
    room = _MAX_PART_HEADERS
    waiting = [root]
    while waiting and room > 0:
        part = waiting.pop()
        inner = [part.message] if part.message is not None else part.children
        for one in inner:
            room -= one.body - one.start
            if room <= 0 or len(found) >= _MAX_DECODED:
                room = 0
                break
            found += one.fields
        waiting.extend(reversed(inner))
    if not found:
        return ""
    return " " + _header_text(found[:_MAX_DECODED]).replace("\n", "\n ")[:-1]


# -- text and attachments ----------------------------------------------------------------------------------


def _leaves(part: Part) -> Iterator[tuple[Part, bool]]:
    """Leaves in order, and whether each is inside another message."""
    stack: list[tuple[Part, bool]] = [(part, False)]
    while stack:
        at, enclosed = stack.pop()
        if at.children:
            stack.extend((child, enclosed) for child in reversed(at.children))
        else:
            yield at, enclosed
            if at.message is not None:
                stack.append((at.message, True))


def _is_attached(part: Part) -> bool:
    """Of a text: whether it is a file, not what was written."""
    if part.disposition is None:
        return False
    return part.disposition.value == b"attachment" or any(
        name.startswith(b"filename") for name, _ in part.disposition.params
    )


_READ: Final = (b"plain", b"html")  # texts that are shown, not offered


_REPORTS: Final = {  # fields that are searched as text: whom a bounce is about
    b"message/delivery-status",
    b"message/global-delivery-status",
    b"message/disposition-notification",
    b"message/global-disposition-notification",
}


def _read(content: Content, root: Part) -> tuple[str, str, bool]:
    """Search text, preview, and whether there is an attachment."""
    if root.type == b"text" and root.disposition is None:
        text, html = decoded_text(content, root, MAX_TEXT)
        if html:
            text = from_html(text)
        return fold(text), _preview(text), root.subtype not in _READ and has_attachment(root)
    texts: list[str] = []
    room = MAX_TEXT
    preview = ""
    plain_seen = False
    for number, (part, enclosed) in enumerate(_leaves(root)):
        attached = _is_attached(part)
        readable = part.type == b"text" or part.type + b"/" + part.subtype in _REPORTS
        if not readable or room <= 0 or number >= _MAX_LEAVES:
            continue
        text, html = decoded_text(content, part, room)
        if html:
            text = from_html(text)
        room -= len(text)
        texts.append(fold(text))
        if part.type != b"text":
            continue
        if not plain_seen and not attached and not enclosed and (not preview or not html):
            shown = _preview(text)
            preview = shown or preview
            plain_seen = bool(shown) and not html
    return " ".join(texts)[:MAX_TEXT], preview, has_attachment(root)


def _preview(text: str) -> str:
    start = 0
    while start < len(text) and start < 65536:  # skip blank lines that newsletters begin with
        shown = clean(text[start : start + 1024], PREVIEW)
        if shown:
            return shown
        start += 1024
    return ""
