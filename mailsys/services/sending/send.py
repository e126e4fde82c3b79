"""The queue to the world.

`Sending` wakes when something was queued or becomes due, and works on the destinations that have
mail, most overdue first. Each destination gets a few *lanes*: a lane leases some items, sends them
one after another over one connection, and settles each at once. How many lanes a destination gets
follows from how it goes (`pace`), so a slow or dead destination holds up nobody else.

Two clocks: waits and paces go by the monotonic one; due times and leases are Unix times, kept in the store.
When the wall clock is set, leases are extended before anything is compared with the new time, so that nobody
takes our work over, and due times that only the wrong clock could have set are put right.

At-least-once: an item is settled as soon as the other side has answered for it. A crash between its
250 and our commit is the only way that it is sent twice; no crash loses it, since the lease ends by
itself and the item is tried again.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall, deferLater

from mailsys.clock import SteadyClock
from mailsys.core.queue.schedule import Schedule, put_right
from mailsys.log import Log
from mailsys.ports.ids import QueueId
from mailsys.ports.queue import Destination, Lease, QueueItem, Rescheduled
from mailsys.services.dns.route import LOCAL
from mailsys.services.sending.attempt import Attempt, Held, Lane
from mailsys.services.sending.hops import Hops
from mailsys.services.sending.means import Means
from mailsys.services.sending.pace import Pace
from mailsys.settings import Sending as Settings

_log = Log("send")

LEASE: Final = 120.0  # seconds; extended while the work goes on
EXTEND: Final = 40.0  # seconds between extensions
BATCH: Final = 5  # items leased at a time
PACES: Final = 10000  # destinations whose pace is remembered
LOCAL_LANES: Final = 2
FINISH: Final = 15.0  # seconds that running transactions get when the service stops
SLOW: Final = 30.0  # seconds after which an attempt no longer counts among settings.connections
UNANSWERED: Final = 1.0  # seconds without a greeting, after which it does not either
TARPITS: Final = 3  # times settings.connections that there may be with those that do not count
LOOK: Final = 45.0  # seconds without a look, at most and about: word of what was queued may be lost
REST: Final = 1.0  # seconds between rounds when what is due has no room
WATCH: Final = 1.0  # seconds between looks at whether the wall clock was set
FOLLOW: Final = 3.0  # seconds until it is followed forward: time for all processes to keep their leases
_PAGE: Final = 500  # queue items looked at at a time
_UNKNOWN: Final = Pace()  # a destination that nothing is known of


def schedule_of(settings: Settings) -> Schedule:
    return Schedule(settings.schedule, settings.lifetime, settings.attempts, settings.delay_notice)


class Sending(Service):
    """Works the queue while it runs."""

    name = "sending"

    def __init__(self, means: Means) -> None:
        settings, clock, now = means.settings, means.clock, means.now
        self._queue = means.queue
        self._settings = settings
        self._clock = clock
        self._now = now
        self._random = means.random
        self._steady = SteadyClock(now, clock.seconds)
        self._schedule = schedule_of(settings)
        self._longest_hold = means.longest_hold
        self._held: dict[QueueId, Held] = {}
        self._smarthost = means.router.smarthost
        self._hops = Hops(means.dialer, clock, settings, means.router.ourselves)
        self._attempt = Attempt(means, self._hops, self._schedule, self._held)
        self._paces: dict[str, Pace] = {}
        self._lanes: dict[Lane, Deferred[None]] = {}
        self._sending = 0  # lanes to other hosts
        self._waiting: deque[str] = deque()  # destinations last seen with work that nobody does
        self._timer: IDelayedCall | None = None
        self._looking = False
        self._look_again = False
        self._extension = LoopingCall(self._extend)
        self._extension.clock = clock
        self._watch = LoopingCall(self._time)
        self._watch.clock = clock
        self._following: IDelayedCall | None = None  # the wall clock was set; this ends the time of grace

    # -- life ----------------------------------------------------------------------------------

    def startService(self) -> None:  # noqa: N802
        super().startService()  # type: ignore[no-untyped-call]
        self._queue.listen(self.wake)
        self._extension.start(EXTEND, now=False).addErrback(self._broken)
        self._watch.start(WATCH, now=False).addErrback(self._broken)
        self._following = self._clock.callLater(
            FOLLOW, self._follow
        )  # it may have been set while we were away
        self.wake()

    def stopService(self) -> Deferred[Any]:  # noqa: N802
        """Fires when running transactions have ended and are settled; what takes longer than
        FINISH seconds is dropped (and tried again after the next start)."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._stop_timer()
        lanes = list(self._lanes.values())
        self._hops.close()
        if not lanes:
            self._stopped(None)
            return succeed(None)
        for lane in list(self._lanes):
            lane.close()
        if not self._lanes:
            self._stopped(None)
            return succeed(None)
        cut = self._clock.callLater(FINISH, self._abort)

        def done(result: Any) -> Any:
            if cut.active():
                cut.cancel()
            self._stopped(None)
            return result

        return DeferredList(lanes, consumeErrors=True).addBoth(done)

    def _stopped(self, _: object) -> None:
        for loop in (self._extension, self._watch):
            if loop.running:
                loop.stop()
        if self._following is not None:
            self._following.cancel()
            self._following = None
        self._hops.close()

    def _abort(self) -> None:
        for lane in self._lanes:
            if lane.hop is not None:
                lane.hop.abort()

    def _broken(self, failure: Any) -> None:
        _log.error("sending-failed", failure.value)

    # -- looking for work --------------------------------------------------------------------------

    def wake(self) -> None:
        """Something was queued, became due, or was finished: look. Cheap to call often."""
        if not self.running:
            return
        self._stop_timer()
        if self._looking:
            self._look_again = True
            return
        self._looking = True
        Deferred.fromCoroutine(self._look()).addErrback(self._look_failed)

    def _look_failed(self, failure: Any) -> None:
        self._looking = False
        _log.error("queue-unreadable", failure.value)
        if self.running:
            self._set_timer(5.0)

    async def _look(self) -> None:
        again = True
        anybody = self._pace(self._smarthost) if self._smarthost else _UNKNOWN
        while again and self.running:
            self._look_again = False
            now = self._time()
            # those at work may be among them, and still there must be enough others
            enough = len({lane.destination for lane in self._lanes}) + self._settings.connections + 1
            destinations: list[Destination] = await self._queue.due(now, enough)
            self._waiting = deque(destination.name for destination in destinations)
            self._fill()
            while self.running and len(self._waiting) == enough and self._has_room(anybody):
                enough *= 4  # all of them have had their share: there may be others behind
                destinations = await self._queue.due(now, enough)
                self._waiting = deque(destination.name for destination in destinations)
                self._fill()
            again = self._look_again
        self._looking = False
        if not self.running:
            return
        next_due: float | None = await self._queue.next_due()
        if self._looking or not self.running:
            return
        now = self._time()
        if next_due is None:
            next_due = now + LOOK
        self._set_timer(max(next_due - now, REST if next_due <= now else 0.01))

    def _fill(self) -> None:
        """Open lanes for the destinations last seen waiting."""
        if not self.running:
            return
        waiting, self._waiting = self._waiting, deque()
        for destination in waiting:
            if not self._open_lane(destination):
                self._waiting.append(destination)

    def _open_lane(self, destination: str) -> bool:
        """One lane a look: a destination whose lanes all find work gets more, as its pace allows."""
        if destination == LOCAL:
            if sum(lane.destination == LOCAL for lane in self._lanes) >= LOCAL_LANES:
                return False
            self._open(destination, self._pace(LOCAL))
            return True
        pace = self._pace(self._smarthost or destination)
        if not pace.has_room(self._settings) or not self._has_room(pace):
            return False
        self._open(destination, pace)
        return True

    def _has_room(self, pace: Pace) -> bool:
        """Whether one more lane could be opened for a destination of that pace."""
        if self._smarthost and not pace.has_room(self._settings):
            return False
        most = self._settings.connections
        if self._sending < most:
            return True
        # Lanes that a tarpit holds make room for others, within reason: most for those who answered the last
        # time, and none for those who did not.
        if pace.reached is False or self._sending >= (TARPITS + (pace.reached is True)) * most:
            return False
        now = self._clock.seconds()
        return sum(_counts(lane, now) for lane in self._lanes) < most

    def _open(self, destination: str, pace: Pace) -> None:
        lane = Lane(destination, pace, since=self._clock.seconds())
        pace.lanes += 1
        self._sending += destination != LOCAL
        done = Deferred.fromCoroutine(self._work(lane))
        self._lanes[lane] = done
        done.addErrback(self._broken).addBoth(self._left, lane)

    def _left(self, _: object, lane: Lane) -> None:
        lane.pace.lanes -= 1
        self._sending -= lane.destination != LOCAL
        self._lanes.pop(lane, None)
        if lane.hop is not None:
            hop, lane.hop = lane.hop, None
            if self.running:
                self._hops.give_back(hop)
            else:
                hop.close()
        self._fill()
        if lane.worked and self._has_room(lane.pace):
            self.wake()

    def _pace(self, name: str) -> Pace:
        pace = self._paces.get(name)
        if pace is None:
            if len(self._paces) >= PACES:
                kept = sorted(self._paces.items(), key=lambda item: item[1].used_at)[PACES // 2 :]
                busy = [item for item in self._paces.items() if item[1].lanes]
                self._paces = dict(kept) | dict(busy)
            pace = self._paces[name] = Pace()
        return pace

    def _set_timer(self, seconds: float) -> None:
        self._stop_timer()
        longest = LOOK * (0.75 + 0.5 * self._random.random())  # several processes do not all look at once
        self._timer = self._clock.callLater(min(seconds, longest), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.wake()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    # -- a lane ------------------------------------------------------------------------------------

    async def _work(self, lane: Lane) -> None:
        """Send what a destination has, up to one connection's fill."""
        sent = 0
        while not lane.closing and sent < self._settings.messages_per_connection:
            leases = await self._lease(lane.destination)
            if not leases:
                return
            if not lane.worked:
                lane.worked = True
                self.wake()  # there is work: another lane may be due, too
            mine: list[Held] = []
            for lease in leases:
                if (held := self._held.get(lease.item.id)) is not None:  # another lane's, whose lease ended
                    held.lease = lease
                    continue
                held = self._held[lease.item.id] = Held(lease)
                mine.append(held)
            for held in mine:
                ident = held.lease.item.id
                try:
                    if self._held.get(ident) is held:  # not lost meanwhile
                        await self._one(lane, held.lease)
                finally:
                    if self._held.get(ident) is held:
                        del self._held[ident]
                sent += 1
            if len(leases) < BATCH:
                return  # that was all; what came meanwhile is found by the next look

    async def _lease(self, destination: str) -> list[Lease]:
        now = self._time()
        ahead = max(0.0, self._steady.step())  # others may follow the clock before we do
        leases: list[Lease] = await self._queue.lease(destination, now, LEASE + ahead, BATCH)
        return leases

    async def _one(self, lane: Lane, lease: Lease) -> None:
        if not lane.closing and (wait := lane.pace.turn(self._settings, self._clock.seconds())) > 0:
            lane.waiting = deferLater(self._clock, wait)
            try:
                await lane.waiting
            except CancelledError:
                _log.debug("turn-cancelled", destination=lane.destination)
            finally:
                lane.waiting = None
        if lane.closing:
            await self._attempt.put_back(lease)
            return
        lane.since = self._clock.seconds()
        room = int(lane.pace.window)
        try:
            await self._attempt.run(lane, lease)
        except Exception as error:  # its lease ends by itself, and it is tried again
            _log.error("attempt-failed", error, trace=lease.item.item.trace, queue=lease.item.id)
        if int(lane.pace.window) > room:
            self.wake()  # it goes well: one more lane may help

    def _extend(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._extend_all()).addErrback(self._broken)

    async def _extend_all(self) -> None:
        until = max(self._now(), self._steady.seconds()) + LEASE
        leases = {ident: held.lease for ident, held in self._held.items()}
        if not leases:
            return
        kept: list[bool] = await self._queue.extend(list(leases.values()), until)
        for (ident, lease), still_ours in zip(leases.items(), kept, strict=True):
            held = self._held.get(ident)
            if not still_ours and held is not None and held.lease is lease:
                del self._held[ident]
                _log.warning("lease-lost", trace=lease.item.item.trace, queue=ident)

    # -- the wall clock ----------------------------------------------------------------------------

    def _time(self) -> float:
        """Unix time to compare due times and leases with. When the wall clock was set back it is followed at
        once; forward, FOLLOW seconds later, when all processes have extended what they hold."""
        step = self._steady.step()
        if step:
            if self._following is None and self.running:
                _log.warning("clock-set", by=round(step, 1))
                self._following = self._clock.callLater(FOLLOW, self._follow)
                self._extend()
            if step < 0:
                self._steady.follow()
                self.wake()
        return self._steady.seconds()

    def _follow(self) -> None:
        self._following = None
        Deferred.fromCoroutine(self._put_right()).addErrback(self._broken)

    async def _put_right(self) -> None:
        """Go by the wall clock, and undo what was set by it when it was wrong. A lease of whoever died ends
        now if it would last longer than any that was taken by this clock."""
        await self._extend_all()
        self._steady.follow()
        now = self._steady.seconds()
        ended = await self._queue.end_leases(now + 2 * LEASE, now)
        moved, after = 0, None
        while self.running:
            items: list[QueueItem] = await self._queue.items(_PAGE, after)
            wrong = [change for item in items if (change := self._rescheduled(item, now)) is not None]
            if wrong:
                moved += await self._queue.reschedule(wrong)
            if len(items) < _PAGE:
                break
            after = items[-1].id
        if ended or moved:
            _log.warning("put-right", leases=ended, items=moved)
        self.wake()

    def _rescheduled(self, item: QueueItem, now: float) -> Rescheduled | None:
        due = put_right(
            self._schedule,
            created=item.item.created,
            due=item.due,
            attempts=item.attempts,
            longest_hold=self._longest_hold,
            now=now,
        )
        return None if due is None else Rescheduled(item.id, item.due, due)


def _counts(lane: Lane, now: float) -> bool:
    """Whether a lane counts among settings.connections."""
    if lane.destination == LOCAL or lane.since <= now - SLOW:
        return False
    return lane.dialing is None or lane.dialing > now - UNANSWERED
