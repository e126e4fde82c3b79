"""Power cuts: nothing acknowledged is lost, whatever the disk did with what was not synced."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from threading import Event

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsys.stores.sqlite import checkpoint, files
from mailsys.stores.sqlite.disk import Disk
from mailsys.stores.sqlite.files import BlobFiles
from tests.stores.power_trial import Image, Trial, verify
from tests.stores.powerless import PowerlessDisk


def folder_of(case: SynchronousTestCase | TestCase) -> str:
    folder = tempfile.mkdtemp(prefix="mailsys-test-")
    case.addCleanup(shutil.rmtree, folder)
    return folder


class Never(random.Random):
    """Nothing is kept that was not synced."""

    def random(self) -> float:
        return 1.0

    def choice(self, options):  # type: ignore[no-untyped-def]
        return options[0]


class Cuts(TestCase):
    """bench/power.py does the same a thousand times."""

    SEEDS = (1, 2, 3)
    ROUNDS = 2
    CUTS = 6

    async def test_nothing_acknowledged_is_lost_to_a_power_cut(self) -> None:
        self.patch(files, "YOUNG", 0.05)
        self.patch(checkpoint, "_IDLE_PAGES", 20)
        self.patch(checkpoint, "_BUSY_PAGES", 60)
        counted = 0
        for seed in self.SEEDS:
            trial = Trial(folder_of(self), seed)
            last: Image | None = None
            for _ in range(self.ROUNDS):
                for image in await trial.round(last, self.CUTS, 2000):
                    verdict = await verify(image)
                    place = (seed, trial.rounds, image.operation)
                    self.assertEqual((verdict.lost, verdict.wrong), ([], []), place)
                    counted += image.known.acknowledged()
                    last = image
        self.assertGreater(counted, 500)

    async def test_a_disk_that_does_not_sync_is_found_out(self) -> None:
        """Else the trial above would prove nothing."""

        class Lying(PowerlessDisk):
            def sync(self, fd: int) -> None:
                pass

        self.patch(files, "YOUNG", 0.05)
        trial = Trial(folder_of(self), 3, Lying)
        lost = [each for image in await trial.round(None, 8, 2500) for each in (await verify(image)).lost]
        self.assertTrue(lost)


class BlobFilesAtACut(TestCase):
    async def test_a_folder_that_another_thread_just_made_is_synced_before_it_is_relied_on(self) -> None:
        root = folder_of(self)
        first, second = b"\x07" + bytes(31), b"\x07" * 32
        held, go_on = Event(), Event()

        class Slow(PowerlessDisk):
            def sync_folder(self, path: str) -> None:
                if path.endswith("blobs") and self.slow:
                    self.slow = False
                    held.set()
                    go_on.wait(10)
                super().sync_folder(path)

            slow = False

        disk = Slow(root)
        self.addCleanup(disk.close_vfs)
        kept = BlobFiles(os.path.join(root, "store"), disk)

        def keep(digest: bytes) -> str:
            fd, spool = kept.open_spool()
            disk.write(fd, digest)
            path = kept.keep(fd, spool, digest)
            disk.close(fd)
            return path

        disk.slow = True
        waiting = deferToThread(keep, first)
        await deferToThread(held.wait, 10)
        path = keep(second)
        image = os.path.join(root, "image")
        disk.cut = lambda: disk.image(image, Never())
        disk.at_cut = [disk.operations + 1]
        disk.make_folder(os.path.join(root, "else"))  # the next operation: the power is cut at it
        go_on.set()
        await waiting
        with open(image + path[len(root) :], "rb") as file:  # noqa: ASYNC230
            self.assertEqual(file.read(), second)

    def test_a_small_file_is_the_old_or_the_new_one(self) -> None:
        root = folder_of(self)
        chance = random.Random(5)
        disk = PowerlessDisk(root)
        self.addCleanup(disk.close_vfs)
        path = os.path.join(root, "mark")
        disk.put(path, b"old")
        images: list[str] = []

        def cut() -> None:
            images.append(f"{root}-image-{len(images)}")
            self.addCleanup(shutil.rmtree, images[-1])
            disk.image(images[-1], chance)

        disk.cut = cut
        disk.at_cut = [disk.operations + n for n in range(1, 40)]
        for _ in range(4):
            disk.put(path, b"new")
        seen = set()
        for image in images:
            with open(os.path.join(image, "mark"), "rb") as file:
                seen.add(file.read())
        self.assertEqual(seen, {b"old", b"new"})


class RealDisk(SynchronousTestCase):
    def test_folders_are_made_above_as_well_and_for_us_alone(self) -> None:
        root = folder_of(self)
        deep = os.path.join(root, "a", "b", "c")
        Disk().make_folders(deep)
        Disk().make_folders(deep)
        self.assertEqual(os.stat(os.path.join(root, "a")).st_mode & 0o777, 0o700)
        with open(os.path.join(root, "file"), "wb"):
            pass
        self.assertRaises(FileExistsError, Disk().make_folder, os.path.join(root, "file"))

    def test_room_is_what_is_left_to_us(self) -> None:
        room = Disk().room(folder_of(self))
        self.assertGreater(room.octets, 0)
