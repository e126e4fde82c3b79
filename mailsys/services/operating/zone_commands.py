"""What an operator does to zones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from mailsys.core.dns.records import Record
from mailsys.core.refusal import NotAllowed
from mailsys.ports.resolver import IResolver
from mailsys.ports.zones import StoredZone, ZoneChange
from mailsys.services.operating import commands as c
from mailsys.services.operating.known import Known
from mailsys.services.zones.book import ZoneBook
from mailsys.services.zones.check import check
from mailsys.services.zones.derive import Derived
from mailsys.services.zones.editing import Shown, Wanted, ZoneEditor

Push = Callable[[str, Sequence[Record]], Awaitable[int]]
_OPERATOR: Final = "operator"


class ZoneCommands:
    """resolver: how the world is seen. push: writes records of a domain to another server; None: none is
    named in the settings."""

    def __init__(
        self, known: Known, book: ZoneBook, editor: ZoneEditor, resolver: IResolver, push: Push | None
    ) -> None:
        self._known = known
        self._book = book
        self._editor = editor
        self._resolver = resolver
        self._push = push
        ways: dict[type[c.Command], Callable[[Any], Awaitable[object]]] = {
            c.ListZones: self._list,
            c.ShowZone: self._show,
            c.AddZone: self._add,
            c.RemoveZone: self._remove,
            c.ChangeZone: self._change,
            c.SignZone: self._sign,
            c.ZoneHistory: self._history,
            c.DomainRecords: self._domain_records,
            c.CheckDomain: self._check,
            c.PushDomain: self._push_domain,
        }
        self.ways: dict[type[c.Command], Callable[[Any], Awaitable[object]]] = {
            command: self._with_book(way) for command, way in ways.items()
        }

    def _with_book(self, way: Callable[[Any], Awaitable[object]]) -> Callable[[Any], Awaitable[object]]:
        async def work(command: Any) -> object:
            await self._book.refresh()
            return await way(command)

        return work

    async def _list(self, command: c.ListZones) -> object:
        return [self._shown(self._editor.zone(name)) for name in self._editor.names()]

    async def _show(self, command: c.ShowZone) -> object:
        zone = self._editor.zone(command.zone)
        return self._shown(zone) | {"records": [_record(each) for each in self._editor.records(zone.name)]}

    async def _add(self, command: c.AddZone) -> object:
        return self._shown(await self._editor.create(command.zone, _OPERATOR))

    async def _remove(self, command: c.RemoveZone) -> object:
        zone = self._editor.zone(command.zone)
        await self._editor.remove(zone.name, _OPERATOR)
        return {"zone": zone.name}

    async def _change(self, command: c.ChangeZone) -> object:
        add, remove = ([Wanted(*each) for each in some] for some in (command.add, command.remove))
        done = await self._editor.change(command.zone, add, remove, _OPERATOR, command.if_serial)
        return self._shown(done)

    async def _sign(self, command: c.SignZone) -> object:
        return self._shown(await self._editor.sign(command.zone, command.on, _OPERATOR))

    async def _history(self, command: c.ZoneHistory) -> object:
        return [_change(each) for each in await self._editor.history(command.zone, command.limit)]

    async def _domain_records(self, command: c.DomainRecords) -> object:
        found = await self._of_domain(command.name)
        return [
            {"name": each.record.name, "type": each.record.type, "value": each.record.value, "why": each.why}
            for each in found
        ]

    async def _check(self, command: c.CheckDomain) -> object:
        return [
            {
                "name": each.record.name,
                "type": each.record.type,
                "state": each.state,
                "value": each.record.value,
                "found": list(each.found),
                "why": each.why,
            }
            for each in await check(self._resolver, await self._of_domain(command.name))
        ]

    async def _push_domain(self, command: c.PushDomain) -> object:
        records = [each.record for each in await self._of_domain(command.name)]
        if self._push is None:
            raise NotAllowed("The settings name no dns_server.push_server")
        domain = (await self._known.domain(command.name)).name
        return {"count": await self._push(f"{domain}.", records)}

    async def _of_domain(self, name: str) -> list[Derived]:
        return self._book.of_domain((await self._known.domain(name)).name)

    def _shown(self, zone: StoredZone) -> dict[str, object]:
        return {
            "zone": zone.name,
            "serial": zone.serial,
            "changed": zone.changed,
            "own": len(zone.own),
            "signed": bool(zone.keys),
            "ds": self._editor.delegation(zone.name),
        }


def _record(shown: Shown) -> dict[str, object]:
    each = shown.record
    return {
        "name": each.name,
        "ttl": each.ttl,
        "type": each.type,
        "value": each.value,
        "own": shown.own,
        "why": shown.why,
    }


def _change(change: ZoneChange) -> dict[str, object]:
    return {
        "serial": change.serial,
        "at": change.at,
        "by": change.by,
        "what": change.what,
        "added": [_line(each) for each in change.added],
        "removed": [_line(each) for each in change.removed],
    }


def _line(record: Record) -> str:
    return f"{record.name} {record.ttl} IN {record.type} {record.value}"
