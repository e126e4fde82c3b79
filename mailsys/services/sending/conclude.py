"""What one attempt at a queue item comes to: new states, the next try, reports due, timeline.

A function of its evidence: no store, socket or clock in here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mailsys.core.message import dates
from mailsys.core.message.address import comparable
from mailsys.core.queue.report import Action, Reported, is_bounce, wants
from mailsys.core.queue.schedule import GiveUp, Schedule, after_attempt, begun
from mailsys.core.smtp.envelope import Fate, Result
from mailsys.ports.queue import QueueItem, Settlement
from mailsys.ports.queue_items import Outcome, QueueRecipient
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
    verified: bool = False


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
    gives_up = isinstance(patience.verdict, GiveUp)
    due = now if isinstance(patience.verdict, GiveUp) else patience.verdict.due
    states: list[QueueRecipient] = []
    reports: list[Reported] = []
    timeline: list[TimelineEntry] = []
    for one in unreached:
        detail = {"host": one.host, "reply": one.reply}
        timeline.append(TimelineEntry(item.trace, now, Stage.UNREACHED, item.account, "", detail))
    if connected is not None:
        detail = {"host": connected.host, "tls": connected.tls or "none"}
        if connected.verified:
            detail["certificate"] = "verified"
        timeline.append(TimelineEntry(item.trace, now, Stage.CONNECTED, item.account, "", detail))
    error = ""
    bounced: list[str] = []
    deferred = False
    for index, recipient in enumerate(item.recipients):
        attempt = tried.get(index)
        if attempt is None or recipient.outcome is not Outcome.PENDING:
            states.append(recipient)
            deferred = deferred or recipient.outcome is Outcome.PENDING
            continue
        result, host = attempt.result, attempt.host
        said = host if result.remote else ""
        state = replace(recipient, reply=result.reply, host=said, at=now)
        report = Reported(recipient.address, Action.FAILED, result.reply, said, recipient.original, now)
        detail = {"reply": result.reply, **({"host": host} if host else {})}
        if result.fate is Fate.ACCEPTED:
            stage, outcome = Stage.SENT, Outcome.DELIVERED
            if not attempt.passes_dsn and wants(recipient.notify, Action.RELAYED):
                reports.append(replace(report, action=Action.RELAYED))
        elif result.fate is Fate.FAILED or isinstance(patience.verdict, GiveUp):
            stage, outcome = Stage.FAILED, Outcome.FAILED
            if isinstance(patience.verdict, GiveUp) and result.fate is not Fate.FAILED:
                report = replace(report, note=patience.verdict.reason)
                detail["gave_up"] = patience.verdict.reason
            elif is_bounce(result.reply):
                bounced.append(comparable(recipient.address))
            if wants(recipient.notify, Action.FAILED):
                reports.append(report)
        else:
            stage, outcome = Stage.DEFERRED, Outcome.PENDING
            deferred = True
            error = error or result.reply
            detail["next_try"] = dates.render(due)
            if patience.tell_delay and wants(recipient.notify, Action.DELAYED):
                until = start + schedule.lifetime
                reports.append(replace(report, action=Action.DELAYED, retry_until=until))
        states.append(replace(state, outcome=outcome))
        timeline.append(TimelineEntry(item.trace, now, stage, item.account, recipient.address, detail))
    settlement = Settlement(
        recipients=tuple(states),
        due=queued.due if more else due if deferred else now,
        error=error,
        delayed_told=queued.delayed_told or (patience.tell_delay and deferred and not gives_up and not more),
        count_attempt=not more,
        objects=touched(item) if tried else (),
        timeline=tuple(timeline),
        bounced=tuple(bounced),
    )
    return Conclusion(settlement, tuple(reports))
