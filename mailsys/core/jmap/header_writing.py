"""Header fields from JMAP's forms, checked so that nothing can break out of its field
(RFC 8621 §4.1.2, §4.6)."""

from __future__ import annotations

import re
from typing import Any, Final

from mailsys.core.jmap.dates import parse_date
from mailsys.core.jmap.header_forms import HeaderProperty
from mailsys.core.message import compose, dates
from mailsys.core.message.address import Group, Mailbox

MAX_ADDRESSES: Final = 5000
MAX_VALUE: Final = 64 * 1024  # characters of one value

_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9._\x80-\U0010ffff-]{1,253}|\[[A-Za-z0-9:.]{1,60}\]")
_UNSAFE: Final = re.compile(r"""[<>()\[\]\\,;:"]""")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BARE_BREAK: Final = re.compile(r"\n(?![ \t])")
_MESSAGE_ID: Final = re.compile(r"[!-;=?-~\x80-\U0010ffff]{1,900}")
_URL: Final = re.compile(r"[!-;=?-~\x80-\U0010ffff]{1,4000}")


class BadValue(ValueError):
    """The value does not fit its form; the text says why."""


def render(wanted: HeaderProperty, value: Any) -> list[bytes]:
    """The whole field, or fields for `:all`; none for null. Raises BadValue."""
    if value is None:
        return []
    if wanted.all:
        if not isinstance(value, list):
            raise BadValue("must be an array")
        if len(value) > 1000:
            raise BadValue("has too many values")
        return [_field(wanted, one) for one in value]
    if isinstance(value, list) and not value:
        return []
    return [_field(wanted, value)]


def _field(wanted: HeaderProperty, value: Any) -> bytes:
    name = wanted.written
    match wanted.form:
        case "asRaw":
            return _raw(name, value)
        case "asText":
            return _text(name, value)
        case "asAddresses":
            return compose.address_field(name, addresses(value))
        case "asGroupedAddresses":
            return compose.address_field(name, _groups(value))
        case "asMessageIds":
            return compose.structured(name, " ".join(f"<{one}>" for one in _strings(value, _MESSAGE_ID)))
        case "asDate":
            return compose.structured(name, _date(value))
        case _:
            urls = ", ".join(f"<{one}>" for one in _strings(value, _URL))
            return (
                _raw(name, " " + urls.replace(", ", ",\r\n ")) if len(urls) > 900 else _raw(name, f" {urls}")
            )


def _raw(name: str, value: Any) -> bytes:
    """As it is given, but for the space that stands after the colon everywhere: a line break only where
    it folds, lines of at most 998 octets (RFC 5322 §2.1.1)."""
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        raise BadValue("must be a string")
    value = value.replace("\r\n", "\n")
    if "\r" in value or "\0" in value or _BARE_BREAK.search(value):
        raise BadValue("holds a line break that is no fold")
    if any(not line.strip() for line in value.split("\n")[1:]):
        raise BadValue("holds an empty line")
    space = "" if value[:1] in ("", " ", "\t", "\n") else " "
    try:
        field = f"{name}:{space}{value}".replace("\n", "\r\n").encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadValue("holds half a character") from error
    if max(map(len, field.split(b"\r\n"))) > 998:
        raise BadValue("has a line of more than 998 octets")
    return field + b"\r\n"


def _text(name: str, value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        raise BadValue("must be a string")
    if _CONTROL.search(value):
        raise BadValue("holds control characters")
    return compose.field(name, value)


def addresses(value: Any) -> list[Mailbox]:
    if not isinstance(value, list) or len(value) > MAX_ADDRESSES:
        raise BadValue("must be an array of EmailAddress objects")
    return [address(one) for one in value]


def address(value: Any) -> Mailbox:
    """An EmailAddress (RFC 8621 §4.1.2.3)."""
    match value:
        case {"email": str(email), **rest} if set(rest) <= {"name"}:
            name = rest.get("name")
        case _:
            raise BadValue('must hold objects of "name" and "email"')
    if name is not None and (not isinstance(name, str) or len(name) > 1000 or _CONTROL.search(name)):
        raise BadValue("has a name that cannot be used")
    name = " ".join((name or "").split())
    email = email.strip()
    if not email.isprintable() or len(email) > 1000 or not (email or name):
        raise BadValue(f"has an email that is none: {email[:100]!r}")
    local, at, domain = email.rpartition("@")
    quoted = _QUOTED.fullmatch(local)
    if quoted is not None:
        local = re.sub(r"\\(.)", r"\1", quoted.group(1))
    if at and local and _DOMAIN.fullmatch(domain):
        return Mailbox(name, local, domain)
    # A draft may hold what is no address yet (RFC 8621 §4.6): alone it is quoted where it must be
    if name and _UNSAFE.search(email):
        raise BadValue(f"has an email that is none: {email[:100]!r}")
    return Mailbox(name, email, "")


def _groups(value: Any) -> list[Mailbox | Group]:
    if not isinstance(value, list) or len(value) > MAX_ADDRESSES:
        raise BadValue("must be an array of EmailAddressGroup objects")
    found: list[Mailbox | Group] = []
    for one in value:
        match one:
            case {"addresses": list(members), **rest} if set(rest) <= {"name"}:
                name = rest.get("name")
            case _:
                raise BadValue('must hold objects of "name" and "addresses"')
        if name is None:
            found.extend(addresses(members))
        elif isinstance(name, str) and name.strip() and not _CONTROL.search(name):
            found.append(Group(" ".join(name.split()), tuple(addresses(members))))
        else:
            raise BadValue("has a group name that cannot be used")
    return found


def _strings(value: Any, pattern: re.Pattern[str]) -> list[str]:
    if not isinstance(value, list) or len(value) > 1000:
        raise BadValue("must be an array of strings")
    for one in value:
        if not isinstance(one, str) or pattern.fullmatch(one) is None:
            raise BadValue("holds a value that cannot stand in angle brackets")
    return value


def _date(value: Any) -> str:
    found = parse_date(value)
    if found is None:
        raise BadValue("must be a Date")
    return dates.render(*found)
