"""What happened to each message."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.rows import many

KEPT = 30 * 86400.0  # seconds
_AT_MOST = 5000  # entries of one message read
_SCANNED = 10_000  # messages of an address that are looked through for those of an account
_BEGINNINGS = frozenset({Stage.RECEIVED, Stage.SUBMITTED})  # their detail names the envelope sender

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, str]).decode


def record(batch: Batch, entries: Sequence[TimelineEntry]) -> None:
    add = batch.insert["timeline"]
    for entry in entries:
        detail = _encode(entry.detail) if entry.detail else None
        sender = entry.detail.get("sender") if entry.stage in _BEGINNINGS else None
        add((entry.trace, entry.at, entry.stage.value, entry.account, entry.recipient, detail, sender))
        batch.writes += 1


def read(connection: apsw.Connection, trace: TraceId) -> list[TimelineEntry]:
    rows = many(
        connection,
        "SELECT at, stage, account, recipient, detail FROM timeline WHERE trace = ? ORDER BY at, id LIMIT ?",
        (trace, _AT_MOST),
    )
    return [
        TimelineEntry(
            trace,
            at,
            Stage(stage),
            None if account is None else AccountId(account),
            recipient,
            _decode(detail) if detail else {},
        )
        for at, stage, account, recipient, detail in rows
    ]


_ADDRESS = "lower(ifnull(sender, recipient)) = lower(?) AND ifnull(sender, recipient) <> ''"


def find(
    connection: apsw.Connection,
    address: str,
    account: AccountId | None,
    since: TraceId,
    before: TraceId | None,
    limit: int,
) -> list[TraceId]:
    """See `IQueueStore.traces`."""
    where, values = ["trace >= ?"], [since]
    if before is not None:
        where.append("trace < ?")
        values.append(before)
    span, bounds = " AND ".join(where), tuple(values)
    if address and account is not None:
        rows = many(
            connection,
            f"SELECT trace FROM (SELECT DISTINCT trace FROM timeline WHERE {_ADDRESS} AND {span}"  # noqa: S608 constants
            " ORDER BY trace DESC LIMIT ?) AS some WHERE EXISTS (SELECT 1 FROM timeline AS other"
            " WHERE other.account = ? AND other.trace = some.trace) LIMIT ?",
            (address, *bounds, _SCANNED, account, limit),
        )
    else:
        condition, value = "", tuple[str | int, ...]()
        if address:
            condition, value = f"{_ADDRESS} AND ", (address,)
        elif account is not None:
            condition, value = "account = ? AND ", (account,)
        rows = many(
            connection,
            f"SELECT DISTINCT trace FROM timeline WHERE {condition}{span} ORDER BY trace DESC LIMIT ?",  # noqa: S608 constants
            (*value, *bounds, limit),
        )
    return [TraceId(row[0]) for row in rows]


def prune(batch: Batch, before: float, limit: int) -> bool:
    """Drop up to `limit` of the oldest entries made before a time; whether more may be left."""
    row = batch.one(
        "SELECT count(*), max(id) FROM (SELECT id, at FROM timeline ORDER BY id LIMIT ?) WHERE at < ?",
        (limit, before),
    )
    if not row[0]:
        return False
    batch.execute("DELETE FROM timeline WHERE id <= ? AND at < ?", (row[1], before))
    return bool(row[0] == limit)
