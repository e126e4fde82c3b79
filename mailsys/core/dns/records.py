"""Records as people write them, and which of them can stand beside each other in a zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.core.refusal import NotAllowed

MOST: Final = 10_000  # records of one zone


@dataclass(frozen=True, slots=True, order=True)
class Record:
    """One record. `name`: lower case, with the final dot; `value`: as in a zone file, names in it whole,
    written as `services.zones.text` writes it, so that equal records are equal texts. `ttl`: seconds."""

    name: str
    type: str
    value: str
    ttl: int = 300


def effective(own: Iterable[Record], derived: Iterable[Record]) -> list[Record]:
    """What a zone says: the records that people wrote, and of those that follow from the settings what is
    not replaced by them. Own records replace the derived ones of their name and type; texts only those of
    their kind ("v=spf1 …"); a CNAME replaces whatever was derived at its name, and anything a CNAME."""
    own = list(own)
    written = {(each.name, each.type) for each in own}
    kinds = {(each.name, kind_of_text(each.value)) for each in own if each.type == "TXT"}
    names = {each.name for each in own}
    aliases = {each.name for each in own if each.type == "CNAME"}
    kept = [
        each
        for each in derived
        if each.name not in aliases
        and not (each.type == "CNAME" and each.name in names)
        and (
            (each.name, kind_of_text(each.value)) not in kinds
            if each.type == "TXT"
            else (each.name, each.type) not in written
        )
    ]
    return own + kept


def kind_of_text(value: str) -> str:
    """What a TXT record is for: the "v=…" that it begins with, else the record itself."""
    first = value.strip('"').replace(";", " ").split(" ", 1)[0].lower()
    return first if first.startswith("v=") else value


def check(zone: str, own: Sequence[Record], derived: Sequence[Record]) -> None:
    """Raises NotAllowed for what a zone (its name with the final dot) cannot hold."""
    records = effective(own, derived)
    if len(records) > MOST:
        raise NotAllowed(f"A zone has at most {MOST} records here")
    types: dict[str, list[str]] = {}
    for each in records:
        types.setdefault(each.name, []).append(each.type)
    for name, there in types.items():
        if "CNAME" in there and len(there) > 1:
            what = "another CNAME" if set(there) == {"CNAME"} else " ".join(sorted({*there} - {"CNAME"}))
            raise NotAllowed(f"{name} has a CNAME, beside which {what} cannot stand (RFC 1034 §3.6.2)")
        if name == zone and "CNAME" in there:
            raise NotAllowed("A zone's own name has SOA and NS records, and so can have no CNAME")
        if "DS" in there and (name == zone or "NS" not in there):
            raise NotAllowed(f"{name} has a DS record, which belongs where NS records delegate")
    for target in (each.value for each in records if each.type in ("NS", "MX", "SRV")):
        host = target.rsplit(" ", 1)[-1]
        if "CNAME" in types.get(host, ()):
            raise NotAllowed(f"{host} is an alias; NS, MX and SRV must name hosts (RFC 2181 §10.3)")
