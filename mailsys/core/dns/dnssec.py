"""What DNSSEC adds to an answer (RFC 4034, RFC 9824), but for the signing itself."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.core.dns.names import LONGEST, canonical_key, labels_of, parent, with_ancestors
from mailsys.core.dns.types import IN, NS, NSEC, NXNAME, RRSIG, SOA
from mailsys.core.dns.zone import RRset, Zone

ECDSA_P256: Final = 13  # RFC 6605
FLAGS: Final = 257  # zone key, secure entry point: one key does all (RFC 6781 §3.1: single-type signing)
_DAY: Final = 86400
_BEFORE: Final = _DAY  # clocks of validators are wrong
_AFTER: Final = 9 * _DAY

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`public`: DNSKEY data (RFC 4034 §2.1). `sign`: octets -> signature in the form of RRSIG."""

    public: bytes
    sign: Sign

    @property
    def tag(self) -> int:
        return key_tag(self.public)


def dnskey(public_point: bytes) -> bytes:
    """DNSKEY data of a P-256 key: x and y (RFC 6605 §4)."""
    return struct.pack("!HBB", FLAGS, 3, ECDSA_P256) + public_point


def key_tag(data: bytes) -> int:
    """RFC 4034 appendix B."""
    total = sum(octet << 8 if index % 2 == 0 else octet for index, octet in enumerate(data))
    return (total + (total >> 16)) & 0xFFFF


def ds(apex: bytes, public: bytes) -> bytes:
    """DS data with SHA-256 (RFC 4509)."""
    return struct.pack("!HBB", key_tag(public), ECDSA_P256, 2) + hashlib.sha256(apex + public).digest()


def period(now: float) -> tuple[int, int]:
    """From and until when signatures made now hold. It changes once a day, so that they can be kept."""
    today = int(now) // _DAY * _DAY
    return today - _BEFORE, today + _AFTER


def signature(records: RRset, key: SigningKey, validity: tuple[int, int]) -> RRset:
    """The RRSIG over one set (RFC 4034 §3.1.8.1)."""
    owner = records.owner
    parts = labels_of(owner)
    count = len(parts) - (parts[:1] == [b"*"])
    since, until = validity
    head = struct.pack(
        "!HBBIIIH", records.type, ECDSA_P256, count, records.ttl, until, since, key.tag
    ) + records.zone  # fmt: skip
    fixed = owner + struct.pack("!HHI", records.type, IN, records.ttl)
    body = b"".join(fixed + len(data).to_bytes(2, "big") + data for data in records.datas)
    return RRset(owner, RRSIG, records.ttl, (head + key.sign(head + body),), records.zone)


def bitmap(types: Iterable[int]) -> bytes:
    """RFC 4034 §4.1.2."""
    windows: dict[int, bytearray] = {}
    for kind in sorted(set(types)):
        bits = windows.setdefault(kind >> 8, bytearray())
        low = kind & 0xFF
        bits.extend(bytes(low // 8 + 1 - len(bits)))
        bits[low // 8] |= 0x80 >> low % 8
    return b"".join(bytes((window, len(bits))) + bits for window, bits in windows.items())


def compact_denial(zone: Zone, name: bytes, types: Sequence[int] | None) -> RRset:
    """The NSEC that says what there is at `name`: these types, or (None) nothing at all (RFC 9824 §3). It
    reaches to the very next name, so that nobody can list the zone by it."""
    there = (RRSIG, NSEC, NXNAME) if types is None else (RRSIG, NSEC, *types)
    return RRset(name, NSEC, _negative_ttl(zone), (_next(name) + bitmap(there),), zone.apex)


def _next(name: bytes) -> bytes:
    """The very next name that there can be (RFC 4034 §6.1), or one close behind it where there is no room."""
    after = b"\x01\x00" + name
    return after if len(after) <= LONGEST else _sibling(name)


def _sibling(name: bytes) -> bytes:
    """The first name behind `name` and all below it."""
    label, above = bytearray(name[1 : 1 + name[0]]), name[1 + name[0] :]
    if len(label) < 63 and len(name) < LONGEST:
        label.append(0)
    else:
        while label and label[-1] == 0xFF:
            label.pop()
        if not label:
            return _sibling(above)
        label[-1] += 1 if label[-1] != 0x40 else 0x1B  # no capital letters
    return bytes((len(label),)) + label + above


def _negative_ttl(zone: Zone) -> int:
    soa = zone.soa
    return min(soa.ttl, int.from_bytes(soa.datas[0][-4:], "big"))  # RFC 9077 §3


def signed_whole(zone: Zone, key: SigningKey, validity: tuple[int, int]) -> Iterable[RRset]:
    """All of a zone with a chain of NSEC and all signatures, for a secondary that cannot sign."""
    cuts = {name for name, node in zone.names.items() if NS in node and name != zone.apex}

    def below_cut(name: bytes) -> bool:
        return bool(name[0]) and any(above in cuts for above in with_ancestors(parent(name)))

    ours = sorted(
        (name for name, node in zone.names.items() if node and not below_cut(name)), key=canonical_key
    )
    for position, name in enumerate(ours):
        node = zone.names[name]
        after = ours[(position + 1) % len(ours)]
        chain = RRset(
            name, NSEC, _negative_ttl(zone), (after + bitmap((*node, RRSIG, NSEC)),), zone.apex
        )  # fmt: skip
        for records in (*node.values(), chain):
            if records.type != SOA:  # it stands around the transfer
                yield records
            if name not in cuts or records.type not in (NS, 1, 28):
                yield signature(records, key, validity)
    for name, node in zone.names.items():
        if below_cut(name):
            yield from node.values()
