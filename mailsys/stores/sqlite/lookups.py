"""Small questions about emails: their threads, mailboxes, blobs, texts."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from mailsys.ports.ids import EmailId, MailboxId
from mailsys.stores.sqlite.batch import ids
from mailsys.stores.sqlite.rows import integers, one


def thread_emails(
    connection: apsw.Connection, account: int, threads: Sequence[int]
) -> dict[int, tuple[EmailId, ...]]:
    if not threads:
        return {}
    row = one(
        connection,
        """SELECT group_concat(thread), group_concat(id) FROM (
            SELECT e.thread, e.id FROM (SELECT DISTINCT value FROM carray(?1)) w
            CROSS JOIN email e INDEXED BY email_thread ON e.account = ?2 AND e.thread = w.value
                AND e.hidden = 0
            ORDER BY e.thread, e.received_at, e.id)""",
        (ids(threads), account),
    )
    found: dict[int, list[EmailId]] = {}
    for thread, email in zip(integers(row[0]), integers(row[1]), strict=True):
        found.setdefault(thread, []).append(EmailId(email))
    return {thread: tuple(emails) for thread, emails in found.items()}


def email_mailboxes(
    connection: apsw.Connection, account: int, emails: Sequence[int]
) -> dict[int, tuple[MailboxId, ...]]:
    if not emails:
        return {}
    row = one(
        connection,
        """SELECT group_concat(email), group_concat(mailbox) FROM (
            SELECT p.email, p.mailbox FROM (SELECT DISTINCT value FROM carray(?1)) w
            CROSS JOIN email e ON e.account = ?2 AND e.id = w.value
            CROSS JOIN placement p INDEXED BY placement_email ON p.email = e.id AND p.mark <= 0
            ORDER BY p.email, p.mailbox)""",
        (ids(emails), account),
    )
    found: dict[int, list[MailboxId]] = {}
    for email, mailbox in zip(integers(row[0]), integers(row[1]), strict=True):
        found.setdefault(email, []).append(MailboxId(mailbox))
    return {email: tuple(boxes) for email, boxes in found.items()}


def emails_of_blob(connection: apsw.Connection, account: int, blob: bytes) -> list[EmailId]:
    row = one(
        connection,
        """SELECT group_concat(id) FROM (SELECT e.id FROM blob b
            CROSS JOIN email e INDEXED BY email_blob ON e.blob = b.id
            WHERE b.hash = ? AND e.account = ? AND e.hidden = 0 ORDER BY e.id)""",
        (blob, account),
    )
    return [EmailId(email) for email in integers(row[0])]


def texts(connection: apsw.Connection, account: int, emails: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Bodies may be a megabyte each: one statement for each email."""
    found = {}
    for email in dict.fromkeys(emails):
        row = one(
            connection,
            """SELECT c.subject, b.body FROM email e CROSS JOIN content c ON c.blob = e.blob
            CROSS JOIN body_text b ON b.blob = e.blob WHERE e.account = ? AND e.id = ?""",
            (account, email),
        )
        if row is not None:
            found[email] = (row[0], row[1].decode("utf-8", "replace"))
    return found


def holds(connection: apsw.Connection, account: int, blob: bytes) -> bool:
    row = one(
        connection,
        """SELECT EXISTS (SELECT 1 FROM email e INDEXED BY email_blob
                WHERE e.blob = b.id AND e.account = ?1)
            OR EXISTS (SELECT 1 FROM upload u WHERE u.account = ?1 AND u.blob = b.id)
        FROM blob b WHERE b.hash = ?2""",
        (account, blob),
    )
    return row is not None and bool(row[0])


def held_type(connection: apsw.Connection, account: int, blob: bytes) -> str | None:
    row = one(
        connection,
        """SELECT u.media_type FROM blob b JOIN upload u ON u.account = ? AND u.blob = b.id
        WHERE b.hash = ?""",
        (account, blob),
    )
    return None if row is None else str(row[0])
