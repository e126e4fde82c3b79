"""Date and UTCDate (RFC 8620 §1.4)."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final

_DATE: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,20})?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH: Final = date(1970, 1, 1).toordinal()


def parse_date(text: object) -> tuple[float, int] | None:
    """A Date as Unix time and minutes east of UTC; None when it is none: "T" and "Z" in upper case. A
    fraction of zero is forgiven: that is how JavaScript writes dates."""
    if not isinstance(text, str) or len(text) > 60 or (found := _DATE.fullmatch(text)) is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    offset = 0
    if sign is not None:
        if int(zone_hour) > 23 or int(zone_minute) > 59:
            return None
        offset = (int(zone_hour) * 60 + int(zone_minute)) * (-1 if sign == "-" else 1)
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:  # 60: a leap second (RFC 3339 §5.6)
        return None
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    seconds = days * 86400 + int(hour) * 3600 + (int(minute) - offset) * 60 + int(second)
    return float(seconds) + (float(fraction) if fraction else 0.0), offset


def parse_utc_date(text: object) -> float | None:
    """A UTCDate as Unix time; None when it is none."""
    if not isinstance(text, str) or not text.endswith("Z"):
        return None
    found = parse_date(text)
    return None if found is None else found[0]


@lru_cache(maxsize=1024)
def _day(day: int) -> str:
    return date.fromordinal(min(max(day + _EPOCH, 1), date.max.toordinal())).isoformat()


def render_utc_date(moment: float) -> str:
    """In whole seconds."""
    day, second = divmod(int(moment // 1), 86400)
    return f"{_day(day)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def render_date(moment: float, offset: int) -> str:
    """In the zone `offset` minutes east of UTC (RFC 8621 §4.1.2.6 keeps the sender's)."""
    if not offset:
        return render_utc_date(moment)
    hours, minutes = divmod(abs(offset), 60)
    local = render_utc_date(moment + offset * 60)
    return f"{local[:-1]}{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"
