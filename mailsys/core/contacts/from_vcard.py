"""A vCard as a JSContact Card (RFC 9555 §2). What has no place there is kept in vCardProps (§2.15.1)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from mailsys.core.contacts.card import KINDS, wrong_properties
from mailsys.core.contacts.dates import partial_date, timestamp
from mailsys.core.contacts.lines import Line, RawCard, read_lines, split, unescaped
from mailsys.core.jmap.arguments import MAX_INT
from mailsys.core.jmap.ids import is_id
from mailsys.core.jmap.references import tokens

Card = dict[str, Any]

_CONTEXTS: Final = {"HOME": "private", "WORK": "work", "BILLING": "billing", "DELIVERY": "delivery"}
_FEATURES: Final = {
    "VOICE": "voice", "FAX": "fax", "PAGER": "pager", "CELL": "mobile", "MOBILE": "mobile", "TEXT": "text",
    "VIDEO": "video", "TEXTPHONE": "textphone", "MAIN": "main-number", "MAIN-NUMBER": "main-number",
    "MSG": "voice",
}  # fmt: skip
# Components of N and ADR in their order (RFC 6350 §6.2.2 and §6.3.1, with those of RFC 9554 §2).
NAME_PARTS: Final = ("surname", "given", "given2", "title", "credential", "surname2", "generation")
PLACE_PARTS: Final = (
    "postOfficeBox", "apartment", "name", "locality", "region", "postcode", "country", "room", "apartment",
    "floor", "number", "name", "building", "block", "subdistrict", "district", "landmark", "direction",
)  # fmt: skip
MEDIA: Final = {"PHOTO": "photo", "LOGO": "logo", "SOUND": "sound"}
ANNIVERSARIES: Final = {"BDAY": "birth", "DEATHDATE": "death", "ANNIVERSARY": "wedding"}
# Properties that are one URI: name -> (where it goes, the kind it then has).
RESOURCES: Final = {
    "URL": ("links", None), "CONTACT-URI": ("links", "contact"), "KEY": ("cryptoKeys", None),
    "CALURI": ("calendars", "calendar"), "FBURL": ("calendars", "freeBusy"),
    "CALADRURI": ("schedulingAddresses", None), "ORG-DIRECTORY": ("directories", "directory"),
    "SOURCE": ("directories", "entry"),
}  # fmt: skip
PERSONAL: Final = {"EXPERTISE": "expertise", "HOBBY": "hobby", "INTEREST": "interest"}
_SERVICES: Final = {
    "X-AIM": "AIM", "X-ICQ": "ICQ", "X-JABBER": "Jabber", "X-MSN": "MSN", "X-YAHOO": "Yahoo",
    "X-SKYPE": "Skype", "X-SKYPE-USERNAME": "Skype", "X-QQ": "QQ", "X-TWITTER": "Twitter",
}  # fmt: skip
_SPOKEN_FOR: Final = frozenset(("TYPE", "PREF", "PROP-ID", "LABEL", "VALUE", "MEDIATYPE"))
_MOST: Final = 200  # entries of one property
_APPLE_LABEL: Final = re.compile(r"_\$!<(.*)>!\$_")
_MEDIA_TYPES: Final = {
    "photo": {"JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif",
              "WEBP": "image/webp", "HEIC": "image/heic"},
    "sound": {"WAVE": "audio/wav", "BASIC": "audio/basic", "MP3": "audio/mpeg", "OGG": "audio/ogg"},
}  # fmt: skip


def read_card(raw: RawCard) -> Card:
    """The Card of one vCard; it always passes `wrong_properties`. Raises ValueError with the reason when
    it cannot be read."""
    if raw.error:
        raise ValueError(raw.error)
    lines = read_lines(raw)
    if not lines:
        raise ValueError("The card is empty.")
    reader = _Reader(lines)
    for line in lines:
        reader.read(line)
    return reader.finished()


def stable_uid(lines: Sequence[Line]) -> str:
    """For a card without one: the same each time that the same card is read (RFC 9555 §2.1.1)."""
    digest = hashlib.sha256(repr(lines).encode("utf-8", "replace")).digest()
    octets = bytearray(digest[:16])
    octets[6] = octets[6] & 0x0F | 0x80  # version 8 (RFC 9562 §5.8)
    octets[8] = octets[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(octets)).urn


class _Reader:
    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._card: Card = {"@type": "Card", "version": "1.0"}
        self._labels: dict[str, str] = {
            line.group.lower(): _label(line) for line in lines if line.name == "X-ABLABEL" and line.group
        }
        self._taken: set[tuple[str, str]] = set()
        self._pointers: list[tuple[str, Any]] = []
        self._places: list[Line] = []  # LABEL of versions 2.1 and 3.0

    def read(self, line: Line) -> None:
        handler = _HANDLERS.get(line.name)
        if handler is None:
            self._keep(line)
        else:
            handler(self, line)

    def finished(self) -> Card:
        card = self._card
        for line in self._places:
            self._place_label(line)
        for pointer, value in self._pointers:
            _put(card, pointer, value)
        card.setdefault("uid", stable_uid(self._lines))
        for name in wrong_properties(card):  # such as what a JSPROP says
            if name == "uid":
                card["uid"] = stable_uid(self._lines)
            else:
                card.pop(name)
        card["@type"], card["version"] = "Card", "1.0"
        return card

    # -- what many properties share ------------------------------------------------------------------------

    def _keep(self, line: Line) -> None:
        """vCardProps (RFC 9555 §2.15.1): as jCard writes it (RFC 7095 §3.3)."""
        kept: list[Any] = self._card.setdefault("vCardProps", [])
        if len(kept) >= _MOST:
            return
        value = _data_uri(line, "application/octet-stream") if line.octets is not None else line.value
        parameters: dict[str, Any] = {}
        for name, values in line.parameters:
            if name != "VALUE":
                given = parameters.get(name.lower(), [])
                given = [*(given if isinstance(given, list) else [given]), *values]
                parameters[name.lower()] = given[0] if len(given) == 1 else given
        if line.group:
            parameters["group"] = line.group
        kept.append([line.name.lower(), parameters, line.first("VALUE").lower() or "unknown", value])

    def _add(self, where: str, line: Line, prefix: str, value: dict[str, Any]) -> None:
        """Under the id that it had (PROP-ID, RFC 9554 §4.7), or the next."""
        into: dict[str, Any] = self._card.setdefault(where, {})
        if len(into) >= _MOST:
            return
        key = line.first("PROP-ID")
        if not is_id(key) or key in into:
            number = len(into) + 1
            while (key := f"{prefix}{number}") in into:
                number += 1
        into[key] = value

    def _shared(self, line: Line, spoken_for: frozenset[str] = _SPOKEN_FOR) -> dict[str, Any]:
        """contexts, pref, label, and parameters that mean nothing to us."""
        found: dict[str, Any] = {}
        types = {one.upper() for one in line.parameter("TYPE")}
        contexts = {_CONTEXTS[one]: True for one in sorted(types) if one in _CONTEXTS}
        if contexts:
            found["contexts"] = contexts
        pref = line.first("PREF")
        if re.fullmatch(r"[1-9][0-9]?|100", pref):
            found["pref"] = int(pref)
        elif "PREF" in types:
            found["pref"] = 1
        label = self._labels.get(line.group.lower(), "") if line.group else ""
        if label:
            found["label"] = label
        unknown = {
            name.lower(): values[0] if len(values) == 1 else list(values)
            for name, values in line.parameters
            if name not in spoken_for
        }
        if unknown:
            found["vCardParams"] = unknown
        return found

    def _uri(self, line: Line, kind: str = "") -> str:
        if line.octets is not None:
            return _data_uri(line, _media_type(line, kind))
        # Semicolons and commas of data: URIs are not escaped in version 4, but some do.
        return unescaped(line.value).strip()

    # -- one property each ---------------------------------------------------------------------------------

    def nothing(self, line: Line) -> None:
        pass

    def uid(self, line: Line) -> None:
        text = unescaped(line.value).strip()
        if text and len(text) <= 1000:
            self._card.setdefault("uid", text)

    def kind(self, line: Line) -> None:
        kind = unescaped(line.value).strip().lower()
        if kind in KINDS:
            self._card["kind"] = kind
        else:
            self._keep(line)

    def member(self, line: Line) -> None:
        uri = unescaped(line.value).strip()
        if uri:
            self._card.setdefault("members", {})[uri] = True

    def full_name(self, line: Line) -> None:
        text = unescaped(line.value).strip()
        name = self._card.setdefault("name", {})
        if line.first("DERIVED").upper() == "TRUE" or not text:
            if not name:
                del self._card["name"]
        elif "full" in name:
            self._keep(line)
        else:
            name["full"] = text

    def name(self, line: Line) -> None:
        components = _components(line.value, NAME_PARTS)
        name = self._card.get("name", {})
        if not components or "components" in name:
            return
        name["components"] = components
        sort = [unescaped(one) for one in split(line.first("SORT-AS"), ",")]
        keys = {kind: text for kind, text in zip(NAME_PARTS, sort, strict=False) if text}
        if keys:
            name["sortAs"] = keys
        self._card["name"] = name

    def sort_string(self, line: Line) -> None:
        if line.value:
            self._card.setdefault("name", {}).setdefault("sortAs", {})["surname"] = unescaped(line.value)

    def nickname(self, line: Line) -> None:
        for text in filter(None, map(unescaped, split(line.value, ","))):
            self._add("nicknames", line, "NICK-", {"name": text.strip(), **self._shared(line)})

    def medium(self, line: Line) -> None:
        kind = MEDIA[line.name]
        uri = self._uri(line, kind)
        if not uri:
            return
        made: dict[str, Any] = {"kind": kind, "uri": uri}
        given = line.first("MEDIATYPE")
        if given:
            made["mediaType"] = given
        self._add("media", line, f"{line.name}-", made | self._shared(line))

    def anniversary(self, line: Line) -> None:
        when = None
        if line.first("VALUE").lower() != "text":
            when = partial_date(unescaped(line.value), line.first("X-APPLE-OMIT-YEAR"))
        if when is None:
            self._keep(line)
            return
        self._add("anniversaries", line, f"{line.name}-", {"kind": ANNIVERSARIES[line.name], "date": when})

    def address(self, line: Line) -> None:
        made: dict[str, Any] = {}
        components = _components(line.value, PLACE_PARTS)
        if components:
            made["components"] = components
        for parameter, key in (
            ("LABEL", "full"),
            ("TZ", "timeZone"),
            ("GEO", "coordinates"),
            ("CC", "countryCode"),
        ):
            text = line.first(parameter)
            if text and (key != "countryCode" or re.fullmatch(r"[A-Za-z]{2}", text)):
                made[key] = text.replace("\\n", "\n") if key == "full" else text
        if made:
            spoken_for = _SPOKEN_FOR | {"TZ", "GEO", "CC"}
            self._add("addresses", line, "ADR-", made | self._shared(line, spoken_for))

    def label(self, line: Line) -> None:
        self._places.append(line)

    def _place_label(self, line: Line) -> None:
        """LABEL (RFC 2426 §3.2.2) is the text of the ADR of the same type, or an address of its own."""
        text = unescaped(line.value).strip()
        shared = self._shared(line)
        if not text:
            return
        for place in self._card.get("addresses", {}).values():
            if "full" not in place and place.get("contexts") == shared.get("contexts"):
                place["full"] = text
                return
        self._add("addresses", line, "ADR-", {"full": text, **shared})

    def phone(self, line: Line) -> None:
        number = unescaped(line.value).strip()
        if not number:
            return
        features = {
            _FEATURES[one]: True
            for one in sorted({one.upper() for one in line.parameter("TYPE")})
            if one in _FEATURES
        }
        made: dict[str, Any] = {"number": number}
        if features:
            made["features"] = features
        self._add("phones", line, "TEL-", made | self._shared(line))

    def email(self, line: Line) -> None:
        address = unescaped(line.value).strip().removeprefix("mailto:")
        if address:
            self._add("emails", line, "EMAIL-", {"address": address, **self._shared(line)})

    def online_service(self, line: Line) -> None:
        text = unescaped(line.value).strip()
        if not text:
            return
        made: dict[str, Any] = {}
        service = line.first("SERVICE-TYPE") or line.first("X-SERVICE-TYPE") or _SERVICES.get(line.name, "")
        if line.name == "X-SOCIALPROFILE":
            service = service or next(iter(line.parameter("TYPE")), "")
        if service:
            made["service"] = service
        made["uri" if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text) else "user"] = text
        if line.first("USERNAME"):
            made["user"] = line.first("USERNAME")
        spoken_for = _SPOKEN_FOR | {"SERVICE-TYPE", "X-SERVICE-TYPE", "USERNAME"}
        made |= self._shared(line, spoken_for)
        made["vCardName"] = line.name.lower()
        if line.name == "SOCIALPROFILE":
            del made["vCardName"]
        self._add("onlineServices", line, "OS-", made)

    def preferred_language(self, line: Line) -> None:
        if line.value:
            made = {"language": unescaped(line.value).strip(), **self._shared(line)}
            self._add("preferredLanguages", line, "LANG-", made)

    def text(self, key: str) -> Callable[[Line], None]:
        def put(line: Line) -> None:
            if line.value:
                self._card[key] = unescaped(line.value)

        return put

    def title(self, line: Line) -> None:
        text = unescaped(line.value).strip()
        if text:
            shared = self._shared(line)
            self._add("titles", line, f"{line.name}-", {"name": text, "kind": line.name.lower(), **shared})

    def organization(self, line: Line) -> None:
        parts = [unescaped(one).strip() for one in split(line.value, ";")]
        made: dict[str, Any] = {}
        if parts[0]:
            made["name"] = parts[0]
        units = [{"name": one} for one in parts[1:_MOST] if one]
        if units:
            made["units"] = units
        if not made:
            return
        spoken_for = _SPOKEN_FOR | {"SORT-AS"}
        if line.first("SORT-AS"):
            made["sortAs"] = line.first("SORT-AS")
        self._add("organizations", line, "ORG-", made | self._shared(line, spoken_for))

    def related(self, line: Line) -> None:
        uri = unescaped(line.value).strip()
        if uri:
            relation = {one.lower(): True for one in line.parameter("TYPE") if one.upper() not in _CONTEXTS}
            self._card.setdefault("relatedTo", {})[uri] = {"relation": relation} if relation else {}

    def categories(self, line: Line) -> None:
        for text in filter(None, (unescaped(one).strip() for one in split(line.value, ",")[:_MOST])):
            self._card.setdefault("keywords", {})[text] = True

    def note(self, line: Line) -> None:
        text = unescaped(line.value)
        if text:
            made: dict[str, Any] = {"note": text}
            created = timestamp(line.first("CREATED"))
            if created:
                made["created"] = created
            self._add("notes", line, "NOTE-", made)

    def moment(self, line: Line) -> None:
        when = timestamp(unescaped(line.value))
        if when is not None:
            self._card["updated" if line.name == "REV" else "created"] = when

    def resource(self, line: Line) -> None:
        where, kind = RESOURCES[line.name]
        uri = self._uri(line)
        if not uri:
            return
        made: dict[str, Any] = {"uri": uri}
        if kind is not None:
            made["kind"] = kind
        given = line.first("MEDIATYPE")
        if given:
            made["mediaType"] = given
        self._add(where, line, f"{line.name}-", made | self._shared(line))

    def personal(self, line: Line) -> None:
        text = unescaped(line.value).strip()
        if not text:
            return
        made: dict[str, Any] = {"kind": PERSONAL[line.name], "value": text}
        level = {"beginner": "low", "average": "medium", "expert": "high"}.get(
            line.first("LEVEL").lower(), line.first("LEVEL").lower()
        )
        if level in ("low", "medium", "high"):
            made["level"] = level
        self._add("personalInfo", line, f"{line.name}-", made)

    def gender(self, line: Line) -> None:
        self._card.setdefault("speakToAs", {})["grammaticalGender"] = line.value.strip().lower()

    def pronouns(self, line: Line) -> None:
        text = unescaped(line.value).strip()
        if text:
            into = self._card.setdefault("speakToAs", {}).setdefault("pronouns", {})
            into[f"PRONOUNS-{len(into) + 1}"] = {"pronouns": text, **self._shared(line)}

    def property(self, line: Line) -> None:
        """JSPROP (RFC 9555 §3.2.1): a part of the Card that vCard has no words for."""
        pointer = line.first("JSPTR")
        try:
            value = json.loads(unescaped(line.value), parse_int=_integer, parse_constant=_no_number)
            json.dumps(value, ensure_ascii=False).encode()  # no lone surrogates
            if pointer and len(self._pointers) < _MOST:
                self._pointers.append((pointer, value))
        except (ValueError, RecursionError):
            self._keep(line)


_HANDLERS: Final[dict[str, Callable[[_Reader, Line], None]]] = {
    **dict.fromkeys(("BEGIN", "END", "VERSION", "X-ABLABEL", "AGENT", "MAILER"), _Reader.nothing),
    "UID": _Reader.uid,
    "KIND": _Reader.kind,
    "X-ADDRESSBOOKSERVER-KIND": _Reader.kind,
    "MEMBER": _Reader.member,
    "X-ADDRESSBOOKSERVER-MEMBER": _Reader.member,
    "FN": _Reader.full_name,
    "N": _Reader.name,
    "SORT-STRING": _Reader.sort_string,
    "NICKNAME": _Reader.nickname,
    **dict.fromkeys(MEDIA, _Reader.medium),
    **dict.fromkeys(ANNIVERSARIES, _Reader.anniversary),
    "ADR": _Reader.address,
    "LABEL": _Reader.label,
    "TEL": _Reader.phone,
    "EMAIL": _Reader.email,
    **dict.fromkeys(("IMPP", "SOCIALPROFILE", "X-SOCIALPROFILE", *_SERVICES), _Reader.online_service),
    "LANG": _Reader.preferred_language,
    "LANGUAGE": lambda reader, line: reader.text("language")(line),
    "PRODID": lambda reader, line: reader.text("prodId")(line),
    "TITLE": _Reader.title,
    "ROLE": _Reader.title,
    "ORG": _Reader.organization,
    "RELATED": _Reader.related,
    "CATEGORIES": _Reader.categories,
    "NOTE": _Reader.note,
    "REV": _Reader.moment,
    "CREATED": _Reader.moment,
    **dict.fromkeys(RESOURCES, _Reader.resource),
    **dict.fromkeys(PERSONAL, _Reader.personal),
    "GRAMGENDER": _Reader.gender,
    "PRONOUNS": _Reader.pronouns,
    "JSPROP": _Reader.property,
}


def _components(value: str, kinds: Sequence[str]) -> list[dict[str, str]]:
    found = []
    for kind, part in zip(kinds, split(value, ";"), strict=False):
        for text in split(part, ",")[:_MOST]:
            text = unescaped(text).strip()
            if text:
                found.append({"kind": kind, "value": text})
    if kinds is NAME_PARTS:
        # RFC 9554 §2.2: what stands in the newer places stands in the older ones too.
        for newer, older in (("surname2", "surname"), ("generation", "credential")):
            twice = {one["value"] for one in found if one["kind"] == newer}
            found = [one for one in found if one["kind"] != older or one["value"] not in twice]
    return found


def _label(line: Line) -> str:
    text = unescaped(line.value).strip()
    apple = _APPLE_LABEL.fullmatch(text)
    return apple[1] if apple is not None else text


def _media_type(line: Line, kind: str) -> str:
    given = line.first("MEDIATYPE")
    if given:
        return given
    known = _MEDIA_TYPES.get("sound" if kind == "sound" else "photo", {})
    for one in line.parameter("TYPE"):
        if one.upper() in known:
            return known[one.upper()]
        if "/" in one:
            return one.lower()
    return _sniffed(line.octets or b"")


def _sniffed(octets: bytes) -> str:
    for start, media_type in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG", "image/png"),
        (b"GIF8", "image/gif"),
    ):
        if octets.startswith(start):
            return media_type
    return "application/octet-stream"


def _data_uri(line: Line, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(line.octets or b'').decode('ascii')}"


def _integer(text: str) -> int:
    value = int(text) if len(text) < 20 else MAX_INT + 1
    if abs(value) > MAX_INT:
        raise ValueError("an integer is too large")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _put(card: Card, pointer: str, value: Any) -> None:
    """Set what a JSPTR names; one that leads nowhere is passed over."""
    try:
        path = tokens("/" + pointer.removeprefix("/"))
    except ValueError:
        return
    at: Any = card
    for token in path[:-1]:
        at = at.get(token) if isinstance(at, dict) else None
    if isinstance(at, dict) and path and path[0] not in ("uid", "@type", "version"):
        at[path[-1]] = value
