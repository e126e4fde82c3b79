"""What a verdict does to the mail that it is about: where it is put, what its timeline says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailsys.core.refusal import Refused
from mailsys.core.trust.explained import sentence
from mailsys.core.trust.verdict import Action, Verdict
from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.intake import Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.deliver import Plan
from mailsys.services.trust.inspection import NOBODY, Examined

_CODES: int = 10  # of reasons that a timeline names


def judged_deliveries(deliveries: Sequence[Delivery], examined: Examined) -> tuple[Delivery, ...]:
    """With their verdicts. Who writes junk is no correspondent."""
    found = []
    for delivery in deliveries:
        verdict = examined.verdicts[delivery.account]
        if verdict.action is Action.JUNK:
            delivery = replace(delivery, mailboxes=(Role.JUNK,), heard_from="", heed_mute=False)
        found.append(replace(delivery, verdict=verdict))
    return tuple(found)


def not_junk(accounts: Mapping[AccountId, str], examined: Examined) -> dict[AccountId, str]:
    """Those of the accounts that it is not junk for: only there is anything answered or told."""
    return {
        account: address
        for account, address in accounts.items()
        if examined.verdicts[account].action is Action.INBOX
    }


def judged_steps(examined: Examined, made: Plan, trace: TraceId, now: float) -> list[TimelineEntry]:
    """One per account. What would be refused, were it not for other recipients, is not forwarded: it is
    taken out of the plan here, and said."""
    steps = [
        TimelineEntry(trace, now, Stage.JUDGED, account, address, _detail(examined.verdicts[account]))
        for account, address in made.accounts.items()
    ]
    onward = examined.verdicts.get(NOBODY)
    if onward is None:
        return steps
    if onward.action in (Action.REFUSE, Action.DEFER):
        for recipients in made.outgoing.values():
            for one in recipients.values():
                detail = {"reason": onward.reasons[0].text if onward.reasons else ""}
                steps.append(TimelineEntry(trace, now, Stage.DROPPED, None, one.address, detail))
        made.outgoing.clear()
    elif not made.accounts:
        steps.append(TimelineEntry(trace, now, Stage.JUDGED, None, "", _detail(onward)))
    return steps


def refused_steps(received: TimelineEntry, refused: Refused, made: Plan) -> list[TimelineEntry]:
    """Of a message that was not taken: for operators, and for those whom it was for."""
    code, enhanced = refused.smtp
    detail = {
        "action": "refuse" if code >= 500 else "defer",
        "reason": refused.cause,
        "reply": f"{code} {enhanced} {refused.text}",
    }
    steps = [
        TimelineEntry(received.trace, received.at, Stage.JUDGED, account, address, detail)
        for account, address in made.accounts.items()
    ]
    if not steps:
        steps = [TimelineEntry(received.trace, received.at, Stage.JUDGED, None, "", detail)]
    return [received, *steps]


def _detail(verdict: Verdict) -> dict[str, str]:
    return {
        "action": verdict.action.value,
        "reason": sentence(verdict),
        "score": f"{verdict.score:g}",
        "reasons": " ".join(f"{one.code}={one.weight:g}" for one in verdict.reasons[:_CODES]),
    }
