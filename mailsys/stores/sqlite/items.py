"""Queue items as rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec

from mailsys.ports.ids import BlobId, QueueId
from mailsys.ports.queue import QueueItem
from mailsys.ports.queue_items import NewQueueItem, Outcome
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.states import BlobState

COLUMNS: Final = (
    "q.id, b.hash, q.size, q.item, q.due, q.attempts, q.delayed_told, q.ready, q.token, q.last_error, q.hold"
)

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(NewQueueItem).decode


def enqueue(batch: Batch, item: NewQueueItem, blob: BlobState) -> int:
    number = batch.number("queue")
    batch.insert["queue"](
        (
            number,
            item.destination,
            item.due,
            item.due,
            item.hold,
            0,
            item.account,
            blob.id,
            blob.size,
            0,
            0,
            "",
            encode(item),
        )
    )
    batch.hold(blob.id)
    batch.queued = True
    return number


def is_pending(item: NewQueueItem) -> bool:
    return any(r.outcome is Outcome.PENDING for r in item.recipients)


def item_of(row: tuple[Any, ...]) -> QueueItem:
    """From COLUMNS."""
    number, digest, size, packed, due, attempts, told, ready, token, error, hold = row
    item = decode(packed)
    if item.hold != bool(hold):
        item = replace(item, hold=bool(hold))
    return QueueItem(
        QueueId(number),
        BlobId(digest),
        size,
        item,
        due,
        attempts,
        bool(told),
        ready if token else 0.0,
        error,
    )
