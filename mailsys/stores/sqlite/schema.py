"""The file: its tables, its version, and how a connection is set up.

What the layout is for (measured, see bench/store_ingest.py):
- What depends on the content alone (facts, header, search text) hangs on the *blob*, once however
  many accounts hold the message. An email is then some forty octets in a clustered table.
- `placement` and `email` are narrow and WITHOUT ROWID: a mailbox's rows lie side by side.
- Of a `placement` only `mark` changes after it is written: `$deleted` and its modseq in one number
  (marks.py). An email's `modseq` is that of its keywords, `touched` that of anything about it (JMAP: also
  its set of mailboxes), `created` when it last came to be seen. One index, (account, touched), is the
  change log.
- A *list* is a mailbox (its id) or all mail of an account (minus its id). `conversation` has a row for
  each thread in a list, `tally` counts the entries of a list between two keys, so that collapsed
  pages, totals and positions cost the same in a mailbox of a million (lists.py). Neither they nor the
  indexes that they are read by have anything that is marked `$deleted`.
- Times are REAL seconds, sizes octets. Ids come from `counter`, are never reused.
"""

from __future__ import annotations

from typing import Final

import apsw

from mailsys.stores.sqlite.learned_tables import KNOWLEDGE, LESSONS
from mailsys.stores.sqlite.rows import one
from mailsys.stores.sqlite.sts_tables import STS_POLICIES
from mailsys.stores.sqlite.trust_tables import TRUST

VERSION: Final = 8
PAGE_SIZE: Final = 8192

# until: while it waits, when it is due; once woken, when it came back to this mailbox
SNOOZE: Final = """
CREATE TABLE snooze (
    mailbox INTEGER, email INTEGER, account INTEGER NOT NULL, until REAL NOT NULL, woken INTEGER NOT NULL,
    target INTEGER, added TEXT NOT NULL, removed TEXT NOT NULL, PRIMARY KEY (mailbox, email)) WITHOUT ROWID;
CREATE INDEX snooze_email ON snooze (account, email);
CREATE INDEX snooze_due ON snooze (until) WHERE woken = 0;
CREATE INDEX snooze_until ON snooze (mailbox, until) WHERE woken = 1;
"""

# How often a key was used (ports.once); forgotten after `until`.
ONCE: Final = """
CREATE TABLE once (key TEXT PRIMARY KEY, taken INTEGER NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX once_until ON once (until);
"""

# A zone is read and judged whole: its records are one document (zones.py).
ZONES: Final = """
CREATE TABLE zone (
    name TEXT PRIMARY KEY, serial INTEGER NOT NULL, changed REAL NOT NULL, own BLOB NOT NULL,
    derived BLOB NOT NULL, keys BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE zone_history (zone TEXT, serial INTEGER, change BLOB NOT NULL, PRIMARY KEY (zone, serial))
    WITHOUT ROWID;
"""

TABLES: Final = """
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE domain (name TEXT PRIMARY KEY, postmaster INTEGER, catch_all INTEGER) WITHOUT ROWID;
CREATE TABLE account (
    id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, name TEXT NOT NULL, admin INTEGER NOT NULL,
    enabled INTEGER NOT NULL, quota INTEGER NOT NULL, sends_per_hour INTEGER NOT NULL,
    sends_per_day INTEGER NOT NULL, credentials BLOB);
CREATE TABLE account_count (
    account INTEGER PRIMARY KEY, modseq INTEGER NOT NULL, used INTEGER NOT NULL,
    floor INTEGER NOT NULL, email_state INTEGER NOT NULL, delivery_state INTEGER NOT NULL,
    thread_state INTEGER NOT NULL, mailbox_state INTEGER NOT NULL);
CREATE TABLE state (account INTEGER, kind TEXT, modseq INTEGER NOT NULL, PRIMARY KEY (account, kind))
    WITHOUT ROWID;
CREATE TABLE removal (account INTEGER PRIMARY KEY);
CREATE TABLE address (
    address TEXT PRIMARY KEY, kind TEXT NOT NULL, account INTEGER, targets TEXT NOT NULL,
    domain TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX address_account ON address (account);
CREATE INDEX address_domain ON address (domain);
CREATE TABLE dkim_key (
    domain TEXT NOT NULL, selector TEXT NOT NULL, algorithm TEXT NOT NULL, private BLOB NOT NULL,
    active INTEGER NOT NULL, since REAL NOT NULL DEFAULT 0, PRIMARY KEY (domain, selector)) WITHOUT ROWID;

CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL, parent INTEGER, name TEXT NOT NULL, role TEXT,
    uid_validity INTEGER NOT NULL, sort_order INTEGER NOT NULL, created INTEGER NOT NULL,
    changed INTEGER NOT NULL);
CREATE UNIQUE INDEX mailbox_name ON mailbox (account, ifnull(parent, 0), name);
CREATE TABLE mailbox_count (
    mailbox INTEGER PRIMARY KEY, uid_next INTEGER NOT NULL, modseq INTEGER NOT NULL,
    total INTEGER NOT NULL, unseen INTEGER NOT NULL, deleted INTEGER NOT NULL, size INTEGER NOT NULL,
    recent INTEGER NOT NULL, unread INTEGER NOT NULL, threads INTEGER NOT NULL,
    unread_threads INTEGER NOT NULL, counted INTEGER NOT NULL);
CREATE TABLE gone_mailbox (
    account INTEGER, modseq INTEGER, mailbox INTEGER, created INTEGER NOT NULL,
    PRIMARY KEY (account, modseq, mailbox)) WITHOUT ROWID;
CREATE TABLE subscription (account INTEGER, path TEXT, PRIMARY KEY (account, path)) WITHOUT ROWID;

CREATE TABLE blob (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, form INTEGER NOT NULL,
    refs INTEGER NOT NULL);
CREATE INDEX blob_unreferenced ON blob (id) WHERE refs <= 0;
CREATE TABLE blob_data (blob INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE content (
    blob INTEGER PRIMARY KEY, sent_at REAL, header_size INTEGER NOT NULL, has_attachment INTEGER NOT NULL,
    message_id TEXT, subject TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    preview TEXT NOT NULL, envelope BLOB NOT NULL, body_structure BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE header (blob INTEGER PRIMARY KEY, data BLOB NOT NULL, folded BLOB NOT NULL);
CREATE TABLE head_text (
    blob INTEGER PRIMARY KEY, subject BLOB NOT NULL, sender BLOB NOT NULL, recipient BLOB NOT NULL,
    cc BLOB NOT NULL, bcc BLOB NOT NULL,
    -- what emails are sorted by
    sent_at REAL, base_subject TEXT NOT NULL, from_key TEXT NOT NULL, to_key TEXT NOT NULL);
CREATE TABLE body_text (blob INTEGER PRIMARY KEY, body BLOB NOT NULL);

CREATE TABLE keywords (id INTEGER PRIMARY KEY, words TEXT NOT NULL UNIQUE);
CREATE TABLE keyword (word TEXT, keywords INTEGER, PRIMARY KEY (word, keywords)) WITHOUT ROWID;
-- flags: 1 seen, 2 flagged, 4 draft, 16 has an attachment (flags.py); hidden: all placements are marked
CREATE TABLE email (
    account INTEGER, id INTEGER, blob INTEGER NOT NULL, thread INTEGER NOT NULL, received_at REAL NOT NULL,
    size INTEGER NOT NULL, created INTEGER NOT NULL, keywords INTEGER NOT NULL, modseq INTEGER NOT NULL,
    touched INTEGER NOT NULL, flags INTEGER NOT NULL, hidden INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE INDEX email_touched ON email (account, touched);
CREATE INDEX email_created ON email (account, created);
CREATE INDEX email_blob ON email (blob);
CREATE INDEX email_received ON email (account, received_at, id) WHERE hidden = 0;
CREATE INDEX email_thread ON email (account, thread, received_at, id);
CREATE INDEX email_unseen ON email (account, received_at, id) WHERE flags & 1 = 0;
CREATE INDEX email_flagged ON email (account, received_at, id) WHERE flags & 2 <> 0;
CREATE TABLE placement (
    mailbox INTEGER, uid INTEGER, email INTEGER NOT NULL, modseq INTEGER NOT NULL, received_at REAL NOT NULL,
    mark INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (mailbox, uid)) WITHOUT ROWID;
CREATE INDEX placement_email ON placement (email);
CREATE INDEX placement_received ON placement (mailbox, received_at, email) WHERE mark <= 0;
-- received_at and email: of the newest in the list
CREATE TABLE conversation (
    list INTEGER, thread INTEGER, emails INTEGER NOT NULL, unread INTEGER NOT NULL,
    received_at REAL NOT NULL, email INTEGER NOT NULL, PRIMARY KEY (list, thread)) WITHOUT ROWID;
CREATE INDEX conversation_received ON conversation (list, received_at, email);
-- kind: 0 emails, 1 conversations; count: of entries from this key up to that of the next row
CREATE TABLE tally (
    list INTEGER, kind INTEGER, received_at REAL, email INTEGER, count INTEGER NOT NULL,
    PRIMARY KEY (list, kind, received_at, email)) WITHOUT ROWID;
CREATE TABLE reference (account INTEGER, key INTEGER, thread INTEGER NOT NULL, PRIMARY KEY (account, key))
    WITHOUT ROWID;
CREATE TABLE vanished (
    mailbox INTEGER, modseq INTEGER, uid INTEGER, email INTEGER NOT NULL, thread INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)) WITHOUT ROWID;
CREATE TABLE destroyed (
    account INTEGER, modseq INTEGER, email INTEGER, created INTEGER NOT NULL, thread INTEGER NOT NULL,
    PRIMARY KEY (account, modseq, email)) WITHOUT ROWID;
CREATE TABLE upload (
    account INTEGER, blob INTEGER, media_type TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (account, blob)) WITHOUT ROWID;
CREATE INDEX upload_until ON upload (until);
CREATE INDEX upload_blob ON upload (blob);

CREATE TABLE object (
    number INTEGER PRIMARY KEY, account INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    created INTEGER NOT NULL, modseq INTEGER NOT NULL, value BLOB NOT NULL);
CREATE UNIQUE INDEX object_id ON object (account, kind, id);
CREATE INDEX object_modseq ON object (account, kind, modseq);
CREATE INDEX object_kind ON object (kind);
CREATE TABLE gone_object (
    account INTEGER, kind TEXT, modseq INTEGER, id TEXT, created INTEGER NOT NULL,
    PRIMARY KEY (account, kind, modseq, id)) WITHOUT ROWID;
CREATE TABLE session (
    key BLOB PRIMARY KEY, account INTEGER NOT NULL, created REAL NOT NULL, seen REAL NOT NULL,
    expires REAL NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL, csrf TEXT NOT NULL,
    second_factor INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX session_account ON session (account, created);
CREATE INDEX session_expires ON session (expires);
CREATE TABLE sign_in (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL, at REAL NOT NULL, address TEXT NOT NULL,
    agent TEXT NOT NULL, service TEXT NOT NULL, how TEXT NOT NULL, success INTEGER NOT NULL);
CREATE INDEX sign_in_account ON sign_in (account, id);
CREATE INDEX sign_in_at ON sign_in (at);

CREATE TABLE correspondent (
    account INTEGER, address TEXT, name TEXT NOT NULL, folded TEXT NOT NULL, sent INTEGER NOT NULL,
    received INTEGER NOT NULL, PRIMARY KEY (account, address)) WITHOUT ROWID;
CREATE INDEX correspondent_name ON correspondent (account, folded);

CREATE TABLE queue (
    id INTEGER PRIMARY KEY, destination TEXT NOT NULL, ready REAL NOT NULL, due REAL NOT NULL,
    hold INTEGER NOT NULL, token INTEGER NOT NULL, account INTEGER, blob INTEGER NOT NULL,
    size INTEGER NOT NULL, attempts INTEGER NOT NULL, delayed_told INTEGER NOT NULL,
    last_error TEXT NOT NULL, item BLOB NOT NULL);
CREATE INDEX queue_destination ON queue (destination, ready) WHERE hold = 0;
CREATE INDEX queue_ready ON queue (ready) WHERE hold = 0;
CREATE INDEX queue_account ON queue (account) WHERE account IS NOT NULL;
CREATE INDEX queue_leased ON queue (id) WHERE token <> 0;
CREATE TABLE timeline (
    id INTEGER PRIMARY KEY, trace TEXT NOT NULL, at REAL NOT NULL, stage TEXT NOT NULL, account INTEGER,
    recipient TEXT NOT NULL, detail BLOB, sender TEXT);
CREATE INDEX timeline_trace ON timeline (trace);
-- whom a message is about; traces sort by time
CREATE INDEX timeline_address ON timeline (lower(ifnull(sender, recipient)), trace)
    WHERE ifnull(sender, recipient) <> '';
CREATE INDEX timeline_account ON timeline (account, trace) WHERE account IS NOT NULL;

CREATE VIRTUAL TABLE words USING fts5 (
    owner, subject, people, body, content='', contentless_delete=1, prefix='4',
    tokenize="unicode61 remove_diacritics 2");
-- what the index does not know yet: emails that came (gone 0) or went (1)
CREATE TABLE wording (email INTEGER PRIMARY KEY, account INTEGER NOT NULL, gone INTEGER NOT NULL);
"""

# Of the writing connection alone: what keywords.py works with inside one statement after another.
TEMPORARY: Final = """CREATE TEMP TABLE unread_change (
    list INTEGER, thread INTEGER, count INTEGER NOT NULL, shown INTEGER NOT NULL,
    PRIMARY KEY (list, thread)) WITHOUT ROWID"""

# $deleted was a keyword of emails, and is a mark of all their placements from now on: at the modseq that
# IMAP knows it by already. JMAP did not see them before either, but counted them; they get tombstones.
_MARKS: Final = """
ALTER TABLE placement ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
ALTER TABLE email ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
CREATE TEMP TABLE marked AS SELECT account, id, thread, modseq, created FROM email WHERE flags & 8 <> 0;
UPDATE email SET hidden = 1, flags = flags & ~8 WHERE flags & 8 <> 0;
UPDATE placement SET mark = m.modseq FROM temp.marked m WHERE placement.email = m.id;
DROP INDEX placement_received;
DROP INDEX email_received;
CREATE INDEX placement_received ON placement (mailbox, received_at, email) WHERE mark <= 0;
CREATE INDEX email_received ON email (account, received_at, id) WHERE hidden = 0;

CREATE TEMP TABLE stripped AS SELECT k.id, s.id other FROM keywords k LEFT JOIN keywords s
    ON s.words = trim(replace(' ' || k.words || ' ', ' $deleted ', ' '))
    WHERE ' ' || k.words || ' ' LIKE '% $deleted %';
UPDATE email SET keywords = s.other FROM temp.stripped s
    WHERE email.hidden <> 0 AND s.id = email.keywords AND s.other IS NOT NULL;
DELETE FROM keyword WHERE word = '$deleted'
    OR keywords IN (SELECT id FROM temp.stripped WHERE other IS NOT NULL);
DELETE FROM keywords WHERE id IN (SELECT id FROM temp.stripped WHERE other IS NOT NULL);
UPDATE keywords SET words = trim(replace(' ' || words || ' ', ' $deleted ', ' '))
    WHERE id IN (SELECT id FROM temp.stripped);

CREATE TEMP TABLE touched AS
    SELECT DISTINCT p.mailbox list, m.account, m.thread FROM temp.marked m
        CROSS JOIN placement p INDEXED BY placement_email ON p.email = m.id
    UNION SELECT -account, account, thread FROM temp.marked;
DELETE FROM conversation WHERE (list, thread) IN (SELECT list, thread FROM temp.touched);
INSERT INTO conversation SELECT t.list, t.thread, count(*), sum(e.flags & 5 = 0), max(e.received_at),
        (SELECT l.id FROM email l INDEXED BY email_thread
            CROSS JOIN placement o INDEXED BY placement_email ON o.email = l.id
            AND o.mailbox = t.list AND o.mark <= 0 WHERE l.account = t.account AND l.thread = t.thread
            ORDER BY l.received_at DESC, l.id DESC LIMIT 1)
    FROM temp.touched t
    CROSS JOIN email e INDEXED BY email_thread ON e.account = t.account AND e.thread = t.thread
    CROSS JOIN placement p INDEXED BY placement_email ON p.email = e.id AND p.mailbox = t.list AND p.mark <= 0
    WHERE t.list > 0 GROUP BY t.list, t.thread;
INSERT INTO conversation SELECT t.list, t.thread, count(*), 0, max(e.received_at),
        (SELECT l.id FROM email l INDEXED BY email_thread WHERE l.account = t.account
            AND l.thread = t.thread AND l.hidden = 0 ORDER BY l.received_at DESC, l.id DESC LIMIT 1)
    FROM temp.touched t
    CROSS JOIN email e INDEXED BY email_thread
    ON e.account = t.account AND e.thread = t.thread AND e.hidden = 0
    WHERE t.list < 0 GROUP BY t.list, t.thread;

CREATE TEMP TABLE stretch AS SELECT list, kind, received_at, email,
        lead(received_at, 1, 9e99) OVER w next_at, lead(email, 1, 0) OVER w next_email
    FROM tally WHERE list IN (SELECT list FROM temp.touched)
    WINDOW w AS (PARTITION BY list, kind ORDER BY received_at, email);
UPDATE tally SET count = CASE
    WHEN tally.kind = 1 THEN (SELECT count(*) FROM conversation c WHERE c.list = s.list
        AND (c.received_at, c.email) >= (s.received_at, s.email)
        AND (c.received_at, c.email) < (s.next_at, s.next_email))
    WHEN tally.list > 0 THEN (SELECT count(*) FROM placement p WHERE p.mailbox = s.list AND p.mark <= 0
        AND (p.received_at, p.email) >= (s.received_at, s.email)
        AND (p.received_at, p.email) < (s.next_at, s.next_email))
    ELSE (SELECT count(*) FROM email e WHERE e.account = -s.list AND e.hidden = 0
        AND (e.received_at, e.id) >= (s.received_at, s.email)
        AND (e.received_at, e.id) < (s.next_at, s.next_email)) END
    FROM temp.stretch s WHERE s.list = tally.list AND s.kind = tally.kind
        AND s.received_at = tally.received_at AND s.email = tally.email;

INSERT OR IGNORE INTO destroyed SELECT account, modseq, id, created, thread FROM temp.marked;
DELETE FROM snooze WHERE email IN (SELECT id FROM temp.marked);
UPDATE account_count SET modseq = modseq + 1, mailbox_state = modseq + 1
    WHERE account IN (SELECT account FROM temp.marked);
UPDATE mailbox_count SET counted = (SELECT c.modseq FROM mailbox m JOIN account_count c
        ON c.account = m.account WHERE m.id = mailbox_count.mailbox),
    unread = (SELECT ifnull(sum(unread), 0) FROM conversation c WHERE c.list = mailbox_count.mailbox),
    threads = (SELECT count(*) FROM conversation c WHERE c.list = mailbox_count.mailbox),
    unread_threads = (SELECT count(*) FROM conversation c WHERE c.list = mailbox_count.mailbox AND unread > 0)
    WHERE mailbox IN (SELECT list FROM temp.touched WHERE list > 0);
DROP TABLE temp.marked; DROP TABLE temp.stripped; DROP TABLE temp.touched; DROP TABLE temp.stretch;
"""

UPGRADES: Final[dict[int, str]] = {  # from version n to n + 1
    1: """
ALTER TABLE timeline ADD COLUMN sender TEXT;
CREATE INDEX timeline_address ON timeline (lower(ifnull(sender, recipient)), trace)
    WHERE ifnull(sender, recipient) <> '';
CREATE INDEX timeline_account ON timeline (account, trace) WHERE account IS NOT NULL;
""",
    2: SNOOZE,
    3: _MARKS + ONCE,
    4: LESSONS + KNOWLEDGE,
    5: TRUST,
    6: ZONES,
    7: STS_POLICIES + "ALTER TABLE dkim_key ADD COLUMN since REAL NOT NULL DEFAULT 0;",
}


class StoreError(Exception):
    """The store cannot be opened; the text says why and what to do."""


class SchemaTooNew(StoreError):
    """The file was written by a later version of this program."""


def connect(path: str, *, read_only: bool = False, vfs: str | None = None) -> apsw.Connection:
    """A connection with our settings; `path` may be ":memory:". `vfs`: SQLite's way to the disk (disk.py)."""
    flags = (
        apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    ) | apsw.SQLITE_OPEN_NOMUTEX
    connection = apsw.Connection(path, flags=flags, vfs=vfs, statementcachesize=400)
    connection.set_busy_timeout(10_000)
    memory = path == ":memory:"
    connection.execute("PRAGMA temp_store=MEMORY").fetchall()
    if not read_only:
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}").fetchall()
        connection.execute(TEMPORARY).fetchall()
        if not memory:
            mode = one(connection, "PRAGMA journal_mode=WAL")[0]
            if mode != "wal":
                raise StoreError(f"{path}: this file system cannot keep a write-ahead log ({mode})")
    # Promise 1: FULL syncs the WAL at every commit, so what we acknowledged survives a power cut.
    connection.execute("PRAGMA synchronous=FULL").fetchall()
    # The checkpoint is ours to time (checkpoint.py), not a surprise inside somebody's commit.
    connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    connection.execute("PRAGMA foreign_keys=OFF").fetchall()
    connection.execute("PRAGMA trusted_schema=OFF").fetchall()
    if not memory:
        connection.execute(f"PRAGMA cache_size={-32_768 if read_only else -65_536}").fetchall()
        # Not mapped into memory: a bad sector would be a SIGBUS, which ends the process, and again at the
        # next start. Read, it is an error of that one statement (decision 21, with what this costs).
        connection.execute("PRAGMA mmap_size=0").fetchall()
    return connection


def version_of(connection: apsw.Connection) -> int:
    return int(one(connection, "PRAGMA user_version")[0])


def create(connection: apsw.Connection) -> None:
    """Lay out an empty file, in one commit."""
    with connection:
        connection.execute(TABLES + SNOOZE + ONCE + LESSONS + KNOWLEDGE + TRUST + ZONES + STS_POLICIES)
        connection.execute(f"PRAGMA user_version={VERSION}")


def upgrade(connection: apsw.Connection, found: int) -> None:
    """Bring an older file up to VERSION, one commit per step. The caller has made a copy."""
    for step in range(found, VERSION):
        with connection:
            connection.execute(UPGRADES[step])
            connection.execute(f"PRAGMA user_version={step + 1}")
