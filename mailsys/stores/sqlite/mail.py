"""IMailStore on SQLite: which function runs where. The work is in the modules beside this one."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId
from mailsys.ports.mail import (
    Acceptance,
    Column,
    Copied,
    Correspondent,
    Delivered,
    Delta,
    EmailChanges,
    IMailStore,
    KeywordChange,
    KeywordsChanged,
    Mailbox,
    Role,
    Snapshot,
    TextField,
)
from mailsys.stores.sqlite import (
    accept,
    correspondents,
    fetch,
    integrity,
    keywords,
    mailboxes,
    placements,
    search,
    tidy,
    views,
)
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import one
from mailsys.stores.sqlite.writer import Writer


@implementer(IMailStore)
class MailStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._texts = views.KeywordTexts()

    def accept(self, acceptance: Acceptance) -> Deferred[tuple[Delivered, ...]]:
        return self._writer.submit(lambda batch: accept.accept(batch, acceptance), accept.prepare, acceptance)

    # -- mailboxes -----------------------------------------------------------------------------------

    def mailboxes(self, account: AccountId) -> Deferred[list[Mailbox]]:
        return self._readers.run(lambda c: mailboxes.list_all(c, account))

    def mailbox(self, account: AccountId, mailbox: MailboxId) -> Deferred[Mailbox | None]:
        return self._readers.run(lambda c: mailboxes.find(c, account, mailbox))

    def create_mailbox(self, account: AccountId, path: str, role: Role | None = None) -> Deferred[Mailbox]:
        return self._writer.submit(lambda batch: mailboxes.create(batch, account, path, role))

    def rename_mailbox(self, account: AccountId, mailbox: MailboxId, path: str) -> Deferred[None]:
        return self._writer.submit(lambda batch: mailboxes.rename(batch, account, mailbox, path))

    def delete_mailbox(self, account: AccountId, mailbox: MailboxId) -> Deferred[None]:
        return self._writer.submit(lambda batch: mailboxes.delete(batch, account, mailbox))

    def subscribe(self, account: AccountId, path: str, subscribed: bool) -> Deferred[None]:
        return self._writer.submit(lambda batch: mailboxes.subscribe(batch, account, path, subscribed))

    def lost_subscriptions(self, account: AccountId) -> Deferred[list[str]]:
        return self._readers.run(lambda c: mailboxes.lost_subscriptions(c, account))

    # -- a mailbox's rows ------------------------------------------------------------------------------

    def snapshot(self, account: AccountId, mailbox: MailboxId) -> Deferred[Snapshot | None]:
        return self._readers.run(lambda c: views.snapshot(c, self._texts, account, mailbox))

    def delta(self, account: AccountId, mailbox: MailboxId, since: int) -> Deferred[Delta]:
        return self._readers.run(lambda c: views.delta(c, self._texts, account, mailbox, since))

    def claim_recent(self, account: AccountId, mailbox: MailboxId, uid_next: int) -> Deferred[int]:
        return self._writer.submit(lambda batch: mailboxes.claim_recent(batch, account, mailbox, uid_next))

    def set_keywords(
        self,
        account: AccountId,
        emails: Sequence[int],
        change: KeywordChange,
        unchanged_since: int | None = None,
    ) -> Deferred[KeywordsChanged]:
        return self._writer.submit(
            lambda batch: keywords.set_keywords(batch, account, emails, change, unchanged_since)
        )

    def copy(
        self, account: AccountId, source: MailboxId, uids: Sequence[int], target: MailboxId
    ) -> Deferred[Copied]:
        return self._writer.submit(lambda batch: placements.copy(batch, account, source, uids, target))

    def move(
        self, account: AccountId, source: MailboxId, uids: Sequence[int], target: MailboxId
    ) -> Deferred[Copied]:
        return self._writer.submit(lambda batch: placements.move(batch, account, source, uids, target))

    def expunge(
        self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Sequence[int] | None,
        only_deleted: bool = True,
    ) -> Deferred[tuple[int, ...]]:
        return self._writer.submit(
            lambda batch: placements.expunge(batch, account, mailbox, uids, only_deleted)
        )

    # -- emails -------------------------------------------------------------------------------------------

    def fetch(
        self, account: AccountId, emails: Sequence[int], columns: Sequence[Column]
    ) -> Deferred[dict[int, tuple[object, ...]]]:
        return self._readers.run(lambda c: fetch.fetch(c, self._texts, account, emails, columns))

    def holds(self, account: AccountId, blob: BlobId) -> Deferred[bool]:
        return self._readers.run(
            lambda c: (
                one(
                    c,
                    """SELECT 1 FROM blob b JOIN email e ON e.blob = b.id AND e.account = ?
                WHERE b.hash = ? LIMIT 1""",
                    (account, blob),
                )
                is not None
            )
        )

    def search_text(
        self,
        account: AccountId,
        mailbox: MailboxId | None,
        field: TextField,
        needle: str,
        header: str = "",
    ) -> Deferred[array[int]]:
        return Deferred.fromCoroutine(
            search.search_text(self._readers, account, mailbox, field, needle, header)
        )

    def match_words(
        self, account: AccountId, words: Sequence[str], limit: int, prefix_last: bool = False
    ) -> Deferred[list[EmailId]]:
        async def run() -> list[EmailId]:
            # The index is fed when nobody waits; somebody who asks gets the rest of it first.
            while await self._writer.submit(tidy.feed_words):
                pass
            return await self._readers.run(
                lambda c: search.match_words(c, account, words, limit, prefix_last)
            )

        return Deferred.fromCoroutine(run())

    def emails_changed(self, account: AccountId, since: int, limit: int) -> Deferred[EmailChanges]:
        return self._readers.run(lambda c: views.emails_changed(c, account, since, limit))

    # -- account ------------------------------------------------------------------------------------------

    def modseq(self, account: AccountId) -> Deferred[int]:
        def read(found: object) -> int:
            return int(found[0]) if isinstance(found, tuple) else 0

        return self._readers.run(
            lambda c: read(one(c, "SELECT modseq FROM account_count WHERE account = ?", (account,)))
        )

    def correspondents(self, account: AccountId, prefix: str, limit: int) -> Deferred[list[Correspondent]]:
        return self._readers.run(lambda c: correspondents.find(c, account, prefix, limit))

    def integrity(self) -> Deferred[list[str]]:
        return self._readers.run(integrity.check)
