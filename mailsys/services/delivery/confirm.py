"""Reports of success that a sender asked for (RFC 3461 §4.1, NOTIFY=SUCCESS), about deliveries here."""

from __future__ import annotations

from collections.abc import Iterable

from mailsys.core.queue.report import Action, Reported, wants
from mailsys.log import Log
from mailsys.ports.mail import IMailStore
from mailsys.ports.queue_items import NewQueueItem
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.deliver import Addressed

log = Log("confirm")


async def confirm(
    reporter: Reporter,
    mail: IMailStore,
    item: NewQueueItem,
    addressed: Iterable[Addressed],
    header: bytes,
    now: float,
) -> None:
    """Tell the sender of `item` which of its recipients have the message in a mailbox here.

    Called after the commit that delivered: the message is safe then, and a report of success that
    gets lost harms nobody. Mail that is forwarded and kept by nobody here is reported by whoever
    delivers it in the end, for its NOTIFY goes along (RFC 3461 §5.2.7).
    """
    told = [
        Reported(
            one.recipient.address,
            Action.DELIVERED,
            "250 2.1.5 Delivered",
            original=one.recipient.original,
            at=now,
        )
        for one in addressed
        if one.recipient.notify
        and one.route is not None
        and one.route.accounts
        and wants(one.recipient.notify, Action.DELIVERED)
    ]
    if not told or not item.sender:
        return
    try:
        report = await reporter.make_report(item, told, header=header, now=now)
        if report is not None:
            await mail.accept(report)
    except Exception as error:
        log.error("success report failed", error, trace=item.trace)
