"""When to try again, when to tell the sender that it takes long, when to give up.

RFC 5321 §4.5.4.1: a client keeps trying for days, ever less often. Times are Unix times and
durations seconds; chance is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

JITTER = 0.1  # of each wait, either way: a destination that was down is not met by all at once
LONGEST_PAUSE = 900.0  # seconds that an item waits when a report about it could not be made
_EARLY = 5.0  # seconds that an item may seem to be from the future, its maker's clock being another's
_SHORT_HOLD = 60.0  # seconds: what is held no longer is held for undo, and not until a time of day


@dataclass(frozen=True, slots=True)
class Schedule:
    """How patient we are (settings.Sending)."""

    waits: tuple[float, ...] = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)  # the last repeats
    lifetime: float = 5 * 86400.0
    attempts: int = 0  # at most so many; 0: no cap
    delay_notice: float = 4 * 3600.0  # 0: never


@dataclass(frozen=True, slots=True)
class Retry:
    due: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: str  # for people: "It was tried for 5 days."


@dataclass(frozen=True, slots=True)
class Patience:
    """What the schedule says after an attempt that left somebody pending."""

    verdict: Retry | GiveUp
    tell_delay: bool  # send the one delay notice now


def begun(created: float, release: float) -> float:
    """When an item's clock starts: when it was taken, or when held mail was to go (RFC 4865 §4.3)."""
    return max(created, release)


def waited(schedule: Schedule, attempts: int) -> float:
    """How long it takes by the schedule until the attempt after `attempts` ones."""
    return sum(_wait(schedule, number) for number in range(1, attempts + 1))


def _wait(schedule: Schedule, attempts: int) -> float:
    waits = schedule.waits or (3600.0,)
    return max(1.0, waits[min(max(attempts, 1), len(waits)) - 1])


def put_right(
    schedule: Schedule, *, created: float, due: float, attempts: int, longest_hold: float, now: float
) -> float | None:
    """When an item is to be tried whose due time neither the schedule nor a hold could have set by a clock
    that shows `now`: it was set by one that was ahead. None: the due time may stand.

    due: as it stands. longest_hold: how far ahead mail may be released (RFC 4865). Mail that is held until a
    time of day keeps it, and mail that is held for a few seconds keeps the seconds.
    """
    if attempts:
        longest = max(_wait(schedule, attempts) * (1.0 + JITTER), LONGEST_PAUSE)
        return now if due > now + longest + _EARLY else None
    if due <= now + _EARLY:
        return None
    held = max(0.0, due - created)
    if held == 0.0:
        return now
    if created <= now + _EARLY:
        return None
    if held <= _SHORT_HOLD or due > now + longest_hold + _EARLY:
        return min(due, now + min(held, longest_hold))
    return None


def after_attempt(
    schedule: Schedule, *, begun: float, attempts: int, now: float, delay_told: bool, chance: float
) -> Patience:
    """Judge an item whose `attempts`-th attempt (1 is the first) has just been deferred.

    `chance` is uniform in [0, 1). A wait that would pass over the time of the delay notice, or over
    the end of the lifetime, is cut there: one more try is made, then the sender is told.
    """
    if schedule.attempts and attempts >= schedule.attempts:
        return Patience(GiveUp(f"It was tried {attempts} time{'' if attempts == 1 else 's'}."), False)
    if begun > now:  # by a clock that was ahead: its attempts tell how old it is
        begun = now - waited(schedule, attempts - 1)
    end = begun + schedule.lifetime
    if now >= end:
        return Patience(GiveUp(f"It was tried for {spell(schedule.lifetime)}."), False)
    wait = _wait(schedule, attempts)
    due = now + wait * (1.0 + JITTER * (2.0 * chance - 1.0))
    notice = begun + schedule.delay_notice
    tell = bool(schedule.delay_notice) and not delay_told and now >= notice
    if schedule.delay_notice and now < notice < due and not delay_told:
        due = notice
    return Patience(Retry(min(due, end)), tell)


def spell(seconds: float) -> str:
    """A duration as people say it: "5 days", "4 hours", "10 minutes"."""
    for unit, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= length:
            count = round(seconds / length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{round(seconds)} seconds"
