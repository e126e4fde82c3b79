"""Dates of messages (RFC 5322 §3.3, §4.3)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NUMBER: Final = {name.lower().encode(): n for n, name in enumerate(_MONTHS, 1)}
# RFC 5322 §4.3: obsolete zones; military letters and anything unknown count as -0000.
_ZONES: Final = {
    b"ut": 0, b"utc": 0, b"gmt": 0, b"z": 0, b"edt": -240, b"est": -300, b"cdt": -300, b"cst": -360,
    b"mdt": -360, b"mst": -420, b"pdt": -420, b"pst": -480, b"bst": 60, b"cet": 60, b"cest": 120, b"met": 60,
    b"mest": 120, b"eet": 120, b"eest": 180, b"jst": 540,
}  # fmt: skip
_DATE: Final = re.compile(
    rb"\s*(?:[A-Za-z]{1,12}\.?\s*,?\s*)?([0-9]{1,2})[\s-]+([A-Za-z]{3})[a-z]{0,6}[\s,.-]+([0-9]{2,4})[\s,]+"
    rb"([0-9]{1,2})\s*[:.]\s*([0-9]{1,2})(?:\s*[:.]\s*([0-9]{1,2})(?:\.[0-9]{1,9})?)?"
    rb"\s*(?:([+-])\s?([0-9]{2}):?([0-9]{2})|([A-Za-z]{1,5}))?"
)
# asctime: "Thu Aug 22 18:26:25 2002" with an optional zone before or after the year
_ASCTIME: Final = re.compile(
    rb"\s*[A-Za-z]{3},?\s+([A-Za-z]{3})\s+([0-9]{1,2})\s+([0-9]{1,2}):([0-9]{2}):([0-9]{2})\s+"
    rb"(?:([A-Za-z]{1,5})\s+)?([0-9]{4})(?:\s+([+-])([0-9]{2})([0-9]{2}))?"
)
_COMMENT: Final = re.compile(rb"\([^()]*\)")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST: Final = -62135510400.0  # in the years 1 to 9999, whatever the zone
_LAST: Final = 253402214400.0


def _read(
    year: int, month: int, day: int, hour: int, minute: int, second: int, zone: int
) -> tuple[float, int, int] | None:
    """Unix time, the day that was named in days since 1970-01-01, the zone."""
    if hour > 24 or minute > 59 or second > 61 or not -1440 < zone < 1440:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
    return float(days * 86400 + hour * 3600 + (minute - zone) * 60 + second), days, zone


def parse(value: bytes) -> float | None:
    """A Date field's value as Unix time; None when it is no date. Tolerates what is seen in mail:
    missing seconds or zone, two-digit years, named zones, comments, asctime order."""
    found = _parse(value)
    return None if found is None else found[0]


def parse_zoned(value: bytes) -> tuple[float, int] | None:
    """As `parse`, with the zone that it was written in: minutes east of UTC."""
    found = _parse(value)
    return None if found is None else (found[0], found[2])


def own_day(value: bytes) -> int | None:
    """The day that a Date field's value names, whatever its time and zone, in days since 1970-01-01:
    what SENTON and its kin compare (RFC 9051 §6.4.4). None when it is no date."""
    found = _parse(value)
    return None if found is None else found[1]


def _parse(value: bytes) -> tuple[float, int, int] | None:
    value = value[:200]
    while b"(" in value:  # nested ones from the inside out
        value, found = _COMMENT.subn(b" ", value)
        if not found:
            break
    m = _DATE.match(value)
    if m is None:
        return _asctime(value)
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes, zone_name = m.groups()
    number = _NUMBER.get(month.lower())
    if number is None:
        return None
    full = int(year)
    if len(year) == 2:  # RFC 5322 §4.3
        full += 2000 if full < 50 else 1900
    elif len(year) == 3:
        full += 1900
    zone = 0
    if sign is not None:
        zone = int(zone_hours) * 60 + int(zone_minutes)
        if sign == b"-":
            zone = -zone
    elif zone_name is not None:
        zone = _ZONES.get(zone_name.lower(), 0)
    return _read(full, number, int(day), int(hour), int(minute), int(second or 0), zone)


def _asctime(value: bytes) -> tuple[float, int, int] | None:
    m = _ASCTIME.match(value)
    if m is None or (number := _NUMBER.get(m.group(1).lower())) is None:
        return None
    zone = _ZONES.get((m.group(6) or b"").lower(), 0)
    if m.group(8):
        zone = (int(m.group(9)) * 60 + int(m.group(10))) * (-1 if m.group(8) == b"-" else 1)
    return _read(
        int(m.group(7)), number, int(m.group(2)), int(m.group(3)), int(m.group(4)), int(m.group(5)), zone
    )


def render(at: float, offset: int = 0) -> str:
    """RFC 5322 §3.3 date-time of a Unix time, as one of the years 1 to 9999; `offset` is minutes east of
    UTC."""
    return _render(int(min(max(at, _FIRST), _LAST) // 1), offset)


@lru_cache(maxsize=16)  # busy servers write the same second again and again
def _render(second: int, offset: int) -> str:
    t = datetime.fromtimestamp(second, timezone(timedelta(minutes=offset)))
    hours, minutes = divmod(abs(offset), 60)
    return (
        f"{_DAYS[t.weekday()]}, {t.day} {_MONTHS[t.month - 1]} {t.year:04} "
        f"{t.hour:02}:{t.minute:02}:{t.second:02} {'-' if offset < 0 else '+'}{hours:02}{minutes:02}"
    )
