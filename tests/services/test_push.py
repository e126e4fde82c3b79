"""Positions of push: what moved since, told once."""

from twisted.trial.unittest import SynchronousTestCase

from mailsys.ports.ids import AccountId
from mailsys.services.notifying.push import moved_since, position_of

ACCOUNT = AccountId(1)
STATES = {"Email": "7", "Mailbox": "5", "Identity": "0", "Quota": "1000-20"}


class PositionTests(SynchronousTestCase):
    def moved(self, since: str, states: dict[str, str] = STATES) -> set[str]:
        return set(moved_since(ACCOUNT, states, since).states)

    def test_nothing_moved_since_its_own_position(self) -> None:
        self.assertEqual(self.moved(position_of(STATES)), set())

    def test_what_is_numbered_moves_by_its_number(self) -> None:
        since = position_of(STATES | {"Email": "6"})
        self.assertEqual(self.moved(since), {"Email"})

    def test_what_is_not_numbered_moves_when_it_differs(self) -> None:
        since = position_of(STATES)
        self.assertEqual(self.moved(since, STATES | {"Quota": "1001-20"}), {"Quota"})

    def test_a_position_of_nobody_means_all_that_ever_moved(self) -> None:
        for since in ("", "nonsense", "99", "-1", "9" * 40):
            self.assertEqual(self.moved(since), {"Email", "Mailbox", "Quota"}, since)
