"""Zones and their records, for administrators of everything or of the domain that is the zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta

from mailsys.core.bad_field import BadField, Missing
from mailsys.core.dns.records import Record
from mailsys.ports.accounts import IAccountStore
from mailsys.ports.resolver import IResolver
from mailsys.ports.zones import StoredZone, ZoneChange
from mailsys.services.zones.book import ZoneBook
from mailsys.services.zones.check import check
from mailsys.services.zones.editing import Wanted, ZoneEditor, zone_name
from mailsys.services.zones.text import TTL_AT_LEAST, TTL_AT_MOST
from mailsys.web.api.table import Access, Api, Call, Model, Moment, Route, missing
from mailsys.web.problems import WebProblem

Serial = Annotated[int, Meta(ge=0, description="Grows with every change.")]


class ZoneInfo(Model, frozen=True):
    """`own`: how many records people wrote. `mail`: it is that of a mail domain."""

    name: str
    serial: Serial
    changed: Moment
    own: int
    signed: bool
    mail: bool


class ZoneList(Model, frozen=True):
    zones: list[ZoneInfo]


class NewZone(Model, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=253)]


class ZoneRecordInfo(Model, frozen=True):
    """`own`: a person wrote it; else it follows from the settings, and `why` says what it is for."""

    name: str
    type: str
    value: str
    ttl: int
    own: bool
    why: str


class ZoneDetails(Model, frozen=True):
    """`ds`: what the zone above must have where this one is signed."""

    zone: ZoneInfo
    records: list[ZoneRecordInfo]
    ds: list[str]


class AddedRecord(Model, frozen=True):
    """`name` and names in `value` are relative to the zone unless they end in a dot; "@": the zone's own."""

    name: Annotated[str, Meta(max_length=1024)]
    type: Annotated[str, Meta(max_length=20)]
    value: Annotated[str, Meta(min_length=1, max_length=8192)]
    ttl: Annotated[int, Meta(ge=TTL_AT_LEAST, le=TTL_AT_MOST)] = 300


class RemovedRecord(Model, frozen=True):
    """Without `value`: all of that name and type that people wrote."""

    name: Annotated[str, Meta(max_length=1024)]
    type: Annotated[str, Meta(max_length=20)]
    value: Annotated[str, Meta(max_length=8192)] = ""


class ZoneEdit(Model, frozen=True):
    """All of it or nothing. `ifSerial`: only if the zone is as it was then (else 412)."""

    add: Annotated[list[AddedRecord], Meta(max_length=1000)] = []  # noqa: RUF012
    remove: Annotated[list[RemovedRecord], Meta(max_length=1000)] = []  # noqa: RUF012
    if_serial: Serial | None = None


class ZoneSigning(Model, frozen=True):
    signed: bool


class HistoryQuery(Model, frozen=True):
    before: Annotated[int, Meta(ge=0, description="Only changes with a lesser serial; 0: all.")] = 0
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class ZoneChangeInfo(Model, frozen=True):
    """`what`: "created", "signed", "unsigned", or empty: records."""

    serial: Serial
    at: Moment
    by: str
    what: str
    added: list[str]
    removed: list[str]


class ZoneHistory(Model, frozen=True):
    changes: list[ZoneChangeInfo]
    next: int | None


class SeenRecord(Model, frozen=True):
    """`found`: what the world sees instead, or as well."""

    name: str
    type: str
    value: str
    why: str
    state: Literal["good", "missing", "differs", "unknown"]
    found: list[str]


class SeenRecords(Model, frozen=True):
    records: list[SeenRecord]


class ZoneRoutes:
    def __init__(
        self, book: ZoneBook, editor: ZoneEditor, accounts: IAccountStore, resolver: IResolver
    ) -> None:
        self._book = book
        self._editor = editor
        self._accounts = accounts
        self._resolver = resolver

    def mount(self, api: Api) -> None:
        admin = Access.ADMIN
        api.add(
            Route("GET", "/zones", self.zones, "DNS zones that one administers.", "Zones", admin,
                  answer=ZoneList),
            Route("POST", "/zones", self.add, "Add a zone that is of no mail domain.", "Zones", admin,
                  body=NewZone, answer=ZoneInfo, status=201, problems=(409,)),
            Route("GET", "/zones/{name}", self.zone, "A zone and its records.", "Zones", admin,
                  answer=ZoneDetails, problems=(404,)),
            Route("PATCH", "/zones/{name}", self.sign, "Sign a zone (DNSSEC), or end that.", "Zones", admin,
                  body=ZoneSigning, answer=ZoneDetails, problems=(404,)),
            Route("DELETE", "/zones/{name}", self.remove, "Remove a zone that is of no mail domain.", "Zones",
                  admin, problems=(404,)),
            Route("POST", "/zones/{name}/changes", self.change, "Add and remove records.", "Zones", admin,
                  body=ZoneEdit, answer=ZoneDetails, limit=1 << 20, problems=(404, 412)),
            Route("GET", "/zones/{name}/changes", self.history, "What was changed, newest first.", "Zones",
                  admin, query=HistoryQuery, answer=ZoneHistory, problems=(404,)),
            Route("GET", "/domains/{name}/records/check", self.check,
                  "Whether the world sees the DNS records that a domain needs.", "Domains", admin,
                  answer=SeenRecords, problems=(404,)),
        )  # fmt: skip

    async def zones(self, call: Call) -> ZoneList:
        await self._book.refresh()
        names = [name for name in self._editor.names() if call.rights.over_domain(name.removesuffix("."))]
        return ZoneList(zones=[self._info(self._editor.zone(name)) for name in names])

    async def add(self, call: Call) -> ZoneInfo:
        if not call.rights.all:
            raise WebProblem(403, "Only who administers everything adds zones.")
        await self._book.refresh()
        return self._info(await self._editor.create(call.body.name, _by(call)))

    async def zone(self, call: Call) -> ZoneDetails:
        return self._details(await self._name(call))

    async def sign(self, call: Call) -> ZoneDetails:
        name = await self._name(call)
        await self._editor.sign(name, call.body.signed, _by(call))
        return self._details(name)

    async def remove(self, call: Call) -> None:
        name = await self._name(call)
        if not call.rights.all:
            raise WebProblem(403, "Only who administers everything removes zones.")
        await self._editor.remove(name, _by(call))

    async def change(self, call: Call) -> ZoneDetails:
        name = await self._name(call)
        given: ZoneEdit = call.body
        add = [Wanted(each.name, each.type, each.value, each.ttl) for each in given.add]
        remove = [Wanted(each.name, each.type, each.value) for each in given.remove]
        await self._editor.change(name, add, remove, _by(call), given.if_serial)
        return self._details(name)

    async def history(self, call: Call) -> ZoneHistory:
        name = await self._name(call)
        asked: HistoryQuery = call.query
        found = await self._editor.history(name, asked.limit + 1, asked.before or None)
        shown = found[: asked.limit]
        return ZoneHistory(
            changes=[_change(each) for each in shown],
            next=shown[-1].serial if len(found) > asked.limit else None,
        )

    async def check(self, call: Call) -> SeenRecords:
        name = call.path["name"].lower().removesuffix(".")
        if not call.rights.over_domain(name) or all(
            each.name != name for each in await self._accounts.domains()
        ):
            raise missing("There is no such domain.")
        await self._book.refresh()
        return SeenRecords(
            records=[
                SeenRecord(
                    name=each.record.name,
                    type=each.record.type,
                    value=each.record.value,
                    why=each.why,
                    state=each.state,
                    found=list(each.found),
                )
                for each in await check(self._resolver, self._book.of_domain(name))
            ]
        )

    # --------------------------------------------------------------------------------------------------------

    async def _name(self, call: Call) -> str:
        """Of a zone that is there and that the caller administers."""
        await self._book.refresh()
        try:
            name = zone_name(call.path["name"])
            if call.rights.over_domain(name.removesuffix(".")):
                return self._editor.zone(name).name
        except (BadField, Missing):
            pass
        raise missing("There is no such zone.")

    def _details(self, name: str) -> ZoneDetails:
        records = [
            ZoneRecordInfo(
                name=each.record.name,
                type=each.record.type,
                value=each.record.value,
                ttl=each.record.ttl,
                own=each.own,
                why=each.why,
            )
            for each in self._editor.records(name)
        ]
        zone = self._editor.zone(name)
        return ZoneDetails(zone=self._info(zone), records=records, ds=self._editor.delegation(name))

    def _info(self, zone: StoredZone) -> ZoneInfo:
        return ZoneInfo(
            name=zone.name,
            serial=zone.serial,
            changed=_moment(zone.changed),
            own=len(zone.own),
            signed=bool(zone.keys),
            mail=self._book.is_of_mail(zone.name),
        )


def _by(call: Call) -> str:
    return call.me.account.address


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _change(change: ZoneChange) -> ZoneChangeInfo:
    return ZoneChangeInfo(
        serial=change.serial,
        at=_moment(change.at),
        by=change.by,
        what=change.what,
        added=[_line(each) for each in change.added],
        removed=[_line(each) for each in change.removed],
    )


def _line(record: Record) -> str:
    return f"{record.name} {record.ttl} {record.type} {record.value}"
