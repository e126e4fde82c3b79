"""The table of other domains' MTA-STS policies (`ports.sts_policies`)."""

from __future__ import annotations

from typing import Final

STS_POLICIES: Final = """
CREATE TABLE sts_policy (
    domain TEXT PRIMARY KEY, id TEXT NOT NULL, text BLOB NOT NULL, fetched REAL NOT NULL,
    refresh REAL NOT NULL, until REAL NOT NULL);
CREATE INDEX sts_policy_refresh ON sts_policy (refresh);
CREATE INDEX sts_policy_until ON sts_policy (until);
"""
