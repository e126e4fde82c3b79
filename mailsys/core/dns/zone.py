"""Zones, and what they say to a question (RFC 1034 §4.3.2, RFC 4592, RFC 2308).

Record data are octets without compression; the names in them are in lower case, as DNSSEC signs them
(RFC 4034 §6.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mailsys.core.dns.names import WILDCARD, parent, with_ancestors
from mailsys.core.dns.types import ANY, CNAME, DS, MX, NOERROR, NS, NXDOMAIN, RRSIG, SOA, SRV

CHAIN: Final = 8  # CNAMEs followed
_OF_TARGETS: Final = (1, 28)  # A, AAAA
_TARGET_AT: Final = {NS: 0, MX: 2, SRV: 6}  # where in the data the host's name begins


@dataclass(frozen=True, slots=True)
class RRset:
    """Records of one owner and type (RFC 2181 §5). `zone`: the apex of theirs."""

    owner: bytes
    type: int
    ttl: int
    datas: tuple[bytes, ...]
    zone: bytes


@dataclass(frozen=True, slots=True)
class Zone:
    """`names` has every name that exists in it, those that have no records but names below them too
    (RFC 4592 §2.2.2). `signed`: answers come with signatures."""

    apex: bytes
    serial: int
    names: Mapping[bytes, Mapping[int, RRset]]
    signed: bool = False

    @property
    def soa(self) -> RRset:
        return self.names[self.apex][SOA]


@dataclass(frozen=True, slots=True)
class Denied:
    """What does not exist: the name (`types` None), or all but these types at it. To be proved where the
    zone is signed."""

    zone: Zone
    name: bytes
    types: tuple[int, ...] | None


@dataclass(slots=True)
class Found:
    """An answer by sections. `onwards`: a CNAME leads to this name, which is not of our zones. `glue`: how
    many of `additional` a referral cannot do without. `only_signatures`: RRSIG was asked for."""

    rcode: int = NOERROR
    authoritative: bool = True
    answer: list[RRset] = field(default_factory=list)
    authority: list[RRset] = field(default_factory=list)
    additional: list[RRset] = field(default_factory=list)
    glue: int = 0
    denied: Denied | None = None
    onwards: bytes = b""
    only_signatures: bool = False


def make_zone(
    apex: bytes, serial: int, records: Iterable[tuple[bytes, int, int, bytes]], signed: bool
) -> Zone:
    """From (owner, type, TTL, data). The records of one set have the least of their TTLs (RFC 2181 §5.2)."""
    gathered: dict[tuple[bytes, int], tuple[int, list[bytes]]] = {}
    for owner, kind, ttl, data in records:
        known = gathered.get((owner, kind))
        if known is None:
            gathered[owner, kind] = (ttl, [data])
        else:
            known[1].append(data)
            gathered[owner, kind] = (min(ttl, known[0]), known[1])
    names: dict[bytes, dict[int, RRset]] = {apex: {}}
    for (owner, kind), (ttl, datas) in gathered.items():
        for name in with_ancestors(owner):
            names.setdefault(name, {})
            if name == apex:
                break
        names[owner][kind] = RRset(owner, kind, ttl, tuple(sorted(set(datas))), apex)
    return Zone(apex, serial, names, signed)


class Zones:
    """All zones of a server, as they are at one moment."""

    def __init__(self, zones: Iterable[Zone] = ()) -> None:
        self.by_apex: Final = {zone.apex: zone for zone in zones}

    def of(self, name: bytes, kind: int = 0) -> Zone | None:
        """The zone that answers for `name`: the deepest one; for DS that above the cut (RFC 4035 §3.1.4.1),
        where it is ours too."""
        zones = self.by_apex
        if kind == DS and name in zones and name[0]:
            above = self.of(parent(name))
            if above is not None:
                return above
        while True:
            found = zones.get(name)
            if found is not None or not name[0]:
                return found
            name = name[1 + name[0] :]

    def answer(self, zone: Zone, name: bytes, kind: int) -> Found:
        """What `zone`, which has `name`, says. CNAMEs are followed as far as our zones go."""
        found = Found()
        seen = {name}
        at: Zone | None = zone
        for _ in range(CHAIN):
            assert at is not None
            target = self._step(found, at, name, kind)
            if not target:
                break
            name = target
            if name in seen:
                break
            seen.add(name)
            at = self.of(name, kind)
            if at is None:
                found.onwards = name
                break
        for each in found.answer:
            self._add_targets(found, each)
        return found

    def _step(self, found: Found, zone: Zone, name: bytes, kind: int) -> bytes:
        """One name's part of an answer; where its CNAME leads, b"": the answer is complete."""
        names = zone.names
        cut = _cut(zone, name, kind)
        if cut:
            self._refer(found, zone, cut)
            return b""
        node, owner = names.get(name), name
        if node is None:
            encloser = next(each for each in with_ancestors(parent(name)) if each in names)
            node = names.get(WILDCARD + encloser)
            if node is None:
                found.rcode = NXDOMAIN  # of the last name in the chain (RFC 6604)
                found.authority.append(_negative(zone))
                found.denied = Denied(zone, name, None)
                return b""
        if kind in (ANY, RRSIG):
            # One set is enough of an answer (RFC 8482 §4.1): whoever asks for more wants to flood somebody.
            if node:
                chosen = min(node.values(), key=lambda each: (sum(map(len, each.datas)), each.type))
                found.answer.append(_at(chosen, owner))
                found.only_signatures = kind == RRSIG
                return b""
        elif kind in node:
            found.answer.append(_at(node[kind], owner))
            return b""
        elif CNAME in node:
            alias = _at(node[CNAME], owner)
            found.answer.append(alias)
            return alias.datas[0]
        found.authority.append(_negative(zone))
        found.denied = Denied(zone, name, tuple(node))
        return b""

    def _refer(self, found: Found, zone: Zone, cut: bytes) -> None:
        """To the servers of a zone below (RFC 1034 §4.3.2 3b), with their addresses where we know them."""
        node = zone.names[cut]
        servers = node[NS]
        found.authoritative = found.authoritative and bool(found.answer)
        found.authority.append(servers)
        if DS in node:
            found.authority.append(node[DS])
        elif zone.signed:
            found.denied = Denied(zone, cut, tuple(node))
        self._add_targets(found, servers, glue_of=zone)
        found.glue = len(found.additional)

    def _add_targets(self, found: Found, records: RRset, glue_of: Zone | None = None) -> None:
        """Addresses of the hosts that the records name."""
        start = _TARGET_AT.get(records.type)
        if start is None:
            return
        for data in records.datas[:13]:
            host = data[start:]
            zone = glue_of if glue_of is not None and host in glue_of.names else self.of(host)
            node = None if zone is None else zone.names.get(host)
            if zone is None or node is None or (glue_of is None and _cut(zone, host, 1)):
                continue
            for kind in _OF_TARGETS:
                if kind in node and node[kind] not in found.additional and node[kind] not in found.answer:
                    found.additional.append(node[kind])


def _cut(zone: Zone, name: bytes, kind: int) -> bytes:
    """The highest name from below the apex to `name` where another zone begins; b"": it is ours."""
    cut, apex, names = b"", zone.apex, zone.names
    if kind == DS and name != apex:
        name = parent(name)  # DS is ours at the cut itself
    while name != apex:
        node = names.get(name)
        if node is not None and NS in node:
            cut = name
        name = name[1 + name[0] :]
    return cut


def _at(records: RRset, owner: bytes) -> RRset:
    """A wildcard's records as those of the name that was asked for (RFC 4592 §3.3.1)."""
    if records.owner == owner:
        return records
    return RRset(owner, records.type, records.ttl, records.datas, records.zone)


def _negative(zone: Zone) -> RRset:
    """The SOA with the TTL that the absence is remembered for (RFC 2308 §3)."""
    soa = zone.soa
    ttl = min(soa.ttl, int.from_bytes(soa.datas[0][-4:], "big"))
    return RRset(soa.owner, SOA, ttl, soa.datas, soa.zone)
