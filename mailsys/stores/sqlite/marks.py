"""`$deleted` of placements, and what follows from it: a marked placement is in no list, and an email whose
placements are all marked is hidden: for JMAP it is destroyed, and created again when one is unmarked.

`placement.mark` is 0 where it never was marked, n since modseq n, and -n where it was unmarked at n.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.flags import is_unread
from mailsys.stores.sqlite.placing import NewEmail
from mailsys.stores.sqlite.rows import values
from mailsys.stores.sqlite.states import AccountState, MailboxState


class Row(NamedTuple):
    """One placement."""

    uid: int
    email: NewEmail
    marked: bool


def touch(batch: Batch, account: AccountState, emails: Iterable[int]) -> None:
    """These emails' sets of mailboxes changed (JMAP sees it; IMAP's MODSEQ stays)."""
    found = list(emails)
    if found:
        account.email_state = batch.stamp(account)
        batch.execute(
            "UPDATE email SET touched = ? WHERE account = ? AND id IN (SELECT value FROM carray(?))",
            (account.email_state, account.id, ids(found)),
        )


def set_marks(
    batch: Batch, account: AccountState, box: MailboxState, rows: Sequence[Row], *, marked: bool
) -> None:
    """Mark placements of one mailbox, or take the marks away. `rows`: those that it changes for."""
    if not rows:
        return
    stamp = batch.stamp(account)
    emails = [row.email.id for row in rows]
    # The rows first: whatever is flushed after the lists have heard of it must find them as they will be.
    batch.execute(
        "UPDATE placement SET mark = ? WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?))",
        (stamp if marked else -stamp, box.id, ids(row.uid for row in rows)),
    )
    if marked:
        end_snoozes(batch, box, emails)
    changed = show_or_hide(batch, account, emails)
    touch(batch, account, (email for email in emails if email not in changed) if changed else emails)
    box.deleted += len(rows) if marked else -len(rows)
    unread = sum(is_unread(row.email.flags) for row in rows)
    box.unread += -unread if marked else unread
    entries = ((row.email.thread, row.email.key, is_unread(row.email.flags)) for row in rows)
    if marked:
        batch.lists.take_all(box.id, entries)
    else:
        batch.lists.put_all(box.id, entries)
    batch.change_mailbox(account, box)


def end_snoozes(batch: Batch, box: MailboxState, emails: Sequence[int]) -> None:
    """Whatever waits ends with its place, and so does the order in which it came back."""
    batch.write(
        "DELETE FROM snooze WHERE mailbox = ? AND email IN (SELECT value FROM carray(?))",
        (box.id, ids(emails)),
    )


def show_or_hide(batch: Batch, account: AccountState, emails: Iterable[int]) -> set[int]:
    """Hide those of these emails that are to be seen nowhere any more, and show those that are again; which
    these were. They are touched with it."""
    wanted = list(emails)
    if not wanted:
        return set()
    row = batch.one(
        """SELECT json_group_array(json_array(e.id, e.thread, e.received_at, e.hidden))
        FROM carray(?1) w CROSS JOIN email e ON e.account = ?2 AND e.id = w.value
        WHERE (e.hidden <> 0) = EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
            WHERE p.email = e.id AND p.mark <= 0)""",
        (ids(wanted), account.id),
    )
    found = values(row[0])
    if not found:
        return set()
    stamp = account.email_state = account.thread_state = batch.stamp(account)
    shown = [email for email, _, _, was_hidden in found if was_hidden]
    hidden = [email for email, _, _, was_hidden in found if not was_hidden]
    if hidden:
        bury(batch, account, hidden)
        batch.execute(
            """UPDATE email SET hidden = 1, touched = ?
            WHERE account = ? AND id IN (SELECT value FROM carray(?))""",
            (stamp, account.id, ids(hidden)),
        )
    if shown:
        batch.execute(
            """UPDATE email SET hidden = 0, created = ?, touched = ?
            WHERE account = ? AND id IN (SELECT value FROM carray(?))""",
            (stamp, stamp, account.id, ids(shown)),
        )
    lists = batch.lists
    lists.take_all(-account.id, ((thread, (at, email), False) for email, thread, at, was in found if not was))
    lists.put_all(-account.id, ((thread, (at, email), False) for email, thread, at, was in found if was))
    return {email for email, *_ in found}


def bury(batch: Batch, account: AccountState, emails: Sequence[int]) -> None:
    """Tombstones for emails that JMAP sees no more. They have not been taken away yet."""
    batch.execute(
        """INSERT INTO destroyed SELECT e.account, ?, e.id, e.created, e.thread FROM carray(?) w
        CROSS JOIN email e ON e.account = ? AND e.id = w.value""",
        (batch.stamp(account), ids(emails), account.id),
    )
