"""Room on the disk, what a disk that refuses leaves, a store that was emptied, and `mailsys check`."""

# ruff: noqa: ASYNC230, ASYNC240

from __future__ import annotations

import errno
import os
import shutil
from typing import Any

import apsw
from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsys.core.refusal import ContentLost, InsufficientStorage, TemporaryFailure
from mailsys.metrics import REGISTRY
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.storage import Checked, Progress
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.accept import RAW
from mailsys.stores.sqlite.disk import Disk, Room
from mailsys.stores.sqlite.identity import MARK, StoreGone
from mailsys.stores.sqlite.lock import StoreInUse
from mailsys.stores.sqlite.space import Reserve, Space
from mailsys.stores.sqlite.store import SqliteStore, check_store, open_store
from tests.contracts.blobs import noise
from tests.contracts.letters import CREDENTIALS, item, letter
from tests.contracts.stage import Stage
from tests.stores.powerless import PowerlessDisk
from tests.stores.test_sqlite_file import temporary


class NarrowDisk(Disk):
    def __init__(self) -> None:
        self.left = Room(1_000_000, 1000)

    def room(self, path: str) -> Room:
        return self.left


class FailingDisk(PowerlessDisk):
    """Refuses whatever writes from the `refuse_at`-th operation on, `times` times."""

    refuse_at = 0
    times = 0
    error = errno.ENOSPC

    def _happens(self) -> None:
        super()._happens()
        if self.times and self.operations >= self.refuse_at:
            self.times -= 1
            raise OSError(self.error, os.strerror(self.error))

    def written(self, file: Any, at: int, data: bytes) -> None:
        try:
            super().written(file, at, data)
        except OSError as error:
            raise (apsw.FullError if error.errno == errno.ENOSPC else apsw.IOError) from None

    def synced(self, file: Any, folder: str) -> None:
        try:
            super().synced(file, folder)
        except OSError:
            raise apsw.IOError from None


class SpaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.disk = NarrowDisk()
        self.space = Space(self.disk, "/", Reserve(500_000, 100), self.clock.seconds)

    def find(self, octets: int, files: int | None) -> None:
        self.disk.left = Room(octets, files)
        self.clock.advance(1.5)

    def test_a_message_that_would_go_below_the_bound_is_refused_and_a_small_one_taken(self) -> None:
        self.space.check(400_000)
        self.assertRaises(InsufficientStorage, self.space.check, 600_000)

    def test_too_few_files_are_too_little_room_unless_they_are_not_counted(self) -> None:
        self.find(1_000_000, 99)
        self.assertRaises(InsufficientStorage, self.space.check)
        self.find(1_000_000, None)
        self.space.check()

    def test_it_does_not_flap_at_the_bound(self) -> None:
        self.find(499_999, 1000)
        self.assertRaises(InsufficientStorage, self.space.check)
        self.find(510_000, 1000)
        self.assertRaises(InsufficientStorage, self.space.check)
        self.find(560_000, 1000)
        self.space.check()

    def test_no_reserve_asks_nothing(self) -> None:
        Space(self.disk, "/", Reserve(), self.clock.seconds).check(10**12)


class Narrow(Stage):
    async def make(self, events: Events) -> SqliteStore:
        self.disk = NarrowDisk()
        self.folder = temporary(self)
        return open_store(self.folder, reactor, events, disk=self.disk, reserve=Reserve(500_000, 10))

    async def narrow(self, octets: int) -> None:
        self.disk.left = Room(octets, 1000)
        await deferLater(reactor, 1.05)  # a look holds for a second

    async def test_new_mail_is_refused_and_all_else_goes_on(self) -> None:
        email = await self.put(1)
        await self.narrow(100)
        with self.assertRaises(InsufficientStorage):
            await self.put(2)
        sink = self.store.blobs.sink()
        with self.assertRaises(InsufficientStorage):
            await sink.write(b"x")
        with self.assertRaises(InsufficientStorage):
            await sink.finish()
        sink.abort()
        with self.assertRaises(InsufficientStorage):
            await self.store.storage.ready()
        report = letter(3)  # what the server answers for already uses the reserve
        staged = self.store.reports.stage(report.content)
        await self.store.mail.accept(Acceptance(staged, report.facts, 1.0, (Delivery(self.alice.id),)))
        (row, _) = await self.rows()
        self.assertEqual(row.email, email)
        await self.store.mail.expunge(self.alice.id, self.inbox, [row.uid], only_deleted=False)
        await self.narrow(10**9)
        await self.put(4)
        await self.store.storage.ready()
        self.assertEqual(len(await self.rows()), 2)


class Refusing(TestCase):
    """The disk itself refuses, at each of its operations in turn: nothing is half-kept."""

    async def refused_at(self, error: int, expected: type[Exception]) -> int:
        folder = temporary(self)
        os.makedirs(folder)
        disk = FailingDisk(folder)
        disk.error = error
        store = open_store(os.path.join(folder, "store"), reactor, Events(), disk=disk)
        account = await store.accounts.create_account("alice@example.org", "Alice", CREDENTIALS)
        box = (await store.mail.mailboxes(account.id))[0].id
        refused = kept = 0
        for number in range(60):
            disk.refuse_at, disk.times = disk.operations + 1 + number % 15, 1
            size = 200_000 if number % 2 else 300
            written = letter(number, body=noise(size // 2, number).hex())
            sink = store.blobs.sink()
            try:
                if (wait := sink.write(written.content)) is not None:
                    await wait
                staged: StagedBlob = await sink.finish()
                await store.mail.accept(
                    Acceptance(staged, written.facts, 1.0, (Delivery(account.id),), header=written.header)
                )
                kept += 1
            except expected:
                sink.abort()
                refused += 1
            disk.times = 0
            found = await store.mail.snapshot(account.id, box)
            assert found is not None
            self.assertEqual(len(found.uids), kept)
        self.assertEqual(await store.mail.integrity(), [])
        self.assertEqual(os.listdir(os.path.join(folder, "store", "spool")), [])
        await store.close()
        disk.close_vfs()
        store = open_store(os.path.join(folder, "store"), reactor, Events())
        again = await store.mail.snapshot(account.id, box)
        assert again is not None
        self.assertEqual(len(again.uids), kept)
        await store.close()
        self.assertEqual(
            [text for text in check_store(os.path.join(folder, "store"), ok).complaints if "blob" in text], []
        )
        return refused

    async def test_a_full_disk(self) -> None:
        self.assertGreater(await self.refused_at(errno.ENOSPC, InsufficientStorage), 20)

    async def test_a_disk_with_errors(self) -> None:
        self.assertGreater(await self.refused_at(errno.EIO, TemporaryFailure), 20)

    async def test_it_is_not_ready_while_it_cannot_write_and_is_again_when_it_can(self) -> None:
        folder = temporary(self)
        os.makedirs(folder)
        disk = FailingDisk(folder)
        disk.error = errno.EIO
        store = open_store(os.path.join(folder, "store"), reactor, Events(), disk=disk)
        disk.times = 10**9
        for _ in range(2):
            with self.assertRaises(TemporaryFailure) as caught:
                await store.storage.ready()
            self.assertEqual(caught.exception.text, "The store cannot write")
        disk.times = 0
        await store.storage.ready()
        await store.close()
        disk.close_vfs()


class Emptied(TestCase):
    async def asyncSetUp(self) -> None:
        self.folder = temporary(self)
        store = open_store(self.folder, reactor, Events())
        await store.accounts.create_account("alice@example.org", "Alice", CREDENTIALS)
        await store.close()
        self.database = os.path.join(self.folder, "mail.sqlite")

    async def refuses(self) -> str:
        before = set(os.listdir(self.folder))
        with self.assertRaises(StoreGone) as caught:
            open_store(self.folder, reactor, Events())
        self.assertEqual(
            sorted(set(os.listdir(self.folder)) - {"mail.lock"}), sorted(set(before) - {"mail.lock"})
        )
        return str(caught.exception)

    async def test_a_store_whose_database_is_gone_or_empty_does_not_start(self) -> None:
        await self.asyncSetUp()
        kept = f"{self.database}.kept"
        os.rename(self.database, kept)
        self.assertIn("Put the database back from a backup", await self.refuses())
        with open(self.database, "wb"):
            pass
        self.assertIn("missing or empty", await self.refuses())
        os.rename(kept, self.database)
        store = open_store(self.folder, reactor, Events())
        self.assertEqual(len(await store.accounts.accounts()), 1)
        await store.close()

    async def test_nor_does_one_without_its_mark_that_has_files_of_mail(self) -> None:
        await self.asyncSetUp()
        os.remove(os.path.join(self.folder, MARK))
        os.remove(self.database)
        os.makedirs(os.path.join(self.folder, "blobs", "ab"))
        with open(os.path.join(self.folder, "blobs", "ab", "cd"), "wb"):
            pass
        await self.refuses()

    async def test_another_stores_database_is_refused(self) -> None:
        await self.asyncSetUp()
        other = temporary(self)
        await open_store(other, reactor, Events()).close()
        shutil.copy(os.path.join(other, "mail.sqlite"), self.database)
        self.assertIn("another store", await self.refuses())

    async def test_a_database_from_before_stores_had_a_number_gets_that_of_its_folder(self) -> None:
        await self.asyncSetUp()
        for left in (MARK, None):
            connection = apsw.Connection(self.database)
            connection.execute("DELETE FROM counter WHERE name = 'store'").fetchall()
            connection.close()
            if left:
                os.remove(os.path.join(self.folder, left))
            await open_store(self.folder, reactor, Events()).close()
            with open(os.path.join(self.folder, MARK)) as file:
                mark = int(file.read(), 16)
            connection = apsw.Connection(self.database)
            self.assertEqual(
                connection.execute("SELECT value FROM counter WHERE name = 'store'").fetchall(), [(mark,)]
            )
            connection.close()


def ok(progress: Progress) -> bool:
    return True


class Synced(SynchronousTestCase):
    def test_what_is_durable_was_synced_the_content_before_its_name_and_each_folder_after(self) -> None:
        """What the disk itself is asked for: the trials of power cuts stand in its place."""
        place = temporary(self)
        synced: list[int] = []
        real = os.fsync
        self.patch(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd)))
        disk, folder = Disk(), os.path.join(place, "a")
        disk.make_folders(folder)
        self.assertEqual(synced, [os.stat(os.path.dirname(place)).st_ino, os.stat(place).st_ino])
        synced.clear()
        file = os.path.join(folder, "key")
        disk.put(file, b"x")
        self.assertEqual(synced, [os.stat(file).st_ino, os.stat(folder).st_ino])


class Checking(Stage):
    async def make(self, events: Events) -> SqliteStore:
        self.folder = temporary(self)
        return open_store(self.folder, reactor, events)

    async def setUp(self) -> None:
        await super().setUp()
        self.small = letter(1, subject="Small one", body="hello " * 100)
        self.large = letter(2, subject="Large one", body=noise(200_000).hex())
        self.blobs = {}
        for each in (self.small, self.large):
            sink = self.store.blobs.sink()
            if (wait := sink.write(each.content)) is not None:
                await wait
            staged = await sink.finish()
            self.blobs[each.facts.subject] = staged
            await self.store.mail.accept(
                Acceptance(staged, each.facts, 1.0, (Delivery(self.alice.id),), header=each.header)
            )
        self.file = self.blobs["Large one"].path
        self.database = os.path.join(self.folder, "mail.sqlite")

    async def running(self) -> Checked:
        return await self.store.storage.check(ok)

    async def stopped(self) -> Checked:
        await self.store.close()
        return check_store(self.folder, ok)

    async def test_all_is_well(self) -> None:
        for found in (await self.running(), await self.stopped()):
            self.assertEqual(found.complaints, ())
            self.assertEqual(found.blobs, 2)
            self.assertEqual(found.octets, len(self.small.content) + len(self.large.content))

    async def test_while_the_server_runs_nobody_else_may_look_at_the_folder(self) -> None:
        self.assertRaises(StoreInUse, check_store, self.folder, ok)

    async def test_a_missing_file_names_whom_it_concerns(self) -> None:
        os.remove(self.file)
        for found in (await self.running(), await self.stopped()):
            (only,) = found.complaints
            self.assertIn("is missing", only)
            self.assertIn("alice@example.org email ", only)
            self.assertIn("'Large one'", only)

    async def test_what_is_no_folder_among_the_blobs_is_told_and_stops_nothing(self) -> None:
        """Between the folders of blobs, and in front of them all."""
        blobs = os.path.dirname(os.path.dirname(self.file))
        for name in ("!stray", "zz"):
            with open(os.path.join(blobs, name), "wb"):
                pass
        for found in (await self.running(), await self.stopped()):
            self.assertEqual(len(found.complaints), 2, found.complaints)
            for complaint, name in zip(found.complaints, ("!stray", "zz"), strict=True):
                self.assertIn(os.path.join(blobs, name), complaint)
                self.assertIn("Not a directory", complaint)

    async def test_a_changed_octet_is_found_in_a_file(self) -> None:
        with open(self.file, "r+b") as file:
            file.seek(100_000)
            file.write(b"!")
        (only,) = (await self.stopped()).complaints
        self.assertIn("is changed", only)
        self.assertIn("alice@example.org", only)

    async def test_a_file_that_ends_early_is_found_and_never_read_as_whole(self) -> None:
        os.truncate(self.file, 1000)
        blob = self.blobs["Large one"].id
        for start, length in ((0, None), (0, 2000), (5000, 100), (0, 1000)):
            with self.assertRaises(ContentLost):
                await self.store.blobs.read(blob, start, length)
        (only,) = (await self.running()).complaints
        self.assertIn("1000 octets instead of", only)

    async def test_changed_octets_are_never_read_as_what_was_stored(self) -> None:
        small, large = self.blobs["Small one"].id, self.blobs["Large one"].id
        await self.store.close()
        with open(self.file, "r+b") as file:
            file.seek(100_000)
            file.write(b"!")
        connection = apsw.Connection(self.database)
        changed = bytearray(self.small.content)
        changed[-5] ^= 1
        connection.execute("UPDATE blob SET form = ?1 WHERE size = ?2", (RAW, len(changed))).fetchall()
        connection.execute("UPDATE blob_data SET data = ?", (bytes(changed),)).fetchall()
        connection.close()
        self.store = open_store(self.folder, reactor, Events())
        blobs = self.store.blobs
        before = REGISTRY.get_sample_value("mailsys_blobs_lost_total")
        for blob in (small, large):
            for start, length in ((0, None), (0, 10), (100_000, 1)):
                with self.assertRaises(ContentLost):
                    await blobs.read(blob, start, length)
            with self.assertRaises(ContentLost):
                await blobs.read_many([blob], 10**9)
        self.assertEqual(REGISTRY.get_sample_value("mailsys_blobs_lost_total"), before + 8)

    async def test_a_changed_octet_is_found_in_a_row(self) -> None:
        await self.store.close()
        connection = apsw.Connection(self.database)
        connection.execute("UPDATE blob_data SET data = x'00010203'").fetchall()
        connection.close()
        (only,) = check_store(self.folder, ok).complaints
        self.assertIn("changed", only)
        self.assertIn("'Small one'", only)

    async def test_bytes_that_are_missing_are_never_an_empty_message(self) -> None:
        os.remove(self.file)
        small, large = self.blobs["Small one"].id, self.blobs["Large one"].id
        with self.assertRaises(ContentLost):
            await self.store.blobs.read(large, 0, 10)
        self.assertEqual(await self.store.blobs.read_many([small, large], 10**9), [self.small.content])
        with self.assertRaises(ContentLost):
            await self.store.blobs.read_many([large, small], 10**9)

    async def test_an_old_file_of_no_mail_is_told_and_a_young_one_left_to_its_commit(self) -> None:
        sink = self.store.blobs.sink()
        sink.write(noise(100_000, 9))
        staged = await sink.finish()
        self.assertEqual((await self.running()).complaints, ())
        await self.store.close()  # which sweeps no more then
        os.utime(staged.path, (1, 1))
        (only,) = check_store(self.folder, ok).complaints
        self.assertIn("belongs to no mail", only)

    async def test_broken_pages_are_told_and_never_a_traceback(self) -> None:
        for number in range(10, 200):
            await self.put(number, subject=f"No {number}", body="word " * 300)
        await self.store.close()
        size = os.path.getsize(self.database)
        with open(self.database, "rb") as file:
            whole = file.read()
        named = 0
        for page in range(1, size // 8192):
            with open(self.database, "r+b") as file:
                file.seek(page * 8192)
                file.write(noise(8192, page))
            complaints = check_store(self.folder, ok).complaints
            self.assertTrue(complaints, page)
            named += any("alice@example.org email" in each for each in complaints)
            with open(self.database, "r+b") as file:
                file.write(whole)
        self.assertGreater(named, size // 8192 // 4)

    async def test_what_is_no_database_any_more(self) -> None:
        await self.store.close()
        for content in (b"", b"rubbish" * 5000, None):
            os.remove(self.database)
            if content is not None:
                with open(self.database, "wb") as file:
                    file.write(content)
            (only, *_) = check_store(self.folder, ok).complaints
            self.assertIn("Put it back from a backup", only)
            if content is None:
                with open(self.database, "wb"):
                    pass

    async def test_a_log_that_was_cut_is_looked_at_as_far_as_it_goes(self) -> None:
        for number in range(10, 40):
            await self.put(number)
        whole = temporary(self)
        shutil.copytree(self.folder, whole)  # as a machine that stopped left it
        log = os.path.join(whole, "mail.sqlite-wal")
        for size in range(0, os.path.getsize(log), 40_000):
            cut = temporary(self)
            shutil.copytree(whole, cut)
            os.truncate(os.path.join(cut, "mail.sqlite-wal"), size)
            os.remove(os.path.join(cut, "mail.sqlite-shm"))
            for each in check_store(cut, ok).complaints:
                self.assertRegex(each, "holds no accounts|belongs to no mail")

    async def test_it_ends_when_nobody_listens_any_more(self) -> None:
        await self.store.close()
        told: list[Progress] = []

        def once(progress: Progress) -> bool:
            told.append(progress)
            return False

        found = check_store(self.folder, once)
        self.assertEqual(len(told), 1)
        self.assertIn("ended before its end", found.complaints[-1])

    async def test_what_is_written_meanwhile_is_no_complaint(self) -> None:
        checked: list[Checked] = []
        number = 10
        for _ in range(3):
            self.store.storage.check(ok).addCallback(checked.append)
            count = len(checked)
            while len(checked) == count:
                number += 1
                email = await self.put(number, body="word " * 10_000 if number % 5 == 0 else "x")
                if number % 3 == 0:
                    await self.store.mail.change_emails(self.alice.id, destroy=[email])
        self.assertEqual([each.complaints for each in checked], [()] * 3)

    async def test_a_store_is_closed_while_it_is_checked(self) -> None:
        checking = self.store.storage.check(ok)
        await self.store.close()
        self.assertIsInstance(await checking, Checked)

    async def test_queue_items_are_named_too(self) -> None:
        sink = self.store.blobs.sink()
        sink.write(noise(100_000, 9))
        staged = await sink.finish()
        await self.store.mail.accept(Acceptance(staged, None, 1.0, queued=(item(),)))
        os.remove(staged.path)
        (only,) = (await self.running()).complaints
        self.assertIn("queue item", only)
