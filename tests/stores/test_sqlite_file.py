"""Every contract on the SQLite store in a file, with its threads; and what only a file can show."""

# ruff: noqa: ASYNC220, ASYNC230, ASYNC240

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace

import apsw
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsys.core.refusal import ShuttingDown, TemporaryFailure
from mailsys.ports.emails import Column, Woken
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.patches import Snooze
from mailsys.ports.placements import KeywordChange
from mailsys.ports.query import EmailQuery
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite import files, schema
from mailsys.stores.sqlite.lock import StoreInUse
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
    strangers,
    sts_policies,
    zones,
)
from tests.contracts.letters import CREDENTIALS, item, letter
from tests.contracts.stage import Stage


def temporary(case: TestCase) -> str:
    """A path for a store's folder; not trial's mktemp, which leaves it in the working directory."""
    parent = tempfile.mkdtemp(prefix="mailsys-test-")
    case.addCleanup(shutil.rmtree, parent)
    return os.path.join(parent, "store")


class InFile:
    folder: str

    async def make(self, events: Events) -> SqliteStore:
        self.folder = temporary(self)  # type: ignore[arg-type]
        return open_store(self.folder, reactor, events)


class Accounts(InFile, accounts.AccountContract):
    pass


class Accept(InFile, mail_taking.AcceptContract):
    pass


class Threads(InFile, mail_taking.ThreadContract):
    pass


class Mailboxes(InFile, mail_mailboxes.MailboxContract):
    pass


class Snapshots(InFile, mail_rows.SnapshotContract):
    pass


class Deltas(InFile, mail_rows.DeltaContract):
    pass


class Keywords(InFile, mail_rows.KeywordContract):
    pass


class Copies(InFile, mail_rows.CopyContract):
    pass


class Expunges(InFile, mail_rows.ExpungeContract):
    pass


class Changes(InFile, mail_rows.ChangesContract):
    pass


class Model(InFile, mail_model.ModelContract):
    pass


class Queries(InFile, mail_query.QueryContract):
    pass


# What version 4 and later ones brought, taken away again.
_OLDER = """
DROP TABLE sts_policy; ALTER TABLE dkim_key DROP COLUMN since;
DROP TABLE once; DROP TABLE lesson; DROP TABLE token; DROP TABLE learned; DROP TABLE known;
DROP TABLE verdict; DROP TABLE reputation; DROP TABLE greylist;
DROP TABLE zone; DROP TABLE zone_history;
DROP INDEX placement_received;
DROP INDEX email_received;
CREATE INDEX placement_received ON placement (mailbox, received_at, email);
CREATE INDEX email_received ON email (account, received_at, id);
ALTER TABLE placement DROP COLUMN mark;
ALTER TABLE email DROP COLUMN hidden;
"""


class StatesOverRestart(InFile, Stage):
    async def test_each_state_outlives_a_restart_and_moves_only_with_what_it_tells(self) -> None:
        email = await self.put(1)
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [email], KeywordChange(add="$flagged"))
        await self.store.mail.subscribe(self.alice.id, "Nowhere", True)
        before = await self.store.mail.states(self.alice.id)
        self.assertGreater(len(set(before.values())), 2, before)  # or none could be taken for another
        await self.store.close()
        self.store = open_store(self.folder, reactor, self.events)
        self.assertEqual(await self.store.mail.states(self.alice.id), before)
        # The writer reads the account anew, and writes it whole.
        await self.store.mail.subscribe(self.alice.id, "Elsewhere", True)
        after = await self.store.mail.states(self.alice.id)
        self.assertGreater(after.pop("Mailbox"), before.pop("Mailbox"))
        self.assertEqual(after, before)


class Snoozes(InFile, mail_snooze.SnoozeContract):
    async def test_what_waits_waits_over_a_restart_also_in_a_file_that_knew_no_snoozing(self) -> None:
        await self.store.close()
        connection = apsw.Connection(os.path.join(self.folder, "mail.sqlite"))
        connection.execute(f"{_OLDER} DROP TABLE snooze; PRAGMA user_version=2").fetchall()
        connection.close()
        self.store = open_store(self.folder, reactor, self.events)
        email = await self.put(1)
        await self.snooze(email, 100.0)
        await self.store.close()
        self.store = open_store(self.folder, reactor, self.events)
        self.assertEqual(await self.waits(email), Snooze(100.0))
        self.assertEqual(await self.store.mail.wake(100.0, 10), Woken(1, False, None))
        self.assertEqual(await self.places(email), (self.inbox,))
        await self.sound()


class SnoozedOrder(InFile, mail_snooze.SnoozedOrderContract):
    pass


class Mutes(InFile, mail_snooze.MuteContract):
    pass


class QueryDeltas(InFile, mail_query.QueryDeltaContract):
    pass


class States(InFile, mail_edits.StatesContract):
    pass


class Counts(InFile, mail_edits.CountsContract):
    pass


class Patches(InFile, mail_patches.PatchContract):
    pass


class Marks(InFile, mail_marks.MarkContract):
    pass


class Together(InFile, mail_patches.TogetherContract):
    pass


class Sending(InFile, mail_patches.SendingContract):
    pass


class Trees(InFile, mail_tree.TreeContract):
    pass


class Lessons(InFile, learning.LessonContract):
    pass


class Learning(InFile, learning.LearningContract):
    pass


class StsPolicies(InFile, sts_policies.StsPolicyContract):
    pass


class Strangers(strangers.StrangersContract):
    async def make(self, events: Events) -> SqliteStore:
        return open_store(temporary(self), reactor, events, now=lambda: self.time)


class Once(once.OnceContract):
    async def make(self, events: Events) -> SqliteStore:
        return open_store(temporary(self), reactor, events, now=lambda: self.time)


class ThreadChanges(InFile, mail_edits.ThreadChangesContract):
    pass


class MailboxChanges(InFile, mail_edits.MailboxChangesContract):
    pass


class Uploads(InFile, mail_edits.UploadContract):
    pass


class Objects(InFile, objects.ObjectContract):
    pass


class Search(InFile, mail_search.SearchContract):
    pass


class Words(InFile, mail_search.WordsContract):
    pass


class Holds(InFile, mail_search.HoldsContract):
    pass


class Zones(InFile, zones.ZoneContract):
    pass


class Queue(InFile, queue.QueueContract):
    pass


class Blobs(InFile, blobs.BlobContract):
    async def no_spool(self) -> None:
        # The write that was under way when the sink was aborted ends in its thread; trial bounds the wait.
        while os.listdir(os.path.join(self.folder, "spool")):
            await deferLater(reactor, 0, lambda: None)

    async def test_a_sink_holds_its_producer_while_the_disk_is_behind(self) -> None:
        sink = self.store.blobs.sink()
        self.assertIs(sink.write(b"x" * 200_000), None)
        wait = sink.write(b"y" * 200_000)
        assert wait is not None
        self.assertNoResult(wait)
        await wait
        await sink.finish()

    async def test_a_disk_that_refuses_fails_the_sink(self) -> None:
        sink = self.store.blobs.sink()
        os.rmdir(os.path.join(self.folder, "spool"))
        sink.write(b"x" * 200_000)
        with self.assertRaises(TemporaryFailure):
            wait = sink.write(b"y" * 200_000)
            assert wait is not None
            await wait
        with self.assertRaises(TemporaryFailure):
            await sink.finish()
        sink.abort()
        os.mkdir(os.path.join(self.folder, "spool"))

    async def test_a_young_file_is_left_for_its_commit_and_an_old_orphan_swept_at_the_next_start(
        self,
    ) -> None:
        staged = await self.write(blobs.noise(100_000))
        assert staged.path is not None
        for aged in (False, True):
            if aged:
                os.utime(staged.path, (1, 1))
            await self.store.close()
            self.store = open_store(self.folder, reactor, self.events)
            await self.store.tidy()
            self.assertEqual(os.path.exists(staged.path), not aged)
        with self.assertRaises(TemporaryFailure):
            await self.keep(staged)

    async def test_a_file_that_no_commit_named_is_swept_after_a_while(self) -> None:
        staged = await self.write(blobs.noise(100_000))
        kept = await self.write(blobs.noise(100_001))
        await self.keep(kept)
        self.patch(files, "YOUNG", -1.0)
        await self.store.tidy()
        assert staged.path is not None
        assert kept.path is not None
        self.assertEqual((os.path.exists(staged.path), os.path.exists(kept.path)), (False, True))

    async def test_a_file_that_nothing_holds_any_more_is_removed(self) -> None:
        staged = await self.write(blobs.noise(100_000))
        assert staged.path is not None
        await self.keep(staged)
        os.utime(staged.path, (1, 1))
        (found,) = await self.store.queue.items(5)
        await self.store.queue.drop([found.id], 1.0)
        await self.store.tidy()
        self.assertFalse(os.path.exists(staged.path))


class Reopening(InFile, Stage):
    async def reopen(self) -> None:
        await self.store.close()
        self.store = open_store(self.folder, reactor, self.events)

    async def test_everything_is_there_again(self) -> None:
        email = await self.put(1, keywords="$seen")
        await self.store.mail.accept(
            Acceptance(self.store.blobs.stage(b"queued"), None, 1.0, queued=(item(),))
        )
        before = await self.store.mail.modseq(self.alice.id)
        await self.reopen()
        self.assertEqual([(row.email, row.keywords) for row in await self.rows()], [(email, "$seen")])
        self.assertEqual(len(await self.store.queue.items(5)), 1)
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)
        self.assertGreater(await self.put(2), email)
        await self.sound()

    async def test_leases_of_the_process_that_died_are_over(self) -> None:
        await self.store.mail.accept(
            Acceptance(self.store.blobs.stage(b"queued"), None, 1.0, queued=(item(),))
        )
        (lease,) = await self.store.queue.lease("example.net", 1000.0, 1e6, 1)
        await self.reopen()
        self.assertEqual(await self.store.queue.extend([lease], 2e6), [False])
        self.assertEqual(len(await self.store.queue.lease("example.net", 1000.0, 60.0, 1)), 1)

    async def test_a_removal_that_was_interrupted_is_finished(self) -> None:
        await self.put(1)
        removal = self.store.accounts.remove_account(self.alice.id)
        closed = self.store.close()
        removal.addErrback(lambda failure: failure.trap(ShuttingDown))
        await closed
        self.store = open_store(self.folder, reactor, self.events)
        await self.store.tidy()
        self.assertEqual(await self.store.mail.modseq(self.alice.id), 0)
        await self.sound()

    async def test_a_closed_store_says_so(self) -> None:
        await self.store.close()
        with self.assertRaises(ShuttingDown):
            await self.store.mail.modseq(self.alice.id)
        with self.assertRaises(ShuttingDown):
            await self.store.mail.subscribe(self.alice.id, "x", True)

    async def test_what_was_submitted_before_the_close_is_done(self) -> None:
        done = [Deferred.fromCoroutine(self.accept(letter(n))) for n in range(50)]
        await self.store.close()
        self.assertEqual(len(await gatherResults(done)), 50)
        self.store = open_store(self.folder, reactor, self.events)
        self.assertEqual(len(await self.rows()), 50)


class FullDisk(InFile, Stage):
    async def bound(self, pages: int) -> None:
        await self.store.writer.submit(
            lambda batch: batch.connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
        )

    async def test_a_full_disk_is_a_temporary_failure_and_loses_nothing(self) -> None:
        await self.put(1)
        await self.bound(1)  # SQLite takes this as "no larger than it is"
        refused = 0
        for number in range(2, 40):
            try:
                await self.put(number, body="word " * 5000)
            except TemporaryFailure:
                refused += 1
        self.assertGreater(refused, 0)
        await self.sound()
        await self.bound(1_000_000)
        before = len(await self.rows())
        await self.put(99)
        self.assertEqual(len(await self.rows()), before + 1)
        self.assertEqual(before + refused, 39)
        await self.sound()


class DeletedKeywords(InFile, Stage):
    """A file of version 3, where $deleted was a keyword of emails."""

    async def test_they_become_marks_of_all_placements(self) -> None:
        archive = (await self.box("Archive")).id
        both = Delivery(self.alice.id, (self.inbox, archive))
        found = [
            (await self.accept(written, delivery))[0].email
            for written, delivery in (
                (letter(1), replace(both, keywords="$seen $zoo")),
                (letter(2, subject="Re: Hello", references=["<1@example.net>"]), both),
                (letter(3, subject="Other"), replace(both, keywords="$seen")),
                (letter(4, subject="Alone"), Delivery(self.alice.id)),
            )
        ]
        seen = await self.store.mail.states(self.alice.id)
        await self.store.close()
        # As that version wrote STORE 1:2,3 +FLAGS (\\Deleted): in keywords, flags, and counts of mailboxes.
        connection = apsw.Connection(os.path.join(self.folder, "mail.sqlite"))
        for number, (words, email) in enumerate(
            (("$deleted $seen $zoo", found[0]), ("$deleted", found[1]), ("$deleted $seen", found[2])), 100
        ):
            connection.execute("INSERT INTO keywords VALUES (?, ?)", (number, words)).fetchall()
            for word in words.split():
                connection.execute("INSERT INTO keyword VALUES (?, ?)", (word, number)).fetchall()
            connection.execute(
                "UPDATE email SET keywords = ?, flags = flags | 8 WHERE id = ?", (number, email)
            ).fetchall()
        # One whose keywords without it were nobody's.
        connection.execute("UPDATE keywords SET words = '$seen $zebra' WHERE words = '$seen $zoo'").fetchall()
        connection.execute("UPDATE mailbox_count SET deleted = 3 WHERE total >= 3").fetchall()
        connection.execute(f"{_OLDER} PRAGMA user_version=3").fetchall()
        connection.close()
        self.store = open_store(self.folder, reactor, self.events)
        await self.sound()
        self.assertEqual(
            [row.keywords for row in await self.rows()],
            ["$deleted $seen $zoo", "$deleted", "$deleted $seen", ""],
        )
        fetched = await self.store.mail.fetch(self.alice.id, found, [Column.KEYWORDS])
        self.assertEqual([fetched[email][0] for email in found], ["$seen $zoo", "", "$seen", ""])
        page = await self.store.mail.query(self.alice.id, EmailQuery(calculate_total=True))
        self.assertEqual((page.emails, page.total), ((found[3],), 1))
        box = await self.box("INBOX")
        self.assertEqual((box.total, box.deleted, box.unread, box.threads), (4, 3, 1, 1))
        changed = await self.store.mail.mailboxes_changed(self.alice.id, seen["Mailbox"], 10)
        self.assertEqual(set(changed.updated), {self.inbox, archive})
        await self.mark(found[1], remove=True)
        self.assertEqual((await self.box("INBOX")).unread, 2)
        await self.store.mail.expunge(self.alice.id, self.inbox, None)
        await self.store.mail.expunge(self.alice.id, archive, None)
        self.assertEqual([row.email for row in await self.rows()], [found[1], found[3]])
        await self.sound()


class Opening(TestCase):
    def test_a_second_opener_is_told_who_has_it(self) -> Deferred[None]:
        folder = temporary(self)
        store = open_store(folder, reactor, Events())
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys\nfrom mailsys.stores.sqlite.store import open_store\n"
                "from mailsys.stores.memory.events import Events\n"
                "open_store(sys.argv[1], None, Events())",
                folder,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertIn("StoreInUse", done.stderr)
        self.assertIn(f"in use by process {os.getpid()}", done.stderr)
        with self.assertRaises(StoreInUse):
            open_store(folder, reactor, Events())
        return store.close()

    async def test_a_file_of_a_later_version_is_refused_untouched(self) -> None:
        folder = temporary(self)
        await open_store(folder, reactor, Events()).close()
        path = os.path.join(folder, "mail.sqlite")
        connection = apsw.Connection(path)
        connection.execute(f"PRAGMA user_version={schema.VERSION + 1}").fetchall()
        connection.close()
        for _ in range(2):
            with self.assertRaises(schema.SchemaTooNew):
                open_store(folder, reactor, Events())

    async def test_what_is_no_database_is_refused(self) -> None:
        folder = temporary(self)
        os.makedirs(folder)
        with open(os.path.join(folder, "mail.sqlite"), "wb") as file:
            file.write(b"this is no database" * 1000)
        with self.assertRaises(schema.StoreError):
            open_store(folder, reactor, Events())

    async def test_an_older_file_is_copied_and_then_upgraded(self) -> None:
        folder = temporary(self)
        store = open_store(folder, reactor, Events())
        await store.accounts.create_account("alice@example.org", "Alice", CREDENTIALS)
        await store.close()
        self.patch(schema, "UPGRADES", {schema.VERSION: "CREATE TABLE later (x INTEGER)"})
        self.patch(schema, "VERSION", schema.VERSION + 1)
        store = open_store(folder, reactor, Events())
        self.assertEqual(len(await store.accounts.accounts()), 1)
        await store.close()
        path = os.path.join(folder, "mail.sqlite")
        connection = apsw.Connection(path)
        self.assertEqual(connection.execute("SELECT count(*) FROM later").fetchall(), [(0,)])
        connection.close()
        copy = apsw.Connection(f"{path}.schema-{schema.VERSION - 1}", flags=apsw.SQLITE_OPEN_READONLY)
        self.assertEqual(copy.execute("SELECT address FROM account").fetchall(), [("alice@example.org",)])
        copy.close()


_WRITER = textwrap.dedent(
    """
    import sys
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from mailsys.ports.intake import Acceptance, Delivery
    from mailsys.ports.placements import KeywordChange
    from mailsys.stores.memory.events import Events
    from mailsys.stores.sqlite.store import open_store
    from tests.contracts.letters import CREDENTIALS, item, letter

    def say(*words):
        sys.stdout.write(" ".join(map(str, words)) + "\\n")
        sys.stdout.flush()

    async def run(folder):
        store = open_store(folder, reactor, Events())
        found = await store.accounts.account_named("alice@example.org")
        account = found or await store.accounts.create_account("alice@example.org", "A", CREDENTIALS)
        async def write(start):
            for number in range(start, 1_000_000, 8):
                body = "x" * (100_000 if number % 40 == 7 else 100)
                written = letter(number, body=body)
                sink = store.blobs.sink()
                sink.write(written.content)
                staged = await sink.finish()
                accepted = await store.mail.accept(Acceptance(
                    staged, written.facts, 1.0, (Delivery(account.id),), (item(trace=str(number)),),
                    header=written.header))
                (done,) = accepted.delivered
                say("accepted", done.email, number)
                if number % 3 == 0:
                    box = done.placements[0][0]
                    await store.mail.set_keywords(account.id, box, [done.email], KeywordChange(add="$seen"))
                    say("seen", done.email)
        for n in range(8):
            Deferred.fromCoroutine(write(n)).addErrback(lambda f: (f.printTraceback(), reactor.stop()))

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run(sys.argv[1])))
    reactor.run()
    """
)


class Crash(TestCase):
    """kill -9 in the middle: what was acknowledged is there, once."""

    ROUNDS = 4

    async def test_nothing_acknowledged_is_lost(self) -> None:
        folder = os.path.abspath(temporary(self))
        accepted: dict[int, int] = {}
        seen: set[int] = set()
        for round_ in range(self.ROUNDS):
            child = subprocess.Popen(
                [sys.executable, "-c", _WRITER, folder], stdout=subprocess.PIPE, text=True, cwd=_root()
            )
            assert child.stdout is not None
            for count, line in enumerate(child.stdout):
                self.note(line, accepted, seen)
                if count > 60 + 97 * round_:
                    child.send_signal(signal.SIGKILL)
                    break
            for line in child.stdout:
                if line.endswith("\n"):
                    self.note(line, accepted, seen)
            child.wait()
            child.stdout.close()
        store = open_store(folder, reactor, Events())
        self.addCleanup(store.close)
        self.assertEqual(await store.mail.integrity(), [])
        account = await store.accounts.account_named("alice@example.org")
        assert account is not None
        inbox = (await store.mail.mailboxes(account.id))[0].id
        found = await store.mail.snapshot(account.id, inbox)
        assert found is not None
        rows = dict(zip(found.emails, found.keywords, strict=True))
        self.assertGreater(len(accepted), 100)
        self.assertEqual([email for email in accepted if email not in rows], [])
        self.assertEqual([email for email in seen if rows[email] != "$seen"], [])
        self.assertEqual(len(await store.queue.items(100_000)), len(rows))

    def note(self, line: str, accepted: dict[int, int], seen: set[int]) -> None:
        word, email, *rest = line.split()
        if word == "accepted":
            accepted[int(email)] = int(rest[0])
        else:
            seen.add(int(email))


def _root() -> str:
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class GroupCommit(InFile, Stage):
    async def test_a_job_that_fails_after_changing_something_takes_no_other_down(self) -> None:
        def broken(batch: object) -> None:
            state = batch.account(self.alice.id)  # type: ignore[attr-defined]
            batch.stamp(state)  # type: ignore[attr-defined]
            batch.execute("DELETE FROM placement")  # type: ignore[attr-defined]
            raise ZeroDivisionError

        good = [Deferred.fromCoroutine(self.accept(letter(n))) for n in range(10)]
        bad = self.store.writer.submit(broken)
        good += [Deferred.fromCoroutine(self.accept(letter(n))) for n in range(10, 20)]
        with self.assertRaises(ZeroDivisionError):
            await bad
        await gatherResults(good)
        rows = await self.rows()
        self.assertEqual(len(rows), 20)
        self.assertEqual([row.modseq for row in rows], sorted({row.modseq for row in rows}))
        self.assertEqual(len(self.heard), len({event.modseq for event in self.heard}))
        await self.sound()

    async def test_events_come_before_the_answer(self) -> None:
        (delivered,) = await self.accept(letter())
        self.assertEqual(self.heard[-1].modseq, delivered.modseq)

    async def test_changes_in_one_commit_are_told_as_one_event(self) -> None:
        done = [Deferred.fromCoroutine(self.accept(letter(n))) for n in range(40)]
        await gatherResults(done)
        self.assertLess(len(self.heard), 40)
        self.assertEqual(self.heard[-1].modseq, await self.store.mail.modseq(self.alice.id))

    async def test_order_of_modseq_is_order_of_submission(self) -> None:
        emails = [await self.put(n) for n in range(3)]
        done = [
            self.store.mail.set_keywords(
                self.alice.id, self.inbox, [emails[n % 3]], KeywordChange(replace=f"k{n}")
            )
            for n in range(12)
        ]
        modseqs = [changed.modseq for changed in await gatherResults(done)]
        self.assertEqual(modseqs, list(range(modseqs[0], modseqs[0] + 12)))


class Memory(SynchronousTestCase):
    def test_in_memory_everything_has_fired_when_it_returns(self) -> None:
        store = open_store(None, None, Events())
        account = self.successResultOf(
            store.accounts.create_account("alice@example.org", "Alice", CREDENTIALS)
        )
        written = letter()
        accepted = store.mail.accept(
            Acceptance(store.blobs.stage(written.content), written.facts, 1.0, (Delivery(account.id),))
        )
        self.assertEqual(len(self.successResultOf(accepted).delivered), 1)
        self.successResultOf(store.close())
