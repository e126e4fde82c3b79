"""When to try again, when to tell the sender that it takes long, when to give up.

RFC 5321 §4.5.4.1: a client keeps trying for days, ever less often. Times are Unix times and
durations seconds; chance is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

JITTER = 0.1  # of each wait, either way: a destination that was down is not met by all at once


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


def after_attempt(
    schedule: Schedule, *, begun: float, attempts: int, now: float, delay_told: bool, chance: float
) -> Patience:
    """Judge an item whose `attempts`-th attempt (1 is the first) has just been deferred.

    `chance` is uniform in [0, 1). A wait that would pass over the time of the delay notice, or over
    the end of the lifetime, is cut there: one more try is made, then the sender is told.
    """
    if schedule.attempts and attempts >= schedule.attempts:
        return Patience(GiveUp(f"It was tried {attempts} time{'' if attempts == 1 else 's'}."), False)
    end = begun + schedule.lifetime
    if now >= end:
        return Patience(GiveUp(f"It was tried for {spell(schedule.lifetime)}."), False)
    waits = schedule.waits or (3600.0,)
    wait = max(1.0, waits[min(max(attempts, 1), len(waits)) - 1])
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
