"""An account's emails wherever they lie: what is kept of them, lists of them, changing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.trust.verdict import Verdict
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId
from mailsys.ports.patches import EmailPatch, EmailsPatched, Snooze
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
class Woken:
    """What one call of `wake` did."""

    emails: int
    more: bool  # others are due as well
    next_due: float | None  # Unix time of the first that still waits


class IEmailStore(Interface):
    """As JMAP sees them: an email is not there where its placement is marked `$deleted`, and not at all
    when all of them are. Lists, counts, threads, `query_delta` and the change log agree in that (one that is
    marked is destroyed, one that is unmarked is created again); `fetch` alone, which IMAP uses as well,
    brings every email, and never `$deleted` among its keywords."""

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
        """Where each email is to be seen: not where its placement is marked `$deleted`. Emails that are
        missing, or to be seen nowhere, are left out."""

    def change_emails(
        account: AccountId,
        patches: Sequence[EmailPatch] = (),
        destroy: Sequence[EmailId] = (),
        if_state: int | None = None,
    ) -> Deferred[EmailsPatched]:
        """Patch emails and remove others from every mailbox, for good: all that can be done, in one commit
        with one modseq, each judged by what it is in that commit. A missing email is refused as
        NoSuchEmail. StateMismatch, with nothing done, when the account's Email state is not `if_state`."""

    def verdicts(account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, Verdict]]:
        """What was made of those emails when they came, without `reply`. Those that came from none of the
        others' servers, or before there were verdicts, are left out. At most 1,000 emails a call."""

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
