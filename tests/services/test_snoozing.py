"""Snoozed mail comes back by a clock that the test moves."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailsys.ports.mailboxes import Role
from mailsys.ports.patches import EmailPatch, Snooze
from mailsys.services.mailboxes.snoozing import AT_ONCE, LOOK, Waker
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import SqliteStore, open_store
from tests.contracts.letters import letter
from tests.contracts.stage import Stage


class WakerTests(Stage):
    async def make(self, events: Events) -> SqliteStore:
        return open_store(None, None, events)

    async def setUp(self) -> None:
        await super().setUp()
        self.clock = Clock()
        self.clock.advance(5000.0)
        self.room = (await self.store.mail.create_mailbox(self.alice.id, "Snoozed", Role.SNOOZED)).id
        self.waker = self.another()

    def another(self, mail: Any = None) -> Waker:
        waker = Waker(mail or self.store.mail, self.clock, self.clock.seconds)
        self.addCleanup(waker.stop)
        return waker

    async def snooze(self, count: int, until: float) -> None:
        patches = [
            EmailPatch(await self.put(int(until) + number), mailboxes=(self.room,), snooze=Snooze(until))
            for number in range(count)
        ]
        await self.store.mail.change_emails(self.alice.id, patches)

    async def waiting(self) -> int:
        return (await self.box("Snoozed")).total

    async def test_it_comes_back_when_it_is_due_and_not_before(self) -> None:
        await self.snooze(1, 5010.0)
        self.waker.start()
        await self.waker.stop()  # the first look is over
        self.waker.start()
        await self.waker.stop()
        self.assertEqual(await self.waiting(), 1)
        self.waker.start()
        await self.idle()
        self.clock.advance(9.5)
        await self.idle()
        self.assertEqual(await self.waiting(), 1)
        self.clock.advance(0.5)
        await self.idle()
        self.assertEqual(await self.waiting(), 0)

    async def idle(self) -> None:
        """Until nothing is under way, and a timer is set."""
        while self.waker.busy:
            await self.waker.busy

    async def test_what_is_snoozed_while_it_runs_is_timed_at_once(self) -> None:
        self.waker.start()
        await self.idle()
        await self.snooze(1, 5003.0)
        self.waker.look()
        await self.idle()
        self.clock.advance(3.0)
        await self.idle()
        self.assertEqual(await self.waiting(), 0)

    async def test_what_another_process_snoozed_is_found_by_looking(self) -> None:
        self.waker.start()
        await self.idle()
        await self.snooze(1, 5003.0)
        self.clock.advance(LOOK)
        await self.idle()
        self.assertEqual(await self.waiting(), 0)

    async def test_what_fell_due_while_nobody_ran_comes_back_at_the_start_however_much(self) -> None:
        await self.snooze(AT_ONCE + 5, 4000.0)
        self.waker.start()
        await self.idle()
        self.assertEqual(await self.waiting(), 0)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    async def test_two_that_run_bring_each_back_once(self) -> None:
        await self.snooze(3, 5001.0)
        other = self.another()
        self.waker.start()
        other.start()
        await self.idle()
        while other.busy:
            await other.busy
        before = await self.store.mail.modseq(self.alice.id)
        self.clock.advance(1.0)
        await self.idle()
        while other.busy:
            await other.busy
        self.assertEqual(await self.waiting(), 0)
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before + 1)

    async def test_a_store_that_fails_is_asked_again(self) -> None:
        await self.snooze(1, 4000.0)
        failing = Failing(self.store.mail, 2)
        self.waker = self.another(failing)
        self.waker.start()
        await self.idle()
        self.clock.advance(LOOK)
        await self.idle()
        self.assertEqual(await self.waiting(), 1)
        self.clock.advance(LOOK)
        await self.idle()
        self.assertEqual(await self.waiting(), 0)
        self.flushLoggedErrors(OSError)

    async def test_after_it_stopped_nothing_happens(self) -> None:
        await self.snooze(1, 5001.0)
        self.waker.start()
        await self.idle()
        await self.waker.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.waker.look()
        self.assertIs(self.waker.busy, None)

    async def test_a_stop_waits_for_what_is_under_way(self) -> None:
        await self.snooze(1, 4000.0)
        self.waker.start()
        await self.waker.stop()
        self.assertEqual(await self.waiting(), 0)
        await self.accept(letter(9))


class Failing:
    """A store whose disk fails some times."""

    def __init__(self, mail: Any, times: int) -> None:
        self._mail = mail
        self._times = times

    def wake(self, now: float, limit: int) -> Deferred[Any]:
        if self._times:
            self._times -= 1
            raise OSError("the disk is gone")
        found: Deferred[Any] = self._mail.wake(now, limit)
        return found
