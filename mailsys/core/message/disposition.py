"""Message disposition notifications (RFC 8098): read from a message, and composed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mailsys.core.message import compose
from mailsys.core.message.body import decoded, decoded_text
from mailsys.core.message.header import Fields, every, fields, first, scan, unfold
from mailsys.core.message.mime import Content, Part, header_end, parse

ACTION_MODES: Final = ("manual-action", "automatic-action")
SENDING_MODES: Final = ("mdn-sent-manually", "mdn-sent-automatically")
TYPES: Final = ("deleted", "dispatched", "displayed", "processed")

_KNOWN: Final = frozenset(
    (b"reporting-ua", b"mdn-gateway", b"original-recipient", b"final-recipient", b"original-message-id",
     b"disposition", b"error", b"failure", b"warning")
)  # fmt: skip
_LONGEST_TEXT: Final = 64 * 1024  # characters
_LONGEST_STATUS: Final = 64 * 1024  # octets of the fields
_MOST_FIELDS: Final = 100


@dataclass(frozen=True, slots=True)
class Disposition:
    action_mode: str
    sending_mode: str
    type: str


@dataclass(frozen=True, slots=True)
class Notification:
    """`final_recipient` and `original_recipient` are "rfc822; who@where"."""

    disposition: Disposition
    final_recipient: str
    text: str | None = None
    reporting_ua: str | None = None
    gateway: str | None = None
    original_recipient: str | None = None
    original_message_id: str | None = None
    errors: tuple[str, ...] = ()
    extensions: Mapping[str, str] = field(default_factory=dict)
    has_original: bool = False


def read(content: Content) -> Notification | None:
    """The notification that a message is; None when it is none (RFC 8098 §3)."""
    root = parse(content)
    if (root.type, root.subtype) != (b"multipart", b"report"):
        return None
    kind = dict(root.params).get(b"report-type", b"").lower()
    if kind and kind != b"disposition-notification":
        return None
    status = next((one for one in root.children if one.subtype == b"disposition-notification"), None)
    if status is None:
        return None
    block = _status(content, status)
    found = fields(block)[:_MOST_FIELDS]
    disposition = _disposition((first(found, b"disposition") or b"").decode("utf-8", "replace"))
    final = _text(found, b"final-recipient")
    if disposition is None or final is None:
        return None
    text = next((one for one in root.children if (one.type, one.subtype) == (b"text", b"plain")), None)
    return Notification(
        disposition,
        final,
        None if text is None else decoded_text(content, text, _LONGEST_TEXT)[0],
        _text(found, b"reporting-ua"),
        _text(found, b"mdn-gateway"),
        _text(found, b"original-recipient"),
        _text(found, b"original-message-id"),
        tuple(value.decode("utf-8", "replace") for value in every(found, b"error")),
        _extensions(block),
        any((one.type, one.subtype) == (b"message", b"rfc822") for one in root.children),
    )


def _status(content: Content, part: Part) -> bytes:
    """The fields of the second part."""
    gathered = b""
    for piece in decoded(content, part):
        gathered += piece
        if len(gathered) > _LONGEST_STATUS:
            break
    gathered = gathered.lstrip(b"\r\n")
    return gathered[: header_end(gathered, 0, min(len(gathered), _LONGEST_STATUS))]


def _extensions(block: bytes) -> dict[str, str]:
    """Fields that RFC 8098 does not name, as they are spelled."""
    return {
        block[one.start : one.start + len(one.name)].decode("ascii", "replace"): unfold(
            block[one.value : one.end]
        ).decode("utf-8", "replace")
        for one in scan(block)[:_MOST_FIELDS]
        if one.name and one.name not in _KNOWN
    }


def _text(found: Fields, name: bytes) -> str | None:
    value = first(found, name)
    return None if value is None else value.decode("utf-8", "replace")


def _disposition(value: str) -> Disposition | None:
    """`manual-action/MDN-sent-manually; displayed`; modifiers are left out (RFC 8098 §3.2.6)."""
    modes, semicolon, kind = value.lower().partition(";")
    action, slash, sending = (part.strip() for part in modes.partition("/"))
    kind = kind.partition("/")[0].strip()
    if action in ACTION_MODES and sending in SENDING_MODES and kind in TYPES and semicolon and slash:
        return Disposition(action, sending, kind)
    return None


def entity(notification: Notification, original: compose.Entity | None, boundary: str) -> compose.Entity:
    """The content of a notification that is to be sent; `original` is the third part (RFC 8098 §3)."""
    given = notification
    lines: list[tuple[str, str]] = []
    if given.reporting_ua:
        lines.append(("Reporting-UA", given.reporting_ua))
    if given.original_recipient:
        lines.append(("Original-Recipient", given.original_recipient))
    lines.append(("Final-Recipient", given.final_recipient))
    if given.original_message_id:
        lines.append(("Original-Message-ID", given.original_message_id))
    modes = f"{given.disposition.action_mode}/{given.disposition.sending_mode}"
    lines.append(("Disposition", f"{modes}; {given.disposition.type}"))
    lines += given.extensions.items()
    block = b"".join(compose.structured(name, _printable(value)) for name, value in lines)
    parts: Sequence[compose.Entity] = (
        compose.text(given.text or ""),
        compose.Entity(compose.structured("Content-Type", "message/disposition-notification"), block),
        *(() if original is None else (original,)),
    )
    return compose.multipart("report", parts, boundary, report_type="disposition-notification")


def _printable(value: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in value)[:900]
