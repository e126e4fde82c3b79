"""The tree of an account's mailboxes, with their counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId, MailboxId


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
class MailboxUpdate:
    """Properties to change; None: left alone."""

    path: str | None = None
    role: Role | None = None
    clear_role: bool = False
    subscribed: bool | None = None
    sort_order: int | None = None


class IMailboxStore(Interface):
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

    def update_mailbox(account: AccountId, mailbox: MailboxId, update: MailboxUpdate) -> Deferred[int]:
        """Any of its properties, in one commit. Refused as rename_mailbox and create_mailbox are."""
