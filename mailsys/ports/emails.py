"""An account's emails wherever they lie: what is kept of them, lists of them, changing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.refusal import Refusal
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId
from mailsys.ports.patches import Snooze
from mailsys.ports.query import EmailPage, EmailQuery, QueryDelta


class Column(Enum):
    """What `fetch` can bring per email."""

    RECEIVED_AT = "received_at"  # float
    SENT_AT = "sent_at"  # float | None
    SIZE = "size"  # int
    HEADER_SIZE = "header_size"  # int
    BLOB = "blob"  # BlobId
    THREAD = "thread"  # int
    ENVELOPE = "envelope"  # bytes
    BODY = "body"  # bytes
    BODY_STRUCTURE = "body_structure"  # bytes
    HEADER = "header"  # bytes: the header block as stored, blank line included, at most 256 KiB
    SUBJECT = "subject"  # str
    SENDER = "sender"  # str
    RECIPIENTS = "recipients"  # str
    PREVIEW = "preview"  # str
    HAS_ATTACHMENT = "has_attachment"  # bool
    KEYWORDS = "keywords"  # str
    MODSEQ = "modseq"  # int
    MESSAGE_ID = "message_id"  # str | None


@dataclass(frozen=True, slots=True)
class EmailUpdate:
    """Email/set update: the whole new keywords and/or the whole new set of mailboxes (at least one).
    `snooze`: only for an email that is then in the mailbox of role SNOOZED (else NotAllowed)."""

    email: EmailId
    keywords: str | None = None
    mailboxes: tuple[MailboxId, ...] | None = None
    snooze: Snooze | None = None
    end_snooze: bool = False  # it stays where it is


@dataclass(frozen=True, slots=True)
class Woken:
    """What one call of `wake` did."""

    emails: int
    more: bool  # others are due as well
    next_due: float | None  # Unix time of the first that still waits


class IEmailStore(Interface):
    def fetch(
        account: AccountId, emails: Sequence[int], columns: Sequence[Column]
    ) -> Deferred[dict[int, tuple[object, ...]]]:
        """Columns by email id, tuples in the order of `columns`. Missing emails are left out.
        Ask for at most 1,000 emails a call."""

    def match_words(
        account: AccountId, words: Sequence[str], limit: int, prefix_last: bool = False
    ) -> Deferred[list[EmailId]]:
        """Newest emails that contain all words (full-text index, not substrings)."""

    def query(account: AccountId, query: EmailQuery) -> Deferred[EmailPage]:
        """One page of a list of emails; see `ports.query` for its cost."""

    def query_delta(
        account: AccountId, query: EmailQuery, since: int, up_to: EmailId | None, limit: int
    ) -> Deferred[QueryDelta]:
        """How the whole list of `query` differs from what it was at `since` (RFC 8620 §5.6). Removed
        may name emails that were not in it. `complete` False when it cannot be told cheaply or would
        need more than `limit` entries."""

    def thread_emails(account: AccountId, threads: Sequence[int]) -> Deferred[dict[int, tuple[EmailId, ...]]]:
        """Each thread's emails, oldest received first. Missing threads are left out."""

    def email_mailboxes(
        account: AccountId, emails: Sequence[int]
    ) -> Deferred[dict[int, tuple[MailboxId, ...]]]:
        """Where each email is placed. Missing emails are left out."""

    def update(
        account: AccountId, updates: Sequence[EmailUpdate]
    ) -> Deferred[tuple[int, dict[int, Refusal | None]]]:
        """All that can be done, in one commit with one modseq: (modseq, outcome by email id). A
        missing email or mailbox is NoSuchMailbox for that email alone."""

    def destroy(account: AccountId, emails: Sequence[int]) -> Deferred[tuple[int, tuple[EmailId, ...]]]:
        """Remove emails from every mailbox, for good; (modseq, those that existed)."""

    def snoozed(account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, Snooze]]:
        """How those emails wait that do."""

    def wake(now: float, limit: int) -> Deferred[Woken]:
        """Bring back at most `limit` emails of any account whose time has come, in one commit: out of the
        mailbox they wait in, into their target, with their keywords. There they stand in order of
        SortBy.SNOOZED_UNTIL at `now`, as long as they stay."""

    def emails_of_blob(account: AccountId, blob: BlobId) -> Deferred[list[EmailId]]:
        """RFC 9404 Blob/lookup."""

    def texts(account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, tuple[str, str]]]:
        """(subject, body text as kept for search) for snippets; at most 100 emails a call."""
