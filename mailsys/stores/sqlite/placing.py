"""What an email is to the writer, and putting it into mailboxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.flags import SEEN, is_unread
from mailsys.stores.sqlite.rows import integers, reals
from mailsys.stores.sqlite.states import AccountState, MailboxState


class NewEmail(NamedTuple):
    """What an email is, apart from where it lies."""

    id: int
    blob: int
    thread: int
    received_at: float
    size: int
    keywords: str
    flags: int
    hidden: bool = False  # all of its placements are marked $deleted: JMAP does not see it

    @property
    def key(self) -> tuple[float, int]:
        """Its place in a list (tally.Key)."""
        return self.received_at, self.id


# Columns of `email e` for `emails_of`, aggregated.
EMAIL_COLUMNS: Final = """group_concat(e.id), group_concat(e.blob), group_concat(e.thread),
    json_group_array(e.received_at), group_concat(e.size), group_concat(e.keywords), group_concat(e.flags),
    group_concat(e.hidden)"""


def emails_of(batch: Batch, row: Sequence[Any]) -> Iterator[NewEmail]:
    numbers, blobs, threads, times, sizes, keywords, flags, hidden = row
    return map(
        NewEmail,
        integers(numbers),
        integers(blobs),
        integers(threads),
        reals(times),
        integers(sizes),
        map(batch.keywords_text, integers(keywords)),
        integers(flags),
        map(bool, integers(hidden)),
    )


def add_email(batch: Batch, account: AccountState, email: NewEmail) -> None:
    """An email without placements yet."""
    modseq = batch.stamp(account)
    if not email.hidden:
        account.email_state = account.thread_state = modseq
    batch.insert["email"](
        (
            account.id,
            email.id,
            email.blob,
            email.thread,
            email.received_at,
            email.size,
            modseq,
            batch.keywords_id(email.keywords),
            modseq,
            modseq,
            email.flags,
            email.hidden,
        )
    )
    batch.insert["wording"]((email.id, account.id, 0))
    batch.tell_arrival(account)
    batch.hold(email.blob)
    if not email.hidden:
        batch.lists.put(-account.id, email.thread, (email.received_at, email.id), False)
    account.used += email.size


def place(
    batch: Batch, account: AccountState, box: MailboxState, email: NewEmail, *, marked: bool = False
) -> int:
    """Put an email into a mailbox, marked $deleted or not; its uid."""
    modseq = batch.stamp(account)
    uid = box.uid_next
    box.uid_next += 1
    box.total += 1
    box.size += email.size
    flags = email.flags
    box.unseen += not flags & SEEN
    batch.insert["placement"]((box.id, uid, email.id, modseq, email.received_at, modseq if marked else 0))
    if marked:
        box.deleted += 1
    else:
        unread = is_unread(flags)
        box.unread += unread
        batch.lists.put(box.id, email.thread, (email.received_at, email.id), unread)
    batch.change_mailbox(account, box)
    return uid
