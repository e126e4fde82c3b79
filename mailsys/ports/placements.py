"""A mailbox as IMAP sees it: rows by uid, what changes them, and what changed since a modseq.

Keywords belong to the email and are the same in all of its mailboxes. `$deleted` alone belongs to the
placement: COPY, STORE \\Deleted and EXPUNGE is how every client without MOVE moves mail, and the copy must
not be marked with it. In a Snapshot, a Placement or KeywordsChanged it stands among the row's keywords.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId, EmailId, MailboxId
from mailsys.ports.mailboxes import Mailbox
from mailsys.ports.query import TextField


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mailbox's rows in ascending uid order, as parallel columns; what IMAP's image is made of."""

    mailbox: Mailbox
    modseq: int  # the account's counter when this was read: deltas follow from here
    uids: array[int]  # 'I'
    emails: array[int]  # 'q'
    modseqs: array[int]  # 'q'; per row: the later of email and placement
    keywords: list[str]  # canonical strings, equal ones are the same object
    recent_uid: int  # uids from here on were never shown to any session (\\Recent)


@dataclass(frozen=True, slots=True)
class Placement:
    uid: int
    email: EmailId
    keywords: str
    modseq: int


@dataclass(frozen=True, slots=True)
class Delta:
    """What happened to one mailbox after a modseq."""

    modseq: int  # the account's counter now
    uid_next: int
    added: tuple[Placement, ...]  # ascending by uid
    changed: tuple[Placement, ...]  # present before, keywords changed since
    vanished: tuple[int, ...]  # uids, ascending; may name rows that came and went in between
    exists: bool = True  # False: the mailbox is gone
    complete: bool = True  # False: tombstones that far back were dropped; read a Snapshot


@dataclass(frozen=True, slots=True)
class KeywordChange:
    """STORE: exactly one of the three ways is used. `$deleted` among them is the placement's."""

    add: str = ""
    remove: str = ""
    replace: str | None = None


@dataclass(frozen=True, slots=True)
class KeywordsChanged:
    """`keywords`: of each email of `changed`, in step, as the commit left them, `$deleted` as placed."""

    modseq: int
    changed: tuple[EmailId, ...]  # now stamped with modseq (unchanged ones are left alone)
    keywords: tuple[str, ...]
    conflicts: tuple[EmailId, ...]  # modified after `unchanged_since`: not touched (RFC 7162 §3.1.3)


@dataclass(frozen=True, slots=True)
class Copied:
    """COPY and MOVE: uids in step. Emails that no longer exist are left out."""

    uid_validity: int
    source_uids: tuple[int, ...]
    target_uids: tuple[int, ...]
    modseq: int


class IPlacementStore(Interface):
    def snapshot(account: AccountId, mailbox: MailboxId) -> Deferred[Snapshot | None]: ...

    def delta(account: AccountId, mailbox: MailboxId, since: int) -> Deferred[Delta]: ...

    def claim_recent(account: AccountId, mailbox: MailboxId, uid_next: int) -> Deferred[int]:
        """Mark uids below `uid_next` as shown; fires with the mark before. No modseq is taken."""

    def set_keywords(
        account: AccountId,
        mailbox: MailboxId,
        emails: Sequence[int],
        change: KeywordChange,
        unchanged_since: int | None = None,
    ) -> Deferred[KeywordsChanged]:
        """Change keywords of many emails placed in `mailbox`, in one commit with one modseq. `$deleted` is
        set and taken on their placements there and nowhere else, every other keyword on the emails. What is
        not placed there (any more) is skipped. Conflicts are judged by the later of both modseqs."""

    def copy(
        account: AccountId, source: MailboxId, uids: Sequence[int], target: MailboxId
    ) -> Deferred[Copied]:
        """Add placements in `target`, new uids ascending in step. An email already placed there (and
        a copy within one mailbox) becomes a new email over the same blob with the same keywords."""

    def move(
        account: AccountId, source: MailboxId, uids: Sequence[int], target: MailboxId
    ) -> Deferred[Copied]:
        """Copy and expunge in one commit (RFC 6851)."""

    def expunge(
        account: AccountId, mailbox: MailboxId, uids: Sequence[int] | None, only_deleted: bool = True
    ) -> Deferred[tuple[int, ...]]:
        """Remove placements (None: all) whose email has $deleted, or any when not `only_deleted`;
        fires with the uids removed. An email without placement is destroyed."""

    def search_text(
        account: AccountId,
        mailbox: MailboxId | None,
        field: TextField,
        needle: str,
        header: str = "",
    ) -> Deferred[array[int]]:
        """Ids ('q', ascending) of emails whose field contains `needle` as a substring, compared
        case-folded with white space collapsed (RFC 9051 §6.4.4). HEADER: `header` names the field,
        an empty needle matches any email that has it."""
