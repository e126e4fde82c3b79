"""Reading mailboxes: snapshots, deltas, the change log. One statement each: one consistent view."""

from __future__ import annotations

from array import array
from typing import Final

import apsw

from mailsys.core.message.keywords import with_added
from mailsys.ports.change_log import EmailChanges
from mailsys.ports.ids import EmailId
from mailsys.ports.placements import Delta, Placement, Snapshot
from mailsys.stores.sqlite.flags import MARK
from mailsys.stores.sqlite.mailboxes import TREE, tree
from mailsys.stores.sqlite.rows import integers, one, values


class KeywordTexts:
    """Keyword sets by number, as read by one or many readers. Rows never change once committed."""

    _LIMIT: Final = 20_000

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def column(self, connection: apsw.Connection, numbers: list[int]) -> list[str]:
        """`-n` is set n with `$deleted`: of a placement that is marked."""
        texts = self._texts
        missing = set(numbers) - texts.keys()
        if missing:
            if len(texts) > self._LIMIT:
                # Another thread may still be reading the old one.
                texts = self._texts = {}
                missing = set(numbers)
            row = one(
                connection,
                """SELECT json_group_array(json_array(id, words)) FROM carray(?) w
                JOIN keywords k ON k.id = w.value""",
                (apsw.carray(array("q", {abs(number) for number in missing})),),
            )
            texts.update(values(row[0]))
            texts.update({n: with_added(texts[-n], MARK) for n in missing if n < 0})
        return [texts[number] for number in numbers]


_KEYWORDS: Final = "CASE WHEN p.mark > 0 THEN -e.keywords ELSE e.keywords END"


def snapshot(connection: apsw.Connection, texts: KeywordTexts, account: int, mailbox: int) -> Snapshot | None:
    row = one(
        connection,
        f"""SELECT c.modseq, k.recent, {TREE}, x.uids, x.emails, x.modseqs, x.keywords
        FROM account_count c, mailbox m, mailbox_count k,
            (SELECT group_concat(p.uid) uids, group_concat(p.email) emails,
                group_concat(max(p.modseq, e.modseq, abs(p.mark))) modseqs,
                group_concat({_KEYWORDS}) keywords
            FROM placement p CROSS JOIN email e ON e.account = ?1 AND e.id = p.email
            WHERE p.mailbox = ?2 AND p.uid > 0) x
        WHERE c.account = ?1 AND m.id = ?2 AND m.account = ?1 AND k.mailbox = ?2""",  # noqa: S608
        (account, mailbox),
    )
    if row is None:
        return None
    modseq, recent, boxes, subscriptions, uids, emails, modseqs, keywords = row
    box = next(box for box in tree(boxes, subscriptions) if box.id == mailbox)
    return Snapshot(
        box,
        modseq,
        array("I", integers(uids)),
        array("q", integers(emails)),
        array("q", integers(modseqs)),
        texts.column(connection, integers(keywords)),
        recent,
    )


def delta(connection: apsw.Connection, texts: KeywordTexts, account: int, mailbox: int, since: int) -> Delta:
    row = one(
        connection,
        f"""SELECT c.modseq, c.floor,
            (SELECT k.uid_next FROM mailbox m JOIN mailbox_count k ON k.mailbox = m.id
             WHERE m.id = ?2 AND m.account = ?1),
            (SELECT group_concat(uid) FROM vanished WHERE mailbox = ?2 AND modseq > ?3),
            group_concat(x.uid), group_concat(x.email), group_concat(x.keywords), group_concat(x.modseq),
            group_concat(x.placed)
        FROM account_count c LEFT JOIN (
            SELECT p.uid, p.email, {_KEYWORDS} keywords, max(p.modseq, e.modseq, abs(p.mark)) modseq,
                p.modseq placed
            FROM email e INDEXED BY email_touched CROSS JOIN placement p ON p.email = e.id
            WHERE e.account = ?1 AND e.touched > ?3 AND p.mailbox = ?2
                AND max(p.modseq, e.modseq, abs(p.mark)) > ?3
            ORDER BY p.uid) x
        WHERE c.account = ?1 GROUP BY c.account""",  # noqa: S608
        (account, mailbox, since),
    )
    if row is None:
        return Delta(since, 1, (), (), (), exists=False)
    modseq, floor, uid_next, vanished, *columns = row
    if uid_next is None:
        return Delta(modseq, 1, (), (), (), exists=False)
    uids, emails, keywords, modseqs, placed = map(integers, columns)
    words = texts.column(connection, keywords) if keywords else []
    rows = list(map(Placement, uids, map(EmailId, emails), words, modseqs))
    return Delta(
        modseq,
        uid_next,
        tuple(found for found, at in zip(rows, placed, strict=True) if at > since),
        tuple(found for found, at in zip(rows, placed, strict=True) if at <= since),
        tuple(sorted(integers(vanished))),
        complete=since >= floor,
    )


def emails_changed(connection: apsw.Connection, account: int, since: int, limit: int) -> EmailChanges:
    """In order of modseq, cut between two modseqs. When one modseq alone changed more than `limit`
    emails there is no state to stop at: `complete` is False then.

    A new email stands where it was created, not where it was last changed: a page that ends between
    the two tells of its creation, the next one of its change. One that was hidden and shown again was
    there before and is there now: it is told as changed.
    """
    row = one(
        connection,
        """SELECT c.modseq, c.floor, (SELECT json_group_array(json_array(n, id, created, dead)) FROM (
            SELECT * FROM (SELECT created n, id, created, 0 dead FROM email INDEXED BY email_created
                WHERE account = ?1 AND created > ?2 AND hidden = 0 ORDER BY created LIMIT ?3 + 1)
            UNION ALL
            SELECT * FROM (SELECT touched, id, created, 0 FROM email INDEXED BY email_touched
                WHERE account = ?1 AND touched > ?2 AND created <= ?2 AND hidden = 0
                ORDER BY touched LIMIT ?3 + 1)
            UNION ALL
            SELECT * FROM (SELECT modseq, email, created, 1 FROM destroyed
                WHERE account = ?1 AND modseq > ?2 AND created <= ?2 ORDER BY modseq LIMIT ?3 + 1)
            ORDER BY 1 LIMIT ?3 + 1))
        FROM account_count c WHERE c.account = ?1""",
        (account, since, limit),
    )
    if row is None:
        return EmailChanges(since, False, (), (), (), complete=False)
    modseq, floor, text = row
    rows = values(text)
    more = len(rows) > limit
    if more:
        last = rows[-1][0]
        rows = [found for found in rows if found[0] < last]
        if not rows:
            return EmailChanges(since, True, (), (), (), complete=False)
        modseq = rows[-1][0]
    gone = {email for _, email, _, dead in rows if dead}
    alive = {email for _, email, _, dead in rows if not dead}
    return EmailChanges(
        modseq,
        more,
        tuple(EmailId(e) for _, e, created, dead in rows if not dead and created > since and e not in gone),
        tuple(EmailId(e) for _, e, created, dead in rows if not dead and (created <= since or e in gone)),
        tuple(EmailId(e) for _, e, created, dead in rows if dead and e not in alive),
        complete=since >= floor,
        last=rows[-1][0] if rows else 0,
    )
