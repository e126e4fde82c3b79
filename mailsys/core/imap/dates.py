"""IMAP's dates: INTERNALDATE values and the days that SEARCH compares (RFC 9051 §9)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

MONTHS: Final = (
    b"Jan",
    b"Feb",
    b"Mar",
    b"Apr",
    b"May",
    b"Jun",
    b"Jul",
    b"Aug",
    b"Sep",
    b"Oct",
    b"Nov",
    b"Dec",
)
_MONTH_NUMBER: Final = {name.upper(): number for number, name in enumerate(MONTHS, 1)}
_EPOCH: Final = date(1970, 1, 1).toordinal()

_DATE_TIME = re.compile(
    rb"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)
_DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")


def parse_date_time(text: bytes) -> float:
    """`01-Feb-2024 10:00:00 +0100` as Unix time. Raises ValueError."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a date-time")
    day, month, year, hour, minute, second, sign, zone_hour, zone_minute = found.groups()
    if month.upper() not in _MONTH_NUMBER or int(zone_minute) > 59:
        raise ValueError("not a date-time")
    offset = timedelta(hours=int(zone_hour), minutes=int(zone_minute))
    zone = timezone(-offset if sign == b"-" else offset)  # ValueError from 24 hours on
    moment = datetime(
        int(year),
        _MONTH_NUMBER[month.upper()],
        int(day),
        int(hour),
        int(minute),
        min(int(second), 59),
        tzinfo=zone,
    )
    # Not moment.timestamp(): years 1 and 9999 with an offset must not overflow
    return (moment.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds() - (  # noqa: DTZ001
        -offset if sign == b"-" else offset
    ).total_seconds()


def parse_day(text: bytes) -> int:
    """`1-Feb-1994` as days since 1970-01-01. Raises ValueError."""
    found = _DATE.fullmatch(text)
    if found is None or found.group(2).upper() not in _MONTH_NUMBER:
        raise ValueError("not a date")
    return (
        date(int(found.group(3)), _MONTH_NUMBER[found.group(2).upper()], int(found.group(1))).toordinal()
        - _EPOCH
    )


@lru_cache(maxsize=4096)
def _day(number: int) -> bytes:
    day = date.fromordinal(min(max(number + _EPOCH, 1), date.max.toordinal()))
    return b"%02d-%b-%04d" % (day.day, MONTHS[day.month - 1], day.year)


def render_date_time(moment: float) -> bytes:
    """INTERNALDATE without its quotes, in UTC; times out of the calendar are clipped to it."""
    seconds = int(moment // 1)
    number, rest = divmod(seconds, 86400)
    minutes, second = divmod(rest, 60)
    return b"%b %02d:%02d:%02d +0000" % (_day(number), *divmod(minutes, 60), second)


__all__ = ["MONTHS", "parse_date_time", "parse_day", "render_date_time"]
