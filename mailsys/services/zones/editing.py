"""What people do with zones. Each change is in the answers when it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.core.bad_field import BadField, Missing
from mailsys.core.dns.dnssec import ds
from mailsys.core.dns.names import to_text, to_wire
from mailsys.core.dns.records import Record
from mailsys.core.refusal import NotAllowed
from mailsys.log import Log
from mailsys.ports.zones import IZoneStore, StoredZone, ZoneChange
from mailsys.services.access.at_rest import AtRest
from mailsys.services.dns.route import to_a_labels
from mailsys.services.zones.book import Page, ZoneBook
from mailsys.services.zones.keys import make_key
from mailsys.services.zones.text import full_name, text_of, written

log = Log("zones")

TTL: Final = 300


@dataclass(frozen=True, slots=True)
class Shown:
    """A record that holds, where it comes from, and what it is for where that is known."""

    record: Record
    own: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record as a person writes it: see services.zones.text.written. `value` may be empty in what is to be
    removed: all of that type then."""

    name: str
    type: str
    value: str = ""
    ttl: int = TTL


class ZoneEditor:
    def __init__(self, store: IZoneStore, book: ZoneBook, at_rest: AtRest, now: Callable[[], float]) -> None:
        self._store = store
        self._book = book
        self._at_rest = at_rest
        self._now = now

    def names(self) -> list[str]:
        """Of all zones, with the final dot."""
        return sorted(self._book.pages)

    def zone(self, name: str) -> StoredZone:
        """Raises Missing."""
        return self._page(name).stored

    def records(self, name: str) -> list[Shown]:
        """By name; those of the zone itself first."""
        page = self._page(name)
        own, why = set(page.stored.own), self._book.why(page.stored.name)
        found = [Shown(each, each in own, why.get(each, "")) for each in page.records]
        return sorted(found, key=lambda each: (each.record.name != page.stored.name, each.record))

    def delegation(self, name: str) -> list[str]:
        """The DS records that the zone above must have for a signed zone."""
        page = self._page(name)
        apex = to_wire(page.stored.name)
        return [text_of("DS", ds(apex, each.public)) for each in page.stored.keys]

    async def history(self, name: str, limit: int, before: int | None = None) -> list[ZoneChange]:
        found: list[ZoneChange] = await self._store.history(zone_name(name), limit, before)
        return found

    async def change(
        self,
        name: str,
        add: Sequence[Wanted],
        remove: Sequence[Wanted],
        by: str,
        if_serial: int | None = None,
    ) -> StoredZone:
        """Raises BadField for what is no record, and what IZoneStore.change raises."""
        page = self._page(name)
        zone = page.stored.name
        added = [written(zone, each.name, each.type, each.value, each.ttl) for each in add]
        removed = [record for each in remove for record in _meant(page, each)]
        done = await self._store.change(zone, added, removed, by, self._now(), if_serial)
        log.info("zone changed", zone=zone, by=by, added=len(added), removed=len(removed), serial=done.serial)
        return await self._taken(done)

    async def create(self, name: str, by: str) -> StoredZone:
        """Raises BadField or Taken."""
        zone = zone_name(name)
        if zone == ".":
            raise BadField("name", "The root is not ours")
        done = await self._store.create(zone, by, self._now())
        log.info("zone created", zone=zone, by=by)
        return await self._taken(done)

    async def remove(self, name: str, by: str) -> None:
        """Raises Missing, and NotAllowed for the zone of a mail domain."""
        page = self._page(name)
        if self._book.is_of_mail(page.stored.name):
            raise NotAllowed(f"{page.stored.name} is the zone of a mail domain of ours; remove that")
        await self._store.remove(page.stored.name)
        self._book.drop(page.stored.name)
        await self._book.refresh()
        log.warning("zone removed", zone=page.stored.name, by=by)

    async def sign(self, name: str, on: bool, by: str) -> StoredZone:
        """Begin to sign, with a new key, or end."""
        zone = self._page(name).stored.name
        key = make_key(zone, self._at_rest, self._now()) if on else None
        done = await self._store.sign(zone, key, by, self._now())
        log.warning("zone signed" if on else "zone not signed any more", zone=zone, by=by)
        return await self._taken(done)

    async def _taken(self, zone: StoredZone) -> StoredZone:
        self._book.take(zone)
        await self._book.refresh()  # what follows from it elsewhere: reverse names, delegations
        return self._page(zone.name).stored

    def _page(self, name: str) -> Page:
        page = self._book.pages.get(zone_name(name))
        if page is None:
            raise Missing(f"{name[:255]} is no zone of ours")
        return page


def zone_name(name: str) -> str:
    """As zones are kept: lower case, A-labels, with the final dot. Raises BadField."""
    try:
        return to_text(to_wire(to_a_labels(name.strip().removesuffix("."))))
    except ValueError as problem:
        raise BadField("name", str(problem)) from None


def _meant(page: Page, wanted: Wanted) -> list[Record]:
    """The own records that are to be removed. Raises Missing or BadField."""
    zone = page.stored.name
    if wanted.value:
        meant = written(zone, wanted.name, wanted.type, wanted.value, TTL)
        found = [each for each in page.stored.own if (each.name, each.type, each.value) == _key(meant)]
        if not found and any((each.name, each.type, each.value) == _key(meant) for each in page.records):
            raise NotAllowed("This record follows from the settings; add one of your own to replace it")
        return found or [meant]
    name, kind = full_name(zone, wanted.name), wanted.type.strip().upper()
    found = [each for each in page.stored.own if (each.name, each.type) == (name, kind)]
    if not found:
        raise Missing(f"{name} has no {kind} records of its own")
    return found


def _key(record: Record) -> tuple[str, str, str]:
    return record.name, record.type, record.value
