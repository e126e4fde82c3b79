"""STORE: changing keywords of many emails with one modseq."""

# ruff: noqa: S608 statements are put together from constants here

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from mailsys.core.message import keywords as words
from mailsys.core.refusal import TooManyKeywords
from mailsys.ports.ids import EmailId
from mailsys.ports.placements import KeywordChange, KeywordsChanged
from mailsys.stores.sqlite import lessons
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.flags import KEYWORDS, MARK, SEEN, flags_of, is_unread
from mailsys.stores.sqlite.marks import Row, set_marks
from mailsys.stores.sqlite.placing import EMAIL_COLUMNS, emails_of
from mailsys.stores.sqlite.rows import integers, values
from mailsys.stores.sqlite.states import AccountState, MailboxState


@lru_cache(maxsize=256)
def _parts(change: KeywordChange) -> tuple[KeywordChange, bool | None]:
    """What a change is to emails, and to the marks of placements: set, taken away, or (None) left alone."""
    marked: bool | None = None
    if change.replace is not None:
        marked = MARK in words.names(change.replace)
    elif MARK in words.names(change.remove):
        marked = False
    elif MARK in words.names(change.add):
        marked = True
    replaced = None if change.replace is None else words.with_removed(change.replace, MARK)
    return (
        KeywordChange(
            words.with_removed(change.add, MARK), words.with_removed(change.remove, MARK), replaced
        ),
        marked,
    )


def _changed(keywords: str, change: KeywordChange) -> str:
    if change.replace is not None:
        return change.replace
    if change.add:
        keywords = words.with_added(keywords, change.add)
    if change.remove:
        keywords = words.with_removed(keywords, change.remove)
    return keywords


_FROM: Final = """FROM carray(?1) w
    CROSS JOIN email e ON e.account = ?2 AND e.id = w.value
    CROSS JOIN placement p INDEXED BY placement_email ON p.email = w.value AND p.mailbox = ?3"""
_MODSEQS: Final = "group_concat(max(e.modseq, p.modseq, abs(p.mark)))"


class _Read:
    """The rows that a change is about, in order of email: as narrow as it can do with."""

    def __init__(
        self, batch: Batch, account: AccountState, box: MailboxState, emails: Sequence[int], *, modseqs: bool
    ) -> None:
        marks = "group_concat(p.mark > 0)" if box.deleted else "NULL"
        row = batch.one(
            f"""SELECT group_concat(e.id), group_concat(e.keywords), {marks},
                {_MODSEQS if modseqs else "NULL"} {_FROM}""",
            (ids(sorted(set(emails))), account.id, box.id),
        )
        self.emails = integers(row[0])
        self.keywords = integers(row[1])
        self.marked = integers(row[2]) if box.deleted else [0] * len(self.emails)
        self.modseqs = integers(row[3]) if modseqs else [0] * len(self.emails)


def set_keywords(
    batch: Batch,
    account_id: int,
    mailbox: int,
    emails: Sequence[int],
    change: KeywordChange,
    unchanged_since: int | None,
) -> KeywordsChanged:
    account = batch.account(account_id)
    box = account.mailboxes.get(mailbox)
    if not emails or box is None:
        return KeywordsChanged(account.modseq, (), (), ())
    change, marked = _parts(change)
    found = _Read(batch, account, box, emails, modseqs=unchanged_since is not None)
    conflicts: list[EmailId] = []
    moves: dict[int, list[int]] = {}  # keyword set before -> emails
    marks: list[int] = []
    changed: dict[int, str] = {}  # email -> keywords of its row
    known: dict[int, tuple[str, str, str]] = {}  # keyword set -> before, after, and after with $deleted
    for email, number, was_marked, modseq in zip(
        found.emails, found.keywords, found.marked, found.modseqs, strict=True
    ):
        if unchanged_since is not None and modseq > unchanged_since:
            conflicts.append(EmailId(email))
            continue
        texts = known.get(number)
        if texts is None:
            old = batch.keywords_text(number)
            new = _changed(old, change)
            if words.are_too_many(new) and len(new) > len(old):
                raise TooManyKeywords
            texts = known[number] = (old, new, words.with_added(new, MARK))
        is_marked = was_marked if marked is None else marked
        if texts[0] != texts[1]:
            moves.setdefault(number, []).append(email)
        elif is_marked == was_marked:
            continue
        if is_marked != was_marked:
            marks.append(email)
        changed[email] = texts[2] if is_marked else texts[1]
    for number, moved in moves.items():
        replace(batch, account, moved, *known[number][:2])
    if marks and marked is not None:
        set_marks(batch, account, box, _rows(batch, account, box, marks), marked=marked)
    return KeywordsChanged(
        account.modseq, tuple(map(EmailId, changed)), tuple(changed.values()), tuple(conflicts)
    )


def _rows(batch: Batch, account: AccountState, box: MailboxState, emails: list[int]) -> list[Row]:
    """After what was changed about them."""
    row = batch.one(
        f"SELECT group_concat(p.uid), group_concat(p.mark > 0), {EMAIL_COLUMNS} {_FROM}",
        (ids(emails), account.id, box.id),
    )
    return list(map(Row, integers(row[0]), emails_of(batch, row[2:]), map(bool, integers(row[1]))))


def replace(batch: Batch, account: AccountState, emails: list[int], old: str, new: str) -> None:
    """Give emails that have keywords `old` the keywords `new`; counts of their mailboxes follow."""
    stamp = account.email_state = batch.stamp(account)
    before, after = flags_of(old), flags_of(new)
    numbers = ids(emails)
    batch.execute(
        f"""UPDATE email SET keywords = ?, modseq = ?, touched = ?, flags = flags & {~KEYWORDS} | ?
        WHERE account = ? AND id IN (SELECT value FROM carray(?))""",
        (batch.keywords_id(new), stamp, stamp, after, account.id, numbers),
    )
    lessons.said(batch, account, emails, old, new)
    unread = is_unread(after) - is_unread(before)
    for mailbox, rows, shown, threads in _by_mailbox(batch, account, numbers, unread):
        box = account.mailboxes[mailbox]
        box.unseen += (bool(before & SEEN) - bool(after & SEEN)) * rows
        box.unread += unread * shown
        box.unread_threads += unread * threads
        batch.change_mailbox(account, box)


def _by_mailbox(
    batch: Batch, account: AccountState, emails: Any, unread: int
) -> list[tuple[int, int, int, int]]:
    """(mailbox, how many rows of the emails, how many of these are not marked $deleted, how many threads
    become unread or read) of each mailbox that holds any. All in SQL: ten thousand rows would take three
    times as long through Python."""
    if unread == 0:
        row = batch.one(
            """SELECT json_group_array(json_array(mailbox, n)) FROM (
                SELECT p.mailbox, count(*) n FROM carray(?) w CROSS JOIN placement p ON p.email = w.value
                GROUP BY p.mailbox)""",
            (emails,),
        )
        return [(box, rows, 0, 0) for box, rows in values(row[0])]
    shown = "sum(p.mark <= 0)" if any(box.deleted for box in account.mailboxes.values()) else "count(*)"
    batch.execute(
        f"""INSERT INTO temp.unread_change SELECT p.mailbox, e.thread, count(*), {shown}
        FROM carray(?) w CROSS JOIN email e ON e.account = ? AND e.id = w.value
        CROSS JOIN placement p ON p.email = w.value GROUP BY p.mailbox, e.thread""",
        (emails, account.id),
    )
    crossing = "c.unread = 0" if unread > 0 else "c.unread = d.shown"
    row = batch.one(
        f"""SELECT json_group_array(json_array(list, n, shown, threads)) FROM (
            SELECT d.list, sum(d.count) n, sum(d.shown) shown, sum(d.shown > 0 AND {crossing}) threads
            FROM temp.unread_change d LEFT JOIN conversation c ON c.list = d.list AND c.thread = d.thread
            GROUP BY d.list)"""
    )
    batch.execute(
        """UPDATE conversation SET unread = unread + ? * (SELECT shown FROM temp.unread_change d
            WHERE d.list = conversation.list AND d.thread = conversation.thread)
        WHERE (list, thread) IN (SELECT list, thread FROM temp.unread_change WHERE shown > 0)""",
        (unread,),
    )
    batch.execute("DELETE FROM temp.unread_change")
    return [(box, rows, shown, threads) for box, rows, shown, threads in values(row[0])]
