"""Answers as octets (RFC 1035 §4.1): written once, kept without id, and given to all who ask the same."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.core.dns.question import LARGEST, Question
from mailsys.core.dns.types import AD, CD, IN, OPT, QR, RD, TC
from mailsys.core.dns.zone import RRset

_HEADER: Final = struct.Struct("!HHHHHH")
_RECORD: Final = struct.Struct("!HHIH")
_LONG: Final = struct.Struct("!I")
_TTL_AT_MOST: Final = (1 << 31) - 1  # RFC 2181 §8
LARGEST_MESSAGE: Final = 65535
PREFIX: Final = 2  # octets of length before a message over TCP (RFC 1035 §4.2.2)


class Garbled(Exception):
    """A message that cannot be read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer without OPT. `ttls`: where in it TTLs stand, that count down by the clock of `born`."""

    wire: bytes
    flags: int
    ttls: tuple[int, ...] = ()
    born: float = 0.0
    extended: int = 0  # the upper bits of the rcode, that go into OPT

    def age(self, now: float) -> Kept:
        """The same with TTLs as they are now."""
        passed = int(now - self.born)
        if passed <= 0 or not self.ttls:
            return self
        aged = bytearray(self.wire)
        for at in self.ttls:
            left = _LONG.unpack_from(aged, at)[0] - passed
            _LONG.pack_into(aged, at, left if left > 0 else 0)
        return Kept(bytes(aged), self.flags, (), 0.0, self.extended)

    def with_ttl(self, ttl: int, now: float) -> Kept:
        """The same with this TTL all over from now on (RFC 8767 §4: for what is stale)."""
        made = bytearray(self.wire)
        for at in self.ttls:
            _LONG.pack_into(made, at, ttl)
        return Kept(bytes(made), self.flags, self.ttls, now, self.extended)

    def reply(self, question: Question, flags: int, options: bytes, limit: int) -> bytes:
        """To `question`: its id, its letters, its RD and CD; `flags` on top. Cut (TC) where it would be over
        `limit` octets."""
        asked = question.asked
        wire = self.wire
        head = QR | self.flags | flags | question.flags & (RD | CD)
        if head & AD and not (question.flags & AD or question.dnssec):
            head &= ~AD  # RFC 6840 §5.8
        counts = wire[4:12]
        opt = b""
        if question.edns:
            opt = opt_record(question, self.extended, options)
            counts = counts[:6] + (int.from_bytes(counts[6:], "big") + 1).to_bytes(2, "big")
        if len(wire) + len(opt) > limit:
            head |= TC
            body = asked + opt
            counts = b"\x00\x01\x00\x00\x00\x00" + (b"\x00\x01" if opt else b"\x00\x00")
        else:
            body = asked + wire[12 + len(asked) :] + opt
        return question.ident.to_bytes(2, "big") + head.to_bytes(2, "big") + counts + body


def opt_record(question: Question, extended: int, options: bytes) -> bytes:
    """RFC 6891 §6.1: our size, the DO and CO bits as they came (RFC 3225 §3, RFC 9824 §5.1)."""
    ttl = extended << 24 | question.edns_flags & 0xC000
    return b"\x00" + struct.pack("!HHIH", OPT, LARGEST, ttl, len(options)) + options


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def error(question: Question, rcode: int, flags: int = 0, options: bytes = b"") -> bytes:
    """An answer without records. Where the question could not be read, it is not repeated."""
    head = QR | flags | question.flags & (0x7800 | RD | CD) | rcode & 15
    opt = opt_record(question, rcode >> 4, options) if question.edns else b""
    return _HEADER.pack(
        question.ident, head, 1 if question.asked else 0, 0, 0, 1 if opt else 0
    ) + question.asked + opt  # fmt: skip


class Writer:
    """One message. Names of owners are compressed (RFC 1035 §4.1.4), those inside of data are not."""

    def __init__(self, name: bytes, kind: int) -> None:
        self._wire = bytearray(_HEADER.pack(0, 0, 1, 0, 0, 0))
        self._names: dict[bytes, int] = {}
        self._put_name(name)
        self._wire += struct.pack("!HH", kind, IN)
        self._counts = [0, 0, 0]

    def add(self, section: int, records: RRset) -> None:
        """To the answer (0), the authority (1) or the additional section (2). Raises Garbled over 64 KiB."""
        wire = self._wire
        for data in records.datas:
            self._put_name(records.owner)
            wire += _RECORD.pack(records.type, IN, records.ttl, len(data))
            wire += data
        self._counts[section] += len(records.datas)
        if len(wire) > LARGEST_MESSAGE - 512:
            raise Garbled

    def __len__(self) -> int:
        return len(self._wire)

    def wire(self) -> bytes:
        _HEADER.pack_into(self._wire, 0, 0, 0, 1, *self._counts)
        return bytes(self._wire)

    def _put_name(self, name: bytes) -> None:
        wire, names = self._wire, self._names
        while length := name[0]:
            known = names.get(name)
            if known is not None:
                wire += (0xC000 | known).to_bytes(2, "big")
                return
            if len(wire) < 0x4000:
                names[name] = len(wire)
            wire += name[: 1 + length]
            name = name[1 + length :]
        wire += b"\x00"


def written(
    name: bytes, kind: int, flags: int, sections: Sequence[Sequence[RRset]], glue: int, limit: int
) -> Kept:
    """An answer to keep. What of the additional section does not fit into `limit` is left out, but for the
    first `glue` sets (RFC 9471 §3)."""
    writer = Writer(name, kind)
    try:
        for section, sets in enumerate(sections[:2]):
            for records in sets:
                writer.add(section, records)
        for index, records in enumerate(sections[2]):
            size = sum(len(data) + 12 for data in records.datas) + len(records.owner)
            if index >= glue and len(writer) + size > limit:
                break
            writer.add(2, records)
    except Garbled:
        return Kept(Writer(name, kind).wire(), flags & ~15 | 2)  # SERVFAIL: no client could be told
    return Kept(writer.wire(), flags)


def read_answer(wire: bytes, ends: int, born: float) -> tuple[Kept, int]:
    """Another server's answer, whose question ends at `ends`, to keep; and for how many seconds. OPT, and
    what comes after it, is left out. Raises Garbled."""
    _, flags, _, answers, authorities, additional = _HEADER.unpack_from(wire)
    ttls: list[int] = []
    at, least, minimum = ends, _TTL_AT_MOST, -1
    extended = 0
    kept = [answers, authorities, additional]
    total = answers + authorities + additional
    try:
        for index in range(total):
            start = at
            at = _after_name(wire, at)
            kind, _, ttl, length = _RECORD.unpack_from(wire, at)
            if kind == OPT:
                if index < answers + authorities:
                    raise Garbled
                extended = ttl >> 24
                kept[2] = index - answers - authorities
                wire, at = wire[:start], start
                break
            if ttl > _TTL_AT_MOST:
                raise Garbled
            if kind == 6 and answers <= index < answers + authorities and length >= 20:
                minimum = min(ttl, _LONG.unpack_from(wire, at + 10 + length - 4)[0])
            ttls.append(at + 4)
            if index < answers + authorities:
                least = min(least, ttl)
            at += 10 + length
            if at > len(wire):
                raise Garbled
    except (struct.error, IndexError):
        raise Garbled from None
    head = bytearray(wire[:at])
    _HEADER.pack_into(head, 0, 0, 0, 1, *kept)
    if not answers and minimum >= 0:
        least = min(least, minimum)  # RFC 2308 §5
    if not ttls or (not answers and minimum < 0):
        least = 0  # nothing says for how long
    return Kept(bytes(head), flags & 0x002F, tuple(ttls), born, extended), least


def _after_name(wire: bytes, at: int) -> int:
    while length := wire[at]:
        if length >= 0xC0:
            return at + 2
        if length > 63:
            raise Garbled
        at += 1 + length
    return at + 1
