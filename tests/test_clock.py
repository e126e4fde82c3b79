"""The two clocks."""

import time

from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsys.clock import STEP, SteadyClock, WallClock, time_by_monotonic_clock


class ReactorTests(SynchronousTestCase):
    def reactor(self) -> SelectReactor:
        reactor = SelectReactor()
        self.addCleanup(reactor.disconnectAll)
        return reactor

    def test_timers_go_by_the_monotonic_clock(self):
        reactor, rang = self.reactor(), []
        time_by_monotonic_clock(reactor)
        time_by_monotonic_clock(reactor)
        self.patch(time, "time", lambda: 0.0)  # years back
        call = reactor.callLater(50.0, rang.append, 1)
        self.assertLess(abs(call.getTime() - time.monotonic() - 50.0), 20.0)  # the two clocks are ages apart
        self.assertLess(abs(reactor.timeout() - 50.0), 20.0)
        call.reset(0.0)
        reactor.runUntilCurrent()
        self.assertEqual(rang, [1])

    def test_what_was_scheduled_before_is_not_forgotten_in_silence(self):
        reactor = self.reactor()
        reactor.callLater(1.0, print).cancel()
        time_by_monotonic_clock(reactor)
        other = self.reactor()
        other.callLater(1.0, print)
        self.assertRaises(RuntimeError, time_by_monotonic_clock, other)


class WallClockTests(SynchronousTestCase):
    def test_it_tells_unix_time_and_waits_by_the_other(self):
        timers, rang = Clock(), []
        wall = WallClock(timers, lambda: 1e9)
        wall.callLater(5.0, rang.append, 1)
        self.assertEqual((wall.seconds(), len(wall.getDelayedCalls())), (1e9, 1))
        timers.advance(5.0)
        self.assertEqual(rang, [1])


class SteadyClockTests(SynchronousTestCase):
    def setUp(self):
        self.monotonic, self.set_by = Clock(), 1e9
        self.steady = SteadyClock(lambda: self.monotonic.seconds() + self.set_by, self.monotonic.seconds)

    def test_small_corrections_are_followed(self):
        for _ in range(100):
            self.set_by += STEP / 2
            self.assertEqual(self.steady.step(), 0.0)
        self.assertAlmostEqual(self.steady.seconds(), self.set_by)

    def test_a_step_is_told_until_it_is_followed(self):
        for step in (3600.0, -3600.0):
            self.set_by += step
            self.monotonic.advance(10)
            self.assertAlmostEqual(self.steady.step(), step)
            self.assertAlmostEqual(self.steady.seconds(), self.monotonic.seconds() + self.set_by - step)
            self.steady.follow()
            self.assertEqual(self.steady.step(), 0.0)
            self.assertAlmostEqual(self.steady.seconds(), self.monotonic.seconds() + self.set_by)
