"""Accounts, mailboxes and blobs as the writer has them in memory, changed in place by jobs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class MailboxState:
    """A mailbox as the writer knows it; changed in place, written by `Batch.flush`."""

    id: int
    account: int
    parent: int | None
    name: str
    role: str | None
    uid_validity: int
    sort_order: int
    created: int
    changed: int  # modseq of the last change of anything but counts and rows
    uid_next: int = 1
    modseq: int = 1
    total: int = 0
    unseen: int = 0
    deleted: int = 0
    size: int = 0
    recent: int = 1
    unread: int = 0  # unseen, no draft, and not marked $deleted
    threads: int = 0
    unread_threads: int = 0
    counted: int = 0  # modseq of the last change of `told`
    told: tuple[int, ...] = (0, 0, 0, 0, 0)  # counts as they were last written

    def counts(self) -> tuple[int, ...]:
        """What JMAP shows of it (RFC 8621 §2), and IMAP's unseen."""
        return (self.total - self.deleted, self.unseen, self.unread, self.threads, self.unread_threads)


@dataclass(slots=True)
class AccountState:
    id: int
    quota: int
    modseq: int
    used: int
    floor: int  # tombstones at or below this modseq may be gone
    email_state: int
    delivery_state: int
    thread_state: int
    mailbox_state: int
    mailboxes: dict[int, MailboxState]
    inbox: MailboxState
    roles: dict[str, MailboxState]
    kinds: dict[str, int] = field(default_factory=dict)  # states of kinds of objects, as far as asked for
    stamped: int = -1  # serial of the job that took the current modseq


@dataclass(slots=True)
class BlobState:
    """A blob's row; `described` once its content row exists."""

    id: int
    size: int
    refs: int
    described: bool
