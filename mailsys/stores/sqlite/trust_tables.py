"""The tables of verdicts, and of what is remembered of strangers (`ports.strangers`)."""

from __future__ import annotations

from typing import Final

from mailsys.ports.strangers import HALF_LIFE

# said: what its owner said of the email: 1 junk, 0 that it is none, NULL nothing. origin: keys, one a line.
VERDICTS: Final = """
CREATE TABLE verdict (
    account INTEGER, email INTEGER, said INTEGER, origin TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (account, email)) WITHOUT ROWID;
"""

# day: since 1970, as of when the figures are.
REPUTATION: Final = """
CREATE TABLE reputation (
    key TEXT PRIMARY KEY, taken REAL NOT NULL, junk REAL NOT NULL, good REAL NOT NULL,
    refused REAL NOT NULL, day REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX reputation_day ON reputation (day);
"""

# first: when somebody knocked; NULL: he may come in.
GREYLIST: Final = """
CREATE TABLE greylist (key TEXT PRIMARY KEY, first REAL, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX greylist_until ON greylist (until);
"""


# What a row of `reputation` adds to one that is there: its figures are brought up to date first.
UPSERT: Final = " ON CONFLICT DO UPDATE SET {}, day = max(day, excluded.day)".format(
    ", ".join(
        f"{name} = {name} * pow(0.5, max(0, excluded.day - day) * {86400.0 / HALF_LIFE}) + excluded.{name}"
        for name in ("taken", "junk", "good", "refused")
    )
)

TRUST: Final = VERDICTS + REPUTATION + GREYLIST
