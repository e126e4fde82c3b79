from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.queue.schedule import GiveUp, Patience, Retry, Schedule, after_attempt, begun, spell

HOUR, DAY = 3600.0, 86400.0


def judge(schedule: Schedule = Schedule(), **given) -> Patience:  # noqa: B008
    values = {"begun": 0.0, "attempts": 1, "now": 0.0, "delay_told": False, "chance": 0.5} | given
    return after_attempt(schedule, **values)


class ScheduleTests(SynchronousTestCase):
    def test_each_attempt_waits_as_the_schedule_says_and_the_last_wait_repeats(self):
        waits = []
        for attempts in range(1, 10):
            verdict = judge(attempts=attempts, delay_told=True).verdict
            waits.append(verdict.due)
        self.assertEqual(waits, [300, 900, 1800, 3600, 7200, 14400, 14400, 14400, 14400])

    def test_chance_moves_a_wait_by_a_tenth_at_most(self):
        self.assertAlmostEqual(judge(chance=0.0).verdict.due, 270)
        self.assertAlmostEqual(judge(chance=0.999999).verdict.due, 330, places=2)

    def test_a_wait_that_would_pass_the_notice_ends_there(self):
        told_at = judge(attempts=6, now=3.9 * HOUR).verdict.due
        self.assertEqual(told_at, 4 * HOUR)

    def test_the_notice_is_due_once(self):
        self.assertTrue(judge(attempts=7, now=4 * HOUR).tell_delay)
        self.assertFalse(judge(attempts=8, now=8 * HOUR, delay_told=True).tell_delay)

    def test_no_notice_when_it_is_turned_off(self):
        self.assertFalse(judge(Schedule(delay_notice=0), attempts=9, now=DAY).tell_delay)

    def test_the_last_try_falls_on_the_end_of_the_lifetime(self):
        verdict = judge(attempts=40, now=5 * DAY - HOUR, delay_told=True).verdict
        self.assertEqual(verdict, Retry(5 * DAY))

    def test_at_the_end_of_the_lifetime_it_gives_up_without_a_notice_of_delay(self):
        patience = judge(attempts=41, now=5 * DAY)
        self.assertEqual(patience, Patience(GiveUp("It was tried for 5 days."), False))

    def test_a_cap_on_attempts_gives_up_early(self):
        schedule = Schedule(attempts=3)
        self.assertIsInstance(judge(schedule, attempts=2).verdict, Retry)
        self.assertEqual(judge(schedule, attempts=3).verdict, GiveUp("It was tried 3 times."))

    def test_held_mail_is_as_old_as_its_release(self):
        self.assertEqual(begun(created=0.0, release=30 * DAY), 30 * DAY)
        self.assertIsInstance(judge(begun=30 * DAY, now=31 * DAY).verdict, Retry)

    @given(
        attempts=st.integers(1, 10**6),
        now=st.floats(0, 10 * DAY),
        told=st.booleans(),
        chance=st.floats(0, 1, exclude_max=True),
    )
    @settings(max_examples=200)
    def test_the_next_try_is_ahead_and_within_the_lifetime(self, attempts, now, told, chance):
        verdict = judge(attempts=attempts, now=now, delay_told=told, chance=chance).verdict
        if isinstance(verdict, Retry):
            self.assertGreater(verdict.due, now)
            self.assertLessEqual(verdict.due, 5 * DAY)
        else:
            self.assertGreaterEqual(now, 5 * DAY)

    def test_durations_are_spelled(self):
        self.assertEqual([spell(s) for s in (5 * DAY, DAY, 5400, 60, 5)],
                         ["5 days", "1 day", "2 hours", "1 minute", "5 seconds"])  # fmt: skip
