"""Every contract on the SQLite store in memory, as all other tests use it."""

from __future__ import annotations

import os
import tempfile

from twisted.trial.unittest import TestCase

from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.intake import Delivery
from mailsys.ports.timeline import Stage as Step
from mailsys.ports.timeline import TimelineEntry
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite import batch, lists, statement, tally, tidy, timeline
from mailsys.stores.sqlite.store import SqliteStore, open_store
from tests.contracts import (
    accounts,
    blobs,
    learning,
    mail_edits,
    mail_mailboxes,
    mail_marks,
    mail_model,
    mail_patches,
    mail_query,
    mail_rows,
    mail_search,
    mail_snooze,
    mail_taking,
    mail_tree,
    objects,
    once,
    queue,
    sessions,
    strangers,
    sts_policies,
    zones,
)
from tests.contracts.letters import CREDENTIALS, letter
from tests.contracts.stage import Stage


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


class Model(InMemory, mail_model.ModelContract):
    pass


class Queries(InMemory, mail_query.QueryContract):
    pass


class Snoozes(InMemory, mail_snooze.SnoozeContract):
    pass


class SnoozedOrder(InMemory, mail_snooze.SnoozedOrderContract):
    pass


class Mutes(InMemory, mail_snooze.MuteContract):
    pass


class QueryDeltas(InMemory, mail_query.QueryDeltaContract):
    pass


class States(InMemory, mail_edits.StatesContract):
    pass


class Counts(InMemory, mail_edits.CountsContract):
    pass


class Patches(InMemory, mail_patches.PatchContract):
    pass


class Marks(InMemory, mail_marks.MarkContract):
    pass


class Together(InMemory, mail_patches.TogetherContract):
    pass


class Sending(InMemory, mail_patches.SendingContract):
    pass


class Trees(InMemory, mail_tree.TreeContract):
    pass


class Lessons(InMemory, learning.LessonContract):
    pass


class Learning(InMemory, learning.LearningContract):
    pass


class StsPolicies(InMemory, sts_policies.StsPolicyContract):
    pass


class Strangers(strangers.StrangersContract):
    async def make(self, events: Events) -> SqliteStore:
        return open_store(None, None, events, now=lambda: self.time)


class Once(once.OnceContract):
    async def make(self, events: Events) -> SqliteStore:
        return open_store(None, None, events, now=lambda: self.time)


class ThreadChanges(InMemory, mail_edits.ThreadChangesContract):
    pass


class MailboxChanges(InMemory, mail_edits.MailboxChangesContract):
    pass


class Uploads(InMemory, mail_edits.UploadContract):
    pass


class Objects(InMemory, objects.ObjectContract):
    pass


class Sessions(InMemory, sessions.SessionContract):
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


class Zones(InMemory, zones.ZoneContract):
    pass


class Pruning(Stage):
    async def make(self, events: Events) -> SqliteStore:
        self.now = 0.0
        return open_store(None, None, events, now=lambda: self.now)

    async def prune(self) -> None:
        self.now += 1e6
        await self.store.tidy()

    async def test_states_older_than_the_tombstones_kept_are_incomplete(self) -> None:
        self.patch(tidy, "_TOMBSTONES", 4)
        for number in range(6):
            await self.put(number)
        for uid in range(1, 7):
            await self.store.mail.expunge(self.alice.id, self.inbox, [uid], False)
        now = await self.store.mail.modseq(self.alice.id)
        await self.prune()
        for since, complete in ((0, False), (now - 3, False), (now - 2, True), (now, True)):
            delta = await self.store.mail.delta(self.alice.id, self.inbox, since)
            changes = await self.store.mail.emails_changed(self.alice.id, since, 100)
            self.assertEqual((delta.complete, changes.complete), (complete, complete), since)
        delta = await self.store.mail.delta(self.alice.id, self.inbox, now - 2)
        self.assertEqual(delta.vanished, (5, 6))

    async def test_every_account_is_pruned(self) -> None:
        self.patch(tidy, "_TOMBSTONES", 4)
        people = [
            await self.store.accounts.create_account(f"p{number}@example.org", "", CREDENTIALS)
            for number in range(3)
        ]
        for number in range(6):
            await self.accept(letter(number), *(Delivery(each.id) for each in people))
        for each in people:
            inbox = (await self.box("INBOX", each.id)).id
            for uid in range(1, 7):
                await self.store.mail.expunge(each.id, inbox, [uid], False)
        await self.prune()
        for each in people:
            self.assertFalse((await self.store.mail.emails_changed(each.id, 0, 100)).complete)

    async def test_few_tombstones_are_kept_however_old(self) -> None:
        await self.put(1)
        await self.store.mail.expunge(self.alice.id, self.inbox, [1], False)
        await self.prune()
        delta = await self.store.mail.delta(self.alice.id, self.inbox, 0)
        self.assertEqual((delta.vanished, delta.complete), ((1,), True))

    async def test_timelines_are_kept_thirty_days(self) -> None:
        entries = [
            TimelineEntry(TraceId("t"), at, Step.SENT) for at in (1.0, timeline.KEPT, 2 * timeline.KEPT)
        ]
        await self.store.queue.record(entries)
        self.now = timeline.KEPT + 2.0
        await self.store.tidy()
        self.assertEqual(await self.store.queue.timeline(TraceId("t")), entries[1:])


class Leaving(TestCase):
    async def test_a_store_in_memory_leaves_no_folder_behind(self) -> None:
        place = self.mktemp()
        os.mkdir(place)
        self.patch(tempfile, "tempdir", place)
        store = open_store(None, None, Events())
        sink = store.blobs.sink()
        for _ in range(4):
            if (wait := sink.write(bytes(65536))) is not None:
                await wait
        await sink.finish()
        self.assertEqual(len(os.listdir(place)), 1)
        await store.close()
        self.assertEqual(os.listdir(place), [])


class Forgetting(InMemory, Stage):
    """The writer forgets accounts and keywords between two transactions, never within one."""

    async def setUp(self) -> None:
        self.patch(batch, "REMEMBERED", 2)
        self.patch(lists, "REMEMBERED", 2)
        await super().setUp()

    async def test_one_message_for_more_accounts_than_are_remembered(self) -> None:
        people = [
            await self.store.accounts.create_account(f"p{number}@example.org", "", CREDENTIALS)
            for number in range(9)
        ]
        for number in range(3):
            deliveries = [
                Delivery(one.id, keywords=f"k{number} k{at}") for at, one in enumerate((self.alice, *people))
            ]
            done = await self.accept(letter(number), *deliveries, *deliveries[:2])
            self.assertEqual(len({one.email for one in done}), 12)
        for one in people[1:]:
            self.assertEqual(len(await self.rows_of(one.id)), 3)
            self.assertEqual((await self.box("INBOX", one.id)).total, 3)
            self.assertEqual((await self.store.accounts.account(one.id)).used, 3 * letter().facts.size)
        self.assertEqual((await self.box("INBOX")).total, 6)
        await self.sound()

    async def rows_of(self, account: AccountId) -> list[int]:
        """Modseqs of an inbox's rows: no two messages have the same."""
        box = await self.box("INBOX", account)
        found = await self.store.mail.snapshot(account, box.id)
        self.assertEqual(len(set(found.modseqs)), len(found.modseqs))
        return list(found.modseqs)


class ManyStretches(InMemory, mail_query.QueryContract):
    """The lists are short here; with stretches this short they are cut and joined as long ones are."""

    async def setUp(self) -> None:
        self.patch(tally, "FULL", 8)
        await super().setUp()


class ManyStretchesChanging(InMemory, mail_query.QueryDeltaContract):
    async def setUp(self) -> None:
        self.patch(tally, "FULL", 8)
        await super().setUp()


class BroadWords(InMemory, mail_query.QueryContract):
    """As if every word were in more emails than are sorted at once."""

    async def setUp(self) -> None:
        self.patch(statement, "SAMPLE", 1)
        await super().setUp()
