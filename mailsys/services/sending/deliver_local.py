"""Queue items whose destination is "local": mail of ours that waited (FUTURERELEASE, reports)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mailsys.core.message.address import comparable
from mailsys.core.message.header import MAX_HEADER
from mailsys.core.queue.report import Action, Reported, wants
from mailsys.ports.blobs import IBlobStore, StagedBlob
from mailsys.ports.ids import AccountId
from mailsys.ports.intake import Acceptance
from mailsys.ports.queue import QueueItem, Settlement
from mailsys.ports.queue_items import NewQueueItem, Outcome, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery import deliver
from mailsys.services.delivery.directory import Directory, Route
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
    judged = _Judged(item, now, plan, {one.recipient.address: one.route for one in found})
    for recipient in item.recipients:
        judged.judge(recipient)
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
        tuple(judged.states),
        due=now,
        accept=(acceptance,) if some else (),
        objects=touched(item),
        timeline=tuple(judged.timeline),
        bounced=tuple(comparable(recipient.address) for recipient in unknown),
    )
    header = data[: min(reading.facts.header_size, MAX_HEADER)]
    return Delivered(settlement, tuple(judged.reports), header, plan.accounts)


@dataclass(slots=True)
class _Judged:
    """The recipients of an item, one after another. reached: where those that are known lead."""

    item: NewQueueItem
    now: float
    plan: deliver.Plan
    reached: Mapping[str, Route | None]
    states: list[QueueRecipient] = field(default_factory=list)
    reports: list[Reported] = field(default_factory=list)
    timeline: list[TimelineEntry] = field(default_factory=list)

    def judge(self, recipient: QueueRecipient) -> None:
        if recipient.outcome is not Outcome.PENDING:
            self.states.append(recipient)
        elif recipient.address in self.reached:
            self._delivered(recipient, self.reached[recipient.address])
        else:
            reply = "550 5.1.1 No such mailbox here"
            self.states.append(replace(recipient, outcome=Outcome.FAILED, reply=reply, at=self.now))
            self._note(Stage.FAILED, recipient, {"reply": reply})
            self._report(recipient, Action.FAILED, reply)

    def _delivered(self, recipient: QueueRecipient, route: Route | None) -> None:
        reply = "250 2.1.5 Delivered"
        self.states.append(replace(recipient, outcome=Outcome.DELIVERED, reply=reply, at=self.now))
        here = route is not None and bool(route.accounts)
        # `entries` tells of one address for each account; the others lead to the same, or elsewhere
        if recipient.address not in self.plan.accounts.values():
            self._note(Stage.DELIVERED, recipient, {} if here else {"forwarded": "yes"})
        if here:
            self._report(recipient, Action.DELIVERED, reply)

    def _note(self, stage: Stage, recipient: QueueRecipient, detail: dict[str, str]) -> None:
        item = self.item
        entry = TimelineEntry(item.trace, self.now, stage, item.account, recipient.address, detail)
        self.timeline.append(entry)

    def _report(self, recipient: QueueRecipient, action: Action, reply: str) -> None:
        if wants(recipient.notify, action):
            told = Reported(recipient.address, action, reply, original=recipient.original, at=self.now)
            self.reports.append(told)
