"""What happened to an account after a modseq (RFC 8620 §5.2)."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId, EmailId


@dataclass(frozen=True, slots=True)
class EmailChanges:
    """What happened to an account's emails after a modseq (RFC 8620 §5.2)."""

    modseq: int  # state reached
    more: bool
    created: tuple[EmailId, ...]
    updated: tuple[EmailId, ...]
    destroyed: tuple[EmailId, ...]
    complete: bool = True
    last: int = 0  # modseq of the last change that is told; the state reached may be above it


@dataclass(frozen=True, slots=True)
class IdChanges:
    """RFC 8620 §5.2 for mailboxes and threads."""

    modseq: int
    more: bool
    created: tuple[int, ...]
    updated: tuple[int, ...]
    destroyed: tuple[int, ...]
    complete: bool = True
    last: int = 0  # as of EmailChanges
    only_counts: bool = False  # mailboxes: every update touched counts alone


class IChangeLog(Interface):
    def modseq(account: AccountId) -> Deferred[int]: ...

    def states(account: AccountId) -> Deferred[dict[str, int]]:
        """The highest modseq of each kind: "Email", "EmailDelivery" (new arrivals), "Thread",
        "Mailbox" and every kind of IObjectStore that was ever written. A kind never seen: absent (0)."""

    def emails_changed(account: AccountId, since: int, limit: int) -> Deferred[EmailChanges]: ...

    def threads_changed(account: AccountId, since: int, limit: int) -> Deferred[IdChanges]:
        """A thread changes when an email joins or leaves it."""

    def mailboxes_changed(account: AccountId, since: int, limit: int) -> Deferred[IdChanges]: ...
