"""Delivery status notifications as they come in (RFC 3464): what happened to whom, and to which message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mailsys.core.message.body import decoded
from mailsys.core.message.header import MAX_HEADER, Fields, fields, first
from mailsys.core.message.mime import Content, Part, header_end, parse
from mailsys.core.message.thread import message_id

MAX_RECIPIENTS: Final = 1000
_LONGEST: Final = 256 * 1024  # octets of the machine's part
_REPLY: Final = 800  # characters

_STATUS: Final = frozenset((b"delivery-status", b"global-delivery-status"))
_HEADERS: Final = frozenset((b"rfc822-headers", b"global-headers"))
_GROUP: Final = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+")
_SMTP: Final = re.compile(r"[2-5][0-9][0-9][ -]")


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """`final` and `original` are addresses, "" where the report has none."""

    final: str
    original: str
    action: str  # lower case: failed, delayed, delivered, relayed, expanded
    reply: str  # what an SMTP server said, on one line; "" when none is told


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    recipients: tuple[RecipientReport, ...]
    envelope_id: str  # ENVID of the original's MAIL; "" when it is not told
    message_id: str | None  # of the original, in angle brackets


def read_delivery_report(content: Content) -> DeliveryReport | None:
    """What a message tells of another's delivery; None when it is no such report. Never raises."""
    root = parse(content)
    if (root.type, root.subtype) != (b"multipart", b"report"):
        return None
    status = next((one for one in root.children if one.subtype in _STATUS), None)
    if status is None:
        return None
    groups = [fields(group) for group in _GROUP.split(_body(content, status).strip(b"\r\n") + b"\r\n")]
    if not groups:
        return None
    people = tuple(one for group in groups[1 : MAX_RECIPIENTS + 1] if (one := _recipient(group)) is not None)
    if not people:
        return None
    return DeliveryReport(people, _text(groups[0], b"original-envelope-id"), original_id(content, root))


def original_id(content: Content, root: Part) -> str | None:
    """The Message-ID of the message that a report returns, or else answers."""
    for part in root.children[1:]:
        found: Fields = []
        if part.message is not None:
            found = part.message.fields
        elif part.subtype in _HEADERS or part.subtype in (b"rfc822", b"global"):
            block = _body(content, part)
            found = fields(block[: header_end(block, 0, len(block))])
        value = first(found, b"message-id")
        if value is not None and (name := message_id(value)) is not None:
            return name
    answered = first(root.fields, b"in-reply-to")
    return None if answered is None else message_id(answered)


def _recipient(group: Fields) -> RecipientReport | None:
    action = _text(group, b"action").lower()
    final = _address(_text(group, b"final-recipient"))
    original = _address(_text(group, b"original-recipient"))
    if not action or not (final or original):
        return None
    kind, _, words = _text(group, b"diagnostic-code").partition(";")
    words = "".join(c if c.isprintable() else " " for c in words).strip()[:_REPLY]
    said = kind.strip().lower() == "smtp" and _SMTP.match(words) is not None
    return RecipientReport(final, original, action, words if said else "")


def _address(value: str) -> str:
    """`rfc822; who@where` without its type."""
    kind, semicolon, address = value.partition(";")
    return (address if semicolon else kind).strip()[:1000]


def _text(group: Fields, name: bytes) -> str:
    value = first(group, name)
    return "" if value is None else value[:4096].decode("utf-8", "replace").strip()


def _body(content: Content, part: Part) -> bytes:
    gathered = b""
    for piece in decoded(content, part):
        gathered += piece
        if len(gathered) > _LONGEST:
            break
    return gathered[: min(_LONGEST, MAX_HEADER)]
