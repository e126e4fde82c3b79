from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.queue.schedule import (
    GiveUp,
    Patience,
    Retry,
    Schedule,
    after_attempt,
    begun,
    put_right,
    spell,
)

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


class PutRightTests(SynchronousTestCase):
    """`now` is 0: what is below was set in the past."""

    def put_right(self, **given) -> float | None:
        values = {"created": -DAY, "due": 0.0, "attempts": 0, "longest_hold": 30 * DAY, "now": 0.0} | given
        return put_right(Schedule(), **values)

    def test_a_retry_stands_as_far_ahead_as_its_wait_and_chance_can_set_it(self):
        for attempts, longest in ((1, 905), (3, 1800 * 1.1), (6, 14400 * 1.1), (50, 14400 * 1.1)):
            self.assertIs(self.put_right(due=longest, attempts=attempts), None)
            self.assertEqual(self.put_right(due=longest + 10, attempts=attempts), 0.0)

    def test_what_is_due_stands(self):
        for attempts in (0, 3):
            self.assertIs(self.put_right(due=-HOUR, attempts=attempts), None)

    def test_a_first_attempt_that_was_to_be_made_at_once_is_made_at_once(self):
        self.assertEqual(self.put_right(created=HOUR, due=HOUR), 0.0)
        self.assertIs(self.put_right(created=1.0, due=1.0), None)  # its maker's clock is a little ahead

    def test_held_for_undo_it_keeps_the_seconds_and_for_a_time_of_day_the_time(self):
        self.assertEqual(self.put_right(created=HOUR, due=HOUR + 30), 30.0)
        self.assertIs(self.put_right(created=HOUR, due=3 * HOUR), None)
        self.assertIs(self.put_right(created=-HOUR, due=3 * HOUR), None)
        self.assertIs(self.put_right(created=-HOUR, due=40 * DAY), None)  # the bound was another then

    def test_no_hold_is_longer_than_one_may_be(self):
        self.assertEqual(self.put_right(created=400 * DAY, due=420 * DAY), 20 * DAY)
        self.assertEqual(self.put_right(created=400 * DAY, due=500 * DAY), 30 * DAY)

    @given(
        st.floats(-400 * DAY, 400 * DAY),
        st.floats(0.0, 40 * DAY),
        st.integers(0, 50),
        st.floats(-DAY, 400 * DAY),
    )
    def test_it_never_moves_an_attempt_further_away_nor_into_the_past(self, created, held, attempts, due):
        due = due if attempts else created + held
        moved = self.put_right(created=created, due=due, attempts=attempts)
        if moved is not None:
            self.assertTrue(0.0 <= moved <= due)

    def test_mail_from_the_future_is_given_up_after_as_many_attempts_as_its_lifetime_has(self):
        verdicts = [judge(begun=400 * DAY, attempts=n, delay_told=True).verdict for n in range(1, 60)]
        given_up = [isinstance(verdict, GiveUp) for verdict in verdicts].index(True)
        self.assertEqual(given_up, 35)
        self.assertFalse(judge(begun=400 * DAY, attempts=5).tell_delay)
        self.assertTrue(judge(begun=400 * DAY, attempts=7).tell_delay)
