"""Which changes of mail teach the content filter something (`ports.learning`): written as a row by the job
that makes the change. The row holds the blob, so that it can still be learned when the email is gone."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Final

from mailsys.core.message.keywords import names
from mailsys.ports.mailboxes import Role
from mailsys.stores.sqlite import strangers
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.rows import integers
from mailsys.stores.sqlite.states import AccountState, MailboxState

SPAM: Final = 1
HAM: Final = 0
NEITHER: Final = None

_FILED: Final = (None, Role.ARCHIVE.value)
_SAYING: Final = frozenset(("$junk", "$notjunk", "$answered"))


def teach(batch: Batch, account: AccountState, blobs: Iterable[int], spam: int | None) -> None:
    wanted = set(blobs)
    if not wanted:
        return
    strangers.said(batch, account.id, wanted, spam)
    number = batch.number("lesson")
    numbers = ids(sorted(wanted))
    known = batch.read(
        """SELECT group_concat(l.blob) FROM carray(?) w
        CROSS JOIN lesson l ON l.account = ? AND l.blob = w.value""",
        (numbers, account.id),
    )
    batch.write(
        "INSERT OR REPLACE INTO lesson SELECT ?, value, ?, ? FROM carray(?)",
        (account.id, number, spam, numbers),
    )
    for blob in wanted.difference(integers(known[0])):
        batch.hold(blob)


def moved(
    batch: Batch, account: AccountState, source: MailboxState, target: MailboxState, blobs: Iterable[int]
) -> None:
    """A person put emails from one mailbox into another, where they were not."""
    if target.role == Role.JUNK.value:
        if source.role != Role.JUNK.value:
            teach(batch, account, blobs, SPAM)
    elif teaches_good(source, target.role):
        teach(batch, account, blobs, HAM)


def teaches_good(source: MailboxState, target: str | None) -> bool:
    """To leave `source` for a mailbox of role `target`. Drafts and sent mail are one's own."""
    if source.role == Role.JUNK.value:
        return target not in (Role.JUNK.value, Role.TRASH.value)
    return source.role == Role.INBOX.value and target in _FILED


def left(batch: Batch, account: AccountState, source: MailboxState, emails: Iterable[int]) -> None:
    """A person took emails (of those the ones that are in others still) out of a mailbox: the second half of
    a move by COPY, STORE \\Deleted and EXPUNGE. Of these, where they are to be seen decides."""
    if source.role not in (Role.JUNK.value, Role.INBOX.value):
        return
    wanted = sorted(set(emails))
    if not wanted:
        return
    roles = {box.id for box in account.mailboxes.values() if teaches_good(source, box.role)}
    if not roles:
        return
    row = batch.one(
        """SELECT group_concat(e.blob) FROM carray(?1) w
        CROSS JOIN email e ON e.account = ?2 AND e.id = w.value
        WHERE EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
            WHERE p.email = e.id AND p.mark <= 0 AND p.mailbox IN (SELECT value FROM carray(?3)))
        AND NOT EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
            WHERE p.email = e.id AND p.mark <= 0 AND p.mailbox = ?4)""",
        (ids(wanted), account.id, ids(sorted(roles)), _junk(account)),
    )
    teach(batch, account, integers(row[0]), HAM)


def said(batch: Batch, account: AccountState, emails: list[int], old: str, new: str) -> None:
    """Emails' keywords changed from `old` to `new`."""
    word = _said(old, new)
    if word is None:
        return
    row = batch.one(
        """SELECT group_concat(e.blob) FROM carray(?) w CROSS JOIN email e ON e.account = ? AND e.id = w.value
        WHERE ? OR NOT EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
            WHERE p.email = e.id AND p.mailbox = ? AND p.mark <= 0)""",
        (ids(emails), account.id, word is not _Word.ANSWERED, _junk(account)),
    )
    teach(batch, account, integers(row[0]), _TEACHES[word])


class _Word(Enum):
    JUNK = 1
    NOT_JUNK = 2
    TAKEN_BACK = 3
    ANSWERED = 4  # who answers what lies in Junk, to complain, has not said that it is good


_TEACHES: Final = {_Word.JUNK: SPAM, _Word.NOT_JUNK: HAM, _Word.TAKEN_BACK: NEITHER, _Word.ANSWERED: HAM}


@lru_cache(maxsize=1024)
def _said(old: str, new: str) -> _Word | None:
    """What a change of keywords says, if anything."""
    before, after = names(old) & _SAYING, names(new) & _SAYING
    came, went = after - before, before - after
    if "$junk" in came:
        return _Word.JUNK
    if "$notjunk" in came:
        return _Word.NOT_JUNK
    if "$junk" in went:
        return _Word.NOT_JUNK if "$notjunk" in after else _Word.TAKEN_BACK
    if "$notjunk" in went:
        return _Word.JUNK if "$junk" in after else _Word.TAKEN_BACK
    if "$answered" in came and "$junk" not in after:
        return _Word.ANSWERED
    return None


def _junk(account: AccountState) -> int:
    """The mailbox for junk; 0: there is none."""
    box = account.roles.get(Role.JUNK.value)
    return 0 if box is None else box.id
