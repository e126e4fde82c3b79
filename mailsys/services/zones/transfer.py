"""A whole zone for a secondary (AXFR, RFC 5936)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mailsys.core.dns.answer import LARGEST_MESSAGE, Kept, Writer
from mailsys.core.dns.dnssec import SigningKey, signed_whole
from mailsys.core.dns.question import Question
from mailsys.core.dns.types import AA, SOA
from mailsys.core.dns.zone import RRset, Zone

_MESSAGE: Final = 16_000  # octets of one message, about


def messages(
    zone: Zone, key: SigningKey | None, validity: tuple[int, int], question: Question
) -> Iterator[bytes]:
    """Each is made when it is asked for: no message takes long, and the zone is as it was at the start."""
    writer = Writer(question.name, question.type)
    for records in _sets(zone, key, validity):
        for data in records.datas:
            writer.add(0, RRset(records.owner, records.type, records.ttl, (data,), records.zone))
            if len(writer) >= _MESSAGE:
                yield _message(writer, question)
                writer = Writer(question.name, question.type)
    yield _message(writer, question)


def _sets(zone: Zone, key: SigningKey | None, validity: tuple[int, int]) -> Iterator[RRset]:
    yield zone.soa
    if key is None:
        for node in zone.names.values():
            yield from (each for each in node.values() if each.type != SOA)
    else:
        yield from signed_whole(zone, key, validity)
    yield zone.soa


def current(zone: Zone, question: Question) -> bytes:
    """The SOA alone: to an IXFR of who has all, and to one by UDP (RFC 1995 §2)."""
    writer = Writer(question.name, question.type)
    writer.add(0, zone.soa)
    return _message(writer, question)


def _message(writer: Writer, question: Question) -> bytes:
    return Kept(writer.wire(), AA).reply(question, 0, b"", LARGEST_MESSAGE)
