"""The zones that our DNS server has: their records, keys and history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.dns.records import Record


@dataclass(frozen=True, slots=True)
class ZoneKey:
    """A key that signs a zone. `private` is sealed by whoever puts it here."""

    public: bytes  # DNSKEY data
    private: bytes
    created: float


@dataclass(frozen=True, slots=True)
class StoredZone:
    """`name` has the final dot. `own`: what people wrote; `derived`: what follows from the settings, as last
    told (core.dns.records.effective says what holds). `serial` grows with every change (RFC 1982 aside: it
    is the time, in seconds, where that is more than the last one plus one)."""

    name: str
    serial: int
    changed: float
    own: tuple[Record, ...] = ()
    derived: tuple[Record, ...] = ()
    keys: tuple[ZoneKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """One line of a zone's history. `by`: an address, or what did it."""

    serial: int
    at: float
    by: str
    what: str = ""  # where it is not in records: "created", "signed", "unsigned"
    added: tuple[Record, ...] = ()
    removed: tuple[Record, ...] = ()


class IZoneStore(Interface):
    """Every write fires once it would survive a crash, and is judged in the commit that makes it. Missing:
    there is no such zone."""

    def zones() -> Deferred[list[tuple[str, int]]]:
        """Names and serials, by name."""

    def zone(name: str) -> Deferred[StoredZone | None]: ...

    def create(name: str, by: str, at: float) -> Deferred[StoredZone]:
        """Raises Taken."""

    def remove(name: str, if_serial: int | None = None) -> Deferred[None]:
        """With its records, keys and history. Raises StateMismatch when the serial is not `if_serial`."""

    def change(
        name: str,
        add: Sequence[Record],
        remove: Sequence[Record],
        by: str,
        at: float,
        if_serial: int | None = None,
    ) -> Deferred[StoredZone]:
        """Own records. One that is there already takes the TTL given. Raises StateMismatch when the serial
        is not `if_serial`, Missing for a record to remove that is not there (TTLs aside), NotAllowed for
        what cannot stand together. Nothing changes, the serial neither, where all is so already."""

    def derive(name: str, records: Sequence[Record], at: float) -> Deferred[StoredZone]:
        """What follows from the settings now, in the place of what did before. Makes the zone if there is
        none."""

    def sign(name: str, key: ZoneKey | None, by: str, at: float) -> Deferred[StoredZone]:
        """With this key from now on, unless there is one; None: no more."""

    def keep_keys(name: str, keys: Sequence[ZoneKey]) -> Deferred[None]:
        """The same keys, sealed anew; nothing else changes. Raises StateMismatch for other public parts."""

    def renew(name: str, at: float) -> Deferred[StoredZone]:
        """A new serial for the same content, for signatures that would end; not told in the history."""

    def history(name: str, limit: int, before: int | None = None) -> Deferred[list[ZoneChange]]:
        """Newest first, of serials less than `before`. At least the last 1,000 are kept."""
