"""Emails that wait for a time, and how they come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

from mailsys.ports.emails import Woken
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.patches import EmailPatch, Snooze
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.edits import apply
from mailsys.stores.sqlite.marks import touch
from mailsys.stores.sqlite.rows import integers, one, values
from mailsys.stores.sqlite.states import AccountState

# Of one mailbox: those that came back earlier stand at their received time again. A page costs some
# microseconds for each.
REMEMBERED: Final = 100


def snoozed(connection: apsw.Connection, account: int, emails: Sequence[int]) -> dict[int, Snooze]:
    if not emails:
        return {}
    row = one(
        connection,
        """SELECT json_group_array(json_array(s.email, s.until, s.target, s.added, s.removed))
        FROM carray(?1) w CROSS JOIN snooze s INDEXED BY snooze_email
        ON s.account = ?2 AND s.email = w.value AND s.woken = 0""",
        (ids(emails), account),
    )
    return {
        email: Snooze(until, None if target is None else MailboxId(target), added, removed)
        for email, until, target, added, removed in values(row[0])
    }


def wake(batch: Batch, now: float, limit: int) -> Woken:
    row = batch.one(
        """SELECT json_group_array(json_array(account, mailbox, email, target, added, removed)) FROM
        (SELECT * FROM snooze INDEXED BY snooze_due WHERE woken = 0 AND until <= ? ORDER BY until LIMIT ?)""",
        (now, limit),
    )
    by_account: dict[int, list[_Due]] = {}
    for account_id, *due in values(row[0]):
        by_account.setdefault(account_id, []).append(_Due(*due))
    count = 0
    for account_id, found in by_account.items():
        # Whatever becomes of it, none of these is due again.
        batch.execute(
            "DELETE FROM snooze WHERE account = ? AND woken = 0 AND email IN (SELECT value FROM carray(?))",
            (account_id, ids(due.email for due in found)),
        )
        account = batch.find_account(account_id)
        if account is not None:
            count += _wake(batch, account, found, now)
    row = batch.one("SELECT min(until) FROM snooze INDEXED BY snooze_due WHERE woken = 0")
    next_due: float | None = row[0]
    return Woken(count, next_due is not None and next_due <= now, next_due)


class _Due:
    __slots__ = ("added", "email", "mailbox", "removed", "target")

    def __init__(self, mailbox: int, email: int, target: int | None, added: str, removed: str) -> None:
        self.mailbox = mailbox
        self.email = email
        self.target = target
        self.added = added
        self.removed = removed


def _wake(batch: Batch, account: AccountState, found: list[_Due], now: float) -> int:
    patches: list[EmailPatch] = []
    targets: dict[int, int] = {}
    for due in found:
        target = due.target if due.target in account.mailboxes else None
        # One that was made the place to wait in, afterwards, would hold it for ever.
        to = account.inbox.id if target is None or target == due.mailbox else target
        targets[due.email] = to
        patches.append(
            EmailPatch(
                EmailId(due.email),
                add=due.added,
                remove=due.removed,
                enter=(MailboxId(to),),
                leave=(MailboxId(due.mailbox),),
            )
        )
    woken = apply(batch, account, patches, (), account.email_state).now
    marks = [(targets[email], email) for email in woken]
    for mailbox, number in marks:
        batch.write(
            "INSERT OR REPLACE INTO snooze VALUES (?, ?, ?, ?, 1, NULL, '', '')",
            (mailbox, number, account.id, now),
        )
    for mailbox in {mailbox for mailbox, _ in marks}:
        row = batch.one(
            """SELECT group_concat(email) FROM (SELECT email FROM snooze INDEXED BY snooze_until
            WHERE mailbox = ? AND woken = 1 ORDER BY until DESC, email DESC LIMIT -1 OFFSET ?)""",
            (mailbox, REMEMBERED),
        )
        old = integers(row[0])
        if old:
            batch.write(
                "DELETE FROM snooze WHERE mailbox = ? AND email IN (SELECT value FROM carray(?))",
                (mailbox, ids(old)),
            )
            touch(batch, account, old)  # they stand elsewhere now
    return len(woken)
