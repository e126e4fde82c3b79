"""Copying, moving and expunging: what changes which mailboxes an email is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailsys.core.refusal import NoSuchMailbox
from mailsys.ports.mailboxes import Role
from mailsys.ports.placements import Copied
from mailsys.stores.sqlite import lessons
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.flags import SEEN, is_unread
from mailsys.stores.sqlite.marks import Row, bury, end_snoozes, show_or_hide, touch
from mailsys.stores.sqlite.placing import EMAIL_COLUMNS, NewEmail, add_email, emails_of, place
from mailsys.stores.sqlite.rows import integers
from mailsys.stores.sqlite.states import AccountState, MailboxState
from mailsys.stores.sqlite.tally import Key


def _rows(
    batch: Batch,
    account: AccountState,
    box: MailboxState,
    uids: Sequence[int] | None,
    *,
    only_marked: bool = False,
) -> list[Row]:
    """The placements of a mailbox (None: all), ascending by uid."""
    if uids is not None and not uids:
        return []
    columns = f"SELECT group_concat(p.uid), group_concat(p.mark > 0), {EMAIL_COLUMNS}"
    marked = " AND p.mark > 0" if only_marked else ""
    if uids is None:
        row = batch.one(
            f"""{columns} FROM placement p CROSS JOIN email e ON e.account = ?2 AND e.id = p.email
            WHERE p.mailbox = ?1 AND p.uid > 0{marked}""",  # in order of uid
            (box.id, account.id),
        )
    else:
        row = batch.one(
            f"""{columns} FROM (SELECT value FROM carray(?3) ORDER BY value) w
            CROSS JOIN placement p ON p.mailbox = ?1 AND p.uid = w.value{marked}
            CROSS JOIN email e ON e.account = ?2 AND e.id = p.email""",  # noqa: S608
            (box.id, account.id, ids(sorted(set(uids)))),
        )
    return list(map(Row, integers(row[0]), emails_of(batch, row[2:]), map(bool, integers(row[1]))))


def _boxes(
    batch: Batch, account_id: int, source: int, target: int
) -> tuple[AccountState, MailboxState, MailboxState]:
    account = batch.account(account_id)
    boxes = account.mailboxes
    if source not in boxes or target not in boxes:
        raise NoSuchMailbox(cause=f"account {account_id} has no mailbox {source} or {target}")
    return account, boxes[source], boxes[target]


def copy(batch: Batch, account_id: int, source: int, uids: Sequence[int], target: int) -> Copied:
    account, source_box, target_box = _boxes(batch, account_id, source, target)
    rows = _rows(batch, account, source_box, uids)
    copied = _copy(batch, account, rows, source_box, target_box)
    if target_box.role == Role.JUNK.value:  # elsewhere it tells when the source is expunged
        lessons.moved(batch, account, source_box, target_box, (row.email.blob for row in rows))
    return copied


def move(batch: Batch, account_id: int, source: int, uids: Sequence[int], target: int) -> Copied:
    """RFC 6851. A move within one mailbox gives each message a new uid."""
    account, source_box, target_box = _boxes(batch, account_id, source, target)
    rows = _rows(batch, account, source_box, uids)
    copied = _copy(batch, account, rows, source_box, target_box)
    remove(batch, account, source_box, rows)
    lessons.moved(batch, account, source_box, target_box, (row.email.blob for row in rows))
    return copied


def _copy(
    batch: Batch, account: AccountState, rows: list[Row], source: MailboxState, target: MailboxState
) -> Copied:
    if not rows:
        return Copied(target.uid_validity, (), (), account.modseq)
    there: set[int] = set()
    if source is not target:
        row = batch.one(
            """SELECT group_concat(p.email) FROM carray(?) w
            CROSS JOIN placement p ON p.email = w.value WHERE p.mailbox = ?""",
            (ids(row.email.id for row in rows), target.id),
        )
        there.update(integers(row[0]))
    again: list[int] = []
    uids: list[int] = []
    for row in rows:
        email = row.email
        if source is target or email.id in there:
            email = email._replace(id=batch.number("email"), hidden=False)
            add_email(batch, account, email)
        else:
            again.append(email.id)
        uids.append(place(batch, account, target, email))
    touch(batch, account, again)
    show_or_hide(batch, account, (row.email.id for row in rows if row.email.hidden))
    return Copied(target.uid_validity, tuple(row.uid for row in rows), tuple(uids), batch.stamp(account))


def expunge(
    batch: Batch, account_id: int, mailbox: int, uids: Sequence[int] | None, only_deleted: bool
) -> tuple[int, ...]:
    account = batch.account(account_id)
    box = account.mailboxes.get(mailbox)
    if box is None:
        raise NoSuchMailbox(cause=f"account {account_id} has no mailbox {mailbox}")
    rows = remove_placements(batch, account, box, uids, only_deleted)
    lessons.left(batch, account, box, (row.email.id for row in rows))
    return tuple(row.uid for row in rows)


def remove_placements(
    batch: Batch, account: AccountState, box: MailboxState, uids: Sequence[int] | None, only_deleted: bool
) -> list[Row]:
    """Those that there were."""
    if only_deleted and box.deleted == 0:
        return []
    rows = _rows(batch, account, box, uids, only_marked=only_deleted)
    remove(batch, account, box, rows)
    return rows


def remove(batch: Batch, account: AccountState, box: MailboxState, rows: list[Row]) -> None:
    """Take placements away, leave tombstones, destroy emails that are nowhere any more."""
    if not rows:
        return
    modseq = batch.stamp(account)
    # First of all: whatever is flushed after the lists have heard of it must find the rows gone.
    batch.execute(
        "DELETE FROM placement WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?))",
        (box.id, ids(row.uid for row in rows)),
    )
    end_snoozes(batch, box, [row.email.id for row in rows])
    gone: list[Any] = []
    shown: list[tuple[int, Key, bool]] = []
    for uid, email, marked in rows:
        flags = email.flags
        box.total -= 1
        box.size -= email.size
        box.unseen -= not flags & SEEN
        gone += (box.id, modseq, uid, email.id, email.thread)
        if marked:
            box.deleted -= 1
        else:
            unread = is_unread(flags)
            box.unread -= unread
            shown.append((email.thread, email.key, unread))
    batch.lists.take_all(box.id, shown)
    batch.insert["vanished"](gone)
    batch.change_mailbox(account, box)
    emails = {row.email.id: row.email for row in rows}
    left = batch.one(
        """SELECT group_concat(DISTINCT p.email) FROM carray(?) w
        CROSS JOIN placement p ON p.email = w.value""",
        (ids(emails),),
    )
    kept = set(integers(left[0]))
    touch(batch, account, (email for email in emails if email in kept))
    show_or_hide(batch, account, sorted(kept))
    _destroy(batch, account, [email for email in emails.values() if email.id not in kept])


def _destroy(batch: Batch, account: AccountState, emails: list[NewEmail]) -> None:
    """Emails that are in no mailbox any more. For JMAP the hidden ones were destroyed before."""
    if not emails:
        return
    seen = [email for email in emails if not email.hidden]
    if seen:
        account.email_state = account.thread_state = batch.stamp(account)
        bury(batch, account, [email.id for email in seen])
    batch.execute(
        "DELETE FROM email WHERE account = ? AND id IN (SELECT value FROM carray(?))",
        (account.id, ids(email.id for email in emails)),
    )
    batch.write(
        "DELETE FROM verdict WHERE account = ? AND email IN (SELECT value FROM carray(?))",
        (account.id, ids(email.id for email in emails)),
    )
    for email in emails:
        account.used -= email.size
        batch.hold(email.blob, -1)
        batch.insert["wording"]((email.id, account.id, 1))
    batch.lists.take_all(-account.id, ((email.thread, email.key, False) for email in seen))
    batch.touch_account(account)
