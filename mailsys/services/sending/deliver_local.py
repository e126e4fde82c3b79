"""Queue items whose destination is "local": mail of ours that waited (FUTURERELEASE, reports)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mailsys.core.message.address import comparable
from mailsys.core.message.header import MAX_HEADER
from mailsys.core.queue.report import Action, Reported, wants
from mailsys.ports.blobs import IBlobStore, StagedBlob
from mailsys.ports.ids import AccountId
from mailsys.ports.intake import Acceptance
from mailsys.ports.queue import QueueItem, Settlement
from mailsys.ports.queue_items import Outcome, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery import deliver
from mailsys.services.delivery.directory import Directory
from mailsys.services.delivery.submission_link import touched

WINDOW = 256 * 1024


@dataclass(frozen=True, slots=True)
class Delivered:
    settlement: Settlement
    reports: tuple[Reported, ...]
    header: bytes
    accounts: Mapping[AccountId, str]  # who got it here, and by which address


async def content(blobs: IBlobStore, queued: QueueItem) -> bytes | None:
    """The whole message; bounded by what was accepted (settings.limits.message_size)."""
    parts = []
    start = 0
    while start < queued.size:
        part: bytes | None = await blobs.read(queued.blob, start, min(WINDOW, queued.size - start))
        if not part:
            return None
        parts.append(part)
        start += len(part)
    return b"".join(parts)


async def deliver_local(
    queued: QueueItem, *, directory: Directory, blobs: IBlobStore, reader: MessageReader, now: float
) -> Delivered:
    """Resolve the pending recipients now, and put the message where they lead. Raises LookupError
    when the message is gone from the store."""
    item = queued.item
    data = await content(blobs, queued)
    if data is None:
        raise LookupError("the message is gone from the store")
    reading = await reader.read(StagedBlob(queued.blob, queued.size, data))
    pending = [r for r in item.recipients if r.outcome is Outcome.PENDING]
    found, unknown = await deliver.resolve(directory, pending)
    plan = deliver.plan(found, item.sender, directory.is_local_domain)
    onward = replace(item, recipients=(), due=now, hold=False)
    reached = {one.recipient.address: one.route for one in found}
    missing = {recipient.address for recipient in unknown}
    told = set(plan.accounts.values())  # by `entries`; the others lead to the same accounts, or elsewhere
    states: list[QueueRecipient] = []
    reports: list[Reported] = []
    timeline: list[TimelineEntry] = []
    for recipient in item.recipients:
        if recipient.outcome is not Outcome.PENDING:
            states.append(recipient)
        elif recipient.address in missing:
            reply = "550 5.1.1 No such mailbox here"
            states.append(replace(recipient, outcome=Outcome.FAILED, reply=reply, at=now))
            timeline.append(
                TimelineEntry(
                    item.trace, now, Stage.FAILED, item.account, recipient.address, {"reply": reply}
                )
            )
            if wants(recipient.notify, Action.FAILED):
                reports.append(_reported(recipient, Action.FAILED, reply, now))
        else:
            reply = "250 2.1.5 Delivered"
            states.append(replace(recipient, outcome=Outcome.DELIVERED, reply=reply, at=now))
            route = reached[recipient.address]
            here = route is not None and bool(route.accounts)
            if recipient.address not in told:
                timeline.append(
                    TimelineEntry(
                        item.trace,
                        now,
                        Stage.DELIVERED,
                        item.account,
                        recipient.address,
                        {} if here else {"forwarded": "yes"},
                    )
                )
            if here and wants(recipient.notify, Action.DELIVERED):
                reports.append(_reported(recipient, Action.DELIVERED, reply, now))
    acceptance = Acceptance(
        blob=queued.blob,
        facts=reading.facts,
        received_at=now,
        deliveries=deliver.deliveries(
            plan, deliver.heard_from(reading.facts.sender) if item.sender else "", item.account
        ),
        queued=deliver.queue_items(plan, onward),
        timeline=tuple(deliver.entries(plan, item.trace, now, item.account)),
        header=reading.header,
    )
    some = bool(acceptance.deliveries or acceptance.queued)
    settlement = Settlement(
        tuple(states),
        due=now,
        accept=(acceptance,) if some else (),
        objects=touched(item),
        timeline=tuple(timeline),
        bounced=tuple(comparable(recipient.address) for recipient in unknown),
    )
    header = data[: min(reading.facts.header_size, MAX_HEADER)]
    return Delivered(settlement, tuple(reports), header, plan.accounts)


def _reported(recipient: QueueRecipient, action: Action, reply: str, now: float) -> Reported:
    return Reported(recipient.address, action, reply, original=recipient.original, at=now)
