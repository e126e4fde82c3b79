"""Who is let into a port, and how all of them end."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.refusal import ShuttingDown, TemporaryFailure, TooManyConnections
from mailsys.room import Room


class Connection:
    transport = None

    def __init__(self, room: "Room[Connection]", polite: bool = True) -> None:
        self.room = room
        self.polite = polite
        self.said: list[str] = []

    def stop(self) -> None:
        self.said.append("stop")
        if self.polite:
            self.room.leave(self)

    def abort(self) -> None:
        self.said.append("abort")
        self.room.leave(self)


class RoomTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.room: Room[Connection] = Room("test", self.clock, most=5, each=3, grace=10.0)

    def come(self, address: str = "a", polite: bool = True) -> Connection:
        connection = Connection(self.room, polite)
        self.room.enter(connection, address)
        return connection

    def test_one_address_has_its_share(self) -> None:
        first = [self.come() for _ in range(3)]
        self.assertRaises(TooManyConnections, self.come)
        self.come("b")
        self.room.leave(first[0])
        self.come()
        self.assertEqual(len(self.room), 4)

    def test_the_room_has_an_end(self) -> None:
        for address in "aabbc":
            self.come(address)
        self.assertRaises(TemporaryFailure, self.come, "d")

    def test_one_that_was_turned_away_does_not_count_out(self) -> None:
        inside = [self.come() for _ in range(3)]
        outside = Connection(self.room)
        self.assertRaises(TooManyConnections, self.room.enter, outside, "a")
        self.room.leave(outside)
        self.room.leave(inside[0])
        self.room.leave(inside[0])
        self.assertEqual(len(self.room), 2)

    def test_an_empty_room_stops_at_once(self) -> None:
        self.successResultOf(self.room.stop())
        self.assertRaises(ShuttingDown, self.come)

    def test_it_waits_for_those_under_way_and_cuts_them_off_in_the_end(self) -> None:
        polite, slow = self.come(), self.come(polite=False)
        stopped, again = self.room.stop(), self.room.stop()
        self.assertNoResult(stopped)
        self.assertEqual((polite.said, slow.said), (["stop"], ["stop"]))
        self.assertRaises(ShuttingDown, self.come)
        self.clock.advance(9.9)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.assertEqual(slow.said, ["stop", "abort"])
        self.successResultOf(stopped)
        self.successResultOf(again)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_timer_is_left_when_all_went_by_themselves(self) -> None:
        self.come()
        self.successResultOf(self.room.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
