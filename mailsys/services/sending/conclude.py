"""What one attempt at a queue item comes to: new states, the next try, reports due, timeline.

A function of its evidence: no store, socket or clock in here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailsys.core.message import dates
from mailsys.core.message.address import comparable
from mailsys.core.queue.remedies import remedy_of
from mailsys.core.queue.report import Action, Reported, is_bounce, wants
from mailsys.core.queue.schedule import GiveUp, Patience, Schedule, after_attempt, begun
from mailsys.core.smtp.envelope import Fate, Result
from mailsys.ports.queue import QueueItem, Settlement
from mailsys.ports.queue_items import NewQueueItem, Outcome, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.submission_link import touched
from mailsys.services.sending.hops import Unreached


@dataclass(frozen=True, slots=True)
class Tried:
    """What an attempt came to for one recipient."""

    result: Result
    host: str = ""  # "mx.example.net [192.0.2.1]:25", of whoever answered; "" when nobody was reached
    passes_dsn: bool = True  # the next hop takes over the duty to report (RFC 3461 §5.2.2)


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection that an attempt used, for the timeline."""

    host: str
    tls: str  # "" in clear
    level: str = "none"  # how safe it is, for people
    noted: str = ""  # what else is to be told of it


@dataclass(frozen=True, slots=True)
class Conclusion:
    settlement: Settlement  # without its `accept`
    reports: tuple[Reported, ...]  # whom the sender is to be told of


def conclude(
    queued: QueueItem,
    tried: Mapping[int, Tried],
    *,
    schedule: Schedule,
    now: float,
    chance: float,
    connected: Connected | None = None,
    unreached: Sequence[Unreached] = (),
    more: bool = False,
) -> Conclusion:
    """Judge an attempt. `tried` is by index into the item's recipients; those missing from it were
    not tried and stay as they are. more: it goes on with them at once, and none of `tried` waits."""
    item = queued.item
    attempts = queued.attempts + 1
    start = begun(item.created, item.due)
    patience = after_attempt(
        schedule,
        begun=start,
        attempts=attempts,
        now=now,
        delay_told=queued.delayed_told,
        chance=chance,
    )
    verdict = patience.verdict
    due = now if isinstance(verdict, GiveUp) else verdict.due
    judged = _Judged(
        item, patience, now, due, start + schedule.lifetime, _way(item, now, connected, unreached)
    )
    for index, recipient in enumerate(item.recipients):
        attempt = tried.get(index)
        if attempt is None or recipient.outcome is not Outcome.PENDING:
            judged.leave(recipient)
        else:
            judged.judge(recipient, attempt)
    delay_told = patience.tell_delay and judged.deferred and not isinstance(verdict, GiveUp) and not more
    settlement = Settlement(
        recipients=tuple(judged.states),
        due=queued.due if more else due if judged.deferred else now,
        error=judged.error,
        delayed_told=queued.delayed_told or delay_told,
        count_attempt=not more,
        objects=touched(item) if tried else (),
        timeline=tuple(judged.timeline),
        bounced=tuple(judged.bounced),
    )
    return Conclusion(settlement, tuple(judged.reports))


def _way(
    item: NewQueueItem, now: float, connected: Connected | None, unreached: Sequence[Unreached]
) -> list[TimelineEntry]:
    """Who was reached, and who was not."""
    timeline = []
    for one in unreached:
        detail = {"host": one.host, "reply": one.reply}
        timeline.append(TimelineEntry(item.trace, now, Stage.UNREACHED, item.account, "", detail))
    if connected is not None:
        detail = {"host": connected.host, "tls": connected.tls or "none", "security": connected.level}
        if connected.noted:
            detail["note"] = connected.noted
        timeline.append(TimelineEntry(item.trace, now, Stage.CONNECTED, item.account, "", detail))
    return timeline


@dataclass(slots=True)
class _Judged:
    """The recipients of an item, one after another. due: when those who wait are tried again, until: for the
    last time."""

    item: NewQueueItem
    patience: Patience
    now: float
    due: float
    until: float
    timeline: list[TimelineEntry]
    states: list[QueueRecipient] = field(default_factory=list)
    reports: list[Reported] = field(default_factory=list)
    bounced: list[str] = field(default_factory=list)
    error: str = ""
    deferred: bool = False

    def leave(self, recipient: QueueRecipient) -> None:
        """It was not tried: it stays as it is."""
        self.states.append(recipient)
        self.deferred = self.deferred or recipient.outcome is Outcome.PENDING

    def judge(self, recipient: QueueRecipient, attempt: Tried) -> None:
        item, now, result, host = self.item, self.now, attempt.result, attempt.host
        said = host if result.remote else ""
        report = Reported(recipient.address, Action.FAILED, result.reply, said, recipient.original, now)
        detail = {"reply": result.reply, **({"host": host} if host else {})}
        if said and (remedy := remedy_of(result.reply)):
            detail["remedy"] = str(remedy)
        if result.fate is Fate.ACCEPTED:
            stage, outcome = Stage.SENT, Outcome.DELIVERED
            if not attempt.passes_dsn and wants(recipient.notify, Action.RELAYED):
                self.reports.append(replace(report, action=Action.RELAYED))
        elif result.fate is Fate.FAILED or isinstance(self.patience.verdict, GiveUp):
            stage, outcome = Stage.FAILED, Outcome.FAILED
            if isinstance(self.patience.verdict, GiveUp) and result.fate is not Fate.FAILED:
                report = replace(report, note=self.patience.verdict.reason)
                detail["gave_up"] = self.patience.verdict.reason
            elif is_bounce(result.reply):
                self.bounced.append(comparable(recipient.address))
            if wants(recipient.notify, Action.FAILED):
                self.reports.append(report)
        else:
            stage, outcome = Stage.DEFERRED, Outcome.PENDING
            self.deferred = True
            self.error = self.error or result.reply
            detail["next_try"] = dates.render(self.due)
            if self.patience.tell_delay and wants(recipient.notify, Action.DELAYED):
                self.reports.append(replace(report, action=Action.DELAYED, retry_until=self.until))
        self.states.append(replace(recipient, outcome=outcome, reply=result.reply, host=said, at=now))
        self.timeline.append(TimelineEntry(item.trace, now, stage, item.account, recipient.address, detail))
