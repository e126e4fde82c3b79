"""The state of one transaction on the writer's connection, and what the writer remembers between them.

This process is the only one that writes, and it writes from one thread, so counters of accounts and
mailboxes are kept in memory, changed there, and written once per commit however many jobs touched
them. A rollback forgets all of it and reads anew.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import apsw

from mailsys.core.message import keywords as words
from mailsys.core.refusal import TemporaryFailure, UnknownRecipient
from mailsys.ports.events import Changed
from mailsys.ports.ids import AccountId, MailboxId
from mailsys.stores.sqlite.lists import Lists
from mailsys.stores.sqlite.rows import Inserts, one, values
from mailsys.stores.sqlite.states import AccountState, BlobState, MailboxState

REMEMBERED = 20_000  # accounts, keyword sets: then the next transaction starts over


@dataclass(slots=True)
class _Change:
    modseq: int = 0
    mailboxes: set[int] = field(default_factory=set)
    tree: bool = False
    arrived: bool = False
    kinds: set[str] = field(default_factory=set)


def ids(numbers: Iterable[int]) -> Any:
    """Numbers as a binding for `carray(?)`. Must not be empty (apsw refuses)."""
    return apsw.carray(array("q", numbers))


class Batch:
    """What jobs work on. `connection` sees what was flushed; `insert[table](values)` is buffered."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self._inserts = Inserts(connection)
        self.insert = self._inserts.add
        self.lists = Lists(connection, self.insert, lambda mailbox: self._dirty_mailboxes.get(mailbox))
        self._accounts: dict[int, AccountState] = {}
        self._keyword_ids: dict[str, int] = {}
        self._keyword_texts: dict[int, str] = {}
        self._counters: dict[str, int] = {}
        self._serial = 0
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._dirty_accounts: set[int] = set()
        self._dirty_mailboxes: dict[int, MailboxState] = {}
        self._dirty_counters: set[str] = set()
        self._changes: dict[int, _Change] = {}
        self.blobs: dict[bytes, BlobState | None] = {}
        self._new_blobs: list[tuple[BlobState, bytes, int]] = []
        self._held: dict[int, int] = {}
        self.references: dict[tuple[int, int], int] = {}
        self.references_known: set[tuple[int, int]] = set()
        self.thread_keys: dict[int, list[int]] = {}  # of acceptances, by id(): computed once
        self.after_commit: list[Callable[[], None]] = []
        self.queued = False
        self.writes = 0  # grows with every change: a refusal after one cannot stand alone

    # -- the transaction, called by the writer -----------------------------------------------------

    def begin(self) -> None:
        self._forget_transaction()
        # Only here: a job holds the states that it was given, and counts in them until the commit.
        if len(self._accounts) > REMEMBERED:
            self._accounts.clear()
        if len(self._keyword_texts) > REMEMBERED:
            self._keyword_ids.clear()
            self._keyword_texts.clear()
        self.lists.forget_some()
        self.connection.execute("BEGIN IMMEDIATE")

    def next_job(self) -> None:
        self._serial += 1

    def commit(self) -> None:
        self.flush()
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        self._inserts.clear()
        self.lists.forget()
        self._accounts.clear()
        self._keyword_ids.clear()
        self._keyword_texts.clear()
        self._counters.clear()
        self._forget_transaction()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def events(self) -> list[Changed]:
        return [
            Changed(
                AccountId(account),
                change.modseq,
                frozenset(MailboxId(m) for m in change.mailboxes),
                change.tree,
                change.arrived,
                frozenset(change.kinds),
            )
            for account, change in self._changes.items()
        ]

    def flush(self) -> None:
        """Write what is buffered, so that statements see it."""
        insert = self.insert
        if self.lists.pending:
            self.lists.apply(self._inserts.flush)
        for box in self._dirty_mailboxes.values():
            self._write_mailbox(box)
        for account in self._dirty_accounts:
            state = self._accounts.get(account)
            if state is not None:
                insert["account_count"](
                    (
                        account,
                        state.modseq,
                        state.used,
                        state.floor,
                        state.email_state,
                        state.delivery_state,
                        state.thread_state,
                        state.mailbox_state,
                    )
                )
        for name in self._dirty_counters:
            insert["counter"]((name, self._counters[name]))
        for blob, digest, form in self._new_blobs:
            blob.refs += self._held.pop(blob.id, 0)
            insert["blob"]((blob.id, digest, blob.size, form, blob.refs))
        self._dirty_accounts.clear()
        self._dirty_mailboxes.clear()
        self._dirty_counters.clear()
        self._new_blobs.clear()
        self._inserts.flush()
        if self.lists.settle():
            self._inserts.flush()
        if self._held:
            by_change: dict[int, list[int]] = {}
            for blob_id, change in self._held.items():
                if change:
                    by_change.setdefault(change, []).append(blob_id)
            for change, blob_ids in by_change.items():
                self.connection.execute(
                    "UPDATE blob SET refs = refs + ? WHERE id IN (SELECT value FROM carray(?))",
                    (change, ids(blob_ids)),
                )
            for known in self.blobs.values():
                if known is not None:
                    known.refs += self._held.get(known.id, 0)
            self._held.clear()

    def _write_mailbox(self, box: MailboxState) -> None:
        counts = box.counts()
        if counts != box.told:
            box.told = counts
            box.counted = box.modseq
            account = self._accounts.get(box.account)
            if account is not None:
                account.mailbox_state = max(account.mailbox_state, box.modseq)
                self._dirty_accounts.add(account.id)
        self.insert["mailbox_count"](
            (
                box.id,
                box.uid_next,
                box.modseq,
                box.total,
                box.unseen,
                box.deleted,
                box.size,
                box.recent,
                box.unread,
                box.threads,
                box.unread_threads,
                box.counted,
            )
        )

    def execute(self, sql: str, bindings: Any = ()) -> int:
        """A writing statement, after all that is buffered; the number of rows changed."""
        self.flush()
        self.writes += 1
        self.connection.execute(sql, bindings).fetchall()
        return self.connection.changes()

    def one(self, sql: str, bindings: Any = ()) -> Any:
        """The only row of a query that sees all changes so far, or None."""
        self.flush()
        return one(self.connection, sql, bindings)

    def write(self, sql: str, bindings: Any = ()) -> int:
        """A writing statement on a table that is never buffered; the number of rows changed."""
        self.writes += 1
        self.connection.execute(sql, bindings).fetchall()
        return self.connection.changes()

    def read(self, sql: str, bindings: Any = ()) -> Any:
        """The only row of a query of tables that are never buffered, or None."""
        return one(self.connection, sql, bindings)

    # -- numbers ------------------------------------------------------------------------------------

    def number(self, name: str, least: int = 0) -> int:
        """The next number of a counter (at least `least`); never given out again once committed."""
        value = self._counters.get(name)
        if value is None:
            row = one(self.connection, "SELECT value FROM counter WHERE name = ?", (name,))
            value = row[0] if row else 0
        value = max(value + 1, least)
        self._counters[name] = value
        self._dirty_counters.add(name)
        self.writes += 1
        return value

    def counter(self, name: str) -> int:
        """The last number given out."""
        if name in self._counters:
            return self._counters[name]
        row = one(self.connection, "SELECT value FROM counter WHERE name = ?", (name,))
        return int(row[0]) if row else 0

    def set_counter(self, name: str, value: int) -> None:
        self._counters[name] = value
        self._dirty_counters.add(name)
        self.writes += 1

    # -- accounts and mailboxes -----------------------------------------------------------------------

    def find_account(self, account: int) -> AccountState | None:
        state = self._accounts.get(account)
        if state is None:
            state = self._load_account(account)
        return state

    def account(self, account: int) -> AccountState:
        state = self.find_account(account)
        if state is None:
            raise UnknownRecipient(cause=f"account {account} does not exist")
        return state

    def _load_account(self, account: int) -> AccountState | None:
        self.flush()
        row = one(
            self.connection,
            """SELECT a.quota, c.modseq, c.used, c.floor, c.email_state, c.delivery_state, c.thread_state,
                c.mailbox_state,
                (SELECT json_group_array(json_array(m.id, m.account, m.parent, m.name, m.role, m.uid_validity,
                    m.sort_order, m.created, m.changed, k.uid_next, k.modseq, k.total, k.unseen, k.deleted,
                    k.size, k.recent, k.unread, k.threads, k.unread_threads, k.counted))
                 FROM mailbox m JOIN mailbox_count k ON k.mailbox = m.id WHERE m.account = a.id)
            FROM account a JOIN account_count c ON c.account = a.id WHERE a.id = ?""",
            (account,),
        )
        if row is None:
            return None
        boxes = {box[0]: MailboxState(*box) for box in values(row[8])}
        for box in boxes.values():
            box.told = box.counts()
        roles = {box.role: box for box in boxes.values() if box.role is not None}
        if "inbox" not in roles:
            raise TemporaryFailure(cause=f"account {account} has no inbox")
        state = AccountState(
            account,
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            row[6],
            row[7],
            boxes,
            roles["inbox"],
            roles,
        )
        self._accounts[account] = state
        return state

    def forget_account(self, account: int) -> None:
        """Read it anew next time (its tree or its settings changed)."""
        self.flush()
        self._accounts.pop(account, None)

    def stamp(self, account: AccountState) -> int:
        """The modseq of this job for this account: the next number, taken once per job."""
        if account.stamped != self._serial:
            account.stamped = self._serial
            account.modseq += 1
            self.writes += 1
            change = self._changes.get(account.id)
            if change is None:
                change = self._changes[account.id] = _Change()
            change.modseq = account.modseq
        # Each time: a state that moves with it may be set after an earlier flush of the same job.
        self._dirty_accounts.add(account.id)
        return account.modseq

    def touch_account(self, account: AccountState) -> None:
        self._dirty_accounts.add(account.id)
        self.writes += 1

    def touch_mailbox(self, box: MailboxState) -> None:
        """Its numbers changed without a modseq."""
        self._dirty_mailboxes[box.id] = box
        self.writes += 1

    def change_mailbox(self, account: AccountState, box: MailboxState) -> None:
        """Its rows, counts or name change with this job's modseq."""
        box.modseq = self.stamp(account)
        self._dirty_mailboxes[box.id] = box
        self._changes[account.id].mailboxes.add(box.id)

    def tell_arrival(self, account: AccountState) -> None:
        """There is a new email among this job's changes."""
        self.stamp(account)
        self._changes[account.id].arrived = True

    def drop_mailbox(self, account: AccountState, box: MailboxState) -> None:
        self.change_mailbox(account, box)
        self._dirty_mailboxes.pop(box.id, None)

    def change_tree(self, account: AccountState) -> None:
        account.mailbox_state = self.stamp(account)
        self._changes[account.id].tree = True

    def change_kind(self, account: AccountState, kind: str) -> int:
        """An object of this kind changes with this job's modseq."""
        modseq = self.stamp(account)
        self._changes[account.id].kinds.add(kind)
        account.kinds[kind] = modseq
        self.insert["state"]((account.id, kind, modseq))
        return modseq

    def kind_state(self, account: AccountState, kind: str) -> int:
        """The modseq of the last change of an object of this kind; 0: there was none."""
        found = account.kinds.get(kind)
        if found is None:
            row = self.read("SELECT modseq FROM state WHERE account = ? AND kind = ?", (account.id, kind))
            found = account.kinds[kind] = 0 if row is None else int(row[0])
        return found

    # -- keyword sets -----------------------------------------------------------------------------------

    def keywords_id(self, text: str) -> int:
        """The number of a canonical keyword string."""
        found = self._keyword_ids.get(text)
        if found is None:
            row = one(self.connection, "SELECT id FROM keywords WHERE words = ?", (text,))
            if row is not None:
                found = int(row[0])
            else:
                found = self.number("keywords")
                self.insert["keywords"]((found, text))
                for word in words.names(text):
                    self.insert["keyword"]((word, found))
            self._keyword_ids[text] = found
            self._keyword_texts[found] = text
        return found

    def keywords_text(self, number: int) -> str:
        found = self._keyword_texts.get(number)
        if found is None:
            row = one(self.connection, "SELECT words FROM keywords WHERE id = ?", (number,))
            found = str(row[0])
            self._keyword_texts[number] = found
            self._keyword_ids[found] = number
        return found

    # -- blobs ------------------------------------------------------------------------------------------

    def blob(self, digest: bytes) -> BlobState | None:
        if digest not in self.blobs:
            self.look_up_blobs((digest,))
        return self.blobs[digest]

    def look_up_blobs(self, digests: Iterable[bytes]) -> None:
        """Learn which of these exist, in one statement."""
        wanted = tuple({d for d in digests if d not in self.blobs})
        if not wanted:
            return
        for digest in wanted:
            self.blobs[digest] = None
        row = one(
            self.connection,
            """SELECT json_group_array(json_array(b.id, b.size, b.refs, c.blob IS NOT NULL, hex(b.hash)))
            FROM carray(?) w CROSS JOIN blob b ON b.hash = w.value LEFT JOIN content c ON c.blob = b.id""",
            (apsw.carray(wanted),),
        )
        for blob_id, size, refs, described, digest in values(row[0]):
            self.blobs[bytes.fromhex(digest)] = BlobState(blob_id, size, refs, bool(described))

    def new_blob(self, digest: bytes, size: int, form: int) -> BlobState:
        blob = BlobState(self.number("blob"), size, 0, False)
        self.blobs[digest] = blob
        self._new_blobs.append((blob, digest, form))
        return blob

    def hold(self, blob: int, count: int = 1) -> None:
        """Count `count` more (or, negative, fewer) holders of a blob."""
        self._held[blob] = self._held.get(blob, 0) + count
        self.writes += 1
