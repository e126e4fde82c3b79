"""Mailboxes, emails and what changes them.

Each account has one counter, `modseq`. Every commit that changes its mail takes the next number
and stamps with it all that it touched. **Order of modseq is order of visibility**: whoever has
seen number n sees everything below n, so `changes since n` misses nothing, on every store.

Methods that write fire once the change would survive a power cut, after the change has been told
to `IEvents`. A method handed a mailbox or email that is not the given account's treats it as
missing: nobody reaches what is another's by number.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.message.facts import MessageFacts
from mailsys.core.refusal import Refusal
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId, ThreadId
from mailsys.ports.objects import ObjectChange
from mailsys.ports.query import EmailPage, EmailQuery, QueryDelta
from mailsys.ports.queue import NewQueueItem, TimelineEntry


class Role(Enum):
    """What a mailbox is for (RFC 8621 §2, RFC 6154)."""

    INBOX = "inbox"
    ARCHIVE = "archive"
    DRAFTS = "drafts"
    SENT = "sent"
    JUNK = "junk"
    TRASH = "trash"
    SNOOZED = "snoozed"  # mail that waits for a time to come back


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox with its counts. `path` joins the names from the root with "/"."""

    id: MailboxId
    parent: MailboxId | None
    name: str  # one level, NFC, no "/"; the inbox is named "INBOX"
    path: str
    role: Role | None
    subscribed: bool
    uid_validity: int
    uid_next: int
    modseq: int  # highest modseq of anything in it (RFC 7162 HIGHESTMODSEQ)
    total: int
    unseen: int  # emails without $seen
    deleted: int  # emails with $deleted (STATUS DELETED, RFC 9051)
    size: int  # octets of its messages (RFC 8438)
    threads: int = 0  # with at least one email here (RFC 8621 §2 totalThreads)
    unseen_threads: int = 0  # with an unseen, undrafted email here
    sort_order: int = 0
    created_modseq: int = 0
    changed_modseq: int = 0  # last change of anything but counts (RFC 8621 §2.2 updatedProperties)
    unread: int = 0  # neither $seen nor $draft (RFC 8621 §2 unreadEmails)


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


class TextField(Enum):
    """Where a text search looks."""

    SUBJECT = "subject"
    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    HEADER = "header"  # one named field
    BODY = "body"
    TEXT = "text"  # header or body


@dataclass(frozen=True, slots=True)
class Delivery:
    """Put the message into one account's mailboxes.

    `mailboxes` are ids or roles; a missing role's mailbox, or a missing id, falls back to the inbox
    (mail that was accepted is never dropped). A role counts as one mailbox. An email is created
    even when the account holds the same blob already.
    """

    account: AccountId
    mailboxes: tuple[MailboxId | Role, ...] = (Role.INBOX,)
    keywords: str = ""  # canonical
    strict: bool = False  # APPEND: a missing mailbox is refused (NoSuchMailbox) instead
    enforce_quota: bool = False  # raise OverQuota when this message does not fit
    heard_from: str = ""  # correspondent to credit with one received message, canonical or empty
    sent_to: tuple[str, ...] = ()  # correspondents to credit with one sent message each
    heed_mute: bool = False  # into the archive instead of the inbox, with $muted, when its thread has that


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a delivery ended: one per Delivery, in order."""

    account: AccountId
    email: EmailId
    thread: ThreadId
    placements: tuple[tuple[MailboxId, int, int], ...]  # mailbox, uid_validity, uid
    modseq: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """All that taking responsibility for one message means, done in one commit or not at all."""

    blob: StagedBlob | BlobId  # a BlobId must be referenced by a live email or queue item
    facts: MessageFacts | None  # required when there are deliveries
    received_at: float
    deliveries: tuple[Delivery, ...] = ()
    queued: tuple[NewQueueItem, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    header: bytes = b""  # the header block (at most 256 KiB of it), blank line included
    objects: tuple[ObjectChange, ...] = ()  # written in the same commit (an EmailSubmission)
    sent_by: AccountId | None = None  # submitter whose correspondents `sent_to` are, though no email
    sent_to: tuple[str, ...] = ()  # of this commit is in its mailboxes; credited with one sent message each


@dataclass(frozen=True, slots=True)
class KeywordChange:
    """STORE: exactly one of the three ways is used."""

    add: str = ""
    remove: str = ""
    replace: str | None = None


@dataclass(frozen=True, slots=True)
class KeywordsChanged:
    modseq: int
    changed: tuple[EmailId, ...]  # now stamped with modseq (unchanged ones are left alone)
    conflicts: tuple[EmailId, ...]  # modified after `unchanged_since`: not touched (RFC 7162 §3.1.3)


@dataclass(frozen=True, slots=True)
class Copied:
    """COPY and MOVE: uids in step. Emails that no longer exist are left out."""

    uid_validity: int
    source_uids: tuple[int, ...]
    target_uids: tuple[int, ...]
    modseq: int


@dataclass(frozen=True, slots=True)
class EmailChanges:
    """What happened to an account's emails after a modseq (RFC 8620 §5.2)."""

    modseq: int  # state reached
    more: bool
    created: tuple[EmailId, ...]
    updated: tuple[EmailId, ...]
    destroyed: tuple[EmailId, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class IdChanges:
    """RFC 8620 §5.2 for mailboxes and threads."""

    modseq: int
    more: bool
    created: tuple[int, ...]
    updated: tuple[int, ...]
    destroyed: tuple[int, ...]
    complete: bool = True
    only_counts: bool = False  # mailboxes: every update touched counts alone


@dataclass(frozen=True, slots=True)
class Snooze:
    """How an email waits in the mailbox of role SNOOZED. It ends when the email leaves that mailbox, by
    whatever way."""

    until: float  # Unix time
    target: MailboxId | None = None  # where it goes then; None, or a mailbox that is gone: the inbox
    add: str = "$new"  # canonical keywords, set and taken then
    remove: str = "$seen"


@dataclass(frozen=True, slots=True)
class Woken:
    """What one call of `wake` did."""

    emails: int
    more: bool  # others are due as well
    next_due: float | None  # Unix time of the first that still waits


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
class MailboxUpdate:
    """Properties to change; None: left alone."""

    path: str | None = None
    role: Role | None = None
    clear_role: bool = False
    subscribed: bool | None = None
    sort_order: int | None = None


@dataclass(frozen=True, slots=True)
class Correspondent:
    address: str
    name: str
    sent: int
    received: int


class IMailStore(Interface):
    # -- taking mail ---------------------------------------------------------------------------

    def accept(acceptance: Acceptance) -> Deferred[tuple[Delivered, ...]]:
        """Take responsibility for a message: blob, emails, queue items and timeline in one commit.

        One blob however many accounts. Threads per account: by message_id/references among its
        emails and equal base_subject (RFC 8621 §3); else a new thread. Raises OverQuota or
        NoSuchMailbox (strict) with nothing done.
        """

    # -- mailboxes -----------------------------------------------------------------------------

    def mailboxes(account: AccountId) -> Deferred[list[Mailbox]]:
        """All of an account's, ordered by path, INBOX first."""

    def mailbox(account: AccountId, mailbox: MailboxId) -> Deferred[Mailbox | None]: ...

    def create_mailbox(
        account: AccountId,
        path: str,
        role: Role | None = None,
        *,
        subscribed: bool | None = None,
        sort_order: int = 0,
    ) -> Deferred[Mailbox]:
        """Create it and the parents it lacks, in one commit. MailboxExists when the path (or the role) is
        taken. Without `subscribed` a subscription to its path stays as it is."""

    def rename_mailbox(account: AccountId, mailbox: MailboxId, path: str) -> Deferred[None]:
        """Move a mailbox with its children; missing parents are created. Uids and ids stay.
        MailboxExists when taken; NotAllowed for the inbox or a path below itself."""

    def delete_mailbox(account: AccountId, mailbox: MailboxId) -> Deferred[None]:
        """MailboxHasChildren while it has any; NotAllowed for the inbox. Emails only in it are
        destroyed. A subscription to its path outlives it (RFC 9051 §6.3.7)."""

    def subscribe(account: AccountId, path: str, subscribed: bool) -> Deferred[None]:
        """Also for paths that do not exist."""

    def lost_subscriptions(account: AccountId) -> Deferred[list[str]]:
        """Subscribed paths without a mailbox."""

    # -- a mailbox's rows ------------------------------------------------------------------------

    def snapshot(account: AccountId, mailbox: MailboxId) -> Deferred[Snapshot | None]: ...

    def delta(account: AccountId, mailbox: MailboxId, since: int) -> Deferred[Delta]: ...

    def claim_recent(account: AccountId, mailbox: MailboxId, uid_next: int) -> Deferred[int]:
        """Mark uids below `uid_next` as shown; fires with the mark before. No modseq is taken."""

    def set_keywords(
        account: AccountId, emails: Sequence[int], change: KeywordChange, unchanged_since: int | None = None
    ) -> Deferred[KeywordsChanged]:
        """Change keywords of many emails in one commit with one modseq. Missing ones are skipped."""

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

    # -- emails -----------------------------------------------------------------------------------

    def fetch(
        account: AccountId, emails: Sequence[int], columns: Sequence[Column]
    ) -> Deferred[dict[int, tuple[object, ...]]]:
        """Columns by email id, tuples in the order of `columns`. Missing emails are left out.
        Ask for at most 1,000 emails a call."""

    def holds(account: AccountId, blob: BlobId) -> Deferred[bool]:
        """Whether the account has an email over this blob: the right to read it."""

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

    def match_words(
        account: AccountId, words: Sequence[str], limit: int, prefix_last: bool = False
    ) -> Deferred[list[EmailId]]:
        """Newest emails that contain all words (full-text index, not substrings)."""

    def emails_changed(account: AccountId, since: int, limit: int) -> Deferred[EmailChanges]: ...

    # -- JMAP's ways in ----------------------------------------------------------------------------

    def states(account: AccountId) -> Deferred[dict[str, int]]:
        """The highest modseq of each kind: "Email", "EmailDelivery" (new arrivals), "Thread",
        "Mailbox" and every kind of IObjectStore that was ever written. A kind never seen: absent (0)."""

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

    def threads_changed(account: AccountId, since: int, limit: int) -> Deferred[IdChanges]:
        """A thread changes when an email joins or leaves it."""

    def mailboxes_changed(account: AccountId, since: int, limit: int) -> Deferred[IdChanges]: ...

    def update(
        account: AccountId, updates: Sequence[EmailUpdate]
    ) -> Deferred[tuple[int, dict[int, Refusal | None]]]:
        """All that can be done, in one commit with one modseq: (modseq, outcome by email id). A
        missing email or mailbox is NoSuchMailbox for that email alone."""

    def destroy(account: AccountId, emails: Sequence[int]) -> Deferred[tuple[int, tuple[EmailId, ...]]]:
        """Remove emails from every mailbox, for good; (modseq, those that existed)."""

    def update_mailbox(account: AccountId, mailbox: MailboxId, update: MailboxUpdate) -> Deferred[int]:
        """Any of its properties, in one commit. Refused as rename_mailbox and create_mailbox are."""

    def snoozed(account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, Snooze]]:
        """How those emails wait that do."""

    def wake(now: float, limit: int) -> Deferred[Woken]:
        """Bring back at most `limit` emails of any account whose time has come, in one commit: out of the
        mailbox they wait in, into their target, with their keywords. There they stand in order of
        SortBy.SNOOZED_UNTIL at `now`, as long as they stay."""

    def hold(account: AccountId, blob: StagedBlob | BlobId, media_type: str, until: float) -> Deferred[None]:
        """Keep an upload, or a blob that it may read, readable by this account until then (RFC 8620
        §6.1). Held already: the later of both times."""

    def let_go(account: AccountId, blob: BlobId, until: float) -> Deferred[None]:
        """Keep an upload until then at the most; nothing happens when it is none, or ends before."""

    def held_type(account: AccountId, blob: BlobId) -> Deferred[str | None]:
        """The media type of an upload that the account holds; `holds` is true for uploads as well."""

    def emails_of_blob(account: AccountId, blob: BlobId) -> Deferred[list[EmailId]]:
        """RFC 9404 Blob/lookup."""

    def texts(account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, tuple[str, str]]]:
        """(subject, body text as kept for search) for snippets; at most 100 emails a call."""

    # -- account ----------------------------------------------------------------------------------

    def modseq(account: AccountId) -> Deferred[int]: ...

    def correspondents(account: AccountId, prefix: str, limit: int) -> Deferred[list[Correspondent]]:
        """Address or name starting with prefix (taken literally), by 3*sent + received, descending."""

    def known_correspondents(account: AccountId, addresses: Sequence[str]) -> Deferred[list[Correspondent]]:
        """Those of these addresses (canonical, at most 1,000) that it wrote to or heard from."""

    def integrity() -> Deferred[list[str]]:
        """Check the whole store; fires with complaints, empty when all is well."""
