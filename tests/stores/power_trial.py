"""Power cuts under a mixed load, and the count of what had been acknowledged before each.

A round opens a store on a `PowerlessDisk`, works on it from several sides at once (deliveries small and
large, flags, moves, expunges, submissions and their settlement; blobs are swept and the log copied back
meanwhile), and cuts at chosen moments. A cut does not disturb: it makes an image of the disk, and keeps
what had been acknowledged by then. Each image is opened as after a restart, checked, and counted. The
next round goes on from one of the images, so that what a recovery leaves is cut again.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.refusal import ContentLost, ShuttingDown, TemporaryFailure
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, BlobId, MailboxId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.placements import KeywordChange
from mailsys.ports.queue import Settlement
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite import checkpoint, files
from mailsys.stores.sqlite.store import SqliteStore, open_store
from tests.contracts.letters import CREDENTIALS, item, letter
from tests.stores.powerless import PowerlessDisk

ADDRESS: Final = "alice@example.org"
_SIZES: Final = (100, 2_000, 2_000, 30_000, 90_000, 300_000)
_WORKERS: Final = 6
_FIRST: Final = 400  # operations before the first cut, at most: some hit the making of the store

# What is known of one message, by its token. "?": asked for, not acknowledged yet.
ASKED, DONE = "?", "!"


@dataclass
class Known:
    """What was asked and acknowledged so far: by token of a message, each thing at most once."""

    accounts: int = 0
    blobs: dict[str, BlobId] = field(default_factory=dict)
    delivered: dict[str, str] = field(default_factory=dict)
    flagged: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    expunged: dict[str, str] = field(default_factory=dict)
    queued: dict[str, str] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Known:
        return Known(
            self.accounts,
            dict(self.blobs),
            dict(self.delivered),
            dict(self.flagged),
            dict(self.moved),
            dict(self.expunged),
            dict(self.queued),
            dict(self.settled),
        )

    def acknowledged(self) -> int:
        kinds = (self.delivered, self.flagged, self.moved, self.expunged, self.queued, self.settled)
        return self.accounts + sum(list(each.values()).count(DONE) for each in kinds)


@dataclass
class Image:
    folder: str
    known: Known
    operation: int


@dataclass
class Verdict:
    lost: list[str]
    wrong: list[str]  # complaints of the store's own check, and what cannot be opened


def hasten() -> None:
    """Sweep and copy back as often as a large store does in hours. For a process that does nothing else."""
    files.YOUNG = 0.05  # type: ignore[misc]
    checkpoint._IDLE_PAGES = 20  # type: ignore[misc]
    checkpoint._BUSY_PAGES = 60  # type: ignore[misc]


class Load:
    """Works on an open store until it is told to stop."""

    def __init__(self, store: SqliteStore, known: Known, chance: random.Random, name: str) -> None:
        self.store = store
        self.known = known
        self.chance = chance
        self.name = name
        self.over = False
        self.count = 0
        self.account = AccountId(0)
        self.inbox = self.archive = MailboxId(0)

    async def begin(self) -> None:
        accounts = self.store.accounts
        found = await accounts.account_named(ADDRESS)
        if found is None:
            found = await accounts.create_account(ADDRESS, "Alice", CREDENTIALS)
            self.known.accounts = 1
        self.account = found.id
        boxes = {box.path: box.id for box in await self.store.mail.mailboxes(found.id)}
        self.inbox, self.archive = boxes["INBOX"], boxes["Archive"]

    async def run(self) -> None:
        await self.begin()
        await gatherResults([Deferred.fromCoroutine(self._worker()) for _ in range(_WORKERS)])

    async def _worker(self) -> None:
        while not self.over:
            self.count += 1
            token = f"{self.name}-{self.count}"
            try:
                await (self._submit(token) if self.chance.random() < 0.25 else self._deliver(token))
            except TemporaryFailure:
                pass  # swept from under it: refused, so nothing was promised
            except ShuttingDown:
                return

    async def _staged(self, token: str) -> tuple[StagedBlob, Any]:
        written = letter(body=self.chance.randbytes(self.chance.choice(_SIZES) // 2).hex(), subject=token)
        sink = self.store.blobs.sink()
        for at in range(0, len(written.content), 50_000):
            if (wait := sink.write(written.content[at : at + 50_000])) is not None:
                await wait
        return await sink.finish(), written

    async def _deliver(self, token: str) -> None:
        known, mail, chance = self.known, self.store.mail, self.chance
        staged, written = await self._staged(token)
        known.blobs[token] = staged.id
        known.delivered[token] = ASKED
        accepted = await mail.accept(
            Acceptance(staged, written.facts, 1.0, (Delivery(self.account),), header=written.header)
        )
        (done,) = accepted.delivered
        known.delivered[token] = DONE
        ((_, _, uid),) = done.placements
        if chance.random() < 0.4:
            known.flagged[token] = ASKED
            await mail.set_keywords(self.account, self.inbox, [done.email], KeywordChange(add="$flagged"))
            known.flagged[token] = DONE
        place = self.inbox
        if chance.random() < 0.3:
            known.moved[token] = ASKED
            moved = await mail.move(self.account, self.inbox, [uid], self.archive)
            known.moved[token] = DONE
            place, (uid,) = self.archive, moved.target_uids
        if chance.random() < 0.4:
            known.expunged[token] = ASKED
            await mail.expunge(self.account, place, [uid], only_deleted=False)
            known.expunged[token] = DONE

    async def _submit(self, token: str) -> None:
        known, queue = self.known, self.store.queue
        staged, _ = await self._staged(token)
        known.blobs[token] = staged.id
        known.queued[token] = ASKED
        # A destination of its own, so that its lease is this worker's.
        await self.store.mail.accept(
            Acceptance(staged, None, 1.0, queued=(item(f"{token}.test", trace=token),))
        )
        known.queued[token] = DONE
        if self.chance.random() < 0.5:
            (lease,) = await queue.lease(f"{token}.test", 2000.0, 60.0, 1)
            known.settled[token] = ASKED
            if await queue.settle(lease, Settlement((), due=0.0)):
                known.settled[token] = DONE


async def verify(image: Image) -> Verdict:
    """Open what a cut left, as after a restart, and count."""
    known = image.known
    lost: list[str] = []
    try:
        store = open_store(image.folder, reactor, Events())
    except Exception as error:
        return Verdict([], [f"cannot be opened: {error!r}"])
    try:
        account = await store.accounts.account_named(ADDRESS)
        if account is None:
            return Verdict([f"all {known.acknowledged()}: no account"] if known.acknowledged() else [], [])
        wrong = await store.mail.integrity()
        places: dict[str, list[str]] = {}
        flags: dict[str, str] = {}
        for box in await store.mail.mailboxes(account.id):
            if not (found := await store.mail.snapshot(account.id, box.id)):
                continue
            emails = list(found.emails)
            rows: dict[int, tuple[Any, ...]] = {}
            for at in range(0, len(emails), 1000):
                rows |= await store.mail.fetch(
                    account.id, emails[at : at + 1000], [Column.SUBJECT, Column.BLOB]
                )
            for email, keywords in zip(emails, found.keywords, strict=True):
                token, blob = rows[email]
                places.setdefault(token, []).append(box.path)
                flags[token] = keywords
                lost += [] if await _intact(store, blob) else [f"content of {token}"]
                if known.blobs.get(token) not in (None, blob):
                    lost.append(f"{token} has another content")
        waiting = Counter(each.item.trace for each in await store.queue.items(100_000))
        for each in await store.queue.items(100_000):
            lost += [] if await _intact(store, each.blob) else [f"content of {each.item.trace} in the queue"]
        lost += _missing(known, places, flags, waiting)
        return Verdict(lost, wrong)
    finally:
        await store.close()


def _missing(
    known: Known, places: dict[str, list[str]], flags: dict[str, str], waiting: Counter[Any]
) -> list[str]:
    lost = []
    for token, state in known.delivered.items():
        where = places.get(token, [])
        gone, moved = known.expunged.get(token), known.moved.get(token)
        if len(where) > 1:
            lost.append(f"{token} lies in {where}")
        if gone == DONE:
            lost += [f"expunge of {token}"] if where else []
            continue
        if gone == ASKED and not where:
            continue
        if state == DONE and not where:
            lost.append(f"delivery of {token}")
        if moved == DONE and where != ["Archive"]:
            lost.append(f"move of {token}")
        if moved is None and where not in ([], ["INBOX"]):
            lost.append(f"{token} was never moved, and lies in {where}")
        if known.flagged.get(token) == DONE and "$flagged" not in flags.get(token, ""):
            lost.append(f"flag of {token}")
    for token, state in known.queued.items():
        settled = known.settled.get(token)
        if waiting[token] > 1 or (settled == DONE and waiting[token]):
            lost.append(f"{token} is {waiting[token]} times in the queue")
        if state == DONE and settled is None and not waiting[token]:
            lost.append(f"submission of {token}")
    return lost


async def _intact(store: SqliteStore, blob: BlobId) -> bool:
    try:
        content = await store.blobs.read(blob)
    except ContentLost:
        return False
    return content is not None and hashlib.blake2b(content, digest_size=32).digest() == blob


class Trial:
    """Rounds of load and cuts in `folder`, from one seed."""

    def __init__(self, folder: str, seed: int, disk: Callable[[str], PowerlessDisk] = PowerlessDisk) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.disk = disk
        self.rounds = 0
        self.operations = 0

    async def round(self, start: Image | None, cuts: int, span: int) -> list[Image]:
        """Load on a new store, or on what `start` left, until `cuts` images were made over some `span`
        operations."""
        self.rounds += 1
        chance = self.chance
        work = os.path.join(self.folder, f"work-{self.rounds}")
        os.mkdir(work)
        if start is not None:
            shutil.copytree(start.folder, os.path.join(work, "store"))
        known = start.known.copy() if start is not None else Known()
        disk = self.disk(work)
        images: list[Image] = []

        def cut() -> None:
            place = os.path.join(self.folder, f"image-{self.rounds}-{len(images)}")
            disk.image(place, chance)
            images.append(Image(os.path.join(place, "store"), known.copy(), disk.operations))

        disk.cut = cut
        first = chance.randrange(1, _FIRST)
        disk.at_cut = sorted({first, *(chance.randrange(1, span) for _ in range(cuts - 1))})
        cuts = len(disk.at_cut)
        store = open_store(os.path.join(work, "store"), reactor, Events(), disk=disk)
        load = Load(store, known, random.Random(chance.random()), f"r{self.rounds}")
        working = Deferred.fromCoroutine(load.run())
        while len(images) < cuts and not working.called:
            await _moment()
        load.over = True
        await working
        await store.close()
        self.operations += disk.operations
        disk.close_vfs()
        shutil.rmtree(work)
        for image in images:  # what a cut in the first moments left may not have a folder
            os.makedirs(image.folder, exist_ok=True)
        return images


def _moment() -> Deferred[None]:
    done: Deferred[None] = Deferred()
    reactor.callLater(0.002, done.callback, None)
    return done
