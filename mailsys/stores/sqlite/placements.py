"""Copying, moving and expunging: what changes which mailboxes an email is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mailsys.core.message import keywords as words
from mailsys.core.refusal import NoSuchMailbox
from mailsys.ports.mail import Copied
from mailsys.stores.sqlite.accept import add_email, place
from mailsys.stores.sqlite.batch import AccountState, Batch, MailboxState, ids, seen_deleted
from mailsys.stores.sqlite.rows import integers, reals


class _Row(NamedTuple):
    uid: int
    email: int
    keywords: str
    size: int
    blob: int
    thread: int
    received_at: float


def _rows(batch: Batch, account: AccountState, box: MailboxState, uids: Sequence[int] | None) -> list[_Row]:
    """The placements of a mailbox (None: all), ascending by uid."""
    if uids is not None and not uids:
        return []
    columns = """SELECT group_concat(p.uid), group_concat(p.email), group_concat(e.keywords),
        group_concat(e.size), group_concat(e.blob), group_concat(e.thread), json_group_array(e.received_at)"""
    if uids is None:
        row = batch.one(
            f"""{columns} FROM placement p CROSS JOIN email e ON e.account = ?2 AND e.id = p.email
            WHERE p.mailbox = ?1""",
            (box.id, account.id),
        )
    else:
        row = batch.one(
            f"""{columns} FROM (SELECT value FROM carray(?3) ORDER BY value) w
            CROSS JOIN placement p ON p.mailbox = ?1 AND p.uid = w.value
            CROSS JOIN email e ON e.account = ?2 AND e.id = p.email""",  # noqa: S608
            (box.id, account.id, ids(sorted(set(uids)))),
        )
    uids, emails, keywords, sizes, blobs, threads = map(integers, row[:6])
    texts = map(batch.keywords_text, keywords)
    return list(map(_Row, uids, emails, texts, sizes, blobs, threads, reals(row[6])))


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
    return _copy(batch, account, _rows(batch, account, source_box, uids), source_box, target_box)


def move(batch: Batch, account_id: int, source: int, uids: Sequence[int], target: int) -> Copied:
    """RFC 6851. A move within one mailbox gives each message a new uid."""
    account, source_box, target_box = _boxes(batch, account_id, source, target)
    rows = _rows(batch, account, source_box, uids)
    copied = _copy(batch, account, rows, source_box, target_box)
    _remove(batch, account, source_box, rows)
    return copied


def _copy(
    batch: Batch, account: AccountState, rows: list[_Row], source: MailboxState, target: MailboxState
) -> Copied:
    if not rows:
        return Copied(target.uid_validity, (), (), account.modseq)
    there: set[int] = set()
    if source is not target:
        row = batch.one(
            """SELECT group_concat(p.email) FROM carray(?) w
            CROSS JOIN placement p ON p.email = w.value WHERE p.mailbox = ?""",
            (ids(row.email for row in rows), target.id),
        )
        there.update(integers(row[0]))
    again: list[int] = []
    uids: list[int] = []
    for row in rows:
        email = row.email
        if source is target or email in there:
            email = batch.number("email")
            add_email(batch, account, email, row.blob, row.thread, row.received_at, row.size, row.keywords)
        else:
            again.append(email)
        uids.append(place(batch, account, target, email, row.size, row.keywords))
    _touch(batch, account, again)
    return Copied(target.uid_validity, tuple(row.uid for row in rows), tuple(uids), batch.stamp(account))


def _touch(batch: Batch, account: AccountState, emails: Iterable[int]) -> None:
    """These emails' sets of mailboxes changed (JMAP sees it; IMAP's MODSEQ stays)."""
    found = list(emails)
    if found:
        batch.execute(
            "UPDATE email SET touched = ? WHERE account = ? AND id IN (SELECT value FROM carray(?))",
            (batch.stamp(account), account.id, ids(found)),
        )


def expunge(
    batch: Batch, account_id: int, mailbox: int, uids: Sequence[int] | None, only_deleted: bool
) -> tuple[int, ...]:
    account = batch.account(account_id)
    box = account.mailboxes.get(mailbox)
    if box is None:
        raise NoSuchMailbox(cause=f"account {account_id} has no mailbox {mailbox}")
    return remove_placements(batch, account, box, uids, only_deleted)


def remove_placements(
    batch: Batch, account: AccountState, box: MailboxState, uids: Sequence[int] | None, only_deleted: bool
) -> tuple[int, ...]:
    if only_deleted and box.deleted == 0:
        return ()
    rows = _rows(batch, account, box, uids)
    if only_deleted:
        rows = [row for row in rows if "$deleted" in words.names(row.keywords)]
    _remove(batch, account, box, rows)
    return tuple(row.uid for row in rows)


def _remove(batch: Batch, account: AccountState, box: MailboxState, rows: list[_Row]) -> None:
    """Take placements away, leave tombstones, destroy emails that are nowhere any more."""
    if not rows:
        return
    modseq = batch.stamp(account)
    gone: list[Any] = []
    for row in rows:
        unseen, deleted = seen_deleted(row.keywords)
        box.total -= 1
        box.size -= row.size
        box.unseen -= unseen
        box.deleted -= deleted
        gone += (box.id, modseq, row.uid)
    batch.insert["vanished"](gone)
    batch.change_mailbox(account, box)
    batch.execute(
        "DELETE FROM placement WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?))",
        (box.id, ids(row.uid for row in rows)),
    )
    emails = {row.email: row for row in rows}
    left = batch.one(
        """SELECT group_concat(DISTINCT p.email) FROM carray(?) w
        CROSS JOIN placement p ON p.email = w.value""",
        (ids(emails),),
    )
    kept = set(integers(left[0]))
    _touch(batch, account, (email for email in emails if email in kept))
    destroy(
        batch, account, [(row.email, row.size, row.blob) for row in emails.values() if row.email not in kept]
    )


def destroy(batch: Batch, account: AccountState, emails: list[tuple[int, int, int]]) -> None:
    """Emails (id, size, blob) that are in no mailbox any more."""
    if not emails:
        return
    modseq = batch.stamp(account)
    numbers = ids(email for email, _, _ in emails)
    batch.flush()
    batch.execute(
        """INSERT INTO destroyed SELECT e.account, ?, e.id, e.created FROM carray(?) w
        CROSS JOIN email e ON e.account = ? AND e.id = w.value""",
        (modseq, numbers, account.id),
    )
    batch.execute(
        "DELETE FROM email WHERE account = ? AND id IN (SELECT value FROM carray(?))", (account.id, numbers)
    )
    for email, size, blob in emails:
        account.used -= size
        batch.hold(blob, -1)
        batch.insert["wording"]((email, account.id, 1))
    batch.touch_account(account)
