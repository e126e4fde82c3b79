"""DNS messages for the stub resolver: questions out, answers in (RFC 1035 §4, RFC 6891).

The types that mail asks for are read here, in one bounded walk that skips what was not asked: 64 KB
of hostile records cost a few milliseconds (dnspython: 140, and a module import per odd type). Other
types go to dnspython.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import dns.exception
import dns.message
import dns.rdatatype

EDNS_SIZE: Final = 1232  # octets: what passes everywhere unfragmented (DNS Flag Day 2020)
CHAIN: Final = 16  # CNAMEs followed within one answer
RECORDS_AT_MOST: Final = 500  # taken from one answer
OTHERS_AT_MOST: Final = 100  # records in a message that dnspython is given

_NUMBERS: Final = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52,
}  # fmt: skip
_CNAME, _SOA = 5, 6
_IN: Final = 1
_RCODES: Final = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}
# root, type OPT, our UDP size, no extended rcode or flags, no options (RFC 6891 §6.1.2)
_OPT: Final = b"\x00" + struct.pack("!HHIH", 41, EDNS_SIZE, 0, 0)
_QR, _TC, _AD = 0x8000, 0x0200, 0x0020


@dataclass(frozen=True, slots=True)
class Read:
    """A response as far as it concerns the question.

    records: as in `ports.resolver.Answer`. alias: set when a CNAME chain ends in a name of which the
    response says nothing: ask on there.
    """

    records: tuple[object, ...] = ()
    exists: bool = True
    ttl: int = 0
    authenticated: bool = False
    truncated: bool = False
    failed: str = ""  # rcode that is neither NOERROR nor NXDOMAIN
    alias: str = ""


class _Garbled(Exception):
    pass


def type_number(rtype: str) -> int:
    """Raises ValueError for what is no type."""
    number = _NUMBERS.get(rtype)
    if number is None:
        try:
            number = int(dns.rdatatype.from_text(rtype))
        except (dns.exception.DNSException, ValueError) as error:
            raise ValueError(f"no DNS type: {rtype[:40]}") from error
    return number


def encode_question(name: str, rtype: str) -> bytes:
    """RFC 1035 §4.1.2. Raises ValueError for what is no name or type."""
    wire = b""
    for label in name.split(".") if name else ():
        octets = label.encode("ascii", "strict")
        if not 0 < len(octets) < 64:
            raise ValueError(f"no DNS name: {name[:300]}")
        wire += bytes((len(octets),)) + octets
    if len(wire) > 254:
        raise ValueError(f"no DNS name: {name[:300]}")
    return wire + b"\x00" + struct.pack("!HH", type_number(rtype), _IN)


def encode_query(name: str, rtype: str, ident: int) -> bytes:
    """A query with EDNS, recursion desired, and AD: tell us whether it was authenticated (RFC 6840
    §5.7). Raises ValueError."""
    return struct.pack("!HHHHHH", ident, 0x0120, 1, 0, 0, 1) + encode_question(name, rtype) + _OPT


def decode_response(wire: bytes, name: str, rtype: str, ident: int) -> Read | None:
    """What a response says; None when it is no response to this question (forged, late, garbled)."""
    if len(wire) < 12:
        return None
    number, flags, questions, answers, authorities, _ = struct.unpack_from("!HHHHHH", wire)
    if number != ident or not flags & _QR:
        return None
    question = encode_question(name, rtype)
    code = flags & 15
    if questions != 1 or wire[12 : 12 + len(question)].lower() != question.lower():
        # FORMERR and NOTIMP may come without question: they are still bound to our id and port
        return Read(failed=_RCODES.get(code, str(code))) if not questions and code not in (0, 3) else None
    if flags & _TC:
        return Read(truncated=True)
    if code not in (0, 3):
        return Read(failed=_RCODES.get(code, str(code)))
    reader = _Reader(wire)
    try:
        if rtype not in _NUMBERS:
            return _by_dnspython(wire, name, rtype, answers + authorities)
        asked = reader.name(12)[0]
        found = _concerning(
            reader, 12 + len(question), answers, authorities, asked, _NUMBERS[rtype], code == 3
        )
    except (_Garbled, struct.error, IndexError, ValueError):
        return None
    return replace(found, authenticated=bool(flags & _AD))


_PLAIN = re.compile(rb"[a-z0-9_-]+")


class _Reader:
    """Names and records of one message. Each octet of a name is looked at once, whatever points to it."""

    def __init__(self, wire: bytes) -> None:
        self.wire = wire
        self._names: dict[int, str] = {}

    def name(self, at: int) -> tuple[str, int]:
        """The name at an offset, in lower case, and where it ends (RFC 1035 §4.1.4). What would not be
        plain in a host name is written as \\DDD."""
        wire, start = self.wire, at
        labels: list[str] = []
        while True:
            length = wire[at]
            if length == 0:
                name, end = ".".join(labels), at + 1
                break
            if length >= 0xC0:
                target = (length & 0x3F) << 8 | wire[at + 1]
                if target not in self._names:
                    if target >= start:  # only backwards, so there is no loop
                        raise _Garbled
                    self.name(target)
                rest = self._names[target]
                name, end = ".".join([*labels, rest] if rest else labels), at + 2
                break
            if length > 63 or len(labels) > 127:
                raise _Garbled
            label = wire[at + 1 : at + 1 + length].lower()
            if len(label) != length:
                raise _Garbled
            if _PLAIN.fullmatch(label):
                labels.append(label.decode("ascii"))
            else:
                labels.append("".join(chr(c) if _PLAIN.match(bytes((c,))) else f"\\{c:03d}" for c in label))
            at += 1 + length
        if len(name) > 1100:
            raise _Garbled
        self._names[start] = name
        return name, end

    def records(self, at: int, count: int) -> Iterator[tuple[str, int, int, int, int, int]]:
        """(owner, type, class, ttl, start and end of the data) of `count` records."""
        for _ in range(count):
            owner, at = self.name(at)
            rtype, rclass, ttl, length = struct.unpack_from("!HHIH", self.wire, at)
            at += 10
            if at + length > len(self.wire):
                raise _Garbled
            yield owner, rtype, rclass, ttl if ttl < 1 << 31 else 0, at, at + length  # RFC 2181 §8
            at += length


def _concerning(
    reader: _Reader, at: int, answers: int, authorities: int, asked: str, kind: int, missing: bool
) -> Read:
    wanted: dict[str, list[tuple[int, int, int]]] = {}  # ttl, start, end by owner
    links: dict[str, tuple[int, int]] = {}  # CNAMEs
    minimum: int | None = None
    for index, record in enumerate(reader.records(at, answers + authorities)):
        owner, rtype, rclass, ttl, start, end = record
        if rclass != _IN:
            continue
        if index >= answers:
            if rtype == _SOA and minimum is None:
                # RFC 2308 §5: the lesser of the SOA's TTL and its minimum
                minimum = min(ttl, struct.unpack_from("!I", reader.wire, end - 4)[0])
        elif rtype == kind:
            wanted.setdefault(owner, []).append((ttl, start, end))
        elif rtype == _CNAME:
            links.setdefault(owner, (ttl, start))
    current, ttl = asked, (1 << 31) - 1
    for _ in range(CHAIN):
        if found := wanted.get(current):
            records = [_value(reader, kind, start, end) for _, start, end in found[:RECORDS_AT_MOST]]
            return Read(tuple(records), True, min(ttl, *(each[0] for each in found)))
        if current not in links:
            break
        ttl = min(ttl, links[current][0])
        current = reader.name(links[current][1])[0]
    else:
        return Read(failed="an endless chain of aliases")
    if current != asked and minimum is None and not missing:
        return Read(ttl=ttl, alias=current)
    return Read((), not missing, min(ttl, minimum if minimum is not None else 60))


def _value(reader: _Reader, kind: int, start: int, end: int) -> object:
    wire = reader.wire
    if kind == 1:
        return str(IPv4Address(wire[start:end]))
    if kind == 28:
        return str(IPv6Address(wire[start:end]))
    if kind == 15:  # RFC 1035 §3.3.9
        return (int.from_bytes(wire[start : start + 2], "big"), reader.name(start + 2)[0])
    if kind == 16:  # RFC 1035 §3.3.14: character-strings, joined
        parts = []
        while start < end:
            stop = start + 1 + wire[start]
            if stop > end:
                raise _Garbled
            parts.append(wire[start + 1 : stop])
            start = stop
        return b"".join(parts)
    if kind == 52:  # RFC 6698 §2.1
        return (wire[start], wire[start + 1], wire[start + 2], wire[start + 3 : end])
    return reader.name(start)[0]


def _by_dnspython(wire: bytes, name: str, rtype: str, records: int) -> Read | None:
    """Types of no use to mail so far, as text in the form of a zone file."""
    if records > OTHERS_AT_MOST:
        return Read(failed=f"{records} records are too many")
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
        if not isinstance(message, dns.message.QueryMessage):
            return None
        answer = message.resolve_chaining()
    except (dns.exception.DNSException, ValueError, UnicodeError, IndexError):
        return None
    found = answer.answer
    if found is None:
        return Read((), message.rcode() != 3, min(int(answer.minimum_ttl), 3600))
    return Read(tuple(str(record) for record in found), True, int(answer.minimum_ttl))
