"""DNS as a dict, for tests that need answers but no wire."""

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mailsys.ports.resolver import Answer, IResolver, ResolverError


@implementer(IResolver)
class Zone:
    """A resolver over a dict; "!" in place of records is a passing failure."""

    def __init__(self, records: dict[tuple[str, str], list[object] | str]) -> None:
        self.records = records
        self.authenticated: set[str] = set()  # names whose answers DNSSEC proves

    def query(self, name: str, rtype: str) -> Deferred[Answer]:
        found = self.records.get((name, rtype), [])
        if found == "!":
            return fail(ResolverError("SERVFAIL"))
        exists = any(known == name for known, _ in self.records)
        return succeed(Answer(tuple(found), exists, 60, name in self.authenticated))
