"""A resolver that reads a table in memory: as fast as it goes, and the same answers for an oracle."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mailsys.ports.resolver import Answer, IResolver, ResolverError


@implementer(IResolver)
class DnsTable:
    """`records`: values of ports.resolver.Answer by (name, type); CNAMEs are followed. A name in `broken`,
    or a (name, type) there, fails; one in `silent` never answers. `asked`: every question, in order."""

    def __init__(self, records: Mapping[tuple[str, str], list[object]] | None = None) -> None:
        self.records: dict[tuple[str, str], list[object]] = dict(records or {})
        self.broken: set[object] = set()
        self.silent: set[str] = set()
        self.asked: list[tuple[str, str]] = []

    def txt(self, name: str, *texts: bytes) -> None:
        self.records[name, "TXT"] = list(texts)

    def query(self, name: str, rtype: str) -> Deferred[Answer]:
        name = name.lower()
        self.asked.append((name, rtype))
        if name in self.silent:
            return Deferred()
        for _ in range(10):
            if name in self.broken or (name, rtype) in self.broken:
                return fail(ResolverError("SERVFAIL"))
            found = self.records.get((name, rtype))
            if found is not None:
                return succeed(Answer(tuple(found), True, 300))
            alias = self.records.get((name, "CNAME"))
            if not alias:
                break
            name = str(alias[0]).lower()
        exists = any(known == name or known.endswith("." + name) for known, _ in self.records)
        return succeed(Answer((), exists, 60))
