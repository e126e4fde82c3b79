"""What the filter would do to mail that is there; and the copy of what was refused for its content."""

from __future__ import annotations

from twisted.internet.defer import maybeDeferred

from mailsys.core.trust.bayes import Bounds
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.ids import TraceId
from mailsys.ports.intake import Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.queue_items import NewQueueItem
from mailsys.ports.timeline import Stage as Step
from mailsys.services.learning.content_filter import Filter
from mailsys.services.learning.rehearsing import EXAMPLES, Rehearsal, Rehearsed
from mailsys.services.learning.rescue import rescue
from tests.contracts.letters import item
from tests.services.test_learning import Trained, good, junk


class RehearsalTests(Trained):
    def rehearsal(self, least: int = 5) -> Rehearsal:
        store = self.store
        return Rehearsal(
            store.mail,
            store.blobs,
            store.learning,
            Filter(store.learning, maybeDeferred, Bounds(least=least), 6.0),
            maybeDeferred,
        )

    async def rehearse(self, last: int = 1000, least: int = 5) -> Rehearsed:
        return await self.rehearsal(least).run(self.alice.id, last)

    async def test_what_would_change_with_examples(self) -> None:
        await self.train()
        await self.accept(junk(500))
        await self.accept(good(501), Delivery(self.alice.id, (Role.JUNK,)))
        await self.accept(junk(502), Delivery(self.alice.id, (Role.SENT,)))
        found = await self.rehearse()
        self.assertEqual((found.looked_at, found.in_junk, found.untrained), (22, 11, 0))
        self.assertEqual((found.to_junk, found.to_inbox), (1, 1))
        (example,) = found.examples_to_junk or ()
        self.assertEqual((example.subject, example.mailbox), ("You won 500!", "INBOX"))
        self.assertGreater(example.score, 0.9)
        self.assertIn("called junk", example.reasons[0])
        (example,) = found.examples_to_inbox or ()
        self.assertEqual((example.subject, example.mailbox), ("Rehearsal", "Junk"))

    async def test_so_many_of_the_newest(self) -> None:
        await self.train()
        for number in range(EXAMPLES + 5):
            await self.accept(junk(500 + number), at=9000.0)
        found = await self.rehearse(EXAMPLES + 2)
        self.assertEqual((found.looked_at, found.to_junk), (EXAMPLES + 2, EXAMPLES + 2))
        self.assertEqual(len(found.examples_to_junk or ()), EXAMPLES)

    async def test_a_message_is_not_judged_by_what_was_learned_of_it(self) -> None:
        """Six of each were learned; without the one that is looked at there are five."""
        await self.train(6)
        self.assertEqual((await self.rehearse(least=6)).untrained, 12)
        self.assertEqual((await self.rehearse(least=5)).untrained, 0)

    async def test_nothing_was_learned(self) -> None:
        await self.accept(junk(1))
        found = await self.rehearse()
        self.assertEqual((found.looked_at, found.untrained, found.to_junk), (1, 1, 0))


class RescueTests(Trained):
    async def test_a_copy_for_each_and_nothing_goes_on(self) -> None:
        queued: tuple[NewQueueItem, ...] = (item(),)
        acceptance = self.acceptance(
            junk(1),
            Delivery(self.alice.id, heard_from="win@biz.example"),
            Delivery(self.bob.id),
            queued=queued,
        )
        kept = await rescue(self.store.mail, acceptance, TraceId("t"), "malware")
        self.assertEqual(kept, (self.alice.id, self.bob.id))
        self.assertEqual(await self.rows(), [])
        (row,) = await self.rows(self.junk)
        self.assertEqual(row.keywords, "$junk $refused")
        self.assertEqual(await self.store.queue.items(10), [])
        steps = await self.store.queue.timeline(TraceId("t"))
        self.assertEqual(
            [(step.stage, step.detail) for step in steps], [(Step.JUDGED, {"refused": "malware"})] * 2
        )
        self.assertEqual(await self.store.learning.lessons(10), [])
        await self.sound()

    async def test_who_has_no_room_costs_the_others_nothing(self) -> None:
        await self.store.accounts.change_account(self.alice.id, AccountPatch(quota=10))
        acceptance = self.acceptance(junk(1), Delivery(self.alice.id), Delivery(self.bob.id))
        self.assertEqual(await rescue(self.store.mail, acceptance, TraceId("t"), "x"), (self.bob.id,))
        self.assertEqual(await self.rows(self.junk), [])

    async def test_moved_out_of_junk_it_teaches(self) -> None:
        acceptance = self.acceptance(junk(1), Delivery(self.alice.id))
        await rescue(self.store.mail, acceptance, TraceId("t"), "x")
        await self.store.mail.move(self.alice.id, self.junk, [1], self.inbox)
        self.assertEqual([lesson.spam for lesson in await self.store.learning.lessons(10)], [False])
