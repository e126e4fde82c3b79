"""All zones of ours, ready to be answered from, and kept up with what they follow from.

What people change is in the book when their change is acknowledged. What follows from domains and keys is
looked at every `poll` seconds, and at once by `refresh`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from mailsys.core.bad_field import Missing
from mailsys.core.dns.dnssec import SigningKey
from mailsys.core.dns.names import is_under, to_wire
from mailsys.core.dns.records import Record, effective
from mailsys.core.dns.zone import Zone, Zones, make_zone
from mailsys.core.refusal import Refusal, StateMismatch
from mailsys.log import Log
from mailsys.ports.accounts import DkimKey, IAccountStore
from mailsys.ports.zones import IZoneStore, StoredZone
from mailsys.services.access.at_rest import AtRest, Unreadable
from mailsys.services.content.reading import Offload
from mailsys.services.zones import derive
from mailsys.services.zones.derive import Derived, Facts
from mailsys.services.zones.keys import load_key
from mailsys.services.zones.text import type_number, zone_of

log = Log("zones")

RENEW: Final = 4 * 86400.0  # seconds after which a signed zone gets a new serial, for secondaries


@dataclass(frozen=True, slots=True)
class Page:
    """A zone as it is stored, the records that hold, what is answered from, and the key that signs."""

    stored: StoredZone
    records: tuple[Record, ...]
    zone: Zone
    key: SigningKey | None


class ZoneBook:
    """facts: what follows from the settings now. reverse: whether a PTR record may follow from this address
    (A or AAAA data). `changed` is told the names of zones that have another serial, once they are in."""

    def __init__(
        self,
        store: IZoneStore,
        accounts: IAccountStore,
        facts: Callable[[], Facts],
        at_rest: AtRest,
        offload: Offload,
        now: Callable[[], float],
        clock: IReactorTime,
        reverse: Callable[[str], bool] = lambda address: True,
        poll: float = 1.0,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._facts = facts
        self._at_rest = at_rest
        self._offload = offload
        self._now = now
        self._reverse = reverse
        self._poll = poll
        self._seen: object = None  # what was looked at last
        self._of_domains: dict[str, tuple[object, list[Derived]]] = {}  # with what they follow from
        self._one_by_one = DeferredLock()  # for the order of looks, not for the data: the store judges those
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._facts_filled: Facts | None = None  # what the pages are made with
        self._addresses_filled: dict[bytes, str] = {}
        self.pages: dict[str, Page] = {}
        self.zones = Zones()
        self.keys: dict[bytes, SigningKey] = {}  # by apex
        self.changed: list[Callable[[Sequence[str]], None]] = []

    async def start(self) -> None:
        """Fill it. To be called before anything is answered."""
        await self.refresh()
        if not self._loop.running:
            self._loop.start(self._poll, now=False)

    def stop(self) -> None:
        if self._loop.running:
            self._loop.stop()

    async def refresh(self) -> None:
        """Look at the store, and have the zones say what follows from it now."""
        await self._one_by_one.run(lambda: Deferred.fromCoroutine(self._refresh()))

    def why(self, zone: str) -> dict[Record, str]:
        """What the derived records of a mail domain are for."""
        return {each.record: each.why for each in self.of_domain(zone.removesuffix("."))}

    def of_domain(self, domain: str) -> list[Derived]:
        """What the world must see of a mail domain."""
        _, found = self._of_domains.get(domain, (None, []))
        return found

    def is_of_mail(self, zone: str) -> bool:
        """Whether it is the zone of a mail domain."""
        return zone.removesuffix(".") in self._of_domains

    # -- keeping up ------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        try:
            await self.refresh()
        except Exception as problem:
            log.error("zones not read", failure=problem)

    async def _refresh(self) -> None:
        facts = self._facts()
        seen = (await self._accounts.version(), await self._store.zones(), facts)
        if seen == self._seen:
            await self._renew()
            return
        before = {name: page.stored.serial for name, page in self.pages.items()}
        stored = await self._read(seen[1])
        domains = await self._domains(facts)
        # Deepest first: a zone says where those below it are. Reverse zones last: they follow from all.
        names = sorted({*stored, *(f"{each}." for each in domains)}, key=_order)
        records: dict[str, Sequence[Record]] = {}
        for name in names:
            if derive.is_reverse(to_wire(name)) and name.removesuffix(".") not in domains:
                break
            wanted = [each.record for each in derive.for_zone(facts, name)]
            wanted += [each.record for each in domains.get(name.removesuffix("."), ())]
            wanted += self._delegations(name, records, stored)
            await self._derive(stored, records, name, wanted)
        addresses = self._addresses(facts, records)
        for name in names[len(records) :]:
            wanted = [each.record for each in derive.for_zone(facts, name)]
            await self._derive(stored, records, name, [*wanted, *derive.pointers(name, addresses)])
        await self._forget(stored, domains)
        self._seen = (seen[0], sorted((each.name, each.serial) for each in stored.values()), facts)
        self._fill(stored.values(), facts, addresses, before)
        self._tell(before)
        await self._renew()

    async def _read(self, listed: Sequence[tuple[str, int]]) -> dict[str, StoredZone]:
        """All zones; from the store those that have another serial than here."""
        found: dict[str, StoredZone] = {}
        for name, serial in listed:
            page = self.pages.get(name)
            zone = page.stored if page is not None and page.stored.serial == serial else None
            zone = zone or await self._store.zone(name)
            if zone is not None:
                found[name] = zone
        return found

    async def _domains(self, facts: Facts) -> dict[str, list[Derived]]:
        """What the world must see of each mail domain. Keys take long to read: in a thread, once."""
        found: dict[str, list[Derived]] = {}
        for domain in await self._accounts.domains():
            keys: Sequence[DkimKey] = await self._accounts.dkim_keys(domain.name)
            ground = (facts, tuple(keys))
            known = self._of_domains.get(domain.name)
            if known is None or known[0] != ground:
                try:
                    made = await self._offload(partial(derive.for_domain, facts, domain.name, keys))
                except (Refusal, ValueError) as problem:
                    log.error("no records", domain=domain.name, failure=problem)
                    continue
                known = self._of_domains[domain.name] = (ground, made)
            found[domain.name] = known[1]
        return found

    def _delegations(
        self, name: str, records: dict[str, Sequence[Record]], stored: dict[str, StoredZone]
    ) -> list[Record]:
        apex = to_wire(name)
        below = {each: of for each, of in records.items() if each != name and is_under(to_wire(each), apex)}
        if not below:
            return []
        keys = {each: [key.public for key in stored[each].keys] for each in below if each in stored}
        return derive.delegations(name, below, keys)

    async def _derive(
        self,
        stored: dict[str, StoredZone],
        records: dict[str, Sequence[Record]],
        name: str,
        wanted: Iterable[Record],
    ) -> None:
        derived = tuple(sorted(set(wanted)))
        zone = stored.get(name)
        if zone is None or zone.derived != derived:
            zone = stored[name] = await self._store.derive(name, derived, self._now())
        page = self.pages.get(name)
        records[name] = page.records if page is not None and page.stored == zone else _holding(zone)

    def _addresses(self, facts: Facts, records: dict[str, Sequence[Record]]) -> dict[bytes, str]:
        hosts = [
            each
            for zone in records.values()
            for each in zone
            if each.type in ("A", "AAAA") and self._reverse(each.value)
        ]
        return derive.names_of_addresses(facts.hostname, hosts)

    async def _forget(self, stored: dict[str, StoredZone], domains: dict[str, list[Derived]]) -> None:
        """Zones of mail domains that are no more, unless somebody wrote in them."""
        gone = {name for name in self._of_domains if name not in domains}
        for name in gone:
            del self._of_domains[name]
            zone = stored.get(f"{name}.")
            if zone is not None and not zone.own and not zone.keys:
                try:
                    await self._store.remove(zone.name, zone.serial)
                except (Missing, StateMismatch):
                    continue  # somebody writes in it just now
                del stored[zone.name]

    def _fill(
        self,
        stored: Iterable[StoredZone],
        facts: Facts,
        addresses: dict[bytes, str],
        before: dict[str, int],
    ) -> None:
        # What was taken since this look began is newer than what it saw.
        pages = {name: page for name, page in self.pages.items() if name not in before}
        for zone in stored:
            page = self.pages.get(zone.name)
            if page is None or page.stored.serial < zone.serial or facts != self._facts_filled:
                page = self._page(zone, facts)
            pages[zone.name] = page
        self._facts_filled = facts
        self._addresses_filled = addresses
        self._publish(pages)

    def _page(self, stored: StoredZone, facts: Facts) -> Page:
        key = None
        for each in stored.keys:
            try:
                key = load_key(stored.name, each, self._at_rest)
            except Unreadable as problem:
                log.error("zone not signed", zone=stored.name, failure=problem)
        records = _holding(stored)
        apex = to_wire(stored.name)
        rows = [
            derive.soa(apex, stored.serial, facts),
            *derive.key_rows(apex, [each.public for each in stored.keys]),
        ]
        return Page(stored, records, zone_of(stored, rows, records), key)

    def _publish(self, pages: dict[str, Page]) -> None:
        """From now on answers come from these. One assignment: nobody sees half of it."""
        zones = [page.zone for page in pages.values()]
        known = Zones(zones)
        facts = self._facts_filled
        if facts is not None:
            zones += [
                _of_address(name, host, facts)
                for name, host in self._addresses_filled.items()
                if known.of(name) is None
            ]
        self.pages = pages
        self.keys = {page.zone.apex: page.key for page in pages.values() if page.key is not None}
        self.zones = Zones(zones)

    def _tell(self, before: dict[str, int]) -> None:
        names = [name for name, page in self.pages.items() if before.get(name) != page.stored.serial]
        if names:
            for listener in self.changed:
                listener(names)

    async def _renew(self) -> None:
        """Signatures in a transfer end: secondaries have to come for new ones."""
        now = self._now()
        for page in list(self.pages.values()):
            if page.key is not None and now - page.stored.changed > RENEW:
                self.take(await self._store.renew(page.stored.name, now))

    def drop(self, name: str) -> None:
        """A zone that was removed."""
        self._publish({each: page for each, page in self.pages.items() if each != name})

    def take(self, stored: StoredZone) -> None:
        """A zone as a change left it: it is answered from at once."""
        facts = self._facts()
        known = self.pages.get(stored.name)
        if known is not None and known.stored.serial >= stored.serial:
            return
        self._facts_filled = facts
        before = {name: page.stored.serial for name, page in self.pages.items()}
        self._publish(self.pages | {stored.name: self._page(stored, facts)})
        self._tell(before)


def _order(name: str) -> tuple[bool, int, str]:
    return derive.is_reverse(to_wire(name)), -name.count("."), name


def _holding(zone: StoredZone) -> tuple[Record, ...]:
    return tuple(sorted(effective(zone.own, zone.derived)))


def _of_address(name: bytes, host: str, facts: Facts) -> Zone:
    """A zone of one name, for an address of ours whose reverse zone we do not have."""
    serial = 1
    rows = [derive.soa(name, serial, facts)]
    rows += [(name, type_number("NS"), derive.TTL, to_wire(each)) for each in facts.nameservers]
    rows.append((name, type_number("PTR"), derive.TTL, to_wire(host)))
    return make_zone(name, serial, rows, False)
