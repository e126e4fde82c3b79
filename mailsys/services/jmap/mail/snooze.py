"""Email's property `snoozed`, of our own capability; a request without it sees neither the property nor
the sort by it.

`{"until": UTCDate, "moveToMailboxId": Id|null, "setKeywords": {keyword: true|false}|null}`: until then the
email waits in the mailbox of role "snoozed"; then it goes to that mailbox (null: the inbox), and gets and
loses those keywords (null: `$new` is set and `$seen` taken, so that it is unread).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.creation import keyword_set
from mailsys.core.jmap.dates import parse_utc_date, render_utc_date
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.keywords import canonical, names
from mailsys.core.refusal import MailboxExists
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Mailbox, MailboxUpdate, Role
from mailsys.ports.patches import Snooze
from mailsys.services.jmap.protocol.api import CallContext

SNOOZE: Final = "urn:mailsys:jmap:snooze"
SNOOZED: Final = "snoozed"  # the property
SORT: Final = "snoozedUntil"

_MEMBERS: Final = frozenset(("until", "moveToMailboxId", "setKeywords"))
_NAME: Final = "Snoozed"  # of the mailbox that is made on first use
_KEPT: Final = (None, Role.SENT, Role.DRAFTS)  # roles of mailboxes that a snoozed email stays in


def shown(snooze: Snooze) -> dict[str, Any]:
    words = dict.fromkeys(sorted(names(snooze.add)), True) | dict.fromkeys(
        sorted(names(snooze.remove)), False
    )
    return {
        "until": render_utc_date(snooze.until),
        "moveToMailboxId": None if snooze.target is None else ids.mailbox_id(snooze.target),
        "setKeywords": words,
    }


def read(context: CallContext, value: Any, boxes: Mapping[int, Mailbox]) -> Snooze:
    """Raises SetError."""
    if not isinstance(value, dict) or set(value) - _MEMBERS:
        raise _wrong("It must be an object of until, moveToMailboxId and setKeywords, or null.")
    until = parse_utc_date(value.get("until"))
    if until is None:
        raise _wrong("until must be a UTCDate.")
    target = value.get("moveToMailboxId")
    found: MailboxId | None = None
    if target is not None:
        number = ids.mailbox_number(context.real_id(target)) if isinstance(target, str) else None
        box = None if number is None else boxes.get(number)
        if box is None or box.role is Role.SNOOZED:
            raise _wrong("moveToMailboxId must be a mailbox, and not that for snoozed mail.")
        found = box.id
    words = value.get("setKeywords")
    if words is None:
        return Snooze(until, found)
    if not isinstance(words, dict) or not all(isinstance(on, bool) for on in words.values()):
        raise _wrong("setKeywords must be a map of keywords to true or false, or null.")
    try:
        keyword_set(dict.fromkeys(words, True))
    except SetError as error:
        raise _wrong(error.description or "That is no keyword.") from error
    return Snooze(
        until,
        found,
        canonical(word for word, on in words.items() if on),
        canonical(word for word, on in words.items() if not on),
    )


def _wrong(text: str) -> SetError:
    return invalid_properties(text, SNOOZED)


async def waiting_room(context: CallContext, boxes: dict[int, Mailbox]) -> Mailbox:
    """The mailbox of role "snoozed", made if there is none; `boxes` then has it as well."""
    for box in boxes.values():
        if box.role is Role.SNOOZED:
            return box
    mail = context.ports.mail
    account = context.account
    try:
        made: Mailbox = await mail.create_mailbox(account, _NAME, Role.SNOOZED)
    except MailboxExists:  # one of that name
        (there,) = [box for box in boxes.values() if box.path == _NAME]
        await mail.update_mailbox(account, there.id, MailboxUpdate(role=Role.SNOOZED))
        made = next(box for box in await mail.mailboxes(account) if box.id == there.id)
    else:
        await mail.update_mailbox(account, made.id, MailboxUpdate(subscribed=True))
    boxes[made.id] = made
    return made


def sent_to_wait(placed: Sequence[MailboxId], boxes: Mapping[int, Mailbox], room: Mailbox) -> list[MailboxId]:
    """Where an email is while it waits: out of the inbox, the archive and the like, not out of labels."""
    stays = [one for one in placed if one in boxes and boxes[one].role in _KEPT]
    return [*stays, room.id]


class Snoozing:
    """The snoozes of one Email/set's updates."""

    def __init__(
        self, context: CallContext, waiting: Mapping[int, Snooze], boxes: dict[int, Mailbox]
    ) -> None:
        self._context = context
        self._waiting = waiting
        self._boxes = boxes

    def current(self, email: int) -> dict[str, Any] | None:
        """The property as it is."""
        snooze = self._waiting.get(email)
        return None if snooze is None else shown(snooze)

    async def changed(
        self, email: int, value: Any, mailboxes: tuple[MailboxId, ...] | None, placed: Sequence[MailboxId]
    ) -> tuple[Snooze | None, tuple[MailboxId, ...] | None]:
        """How it waits from now on (None: no more), and its new set of mailboxes. `mailboxes`: what the
        same patch asks for; without that, the property says where the email goes. Raises SetError."""
        boxes = self._boxes
        if value is None:
            back = self._waiting.get(email)
            if mailboxes is None and back is not None:
                mailboxes = tuple(brought_back(placed, boxes, back))
            return None, mailboxes
        snooze = read(self._context, value, boxes)
        room = await waiting_room(self._context, boxes)
        if mailboxes is None:
            mailboxes = None if room.id in placed else tuple(sent_to_wait(placed, boxes, room))
        elif room.id not in mailboxes:
            raise invalid_properties("What is snoozed is in the mailbox for that.", SNOOZED, "mailboxIds")
        return snooze, mailboxes


async def snoozing(context: CallContext, emails: Sequence[int]) -> Snoozing:
    mail = context.ports.mail
    boxes: list[Mailbox] = await mail.mailboxes(context.account)
    waiting: dict[int, Snooze] = {}
    for start in range(0, len(emails), 1000):
        waiting |= await mail.snoozed(context.account, emails[start : start + 1000])
    return Snoozing(context, waiting, {box.id: box for box in boxes})


def brought_back(
    placed: Sequence[MailboxId], boxes: Mapping[int, Mailbox], snooze: Snooze
) -> list[MailboxId]:
    """Where an email is that does not wait any longer."""
    target = snooze.target if snooze.target in boxes else None
    if target is None:
        target = next(box.id for box in boxes.values() if box.role is Role.INBOX)
    rest = [one for one in placed if one in boxes and boxes[one].role is not Role.SNOOZED]
    return list(dict.fromkeys((*rest, target)))
