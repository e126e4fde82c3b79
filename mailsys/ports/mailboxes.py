"""The tree of an account's mailboxes, with their counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.refusal import Refusal
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
    """One mailbox with its counts. `path` joins the names from the root with "/".

    IMAP counts rows; JMAP does not see rows marked `$deleted`: its totalEmails is `total - deleted`, and
    `unread`, `threads` and `unseen_threads` leave them out."""

    id: MailboxId
    parent: MailboxId | None
    name: str  # one level, NFC, no "/"; the inbox is named "INBOX"
    path: str
    role: Role | None
    subscribed: bool
    uid_validity: int
    uid_next: int
    modseq: int  # highest modseq of anything in it (RFC 7162 HIGHESTMODSEQ)
    total: int  # rows, those marked $deleted among them (IMAP's EXISTS)
    unseen: int  # rows without $seen
    deleted: int  # rows marked $deleted (STATUS DELETED, RFC 9051)
    size: int  # octets of its messages (RFC 8438)
    threads: int = 0  # with at least one email here (RFC 8621 §2 totalThreads)
    unseen_threads: int = 0  # with an unseen, undrafted email here
    sort_order: int = 0
    created_modseq: int = 0
    changed_modseq: int = 0  # last change of anything but counts (RFC 8621 §2.2 updatedProperties)
    unread: int = 0  # neither $seen nor $draft (RFC 8621 §2 unreadEmails)


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """A mailbox to make. `key` names it within the change: others may be put below it."""

    key: str
    name: str
    parent: MailboxId | str | None = None  # a mailbox, the `key` of a new one, or None: the root
    role: Role | None = None
    sort_order: int = 0
    subscribed: bool = True


@dataclass(frozen=True, slots=True)
class MailboxPatch:
    """Properties to change; None: left alone, whatever they are in the commit."""

    mailbox: MailboxId
    name: str | None = None
    parent: MailboxId | str | None = None  # as in NewMailbox
    to_root: bool = False
    role: Role | None = None
    clear_role: bool = False
    subscribed: bool | None = None
    sort_order: int | None = None


@dataclass(frozen=True, slots=True)
class TreeChange:
    """Changes of an account's tree that are made together: the final state decides (RFC 8620 §5.3), so
    names may be swapped, and a mailbox may be destroyed with its children."""

    create: tuple[NewMailbox, ...] = ()
    update: tuple[MailboxPatch, ...] = ()
    destroy: tuple[MailboxId, ...] = ()
    remove_emails: bool = False  # destroy mailboxes that have emails in them; else MailboxHasEmails
    most_deep: int = 32  # levels


@dataclass(frozen=True, slots=True)
class TreeChanged:
    """What a commit made of the tree. `before` and `after`: the account's Mailbox state around it."""

    before: int
    after: int
    created: Mapping[str, Mailbox] = field(default_factory=dict)  # by key
    updated: Mapping[MailboxId, Mailbox] = field(default_factory=dict)
    destroyed: tuple[MailboxId, ...] = ()
    refused: Mapping[str | MailboxId, Refusal] = field(default_factory=dict)  # by key or mailbox


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

    def rename_mailbox(
        account: AccountId, mailbox: MailboxId, path: str, if_path: str | None = None
    ) -> Deferred[None]:
        """Move a mailbox with its children; missing parents are created. Uids and ids stay, and so do
        subscriptions, which are to names. StateMismatch when it is not at `if_path` in the commit.
        MailboxExists when taken; NotAllowed for the inbox or a path below itself."""

    def delete_mailbox(account: AccountId, mailbox: MailboxId, if_path: str | None = None) -> Deferred[None]:
        """MailboxHasChildren while it has any; NotAllowed for the inbox; StateMismatch when it is not at
        `if_path` in the commit. Emails only in it are destroyed. A subscription to its path outlives it
        (RFC 9051 §6.3.7)."""

    def subscribe(account: AccountId, path: str, subscribed: bool) -> Deferred[None]:
        """Also for paths that do not exist."""

    def lost_subscriptions(account: AccountId) -> Deferred[list[str]]:
        """Subscribed paths without a mailbox."""

    def change_tree(
        account: AccountId, change: TreeChange, if_state: int | None = None
    ) -> Deferred[TreeChanged]:
        """All of it that can be made together, in one commit; of two changes that want the same, the earlier
        (creates, updates, removals, each in order) stays. The cost is linear in changes and mailboxes.
        Refused, each by itself, are: what does not exist (NoSuchMailbox); a taken name (MailboxExists, whose
        `existing` is the mailbox that has it) or role (RoleTaken); a parent that is missing, or below itself,
        or too deep (NotAllowed); one more than an account may have (TooManyMailboxes); the inbox's name,
        place, role or end (NotAllowed); a mailbox with children
        (MailboxHasChildren) or emails to be seen in it (MailboxHasEmails). Subscriptions follow their
        mailboxes. StateMismatch, with nothing done, when the account's Mailbox state is not `if_state`."""
