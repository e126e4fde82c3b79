"""Columns of emails, packed by SQL into one row (see rows.py)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

from mailsys.ports.emails import Column
from mailsys.ports.ids import BlobId
from mailsys.stores.sqlite.rows import integers, one, pieces, values
from mailsys.stores.sqlite.views import KeywordTexts

# kind: how a column is packed; "json" any scalar, "bytes" octets
_EMAIL: Final = {
    Column.RECEIVED_AT: ("json", "e.received_at"),
    Column.SIZE: ("json", "e.size"),
    Column.THREAD: ("json", "e.thread"),
    Column.KEYWORDS: ("keywords", "e.keywords"),
    Column.MODSEQ: ("json", "e.modseq"),
}
_CONTENT: Final = {
    Column.SENT_AT: ("json", "c.sent_at"),
    Column.HEADER_SIZE: ("json", "c.header_size"),
    Column.ENVELOPE: ("bytes", "c.envelope"),
    Column.BODY: ("bytes", "c.body"),
    Column.BODY_STRUCTURE: ("bytes", "c.body_structure"),
    Column.SUBJECT: ("json", "c.subject"),
    Column.SENDER: ("json", "c.sender"),
    Column.RECIPIENTS: ("json", "c.recipients"),
    Column.PREVIEW: ("json", "c.preview"),
    Column.HAS_ATTACHMENT: ("bool", "c.has_attachment"),
    Column.MESSAGE_ID: ("json", "c.message_id"),
}
# Emails in one statement: concatenations of megabytes are slow, and copying one holds up the reactor.
_NARROW, _WIDE, _HEADERS = 1000, 100, 50
_JOIN_CONTENT: Final = " CROSS JOIN content c ON c.blob = e.blob"
_JOIN_BLOB: Final = " CROSS JOIN blob b ON b.id = e.blob"
_JOIN_HEADER: Final = " CROSS JOIN header h ON h.blob = e.blob"


def fetch(
    connection: apsw.Connection,
    texts: KeywordTexts,
    account: int,
    emails: Sequence[int],
    columns: Sequence[Column],
) -> dict[int, tuple[object, ...]]:
    selected: list[str] = []
    joins: list[str] = []
    kinds: list[str] = []
    for column in columns:
        if column in _EMAIL:
            kind, source = _EMAIL[column]
            join = ""
        elif column in _CONTENT:
            kind, source = _CONTENT[column]
            join = _JOIN_CONTENT
        elif column is Column.BLOB:
            kind, source, join = "blob", "b.hash", _JOIN_BLOB
        else:
            kind, source, join = "bytes", "h.data", _JOIN_HEADER
        if join and join not in joins:
            joins.append(join)
        kinds.append(kind)
        if kind in ("bytes", "blob"):
            selected.append(f"group_concat(length({source})), CAST(group_concat({source}, '') AS BLOB)")
        elif kind == "keywords":
            selected.append(f"group_concat({source})")
        else:
            selected.append(f"json_group_array({source})")
    sql = f"""SELECT group_concat(e.id){"".join(", " + s for s in selected)}
        FROM carray(?1) w CROSS JOIN email e ON e.account = ?2 AND e.id = w.value{"".join(joins)}"""  # noqa: S608
    found: dict[int, tuple[object, ...]] = {}
    at_once = _HEADERS if Column.HEADER in columns else _WIDE if "bytes" in kinds else _NARROW
    for start in range(0, len(emails), at_once):
        part = array("q", emails[start : start + at_once])
        row = one(connection, sql, (apsw.carray(part), account))
        numbers = integers(row[0])
        if not columns:
            found.update((number, ()) for number in numbers)
        elif numbers:
            found.update(zip(numbers, _unpacked(connection, texts, row, kinds), strict=True))
    return found


def _unpacked(
    connection: apsw.Connection, texts: KeywordTexts, row: tuple[Any, ...], kinds: list[str]
) -> Iterable[tuple[object, ...]]:
    at = 1
    unpacked: list[Iterable[Any]] = []
    for kind in kinds:
        if kind in ("bytes", "blob"):
            found: Iterable[Any] = pieces(row[at], row[at + 1])
            if kind == "blob":
                found = map(BlobId, found)
            at += 2
        elif kind == "keywords":
            found = texts.column(connection, integers(row[at]))
            at += 1
        else:
            found = values(row[at])
            if kind == "bool":
                found = map(bool, found)
            at += 1
        unpacked.append(found)
    return zip(*unpacked, strict=True)
