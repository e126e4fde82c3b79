"""Taking responsibility for a message: everything that this means, in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.message.facts import MessageFacts
from mailsys.core.refusal import Refusal
from mailsys.core.trust.verdict import Verdict
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId, ThreadId
from mailsys.ports.mailboxes import Role
from mailsys.ports.objects import ObjectChange, ObjectsWritten
from mailsys.ports.patches import EmailPatch, EmailsPatched
from mailsys.ports.queue_items import NewQueueItem
from mailsys.ports.timeline import TimelineEntry


@dataclass(frozen=True, slots=True)
class Delivery:
    """Put the message into one account's mailboxes.

    `mailboxes` are ids or roles; a missing role's mailbox, or a missing id, falls back to the inbox
    (mail that was accepted is never dropped). A role counts as one mailbox. An email is created
    even when the account holds the same blob already.
    """

    account: AccountId
    mailboxes: tuple[MailboxId | Role, ...] = (Role.INBOX,)
    keywords: str = ""  # canonical; `$deleted` among them marks the placements, not the email
    strict: bool = False  # APPEND: a missing mailbox is refused (NoSuchMailbox) instead
    enforce_quota: bool = False  # raise OverQuota when this message does not fit
    heard_from: str = ""  # correspondent to credit with one received message, canonical or empty
    sent_to: tuple[str, ...] = ()  # correspondents to credit with one sent message each
    verdict: Verdict | None = None  # kept with the email, see IEmailStore.verdicts
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
    objects_if_state: int | None = None  # else StateMismatch: the state of the first object's kind
    # Whose mail this is, as keys of `ports.strangers`; without line breaks. Counted once, and kept with the
    # verdicts, so that what people say of the emails is counted there too.
    origin: tuple[str, ...] = ()
    sent_by: AccountId | None = None  # submitter whose correspondents `sent_to` are, though no email
    sent_to: tuple[str, ...] = ()  # of this commit is in its mailboxes; credited with one sent message each
    sends: EmailId | None = None  # of `sent_by`: NoSuchEmail, unless it is there to be seen in the commit
    # Emails of `patched_for` that change in the same commit: the draft that becomes sent mail, or goes.
    # One that is refused does not keep the message back.
    patches: tuple[EmailPatch, ...] = ()
    destroy: tuple[EmailId, ...] = ()
    patched_for: AccountId | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a commit came to. `written` when there were objects, `patched` when there were patches or emails
    to destroy."""

    delivered: tuple[Delivered, ...]  # one per Delivery, in order
    written: ObjectsWritten | None = None
    patched: EmailsPatched | None = None


class IIntake(Interface):
    def accept(acceptance: Acceptance) -> Deferred[Accepted]:
        """Take responsibility for a message: blob, emails, queue items and timeline in one commit.

        One blob however many accounts. Threads per account: by message_id/references among its
        emails and equal base_subject (RFC 8621 §3); else a new thread. Raises OverQuota or
        NoSuchMailbox (strict), NoSuchEmail, ObjectConflict or StateMismatch, with nothing done.
        """

    def accept_all(
        account: AccountId, acceptances: Sequence[Acceptance], if_state: int | None = None
    ) -> Deferred[tuple[int, int, tuple[Accepted | Refusal, ...]]]:
        """Several messages for one account in one commit (Email/set and /import of many): the account's
        Email state before and after it, and what each came to; one that is refused does not keep the
        others back. StateMismatch as in `IEmailStore.change_emails`."""
