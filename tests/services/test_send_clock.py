"""Sending while the wall clock is set."""

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailsys.ports.queue import Settlement
from mailsys.ports.queue_items import Outcome
from mailsys.services.sending.send import FOLLOW, LEASE, WATCH
from tests.services.post import LETTER, Post

HOUR, DAY = 3600.0, 86400.0
NOTICED = WATCH + FOLLOW + 1


class ClockTests(TestCase):
    async def post(self, **settings) -> Post:
        post = Post(**settings)
        self.peer = post.peer("mx.y.example")
        post.zone.records["y.example", "MX"] = [(10, "mx.y.example")]
        self.addCleanup(lambda: Deferred.fromCoroutine(post.close()))
        await post.open()
        return post

    async def seconds(self, post: Post, count: float) -> None:
        """So much time goes by, second by second."""
        for _ in range(int(count)):
            post.clock.advance(1)
            await post.turns(3)

    async def test_set_back_an_hour_it_delays_no_retry(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["450 4.2.0 later", "250 ok"]
        await post.queue()
        post.start()
        await post.quiet()
        post.set_by = -HOUR
        await self.seconds(post, 330)
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 1)

    async def test_set_back_an_hour_it_delays_nothing_that_was_queued_just_before(self):
        post = await self.post()
        post.start()
        await post.quiet()
        await self.seconds(post, 60)
        post.set_by = HOUR
        await self.seconds(post, NOTICED)
        for wait in (0.0, 10.0):
            await post.queue(due=post.now() + wait + 0.5)
        post.set_by = 0.0
        await self.seconds(post, NOTICED + 10)
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 2)

    async def test_what_was_scheduled_by_a_clock_that_was_years_ahead_goes_after_the_start(self):
        post = await self.post()
        post.set_by = 3 * 365 * DAY
        await post.queue()
        (lease,) = await post.store.queue.lease("y.example", post.now(), LEASE, 1)
        await post.store.queue.settle(lease, Settlement(lease.item.item.recipients, due=post.now() + 300))
        await post.queue(due=post.now() + 20 * DAY)
        post.set_by = 0.0
        post.sending = post.make_sending()
        post.start()
        await self.seconds(post, FOLLOW + 1)
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 1)
        (held,) = await post.items()
        self.assertLess(abs(held.due - post.now() - 20 * DAY), 60)

    async def test_mail_for_a_time_of_day_keeps_it(self):
        post = await self.post()
        at = post.now() + 6 * HOUR
        await post.queue(due=at)
        post.start()
        await post.quiet()
        post.set_by = -HOUR
        await self.seconds(post, 60)
        post.set_by = 0.0
        await self.seconds(post, 60)
        self.assertEqual([item.due for item in await post.items()], [at])

    async def test_set_forward_an_hour_nobody_takes_over_what_is_being_sent(self):
        post = await self.post()
        other = post.make_sending()
        self.addCleanup(other.stopService)
        await post.queue()
        self.peer.silent_at = "END"
        post.start()
        while "DATA" not in self.peer.commands:
            await post.turns(1)
        other.startService()
        await self.seconds(post, FOLLOW + 1)
        post.set_by = HOUR
        await self.seconds(post, 3 * LEASE)
        self.assertEqual(self.peer.commands.count("DATA"), 1)
        (session,) = self.peer.open
        session.say("250 2.0.0 at last")
        await post.quiet()
        self.assertEqual((self.peer.commands.count("DATA"), await post.items()), (1, []))

    async def test_set_back_an_hour_nobody_takes_over_what_is_being_sent(self):
        post = await self.post()
        other = post.make_sending()
        self.addCleanup(other.stopService)
        await post.queue()
        self.peer.silent_at = "END"
        post.start()
        while "DATA" not in self.peer.commands:
            await post.turns(1)
        other.startService()
        await self.seconds(post, FOLLOW + 1)
        post.set_by = -HOUR
        await self.seconds(post, 3 * LEASE)
        (session,) = self.peer.open
        session.say("250 2.0.0 at last")
        await post.quiet()
        self.assertEqual((self.peer.commands.count("DATA"), await post.items()), (1, []))

    async def test_set_back_an_hour_the_leases_of_the_dead_end_soon(self):
        post = await self.post()
        await post.queue()
        await post.store.queue.lease("y.example", post.now(), LEASE, 5)  # by a process that died
        post.start()
        await post.quiet()
        await self.seconds(post, 30)
        post.set_by = -HOUR
        await self.seconds(post, NOTICED)
        await post.quiet()
        self.assertEqual([m.content for m in self.peer.messages], [LETTER])

    async def test_a_lease_that_ended_too_early_is_not_worked_on_twice_here(self):
        post = await self.post()
        await post.queue()
        self.peer.silent_at = "END"
        post.start()
        while "DATA" not in self.peer.commands:
            await post.turns(1)
        (item,) = await post.items()
        await post.store.queue.end_leases(post.now(), post.now())
        post.sending.wake()
        await post.turns(50)
        self.assertNotEqual((await post.items())[0].leased_until, item.leased_until)
        (session,) = self.peer.open
        session.say("250 2.0.0 at last")
        await post.quiet()
        self.assertEqual((self.peer.commands.count("DATA"), await post.items()), (1, []))

    async def test_what_comes_of_a_lease_that_was_ended_is_written_down_all_the_same(self):
        post = await self.post()
        await post.queue("a@y.example", "b@y.example")
        (lease,) = await post.store.queue.lease("y.example", post.now(), LEASE, 1)
        self.assertEqual(await post.store.queue.end_leases(post.now() + 2 * LEASE, post.now()), 0)
        self.assertEqual(await post.store.queue.end_leases(post.now() + LEASE - 1, post.now()), 1)
        first, second = lease.item.item.recipients
        done = Settlement((replace(first, outcome=Outcome.DELIVERED), second), due=post.now())
        self.assertTrue(await post.store.queue.settle(lease, done))
