"""The queue to the world.

`Sending` wakes when something was queued or becomes due, and works on the destinations that have
mail, most overdue first. Each destination gets a few *lanes*: a lane leases some items, sends them
one after another over one connection, and settles each at once. How many lanes a destination gets
follows from how it goes (`pace`), so a slow or dead destination holds up nobody else.

At-least-once: an item is settled as soon as the other side has answered for it. A crash between its
250 and our commit is the only way that it is sent twice; no crash loses it, since the lease ends by
itself and the item is tried again.
"""

from __future__ import annotations

import random as random_module
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall, deferLater

from mailsys.core.queue.schedule import Schedule
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import QueueId
from mailsys.ports.queue import Destination, IQueueStore, Lease
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrives
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.route import LOCAL, Router
from mailsys.services.sending.attempt import Attempt, Lane
from mailsys.services.sending.hops import Hops
from mailsys.services.sending.pace import Pace
from mailsys.services.sending.sign import Signer
from mailsys.services.sending.transmit import IDialer
from mailsys.settings import Sending as Settings

_log = Log("send")

LEASE: Final = 120.0  # seconds; extended while the work goes on
EXTEND: Final = 40.0  # seconds between extensions
BATCH: Final = 5  # items leased at a time
PACES: Final = 10000  # destinations whose pace is remembered
LOCAL_LANES: Final = 2
FINISH: Final = 15.0  # seconds that running transactions get when the service stops
SLOW: Final = 30.0  # seconds after which an attempt no longer counts among settings.connections
TARPITS: Final = 3  # times settings.connections that there may be with the slow ones
LOOK: Final = 45.0  # seconds without a look, at most and about: word of what was queued may be lost
REST: Final = 1.0  # seconds between rounds when what is due has no room


def schedule_of(settings: Settings) -> Schedule:
    return Schedule(settings.schedule, settings.lifetime, settings.attempts, settings.delay_notice)


class Sending(Service):
    """Works the queue while it runs.

    clock: IReactorTime; now: Unix time (of the same clock in tests). router, dialer, signer (None: mail
    leaves unsigned), reporter and reader are built by the assembly.
    """

    name = "sending"

    def __init__(
        self,
        *,
        queue: IQueueStore,
        blobs: IBlobStore,
        directory: Directory,
        router: Router,
        dialer: IDialer,
        signer: Signer | None,
        reporter: Reporter,
        reader: MessageReader,
        settings: Settings,
        clock: Any,
        now: Callable[[], float],
        random: random_module.Random,
        arrivals: Arrives | None = None,
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self._now = now
        self._random = random
        self._smarthost = router.smarthost
        self._hops = Hops(dialer, clock, settings, router.ourselves)
        self._attempt = Attempt(
            queue=queue,
            blobs=blobs,
            directory=directory,
            router=router,
            hops=self._hops,
            signer=signer,
            reporter=reporter,
            reader=reader,
            schedule=schedule_of(settings),
            clock=clock,
            now=now,
            random=random,
            arrivals=arrivals,
        )
        self._paces: dict[str, Pace] = {}
        self._lanes: dict[Lane, Deferred[None]] = {}
        self._sending = 0  # lanes to other hosts
        self._waiting: deque[str] = deque()  # destinations last seen with work that nobody does
        self._leases: dict[QueueId, Lease] = {}
        self._timer: IDelayedCall | None = None
        self._looking = False
        self._look_again = False
        self._extension = LoopingCall(self._extend)
        self._extension.clock = clock

    # -- life ----------------------------------------------------------------------------------

    def startService(self) -> None:  # noqa: N802
        super().startService()  # type: ignore[no-untyped-call]
        self._queue.listen(self.wake)
        self._extension.start(EXTEND, now=False).addErrback(self._broken)
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
        if self._extension.running:
            self._extension.stop()
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
        while again and self.running:
            self._look_again = False
            now = self._now()
            # those at work may be among them, and still there must be enough others
            enough = len({lane.destination for lane in self._lanes}) + self._settings.connections + 1
            destinations: list[Destination] = await self._queue.due(now, enough)
            self._waiting = deque(destination.name for destination in destinations)
            self._fill()
            again = self._look_again
        self._looking = False
        if not self.running:
            return
        next_due: float | None = await self._queue.next_due()
        if self._looking or not self.running:
            return
        if next_due is None:
            next_due = self._now() + LOOK
        self._set_timer(max(next_due - self._now(), REST if next_due <= self._now() else 0.01))

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
        if not pace.has_room(self._settings) or not self._has_room():
            return False
        self._open(destination, pace)
        return True

    def _has_room(self) -> bool:
        """Whether one more lane could be opened for some destination."""
        if self._smarthost and not self._pace(self._smarthost).has_room(self._settings):
            return False
        most = self._settings.connections
        if self._sending < most:
            return True
        # lanes that a tarpit holds make room for others, within reason
        slow_since = self._now() - SLOW
        busy = sum(lane.since > slow_since for lane in self._lanes if lane.destination != LOCAL)
        return busy < most and self._sending < TARPITS * most

    def _open(self, destination: str, pace: Pace) -> None:
        lane = Lane(destination, pace, since=self._now())
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
        if lane.worked and self._has_room():
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
            leases: list[Lease] = await self._queue.lease(lane.destination, self._now(), LEASE, BATCH)
            if not leases:
                return
            if not lane.worked:
                lane.worked = True
                self.wake()  # there is work: another lane may be due, too
            for lease in leases:
                self._leases[lease.item.id] = lease
            for lease in leases:
                try:
                    await self._one(lane, lease)
                finally:
                    self._leases.pop(lease.item.id, None)
                sent += 1
            if len(leases) < BATCH:
                return  # that was all; what came meanwhile is found by the next look

    async def _one(self, lane: Lane, lease: Lease) -> None:
        if lease.item.id not in self._leases:
            return  # lost meanwhile: somebody else has it
        if not lane.closing and (wait := lane.pace.turn(self._settings, self._now())) > 0:
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
        lane.since = self._now()
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
        until = self._now() + LEASE
        leases = list(self._leases.values())
        if not leases:
            return
        kept: list[bool] = await self._queue.extend(leases, until)
        for lease, still_ours in zip(leases, kept, strict=True):
            if not still_ours and self._leases.get(lease.item.id) is lease:
                del self._leases[lease.item.id]
                _log.warning("lease-lost", trace=lease.item.item.trace, queue=lease.item.id)
