"""STORE: changing keywords of many emails with one modseq."""

from __future__ import annotations

from collections.abc import Sequence

from mailsys.core.message import keywords as words
from mailsys.ports.ids import EmailId
from mailsys.ports.mail import KeywordChange, KeywordsChanged
from mailsys.stores.sqlite.batch import Batch, ids, seen_deleted
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
        stamp = batch.stamp(account)
        batch.execute(
            """UPDATE email SET keywords = ?, modseq = ?, touched = ?
            WHERE account = ? AND id IN (SELECT value FROM carray(?))""",
            (batch.keywords_id(new), stamp, stamp, account_id, ids(found)),
        )
        counts = batch.one(
            """SELECT json_group_array(json_array(mailbox, n)) FROM (
                SELECT p.mailbox, count(*) n FROM carray(?) w CROSS JOIN placement p ON p.email = w.value
                GROUP BY p.mailbox)""",
            (ids(found),),
        )
        unseen_before, deleted_before = seen_deleted(old)
        unseen, deleted = seen_deleted(new)
        for mailbox, count in values(counts[0]):
            box = account.mailboxes[mailbox]
            box.unseen += (unseen - unseen_before) * count
            box.deleted += (deleted - deleted_before) * count
            batch.change_mailbox(account, box)
    changed.sort()
    return KeywordsChanged(account.modseq, tuple(map(EmailId, changed)), tuple(map(EmailId, conflicts)))
