"""IMailStore on SQLite: which function runs where. The work is in the modules beside this one."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.refusal import Refusal
from mailsys.core.trust.explained import from_json
from mailsys.core.trust.verdict import Verdict
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.change_log import EmailChanges, IdChanges
from mailsys.ports.correspondents import Correspondent
from mailsys.ports.emails import Column, Woken
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId
from mailsys.ports.intake import Acceptance, Accepted
from mailsys.ports.mail import IMailStore
from mailsys.ports.mailboxes import Mailbox, Role, TreeChange, TreeChanged
from mailsys.ports.patches import EmailPatch, EmailsPatched, Snooze
from mailsys.ports.placements import Copied, Delta, KeywordChange, KeywordsChanged, Snapshot
from mailsys.ports.query import EmailPage, EmailQuery, QueryDelta, TextField
from mailsys.stores.sqlite import (
    accept,
    changes,
    correspondents,
    edits,
    fetch,
    integrity,
    keywords,
    lookups,
    mailboxes,
    placements,
    search,
    snoozes,
    strangers,
    tidy,
    tree_changes,
    uploads,
    views,
)
from mailsys.stores.sqlite.conditions import asks_for_words
from mailsys.stores.sqlite.delta import delta
from mailsys.stores.sqlite.query import page
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.rows import one
from mailsys.stores.sqlite.writer import Writer

_LONGEST: Final = 10.0  # seconds that a query may take
_STEPS: Final = 100  # of feeding the word index, before a query goes on without the rest


@implementer(IMailStore)
class MailStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._texts = views.KeywordTexts()

    def accept(self, acceptance: Acceptance) -> Deferred[Accepted]:
        return self._writer.submit(lambda batch: accept.accept(batch, acceptance), accept.prepare, acceptance)

    def accept_all(
        self, account: AccountId, acceptances: Sequence[Acceptance], if_state: int | None = None
    ) -> Deferred[tuple[int, int, tuple[Accepted | Refusal, ...]]]:
        return self._writer.submit(lambda batch: accept.accept_all(batch, account, acceptances, if_state))

    # -- mailboxes -----------------------------------------------------------------------------------

    def mailboxes(self, account: AccountId) -> Deferred[list[Mailbox]]:
        return self._readers.run(lambda c: mailboxes.list_all(c, account))

    def mailbox(self, account: AccountId, mailbox: MailboxId) -> Deferred[Mailbox | None]:
        return self._readers.run(lambda c: mailboxes.find(c, account, mailbox))

    def create_mailbox(
        self,
        account: AccountId,
        path: str,
        role: Role | None = None,
        *,
        subscribed: bool | None = None,
        sort_order: int = 0,
    ) -> Deferred[Mailbox]:
        return self._writer.submit(
            lambda batch: mailboxes.create(batch, account, path, role, subscribed, sort_order)
        )

    def rename_mailbox(
        self, account: AccountId, mailbox: MailboxId, path: str, if_path: str | None = None
    ) -> Deferred[None]:
        return self._writer.submit(lambda batch: mailboxes.rename(batch, account, mailbox, path, if_path))

    def delete_mailbox(
        self, account: AccountId, mailbox: MailboxId, if_path: str | None = None
    ) -> Deferred[None]:
        return self._writer.submit(lambda batch: mailboxes.delete(batch, account, mailbox, if_path))

    def subscribe(self, account: AccountId, path: str, subscribed: bool) -> Deferred[None]:
        return self._writer.submit(lambda batch: mailboxes.subscribe(batch, account, path, subscribed))

    def change_tree(
        self, account: AccountId, change: TreeChange, if_state: int | None = None
    ) -> Deferred[TreeChanged]:
        return self._writer.submit(lambda batch: tree_changes.change_tree(batch, account, change, if_state))

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
        mailbox: MailboxId,
        emails: Sequence[int],
        change: KeywordChange,
        unchanged_since: int | None = None,
    ) -> Deferred[KeywordsChanged]:
        return self._writer.submit(
            lambda batch: keywords.set_keywords(batch, account, mailbox, emails, change, unchanged_since)
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
        return self._readers.run(lambda c: lookups.holds(c, account, blob))

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

    # -- JMAP's ways in -----------------------------------------------------------------------------------

    def states(self, account: AccountId) -> Deferred[dict[str, int]]:
        return self._readers.run(lambda c: changes.states(c, account))

    def query(self, account: AccountId, query: EmailQuery) -> Deferred[EmailPage]:
        async def run() -> EmailPage:
            if asks_for_words(query.filter):
                await self._words_caught_up()
            return await self._readers.run(lambda c: page(c, account, query), _LONGEST)

        return Deferred.fromCoroutine(run())

    def query_delta(
        self, account: AccountId, query: EmailQuery, since: int, up_to: EmailId | None, limit: int
    ) -> Deferred[QueryDelta]:
        async def run() -> QueryDelta:
            if asks_for_words(query.filter):
                await self._words_caught_up()
            return await self._readers.run(lambda c: delta(c, account, query, since, limit), _LONGEST)

        return Deferred.fromCoroutine(run())

    async def _words_caught_up(self) -> None:
        """The index is fed when nobody waits; somebody who asks gets the rest of it first, unless a
        large import is under way."""
        for _ in range(_STEPS):
            if not await self._writer.submit(tidy.feed_words):
                break

    def thread_emails(
        self, account: AccountId, threads: Sequence[int]
    ) -> Deferred[dict[int, tuple[EmailId, ...]]]:
        return self._readers.run(lambda c: lookups.thread_emails(c, account, threads))

    def email_mailboxes(
        self, account: AccountId, emails: Sequence[int]
    ) -> Deferred[dict[int, tuple[MailboxId, ...]]]:
        return self._readers.run(lambda c: lookups.email_mailboxes(c, account, emails))

    def threads_changed(self, account: AccountId, since: int, limit: int) -> Deferred[IdChanges]:
        return self._readers.run(lambda c: changes.threads_changed(c, account, since, limit))

    def mailboxes_changed(self, account: AccountId, since: int, limit: int) -> Deferred[IdChanges]:
        return self._readers.run(lambda c: changes.mailboxes_changed(c, account, since, limit))

    def change_emails(
        self,
        account: AccountId,
        patches: Sequence[EmailPatch] = (),
        destroy: Sequence[EmailId] = (),
        if_state: int | None = None,
    ) -> Deferred[EmailsPatched]:
        return self._writer.submit(
            lambda batch: edits.change_emails(batch, account, patches, destroy, if_state)
        )

    def verdicts(self, account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, Verdict]]:
        def read(connection: apsw.Connection) -> dict[int, Verdict]:
            found = strangers.verdicts(connection, account, emails)
            return {email: from_json(data) for email, data in found.items()}

        return self._readers.run(read)

    def snoozed(self, account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, Snooze]]:
        return self._readers.run(lambda c: snoozes.snoozed(c, account, emails))

    def wake(self, now: float, limit: int) -> Deferred[Woken]:
        return self._writer.submit(lambda batch: snoozes.wake(batch, now, limit))

    def hold(
        self, account: AccountId, blob: StagedBlob | BlobId, media_type: str, until: float
    ) -> Deferred[None]:
        return self._writer.submit(lambda batch: uploads.hold(batch, account, blob, media_type, until))

    def let_go(self, account: AccountId, blob: BlobId, until: float) -> Deferred[None]:
        return self._writer.submit(lambda batch: uploads.let_go(batch, account, blob, until))

    def held_type(self, account: AccountId, blob: BlobId) -> Deferred[str | None]:
        return self._readers.run(lambda c: lookups.held_type(c, account, blob))

    def emails_of_blob(self, account: AccountId, blob: BlobId) -> Deferred[list[EmailId]]:
        return self._readers.run(lambda c: lookups.emails_of_blob(c, account, blob))

    def texts(self, account: AccountId, emails: Sequence[int]) -> Deferred[dict[int, tuple[str, str]]]:
        return self._readers.run(lambda c: lookups.texts(c, account, emails))

    # -- account ------------------------------------------------------------------------------------------

    def modseq(self, account: AccountId) -> Deferred[int]:
        def read(found: object) -> int:
            return int(found[0]) if isinstance(found, tuple) else 0

        return self._readers.run(
            lambda c: read(one(c, "SELECT modseq FROM account_count WHERE account = ?", (account,)))
        )

    def correspondents(self, account: AccountId, prefix: str, limit: int) -> Deferred[list[Correspondent]]:
        return self._readers.run(lambda c: correspondents.find(c, account, prefix, limit))

    def known_correspondents(
        self, account: AccountId, addresses: Sequence[str]
    ) -> Deferred[list[Correspondent]]:
        return self._readers.run(lambda c: correspondents.known(c, account, addresses))

    def integrity(self) -> Deferred[list[str]]:
        return self._readers.run(integrity.check)
