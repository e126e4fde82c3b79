"""Dates of vCards (RFC 6350 §4.3) as JSContact writes them (RFC 9553 §2.8.1), and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from mailsys.core.jmap.dates import parse_date, render_utc_date

_FULL: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})")
_YEAR: Final = re.compile(r"([0-9]{4})")
_NO_YEAR: Final = re.compile(r"--([0-9]{2})-?([0-9]{2})")
_MONTH_ONLY: Final = re.compile(r"--([0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})T([0-9]{2}):?([0-9]{2}):?([0-9]{2})(?:\.[0-9]+)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


def timestamp(text: str) -> str | None:
    """A moment (REV, CREATED, a date with time) as UTCDateTime; without a zone it counts as UTC."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        day = _FULL.fullmatch(text.strip())
        if day is None:
            return None
        return timestamp(f"{day[1]}{day[2]}{day[3]}T000000Z")
    zone = found[7] or "Z"
    if zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        zone = f"{zone[0]}{digits[:2]}:{digits[2:]}"
    moment = parse_date(f"{found[1]}-{found[2]}-{found[3]}T{found[4]}:{found[5]}:{found[6]}{zone}")
    return None if moment is None else render_utc_date(moment[0])


def partial_date(text: str, omitted_year: str = "") -> dict[str, Any] | None:
    """A Timestamp or PartialDate; None for what is neither. `omitted_year`: the one that stands for none
    (X-APPLE-OMIT-YEAR)."""
    text = text.strip()
    if "T" in text:
        moment = timestamp(text)
        if moment is None:
            return partial_date(text.partition("T")[0], omitted_year)
        if moment.endswith("T00:00:00Z"):  # how many programs write a day
            return partial_date(moment[:10], omitted_year)
        return {"@type": "Timestamp", "utc": moment}
    for pattern, names in (
        (_FULL, ("year", "month", "day")),
        (_MONTH, ("year", "month")),
        (_YEAR, ("year",)),
        (_NO_YEAR, ("month", "day")),
        (_MONTH_ONLY, ("month",)),
    ):
        if (found := pattern.fullmatch(text)) is not None:
            numbers = dict(zip(names, map(int, found.groups()), strict=True))
            if omitted_year and found.re is _FULL and found[1] == omitted_year:
                del numbers["year"]
            try:
                date(numbers.get("year", 2000), numbers.get("month", 1), numbers.get("day", 1))
            except ValueError:
                return None
            return numbers
    return None


def written_date(value: Mapping[str, Any]) -> str | None:
    """For BDAY and its like; None for what version 4 cannot say."""
    if "utc" in value:
        return _basic(value["utc"])
    if value.get("calendarScale") is not None or value.get("year", 1) > 9999:
        return None
    year, month, day = value.get("year"), value.get("month"), value.get("day")
    if year is None:
        return f"--{month:02}" + ("" if day is None else f"{day:02}")
    if month is None:
        return f"{year:04}"
    return f"{year:04}-{month:02}" if day is None else f"{year:04}{month:02}{day:02}"


def _basic(utc: str) -> str:
    return utc.partition(".")[0].removesuffix("Z").replace("-", "").replace(":", "") + "Z"


def written_moment(utc: str) -> str:
    """For REV and CREATED."""
    return _basic(utc)
