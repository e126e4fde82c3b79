"""ENVELOPE, BODY and BODYSTRUCTURE as they go on IMAP's wire (RFC 9051 §7.5.2, RFC 3501 §7.4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from mailsys.core.message import address
from mailsys.core.message.header import MAX_VALUE
from mailsys.core.message.mime import Pairs, Part, Valued

_QUOTABLE: Final = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e\t]*")
_ESCAPABLE: Final = re.compile(rb"[\x20-\x7e\t]*")
_SAFE_LIST: Final = re.compile(rb"[\x20-\x5a\x5e-\x7e\t]*")  # no part of such a list needs escapes
_MAX_QUOTED: Final = 1000


def string(value: bytes) -> bytes:
    """A quoted string, or a literal for what rev1 cannot quote: octets above 127, line breaks, length.
    NUL can be neither (RFC 9051 §9 CHAR8) and is left out."""
    if len(value) <= _MAX_QUOTED:
        if _QUOTABLE.fullmatch(value):
            return b'"' + value + b'"'
        if _ESCAPABLE.fullmatch(value):
            return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    if b"\0" in value:
        value = value.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    return b"NIL" if value is None else string(value)


# -- ENVELOPE --------------------------------------------------------------------------------------------


def _addresses(value: bytes) -> bytes:
    found = address.parse_raw(value)
    if not found:
        return b"NIL"
    write = _plainly if _SAFE_LIST.fullmatch(value) else nstring
    return b"(" + b"".join([b"(%b)" % b" ".join([write(text) for text in raw]) for raw in found]) + b")"


def _plainly(value: bytes | None) -> bytes:
    return b"NIL" if value is None else b'"%b"' % value


_remembered: Final = lru_cache(maxsize=1024)(_addresses)  # From and To repeat; one entry is under 1 KB


def _address_list(found: Mapping[bytes, list[bytes]], name: bytes) -> bytes:
    values = found.get(name)
    if values is None:
        return b"NIL"
    value = values[0] if len(values) == 1 else b", ".join(values)
    return _remembered(value) if len(value) <= 128 else _addresses(value[:MAX_VALUE])


def _one(found: Mapping[bytes, list[bytes]], name: bytes) -> bytes:
    values = found.get(name)
    return b"NIL" if values is None else string(values[0][:MAX_VALUE])


def index(found: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """Values by field name."""
    names: dict[bytes, list[bytes]] = {}
    for name, value in found:
        if name in names:
            names[name].append(value)
        else:
            names[name] = [value]
    return names


def envelope(found: Mapping[bytes, list[bytes]]) -> bytes:
    """The ENVELOPE value from `index` of a message's fields. Encoded words stay as they are; Sender and
    Reply-To default to From; fields of one name are read as one list."""
    sender = _address_list(found, b"from")
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        _one(found, b"date"),
        _one(found, b"subject"),
        sender,
        sender if (value := _address_list(found, b"sender")) == b"NIL" else value,
        sender if (value := _address_list(found, b"reply-to")) == b"NIL" else value,
        _address_list(found, b"to"),
        _address_list(found, b"cc"),
        _address_list(found, b"bcc"),
        _one(found, b"in-reply-to"),
        _one(found, b"message-id"),
    )


# -- BODY and BODYSTRUCTURE --------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _short_params(params: Pairs) -> bytes:
    return b"(" + b" ".join([string(text) for pair in params for text in pair]) + b")"


def _params(params: Pairs) -> bytes:
    if not params:
        return b"NIL"
    if len(params) <= 3 and sum(len(n) + len(v) for n, v in params) < 80:
        return _short_params(params)
    return b"(" + b" ".join([string(text) for pair in params for text in pair]) + b")"


def _disposition(value: Valued | None) -> bytes:
    return b"NIL" if value is None else b"(%b %b)" % (string(value.value), _params(value.params))


def _language(value: bytes | None) -> bytes:
    if value is None:
        return b"NIL"
    tags = [tag.strip() for tag in value.split(b",")[:20]]
    if len(tags) == 1:
        return string(tags[0])
    return b"(" + b" ".join(map(string, tags)) + b")"


def _with_charset(part: Part) -> Pairs:
    """Plain text without a charset is in US-ASCII (RFC 2046 §4.1.2), which is said: other texts may name
    their own inside (RFC 6657)."""
    if part.type != b"text" or part.subtype != b"plain":
        return part.params
    if any(name in (b"charset", b"charset*") for name, _ in part.params):
        return part.params
    return (*part.params, (b"charset", b"us-ascii"))


def bodies(part: Part) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE values of a part tree. Recursion is bounded by `mime.MAX_DEPTH`."""
    if part.children:
        inner = [bodies(child) for child in part.children]
        sub = string(part.subtype)
        tail = b"%b %b %b %b %b" % (
            sub,
            _params(part.params),
            _disposition(part.disposition),
            _language(part.language),
            nstring(part.location),
        )
        return (
            b"(" + b"".join([b for b, _ in inner]) + b" " + sub + b")",
            b"(" + b"".join([s for _, s in inner]) + b" " + tail + b")",
        )
    common = b"%b %b %b %b %b %b %d" % (
        string(part.type),
        string(part.subtype),
        _params(_with_charset(part)),
        nstring(part.id),
        nstring(part.description),
        string(part.encoding),
        part.end - part.body,
    )
    if part.disposition is None and part.md5 is None and part.language is None and part.location is None:
        extension = b" NIL NIL NIL NIL)"
    else:
        extension = b" %b %b %b %b)" % (
            nstring(part.md5),
            _disposition(part.disposition),
            _language(part.language),
            nstring(part.location),
        )
    if part.message is not None:
        body, structure = bodies(part.message)
        common = b"%b %b" % (common, envelope(index(part.message.fields)))
        lines = b" %d" % part.lines
        return b"(%b %b%b)" % (common, body, lines), b"(%b %b%b%b" % (common, structure, lines, extension)
    if part.type == b"text":
        common = b"%b %d" % (common, part.lines)
    return b"(" + common + b")", b"(" + common + extension
