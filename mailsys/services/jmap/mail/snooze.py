"""Email's property `snoozed`, of our own capability; a request without it sees neither the property nor
the sort by it.

`{"until": UTCDate, "moveToMailboxId": Id|null, "setKeywords": {keyword: true|false}|null}`: until then the
email waits in the mailbox of role "snoozed"; then it goes to that mailbox (null: the inbox), and gets and
loses those keywords (null: `$new` is set and `$seen` taken, so that it is unread).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.creation import keyword_set
from mailsys.core.jmap.dates import parse_utc_date, render_utc_date
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.keywords import canonical, names
from mailsys.core.refusal import MailboxExists, RoleTaken, TemporaryFailure
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Mailbox, MailboxPatch, NewMailbox, Role, TreeChange
from mailsys.ports.patches import EmailPatch, Snooze
from mailsys.services.jmap.protocol.api import CallContext

SNOOZE: Final = "urn:mailsys:jmap:snooze"
SNOOZED: Final = "snoozed"  # the property
SORT: Final = "snoozedUntil"

_MEMBERS: Final = frozenset(("until", "moveToMailboxId", "setKeywords"))
_NAME: Final = "Snoozed"  # of the mailbox that is made on first use
_KEPT: Final = (None, Role.SENT, Role.DRAFTS)  # roles of mailboxes that a snoozed email stays in
_TRIES: Final = 5


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


async def waiting_room(context: CallContext) -> MailboxId:
    """The mailbox of role "snoozed", made if there is none; one of its name gets the role."""
    mail = context.ports.mail
    new = NewMailbox(_NAME, _NAME, role=Role.SNOOZED)
    for _ in range(_TRIES):
        for box in await mail.mailboxes(context.account):
            if box.role is Role.SNOOZED:
                return box.id
        changed = await mail.change_tree(context.account, TreeChange(create=(new,)))
        if _NAME in changed.created:
            return changed.created[_NAME].id
        taken = changed.refused[_NAME]
        if isinstance(taken, RoleTaken):
            continue
        if not isinstance(taken, MailboxExists) or taken.existing is None:
            raise taken
        become = MailboxPatch(MailboxId(taken.existing), role=Role.SNOOZED)
        await mail.change_tree(context.account, TreeChange(update=(become,)))
    raise TemporaryFailure(cause="the mailbox for snoozed mail comes and goes")


class Snoozing:
    """How some emails wait, read to say what becomes of that."""

    def __init__(
        self, context: CallContext, waiting: Mapping[int, Snooze], boxes: Mapping[int, Mailbox]
    ) -> None:
        self._context = context
        self._waiting = waiting
        self._boxes = boxes

    async def patched(self, patch: EmailPatch, paths: Mapping[str, Any], moves: bool) -> EmailPatch:
        """`patch` with what `paths`, a PatchObject of the property alone, asks for. `moves`: it says itself
        where the email goes; else the property does. Raises SetError."""
        before = self._waiting.get(patch.email)
        current = None if before is None else shown(before)
        wanted = apply_patch({SNOOZED: current}, dict(paths))[SNOOZED]
        if wanted == current:
            return patch
        if wanted is None:
            patch = replace(patch, end_snooze=True)
            if moves or before is None:
                return patch
            waited = tuple(box.id for box in self._boxes.values() if box.role is Role.SNOOZED)
            return replace(patch, leave=waited, enter=(self._back_to(before),))
        patch = replace(patch, snooze=read(self._context, wanted, self._boxes))
        if moves or before is not None:
            return patch
        room = await waiting_room(self._context)
        left = (box.id for box in self._boxes.values() if box.role not in _KEPT and box.id != room)
        return replace(patch, leave=tuple(left), enter=(room,))

    def _back_to(self, snooze: Snooze) -> MailboxId:
        if snooze.target is not None and snooze.target in self._boxes:
            return snooze.target
        return next(box.id for box in self._boxes.values() if box.role is Role.INBOX)


async def snoozing(context: CallContext, emails: Sequence[int]) -> Snoozing:
    mail = context.ports.mail
    boxes: list[Mailbox] = await mail.mailboxes(context.account)
    waiting: dict[int, Snooze] = {}
    for start in range(0, len(emails), 1000):
        waiting |= await mail.snoozed(context.account, emails[start : start + 1000])
    return Snoozing(context, waiting, {box.id: box for box in boxes})
