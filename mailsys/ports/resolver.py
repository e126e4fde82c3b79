"""DNS as the services see it."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface


class ResolverError(Exception):
    """The answer could not be had now (SERVFAIL, timeout, refused): a temporary failure."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Records of one question, after following CNAMEs.

    Values: A, AAAA: str; MX: (preference, host); TXT: bytes, strings joined; PTR, CNAME: str;
    TLSA: (usage, selector, matching, data). Host names are lower case without the final dot
    (the root is ""). Empty: the name has no such record.
    """

    records: tuple[object, ...]
    exists: bool  # False: NXDOMAIN
    ttl: int
    authenticated: bool = False  # AD, only believed from a resolver that settings trust


class IResolver(Interface):
    def query(name: str, rtype: str) -> Deferred[Answer]:
        """Ask for `rtype` ("A", "AAAA", "MX", "TXT", "PTR", "TLSA", ...). Cached by TTL, negative
        answers too; equal questions in flight are asked once. Raises ResolverError."""
