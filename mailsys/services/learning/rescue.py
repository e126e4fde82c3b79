"""A copy of what was refused for its content alone, so that nobody loses mail to a filter that was wrong.

The sender hears that it was refused, and the recipient finds it in Junk, marked `$refused`; who moves it out
teaches the filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailsys.core.refusal import Refusal
from mailsys.log import Log
from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mail import IMailStore
from mailsys.ports.mailboxes import Role
from mailsys.ports.timeline import Stage, TimelineEntry

log = Log("rescue")

KEYWORDS: Final = "$junk $refused"


async def rescue(
    mail: IMailStore, acceptance: Acceptance, trace: TraceId, cause: str
) -> tuple[AccountId, ...]:
    """Keep a copy for each account that `acceptance`, which is not to be made, would have delivered to; those
    that have one now. Never raises a Refusal: what cannot be kept (a quota is full) is refused without a
    copy. Nothing goes on to others, and nobody is credited as a correspondent. cause: why it is refused."""
    wanted = [
        Delivery(account, (Role.JUNK,), KEYWORDS, enforce_quota=True)
        for account in dict.fromkeys(each.account for each in acceptance.deliveries)
    ]
    kept = tuple(each.account for each in wanted)
    if not wanted or await _keep(mail, acceptance, wanted, trace, cause):
        return kept
    # All or nothing: one that has no room shall cost the others nothing.
    return tuple([each.account for each in wanted if await _keep(mail, acceptance, [each], trace, cause)])


async def _keep(
    mail: IMailStore, acceptance: Acceptance, deliveries: Sequence[Delivery], trace: TraceId, cause: str
) -> bool:
    steps = tuple(
        TimelineEntry(trace, acceptance.received_at, Stage.JUDGED, each.account, "", {"refused": cause})
        for each in deliveries
    )
    copy = Acceptance(
        acceptance.blob,
        acceptance.facts,
        acceptance.received_at,
        tuple(deliveries),
        timeline=steps,
        header=acceptance.header,
    )
    try:
        await mail.accept(copy)
    except Refusal as refusal:
        log.info("no copy kept", trace=trace, cause=refusal.cause or refusal.text)
        return False
    return True
