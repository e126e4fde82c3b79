"""Checking the whole store: SQLite's own check, and that what refers is met by what is referred to."""

from __future__ import annotations

from typing import Final

import apsw

from mailsys.stores.sqlite.readers import one_state
from mailsys.stores.sqlite.rows import integers, one, values
from mailsys.stores.sqlite.tally import CONVERSATIONS, EMAILS, HIGHEST, LOWEST, READ, entries

# Each statement gives rows that should not be there.
_CHECKS: Final = {
    "placement without its email": """SELECT p.mailbox, p.uid FROM placement p
        JOIN mailbox m ON m.id = p.mailbox
        LEFT JOIN email e ON e.account = m.account AND e.id = p.email WHERE e.id IS NULL""",
    "placement without its mailbox": """SELECT p.mailbox, p.uid FROM placement p
        LEFT JOIN mailbox m ON m.id = p.mailbox WHERE m.id IS NULL
        AND p.email NOT IN (SELECT e.id FROM email e JOIN removal r ON r.account = e.account)""",
    "email in no mailbox": """SELECT e.account, e.id FROM email e
        WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.email = e.id)
        AND e.account NOT IN (SELECT account FROM removal)""",
    "email without its account": """SELECT e.account, e.id FROM email e
        LEFT JOIN account a ON a.id = e.account
        WHERE a.id IS NULL AND e.account NOT IN (SELECT account FROM removal)""",
    "email without its content": """SELECT e.account, e.id FROM email e LEFT JOIN content c ON c.blob = e.blob
        LEFT JOIN header h ON h.blob = e.blob LEFT JOIN head_text t ON t.blob = e.blob
        LEFT JOIN body_text b ON b.blob = e.blob
        WHERE c.blob IS NULL OR h.blob IS NULL OR t.blob IS NULL OR b.blob IS NULL""",
    "email or queue item without its blob": """SELECT x.blob FROM
        (SELECT blob FROM email UNION SELECT blob FROM queue) x
        LEFT JOIN blob b ON b.id = x.blob WHERE b.id IS NULL""",
    "blob without its bytes": """SELECT b.id FROM blob b LEFT JOIN blob_data d ON d.blob = b.id
        WHERE b.form <> 2 AND d.blob IS NULL""",
    "blob counts its holders wrongly": """SELECT b.id, b.refs, n FROM (SELECT b.id, b.refs,
        (SELECT count(*) FROM email e WHERE e.blob = b.id) + ifnull(q.n, 0)
        + (SELECT count(*) FROM upload u WHERE u.blob = b.id)
        + (SELECT count(*) FROM lesson l WHERE l.blob = b.id) n FROM blob b
        LEFT JOIN (SELECT blob, count(*) n FROM queue GROUP BY blob) q ON q.blob = b.id) b
        WHERE b.refs <> n""",
    "mailbox counts its emails wrongly": """SELECT k.mailbox, k.total, k.size, k.unseen, k.deleted, n, s, u, d
        FROM mailbox m JOIN mailbox_count k ON k.mailbox = m.id LEFT JOIN (
            SELECT p.mailbox, count(*) n, sum(e.size) s,
                sum(' ' || w.words || ' ' NOT LIKE '% $seen %') u,
                sum(p.mark > 0) d, max(p.uid) last
            FROM placement p JOIN mailbox b ON b.id = p.mailbox
            JOIN email e ON e.account = b.account AND e.id = p.email
            JOIN keywords w ON w.id = e.keywords GROUP BY p.mailbox) x ON x.mailbox = m.id
        WHERE m.account NOT IN (SELECT account FROM removal) AND (k.total <> ifnull(n, 0)
            OR k.size <> ifnull(s, 0) OR k.unseen <> ifnull(u, 0) OR k.deleted <> ifnull(d, 0)
            OR k.uid_next <= ifnull(last, 0))""",
    "account counts its octets wrongly": """SELECT c.account, c.used, s FROM account a
        JOIN account_count c ON c.account = a.id
        LEFT JOIN (SELECT account, sum(size) s FROM email GROUP BY account) x ON x.account = a.id
        WHERE c.used <> ifnull(s, 0)""",
    "modseq beyond its account's": """SELECT e.account, e.id FROM email e
        JOIN account_count c ON c.account = e.account WHERE max(e.modseq, e.touched) > c.modseq""",
    "mailbox without its parent": """SELECT m.id FROM mailbox m LEFT JOIN mailbox p
        ON p.id = m.parent AND p.account = m.account WHERE m.parent IS NOT NULL AND p.id IS NULL""",
    "snooze without its placement": """SELECT s.mailbox, s.email FROM snooze s
        LEFT JOIN placement p ON p.email = s.email AND p.mailbox = s.mailbox AND p.mark <= 0
        WHERE p.email IS NULL AND s.account NOT IN (SELECT account FROM removal)""",
    "verdict without its email": """SELECT v.account, v.email FROM verdict v
        LEFT JOIN email e ON e.account = v.account AND e.id = v.email
        WHERE e.id IS NULL AND v.account NOT IN (SELECT account FROM removal)""",
    "scope counts its tokens wrongly": """SELECT k.scope, k.tokens, n FROM known k
        LEFT JOIN (SELECT scope, count(*) n FROM token GROUP BY scope) t ON t.scope = k.scope
        WHERE k.tokens <> ifnull(n, 0) AND k.scope NOT IN (SELECT account FROM removal)""",
    "account without an inbox": """SELECT a.id FROM account a WHERE NOT EXISTS
        (SELECT 1 FROM mailbox m WHERE m.account = a.id AND m.role = 'inbox')""",
}
# ruff: noqa: S608
# What lists.py keeps: rows of threads and tallies, by list (a mailbox, or minus an account).
_ENTRIES: Final = """(SELECT p.mailbox list, e.thread, e.id email, e.received_at, e.flags & 5 = 0 unread
        FROM placement p JOIN mailbox m ON m.id = p.mailbox JOIN email e ON e.account = m.account
        AND e.id = p.email WHERE p.mark <= 0
    UNION ALL SELECT -account, thread, id, received_at, 0 FROM email WHERE hidden = 0)"""
_LIVE: Final = """list IN (SELECT id FROM mailbox WHERE account NOT IN (SELECT account FROM removal)
    UNION ALL SELECT -id FROM account)"""
_LISTS: Final = {
    "placement with another time than its email": """SELECT p.mailbox, p.uid FROM placement p
        JOIN mailbox m ON m.id = p.mailbox JOIN email e ON e.account = m.account AND e.id = p.email
        WHERE p.received_at <> e.received_at""",
    "email with flags unlike its keywords": """SELECT e.account, e.id, e.flags, k.words FROM email e
        JOIN keywords k ON k.id = e.keywords WHERE (e.flags & 7) <>
        (' ' || words || ' ' LIKE '% $seen %') + 2 * (' ' || words || ' ' LIKE '% $flagged %')
        + 4 * (' ' || words || ' ' LIKE '% $draft %')""",
    "email with $deleted, which is its placements'": """SELECT e.account, e.id FROM email e
        JOIN keywords k ON k.id = e.keywords WHERE ' ' || words || ' ' LIKE '% $deleted %'""",
    "email hidden or shown unlike its placements": """SELECT e.account, e.id, e.hidden FROM email e
        WHERE e.account NOT IN (SELECT account FROM removal) AND (e.hidden = 0) <>
            EXISTS (SELECT 1 FROM placement p WHERE p.email = e.id AND p.mark <= 0)""",
    "thread counts its emails wrongly": f"""SELECT list, thread, sum(n), sum(u) FROM (
        SELECT list, thread, emails n, unread u FROM conversation WHERE {_LIVE}
        UNION ALL SELECT list, thread, -1, -unread FROM {_ENTRIES} WHERE {_LIVE})
        GROUP BY list, thread HAVING sum(n) <> 0 OR sum(u) <> 0""",
    "thread stands at another than its newest email of a mailbox": """SELECT c.list, c.thread, c.email
        FROM mailbox m JOIN conversation c ON c.list = m.id
        WHERE m.account NOT IN (SELECT account FROM removal) AND (
            NOT EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
                WHERE p.email = c.email AND p.mailbox = m.id AND p.received_at = c.received_at
                    AND p.mark <= 0)
            OR EXISTS (SELECT 1 FROM email e INDEXED BY email_thread
                JOIN placement p INDEXED BY placement_email ON p.email = e.id AND p.mailbox = m.id
                    AND p.mark <= 0
                WHERE e.account = m.account AND e.thread = c.thread
                    AND (e.received_at, e.id) > (c.received_at, c.email)))""",
    "thread stands at another than its newest email": """SELECT c.list, c.thread, c.email
        FROM account a JOIN conversation c ON c.list = -a.id
        WHERE NOT EXISTS (SELECT 1 FROM email e
                WHERE e.account = a.id AND e.id = c.email AND e.received_at = c.received_at
                    AND e.hidden = 0)
            OR EXISTS (SELECT 1 FROM email e INDEXED BY email_thread
                WHERE e.account = a.id AND e.thread = c.thread AND e.hidden = 0
                    AND (e.received_at, e.id) > (c.received_at, c.email))""",
    "mailbox counts its threads wrongly": """SELECT k.mailbox, k.unread, u, k.threads, t, k.unread_threads, ut
        FROM mailbox_count k LEFT JOIN (SELECT list, sum(unread) u, count(*) t, sum(unread > 0) ut
            FROM conversation GROUP BY list) x ON x.list = k.mailbox
        JOIN mailbox m ON m.id = k.mailbox WHERE m.account NOT IN (SELECT account FROM removal)
        AND (k.unread <> ifnull(u, 0) OR k.threads <> ifnull(t, 0) OR k.unread_threads <> ifnull(ut, 0))""",
}
_SHOWN: Final = 20


def check(connection: apsw.Connection) -> list[str]:
    """Complaints, at most a few of each kind. Reads everything: minutes on a large store."""
    complaints = [
        str(row[0]) for row in connection.execute("PRAGMA integrity_check").fetchall() if row[0] != "ok"
    ]
    complaints += tallies(connection)
    for what, sql in statements().items():
        rows = connection.execute(f"SELECT * FROM ({sql}) LIMIT {_SHOWN}").fetchall()
        complaints += [f"{what}: {' '.join(map(str, row))}" for row in rows]
    return complaints


def statements() -> dict[str, str]:
    """What should not be, in words, and a query of it."""
    return _CHECKS | _LISTS


def tallies(connection: apsw.Connection) -> list[str]:
    """Each stretch against the entries that it is of."""
    found: list[str] = []
    numbers = integers(
        one(
            connection,
            f"""SELECT group_concat(list) FROM (SELECT id list FROM mailbox UNION ALL SELECT -id FROM account)
            WHERE {_LIVE}""",
        )[0]
    )
    for number in numbers:
        with one_state(connection):  # somebody may write meanwhile
            found += _tallies_of(connection, number)
        if len(found) >= _SHOWN:
            break
    return found


def _tallies_of(connection: apsw.Connection, number: int) -> list[str]:
    found = []
    for kind in (EMAILS, CONVERSATIONS):
        source, bound = entries(number, kind)
        rows = values(one(connection, READ, (number, kind))[0]) or [(*LOWEST, 0)]
        bounds = [*((at, email) for at, email, _ in rows), HIGHEST]
        for row, start, end in zip(rows, bounds, bounds[1:], strict=False):
            count = one(
                connection,
                f"SELECT count(*) FROM {source} WHERE (at, email) >= (?2, ?3) AND (at, email) < (?4, ?5)",
                (bound, *start, *end),
            )[0]
            if count != row[2]:
                found.append(f"tally counts wrongly: {number} {kind} {start} {row[2]} {count}")
    return found
