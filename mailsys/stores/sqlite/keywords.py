"""STORE: changing keywords of many emails with one modseq."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailsys.core.message import keywords as words
from mailsys.ports.ids import EmailId
from mailsys.ports.placements import KeywordChange, KeywordsChanged
from mailsys.stores.sqlite.batch import AccountState, Batch, ids
from mailsys.stores.sqlite.flags import DELETED, KEYWORDS, SEEN, flags_of, is_unread
from mailsys.stores.sqlite.rows import integers, values


def _changed(keywords: str, change: KeywordChange) -> str:
    if change.replace is not None:
        return change.replace
    if change.add:
        keywords = words.with_added(keywords, change.add)
    if change.remove:
        keywords = words.with_removed(keywords, change.remove)
    return keywords


def set_keywords(
    batch: Batch, account_id: int, emails: Sequence[int], change: KeywordChange, unchanged_since: int | None
) -> KeywordsChanged:
    account = batch.account(account_id)
    if not emails:
        return KeywordsChanged(account.modseq, (), ())
    row = batch.one(
        """SELECT group_concat(e.id), group_concat(e.keywords), group_concat(e.modseq)
        FROM (SELECT DISTINCT value FROM carray(?1) ORDER BY value) w
        CROSS JOIN email e ON e.account = ?2 AND e.id = w.value""",
        (ids(emails), account_id),
    )
    conflicts: list[int] = []
    moves: dict[int, list[int]] = {}  # keyword set before -> emails
    for email, before, modseq in zip(integers(row[0]), integers(row[1]), integers(row[2]), strict=True):
        if unchanged_since is not None and modseq > unchanged_since:
            conflicts.append(email)
        else:
            moves.setdefault(before, []).append(email)
    changed: list[int] = []
    for before, found in moves.items():
        old = batch.keywords_text(before)
        new = _changed(old, change)
        if new == old:
            continue
        changed += found
        replace(batch, account, found, old, new)
    changed.sort()
    return KeywordsChanged(account.modseq, tuple(map(EmailId, changed)), tuple(map(EmailId, conflicts)))


def replace(batch: Batch, account: AccountState, emails: list[int], old: str, new: str) -> None:
    """Give emails that have keywords `old` the keywords `new`; counts of their mailboxes follow."""
    stamp = account.email_state = batch.stamp(account)
    before, after = flags_of(old), flags_of(new)
    numbers = ids(emails)
    batch.execute(
        f"""UPDATE email SET keywords = ?, modseq = ?, touched = ?, flags = flags & {~KEYWORDS} | ?
        WHERE account = ? AND id IN (SELECT value FROM carray(?))""",  # noqa: S608
        (batch.keywords_id(new), stamp, stamp, after, account.id, numbers),
    )
    unread = is_unread(after) - is_unread(before)
    for mailbox, count, threads in _by_mailbox(batch, account, numbers, unread):
        box = account.mailboxes[mailbox]
        box.unseen += (bool(before & SEEN) - bool(after & SEEN)) * count
        box.deleted += (bool(after & DELETED) - bool(before & DELETED)) * count
        box.unread += unread * count
        box.unread_threads += unread * threads
        batch.change_mailbox(account, box)


def _by_mailbox(batch: Batch, account: AccountState, emails: Any, unread: int) -> list[tuple[int, int, int]]:
    """(mailbox, how many of the emails, how many threads become unread or read) of each mailbox that
    holds any. All in SQL: ten thousand rows would take three times as long through Python."""
    if unread == 0:
        row = batch.one(
            """SELECT json_group_array(json_array(mailbox, n, 0)) FROM (
                SELECT p.mailbox, count(*) n FROM carray(?) w CROSS JOIN placement p ON p.email = w.value
                GROUP BY p.mailbox)""",
            (emails,),
        )
        return [(box, count, threads) for box, count, threads in values(row[0])]
    batch.execute(
        """INSERT INTO temp.unread_change SELECT p.mailbox, e.thread, count(*) FROM carray(?) w
        CROSS JOIN email e ON e.account = ? AND e.id = w.value
        CROSS JOIN placement p ON p.email = w.value GROUP BY p.mailbox, e.thread""",
        (emails, account.id),
    )
    crossing = "c.unread = 0" if unread > 0 else "c.unread = d.count"
    row = batch.one(
        f"""SELECT json_group_array(json_array(list, n, threads)) FROM (
            SELECT d.list, sum(d.count) n, sum({crossing}) threads FROM temp.unread_change d
            CROSS JOIN conversation c ON c.list = d.list AND c.thread = d.thread GROUP BY d.list)"""  # noqa: S608
    )
    batch.execute(
        """UPDATE conversation SET unread = unread + ? * (SELECT count FROM temp.unread_change d
            WHERE d.list = conversation.list AND d.thread = conversation.thread)
        WHERE (list, thread) IN (SELECT list, thread FROM temp.unread_change)""",
        (unread,),
    )
    batch.execute("DELETE FROM temp.unread_change")
    return [(box, count, threads) for box, count, threads in values(row[0])]
