"""Text search: substrings by scanning in SQL (IMAP), whole words by the full-text index.

A scan goes in chunks, each its own turn on a reader, so that a search of a million messages shares
the readers with everybody else's reads; `instr` runs without the interpreter lock.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

import apsw

from mailsys.core.message.text import fold
from mailsys.ports.ids import EmailId
from mailsys.ports.query import TextField
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import integers, one, pieces, values

_CHUNK: Final = 5000
_HEADER_CHUNK: Final = 500
_AT_ONCE: Final = 512 * 1024  # octets of headers read in one statement

_JOIN_HEAD: Final = "CROSS JOIN head_text t ON t.blob = e.blob"
_JOIN_BODY: Final = "CROSS JOIN body_text t ON t.blob = e.blob"
_JOIN_HEADER: Final = "CROSS JOIN header h ON h.blob = e.blob"
_FIELDS: Final = {
    TextField.SUBJECT: (_JOIN_HEAD, "instr(t.subject, ?1) > 0"),
    TextField.FROM: (_JOIN_HEAD, "instr(t.sender, ?1) > 0"),
    TextField.TO: (_JOIN_HEAD, "instr(t.recipient, ?1) > 0"),
    TextField.CC: (_JOIN_HEAD, "instr(t.cc, ?1) > 0"),
    TextField.BCC: (_JOIN_HEAD, "instr(t.bcc, ?1) > 0"),
    TextField.BODY: (_JOIN_BODY, "instr(t.body, ?1) > 0"),
    TextField.TEXT: (
        f"{_JOIN_HEADER} {_JOIN_BODY}",
        "(instr(h.folded, ?1) > 0 OR instr(t.body, ?1) > 0)",
    ),
    TextField.HEADER: (
        _JOIN_HEADER,
        "(substr(h.folded, 1, length(?6)) = ?6 OR instr(h.folded, ?7) > 0) AND instr(h.folded, ?1) > 0",
    ),
}


async def search_text(
    readers: Readers, account: int, mailbox: int | None, field: TextField, needle: str, header: str
) -> array[int]:
    wanted = fold(needle)
    name = header.casefold()
    found: set[int] = set()
    after = 0
    while True:
        matches, last, more = await readers.run(
            lambda connection, start=after: _scan(  # type: ignore[misc]
                connection, account, mailbox, field, wanted, name, start
            )
        )
        found.update(matches)
        if not more:
            return array("q", sorted(found))
        after = last


def _scan(
    connection: apsw.Connection,
    account: int,
    mailbox: int | None,
    field: TextField,
    needle: str,
    name: str,
    after: int,
) -> tuple[list[int], int, bool]:
    """One chunk: emails that match, the last key looked at, whether more may follow."""
    join, condition = _FIELDS[field]
    is_header = field is TextField.HEADER
    chunk = _HEADER_CHUNK if is_header else _CHUNK
    if mailbox is None:
        rows = "(SELECT id key, id email FROM email WHERE account = ?2 AND id > ?4 ORDER BY id LIMIT ?5)"
    else:
        rows = """(SELECT uid key, email FROM placement WHERE mailbox = ?3 AND uid > ?4
            AND EXISTS (SELECT 1 FROM mailbox WHERE id = ?3 AND account = ?2) ORDER BY uid LIMIT ?5)"""
    result = (
        "json_group_array(json_array(e.id, e.blob, length(h.folded)))" if is_header else "group_concat(e.id)"
    )
    octets = needle.encode("utf-8", "replace")
    bindings: tuple[Any, ...] = (octets, account, mailbox, after, chunk)
    if is_header:
        start = f"{name}:".encode("utf-8", "replace")
        bindings += (start, b"\n" + start)
    row = one(
        connection,
        f"""SELECT (SELECT {result} FROM {rows} r CROSS JOIN email e ON e.account = ?2 AND e.id = r.email
            {join} WHERE {condition}),
            (SELECT max(key) FROM {rows}), (SELECT count(*) FROM {rows}), ?3""",  # noqa: S608
        bindings,
    )
    if not is_header:
        return integers(row[0]), row[1] or after, row[2] == chunk
    matches = _in_field(connection, values(row[0]), f"{name}:".encode("utf-8", "replace"), octets)
    return matches, row[1] or after, row[2] == chunk


def _in_field(
    connection: apsw.Connection, candidates: list[list[int]], start: bytes, needle: bytes
) -> list[int]:
    """Of emails (id, blob, length of header) whose header has the field and, somewhere, the needle:
    those where they meet. Headers come half a megabyte at a time, or one."""
    found: list[int] = []
    emails: list[int] = []
    blobs: list[int] = []
    total = 0
    for email, blob, length in candidates:
        emails.append(email)
        blobs.append(blob)
        total += length
        if total >= _AT_ONCE or email == candidates[-1][0]:
            headers = _headers(connection, blobs)
            found += [
                e for e, b in zip(emails, blobs, strict=True) if _meet(headers.get(b, b""), start, needle)
            ]
            emails, blobs, total = [], [], 0
    return found


def _headers(connection: apsw.Connection, blobs: list[int]) -> dict[int, bytes]:
    row = one(
        connection,
        """SELECT group_concat(h.blob), group_concat(length(h.folded)),
            CAST(group_concat(h.folded, '') AS BLOB)
        FROM (SELECT DISTINCT value FROM carray(?)) w CROSS JOIN header h ON h.blob = w.value""",
        (apsw.carray(array("q", blobs)),),
    )
    return dict(zip(integers(row[0]), pieces(row[1], row[2]), strict=True))


def _meet(header: bytes, start: bytes, needle: bytes) -> bool:
    """Whether a line of `header` begins with `start` and holds `needle` after it."""
    at = 0 if header.startswith(start) else header.find(b"\n" + start) + 1
    if at == 0 and not header.startswith(start):
        return False
    while True:
        end = header.find(b"\n", at)
        end = len(header) if end < 0 else end
        if header.find(needle, at + len(start), end) >= 0:
            return True
        at = header.find(b"\n" + start, end) + 1
        if at == 0:
            return False


# -- words -------------------------------------------------------------------------------------------


def owner(account: int) -> str:
    """The word that stands for an account in the index. U+E000 is a letter to the tokenizer and is
    taken out of all text, so no message can pretend to be somebody's."""
    return f"\ue000{account}"


def without_owner(text: str) -> str:
    return text.replace("\ue000", " ")


def _quoted(word: str) -> str:
    return '"' + without_owner(fold(word)).replace('"', '""') + '"'


def match_words(
    connection: apsw.Connection, account: int, terms: Sequence[str], limit: int, prefix_last: bool
) -> list[EmailId]:
    wanted = [word for word in terms if any(c.isalnum() for c in word)]
    if not wanted or limit <= 0:
        return []
    query = f'owner : "{owner(account)}" AND ' + " AND ".join(map(_quoted, wanted))
    if prefix_last:
        query += " *"
    row = one(
        connection,
        """SELECT json_group_array(id) FROM (
            SELECT e.id FROM words w CROSS JOIN email e ON e.account = ?1 AND e.id = w.rowid
                AND e.hidden = 0
            WHERE words MATCH ?2 ORDER BY w.rowid DESC LIMIT ?3)""",
        (account, query, limit),
    )
    return [EmailId(number) for number in values(row[0])]
