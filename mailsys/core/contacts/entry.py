"""What lists, searches and suggestions look at in a card: read off once, and small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailsys.core.contacts.names import component, emails_of, folded, shown_name, sort_key
from mailsys.core.jmap.dates import parse_utc_date

_LONGEST: Final = 4096  # characters of one field that are searched

FIELDS: Final = (
    "name", "name/given", "name/surname", "name/surname2", "nickname", "organization", "email", "phone",
    "onlineService", "address", "note",
)  # fmt: skip
SORTS: Final = ("created", "updated", "name/given", "name/surname", "name/surname2")


@dataclass(frozen=True, slots=True)
class Entry:
    """`texts`: by name of a filter condition (RFC 9610 §3.3.1), folded; those that are empty are left
    out. `sorts`: by name of a sort property. `blobs`: blobIds of its media."""

    id: str
    uid: str
    kind: str
    name: str
    books: frozenset[str]
    members: frozenset[str]
    emails: tuple[str, ...]
    created: float | None
    updated: float | None
    texts: Mapping[str, str]
    sorts: Mapping[str, str]
    blobs: frozenset[str]


def entry(id_: str, card: Mapping[str, Any]) -> Entry:
    texts = {name: text for name in FIELDS if (text := folded("\n".join(_texts(card, name))[:_LONGEST]))}
    return Entry(
        id_,
        card["uid"],
        card.get("kind", "individual"),
        shown_name(card),
        frozenset(card.get("addressBookIds", ())),
        frozenset(card.get("members", ())),
        tuple(emails_of(card)),
        parse_utc_date(card.get("created")),
        parse_utc_date(card.get("updated")),
        texts,
        {name: sort_key(card, name.partition("/")[2]) for name in SORTS[2:]},
        frozenset(one["blobId"] for one in card.get("media", {}).values() if "blobId" in one),
    )


def _texts(card: Mapping[str, Any], field: str) -> Iterator[str]:
    match field:
        case "name":
            name = card.get("name", {})
            yield name.get("full", "")
            yield from (one["value"] for one in name.get("components", ()) if one["kind"] != "separator")
        case "name/given" | "name/surname" | "name/surname2":
            yield component(card, field.partition("/")[2])
        case "nickname":
            yield from (one["name"] for one in card.get("nicknames", {}).values())
        case "organization":
            for one in card.get("organizations", {}).values():
                yield one.get("name", "")
                yield from (unit["name"] for unit in one.get("units", ()))
        case "email":
            for one in card.get("emails", {}).values():
                yield f"{one['address']} {one.get('label', '')}"
        case "phone":
            for one in card.get("phones", {}).values():
                digits = "".join(c for c in one["number"] if c.isdigit())
                yield f"{one['number']} {digits} {one.get('label', '')}"
        case "onlineService":
            for one in card.get("onlineServices", {}).values():
                yield " ".join(one.get(key, "") for key in ("service", "uri", "user", "label"))
        case "address":
            for one in card.get("addresses", {}).values():
                yield one.get("full", "")
                yield from (
                    part["value"] for part in one.get("components", ()) if part["kind"] != "separator"
                )
        case "note":
            yield from (one["note"] for one in card.get("notes", {}).values())
