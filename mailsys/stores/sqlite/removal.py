"""Removing an account's mail in small commits."""

from __future__ import annotations

from typing import Any

from mailsys.stores.sqlite import learning, uploads
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.rows import values
from mailsys.stores.sqlite.writer import Writer

_CHUNK = 1000
_TABLES = (
    "reference", "destroyed", "correspondent", "object", "gone_object", "gone_mailbox", "state", "session",
    "sign_in", "snooze", "verdict",
)  # fmt: skip


def remove_some(batch: Batch, account: int) -> bool:
    """A part of what a removed account leaves; whether there is more."""
    row = batch.one(
        """SELECT json_group_array(json_array(id, blob)) FROM
        (SELECT id, blob FROM email WHERE account = ? LIMIT ?)""",
        (account, _CHUNK),
    )
    found = values(row[0])
    if found:
        emails = ids(email for email, _ in found)
        batch.execute("DELETE FROM placement WHERE email IN (SELECT value FROM carray(?))", (emails,))
        batch.execute(
            "DELETE FROM email WHERE account = ? AND id IN (SELECT value FROM carray(?))", (account, emails)
        )
        batch.execute(
            "DELETE FROM verdict WHERE account = ? AND email IN (SELECT value FROM carray(?))",
            (account, emails),
        )
        for email, blob in found:
            batch.hold(blob, -1)
            batch.insert["wording"]((email, account, 1))
        return True
    if uploads.remove_of(batch, account, _CHUNK) or learning.remove_of(batch, account, _CHUNK):
        return True
    lists = "list IN (SELECT id FROM mailbox WHERE account = ?1 UNION ALL SELECT -?1)"
    if batch.execute(
        f"""DELETE FROM conversation WHERE (list, thread) IN
        (SELECT list, thread FROM conversation WHERE {lists} LIMIT ?2)""",  # noqa: S608
        (account, _CHUNK),
    ):
        return True
    batch.execute(f"DELETE FROM tally WHERE {lists}", (account,))  # noqa: S608
    for table in _TABLES:
        if batch.execute(f"DELETE FROM {table} WHERE account = ?", (account,)):  # noqa: S608
            return True
    batch.execute(
        "DELETE FROM vanished WHERE mailbox IN (SELECT id FROM mailbox WHERE account = ?)", (account,)
    )
    batch.execute(
        "DELETE FROM mailbox_count WHERE mailbox IN (SELECT id FROM mailbox WHERE account = ?)", (account,)
    )
    for sql in (
        "DELETE FROM mailbox WHERE account = ?",
        "DELETE FROM subscription WHERE account = ?",
        "DELETE FROM account_count WHERE account = ?",
        "DELETE FROM timeline WHERE account = ?",
        "DELETE FROM removal WHERE account = ?",
    ):
        batch.execute(sql, (account,))
    return False


async def remove_all(writer: Writer, account: int) -> None:
    """One chunk per commit, so that others' commits come in between."""

    def step(batch: Batch) -> Any:
        return remove_some(batch, account)

    while await writer.submit(step):
        pass
