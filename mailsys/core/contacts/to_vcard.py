"""A JSContact Card as a vCard (RFC 9555 §3), of version 4.0 or, for programs that read no other, 3.0.

A card of version 4.0 is read back before it goes out: whatever would not come back as it was goes along
as JSPROP (§3.2.1), so that nothing is lost on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from mailsys.core.contacts.dates import written_date, written_moment
from mailsys.core.contacts.from_vcard import (
    ANNIVERSARIES,
    MEDIA,
    NAME_PARTS,
    PERSONAL,
    PLACE_PARTS,
    RESOURCES,
    Card,
    read_card,
)
from mailsys.core.contacts.lines import Line, RawCard, escaped, written
from mailsys.core.contacts.names import shown_name

Version = Literal["3.0", "4.0"]
Parameters = list[tuple[str, tuple[str, ...]]]

_TYPES: Final = {"private": "home", "work": "work", "billing": "billing", "delivery": "delivery"}
_FEATURES: Final = {"mobile": "cell", "main-number": "main-number"}
_FEATURES_3: Final = {"mobile": "cell", "main-number": "voice", "textphone": "text"}
_BASE64: Final = re.compile(r"data:([A-Za-z0-9!#$&^_.+-]+)/([A-Za-z0-9!#$&^_.+-]+);base64,([A-Za-z0-9+/=]*)")
_LEVELS: Final = {"low": "beginner", "medium": "average", "high": "expert"}
_OURS: Final = frozenset(("id", "addressBookIds", "@type", "version"))


def write_card(card: Card, version: Version = "4.0") -> str:
    """The vCard, with its CRLFs. Media are as their URIs say: fill in what blobIds stand for before."""
    lines = list(_Writer(card, version).lines())
    if version == "4.0":
        lines.extend(_left_over(card, lines))
    body = "".join(map(written, lines))
    return f"BEGIN:VCARD\r\nVERSION:{version}\r\n{body}END:VCARD\r\n"


def _left_over(card: Card, lines: Sequence[Line]) -> Iterator[Line]:
    """JSPROPs for what those lines do not say."""
    text = "".join(map(written, lines)).encode()
    back = read_card(RawCard(1, tuple(text.split(b"\r\n")[:-1])))
    for name, value in card.items():
        if name not in _OURS and back.get(name) != value:
            document = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            yield Line("JSPROP", escaped(document), (("JSPTR", (_pointer(name),)),))


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


class _Writer:
    def __init__(self, card: Mapping[str, Any], version: Version) -> None:
        self._card = card
        self._new = version == "4.0"
        self._groups = 0

    def lines(self) -> Iterator[Line]:
        card = self._card
        if "prodId" in card:
            yield _text("PRODID", card["prodId"])
        yield _text("UID", card["uid"])
        if card.get("kind", "individual") != "individual" or "kind" in card:
            yield _text("KIND" if self._new else "X-ADDRESSBOOKSERVER-KIND", card["kind"])
        if "language" in card and self._new:
            yield _text("LANGUAGE", card["language"])
        yield from self._names()
        for key, one in self._each("nicknames"):
            yield from self._line("NICKNAME", escaped(one["name"]), key, one)
        for key, one in self._each("media"):
            name = one["kind"].upper()
            if name.lower() in MEDIA.values() and "uri" in one:
                yield from self._uri(name, key, one)
        yield from self._anniversaries()
        for key, one in self._each("addresses"):
            yield from self._address(key, one)
        yield from self._reached()
        yield from self._work()
        for uri in card.get("members", ()):
            yield Line("MEMBER" if self._new else "X-ADDRESSBOOKSERVER-MEMBER", _plain(uri))
        for uri, one in card.get("relatedTo", {}).items():
            yield Line("RELATED", _plain(uri), _types(sorted(one.get("relation", ()))))
        if card.get("keywords"):
            yield Line("CATEGORIES", ",".join(map(escaped, card["keywords"])))
        yield from self._said()
        yield from self._resources()
        for name, key in (("CREATED", "created"), ("REV", "updated")):
            if key in card and (self._new or name == "REV"):
                yield Line(name, written_moment(card[key]))
        yield from self._kept()

    def _each(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from self._card.get(name, {}).items()

    # -- lines ---------------------------------------------------------------------------------------------

    def _line(
        self,
        name: str,
        value: str,
        key: str,
        one: Mapping[str, Any],
        types: Sequence[str] = (),
        more: Sequence[tuple[str, tuple[str, ...]]] = (),
    ) -> Iterator[Line]:
        """A line with what is common to many properties; a label has a line of its own (Apple's way,
        which most programs know)."""
        contexts = [_TYPES[each] for each in one.get("contexts", ()) if each in _TYPES]
        types = [*contexts, *types]
        parameters: Parameters = []
        if self._new and "pref" in one:
            parameters.append(("PREF", (str(one["pref"]),)))
        elif "pref" in one and one["pref"] == 1:
            types = [*types, "pref"]
        parameters = [*_types(types), *parameters, *more]
        if self._new:
            parameters.append(("PROP-ID", (key,)))
            for extra, given in one.get("vCardParams", {}).items():
                if _is_name(extra):
                    parameters.append((extra.upper(), _strings(given)))
        if not one.get("label"):
            yield Line(name, value, tuple(parameters))
            return
        self._groups += 1
        group = f"item{self._groups}"
        yield Line(name, value, tuple(parameters), group)
        yield Line("X-ABLABEL", escaped(one["label"]), (), group)

    def _uri(self, name: str, key: str, one: Mapping[str, Any]) -> Iterator[Line]:
        uri = one["uri"]
        data = None if self._new else _BASE64.fullmatch(uri)
        if data is not None:
            kind = data[2].upper()
            more: Parameters = [("ENCODING", ("b",)), ("TYPE", (kind,))]
            yield from self._line(name, data[3], key, one, (), more)
            return
        more = [] if self._new or name == "URL" else [("VALUE", ("uri",))]
        if "mediaType" in one and self._new:
            more.append(("MEDIATYPE", (one["mediaType"],)))
        yield from self._line(name, _plain(uri), key, one, (), more)

    # -- properties ----------------------------------------------------------------------------------------

    def _names(self) -> Iterator[Line]:
        name = self._card.get("name", {})
        if name.get("full"):
            yield _text("FN", name["full"])
        else:  # FN there must be (RFC 6350 §6.2.1); DERIVED: RFC 9554 §4.4
            derived: Parameters = [("DERIVED", ("TRUE",))] if self._new else []
            yield Line("FN", escaped(shown_name(self._card)), tuple(derived))
        if name.get("components") or not self._new:
            parts: dict[str, list[str]] = {kind: [] for kind in NAME_PARTS}
            for part in name.get("components", ()):
                if part["kind"] in parts:
                    parts[part["kind"]].append(part["value"])
            # RFC 9554 §2.2: older programs find the newer components in their older places.
            parts["surname"] += parts["surname2"]
            parts["credential"] += parts["generation"]
            values = [",".join(map(escaped, parts[kind])) for kind in NAME_PARTS]
            if not self._new or not (parts["surname2"] or parts["generation"]):
                values = values[:5]
            sort = name.get("sortAs", {})
            keys = [sort.get(kind, "") for kind in NAME_PARTS[:2]]
            more: Parameters = (
                [("SORT-AS", tuple(keys) if keys[1] else (keys[0],))] if any(keys) and self._new else []
            )
            yield Line("N", ";".join(values), tuple(more))

    def _anniversaries(self) -> Iterator[Line]:
        names = {kind: name for name, kind in ANNIVERSARIES.items()}
        for key, one in self._each("anniversaries"):
            name = names.get(one["kind"])
            value = written_date(one["date"])
            if name is None or value is None or (name == "DEATHDATE" and not self._new):
                continue
            if self._new:
                yield Line(name, value, (("PROP-ID", (key,)),))
            elif re.fullmatch(r"[0-9]{8}(T[0-9]{6}Z)?", value):
                yield Line(
                    name if name == "BDAY" else "X-ANNIVERSARY", f"{value[:4]}-{value[4:6]}-{value[6:8]}"
                )
            elif re.fullmatch(r"--[0-9]{4}", value):
                value = f"1604-{value[2:4]}-{value[4:6]}"
                yield Line(
                    name if name == "BDAY" else "X-ANNIVERSARY", value, (("X-APPLE-OMIT-YEAR", ("1604",)),)
                )

    def _address(self, key: str, one: Mapping[str, Any]) -> Iterator[Line]:
        kinds: Sequence[str] = PLACE_PARTS[:7]
        wanted = {part["kind"] for part in one.get("components", ())}
        if self._new and not wanted <= {*kinds, "separator"}:
            kinds = PLACE_PARTS
        parts: dict[str, list[str]] = {kind: [] for kind in dict.fromkeys(PLACE_PARTS)}
        for part in one.get("components", ()):
            if part["kind"] == "number" and not self._new:
                parts["name"].insert(0, part["value"])
            elif part["kind"] in parts:
                parts[part["kind"]].append(part["value"])
        values = [
            ",".join(map(escaped, parts[kind])) if kinds.index(kind) == at else ""
            for at, kind in enumerate(kinds)
        ]
        more: Parameters = []
        for parameter, name in (
            ("LABEL", "full"),
            ("TZ", "timeZone"),
            ("GEO", "coordinates"),
            ("CC", "countryCode"),
        ):
            if self._new and one.get(name):
                more.append((parameter, (one[name],)))
        value = ";".join(values)
        if not self._new and not value.strip(";") and one.get("full"):
            value = f";;{escaped(one['full'])};;;;"
        yield from self._line("ADR", value, key, one, (), more)

    def _reached(self) -> Iterator[Line]:
        features = _FEATURES if self._new else _FEATURES_3
        for key, one in self._each("phones"):
            types = [features.get(each, each) for each in one.get("features", ())]
            uri = self._new and one["number"].lower().startswith("tel:")
            more: Parameters = [("VALUE", ("uri",))] if uri else []
            yield from self._line("TEL", escaped(one["number"]), key, one, types, more)
        for key, one in self._each("emails"):
            yield from self._line(
                "EMAIL", escaped(one["address"]), key, one, () if self._new else ("internet",)
            )
        for key, one in self._each("onlineServices"):
            yield from self._online_service(key, one)
        for key, one in self._each("preferredLanguages"):
            if self._new:
                yield from self._line("LANG", escaped(one["language"]), key, one)

    def _online_service(self, key: str, one: Mapping[str, Any]) -> Iterator[Line]:
        name = one.get("vCardName", "socialprofile").upper()
        if not _is_name(name):
            name = "SOCIALPROFILE"
        more: Parameters = []
        if (one.get("service") and not name.startswith("X-")) or name == "X-SOCIALPROFILE":
            more.append(("SERVICE-TYPE", (one.get("service", ""),)))
        if "uri" in one and "user" in one:
            more.append(("USERNAME", (one["user"],)))
        if not self._new and name == "SOCIALPROFILE":
            name, more = "X-SOCIALPROFILE", [("TYPE", (one.get("service", ""),))]
        yield from self._line(name, escaped(one.get("uri", one.get("user", ""))), key, one, (), more)

    def _work(self) -> Iterator[Line]:
        for key, one in self._each("titles"):
            name = "ROLE" if one.get("kind") == "role" else "TITLE"
            yield from self._line(name, escaped(one["name"]), key, one)
        for key, one in self._each("organizations"):
            parts = [one.get("name", ""), *(unit["name"] for unit in one.get("units", ()))]
            more: Parameters = [("SORT-AS", (one["sortAs"],))] if one.get("sortAs") and self._new else []
            yield from self._line("ORG", ";".join(map(escaped, parts)), key, one, (), more)

    def _said(self) -> Iterator[Line]:
        for key, one in self._each("notes"):
            more: Parameters = (
                [("CREATED", (written_moment(one["created"]),))] if "created" in one and self._new else []
            )
            yield from self._line("NOTE", escaped(one["note"]), key, {}, (), more)
        if not self._new:
            return
        names = {kind: name for name, kind in PERSONAL.items()}
        for key, one in self._each("personalInfo"):
            if one["kind"] in names:
                level = one.get("level", "")
                if one["kind"] == "expertise":
                    level = _LEVELS.get(level, level)
                more = [("LEVEL", (level,))] if level else []
                yield from self._line(names[one["kind"]], escaped(one["value"]), key, {}, (), more)
        speak = self._card.get("speakToAs", {})
        if "grammaticalGender" in speak:
            yield _text("GRAMGENDER", speak["grammaticalGender"])
        for key, one in speak.get("pronouns", {}).items():
            yield from self._line("PRONOUNS", escaped(one["pronouns"]), key, one)

    def _resources(self) -> Iterator[Line]:
        names = {place: name for name, place in RESOURCES.items()}
        for where in dict.fromkeys(place for place, _ in RESOURCES.values()):
            for key, one in self._each(where):
                name = names.get((where, one.get("kind")), names.get((where, None)))
                if name is not None and (self._new or name in ("URL", "KEY", "CALURI", "SOURCE")):
                    yield from self._uri(name, key, one)

    def _kept(self) -> Iterator[Line]:
        """vCardProps (RFC 9555 §2.15.1), where they can be written as they were."""
        for one in self._card.get("vCardProps", ()):
            if not (isinstance(one, list) and len(one) == 4 and isinstance(one[1], dict)):
                continue
            name, given, kind, value = one
            if not (_is_name(name) and isinstance(value, str)) or "\n" in value or "\r" in value:
                continue
            group = given.get("group", "")
            parameters: Parameters = [
                (key.upper(), _strings(values))
                for key, values in given.items()
                if key != "group" and _is_name(key)
            ]
            if kind != "unknown" and isinstance(kind, str):
                parameters.append(("VALUE", (kind,)))
            yield Line(name.upper(), value, tuple(parameters), group if _is_name(group) else "")


def _text(name: str, value: str) -> Line:
    return Line(name, escaped(value))


def _plain(uri: str) -> str:
    """A URI: commas and semicolons in it are its own, but it has no line ends."""
    return uri.replace("\\", "\\\\").replace("\r", "").replace("\n", "")


def _types(types: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("TYPE", tuple(types)),) if types else ()


def _strings(given: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in given) if isinstance(given, list) else (str(given),)


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", text) is not None
