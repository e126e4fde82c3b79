"""Which parts of a message are its text, its HTML and its attachments (RFC 8621 §4.1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailsys.core.message.encoded import decode_parameter
from mailsys.core.message.mime import Part
from mailsys.core.message.text import nfc

_MEDIA: Final = (b"image", b"audio", b"video")


def sort_parts(
    parts: Sequence[Part],
    kind: bytes,
    in_alternative: bool,
    html: list[Part] | None,
    text: list[Part] | None,
    attachments: list[Part],
) -> None:
    """RFC 8621 §4.1.4's algorithm, line by line."""
    text_length = -1 if text is None else len(text)
    html_length = -1 if html is None else len(html)
    for number, part in enumerate(parts):
        if part.children:
            alternative = part.subtype == b"alternative"
            sort_parts(part.children, part.subtype, in_alternative or alternative, html, text, attachments)
            continue
        media = part.type in _MEDIA
        plain = part.type == b"text" and part.subtype == b"plain"
        is_html = part.type == b"text" and part.subtype == b"html"
        attached = part.disposition is not None and part.disposition.value == b"attachment"
        inline = (
            not attached
            and (plain or is_html or media)
            and (number == 0 or (kind != b"related" and (media or part_name(part) is None)))
        )
        if not inline:
            attachments.append(part)
            continue
        if kind == b"alternative":
            if plain:
                if text is not None:
                    text.append(part)
            elif is_html:
                if html is not None:
                    html.append(part)
            else:
                attachments.append(part)
            continue
        if in_alternative:
            if plain:
                html = None
            if is_html:
                text = None
        if text is not None:
            text.append(part)
        if html is not None:
            html.append(part)
        if (text is None or html is None) and media:
            attachments.append(part)
    if kind == b"alternative" and text is not None and html is not None:
        if text_length == len(text) and html_length != len(html):
            text.extend(html[html_length:])
        elif html_length == len(html) and text_length != len(text):
            html.extend(text[text_length:])


def part_name(part: Part) -> str | None:
    """The file name: of the disposition, else of the type (RFC 8621 §4.1.4). A blank one is none."""
    name = None
    if part.disposition is not None:
        name = decode_parameter(part.disposition.params, b"filename")
    if name is None or not name.strip():
        name = decode_parameter(part.params, b"name")
    return None if name is None or not name.strip() else nfc(name.replace("\0", ""))


# -- attachments -------------------------------------------------------------------------------------------

_MACHINERY: Final = {  # of signatures, reports and encryption: not what a person attached
    b"application/pgp-signature",
    b"application/pkcs7-signature",
    b"application/x-pkcs7-signature",
    b"application/pgp-encrypted",
    b"message/delivery-status",
    b"message/disposition-notification",
    b"text/rfc822-headers",
    b"message/rfc822-headers",
}


def has_attachment(root: Part) -> bool:
    """RFC 8621 §4.1.4 hasAttachment: whether a part is to be offered for saving. That is one of the
    `attachments` that is not inline, but for what programs use and for the pictures of a page."""
    attachments: list[Part] = []
    sort_parts([root], b"mixed", False, [], [], attachments)
    if not attachments:
        return False
    related = _related(root)
    return any(_is_offered(part, id(part) in related) for part in attachments)


def _is_offered(part: Part, related: bool) -> bool:
    disposition = None if part.disposition is None else part.disposition.value
    if disposition == b"attachment":
        return True
    if part.type == b"multipart" or part.type + b"/" + part.subtype in _MACHINERY:
        return False
    if related and part.id is not None:
        return False
    # "inline" is a wish to be shown, which of these kinds only can be done
    return disposition != b"inline" or part.type not in (b"text", *_MEDIA)


def _related(root: Part) -> set[int]:
    """Leaves that belong to a page: below a multipart/related."""
    found: set[int] = set()
    waiting = [(root, False)]
    while waiting:
        part, related = waiting.pop()
        if part.children:
            inner = related or part.subtype == b"related"
            waiting.extend((child, inner) for child in part.children)
        elif related:
            found.add(id(part))
    return found
