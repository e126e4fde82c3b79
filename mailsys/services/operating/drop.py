"""Taking a message out of the queue for good, so that its sender can see it."""

from __future__ import annotations

from mailsys.ports.queue import IQueueStore, QueueItem
from mailsys.ports.queue_items import Outcome
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.submission_link import touched


async def drop(queue: IQueueStore, item: QueueItem, now: float, why: str) -> bool:
    """Remove an item without a report; its timeline and the EmailSubmission it is of say so. False when
    it was gone already."""
    entries = [
        TimelineEntry(item.item.trace, now, Stage.DROPPED, item.item.account, one.address, {"why": why})
        for one in item.item.recipients
        if one.outcome is Outcome.PENDING
    ]
    count: int = await queue.drop([item.id], now, entries, touched(item.item))
    return count > 0
