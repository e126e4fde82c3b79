"""Few, large statements. Why this matters more than anything else here:

apsw lets go of the interpreter lock in every `sqlite3_step`. While the reactor thread is busy, a
thread that wants the lock back waits up to the switch interval (5 ms by default) *each time*:
stepping through 10,000 rows took 2.7 ms alone and 7 s beside a busy reactor; the same rows packed
into one row by SQL aggregates took 2.5 ms. So writes are gathered into multi-row INSERTs, and reads
come back as one row of JSON arrays and concatenated octets.
"""

from __future__ import annotations

from typing import Any, Final

import apsw
import msgspec

from mailsys.stores.sqlite.trust_tables import UPSERT

_SIZES: Final = (256, 64, 32, 16, 8, 4, 2, 1)

# table -> (statement, columns). Statements end before VALUES.
_INSERTS: Final[dict[str, tuple[str, int, str]]] = {
    "blob": ("INSERT INTO blob VALUES", 5, ""),
    "blob_data": ("INSERT INTO blob_data VALUES", 2, ""),
    "content": ("INSERT OR IGNORE INTO content VALUES", 12, ""),
    "header": ("INSERT OR IGNORE INTO header VALUES", 3, ""),
    "head_text": ("INSERT OR IGNORE INTO head_text VALUES", 10, ""),
    "body_text": ("INSERT OR IGNORE INTO body_text VALUES", 2, ""),
    "keywords": ("INSERT INTO keywords VALUES", 2, ""),
    "keyword": ("INSERT OR IGNORE INTO keyword VALUES", 2, ""),
    "email": ("INSERT INTO email VALUES", 12, ""),
    "placement": ("INSERT INTO placement VALUES", 6, ""),
    "conversation": ("INSERT OR REPLACE INTO conversation VALUES", 6, ""),
    "tally": ("INSERT OR REPLACE INTO tally VALUES", 5, ""),
    "reference": ("INSERT OR IGNORE INTO reference VALUES", 3, ""),
    "vanished": ("INSERT OR IGNORE INTO vanished VALUES", 5, ""),
    "destroyed": ("INSERT OR IGNORE INTO destroyed VALUES", 5, ""),
    "correspondent": (
        "INSERT INTO correspondent VALUES",
        6,
        " ON CONFLICT DO UPDATE SET sent = sent + excluded.sent, received = received + excluded.received,"
        " name = CASE excluded.name WHEN '' THEN name ELSE excluded.name END,"
        " folded = CASE excluded.name WHEN '' THEN folded ELSE excluded.folded END",
    ),
    "queue": ("INSERT INTO queue VALUES", 13, ""),
    "timeline": ("INSERT INTO timeline (trace, at, stage, account, recipient, detail, sender) VALUES", 7, ""),
    "account_count": ("INSERT OR REPLACE INTO account_count VALUES", 8, ""),
    "mailbox_count": ("INSERT OR REPLACE INTO mailbox_count VALUES", 12, ""),
    "state": ("INSERT OR REPLACE INTO state VALUES", 3, ""),
    "gone_object": ("INSERT OR REPLACE INTO gone_object VALUES", 5, ""),
    "counter": ("INSERT OR REPLACE INTO counter VALUES", 2, ""),
    "verdict": ("INSERT INTO verdict VALUES", 5, ""),
    "reputation": ("INSERT INTO reputation VALUES", 6, UPSERT),
    "wording": ("INSERT OR REPLACE INTO wording VALUES", 3, ""),
    "words": ("INSERT INTO words (rowid, owner, subject, people, body) VALUES", 5, ""),
}


class Inserts:
    """Rows waiting to be written, by table."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._statements: dict[tuple[str, int], str] = {}
        self._rows: dict[str, list[Any]] = {table: [] for table in _INSERTS}
        self.add = {table: rows.extend for table, rows in self._rows.items()}

    def flush(self) -> None:
        """Write all of them, a few statements per table."""
        for table, rows in self._rows.items():
            if rows:
                self._write(table, rows)
                rows.clear()

    def clear(self) -> None:
        for rows in self._rows.values():
            rows.clear()

    def _write(self, table: str, rows: list[Any]) -> None:
        width = _INSERTS[table][1]
        start, count = 0, len(rows) // width
        for size in _SIZES:
            if size * width > 4096:
                continue
            while count >= size:
                values = rows[start : start + size * width]
                self._connection.execute(self._statement(table, size), values)
                start += size * width
                count -= size

    def _statement(self, table: str, size: int) -> str:
        statement = self._statements.get((table, size))
        if statement is None:
            begin, width, end = _INSERTS[table]
            row = "(" + ",".join("?" * width) + ")"
            statement = f"{begin} {','.join([row] * size)}{end}"
            self._statements[table, size] = statement
        return statement


_integers = msgspec.json.Decoder(list[int])
_reals = msgspec.json.Decoder(list[float])
_anything = msgspec.json.Decoder(list[Any])
_PIECE: Final = 128 * 1024  # characters decoded in one call, which holds the interpreter lock


def integers(text: str | None) -> list[int]:
    """What `group_concat` of an integer column gave."""
    return _numbers(text, _integers) if text else []


def reals(text: str | None) -> list[float]:
    """What `json_group_array` of a REAL column without NULLs gave (group_concat would round)."""
    return _numbers(text[1:-1], _reals) if text and text != "[]" else []


def _numbers(text: str, decoder: msgspec.json.Decoder[list[Any]]) -> list[Any]:
    if len(text) <= _PIECE:
        return decoder.decode(f"[{text}]")
    found: list[Any] = []
    at = 0
    while at < len(text):
        comma = text.find(",", at + _PIECE)
        end = len(text) if comma < 0 else comma
        found += decoder.decode(f"[{text[at:end]}]")
        at = end + 1
    return found


def values(text: str | None) -> list[Any]:
    """What `json_group_array` gave."""
    return _anything.decode(text) if text else []


def pieces(lengths: str | None, data: bytes | None) -> list[bytes]:
    """What `group_concat(length(x))` and `group_concat(x, '')` gave."""
    found: list[bytes] = []
    at = 0
    for length in integers(lengths):
        found.append((data or b"")[at : at + length])
        at += length
    return found


def one(connection: apsw.Connection, sql: str, bindings: Any = ()) -> Any:
    """The only row of a statement, or None."""
    rows = connection.execute(sql, bindings).fetchall()
    return rows[0] if rows else None


def many(connection: apsw.Connection, sql: str, bindings: Any = ()) -> list[Any]:
    """All rows of a statement that gives few."""
    return connection.execute(sql, bindings).fetchall()
