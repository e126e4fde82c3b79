"""Mail on its way out, and the timeline of every message's way.

One queue item is one message for one destination (a remote domain, a smart host, or "local" for
mail of ours that waits: held mail, DSNs in the making). Items are leased: whoever holds the lease
works on it; when the holder dies the lease ends by itself and another takes over (at least once).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId, BlobId, EmailId, QueueId, TraceId
from mailsys.ports.intake import Acceptance
from mailsys.ports.objects import ObjectChange, ObjectsWritten
from mailsys.ports.patches import EmailPatch, EmailsPatched
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import TimelineEntry


@dataclass(frozen=True, slots=True)
class QueueItem:
    id: QueueId
    blob: BlobId
    size: int
    item: NewQueueItem  # as accepted; recipients are those of the moment
    due: float
    attempts: int
    delayed_told: bool  # a delay notice was sent
    leased_until: float
    last_error: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on an item until `until`."""

    item: QueueItem
    token: int
    until: float


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination with work due, and when its earliest item was."""

    name: str
    due: float


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """A new due time for an item that is still due when it was seen to be."""

    item: QueueId
    seen: float
    due: float


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one attempt came to; all of it happens in one commit, and the lease ends.

    When no recipient is pending any more the item leaves the queue and its blob reference with it.
    """

    recipients: tuple[QueueRecipient, ...]  # the new states, all of the item's recipients
    due: float  # next attempt, if any is pending
    error: str = ""
    delayed_told: bool = False
    count_attempt: bool = True
    accept: tuple[Acceptance, ...] = ()  # local deliveries, DSNs
    objects: tuple[ObjectChange, ...] = ()  # touched in the same commit: a submission's status moved
    timeline: tuple[TimelineEntry, ...] = ()
    bounced: tuple[str, ...] = ()  # canonical addresses that were refused for good: of the item's account's
    # correspondents they lose three sent messages each, and who was never heard from is forgotten at none


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a commit that withdrew a message did beside: to objects and to emails, where it was asked to."""

    written: ObjectsWritten | None = None
    patched: EmailsPatched | None = None


class IQueueStore(Interface):
    """The queue. Items enter through `IMailStore.accept`."""

    def due(now: float, limit: int) -> Deferred[list[Destination]]:
        """Destinations that have an unleased, unheld item due by `now`, most overdue first."""

    def next_due() -> Deferred[float | None]:
        """When the next item becomes due or its lease ends; None: the queue is empty (or all held)."""

    def lease(destination: str, now: float, seconds: float, limit: int) -> Deferred[list[Lease]]:
        """Up to `limit` due items of a destination, most overdue first, hidden from others until
        now + seconds."""

    def extend(leases: Sequence[Lease], until: float) -> Deferred[list[bool]]:
        """Keep leases longer, in one commit; False for one that was lost meanwhile (stop working on it)."""

    def end_leases(beyond: float, now: float) -> Deferred[int]:
        """Leases that end later than `beyond` were taken by a clock that was ahead: they end now. Fires with
        how many there were. A holder that lives may still settle."""

    def reschedule(changes: Sequence[Rescheduled]) -> Deferred[int]:
        """Move due times; of items that are due at another time meanwhile, leased or held, nothing. Fires
        with how many were moved."""

    def settle(lease: Lease, settlement: Settlement) -> Deferred[bool]:
        """Write what came of it. False, with nothing done, when the lease was lost meanwhile or the
        item was dropped; recipients recorded as DELIVERED are recorded all the same."""

    def items(
        limit: int, after: QueueId | None = None, account: AccountId | None = None
    ) -> Deferred[list[QueueItem]]:
        """Oldest first, in pages."""

    def item(queue: QueueId) -> Deferred[QueueItem | None]: ...

    def size() -> Deferred[int]:
        """How many items there are, held ones too."""

    def retry(queues: Sequence[QueueId], now: float) -> Deferred[int]:
        """Make due at once and unheld; fires with how many there were."""

    def hold(queues: Sequence[QueueId]) -> Deferred[int]: ...

    def drop(
        queues: Sequence[QueueId],
        now: float,
        entries: Sequence[TimelineEntry] = (),
        objects: Sequence[ObjectChange] = (),
    ) -> Deferred[int]:
        """Remove without a DSN; fires with how many there were. Timeline and objects are written in the
        same commit, unless there was none."""

    def withdraw(
        account: AccountId,
        trace: TraceId,
        entries: Sequence[TimelineEntry] = (),
        objects: Sequence[ObjectChange] = (),
        patches: Sequence[EmailPatch] = (),
        destroy: Sequence[EmailId] = (),
        objects_if_state: int | None = None,
    ) -> Deferred[Withdrawn | None]:
        """Drop all of an account's items of one message, with timeline, objects and what becomes of its
        emails (as in Acceptance) in the same commit. None, with nothing done, when there are none, or one
        was begun: an attempt was made, somebody holds (or held, and died) a lease on it, a recipient is
        settled. ObjectConflict, or StateMismatch as for an Acceptance, with nothing done."""

    def record(entries: Sequence[TimelineEntry]) -> Deferred[None]:
        """Append to timelines, outside of any other commit."""

    def timeline(trace: TraceId) -> Deferred[list[TimelineEntry]]:
        """In order of time."""

    def traces(
        address: str, account: AccountId | None, since: TraceId, before: TraceId | None, limit: int
    ) -> Deferred[list[TraceId]]:
        """Messages from `since` on, older than `before`, newest first. Traces sort by the time they were
        made. `address` (empty: any) is the envelope sender or a recipient in some step, ASCII letters in
        any case; `account` one that a step belongs to. Of a very busy address only the newest 10,000
        messages are looked through for an account."""

    def listen(wake: Callable[[], None]) -> None:
        """`wake()` is called on the reactor after a commit of this process queued something."""
