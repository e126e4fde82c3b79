"""One mailbox in memory, shared by all the sessions of this process that have it selected.

An image is a `Snapshot` kept current by the change log: parallel arrays of uid, email, modseq and
keywords. It is told of commits by `IEvents` and then reads what changed with `IPlacementStore.delta`;
one such read is in flight at a time, and another follows when more was heard meanwhile.

An answer that tells what happened since a client was here last must be of one moment. `since` is such
a moment: one read says what happened, and brings the arrays to exactly there.

Arrays only ever grow at their end while sessions hold them. An expunge replaces them by shorter
copies (`uids` becomes another object), so a session that was not told yet keeps its own numbering
by keeping the old array: thousands of sessions share one, and none needs a copy of its own.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NewType, Protocol

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from mailsys.core.message.keywords import SYSTEM, names, with_added, with_removed
from mailsys.core.refusal import NoSuchMailbox
from mailsys.log import Log
from mailsys.ports.ids import AccountId, MailboxId
from mailsys.ports.placements import (
    Delta,
    IPlacementStore,
    KeywordChange,
    KeywordsChanged,
    Placement,
    Snapshot,
)

log = Log("mailboxes")

# Where a message's values stand in an image's arrays at this moment. Not a position in what a session
# has told its client (`core.imap.view.Position`): the two agree only while nothing is left to tell.
Row = NewType("Row", int)

SLICE = 2000  # rows of a delta that are worked in before other work gets its turn
SPACING = 0.005  # seconds between delta reads that nobody waits for
RETRY = 1.0  # seconds until a failed read is tried again for sessions in IDLE
TURN = 0.004  # seconds of telling sessions before other work gets its turn
WORDS = 5_000  # keywords of a mailbox that are announced to its sessions
LOG_UIDS = 20_000  # changed uids remembered for sessions that lag behind; beyond it they compare rows


_SYSTEM = frozenset(SYSTEM.values())


class Watcher(Protocol):
    """A session that has the image's mailbox selected."""

    def image_changed(self) -> None:
        """There is news. Called on the reactor; must not raise, must not take long."""


class Image:
    """See the module. `modseq` is the account's counter up to which the arrays are current."""

    __slots__ = (
        "_alone",
        "_before",
        "_clock",
        "_floor",
        "_hold",
        "_log",
        "_log_size",
        "_mail",
        "_reading",
        "_reads",
        "_timer",
        "_waiting",
        "_watchers",
        "account",
        "emails",
        "exists",
        "heard",
        "highest_modseq",
        "keywords",
        "mailbox",
        "modseq",
        "modseqs",
        "next_read",
        "recent_uid",
        "uid_next",
        "uid_validity",
        "uids",
        "unsaved_recent",
        "words",
    )

    def __init__(
        self, account: AccountId, snapshot: Snapshot, mail: IPlacementStore, clock: IReactorTime
    ) -> None:
        self._mail = mail
        self._clock = clock
        self._watchers: set[Watcher] = set()
        self._waiting: list[Deferred[None]] = []
        self._reading = False  # by `_catch_up`
        self._reads = DeferredLock()  # held while a delta is read and worked in
        self._timer: IDelayedCall | None = None
        self._hold = 0  # local writes under way, whose effect is worked in without reading it back
        self.next_read = 0.0
        self.account = account
        self.mailbox: MailboxId = snapshot.mailbox.id
        self.exists = True
        self._load(snapshot)

    def _load(self, snapshot: Snapshot) -> None:
        self.uid_validity = snapshot.mailbox.uid_validity
        self.uid_next = snapshot.mailbox.uid_next
        self.highest_modseq = snapshot.mailbox.modseq
        self.modseq = self.heard = self._before = snapshot.modseq
        self._alone = False
        self.uids = snapshot.uids
        self.emails = snapshot.emails
        self.modseqs = snapshot.modseqs
        self.keywords = snapshot.keywords
        self.recent_uid = snapshot.recent_uid
        self.unsaved_recent = False
        self.words: set[str] = set()  # keywords that messages have or lately had, system flags aside
        self._learn(set(snapshot.keywords))
        # (modseq, uids whose keywords changed), ascending; complete for everything above `_floor`
        self._log: deque[tuple[int, Sequence[int]]] = deque()
        self._log_size = 0
        self._floor = snapshot.modseq

    # -- who looks at it -------------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers:
            self.rest()

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    @property
    def at_rest(self) -> bool:
        """Nobody looks at it, and nobody is about to."""
        return not (self._watchers or self._waiting or self._reads.locked)

    # -- reading it ------------------------------------------------------------------------------

    def row(self, uid: int) -> Row | None:
        """Where `uid` is now; None when it is gone."""
        at = bisect_left(self.uids, uid)
        return Row(at) if at < len(self.uids) and self.uids[at] == uid else None

    def changed_since(self, modseq: int) -> list[int]:
        """Uids of rows whose keywords changed after `modseq`, ascending."""
        if modseq >= self.modseq:
            return []
        if modseq < self._floor:
            uids = self.uids
            return [uids[at] for at, value in enumerate(self.modseqs) if value > modseq]
        found: set[int] = set()
        for stamp, uids_then in reversed(self._log):
            if stamp <= modseq:
                break
            found.update(uids_then)
        return sorted(found)

    def rows_since(self, modseq: int) -> list[Row]:
        """Rows that came or changed after `modseq`, ascending."""
        return [Row(at) for at, value in enumerate(self.modseqs) if value > modseq]

    def first_unseen(self) -> Row | None:
        """The first row without $seen (RFC 3501 §6.3.1 UNSEEN)."""
        unseen = {one for one in set(self.keywords) if "$seen" not in names(one)}
        if not unseen:
            return None
        return next((Row(at) for at, keywords in enumerate(self.keywords) if keywords in unseen), None)

    def current(self) -> Deferred[None]:
        """Fires once everything heard of until now is worked in. Fails when the store does."""
        waiting: Deferred[None] = Deferred()
        if not self._behind:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
            self._read()
        return waiting

    def reach(self, modseq: int) -> Deferred[None]:
        """`current`, and at least up to a commit of which the caller knows, heard of or not."""
        if modseq > self.heard:
            self._alone = False
            self.heard = modseq
        return self.current()

    async def since(self, modseq: int) -> Delta:
        """What happened after `modseq` (or more), and the arrays are exactly where the delta ends: until
        the caller awaits something they agree with it. Raises NoSuchMailbox.

        `complete` False: the store's record does not reach back; the arrays are as good, but all that is
        known of what vanished is that it is not in them.
        """
        await self._reads.acquire()
        try:
            start = min(modseq, self.modseq)
            delta = await self._mail.delta(self.account, self.mailbox, start)
            await self._work_in(delta, start)
        finally:
            # Not now: who waits for it would change the arrays before the caller has looked.
            self._clock.callLater(0, self._since_done)
        if not self.exists:
            raise NoSuchMailbox
        return delta

    def _since_done(self) -> None:
        self._reads.release()
        if self._behind:
            self._read()
        else:
            self._reached()

    @property
    def _behind(self) -> bool:
        return self.modseq < self.heard

    def take_recent(self) -> tuple[int, int]:
        """Claim for one session the uids that no session was shown (RFC 3501 §2.3.2 \\Recent).

        The claim is written down later (`save_recent`): a crash may show a message as recent twice.
        """
        first, self.recent_uid = self.recent_uid, max(self.recent_uid, self.uid_next)
        if first < self.recent_uid:
            self.unsaved_recent = True
        return first, self.recent_uid

    async def save_recent(self) -> None:
        if self.unsaved_recent:
            self.unsaved_recent = False
            with suppress(NoSuchMailbox):  # deleted meanwhile: nobody will ask
                await self._mail.claim_recent(self.account, self.mailbox, self.recent_uid)

    # -- changing it -----------------------------------------------------------------------------

    async def set_keywords(
        self, rows: Sequence[Row], change: KeywordChange, unchanged_since: int | None = None
    ) -> tuple[KeywordsChanged, bool]:
        """`IPlacementStore.set_keywords` of the messages in `rows`, worked in here before this returns;
        and whether it was the only change since `modseq` stood where it stood at the call."""
        numbered, before = self.uids, self.modseq
        only = False
        emails = [self.emails[at] for at in rows]
        self._hold += 1
        try:
            done = await self._mail.set_keywords(self.account, self.mailbox, emails, change, unchanged_since)
        finally:
            self._hold -= 1
        if done.changed:
            # Ours is the only commit since the arrays were read: no need to read back our own write.
            alone = self.heard == done.modseq and self._alone and self._before <= self.modseq
            quiet = self.uids is numbered and not self._reads.locked and not self._hold
            if alone and quiet and self.modseq < done.modseq:
                only = self.modseq == before  # a read that was in flight may have brought others' changes
                self._apply(done, rows)
            else:
                await self.reach(done.modseq)
        self._read()
        return done, only

    def _apply(self, done: KeywordsChanged, rows: Sequence[Row]) -> None:
        emails, keywords, modseqs, uids = self.emails, self.keywords, self.modseqs, self.uids
        stamp = done.modseq
        touched: list[int] = []
        known = {text: text for text in set(done.keywords)}  # equal ones are one object
        after: dict[int, str] = dict(zip(done.changed, done.keywords, strict=True))
        for at in rows:
            text = after.get(emails[at])
            if text is not None:
                keywords[at] = known[text]
                modseqs[at] = stamp
                touched.append(uids[at])
        self._learn(known)
        self.modseq = stamp
        self.highest_modseq = max(self.highest_modseq, stamp)
        self._remember(stamp, touched)
        self._reached()

    # -- being told ------------------------------------------------------------------------------

    def hear(self, modseq: int, alone: bool = False) -> None:
        """The mailbox changed in a commit up to `modseq`; `alone`: no other modseq is told by that
        event (a group commit tells of many at once)."""
        if modseq > self.heard:
            self._before = self.heard
            self._alone = alone
            self.heard = modseq

    def follow(self) -> None:
        """Read what was heard, when somebody looks."""
        if self.heard > self.modseq and self._watchers:
            self._read(patient=True)

    def _read(self, patient: bool = False) -> None:
        """`patient`: it may be a little later."""
        if self._reading or self._hold or not self._behind:
            return
        if patient:
            wait = self.next_read - self._clock.seconds()
            if wait > 0:
                if self._timer is None:
                    self._timer = self._clock.callLater(wait, self._late)
                return
        self._reading = True
        Deferred.fromCoroutine(self._catch_up())

    def _late(self) -> None:
        self._timer = None
        self._read()

    def rest(self) -> None:
        """Nobody looks at it: read nothing until somebody does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _catch_up(self) -> None:
        await self._reads.acquire()
        try:
            while self.exists and self._behind:
                start = self.modseq
                await self._work_in(await self._mail.delta(self.account, self.mailbox, start), start)
        except Exception as problem:
            log.error("image not current", problem, account=self.account, mailbox=self.mailbox)
            self._reading = False
            self._reads.release()
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.errback(problem)
            if self._watchers and self._timer is None:  # nobody may ask, but idle sessions wait for it
                self._timer = self._clock.callLater(RETRY, self._late)
            return
        self._reading = False
        self.next_read = self._clock.seconds() + SPACING
        self._reached()
        self._reads.release()

    def _reached(self) -> None:
        """The arrays are current."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
        self._tell(tuple(self._watchers))

    async def _work_in(self, delta: Delta, start: int) -> None:
        """`start`: the modseq from which the delta tells."""
        if not delta.exists:
            self.exists = False
            return
        if not delta.complete:
            await self._reload()
            return
        heard = self.heard  # the mailbox's own highest, as far as this delta reaches
        known = self.modseq
        fresh = [row for row in (*delta.changed, *delta.added) if row.modseq > known]
        touched = await self._merge(fresh) if fresh else []
        gone = self._rows_of(delta.vanished)
        if gone:
            self._remove(gone)
        highest = max([row.modseq for row in fresh], default=0)
        if fresh or gone or (delta.vanished and start == known):
            highest = max(highest, min(heard, delta.modseq))
        self.highest_modseq = max(self.highest_modseq, highest)  # only now: a part of it is no state
        self.uid_next = max(self.uid_next, delta.uid_next)
        if touched:
            self._remember(delta.modseq, touched)
        self.modseq = max(self.modseq, delta.modseq)

    async def _merge(self, placements: Sequence[Placement]) -> list[int]:
        """Work rows in; gives the uids of those that were here before."""
        touched: list[int] = []
        intern: dict[str, str] = {}
        for start in range(0, len(placements), SLICE):
            if start:
                await deferLater(self._clock, 0)
            uids, emails, modseqs, keywords = self.uids, self.emails, self.modseqs, self.keywords
            last = uids[-1] if uids else 0
            for row in placements[start : start + SLICE]:
                text = intern.setdefault(row.keywords, row.keywords)
                if row.uid > last:
                    last = row.uid
                    uids.append(last)
                    emails.append(row.email)
                    modseqs.append(row.modseq)
                    keywords.append(text)
                    continue
                at = self.row(row.uid)
                if at is None or modseqs[at] >= row.modseq:
                    continue
                keywords[at] = text
                modseqs[at] = row.modseq
                touched.append(row.uid)
        self._learn(intern)
        return touched

    def _learn(self, keywords: Iterable[str]) -> None:
        for one in keywords:
            if one and len(self.words) < WORDS:
                self.words |= names(one) - _SYSTEM

    def _rows_of(self, uids: Sequence[int]) -> list[Row]:
        """Of those that are here, ascending."""
        if len(uids) * 16 > len(self.uids):
            wanted = set(uids)
            return [Row(at) for at, uid in enumerate(self.uids) if uid in wanted]
        return [at for at in map(self.row, uids) if at is not None]

    def _remove(self, gone: Sequence[Row]) -> None:
        self.uids = _without(self.uids, gone)
        self.emails = _without(self.emails, gone)
        self.modseqs = _without(self.modseqs, gone)
        keywords: list[str] = []
        start = 0
        for at in gone:
            keywords += self.keywords[start:at]
            start = at + 1
        keywords += self.keywords[start:]
        self.keywords = keywords

    async def _reload(self) -> None:
        """The change log does not reach back far enough: read all of it anew."""
        snapshot = await self._mail.snapshot(self.account, self.mailbox)
        if snapshot is None:
            self.exists = False
            return
        heard, recent, unsaved = self.heard, self.recent_uid, self.unsaved_recent
        self._load(snapshot)
        self.heard = max(heard, self.modseq)
        self.recent_uid, self.unsaved_recent = max(recent, self.recent_uid), unsaved

    def _remember(self, modseq: int, uids: Sequence[int]) -> None:
        self._log.append((modseq, uids))
        self._log_size += len(uids)
        while self._log_size > LOG_UIDS:
            self._floor, dropped = self._log.popleft()
            self._log_size -= len(dropped)

    def _tell(self, watchers: tuple[Watcher, ...]) -> None:
        """Each may have thousands of rows to tell its client of: after some milliseconds the rest of
        them has its turn later."""
        until = time.monotonic() + TURN
        for at, watcher in enumerate(watchers):
            if time.monotonic() > until:
                self._clock.callLater(0, self._tell, watchers[at:])
                return
            if watcher in self._watchers:
                watcher.image_changed()


def _without(values: array[int], gone: Sequence[Row]) -> array[int]:
    kept = array(values.typecode)
    start = 0
    for at in gone:
        kept += values[start:at]
        start = at + 1
    kept += values[start:]
    return kept


def changed(keywords: str, change: KeywordChange) -> str:
    """What a change makes of a row's keywords."""
    if change.replace is not None:
        return change.replace
    if change.add:
        keywords = with_added(keywords, change.add)
    if change.remove:
        keywords = with_removed(keywords, change.remove)
    return keywords


async def open_image(
    account: AccountId, mailbox: MailboxId, mail: IPlacementStore, clock: IReactorTime
) -> Image:
    snapshot = await mail.snapshot(account, mailbox)
    if snapshot is None:
        raise NoSuchMailbox
    return Image(account, snapshot, mail, clock)
