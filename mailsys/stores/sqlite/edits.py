"""Patches of emails, each judged by what the email is in this commit, and destroying emails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailsys.core.message import keywords as words
from mailsys.core.refusal import (
    NoSuchEmail,
    NoSuchMailbox,
    NotAllowed,
    Refusal,
    StateMismatch,
    TooManyKeywords,
)
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.mailboxes import Role
from mailsys.ports.patches import EmailNow, EmailPatch, EmailsPatched, Snooze
from mailsys.stores.sqlite import keywords, lessons
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.flags import KEYWORDS, MARK, flags_of
from mailsys.stores.sqlite.marks import Row, set_marks, touch
from mailsys.stores.sqlite.placements import remove
from mailsys.stores.sqlite.placing import EMAIL_COLUMNS, NewEmail, emails_of, place
from mailsys.stores.sqlite.rows import values
from mailsys.stores.sqlite.states import AccountState


@dataclass(slots=True)
class _Plan:
    """An email as this commit finds it, and what its patches make of it."""

    email: NewEmail
    places: dict[int, Row]  # by mailbox, marked ones too
    keywords: str
    boxes: frozenset[int]  # where it is to be seen
    snooze: Snooze | None = None
    end_snooze: bool = False
    changed: bool = False

    def patch(self, account: AccountState, patch: EmailPatch) -> None:
        """Take it in, or raise its Refusal with nothing taken."""
        boxes = self.boxes if patch.mailboxes is None else frozenset(patch.mailboxes)
        boxes = boxes.union(patch.enter).difference(patch.leave)
        if not boxes:
            raise NotAllowed("An email must be in a mailbox")
        for mailbox in boxes:
            if mailbox not in account.mailboxes:
                raise NoSuchMailbox(cause=f"account {account.id} has no mailbox {mailbox}")
        if patch.snooze is not None:
            waiting = account.roles.get(Role.SNOOZED.value)
            if waiting is None or waiting.id not in boxes:
                raise NotAllowed("Only what is in the mailbox for snoozed mail can be snoozed")
        found = self.keywords if patch.keywords is None else words.with_removed(patch.keywords, MARK)
        if patch.remove:
            found = words.with_removed(found, patch.remove)
        if patch.add:
            found = words.with_added(found, words.with_removed(patch.add, MARK))
        if words.are_too_many(found) and len(found) > len(self.keywords):
            raise TooManyKeywords
        self.keywords = found
        self.boxes = boxes
        if patch.snooze is not None:
            self.snooze, self.end_snooze = patch.snooze, False
        elif patch.end_snooze:
            self.snooze, self.end_snooze = None, True


def change_emails(
    batch: Batch,
    account_id: int,
    patches: Sequence[EmailPatch],
    destroy: Sequence[EmailId],
    if_state: int | None,
) -> EmailsPatched:
    account = batch.account(account_id)
    check_state(account, if_state)
    return apply(batch, account, patches, destroy, account.email_state)


def check_state(account: AccountState, if_state: int | None) -> None:
    if if_state is not None and if_state != account.email_state:
        raise StateMismatch(cause=f"account {account.id}: Email state is {account.email_state}")


def apply(
    batch: Batch,
    account: AccountState,
    patches: Sequence[EmailPatch],
    destroy: Sequence[EmailId],
    before: int,
) -> EmailsPatched:
    """All that can be done. `before`: the account's Email state before this job."""
    plans = _read(batch, account, (patch.email for patch in patches))
    done: dict[EmailId, _Plan] = {}
    refused: dict[EmailId, Refusal] = {}
    for patch in patches:
        plan = plans.get(patch.email)
        if plan is None:
            refused[patch.email] = _missing(account, patch.email)
            continue
        try:
            plan.patch(account, patch)
        except Refusal as refusal:
            refused[patch.email] = refusal
        else:
            done[patch.email] = plan
    _change_keywords(batch, account, done.values())
    _change_mailboxes(batch, account, done.values())
    _change_snoozes(batch, account, done.values())
    destroyed = _destroy(batch, account, destroy, refused)
    gone = set(destroyed)
    now = {
        email: EmailNow(plan.keywords, tuple(map(MailboxId, sorted(plan.boxes))), plan.changed)
        for email, plan in done.items()
        if email not in gone
    }
    return EmailsPatched(before, account.email_state, now, refused, destroyed)


def _missing(account: AccountState, email: int) -> Refusal:
    return NoSuchEmail(cause=f"account {account.id} has no email {email}")


def _read(batch: Batch, account: AccountState, emails: Iterable[int]) -> dict[int, _Plan]:
    """Those that are to be seen somewhere, as they are now."""
    wanted = set(emails)
    if not wanted:
        return {}
    numbers = ids(sorted(wanted))
    row = batch.one(
        f"""SELECT {EMAIL_COLUMNS} FROM carray(?1) w
        CROSS JOIN email e ON e.account = ?2 AND e.id = w.value AND e.hidden = 0""",  # noqa: S608
        (numbers, account.id),
    )
    found = {email.id: email for email in emails_of(batch, row)}
    places: dict[int, dict[int, Row]] = {email: {} for email in found}
    row = batch.one(
        """SELECT json_group_array(json_array(p.email, p.mailbox, p.uid, p.mark > 0)) FROM carray(?1) w
        CROSS JOIN placement p ON p.email = w.value""",
        (numbers,),
    )
    for email, mailbox, uid, marked in values(row[0]):
        if email in places:
            places[email][mailbox] = Row(uid, found[email], bool(marked))
    return {
        number: _Plan(
            email,
            places[number],
            email.keywords,
            frozenset(box for box, row in places[number].items() if not row.marked),
        )
        for number, email in found.items()
    }


def _change_keywords(batch: Batch, account: AccountState, plans: Iterable[_Plan]) -> None:
    moves: dict[tuple[str, str], list[int]] = {}
    for plan in plans:
        email = plan.email
        if plan.keywords != email.keywords:
            moves.setdefault((email.keywords, plan.keywords), []).append(email.id)
            flags = email.flags & ~KEYWORDS | flags_of(plan.keywords)
            plan.email = email._replace(keywords=plan.keywords, flags=flags)
            plan.changed = True
    for (old, new), found in moves.items():
        keywords.replace(batch, account, found, old, new)


def _change_mailboxes(batch: Batch, account: AccountState, plans: Iterable[_Plan]) -> None:
    """First all that comes, then all that goes, so that no email is nowhere in between."""
    unmarked: dict[int, list[Row]] = {}
    going: dict[int, list[Row]] = {}
    placed: list[int] = []
    for plan in plans:
        email = plan.email
        before = {mailbox for mailbox, row in plan.places.items() if not row.marked}
        if before == plan.boxes:
            continue
        plan.changed = True
        for mailbox in sorted(plan.boxes - before):
            if mailbox in plan.places:
                unmarked.setdefault(mailbox, []).append(plan.places[mailbox]._replace(email=email))
            else:
                place(batch, account, account.mailboxes[mailbox], email)
                placed.append(email.id)
        for mailbox in sorted(before - plan.boxes):
            going.setdefault(mailbox, []).append(plan.places[mailbox]._replace(email=email))
        _teach(batch, account, plan, before)
    touch(batch, account, dict.fromkeys(placed))
    for mailbox, rows in unmarked.items():
        set_marks(batch, account, account.mailboxes[mailbox], rows, marked=False)
    _remove_from(batch, account, going)


def _teach(batch: Batch, account: AccountState, plan: _Plan, before: set[int]) -> None:
    """What its mailboxes, another set than `before`, say of it."""
    boxes = account.mailboxes
    roles = {boxes[mailbox].role for mailbox in plan.boxes}
    if Role.JUNK.value in roles:
        junk = account.roles[Role.JUNK.value]
        if junk.id not in before:
            lessons.teach(batch, account, (plan.email.blob,), lessons.SPAM)
    elif any(lessons.teaches_good(boxes[mailbox], role) for mailbox in before - plan.boxes for role in roles):
        lessons.teach(batch, account, (plan.email.blob,), lessons.HAM)


def _remove_from(batch: Batch, account: AccountState, going: dict[int, list[Row]]) -> None:
    for mailbox, rows in going.items():
        remove(batch, account, account.mailboxes[mailbox], sorted(rows))


def _change_snoozes(batch: Batch, account: AccountState, plans: Iterable[_Plan]) -> None:
    """After all moves, so that one that ends by a move is not begun before it."""
    waiting = account.roles.get(Role.SNOOZED.value)
    changed: list[int] = []
    for plan in plans:
        snooze, email = plan.snooze, plan.email.id
        if snooze is not None and waiting is not None:
            batch.write(
                "INSERT OR REPLACE INTO snooze VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
                (waiting.id, email, account.id, snooze.until, snooze.target, snooze.add, snooze.remove),
            )
        elif not plan.end_snooze or not batch.write(
            "DELETE FROM snooze WHERE account = ? AND email = ? AND woken = 0", (account.id, email)
        ):
            continue
        plan.changed = True
        changed.append(email)
    touch(batch, account, changed)


def _destroy(
    batch: Batch, account: AccountState, emails: Sequence[EmailId], refused: dict[EmailId, Refusal]
) -> tuple[EmailId, ...]:
    """Out of all mailboxes: first of those where they are marked, so that none is hidden on the way."""
    found = _read(batch, account, emails)
    for marked in (True, False):
        going: dict[int, list[Row]] = {}
        for plan in found.values():
            for mailbox, row in plan.places.items():
                if row.marked is marked:
                    going.setdefault(mailbox, []).append(row)
        _remove_from(batch, account, going)
    for email in emails:
        if email in found:
            refused.pop(email, None)
        else:
            refused[email] = _missing(account, email)
    return tuple(email for email in dict.fromkeys(emails) if email in found)
