"""Records between the text of zone files and octets: dnspython reads and writes the data of each type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer

from mailsys.core.bad_field import BadField
from mailsys.core.dns.names import is_under, to_text, to_wire
from mailsys.core.dns.records import Record
from mailsys.core.dns.zone import Zone, make_zone
from mailsys.ports.zones import StoredZone
from mailsys.services.dns.route import to_a_labels

TYPES: Final = (
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "PTR", "SRV", "SSHFP", "SVCB", "TLSA", "TXT",
    "NAPTR", "LOC", "OPENPGPKEY", "SMIMEA", "URI", "HINFO", "RP",
)  # fmt: skip
TTL_AT_LEAST: Final = 1
TTL_AT_MOST: Final = 604800  # a week
_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.")
_HOSTS: Final = ("NS", "MX", "SRV")  # whose target is a host
_STRING: Final = 255  # octets (RFC 1035 §3.3)
_VALUE: Final = 8192  # characters


def written(zone: str, name: str, kind: str, value: str, ttl: int) -> Record:
    """A record as it is kept, from what a person wrote: `name` with or without the zone ("@": the zone's
    own), names in `value` relative to the zone unless they end in a dot. Raises BadField."""
    kind = kind.strip().upper()
    if kind not in TYPES:
        raise BadField(
            "type", f"No record type that can be kept here: {kind[:20]}; there are {', '.join(TYPES)}"
        )
    if not TTL_AT_LEAST <= ttl <= TTL_AT_MOST:
        raise BadField("ttl", f"The TTL must be from {TTL_AT_LEAST} to {TTL_AT_MOST} seconds")
    owner = full_name(zone, name)
    if len(value) > _VALUE:
        raise BadField("value", f"The value is longer than {_VALUE} characters")
    try:
        data = _parsed(kind, _strings(value) if kind == "TXT" else value.strip(), zone)
        octets = data.to_digestable(dns.name.root)  # names in lower case, whole
        text = text_of(kind, octets)
    except (dns.exception.DNSException, ValueError, OverflowError, IndexError) as problem:
        raise BadField("value", f"No {kind} record: {str(problem) or 'that is not its form'}"[:300]) from None
    if len(octets) > 16_384:
        raise BadField("value", "The value is longer than 16384 octets")
    if kind in _HOSTS:
        host = text.rsplit(" ", 1)[-1]
        if host != "." and not _HOST.fullmatch(host):
            raise BadField("value", f"{host} is no name of a host")
        if host == "." and kind == "NS":
            raise BadField("value", "A name server has a name")
    return Record(owner, kind, text, ttl)


def full_name(zone: str, name: str) -> str:
    """A name of the zone as it is kept. Raises BadField."""
    name = name.strip()
    if name in ("", "@"):
        return zone
    if not name.isascii():
        name = ".".join(to_a_labels(label) for label in name.split("."))
    try:
        whole = to_wire(name)
        apex = to_wire(zone)
        if not name.endswith(".") and not is_under(whole, apex):
            whole = to_wire(f"{name}.{zone}")
    except ValueError as problem:
        raise BadField("name", str(problem)) from None
    if not is_under(whole, apex):
        raise BadField("name", f"{to_text(whole)} is not within {zone}")
    return to_text(whole)


def _strings(value: str) -> str:
    """The strings of a TXT record: as they are where there are quotes, else all as one; those that are too
    long are split, at octets (RFC 1035 §3.3.14)."""
    value = value.strip()
    if not value.startswith('"'):
        return " ".join(_quoted(part) for part in _split(value.encode()))
    tokens = dns.tokenizer.Tokenizer(value)
    parts: list[bytes] = []
    while True:
        token: Any = tokens.get()
        if token.is_eol_or_eof():
            break
        if not (token.is_quoted_string() or token.is_identifier()):
            raise ValueError("strings in quotes")
        parts += _split(token.unescape_to_bytes().value)
    return " ".join(_quoted(part) for part in parts)


def _split(octets: bytes) -> list[bytes]:
    return [octets[at : at + _STRING] for at in range(0, len(octets), _STRING)] or [b""]


def _quoted(octets: bytes) -> str:
    return '"' + "".join(
        f"\\{chr(code)}" if code in b'"\\' else chr(code) if 32 <= code < 127 else f"\\{code:03d}"
        for code in octets
    ) + '"'  # fmt: skip


def _parsed(kind: str, value: str, zone: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text("IN", kind, value, origin=dns.name.from_text(zone), relativize=False)


def text_of(kind: str, octets: bytes) -> str:
    """Data as text, names in it whole."""
    data = dns.rdata.from_wire("IN", kind, octets, 0, len(octets))
    text: str = data.to_text()
    return text


def type_number(kind: str) -> int:
    return int(dns.rdatatype.from_text(kind))


def type_name(kind: int) -> str:
    return str(dns.rdatatype.to_text(dns.rdatatype.RdataType.make(kind)))


@lru_cache(maxsize=50_000)
def octets_of(kind: str, value: str) -> bytes:
    """The data of a record that is kept."""
    return bytes(_parsed(kind, value, ".").to_digestable(dns.name.root))


def zone_of(
    stored: StoredZone, extra: list[tuple[bytes, int, int, bytes]], records: Iterable[Record]
) -> Zone:
    """What is answered from. `extra`: (owner, type, TTL, data) that are of no record: SOA, DNSKEY, …"""
    apex = to_wire(stored.name)
    rows = [
        (to_wire(each.name), type_number(each.type), each.ttl, octets_of(each.type, each.value))
        for each in records
    ]
    return make_zone(apex, stored.serial, [*rows, *extra], bool(stored.keys))
