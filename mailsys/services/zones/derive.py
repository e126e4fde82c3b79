"""The records that follow from what the system is: a pure function of settings, domain, keys and zones."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.core.dns.dnssec import ds
from mailsys.core.dns.names import is_under, parent, to_text, to_wire
from mailsys.core.dns.records import Record
from mailsys.core.dns.reverse import reverse_name
from mailsys.core.dns.types import CDNSKEY, CDS, DNSKEY, SOA
from mailsys.ports.accounts import DkimKey
from mailsys.services.dns.records import records as mail_records
from mailsys.services.zones.text import octets_of, text_of, written

TTL: Final = 300
_KEY_TTL: Final = 3600
_SOA_TTL: Final = 3600
_REFRESH, _RETRY, _EXPIRE, _NEGATIVE = 3600, 900, 14 * 86400, 300  # of SOA; RFC 1912 §2.2, RFC 2308 §5
_REVERSE: Final = (to_wire("in-addr.arpa"), to_wire("ip6.arpa"))


@dataclass(frozen=True, slots=True)
class Facts:
    """What all zones follow from. Names are without the final dot.

    hostname: whom MX points to. nameservers: names of those that answer for our zones. addresses: of
    hostname, as the world reaches it. ports: of submissions, submission, imaps, https; 0: not served.
    certificate: SHA-256 of the public key that port 25 shows, in hex; "": unknown. issuers: who may issue
    certificates (CAA); none: nothing is said. policy_id: of our MTA-STS policies; "": none are served.
    """

    hostname: str
    nameservers: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    ports: tuple[int, int, int, int] = (465, 587, 993, 443)
    certificate: str = ""
    issuers: tuple[str, ...] = ()
    policy_id: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """A record, and what it is for."""

    record: Record
    why: str


def for_domain(facts: Facts, domain: str, keys: Sequence[DkimKey]) -> list[Derived]:
    """What the world must see of a mail domain."""
    zone, host = f"{domain}.", f"{facts.hostname}."
    found = [
        _derived(zone, each.name, each.type, each.value, each.why)
        for each in mail_records(domain, facts.hostname, keys, facts.ports[:3])
    ]

    def add(name: str, kind: str, value: str, why: str) -> None:
        found.append(_derived(zone, name, kind, value, why))

    add(
        "_smtp._tls",
        "TXT",
        f"v=TLSRPTv1; rua=mailto:postmaster@{domain}",
        "TLS-RPT: other servers report where TLS to us failed (RFC 8460).",
    )
    if facts.policy_id:
        add("_mta-sts", "TXT", f"v=STSv1; id={facts.policy_id};", "MTA-STS: there is a policy (RFC 8461).")
        add("mta-sts", "CNAME", host, "MTA-STS: where it is.")
    https = facts.ports[3]
    add(
        "_jmap._tcp",
        "SRV",
        f"0 1 {https} {host}" if https else "0 0 0 .",
        "JMAP clients find where to read (RFC 8620 §2.2).",
    )
    for issuer in facts.issuers:
        add("@", "CAA", f'0 issue "{issuer}"', "CAA: nobody else issues certificates (RFC 8659).")
    return found + _of_host(facts, zone, https)


def _of_host(facts: Facts, zone: str, https: int) -> list[Derived]:
    """What is said of our own names, in the zone that has them."""
    host = f"{facts.hostname}."
    found: list[Derived] = []
    apex = to_wire(zone)
    for name in dict.fromkeys((host, *(f"{each}." for each in facts.nameservers))):
        if is_under(to_wire(name), apex):
            for address in facts.addresses:
                kind = "AAAA" if ":" in address else "A"
                found.append(_derived(zone, name, kind, address, "Where the host is."))
    if not is_under(to_wire(host), apex):
        return found
    if facts.certificate:
        found.append(
            _derived(
                zone,
                f"_25._tcp.{host}",
                "TLSA",
                f"3 1 1 {facts.certificate}",
                "DANE: the key that our certificate has, where the zone is signed (RFC 7672).",
            )
        )
    if https:
        # A host at the end of a CNAME of theirs would not do; ours is a host.
        value = "1 ." if https == 443 else f"1 . port={https}"
        found.append(_derived(zone, host, "HTTPS", value, "The web client is there, with TLS (RFC 9460)."))
    return found


def for_zone(facts: Facts, zone: str) -> list[Derived]:
    """What every zone of ours says."""
    return [
        _derived(zone, "@", "NS", f"{each}.", "This server answers for the zone.")
        for each in facts.nameservers
    ]


def delegations(
    zone: str, others: Mapping[str, Sequence[Record]], keys: Mapping[str, Sequence[bytes]]
) -> list[Record]:
    """What a zone says of those of ours right below it: `others` has the records of each, `keys` DNSKEY
    data."""
    apex = to_wire(zone)
    wires = {name: to_wire(name) for name in others}
    found: list[Record] = []
    for name, wire in wires.items():
        if wire == apex or not is_under(wire, apex) or _between(wire, apex, set(wires.values())):
            continue
        found += [each for each in others[name] if each.name == name and each.type == "NS"]
        found += [
            written(zone, name, "DS", text_of("DS", ds(wire, key)), _KEY_TTL) for key in keys.get(name, ())
        ]
    return found


def _between(below: bytes, above: bytes, zones: set[bytes]) -> bool:
    name = parent(below)
    while name != above:
        if name in zones:
            return True
        name = parent(name)
    return False


def is_reverse(zone: bytes) -> bool:
    return any(is_under(zone, each) for each in _REVERSE)


def names_of_addresses(hostname: str, records: Iterable[Record]) -> dict[bytes, str]:
    """Reverse name -> the name that has the address: ours before others, then the first."""
    found: dict[bytes, str] = {}
    ours = f"{hostname}."
    for each in sorted(records):
        if each.type not in ("A", "AAAA") or each.name.startswith("*"):
            continue
        name = reverse_name(octets_of(each.type, each.value))
        if each.name == ours or name not in found:
            found[name] = each.name
    return found


def pointers(zone: str, addresses: Mapping[bytes, str]) -> list[Record]:
    """PTR records of a reverse zone."""
    apex = to_wire(zone)
    return [
        Record(to_text(name), "PTR", host, TTL) for name, host in addresses.items() if is_under(name, apex)
    ]


Row = tuple[bytes, int, int, bytes]  # owner, type, TTL, data


def soa(apex: bytes, serial: int, facts: Facts) -> Row:
    """RFC 1035 §3.3.13."""
    contact = (
        to_wire(f"hostmaster.{facts.hostname}") if is_reverse(apex) else to_wire("hostmaster")[:-1] + apex
    )
    server = to_wire(facts.nameservers[0] if facts.nameservers else facts.hostname)
    numbers = struct.pack("!IIIII", serial & 0xFFFFFFFF, _REFRESH, _RETRY, _EXPIRE, _NEGATIVE)
    return apex, SOA, _SOA_TTL, server + contact + numbers


def key_rows(apex: bytes, keys: Sequence[bytes]) -> list[Row]:
    """DNSKEY, and what tells the zone above to take it over (RFC 7344, RFC 8078)."""
    found = []
    for key in keys:
        found.append((apex, DNSKEY, _KEY_TTL, key))
        found.append((apex, CDNSKEY, _KEY_TTL, key))
        found.append((apex, CDS, _KEY_TTL, ds(apex, key)))
    return found


def _derived(zone: str, name: str, kind: str, value: str, why: str) -> Derived:
    return Derived(written(zone, name, kind, value, TTL), why)
