"""MTA-STS policies of other domains, kept over restarts (RFC 8461 §3.3): forgetting one early would let
whoever is between us and the domain have its mail without TLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

KEPT = 100_000  # policies; above it those that end soonest go first


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """`id`: of the DNS record that announced it. Times are Unix times; from `refresh` on it is to be fetched
    again, from `until` on it counts for nothing."""

    domain: str  # A-labels, lower case
    id: str
    text: bytes  # the file
    fetched: float
    refresh: float
    until: float


class IStsPolicyStore(Interface):
    def find(domain: str) -> Deferred[KeptPolicy | None]:
        """As it was kept, be its time over or not."""

    def keep(policy: KeptPolicy, now: float) -> Deferred[None]:
        """In place of the domain's other one, unless that was fetched later. Those whose time was over at
        `now` are forgotten some at a time."""

    def postpone(domain: str, fetched: float, refresh: float) -> Deferred[None]:
        """Fetching it again failed: not before `refresh`. Nothing when another was fetched since."""

    def stale(now: float, limit: int) -> Deferred[Sequence[KeptPolicy]]:
        """Some that are to be fetched again and whose time is not over, the longest waiting first."""
