"""What an operator does to the queue, and what became of a message."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mailsys.core.refusal import UnknownRecipient
from mailsys.log import Log
from mailsys.ports.accounts import IAccountStore
from mailsys.ports.ids import QueueId, TraceId
from mailsys.ports.queue import IQueueStore, QueueItem
from mailsys.ports.timeline import TimelineEntry
from mailsys.services.operating import commands as c
from mailsys.services.operating.drop import drop
from mailsys.services.operating.known import Known

log = Log("administration")

_PAGE: Final = 500  # queue items looked at at a time


class QueueCommands:
    def __init__(
        self, queue: IQueueStore, accounts: IAccountStore, seconds: Callable[[], float] = time.time
    ) -> None:
        """seconds: Unix time."""
        self._queue = queue
        self._seconds = seconds
        self._known = Known(accounts)
        self.ways: dict[type[c.Command], Callable[[Any], Awaitable[object]]] = {
            c.ListQueue: self._list_queue,
            c.ShowQueueItem: self._show_queue_item,
            c.RetryQueue: self._retry_queue,
            c.HoldQueue: self._hold_queue,
            c.DropQueue: self._drop_queue,
            c.TraceMessage: self._trace,
        }

    async def _list_queue(self, command: c.ListQueue) -> object:
        account = await self._known.account_id(command.account)
        after = QueueId(command.after) if command.after else None
        return [_queue_item(each) for each in await self._queue.items(command.limit, after, account)]

    async def _show_queue_item(self, command: c.ShowQueueItem) -> object:
        item = await self._queue.item(QueueId(command.id))
        if item is None:
            raise UnknownRecipient(f"There is no queue item {command.id}")
        timeline = await self._queue.timeline(item.item.trace)
        return _queue_item(item) | {
            "recipients": [
                {
                    "address": each.address,
                    "outcome": each.outcome.value,
                    "host": each.host,
                    "reply": each.reply,
                }
                for each in item.item.recipients
            ],
            "timeline": [_step(entry) for entry in timeline],
        }

    async def _retry_queue(self, command: c.RetryQueue) -> object:
        count = await self._queue.retry([QueueId(each) for each in command.ids], self._seconds())
        after: QueueId | None = None
        while command.all:
            items = await self._queue.items(_PAGE, after)
            tried = [each.id for each in items if each.attempts and not each.item.hold]
            count += await self._queue.retry(tried, self._seconds())
            if len(items) < _PAGE:
                break
            after = items[-1].id
        return {"count": count}

    async def _hold_queue(self, command: c.HoldQueue) -> object:
        return {"count": await self._queue.hold([QueueId(each) for each in command.ids])}

    async def _drop_queue(self, command: c.DropQueue) -> object:
        count = 0
        for ident in command.ids:
            item: QueueItem | None = await self._queue.item(QueueId(ident))
            if item is not None:
                count += await drop(self._queue, item, self._seconds(), "by an operator")
        log.info("queue items dropped", count=count, ids=", ".join(str(each) for each in command.ids[:100]))
        return {"count": count}

    async def _trace(self, command: c.TraceMessage) -> object:
        steps = await self._queue.timeline(TraceId(command.trace))
        if not steps:
            raise UnknownRecipient(f"Nothing is known of {command.trace}")
        return [_step(entry) for entry in steps]


def _queue_item(item: QueueItem) -> dict[str, object]:
    return {
        "id": item.id,
        "destination": item.item.destination,
        "sender": item.item.sender,
        "recipients": len(item.item.recipients),
        "size": item.size,
        "created": item.item.created,
        "due": item.due,
        "attempts": item.attempts,
        "held": item.item.hold,
        "last_error": item.last_error,
        "trace": item.item.trace,
    }


def _step(entry: TimelineEntry) -> dict[str, object]:
    return {
        "at": entry.at,
        "stage": entry.stage.value,
        "recipient": entry.recipient,
        "detail": dict(entry.detail),
    }
