"""What the writer does when nobody waits: feed the word index, sweep blobs, prune what is old.

Each step is small (a few milliseconds) and a commit of its own; everything here can stop at any
point and go on after a restart, since what is left to do is read from the tables themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import apsw

from mailsys.stores.sqlite import learning, once, sessions, strangers, timeline, uploads
from mailsys.stores.sqlite.accept import FILE
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.files import BlobFiles
from mailsys.stores.sqlite.removal import remove_some
from mailsys.stores.sqlite.rows import values
from mailsys.stores.sqlite.search import owner, without_owner

_AT_ONCE: Final = 10  # emails indexed at once
_BUDGET: Final = 0.006  # seconds of indexing in one step, about
_OCTETS: Final = 256 * 1024  # of body text in one step
_INDEXED: Final = 256 * 1024  # of one body; the words of the rest are not indexed
_TOMBSTONES: Final = 100_000  # kept per account; fewer after pruning
_PRUNE_EVERY: Final = 600.0


def feed_words(batch: Batch) -> bool:
    """Index emails and drop those that are gone, for some milliseconds; whether there is more to do."""
    until = time.monotonic() + _BUDGET
    while _feed_some(batch):
        if time.monotonic() >= until:
            return True
    return False


def _feed_some(batch: Batch) -> bool:
    waiting = values(
        batch.one(
            """SELECT json_group_array(json_array(w.email, w.account, w.gone, e.blob,
                min(length(b.body), ?)))
            FROM (SELECT * FROM wording ORDER BY email LIMIT ?) w
            LEFT JOIN email e ON e.account = w.account AND e.id = w.email
            LEFT JOIN body_text b ON b.blob = e.blob""",
            (_INDEXED, _AT_ONCE),
        )[0]
    )
    if not waiting:
        return False
    done: list[int] = []
    gone: list[int] = []
    total = 0
    for email, account, is_gone, blob, octets in waiting:
        total += octets or 0
        if done and total > _OCTETS:
            break
        done.append(email)
        if is_gone:
            gone.append(email)
        elif blob is not None:
            row = batch.one(
                """SELECT h.subject, h.sender, h.recipient, h.cc, h.bcc, substr(b.body, 1, ?)
                FROM head_text h JOIN body_text b ON b.blob = h.blob WHERE h.blob = ?""",
                (_INDEXED, blob),
            )
            if row is not None:
                texts = (row[0], b" ".join(row[1:5]), row[5] or b"")  # substr of an empty blob is NULL
                decoded = (without_owner(text.decode("utf-8", "ignore")) for text in texts)
                batch.insert["words"]((email, owner(account), *decoded))
    if gone:
        batch.execute("DELETE FROM words WHERE rowid IN (SELECT value FROM carray(?))", (ids(gone),))
    batch.execute("DELETE FROM wording WHERE email IN (SELECT value FROM carray(?))", (ids(done),))
    return True


def sweep_blobs(batch: Batch, files: Callable[[], BlobFiles], limit: int = 100) -> bool:
    """Remove blobs that nothing holds. The rows go first; a crash before the files follow leaves
    orphans for the sweep at the next start, never a row without its file."""
    batch.flush()
    found = values(
        batch.one(
            """SELECT json_group_array(json_array(id, form, hex(hash))) FROM
            (SELECT * FROM blob WHERE refs <= 0 LIMIT ?)""",
            (limit,),
        )[0]
    )
    if not found:
        return False
    numbers = ids(row[0] for row in found)
    for table, column in (
        ("blob_data", "blob"),
        ("content", "blob"),
        ("header", "blob"),
        ("head_text", "blob"),
        ("body_text", "blob"),
        ("blob", "id"),
    ):
        batch.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM carray(?))",  # noqa: S608
            (numbers,),
        )
    batch.blobs.clear()
    for _, form, digest in found:
        if form == FILE:
            batch.after_commit.append(partial(_discard, files, bytes.fromhex(digest)))
    return True


def _discard(files: Callable[[], BlobFiles], digest: bytes) -> None:
    files().discard(digest)


def prune_tombstones(batch: Batch) -> bool:
    """Keep the newest tombstones of each account; older states then read `complete=False`."""
    batch.flush()
    row = batch.one(
        """SELECT account, count(*) FROM destroyed GROUP BY account HAVING count(*) > ? LIMIT 1""",
        (_TOMBSTONES,),
    )
    if row is None:
        row = batch.one(
            """SELECT m.account, count(*) FROM vanished v JOIN mailbox m ON m.id = v.mailbox
            GROUP BY m.account HAVING count(*) > ? LIMIT 1""",
            (_TOMBSTONES,),
        )
    if row is None:
        return False
    account = batch.find_account(row[0])
    if account is None:
        return False
    cut = batch.one(
        """SELECT max(n) FROM (
            SELECT modseq n FROM (SELECT modseq FROM destroyed WHERE account = ?1
                ORDER BY modseq DESC LIMIT 1 OFFSET ?2)
            UNION ALL SELECT modseq FROM (SELECT v.modseq FROM mailbox m JOIN vanished v ON v.mailbox = m.id
                WHERE m.account = ?1 ORDER BY v.modseq DESC LIMIT 1 OFFSET ?2))""",
        (account.id, _TOMBSTONES // 2),
    )[0]
    account.floor = max(account.floor, cut)
    batch.touch_account(account)
    batch.execute("DELETE FROM destroyed WHERE account = ? AND modseq <= ?", (account.id, cut))
    batch.execute(
        """DELETE FROM vanished WHERE modseq <= ?
        AND mailbox IN (SELECT id FROM mailbox WHERE account = ?)""",
        (cut, account.id),
    )
    return True


class Tidy:
    """One step of whatever is due at a time."""

    def __init__(
        self, files: Callable[[], BlobFiles], has_files: Callable[[], bool], now: Callable[[], float]
    ) -> None:
        self._files = files
        self._has_files = has_files
        self._now = now
        self._pruned = 0.0
        self._orphans: Iterator[list[bytes]] | None = None

    def look_for_orphans(self, files: BlobFiles) -> None:
        self._orphans = files.found()

    def step(self, batch: Batch) -> bool:
        """Whether there is more to do."""
        return (
            sweep_blobs(batch, self._files)
            or feed_words(batch)
            or self._go_on_removing(batch)
            or self._orphan(batch)
            or uploads.expire(batch, self._now(), 100)
            or learning.prune(batch, self._now())
            or self._prune(batch)
        )

    def _go_on_removing(self, batch: Batch) -> bool:
        """Accounts whose removal a crash interrupted."""
        row = batch.one("SELECT account FROM removal LIMIT 1")
        if row is None:
            return False
        remove_some(batch, row[0])
        return True

    def _orphan(self, batch: Batch) -> bool:
        """Files without a row: staged but never named by a commit, or left by a crash."""
        found = None
        if self._orphans is not None:
            found = next(self._orphans, None)
            if found is None:
                self._orphans = None
        elif self._has_files():
            found = self._files().overdue(1000)
        if not found:
            return False
        held = values(
            batch.one(
                "SELECT json_group_array(hex(b.hash)) FROM carray(?) w CROSS JOIN blob b ON b.hash = w.value",
                (apsw.carray(tuple(found)),),
            )[0]
        )
        for digest in set(found) - {bytes.fromhex(text) for text in held}:
            self._files().discard(digest)
        return True

    def _prune(self, batch: Batch) -> bool:
        now = self._now()
        if now < self._pruned + _PRUNE_EVERY:
            return False
        if (
            timeline.prune(batch, now - timeline.KEPT, 500)
            or sessions.prune(batch, now, 500)
            or once.forget(batch, now, 500)
            or strangers.forget(batch, now, 500)
            or prune_tombstones(batch)
        ):
            return True
        self._pruned = now
        return False
