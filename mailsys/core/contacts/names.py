"""How somebody is called: the name that is shown, and the parts that lists are sorted by."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

_SHOWN: Final = ("title", "given", "given2", "surname", "surname2", "generation", "credential")


def folded(text: str) -> str:
    """For comparing: case and white space do not matter, nor do accents that are composed differently."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def component(card: Mapping[str, Any], kind: str) -> str:
    """All of one kind of the name's components, with a space between."""
    parts = card.get("name", {}).get("components", ())
    return " ".join(part["value"] for part in parts if part["kind"] == kind and part["value"])


def joined(name: Mapping[str, Any]) -> str:
    """A Name's components as one text (RFC 9553 §2.2.1.2): in their own order, or in the usual one."""
    parts = [
        part for part in name.get("components", ()) if part["kind"] != "separator" or name.get("isOrdered")
    ]
    if not name.get("isOrdered"):
        parts.sort(key=lambda part: _SHOWN.index(part["kind"]) if part["kind"] in _SHOWN else len(_SHOWN))
        return " ".join(part["value"].strip() for part in parts if part["value"].strip())
    between = name.get("defaultSeparator", " ")
    text, glued = "", True
    for part in parts:
        if part["kind"] == "separator":
            text, glued = text + part["value"], True
            continue
        text, glued = text + ("" if glued else between) + part["value"], False
    return text.strip()


def names_of(card: Mapping[str, Any]) -> Iterator[str]:
    """What a card could be shown as, the best first; some may be empty."""
    name = card.get("name", {})
    yield name.get("full", "").strip()
    yield joined(name)
    for kind, key in (
        ("nicknames", "name"),
        ("organizations", "name"),
        ("emails", "address"),
        ("phones", "number"),
    ):
        for one in card.get(kind, {}).values():
            yield str(one.get(key, "")).strip()


def shown_name(card: Mapping[str, Any]) -> str:
    """The name to show; "" for a card that has nothing to be called by."""
    return next(filter(None, names_of(card)), "")


def sort_key(card: Mapping[str, Any], kind: str) -> str:
    """What a list is sorted by: the component as the card wants it sorted (sortAs), else as it is."""
    wanted = card.get("name", {}).get("sortAs", {}).get(kind)
    return folded(wanted if isinstance(wanted, str) and wanted else component(card, kind))


def emails_of(card: Mapping[str, Any]) -> list[str]:
    """Addresses, the preferred first."""
    found = sorted(card.get("emails", {}).values(), key=lambda one: one.get("pref", 101))
    return [one["address"] for one in found]
