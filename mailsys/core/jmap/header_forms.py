"""Header fields in JMAP's forms (RFC 8621 §4.1.2, §4.1.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mailsys.core.jmap.dates import render_date
from mailsys.core.message import dates
from mailsys.core.message.address import Group, Mailbox, parse_list
from mailsys.core.message.charsets import codec, header_in_utf_8
from mailsys.core.message.charsets import decode as decode_charset
from mailsys.core.message.encoded import decode_words
from mailsys.core.message.header import MAX_HEADER, MAX_VALUE, scan
from mailsys.core.message.mime import content_type
from mailsys.core.message.text import nfc

MAX_LIST: Final = 128 * 1024  # octets of an address list that are read: 1000 addresses and more
FORMS: Final = ("asRaw", "asText", "asAddresses", "asGroupedAddresses", "asMessageIds", "asDate", "asURLs")

_ADDRESS_FORMS: Final = frozenset({"asAddresses", "asGroupedAddresses"})
_RESENT: Final = ("resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc", "resent-bcc")
_LISTS: Final = ("help", "unsubscribe", "subscribe", "post", "owner", "archive")
# Fields of RFC 5322 and RFC 2369 and the parsed forms each may be asked for in; others: any.
_ALLOWED: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(("from", "sender", "reply-to", "to", "cc", "bcc", *_RESENT), _ADDRESS_FORMS),
    **dict.fromkeys(("subject", "comments", "keywords"), frozenset({"asText"})),
    **dict.fromkeys(
        ("message-id", "in-reply-to", "references", "resent-message-id"), frozenset({"asMessageIds"})
    ),
    **dict.fromkeys(("date", "resent-date"), frozenset({"asDate"})),
    **dict.fromkeys((f"list-{one}" for one in _LISTS), frozenset({"asURLs"})),
    **dict.fromkeys(("return-path", "received"), frozenset()),
}
_PROPERTY: Final = re.compile(r"header:([!-9;-~]{1,255})(?::(as[A-Za-z]+))?(:all)?")


@dataclass(frozen=True, slots=True)
class HeaderProperty:
    """What a property such as `header:To:asAddresses:all` asks for."""

    name: str  # lower case
    form: str
    all: bool
    written: str  # the name as it was written


@lru_cache(maxsize=1024)
def header_property(text: str) -> HeaderProperty | None:
    """A `header:` property understood; None when it is none, or asks for a form that field has not."""
    found = _PROPERTY.fullmatch(text)
    if found is None:
        return None
    name, form, every = found.groups()
    form = form or "asRaw"
    if form not in FORMS:
        return None
    if form != "asRaw" and form not in _ALLOWED.get(name.lower(), FORMS):
        return None
    return HeaderProperty(name.lower(), form, every is not None, name)


CONVENIENT: Final[dict[str, HeaderProperty]] = {  # RFC 8621 §4.1.2
    "messageId": HeaderProperty("message-id", "asMessageIds", False, "Message-ID"),
    "inReplyTo": HeaderProperty("in-reply-to", "asMessageIds", False, "In-Reply-To"),
    "references": HeaderProperty("references", "asMessageIds", False, "References"),
    "sender": HeaderProperty("sender", "asAddresses", False, "Sender"),
    "from": HeaderProperty("from", "asAddresses", False, "From"),
    "to": HeaderProperty("to", "asAddresses", False, "To"),
    "cc": HeaderProperty("cc", "asAddresses", False, "Cc"),
    "bcc": HeaderProperty("bcc", "asAddresses", False, "Bcc"),
    "replyTo": HeaderProperty("reply-to", "asAddresses", False, "Reply-To"),
    "subject": HeaderProperty("subject", "asText", False, "Subject"),
    "sentAt": HeaderProperty("date", "asDate", False, "Date"),
}


def field_property(name: str) -> HeaderProperty | None:
    """A convenience or `header:` property."""
    return CONVENIENT.get(name) or (header_property(name) if name.startswith("header:") else None)


# -- values ------------------------------------------------------------------------------------------------


class HeaderBlock:
    """A header block for lookups of a few fields. Values are raw: folds and outer spaces kept."""

    __slots__ = ("_block", "_lower")

    def __init__(self, block: bytes) -> None:
        self._block = b"\n" + block[:MAX_HEADER]
        self._lower = self._block.lower()

    def _value(self, name: bytes, at: int) -> bytes | None:
        """The raw value of the field that begins behind the line break at `at`, if it has the name."""
        block = self._block
        colon = at + 1 + len(name)
        while block[colon : colon + 1] in (b" ", b"\t"):  # RFC 5322 §4.5
            colon += 1
        if block[colon : colon + 1] != b":":
            return None
        end = block.find(b"\n", colon)
        while end >= 0 and block[end + 1 : end + 2] in (b" ", b"\t"):
            end = block.find(b"\n", end + 1)
        value = block[colon + 1 :] if end < 0 else block[colon + 1 : end]
        return value[:-1] if value.endswith(b"\r") else value

    def last(self, name: str) -> bytes | None:
        """The last field of that name (in lower case)."""
        wanted = name.encode("ascii")
        at = self._lower.rfind(b"\n" + wanted)
        while at >= 0:
            value = self._value(wanted, at)
            if value is not None:
                return value
            at = self._lower.rfind(b"\n" + wanted, 0, at)
        return None

    def every(self, name: str) -> list[bytes]:
        wanted = name.encode("ascii")
        found: list[bytes] = []
        at = self._lower.find(b"\n" + wanted)
        while at >= 0:
            value = self._value(wanted, at)
            if value is not None:
                found.append(value)
            at = self._lower.find(b"\n" + wanted, at + 1)
        return found

    def headers(self) -> list[dict[str, str]]:
        """RFC 8621 §4.1.3 `headers`: all fields in order, names as they are written."""
        block = self._block[1:]
        return [
            {
                "name": block[one.start : one.start + len(one.name)].decode("utf-8", "replace"),
                "value": as_raw(block[one.value : one.end].removesuffix(b"\n").removesuffix(b"\r")),
            }
            for one in scan(block)
            if one.name
        ]

    def get(self, wanted: HeaderProperty) -> Any:
        read = _READERS[wanted.form]
        values: list[bytes | None] = [*self.every(wanted.name)] if wanted.all else [self.last(wanted.name)]
        if wanted.form != "asRaw":  # where RFC 8621 §4.1.2.1 has U+FFFD for what is not UTF-8
            values = [one if one is None or one.isascii() else self._in_utf_8(one) for one in values]
        found = [None if one is None else read(one) for one in values]
        return found if wanted.all else found[0]

    def _in_utf_8(self, value: bytes) -> bytes:
        kind = content_type(_unfolded(self.last("content-type") or b"").strip())
        charset = dict(kind.params).get(b"charset") if kind is not None else None
        return value if charset is None else header_in_utf_8(value, charset.decode("ascii", "replace"))


_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


def _unfolded(value: bytes) -> bytes:
    return _FOLD.sub(b"", value) if b"\n" in value else value


def as_raw(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return text.replace("\0", "") if "\0" in text else text


_ENCODED: Final = re.compile(rb"(?:=\?([^?\s*]{1,60})(?:\*[^?\s]*)?\?[bBqQ]\?[^?\s]*\?=)+")
_GAP: Final = re.compile(rb"([ \t\r\n]+)")
_ANY_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")


def as_text(value: bytes) -> str:
    """Encoded words are decoded where they stand by themselves in a charset that is known, and nowhere
    else (RFC 8621 §4.1.2.2)."""
    value = _unfolded(value).lstrip(b" ")
    if b"=?" not in value:
        text = value.decode("ascii") if value.isascii() else nfc(decode_charset(value))
    else:
        pieces: list[str] = []
        held: list[bytes] = []  # encoded words and the gaps between them
        for token in _GAP.split(value[:MAX_VALUE]):
            found = _ENCODED.fullmatch(token)
            if (found is not None and codec(found.group(1).decode("ascii", "replace")) is not None) or (
                held and not token.strip()
            ):
                held.append(token)
            else:
                pieces += (_decoded(held), decode_charset(token))
                held = []
        pieces += (_decoded(held), decode_charset(value[MAX_VALUE:]))
        text = nfc("".join(pieces))
    return _CONTROL.sub("", text) if not text.isprintable() else text


def _decoded(held: list[bytes]) -> str:
    if not held:
        return ""
    joined = b"".join(held)
    words = joined.rstrip(b" \t\r\n")
    return _ANY_CONTROL.sub("", decode_words(words)) + joined[len(words) :].decode("ascii")


def _person(one: Mailbox) -> dict[str, str | None]:
    return {"name": one.name or None, "email": one.address}


def as_addresses(value: bytes) -> list[dict[str, str | None]]:
    """Not to be changed by the caller: correspondents repeat, so short lists are remembered."""
    return _remembered(value) if len(value) <= 128 else _addresses(value)


def _addresses(value: bytes) -> list[dict[str, str | None]]:
    found: list[dict[str, str | None]] = []
    for entry in parse_list(_unfolded(value).strip(), MAX_LIST):
        if isinstance(entry, Group):
            found.extend(_person(one) for one in entry.members)
        else:
            found.append(_person(entry))
    return found


_remembered: Final = lru_cache(maxsize=2048)(_addresses)


def as_grouped_addresses(value: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    loose: list[dict[str, str | None]] | None = None  # addresses between groups are a group without name
    for entry in parse_list(_unfolded(value).strip(), MAX_LIST):
        if isinstance(entry, Group):
            loose = None
            found.append({"name": entry.name or None, "addresses": [_person(one) for one in entry.members]})
        else:
            if loose is None:
                loose = []
                found.append({"name": None, "addresses": loose})
            loose.append(_person(entry))
    return found


_COMMENT: Final = re.compile(rb"\([^()]*\)")
_MESSAGE_ID: Final = re.compile(rb"<([^<>]{1,998})>")
_SPACE: Final = re.compile(rb"[ \t\r\n]+")
MAX_IDS: Final = 1000


def _bracketed(value: bytes) -> list[str] | None:
    """What stands in angle brackets, white space within left out; None when nothing does."""
    found = [_SPACE.sub(b"", one).decode("utf-8", "replace") for one in _MESSAGE_ID.findall(value)[:MAX_IDS]]
    return [one for one in found if one] or None


def as_message_ids(value: bytes) -> list[str] | None:
    return _bracketed(_COMMENT.sub(b"", value) if b"(" in value else value)


def as_urls(value: bytes) -> list[str] | None:
    return _bracketed(value)


def as_date(value: bytes) -> str | None:
    found = dates.parse_zoned(_unfolded(value).strip())
    return None if found is None else render_date(*found)


_READERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "asRaw": as_raw,
    "asText": as_text,
    "asAddresses": as_addresses,
    "asGroupedAddresses": as_grouped_addresses,
    "asMessageIds": as_message_ids,
    "asDate": as_date,
    "asURLs": as_urls,
}
