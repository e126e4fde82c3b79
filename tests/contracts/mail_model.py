"""IMailStore against a model: many operations at random, and the change log read along the way."""

from __future__ import annotations

import random
from typing import Any

from mailsys.core.message import keywords as words
from mailsys.ports.emails import Column
from mailsys.ports.ids import MailboxId
from mailsys.ports.intake import Delivery
from mailsys.ports.placements import KeywordChange
from tests.contracts.letters import letter
from tests.contracts.stage import Stage

Rows = dict[int, tuple[int, str]]  # uid -> email, keywords


class ModelContract(Stage):
    STEPS = 150
    SEEDS = (1, 2, 3)

    async def setUp(self) -> None:
        await super().setUp()
        self.boxes = [(await self.box(path)).id for path in ("INBOX", "Archive", "Trash")]
        self.model: dict[MailboxId, Rows] = {box: {} for box in self.boxes}
        self.next = dict.fromkeys(self.boxes, 1)
        self.images: dict[MailboxId, Rows] = {box: {} for box in self.boxes}
        self.seen = dict.fromkeys(self.boxes, 0)
        self.known: set[int] = set()  # emails, by emails_changed
        self.state = 0
        self.threads: set[int] = set()  # by threads_changed
        self.thread_state = 0

    async def test_store_and_model_agree_and_the_change_log_tells_it_all(self) -> None:
        for seed in self.SEEDS:
            chance = random.Random(seed)
            for step in range(self.STEPS):
                await self.act(chance, seed * 1000 + step)
                if chance.random() < 0.2:
                    await self.follow(chance.choice(self.boxes))
                if chance.random() < 0.1:
                    await self.follow_emails(chance.choice((2, 5, 100)))
            for box in self.boxes:
                await self.follow(box)
                rows = {row.uid: (row.email, row.keywords) for row in await self.rows(box)}
                self.assertEqual(rows, self.model[box], seed)
                self.assertEqual(self.images[box], rows, seed)
            await self.follow_emails(10_000)
            self.assertEqual(self.known, self.seen_emails())
            await self.follow_threads()
            await self.sound()

    def seen_emails(self) -> set[int]:
        return {
            email
            for rows in self.model.values()
            for email, keywords in rows.values()
            if "$deleted" not in words.names(keywords)
        }

    async def act(self, chance: random.Random, number: int) -> None:
        mail, alice = self.store.mail, self.alice.id
        box, other = chance.choice(self.boxes), chance.choice(self.boxes)
        rows = self.model[box]
        some = sorted(chance.sample(sorted(rows), min(len(rows), chance.randrange(1, 5)))) if rows else []
        match chance.randrange(7):
            case 0 | 1:
                (done,) = await self.accept(letter(number), *self.to(box))
                self.place(box, done.placements[0][2], done.email, "")
            case 2:
                emails = {rows[uid][0] for uid in some}
                change = chance.choice(
                    [
                        KeywordChange(add="$deleted"),
                        KeywordChange(remove="$deleted"),
                        KeywordChange(add="$seen"),
                        KeywordChange(replace="work"),
                    ]
                )
                await mail.set_keywords(alice, box, sorted(emails), change)
                for where, placed in self.model.items():
                    for uid, (email, kept) in placed.items():
                        if email in emails:
                            placed[uid] = (email, self.changed(kept, change, here=where == box))
            case 3:
                await self.copied(await mail.copy(alice, box, some, other), box, other)
            case 4:
                copied = await mail.move(alice, box, some, other)
                await self.copied(copied, box, other)
                for uid in copied.source_uids:
                    del rows[uid]
            case 5:
                gone = await mail.expunge(alice, box, None)
                marked = [uid for uid, (_, kept) in rows.items() if "$deleted" in words.names(kept)]
                self.assertEqual(list(gone), sorted(marked))
                for uid in gone:
                    del rows[uid]
            case 6:
                for uid in await mail.expunge(alice, box, some[:1], False):
                    del rows[uid]

    def to(self, box: MailboxId) -> tuple[Delivery, ...]:
        return (Delivery(self.alice.id, (box,)),)

    def changed(self, kept: str, change: KeywordChange, here: bool) -> str:
        """Of a row; $deleted changes only `here`."""
        found = set(words.names(kept)) | set(words.names(change.add))
        found -= words.names(change.remove)
        if change.replace is not None:
            found = set(words.names(change.replace))
        if not here:
            found = found - {"$deleted"} | set(words.names(kept)) & {"$deleted"}
        return words.canonical(found)

    def place(self, box: MailboxId, uid: int, email: int, keywords: str) -> None:
        self.assertEqual(uid, self.next[box])
        self.next[box] += 1
        self.model[box][uid] = (email, keywords)

    async def copied(self, copied: Any, box: MailboxId, other: MailboxId) -> None:
        """Targets hold the same email, or a new one where it was there already."""
        there = {row.uid: row.email for row in await self.rows(other)}
        held = {email for email, _ in self.model[other].values()}
        for source, target in zip(copied.source_uids, copied.target_uids, strict=True):
            email, keywords = self.model[box][source]
            found = there[target]
            self.assertEqual(found == email, email not in held)
            self.place(other, target, found, words.with_removed(keywords, "$deleted"))

    async def follow(self, box: MailboxId) -> None:
        delta = await self.store.mail.delta(self.alice.id, box, self.seen[box])
        image = self.images[box]
        for row in delta.added:
            self.assertNotIn(row.uid, image)
            image[row.uid] = (row.email, row.keywords)
        for row in delta.changed:
            self.assertIn(row.uid, image)
            image[row.uid] = (row.email, row.keywords)
        for uid in delta.vanished:
            image.pop(uid, None)
        self.seen[box] = delta.modseq

    async def follow_threads(self) -> None:
        """What threads there are, by what was told of them."""
        found = await self.store.mail.threads_changed(self.alice.id, self.thread_state, 10_000)
        self.assertEqual(self.threads & set(found.created), set())
        self.threads |= set(found.created)
        self.threads -= set(found.destroyed)
        self.thread_state = found.modseq
        columns = await self.store.mail.fetch(self.alice.id, sorted(self.known), [Column.THREAD])
        self.assertEqual(self.threads, {row[0] for row in columns.values()})

    async def follow_emails(self, limit: int) -> None:
        while True:
            changes = await self.store.mail.emails_changed(self.alice.id, self.state, limit)
            if not changes.complete:
                limit = 10_000
                continue
            self.assertEqual(self.known & set(changes.created), set())
            self.assertLessEqual(set(changes.updated), self.known)
            self.known |= set(changes.created)
            self.known -= set(changes.destroyed)
            self.state = changes.modseq
            if not changes.more:
                return
