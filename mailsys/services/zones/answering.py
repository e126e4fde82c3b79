"""Answers from our own zones, signed where the zone is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mailsys.core.dns.answer import LARGEST_MESSAGE, Kept, written
from mailsys.core.dns.dnssec import compact_denial, period, signature
from mailsys.core.dns.question import LARGEST, SMALLEST, Question
from mailsys.core.dns.types import AA, CO, NOERROR, NS, NSEC, NXDOMAIN
from mailsys.core.dns.zone import Found, RRset, Zone, Zones
from mailsys.services.zones.book import ZoneBook

KEPT: Final = 20_000  # answers; and signatures


class Authority:
    """What is written once is kept until the zones or the day change."""

    def __init__(self, book: ZoneBook, now: Callable[[], float]) -> None:
        self._book = book
        self._now = now
        self._zones: Zones | None = None
        self._validity = (0, 0)
        self._answers: dict[object, tuple[Kept, bytes]] = {}
        self._signatures: dict[RRset, RRset] = {}

    def zone(self, question: Question) -> Zone | None:
        return self._book.zones.of(question.name, question.type)

    def answer(self, zone: Zone, question: Question, stream: bool) -> tuple[Kept, bytes]:
        """And the name to go on with where a CNAME leads away from our zones, else b""."""
        validity = period(self._now())
        if self._zones is not self._book.zones or validity != self._validity:
            self._answers.clear()
            self._signatures.clear()
            self._zones, self._validity = self._book.zones, validity
        limit = LARGEST_MESSAGE if stream else LARGEST if question.size >= LARGEST else SMALLEST
        key = (question.name, question.type, question.edns_flags, limit)
        known = self._answers.get(key)
        if known is None:
            known = self._make(zone, question, limit)
            if len(self._answers) >= KEPT:
                self._answers.clear()
            self._answers[key] = known
        return known

    def _make(self, zone: Zone, question: Question, limit: int) -> tuple[Kept, bytes]:
        found = self._book.zones.answer(zone, question.name, question.type)
        flags = (AA if found.authoritative else 0) | found.rcode
        sections: list[Sequence[RRset]] = [found.answer, found.authority, found.additional]
        if question.dnssec or found.only_signatures or question.type == NSEC:
            flags = self._prove(found, question, sections, flags)
        return written(question.name, question.type, flags, sections, found.glue, limit), found.onwards

    def _prove(self, found: Found, question: Question, sections: list[Sequence[RRset]], flags: int) -> int:
        """Add what proves an answer; its flags then."""
        answer, authority = self._signed(found.answer), self._signed(found.authority)
        if found.only_signatures:
            answer = [each for each in answer if each not in found.answer]
        denied = found.denied
        if denied is not None and denied.zone.signed:
            denial = self._signed([compact_denial(denied.zone, denied.name, denied.types)])
            if question.type == NSEC and denied.types is not None:
                answer, authority = [*answer, *denial], []
            elif question.dnssec:
                authority += denial
            if found.rcode == NXDOMAIN and not question.edns_flags & CO and question.dnssec:
                flags = flags & ~15 | NOERROR  # RFC 9824 §3.1: the proof says that the name has nothing
        sections[0], sections[1] = answer, authority
        return flags

    def _signed(self, sets: Sequence[RRset]) -> list[RRset]:
        """Each set with its signature; but for what is not ours to sign, the servers of a zone below."""
        made: list[RRset] = []
        for records in sets:
            made.append(records)
            key = self._book.keys.get(records.zone)
            if key is None or (records.type == NS and records.owner != records.zone):
                continue
            known = self._signatures.get(records)
            if known is None:
                known = signature(records, key, self._validity)
                if len(self._signatures) >= KEPT:
                    self._signatures.clear()
                self._signatures[records] = known
            made.append(known)
        return made
