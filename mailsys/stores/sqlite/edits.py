"""Email/set: keywords and mailboxes of many emails at once, and destroying them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from mailsys.core.refusal import NoSuchMailbox, NotAllowed, Refusal
from mailsys.ports.emails import EmailUpdate
from mailsys.ports.ids import EmailId
from mailsys.ports.mailboxes import Role
from mailsys.stores.sqlite import keywords
from mailsys.stores.sqlite.accept import NewEmail, place
from mailsys.stores.sqlite.batch import AccountState, Batch, MailboxState, ids
from mailsys.stores.sqlite.flags import KEYWORDS, flags_of
from mailsys.stores.sqlite.placements import EMAIL_COLUMNS, Row, emails_of, remove, touch
from mailsys.stores.sqlite.rows import values


def read(
    batch: Batch, account: AccountState, emails: Iterable[int]
) -> tuple[dict[int, NewEmail], dict[int, dict[int, int]]]:
    """Those that exist, and the uid of each in each of its mailboxes."""
    wanted = set(emails)
    if not wanted:
        return {}, {}
    numbers = ids(sorted(wanted))
    row = batch.one(
        f"""SELECT {EMAIL_COLUMNS} FROM carray(?1) w
        CROSS JOIN email e ON e.account = ?2 AND e.id = w.value""",  # noqa: S608
        (numbers, account.id),
    )
    found = {email.id: email for email in emails_of(batch, row)}
    places: dict[int, dict[int, int]] = {email: {} for email in found}
    row = batch.one(
        """SELECT json_group_array(json_array(p.email, p.mailbox, p.uid)) FROM carray(?1) w
        CROSS JOIN placement p ON p.email = w.value""",
        (numbers,),
    )
    for email, mailbox, uid in values(row[0]):
        if email in places:
            places[email][mailbox] = uid
    return found, places


def _refusal(account: AccountState, update: EmailUpdate, before: Container[int] | None) -> Refusal | None:
    """`before`: the mailboxes that it is in; None: there is no such email."""
    if before is None:
        return NoSuchMailbox("No such email", cause=f"account {account.id} has no email {update.email}")
    if update.mailboxes is not None:
        if not update.mailboxes:
            return NotAllowed("An email must be in a mailbox")
        for mailbox in update.mailboxes:
            if mailbox not in account.mailboxes:
                return NoSuchMailbox(cause=f"account {account.id} has no mailbox {mailbox}")
    if update.snooze is not None:
        waiting = account.roles.get(Role.SNOOZED.value)
        if waiting is None or waiting.id not in (before if update.mailboxes is None else update.mailboxes):
            return NotAllowed("Only what is in the mailbox for snoozed mail can be snoozed")
    return None


def update(
    batch: Batch, account_id: int, updates: Sequence[EmailUpdate]
) -> tuple[int, dict[int, Refusal | None]]:
    account = batch.account(account_id)
    emails, places = read(batch, account, (change.email for change in updates))
    outcomes: dict[int, Refusal | None] = {}
    wanted: dict[int, EmailUpdate] = {}
    for change in updates:
        outcomes[change.email] = refusal = _refusal(account, change, places.get(change.email))
        if refusal is None:
            wanted[change.email] = change
    _change_keywords(batch, account, emails, wanted.values())
    _change_mailboxes(batch, account, emails, places, wanted.values())
    _change_snoozes(batch, account, wanted.values())
    return account.modseq, outcomes


def _change_snoozes(batch: Batch, account: AccountState, updates: Iterable[EmailUpdate]) -> None:
    """After all moves, so that one that ends by a move is not begun before it."""
    waiting = account.roles.get(Role.SNOOZED.value)
    changed: list[int] = []
    for change in updates:
        snooze = change.snooze
        if snooze is not None and waiting is not None:
            batch.write(
                "INSERT OR REPLACE INTO snooze VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
                (
                    waiting.id,
                    change.email,
                    account.id,
                    snooze.until,
                    snooze.target,
                    snooze.add,
                    snooze.remove,
                ),
            )
            changed.append(change.email)
        elif change.end_snooze and batch.write(
            "DELETE FROM snooze WHERE account = ? AND email = ? AND woken = 0", (account.id, change.email)
        ):
            changed.append(change.email)
    touch(batch, account, changed)


def _change_keywords(
    batch: Batch, account: AccountState, emails: dict[int, NewEmail], updates: Iterable[EmailUpdate]
) -> None:
    moves: dict[tuple[str, str], list[int]] = {}
    for change in updates:
        email = emails[change.email]
        if change.keywords is not None and change.keywords != email.keywords:
            moves.setdefault((email.keywords, change.keywords), []).append(email.id)
            flags = email.flags & ~KEYWORDS | flags_of(change.keywords)
            emails[email.id] = email._replace(keywords=change.keywords, flags=flags)
    for (old, new), found in moves.items():
        keywords.replace(batch, account, found, old, new)


def _change_mailboxes(
    batch: Batch,
    account: AccountState,
    emails: dict[int, NewEmail],
    places: dict[int, dict[int, int]],
    updates: Iterable[EmailUpdate],
) -> None:
    """First all that comes, then all that goes, so that no email is nowhere in between."""
    going: dict[int, list[Row]] = {}
    moved: list[int] = []
    for change in updates:
        if change.mailboxes is None:
            continue
        email = emails[change.email]
        before = places[email.id]
        coming = [mailbox for mailbox in dict.fromkeys(change.mailboxes) if mailbox not in before]
        for mailbox in coming:
            place(batch, account, account.mailboxes[mailbox], email)
        if coming:
            moved.append(email.id)
        for left, uid in before.items():
            if left not in change.mailboxes:
                going.setdefault(left, []).append(Row(uid, email))
    touch(batch, account, moved)
    _remove_from(batch, account, going)


def _remove_from(batch: Batch, account: AccountState, going: dict[int, list[Row]]) -> None:
    for mailbox, rows in going.items():
        box: MailboxState = account.mailboxes[mailbox]
        remove(batch, account, box, sorted(rows))


def destroy(batch: Batch, account_id: int, emails: Sequence[int]) -> tuple[int, tuple[EmailId, ...]]:
    account = batch.account(account_id)
    found, places = read(batch, account, emails)
    going: dict[int, list[Row]] = {}
    for email, boxes in places.items():
        for mailbox, uid in boxes.items():
            going.setdefault(mailbox, []).append(Row(uid, found[email]))
    _remove_from(batch, account, going)
    return account.modseq, tuple(EmailId(email) for email in dict.fromkeys(emails) if email in found)
