"""What the world sees of a domain, against what it must see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.dns.records import Record, kind_of_text
from mailsys.ports.resolver import Answer, IResolver, ResolverError
from mailsys.services.zones.derive import Derived
from mailsys.services.zones.text import octets_of

_TEXT: Final = "TXT"


@dataclass(frozen=True, slots=True)
class Seen:
    """state "unknown": it could not be looked up. found: what there is."""

    record: Record
    why: str
    state: Literal["good", "missing", "differs", "unknown"]
    found: tuple[str, ...] = ()


async def check(resolver: IResolver, wanted: Sequence[Derived]) -> list[Seen]:
    """Each record by the resolver, and the names of the addresses (FCrDNS)."""
    waits = [Deferred.fromCoroutine(_look(resolver, each)) for each in (*wanted, *_pointers(wanted))]
    found: list[Seen] = await gatherResults(waits, consumeErrors=True)
    return found


def _pointers(wanted: Sequence[Derived]) -> list[Derived]:
    return [
        Derived(
            Record(f"{ip_address(each.record.value).reverse_pointer}.", "PTR", each.record.name),
            "Other servers want an address to have the name that has the address.",
        )
        for each in wanted
        if each.record.type in ("A", "AAAA")
    ]


async def _look(resolver: IResolver, wanted: Derived) -> Seen:
    record = wanted.record
    try:
        answer: Answer = await resolver.query(record.name.removesuffix("."), record.type)
    except ResolverError as problem:
        return Seen(record, wanted.why, "unknown", (str(problem),))
    found = tuple(_text(record.type, each) for each in answer.records[:50])
    if record.type == _TEXT:
        kind = kind_of_text(record.value)
        alike = [each for each in found if kind_of_text(each) == kind]
        if len(alike) > 1:  # two SPF or DMARC records are as bad as none (RFC 7208 §4.5, RFC 9989 §4.7)
            return Seen(record, wanted.why, "differs", tuple(alike))
        found = tuple(alike)
    if any(_same(record, each) for each in found):
        return Seen(record, wanted.why, "good", found)
    return Seen(record, wanted.why, "differs" if found else "missing", found)


def _text(kind: str, value: object) -> str:
    """A value of ports.resolver.Answer as in a zone file."""
    if isinstance(value, bytes):
        shown = value.decode("ascii", "backslashreplace").replace('"', '\\"')
        return f'"{shown}"'
    if isinstance(value, tuple):
        parts = [each.hex() if isinstance(each, bytes) else str(each) for each in value]
        if kind == "MX":
            parts[-1] += "."
        return " ".join(parts)
    return f"{value}." if kind in ("NS", "CNAME", "PTR") else str(value)


def _same(record: Record, found: str) -> bool:
    if record.type == _TEXT:
        return _joined(record.value) == _joined(found)
    try:
        return octets_of(record.type, record.value) == octets_of(record.type, found)
    except Exception:
        return False


def _joined(value: str) -> str:
    """Strings of a text as one, blanks aside: what is read of it is the same."""
    return value.replace('" "', "").replace('"', "").replace(" ", "").lower()
