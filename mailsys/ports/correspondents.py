"""Whom an account writes to and hears from. Rank: 3 * sent + received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId


@dataclass(frozen=True, slots=True)
class Correspondent:
    address: str
    name: str
    sent: int
    received: int


class ICorrespondentStore(Interface):
    def correspondents(account: AccountId, prefix: str, limit: int) -> Deferred[list[Correspondent]]:
        """Address or name starting with prefix (taken literally), by 3*sent + received, descending."""

    def known_correspondents(account: AccountId, addresses: Sequence[str]) -> Deferred[list[Correspondent]]:
        """Those of these addresses (canonical, at most 1,000) that it wrote to or heard from."""
