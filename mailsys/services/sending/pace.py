"""How fast one destination is sent to: connections grow while it goes well and halve when it does not."""

from __future__ import annotations

from dataclasses import dataclass

from mailsys.settings import Sending

DOWN_FOR = 5.0  # seconds for which a failed connection speaks for the destination's other mail


@dataclass(slots=True)
class Pace:
    """The state of one destination (or of the smart host, which is one for all). Times are those of the
    monotonic clock."""

    window: float = 1.0  # connections allowed at once; grows by 1 per window of successes
    lanes: int = 0
    next_at: float = 0.0  # when the next message may go, where a rate is set
    down_until: float = 0.0
    down_reply: str = ""
    down_remote: bool = False
    used_at: float = 0.0
    reached: bool | None = None  # whether the last connection was greeted; None: none was tried yet

    def has_room(self, settings: Sending) -> bool:
        return self.lanes < max(1, min(int(self.window), settings.connections_per_destination))

    def went_well(self, settings: Sending, now: float) -> None:
        self.used_at = now
        self.down_until = 0.0
        self.reached = True
        limit = float(settings.connections_per_destination)
        self.window = min(limit, self.window + 1.0 / max(1.0, self.window))

    def went_wrong(self, now: float) -> None:
        """A connection broke, or the other side said that it is busy."""
        self.used_at = now
        self.window = max(1.0, self.window / 2.0)

    def is_down(self, reply: str, remote: bool, now: float) -> None:
        self.went_wrong(now)
        self.reached = False
        self.down_until = now + DOWN_FOR
        self.down_reply = reply
        self.down_remote = remote

    def turn(self, settings: Sending, now: float) -> float:
        """Take the next turn under the rate; how many seconds it is away."""
        rate = settings.per_second_per_destination
        if rate <= 0:
            return 0.0
        at = max(now, self.next_at)
        self.next_at = at + 1.0 / rate
        return at - now
