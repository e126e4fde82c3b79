"""The writer's order: what is urgent goes first, and all else in the order in which it came."""

from threading import Event

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from mailsys.core.refusal import TemporaryFailure
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store
from mailsys.stores.sqlite.writer import BESIDE


class OrderTests(TestCase):
    def setUp(self):
        self.store = open_store(self.mktemp(), reactor, Events())
        self.addCleanup(self.store.close)
        self.writer = self.store.writer
        self.ran: list[object] = []

    def job(self, name: object, urgent: bool = False):
        return self.writer.submit(lambda batch: self.ran.append(name), urgent=urgent)

    def gate(self, name: object = "gate"):
        """A job that waits; what was begun, what lets it go on, and what comes of it."""
        begun, go_on = Event(), Event()

        def wait(batch) -> None:
            begun.set()
            go_on.wait(10)
            self.ran.append(name)

        return begun, go_on, self.writer.submit(wait)

    async def test_what_is_urgent_overtakes_what_waits(self):
        begun, go_on, done = self.gate()
        begun.wait(10)
        waiting = [self.job(n) for n in range(200)]
        waiting += [self.job(name, urgent=True) for name in ("first", "second")]
        go_on.set()
        await gatherResults([done, *waiting])
        self.assertEqual(self.ran, ["gate", "first", "second", *range(200)])

    async def test_a_group_under_way_ends_for_it(self):
        begun, go_on, done = self.gate("before")
        begun.wait(10)
        waiting = [self.job(n) for n in range(BESIDE)]
        begun, last, gate = self.gate("gate")  # in the same group as those before and behind it
        waiting += [self.job(n) for n in range(BESIDE, 100)]
        go_on.set()
        begun.wait(10)
        waiting.append(self.job("urgent", urgent=True))
        last.set()
        await gatherResults([done, gate, *waiting])
        self.assertEqual(self.ran, ["before", *range(BESIDE), "gate", "urgent", *range(BESIDE, 100)])

    async def test_what_fails_beside_it_fails_alone(self):
        begun, go_on, done = self.gate()
        begun.wait(10)
        waiting = [self.job(n) for n in range(20)]

        def fail(batch) -> None:
            batch.execute("INSERT INTO nowhere VALUES (1)")

        failing = self.writer.submit(fail)
        urgent = self.job("urgent", urgent=True)
        go_on.set()
        await gatherResults([done, urgent, *waiting])
        await self.assertFailure(failing, TemporaryFailure)
        self.flushLoggedErrors()
        ran = list(dict.fromkeys(self.ran))  # some of them twice: they were rolled back with it
        self.assertEqual(ran, ["gate", "urgent", *range(20)])

    async def test_what_was_submitted_is_done_before_it_closes(self):
        begun, go_on, done = self.gate()
        begun.wait(10)
        waiting = [self.job(n) for n in range(300)]
        closed = self.writer.close()
        go_on.set()
        await gatherResults([done, *waiting, closed])
        self.assertEqual(len(self.ran), 301)
