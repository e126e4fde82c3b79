"""What a client asks, read within bounds (RFC 1035 §4.1, RFC 6891)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from mailsys.core.dns.names import LONGEST
from mailsys.core.dns.types import BADVERS, DO, FORMERR, IN, IXFR, NOTIMP, OPT, QR, RD

SMALLEST: Final = 512  # octets that every client takes over UDP (RFC 1035 §2.3.4)
LARGEST: Final = 1232  # octets: what passes everywhere unfragmented (DNS Flag Day 2020)
_COOKIE: Final = 10  # RFC 7873 §4
_HEADER: Final = struct.Struct("!HHHHHH")
_RECORD: Final = struct.Struct("!HHIH")
_TWO: Final = struct.Struct("!HH")


@dataclass(slots=True)
class Question:
    """ident and flags: of the header. name: in lower case. asked: the question section as it came, whose
    letters an answer repeats. size: octets that the client takes by UDP. edns: whether it sent OPT; with
    the flags of that in `edns_flags`, and its cookie. serial: what an IXFR has already (RFC 1995), else
    None. rcode: why it cannot be answered, 0: it can."""

    ident: int
    flags: int
    name: bytes = b""
    type: int = 0
    asked: bytes = b""
    size: int = SMALLEST
    edns: bool = False
    edns_flags: int = 0
    cookie: bytes = b""
    serial: int | None = None
    rcode: int = 0

    @property
    def recursion_desired(self) -> bool:
        return bool(self.flags & RD)

    @property
    def dnssec(self) -> bool:
        return bool(self.edns_flags & DO)


class _Garbled(Exception):
    pass


def read_question(wire: bytes) -> Question | None:
    """None: it is to be left without answer, being none that a client sends (an answer to an answer would
    go round for ever)."""
    if len(wire) < 12:
        return None
    ident, flags, questions, answers, authorities, additional = _HEADER.unpack_from(wire)
    if flags & QR:
        return None
    found = Question(ident, flags)
    if flags & 0x7800:
        found.rcode = NOTIMP
        return found
    if questions != 1 or answers or authorities > 1 or additional > 4:
        found.rcode = FORMERR  # RFC 9619
        return found
    at = 12
    try:
        while length := wire[at]:
            if length > 63:
                raise _Garbled
            at += 1 + length
        at += 1
        if at - 12 > LONGEST:
            raise _Garbled
        found.name = wire[12:at].lower()
        found.type, class_ = _TWO.unpack_from(wire, at)
        at += 4
        found.asked = wire[12:at]
        if authorities or additional:
            _read_rest(found, wire, at, authorities, additional)
        elif at != len(wire):
            raise _Garbled
    except (_Garbled, IndexError, struct.error):
        found.rcode = FORMERR
        return found
    if not found.rcode and class_ != IN:
        found.rcode = NOTIMP
    if found.type == OPT or not found.type:
        found.rcode = FORMERR
    return found


def _read_rest(found: Question, wire: bytes, at: int, authorities: int, additional: int) -> None:
    for index in range(authorities + additional):
        owner, at = _skip_name(wire, at)
        kind, class_, ttl, length = _RECORD.unpack_from(wire, at)
        at += 10
        if at + length > len(wire):
            raise _Garbled
        if index < authorities:
            if found.type == IXFR and length >= 22:
                found.serial = struct.unpack_from("!I", wire, at + length - 20)[0]
        elif kind == OPT:
            if found.edns or owner:
                raise _Garbled  # RFC 6891 §6.1.1
            found.edns = True
            found.size = min(max(class_, SMALLEST), LARGEST)
            found.edns_flags = ttl & 0xFFFF
            if ttl >> 16 & 0xFF:
                found.rcode = BADVERS
            _read_options(found, wire, at, at + length)
        at += length
    if at != len(wire):
        raise _Garbled


def _read_options(found: Question, wire: bytes, at: int, end: int) -> None:
    while at < end:
        code, length = _TWO.unpack_from(wire, at)
        at += 4
        if at + length > end:
            raise _Garbled
        if code == _COOKIE and not found.cookie:
            if length != 8 and not 16 <= length <= 40:  # RFC 7873 §5.2.2
                raise _Garbled
            found.cookie = wire[at : at + length]
        at += length


def _skip_name(wire: bytes, at: int) -> tuple[bool, int]:
    """Whether there is more than the root, and where it ends."""
    start = at
    while length := wire[at]:
        if length >= 0xC0:
            return True, at + 2
        if length > 63:
            raise _Garbled
        at += 1 + length
        if at - start > LONGEST:
            raise _Garbled
    return at > start, at + 1
