"""What the content filter and programs of others say of a message, as the inspection wants to hear it."""

from __future__ import annotations

from mailsys.core.trust.verdict import Action
from mailsys.ports.judging import Inspected
from mailsys.services.judges.panel import Panel
from mailsys.services.learning.content_filter import Filter
from mailsys.services.trust.inspection import Brought, Opinion, Said

_ORDER = tuple(Action)


def read_by_filter(content_filter: Filter) -> Opinion:
    async def say(brought: Brought) -> Said:
        found = await content_filter.judge(brought.accounts, brought.content.blob)
        return Said(by_account={account: one.reasons for account, one in found.items()})

    return say


def asked_outside(panel: Panel) -> Opinion:
    """The hardest of their words counts."""

    async def say(brought: Brought) -> Said:
        evidence = brought.evidence
        name = evidence.address.name if evidence.address is not None else ""
        found = await panel.ask(
            Inspected(
                brought.content.blob,
                evidence.peer,
                evidence.sender,
                brought.recipients,
                evidence.hello,
                name,
                brought.trace,
                brought.ours,
            )
        )
        hardest = max(found, key=lambda one: _ORDER.index(one.action), default=None)
        fields = [f"{name}: {value}\r\n".encode() for one in found for name, value in one.header]
        return Said(
            [reason for one in found for reason in one.reasons],
            action=Action.INBOX if hardest is None else hardest.action,
            reply=_reply(hardest.action, hardest.reply) if hardest is not None else "",
            header=b"".join(fields),
        )

    return say


def _reply(action: Action, reply: str) -> str:
    if action is Action.REFUSE:
        return reply or "550 5.7.1 The message is refused for what it contains"
    if action is Action.DEFER:
        return reply or "451 4.7.1 The message cannot be taken now, try again later"
    return ""
