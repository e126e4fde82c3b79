"""From addresses to deliveries: who gets the message here, and what goes on to other servers.

Shared by receiving, submitting, and sending (whose "local" queue items are mail of ours that waited).
Each account gets a message once, however many of its addresses were named; each address elsewhere
too. A forward keeps the envelope sender, so that failures reach whoever wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from mailsys.core.message.address import canonical, comparable
from mailsys.core.refusal import OverQuota
from mailsys.log import Log
from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.intake import Delivery
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.directory import Directory, Route
from mailsys.services.dns.route import LOCAL, destination_of, needs_utf8

log = Log("deliver")


@dataclass(frozen=True, slots=True)
class Addressed:
    """An envelope recipient and where it leads. No route: it is not an address of ours."""

    recipient: QueueRecipient
    route: Route | None


@dataclass(slots=True)
class Plan:
    """Where one message goes."""

    accounts: dict[AccountId, str] = field(default_factory=dict)  # with the first address that led there
    outgoing: dict[str, dict[str, QueueRecipient]] = field(default_factory=dict)  # by destination

    def add_outgoing(self, destination: str, recipient: QueueRecipient) -> None:
        """Each address once; the first one's parameters stay."""
        self.outgoing.setdefault(destination, {}).setdefault(comparable(recipient.address), recipient)


def original_recipient(recipient: QueueRecipient) -> str:
    """ORCPT for mail that goes on under another address (RFC 3461 §5.2.7, RFC 6533 §3)."""
    if recipient.original:
        return recipient.original
    return f"{'rfc822' if recipient.address.isascii() else 'utf-8'};{recipient.address}"


def plan(
    addressed: Iterable[Addressed],
    sender: str,
    is_local_domain: Callable[[str], bool],
    into: Plan | None = None,
) -> Plan:
    """Put recipients together.

    `sender`: the envelope sender; a forward does not go back to it as long as the message goes
    anywhere else (who writes to a list of which he is a member has the message already).
    """
    result = into if into is not None else Plan()
    back: list[tuple[str, QueueRecipient]] = []
    for one in addressed:
        recipient, route = one.recipient, one.route
        if route is None:
            result.add_outgoing(destination_of(recipient.address, is_local_domain), recipient)
            continue
        for account in route.accounts:
            result.accounts.setdefault(account, recipient.address)
        for target in route.forwards:
            onward = QueueRecipient(target, notify=recipient.notify, original=original_recipient(recipient))
            destination = destination_of(target, is_local_domain)
            if sender and comparable(target) == comparable(sender):
                back.append((destination, onward))
            else:
                result.add_outgoing(destination, onward)
    if back and not result.accounts and not result.outgoing:
        for destination, onward in back:
            result.add_outgoing(destination, onward)
    return result


async def resolve(
    directory: Directory, recipients: Sequence[QueueRecipient]
) -> tuple[list[Addressed], list[QueueRecipient]]:
    """Routes of recipients that should be ours (a "local" queue item's), and those that are nobody's
    here: the sender is to be told of them."""
    found: list[Addressed] = []
    unknown: list[QueueRecipient] = []
    for recipient in recipients:
        route = directory.cached(recipient.address) or await directory.route(recipient.address)
        if route is None:
            unknown.append(recipient)
        else:
            found.append(Addressed(recipient, route))
    return found, unknown


async def check_room(directory: Directory, route: Route, size: int) -> None:
    """OverQuota when a mailbox of the route is full, or would be by a message of `size` octets (0:
    not known). Asked at RCPT: once a message is accepted, it is kept whatever the quota."""
    for account in route.accounts:
        found = await directory.account(account)
        if found is not None and found.quota and found.used + max(size, 1) > found.quota:
            log.info("over quota", account=account, used=found.used, quota=found.quota, size=size)
            raise OverQuota(cause=f"{found.used} of {found.quota}")


def deliveries(made: Plan, heard_from: str = "", writer: AccountId | None = None) -> tuple[Delivery, ...]:
    """One per account, into its inbox unless the conversation is muted there. `heard_from`: the
    correspondent to credit, canonical (but not for `writer`, who hears from himself)."""
    return tuple(
        [
            Delivery(account, heard_from="" if account == writer else heard_from, heed_mute=True)
            for account in made.accounts
        ]
    )


def queue_items(made: Plan, like: NewQueueItem) -> tuple[NewQueueItem, ...]:
    """One per destination, in all else like `like`."""
    if not made.outgoing:
        return ()
    return tuple(
        replace(
            like,
            destination=destination,
            recipients=tuple(recipients.values()),
            utf8=like.utf8 or needs_utf8(*[r.address for r in recipients.values()]),
        )
        for destination, recipients in made.outgoing.items()
    )


def entries(made: Plan, trace: TraceId, now: float, submitter: AccountId | None) -> list[TimelineEntry]:
    """The timeline's word of where the message went: one per account, one per recipient elsewhere."""
    steps = [
        TimelineEntry(trace, now, Stage.DELIVERED, account, address)
        for account, address in made.accounts.items()
    ]
    for destination, recipients in made.outgoing.items():
        for recipient in recipients.values():
            detail = {"destination": destination} if destination != LOCAL else {}
            steps.append(TimelineEntry(trace, now, Stage.QUEUED, submitter, recipient.address, detail))
    return steps


def heard_from(sender: str) -> str:
    """The canonical address in `MessageFacts.sender`, "" when there is none."""
    if sender.endswith(">"):
        sender = sender[sender.rfind("<") + 1 : -1]
    try:
        return canonical(sender)
    except ValueError:
        return ""
