"""One mailbox in memory, shared by all the sessions of this process that have it selected.

An image is a `Snapshot` kept current by the change log: parallel arrays of uid, email, modseq and
keywords. It is told of commits by `IEvents` and then reads what changed with `IMailStore.delta`;
one such read is in flight at a time, and another follows when more was heard meanwhile.

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
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from mailsys.core.message.keywords import SYSTEM, names, with_added, with_removed
from mailsys.core.refusal import NoSuchMailbox
from mailsys.log import Log
from mailsys.ports.ids import AccountId, MailboxId
from mailsys.ports.mail import IMailStore
from mailsys.ports.placements import Delta, KeywordChange, KeywordsChanged, Placement, Snapshot

log = Log("mailboxes")

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

    def __init__(self, account: AccountId, snapshot: Snapshot, mail: IMailStore, clock: IReactorTime) -> None:
        self._mail = mail
        self._clock = clock
        self._watchers: set[Watcher] = set()
        self._waiting: list[Deferred[None]] = []
        self._reading = False
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

    # -- reading it ------------------------------------------------------------------------------

    def index(self, uid: int) -> int:
        """Where the row of `uid` is now; -1 when it is gone."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else -1

    def rows(self, uids: array[int], view: Sequence[int]) -> list[int]:
        """Rows of the messages at the positions `view` of a session's own `uids`; -1 where gone."""
        if uids is self.uids:
            return list(view)
        index = self.index
        return [index(uids[at]) for at in view]

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

    def first_unseen(self) -> int | None:
        """Position of the first row without $seen (RFC 3501 §6.3.1 UNSEEN)."""
        unseen = {one for one in set(self.keywords) if "$seen" not in names(one)}
        if not unseen:
            return None
        return next((at for at, keywords in enumerate(self.keywords) if keywords in unseen), None)

    def current(self) -> Deferred[None]:
        """Fires once everything heard of until now is worked in. Fails when the store does."""
        waiting: Deferred[None] = Deferred()
        if self.modseq >= self.heard:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
            self._read()
        return waiting

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
        self, rows: Sequence[int], change: KeywordChange, unchanged_since: int | None = None
    ) -> tuple[KeywordsChanged, bool]:
        """`IMailStore.set_keywords` of the messages in `rows`, worked in here before this returns;
        and whether it was the only change since `modseq` stood where it stood at the call."""
        numbered, before = self.uids, self.modseq
        only = False
        emails = [self.emails[at] for at in rows]
        self._hold += 1
        try:
            done = await self._mail.set_keywords(self.account, emails, change, unchanged_since)
        finally:
            self._hold -= 1
        if done.changed:
            # Ours is the only commit since the arrays were read: no need to read back our own write.
            alone = self.heard == done.modseq and self._alone and self._before <= self.modseq
            if alone and self.uids is numbered and not self._reading and not self._hold:
                only = self.modseq == before  # a read that was in flight may have brought others' changes
                self._apply(done, change, rows)
            else:
                self.heard = max(self.heard, done.modseq)
                await self.current()
        self._read()
        return done, only

    def _apply(self, done: KeywordsChanged, change: KeywordChange, rows: Sequence[int]) -> None:
        wanted = frozenset(done.changed)
        emails, keywords, modseqs, uids = self.emails, self.keywords, self.modseqs, self.uids
        stamp = done.modseq
        touched: list[int] = []
        known: dict[str, str] = {}
        for at in rows:
            if emails[at] in wanted:
                before = keywords[at]
                after = known.get(before)
                if after is None:
                    after = known[before] = _changed(before, change)
                keywords[at] = after
                modseqs[at] = stamp
                touched.append(uids[at])
        self._learn(known.values())
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
        if self.heard > self.modseq and self._watchers:
            self._read(patient=True)

    def _read(self, patient: bool = False) -> None:
        if self._reading or self._hold or self.modseq >= self.heard:
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
        try:
            while self.exists and self.modseq < self.heard:
                await self._work_in(await self._mail.delta(self.account, self.mailbox, self.modseq))
        except Exception as problem:
            log.error("image not current", problem, account=self.account, mailbox=self.mailbox)
            self._reading = False
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.errback(problem)
            if self._watchers and self._timer is None:  # nobody may ask, but idle sessions wait for it
                self._timer = self._clock.callLater(RETRY, self._late)
            return
        self._reading = False
        self.next_read = self._clock.seconds() + SPACING
        self._reached()

    def _reached(self) -> None:
        """The arrays are current."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
        self._tell(tuple(self._watchers))

    async def _work_in(self, delta: Delta) -> None:
        if not delta.exists:
            self.exists = False
            return
        if not delta.complete:
            await self._reload()
            return
        heard = self.heard  # the mailbox's own highest, as far as this delta reaches
        if delta.changed or delta.added:
            touched = await self._merge((*delta.changed, *delta.added))
        else:
            touched = []
        gone = [at for at in map(self.index, delta.vanished) if at >= 0]
        if gone:
            self._remove(gone)
        if delta.added or touched or delta.vanished:
            self.highest_modseq = max(self.highest_modseq, min(heard, delta.modseq))
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
                    if row.modseq > self.highest_modseq:
                        self.highest_modseq = row.modseq
                    continue
                at = self.index(row.uid)
                if at < 0 or modseqs[at] >= row.modseq:
                    continue
                if keywords[at] != text or modseqs[at] != row.modseq:
                    keywords[at] = text
                    modseqs[at] = row.modseq
                    touched.append(row.uid)
                    if row.modseq > self.highest_modseq:
                        self.highest_modseq = row.modseq
        self._learn(intern)
        return touched

    def _learn(self, keywords: Iterable[str]) -> None:
        for one in keywords:
            if one and len(self.words) < WORDS:
                self.words |= names(one) - _SYSTEM

    def _remove(self, gone: Sequence[int]) -> None:
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


def _without(values: array[int], gone: Sequence[int]) -> array[int]:
    kept = array(values.typecode)
    start = 0
    for at in gone:
        kept += values[start:at]
        start = at + 1
    kept += values[start:]
    return kept


def _changed(keywords: str, change: KeywordChange) -> str:
    if change.replace is not None:
        return change.replace
    if change.add:
        keywords = with_added(keywords, change.add)
    if change.remove:
        keywords = with_removed(keywords, change.remove)
    return keywords


async def open_image(account: AccountId, mailbox: MailboxId, mail: IMailStore, clock: IReactorTime) -> Image:
    snapshot = await mail.snapshot(account, mailbox)
    if snapshot is None:
        raise NoSuchMailbox
    return Image(account, snapshot, mail, clock)
