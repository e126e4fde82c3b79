"""Every contract on the SQLite store in memory, as all other tests use it."""

from __future__ import annotations

from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import SqliteStore, open_store
from tests.contracts import accounts, blobs, mail_mailboxes, mail_rows, mail_search, mail_taking, queue


class InMemory:
    async def make(self, events: Events) -> SqliteStore:
        return open_store(None, None, events)


class Accounts(InMemory, accounts.AccountContract):
    pass


class Accept(InMemory, mail_taking.AcceptContract):
    pass


class Threads(InMemory, mail_taking.ThreadContract):
    pass


class Correspondents(InMemory, mail_taking.CorrespondentContract):
    pass


class Mailboxes(InMemory, mail_mailboxes.MailboxContract):
    pass


class Snapshots(InMemory, mail_rows.SnapshotContract):
    pass


class Deltas(InMemory, mail_rows.DeltaContract):
    pass


class Keywords(InMemory, mail_rows.KeywordContract):
    pass


class Copies(InMemory, mail_rows.CopyContract):
    pass


class Expunges(InMemory, mail_rows.ExpungeContract):
    pass


class Changes(InMemory, mail_rows.ChangesContract):
    pass


class Search(InMemory, mail_search.SearchContract):
    pass


class Words(InMemory, mail_search.WordsContract):
    pass


class Holds(InMemory, mail_search.HoldsContract):
    pass


class Queue(InMemory, queue.QueueContract):
    pass


class Blobs(InMemory, blobs.BlobContract):
    pass
