"""IZoneStore on SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import apsw
import msgspec
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.bad_field import Missing, Taken
from mailsys.core.dns.records import Record, check
from mailsys.core.refusal import StateMismatch
from mailsys.ports.zones import IZoneStore, StoredZone, ZoneChange, ZoneKey
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.readers import Readers, one_state
from mailsys.stores.sqlite.rows import many, one
from mailsys.stores.sqlite.writer import Writer

_KEPT: Final = 1000  # changes of one zone
_AT_ONCE: Final = 1000  # of them that are read

_records: Final = msgspec.json.Decoder(tuple[Record, ...])
_keys: Final = msgspec.json.Decoder(tuple[ZoneKey, ...])
_change: Final = msgspec.json.Decoder(ZoneChange)
_encode: Final = msgspec.json.encode
_SELECT: Final = "SELECT name, serial, changed, own, derived, keys FROM zone WHERE name = ?"


@implementer(IZoneStore)
class ZoneStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    def zones(self) -> Deferred[list[tuple[str, int]]]:
        def read(connection: apsw.Connection) -> list[tuple[str, int]]:
            row = one(
                connection,
                "SELECT json_group_array(json_array(name, serial)) FROM (SELECT * FROM zone ORDER BY name)",
            )
            return msgspec.json.decode(row[0], type=list[tuple[str, int]])

        return self._readers.run(read)

    def zone(self, name: str) -> Deferred[StoredZone | None]:
        def read(connection: apsw.Connection) -> StoredZone | None:
            row = one(connection, _SELECT, (name,))
            return None if row is None else _zone(row)

        return self._readers.run(read)

    def create(self, name: str, by: str, at: float) -> Deferred[StoredZone]:
        def run(batch: Batch) -> StoredZone:
            if batch.read(_SELECT, (name,)) is not None:
                raise Taken(f"{name} is a zone of ours already")
            return _keep(batch, StoredZone(name, 0, at), ZoneChange(0, at, by, "created"))

        return self._writer.submit(run)

    def remove(self, name: str, if_serial: int | None = None) -> Deferred[None]:
        def run(batch: Batch) -> None:
            _expect(_found(batch, name), if_serial)
            batch.write("DELETE FROM zone WHERE name = ?", (name,))
            batch.write("DELETE FROM zone_history WHERE zone = ?", (name,))

        return self._writer.submit(run)

    def change(
        self,
        name: str,
        add: Sequence[Record],
        remove: Sequence[Record],
        by: str,
        at: float,
        if_serial: int | None = None,
    ) -> Deferred[StoredZone]:
        def run(batch: Batch) -> StoredZone:
            zone = _found(batch, name)
            _expect(zone, if_serial)
            own = {_id(each): each for each in zone.own}
            for each in remove:
                if own.pop(_id(each), None) is None:
                    raise Missing(f"{each.name} has no {each.type} record {each.value} of its own")
            own |= {_id(each): each for each in add}
            records = tuple(sorted(own.values()))
            check(name, records, zone.derived)
            return _changed(batch, zone, replace(zone, own=records), by, at)

        return self._writer.submit(run)

    def derive(self, name: str, records: Sequence[Record], at: float) -> Deferred[StoredZone]:
        def run(batch: Batch) -> StoredZone:
            row = batch.read(_SELECT, (name,))
            zone = StoredZone(name, 0, at) if row is None else _zone(row)
            return _changed(batch, zone, replace(zone, derived=tuple(sorted(set(records)))), "settings", at)

        return self._writer.submit(run)

    def sign(self, name: str, key: ZoneKey | None, by: str, at: float) -> Deferred[StoredZone]:
        def run(batch: Batch) -> StoredZone:
            zone = _found(batch, name)
            if bool(zone.keys) == (key is not None):
                return zone
            keys = () if key is None else (key,)
            what = "unsigned" if key is None else "signed"
            return _keep(batch, replace(zone, keys=keys), ZoneChange(0, at, by, what))

        return self._writer.submit(run)

    def keep_keys(self, name: str, keys: Sequence[ZoneKey]) -> Deferred[None]:
        def run(batch: Batch) -> None:
            zone = _found(batch, name)
            if [each.public for each in zone.keys] != [each.public for each in keys]:
                raise StateMismatch(cause=f"{name}: other keys")
            _write(batch, replace(zone, keys=tuple(keys)))

        return self._writer.submit(run)

    def renew(self, name: str, at: float) -> Deferred[StoredZone]:
        return self._writer.submit(lambda batch: _keep(batch, replace(_found(batch, name), changed=at), None))

    def history(self, name: str, limit: int, before: int | None = None) -> Deferred[list[ZoneChange]]:
        def read(connection: apsw.Connection) -> list[ZoneChange]:
            with one_state(connection):
                if one(connection, _SELECT, (name,)) is None:
                    raise Missing(f"{name} is no zone of ours")
                rows = many(
                    connection,
                    """SELECT change FROM zone_history WHERE zone = ? AND serial < ?
                    ORDER BY serial DESC LIMIT ?""",
                    (name, 1 << 40 if before is None else before, min(limit, _AT_ONCE)),
                )
            return [_change.decode(row[0]) for row in rows]

        return self._readers.run(read)


def _zone(row: Any) -> StoredZone:
    name, serial, changed, own, derived, keys = row
    return StoredZone(
        name, serial, changed, _records.decode(own), _records.decode(derived), _keys.decode(keys)
    )


def _found(batch: Batch, name: str) -> StoredZone:
    row = batch.read(_SELECT, (name,))
    if row is None:
        raise Missing(f"{name} is no zone of ours")
    return _zone(row)


def _expect(zone: StoredZone, serial: int | None) -> None:
    if serial is not None and zone.serial != serial:
        raise StateMismatch(cause=f"{zone.name}: serial {zone.serial}, not {serial}")


def _id(record: Record) -> tuple[str, str, str]:
    return record.name, record.type, record.value


def _changed(batch: Batch, before: StoredZone, after: StoredZone, by: str, at: float) -> StoredZone:
    """Keep what is new; the zone as it was where nothing is."""
    old, new = {*before.own, *before.derived}, {*after.own, *after.derived}
    if before.serial and (before.own, before.derived) == (after.own, after.derived):
        return before
    change = ZoneChange(0, at, by, "", tuple(sorted(new - old)), tuple(sorted(old - new)))
    return _keep(batch, replace(after, changed=at), change)


def _keep(batch: Batch, zone: StoredZone, change: ZoneChange | None) -> StoredZone:
    """With its next serial, which is also more than any that a zone of this name had before."""
    zone = replace(zone, serial=batch.number("zone", max(zone.serial + 1, int(zone.changed))))
    _write(batch, zone)
    if change is not None:
        batch.write(
            "INSERT INTO zone_history (zone, serial, change) VALUES (?, ?, ?)",
            (zone.name, zone.serial, _encode(replace(change, serial=zone.serial))),
        )
        batch.write(
            """DELETE FROM zone_history WHERE zone = ?1 AND serial <= (SELECT serial FROM zone_history
            WHERE zone = ?1 ORDER BY serial DESC LIMIT 1 OFFSET ?2)""",
            (zone.name, _KEPT),
        )
    return zone


def _write(batch: Batch, zone: StoredZone) -> None:
    batch.write(
        "INSERT OR REPLACE INTO zone VALUES (?, ?, ?, ?, ?, ?)",
        (
            zone.name,
            zone.serial,
            zone.changed,
            _encode(zone.own),
            _encode(zone.derived),
            _encode(zone.keys),
        ),
    )
