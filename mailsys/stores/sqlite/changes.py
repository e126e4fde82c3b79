"""States, and what changed after one, of threads and mailboxes (RFC 8620 §5.2). Emails: views.py."""

from __future__ import annotations

from typing import Any

import apsw

from mailsys.ports.change_log import IdChanges
from mailsys.stores.sqlite.batch import ids
from mailsys.stores.sqlite.rows import one, values


def states(connection: apsw.Connection, account: int) -> dict[str, int]:
    row = one(
        connection,
        """SELECT email_state, delivery_state, thread_state, mailbox_state,
            (SELECT json_group_array(json_array(kind, modseq)) FROM state WHERE account = ?1)
        FROM account_count WHERE account = ?1""",
        (account,),
    )
    if row is None:
        return {}
    found = dict(zip(("Email", "EmailDelivery", "Thread", "Mailbox"), row[:4], strict=True))
    found.update(values(row[4]))
    return {kind: modseq for kind, modseq in found.items() if modseq}


def _page(rows: list[Any], limit: int, modseq: int) -> tuple[list[Any], bool, int] | None:
    """Rows by ascending modseq (their first column), cut between two modseqs: (rows, more, modseq
    reached). None: one modseq alone has more than `limit`, there is no state to stop at."""
    if len(rows) <= limit:
        return rows, False, modseq
    last = rows[limit][0]
    kept = [row for row in rows if row[0] < last]
    return (kept, True, kept[-1][0]) if kept else None


def threads_changed(connection: apsw.Connection, account: int, since: int, limit: int) -> IdChanges:
    """Emails come to a thread when they are created and leave it when they are destroyed. A thread was
    there at `since` when an email of it was, which now is there still or has a tombstone."""
    row = one(
        connection,
        """SELECT c.modseq, c.floor, (SELECT json_group_array(json_array(n, thread)) FROM (
            SELECT * FROM (SELECT created n, thread FROM email INDEXED BY email_created
                WHERE account = ?1 AND created > ?2 AND hidden = 0 ORDER BY created LIMIT ?3 + 1)
            UNION ALL
            SELECT * FROM (SELECT modseq, thread FROM destroyed
                WHERE account = ?1 AND modseq > ?2 ORDER BY modseq LIMIT ?3 + 1)
            ORDER BY 1 LIMIT ?3 + 1))
        FROM account_count c WHERE c.account = ?1""",
        (account, since, limit),
    )
    page = None if row is None else _page(values(row[2]), limit, row[0])
    if page is None:
        return IdChanges(since, row is not None, (), (), (), complete=False)
    rows, more, modseq = page
    threads = sorted({thread for _, thread in rows})
    created: list[int] = []
    updated: list[int] = []
    destroyed: list[int] = []
    if threads:
        found = one(
            connection,
            """SELECT json_group_array(json_array(t.value,
                EXISTS (SELECT 1 FROM email e INDEXED BY email_thread
                    WHERE e.account = ?1 AND e.thread = t.value AND e.hidden = 0),
                EXISTS (SELECT 1 FROM email e INDEXED BY email_thread
                    WHERE e.account = ?1 AND e.thread = t.value AND e.created <= ?2 AND e.hidden = 0)
                OR t.value IN (SELECT thread FROM destroyed
                    WHERE account = ?1 AND modseq > ?2 AND created <= ?2)))
            FROM carray(?3) t""",
            (account, since, ids(threads)),
        )
        for thread, alive, before in values(found[0]):
            if alive:
                (updated if before else created).append(thread)
            elif before:
                destroyed.append(thread)
    return IdChanges(
        modseq,
        more,
        tuple(created),
        tuple(updated),
        tuple(destroyed),
        complete=since >= row[1],
        last=rows[-1][0] if rows else 0,
    )


def mailboxes_changed(connection: apsw.Connection, account: int, since: int, limit: int) -> IdChanges:
    row = one(
        connection,
        """SELECT c.modseq, c.floor,
        (SELECT json_group_array(json_array(n, id, created, changed, dead)) FROM (
            SELECT CASE WHEN m.created > ?2 THEN m.created ELSE max(m.changed, k.counted) END n, m.id,
                m.created, m.changed, 0 dead
            FROM mailbox m JOIN mailbox_count k ON k.mailbox = m.id
            WHERE m.account = ?1 AND max(m.created, m.changed, k.counted) > ?2
            UNION ALL
            SELECT modseq, mailbox, created, 0, 1 FROM gone_mailbox
            WHERE account = ?1 AND modseq > ?2 AND created <= ?2
            ORDER BY 1 LIMIT ?3 + 1))
        FROM account_count c WHERE c.account = ?1""",
        (account, since, limit),
    )
    page = None if row is None else _page(values(row[2]), limit, row[0])
    if page is None:
        return IdChanges(since, row is not None, (), (), (), complete=False)
    rows, more, modseq = page
    updated = [found for found in rows if not found[4] and found[2] <= since]
    return IdChanges(
        modseq,
        more,
        tuple(box for _, box, created, _, dead in rows if not dead and created > since),
        tuple(found[1] for found in updated),
        tuple(box for _, box, _, _, dead in rows if dead),
        complete=since >= row[1],
        last=rows[-1][0] if rows else 0,
        only_counts=bool(updated) and all(found[3] <= since for found in updated),
    )
