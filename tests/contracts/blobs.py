"""IBlobStore."""

from __future__ import annotations

import hashlib
import os
import random

from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.ports.intake import Acceptance
from tests.contracts.letters import item
from tests.contracts.stage import Stage

LARGE = 3 * 1024 * 1024 + 17


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


class BlobContract(Stage):
    async def write(self, data: bytes, piece: int = 65536) -> StagedBlob:
        sink = self.store.blobs.sink()
        for at in range(0, len(data), piece):
            wait = sink.write(data[at : at + piece])
            if wait is not None:
                await wait
        self.assertEqual(sink.size, len(data))
        return await sink.finish()

    async def keep(self, staged: StagedBlob | BlobId) -> None:
        await self.store.mail.accept(Acceptance(staged, None, 1.0, queued=(item(),)))

    async def test_the_id_is_the_digest_of_the_content(self) -> None:
        for size in (0, 1, 65536, 65537, LARGE):
            data = noise(size)
            staged = await self.write(data)
            self.assertEqual(staged.id, hashlib.blake2b(data, digest_size=32).digest())
            self.assertEqual((staged.size, (staged.data is None) != (staged.path is None)), (size, True))

    async def test_small_content_travels_with_the_commit_and_large_lies_on_disk(self) -> None:
        small, large = await self.write(noise(65536)), await self.write(noise(65537))
        self.assertEqual(small.data, noise(65536))
        assert large.path is not None
        with open(large.path, "rb") as file:  # noqa: ASYNC230
            self.assertEqual(file.read(), noise(65537))

    async def test_content_of_every_size_and_kind_comes_back_identical(self) -> None:
        for data in (b"", b"x", noise(5000), b"text " * 5000, noise(65536), noise(65537), noise(LARGE)):
            staged = await self.write(data, 10_000)
            await self.keep(staged)
            self.assertEqual(await self.store.blobs.size(staged.id), len(data))
            self.assertEqual(await self.store.blobs.read(staged.id), data)

    async def test_stage_takes_small_content_and_refuses_large(self) -> None:
        staged = self.store.blobs.stage(b"abc")
        await self.keep(staged)
        self.assertEqual(await self.store.blobs.read(staged.id), b"abc")
        with self.assertRaises(ValueError):
            self.store.blobs.stage(b"x" * 65537)

    async def test_a_range_is_clipped_to_the_end(self) -> None:
        for data in (b"text " * 5000, noise(LARGE)):
            staged = await self.write(data)
            await self.keep(staged)
            for start, length in (
                (0, 10),
                (7, 100),
                (len(data) - 5, 100),
                (len(data) + 5, 10),
                (3, 0),
                (9, None),
            ):
                end = None if length is None else start + length
                self.assertEqual(
                    await self.store.blobs.read(staged.id, start, length), data[start:end], (start, length)
                )

    async def test_what_is_not_there_is_none(self) -> None:
        missing = BlobId(b"\0" * 32)
        self.assertIs(await self.store.blobs.size(missing), None)
        self.assertIs(await self.store.blobs.read(missing), None)

    async def test_what_was_only_staged_cannot_be_read(self) -> None:
        staged = await self.write(noise(LARGE))
        self.assertIs(await self.store.blobs.read(staged.id), None)

    async def test_many_are_read_in_the_order_asked_up_to_a_limit(self) -> None:
        contents = [noise(1000, 1), b"text " * 4000, noise(70_000, 3), noise(10, 4)]
        ids = []
        for data in contents:
            staged = await self.write(data)
            await self.keep(staged)
            ids.append(staged.id)
        read_many = self.store.blobs.read_many
        self.assertEqual(await read_many([*ids[::-1], ids[0]], 1 << 30), [*contents[::-1], contents[0]])
        self.assertEqual(await read_many(ids, 1), contents[:1])
        self.assertEqual(await read_many(ids, 1000), contents[:1])
        self.assertEqual(await read_many(ids, 1001), contents[:2])
        self.assertEqual(await read_many([BlobId(b"\0" * 32), ids[3]], 1 << 20), [b"", contents[3]])
        self.assertEqual(await read_many([], 100), [])

    async def test_a_producer_that_does_not_wait_still_writes_in_order(self) -> None:
        sink = self.store.blobs.sink()
        data = noise(LARGE)
        for at in range(0, LARGE, 50_000):
            sink.write(data[at : at + 50_000])
        staged = await sink.finish()
        self.assertEqual(staged.id, hashlib.blake2b(data, digest_size=32).digest())

    async def test_an_aborted_sink_leaves_nothing(self) -> None:
        for size in (10, LARGE):
            sink = self.store.blobs.sink()
            wait = sink.write(noise(size))
            sink.abort()
            sink.abort()
            if wait is not None:
                await wait
        await self.write(noise(LARGE))
        await self.no_spool()

    async def no_spool(self) -> None:
        """A back-end that spools overrides this."""

    async def test_abort_after_finish_is_harmless(self) -> None:
        sink = self.store.blobs.sink()
        sink.write(b"abc")
        staged = await sink.finish()
        sink.abort()
        await self.keep(staged)
        self.assertEqual(await self.store.blobs.read(staged.id), b"abc")

    async def test_the_same_content_is_kept_once_and_as_long_as_anything_holds_it(self) -> None:
        for size in (3000, LARGE):
            data = noise(size)
            for _ in range(2):
                await self.keep(await self.write(data))
            first, second = (found.id for found in await self.store.queue.items(10))
            blob = (await self.store.queue.item(first)).blob
            await self.store.queue.drop([first], 1.0)
            await self.store.tidy()
            self.assertEqual(await self.store.blobs.read(blob), data)
            await self.store.queue.drop([second], 1.0)
            await self.store.tidy()
            self.assertIs(await self.store.blobs.read(blob), None)
        await self.sound()

    async def test_a_blob_that_was_let_go_can_come_back(self) -> None:
        for size in (3000, LARGE):
            data = noise(size)
            await self.keep(await self.write(data))
            (found,) = await self.store.queue.items(10)
            staged = await self.write(data)
            await self.store.queue.drop([found.id], 1.0)
            await self.store.tidy()
            await self.keep(staged)
            self.assertEqual(await self.store.blobs.read(staged.id), data)
            (found,) = await self.store.queue.items(10)
            await self.store.queue.drop([found.id], 1.0)

    async def test_staged_content_can_be_read_through_its_path_until_the_commit(self) -> None:
        staged = await self.write(noise(LARGE))
        assert staged.path is not None
        self.assertEqual(os.stat(staged.path).st_size, LARGE)

    async def test_an_upload_is_kept_until_it_is_let_go(self) -> None:
        mail = self.store.mail
        staged = await self.write(b"a photo")
        await mail.hold(self.alice.id, staged, "image/png", 9e12)
        for account, blob, until in (
            (self.bob.id, staged.id, 1.0),  # not bob's
            (self.alice.id, BlobId(bytes(32)), 1.0),  # there is none
            (self.alice.id, staged.id, 9.1e12),  # later than it ends
        ):
            await mail.let_go(account, blob, until)
            await self.store.tidy()
            self.assertTrue(await mail.holds(self.alice.id, staged.id))
        await mail.let_go(self.alice.id, staged.id, 1.0)
        await self.store.tidy()
        self.assertFalse(await mail.holds(self.alice.id, staged.id))
        self.assertIsNone(await self.store.blobs.size(staged.id))
