"""Uploads: blobs that an account may read, and make emails of, for a while (RFC 8620 §6.1)."""

from __future__ import annotations

from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.stores.sqlite.accept import stored
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.rows import values


def hold(batch: Batch, account: int, staged: StagedBlob | BlobId, media_type: str, until: float) -> None:
    """Held already: the later of both times, and the newer type."""
    batch.account(account)
    blob = stored(batch, staged)
    if batch.read("SELECT 1 FROM upload WHERE account = ? AND blob = ?", (account, blob.id)) is None:
        batch.hold(blob.id)
    batch.write(
        """INSERT INTO upload VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
        SET media_type = excluded.media_type, until = max(until, excluded.until)""",
        (account, blob.id, media_type, until),
    )


def let_go(batch: Batch, account: int, blob: BlobId, until: float) -> None:
    found = batch.blob(blob)
    if found is not None:
        batch.write(
            "UPDATE upload SET until = ? WHERE account = ? AND blob = ? AND until > ?",
            (until, account, found.id, until),
        )


def expire(batch: Batch, now: float, limit: int) -> bool:
    """Let go of some whose time is over; whether there were any."""
    return _let_go(batch, "until <= ?", now, limit)


def remove_of(batch: Batch, account: int, limit: int) -> bool:
    """Let go of some of a removed account; whether there were any."""
    return _let_go(batch, "account = ?", account, limit)


def _let_go(batch: Batch, condition: str, value: float, limit: int) -> bool:
    row = batch.read(
        f"""SELECT json_group_array(json_array(account, blob)) FROM
        (SELECT account, blob FROM upload WHERE {condition} LIMIT ?)""",  # noqa: S608
        (value, limit),
    )
    found = values(row[0])
    for account, blob in found:
        batch.write("DELETE FROM upload WHERE account = ? AND blob = ?", (account, blob))
        batch.hold(blob, -1)
    return bool(found)
