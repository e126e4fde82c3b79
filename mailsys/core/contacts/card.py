"""Whether something is a JSContact Card (RFC 9553): what we know of has its type; what we do not know
is let through untouched (§1.8.1: unknown properties are kept)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from mailsys.core.jmap.dates import parse_utc_date
from mailsys.core.jmap.ids import is_id

Check = Callable[[Any], bool]

KINDS: Final = frozenset(("individual", "group", "org", "location", "device", "application"))
_MAX_PREF: Final = 100  # RFC 9553 §1.5.3
_ENUM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_-]{0,254}")  # §1.7: ours, IANA's, or a vendor's
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_MOST: Final = 1000  # entries of one map or array
MAX_DEPTH: Final = 24  # of objects in one another


def wrong_properties(card: Mapping[str, Any]) -> list[str]:
    """The names of properties that are not what RFC 9553 says of them; empty: this is a Card."""
    return sorted(
        name
        for name, value in card.items()
        if not _CARD.get(name, _anything)(value) or not _flat_enough(value)
    )


def _flat_enough(value: Any, depth: int = MAX_DEPTH) -> bool:
    if not isinstance(value, dict | list):
        return True
    if not depth:
        return False
    inner = value.values() if isinstance(value, dict) else value
    return all(_flat_enough(one, depth - 1) for one in inner)


# -- kinds of values -----------------------------------------------------------------------------------------


def _anything(_: Any) -> bool:
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _some_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _enum(value: Any) -> bool:
    return isinstance(value, str) and _ENUM.fullmatch(value) is not None


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _unsigned(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _pref(value: Any) -> bool:
    return _unsigned(value) and 1 <= value <= _MAX_PREF


def _utc(value: Any) -> bool:
    return parse_utc_date(value) is not None


def _just(word: str) -> Check:
    return lambda value: value == word


def _set_of(key: Check) -> Check:
    """String[Boolean], each of them true (RFC 9553 §1.3.4)."""
    return lambda value: (
        isinstance(value, dict)
        and len(value) <= _MOST
        and all(key(name) and one is True for name, one in value.items())
    )


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= _MOST and all(map(check, value))


def _map_of(check: Check) -> Check:
    """Id[...] (RFC 9553 §1.4.1)."""
    return lambda value: (
        isinstance(value, dict)
        and len(value) <= _MOST
        and all(is_id(name) and check(one) for name, one in value.items())
    )


def _object(*needed: str, **checks: Check) -> Check:
    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and all(name in value for name in needed)
            and all(checks[name](one) for name, one in value.items() if name in checks)
        )

    return check


def _one_of(needed: tuple[str, ...], check: Check) -> Check:
    """An object with at least one of some properties."""
    return lambda value: check(value) and any(name in value for name in needed)


def _partial_date(value: Any) -> bool:
    """PartialDate (RFC 9553 §2.8.1): a year, a year and month, a month and day, or all of a day."""
    if not isinstance(value, dict) or value.get("@type", "PartialDate") != "PartialDate":
        return False
    year, month, day = value.get("year"), value.get("month"), value.get("day")
    if any(one is not None and not _unsigned(one) for one in (year, month, day)):
        return False
    if (year is None and month is None) or (day is not None and month is None):
        return False
    try:
        date(year or 2000, month or 1, day or 1)  # 2000: a leap year
    except (ValueError, OverflowError):
        return False
    return "calendarScale" not in value or _text(value["calendarScale"])


def _moment(value: Any) -> bool:
    """Timestamp or PartialDate."""
    if isinstance(value, dict) and value.get("@type") == "Timestamp":
        return _utc(value.get("utc"))
    return _partial_date(value)


# -- the objects ---------------------------------------------------------------------------------------------

_CONTEXTS: Final = _set_of(_enum)
_SHARED: Final[dict[str, Check]] = {"contexts": _CONTEXTS, "pref": _pref, "label": _text}

_NAME_PART: Final = _object("value", "kind", value=_text, kind=_enum, phonetic=_text)
_PLACE_PART: Final = _NAME_PART
_NAME: Final = _one_of(
    ("components", "full"),
    _object(
        components=_list_of(_NAME_PART),
        isOrdered=_flag,
        defaultSeparator=_text,
        full=_text,
        sortAs=lambda value: isinstance(value, dict) and all(_text(one) for one in value.values()),
        phoneticScript=_text,
        phoneticSystem=_text,
    ),
)
_ADDRESS: Final = _object(
    components=_list_of(_PLACE_PART),
    isOrdered=_flag,
    countryCode=lambda value: isinstance(value, str) and _COUNTRY.fullmatch(value) is not None,
    coordinates=_text,
    timeZone=_text,
    full=_text,
    defaultSeparator=_text,
    **_SHARED,
)
_RESOURCE: Final = _object("uri", uri=_some_text, kind=_enum, mediaType=_text, **_SHARED)
# RFC 9610 §3: a server that keeps blobs gives a medium's blobId instead of its URI
_MEDIUM: Final = _one_of(
    ("uri", "blobId"),
    _object("kind", uri=_some_text, blobId=is_id, kind=_enum, mediaType=_text, **_SHARED),
)

_CARD: Final[dict[str, Check]] = {
    "@type": _just("Card"),
    "version": _just("1.0"),
    "uid": lambda value: _some_text(value) and len(value) <= 1000,
    "kind": _enum,
    "created": _utc,
    "updated": _utc,
    "language": _text,
    "prodId": _text,
    "members": _set_of(_some_text),
    "relatedTo": lambda value: (
        isinstance(value, dict) and all(_object(relation=_set_of(_enum))(one) for one in value.values())
    ),
    "name": _NAME,
    "nicknames": _map_of(_object("name", name=_text, **_SHARED)),
    "organizations": _map_of(
        _one_of(
            ("name", "units"),
            _object(name=_text, units=_list_of(_object("name", name=_text)), sortAs=_text, **_SHARED),
        )
    ),
    "speakToAs": _object(
        grammaticalGender=_enum,
        pronouns=_map_of(_object("pronouns", pronouns=_text, **_SHARED)),
    ),
    "titles": _map_of(_object("name", name=_text, kind=_enum, organizationId=is_id)),
    "emails": _map_of(_object("address", address=_some_text, **_SHARED)),
    "onlineServices": _map_of(
        _one_of(("uri", "user"), _object(service=_text, uri=_text, user=_text, **_SHARED))
    ),
    "phones": _map_of(_object("number", number=_text, features=_set_of(_enum), **_SHARED)),
    "preferredLanguages": _map_of(_object("language", language=_text, **_SHARED)),
    "calendars": _map_of(_RESOURCE),
    "schedulingAddresses": _map_of(_RESOURCE),
    "addresses": _map_of(_ADDRESS),
    "cryptoKeys": _map_of(_RESOURCE),
    "directories": _map_of(_RESOURCE),
    "links": _map_of(_RESOURCE),
    "media": _map_of(_MEDIUM),
    "localizations": lambda value: (
        isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())
    ),
    "anniversaries": _map_of(_object("kind", "date", kind=_enum, date=_moment, place=_ADDRESS)),
    "keywords": _set_of(_text),
    "notes": _map_of(_object("note", note=_text, created=_utc)),
    "personalInfo": _map_of(_object("kind", "value", kind=_enum, value=_text)),
}
