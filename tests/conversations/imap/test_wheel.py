"""One timer for all connections."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsys.imap.wheel import Wheel


class One:
    def __init__(self, wheel: Wheel, deadline: float) -> None:
        self.wheel = wheel
        self.deadline = deadline
        self.expired = 0
        wheel.add(self)

    def expire(self) -> None:
        self.expired += 1


class Wheels(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.5)
        self.wheel = Wheel(self.clock, tick=5.0)

    def test_a_deadline_ends_within_a_tick(self) -> None:
        for wait in (1.0, 59.0, 60.0, 61.0, 1860.0, 5000.0):
            one = One(self.wheel, self.clock.seconds() + wait)
            self.clock.pump([1.0] * int(wait - 1))
            self.assertEqual(one.expired, 0, wait)
            self.clock.pump([1.0] * 7)
            self.assertEqual(one.expired, 1, wait)

    def test_a_deadline_may_be_pushed_back_by_assignment(self) -> None:
        one = One(self.wheel, self.clock.seconds() + 60)
        for _ in range(100):
            self.clock.advance(30)
            one.deadline = self.clock.seconds() + 60
        self.assertEqual(one.expired, 0)
        self.clock.pump([5.0] * 14)
        self.assertEqual(one.expired, 1)

    def test_who_left_is_not_expired_and_an_empty_wheel_stands_still(self) -> None:
        one, other = One(self.wheel, self.clock.seconds() + 1), One(self.wheel, self.clock.seconds() + 100)
        self.wheel.remove(one)
        self.wheel.remove(other)
        self.clock.advance(5)
        self.assertEqual(one.expired, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_thousands_cost_one_timer(self) -> None:
        for number in range(1000):
            One(self.wheel, self.clock.seconds() + 60 + number)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_who_expires_may_come_back(self) -> None:
        one = One(self.wheel, self.clock.seconds() + 1)

        def again() -> None:
            one.expired += 1
            one.deadline = self.clock.seconds() + 10
            self.wheel.add(one)

        one.expire = again  # type: ignore[method-assign]
        self.clock.pump([1.0] * 60)
        self.assertGreaterEqual(one.expired, 3)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
