"""IQueueStore."""

from __future__ import annotations

from dataclasses import replace

from mailsys.core.refusal import NoSuchMailbox
from mailsys.ports.ids import AccountId, BlobId, MailboxId, QueueId, TraceId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.objects import ObjectChange
from mailsys.ports.queue import Lease, Rescheduled, Settlement
from mailsys.ports.queue_items import NewQueueItem, Outcome, QueueRecipient
from mailsys.ports.timeline import Stage as Step
from mailsys.ports.timeline import TimelineEntry
from tests.contracts.letters import item, letter
from tests.contracts.stage import Stage


class QueueContract(Stage):
    async def setUp(self) -> None:
        await super().setUp()
        self.queue = self.store.queue

    async def enqueue(self, *items: NewQueueItem, number: int = 1) -> BlobId:
        staged = self.store.blobs.stage(letter(number).content)
        await self.store.mail.accept(Acceptance(staged, None, 1.0, queued=items))
        return staged.id

    async def lease(self, destination: str = "example.net", now: float = 1000.0) -> Lease:
        (lease,) = await self.queue.lease(destination, now, 60.0, 1)
        return lease

    def all_of(self, lease: Lease, outcome: Outcome) -> tuple[QueueRecipient, ...]:
        return tuple(replace(r, outcome=outcome) for r in lease.item.item.recipients)

    async def test_an_item_comes_back_as_it_was_queued(self) -> None:
        queued = replace(
            item(recipients=["b@example.net", "c@example.net"], account=self.alice.id),
            eight_bit=True,
            utf8=True,
            ret="HDRS",
            envid="x",
        )
        blob = await self.enqueue(queued)
        (found,) = await self.queue.items(10)
        self.assertEqual((found.item, found.blob, found.size), (queued, blob, len(letter().content)))
        self.assertEqual(
            (found.due, found.attempts, found.leased_until, found.last_error), (1000.0, 0, 0.0, "")
        )
        self.assertEqual(await self.queue.item(found.id), found)

    async def test_the_size_counts_all_items(self) -> None:
        self.assertEqual(await self.queue.size(), 0)
        await self.enqueue(item("a.example"), item("b.example"))
        (first, _) = await self.queue.items(10)
        await self.queue.hold([first.id])
        self.assertEqual(await self.queue.size(), 2)

    async def test_destinations_due_come_most_overdue_first(self) -> None:
        await self.enqueue(item("a.example", 30.0), item("b.example", 10.0), item("c.example", 20.0))
        await self.enqueue(item("b.example", 5.0), item("d.example", 99.0))
        found = await self.queue.due(50.0, 10)
        self.assertEqual(
            [(d.name, d.due) for d in found], [("b.example", 5.0), ("c.example", 20.0), ("a.example", 30.0)]
        )
        self.assertEqual([d.name for d in await self.queue.due(50.0, 1)], ["b.example"])

    async def test_a_leased_item_is_hidden_until_the_lease_ends(self) -> None:
        await self.enqueue(item())
        lease = await self.lease()
        self.assertEqual(lease.until, 1060.0)
        self.assertEqual(await self.queue.due(1059.0, 10), [])
        self.assertEqual(await self.queue.lease("example.net", 1059.0, 60.0, 5), [])
        self.assertEqual((await self.queue.item(lease.item.id)).leased_until, 1060.0)
        self.assertEqual([d.name for d in await self.queue.due(1060.0, 10)], ["example.net"])
        self.assertEqual(len(await self.queue.lease("example.net", 1060.0, 60.0, 5)), 1)

    async def test_the_most_overdue_are_leased_first_and_only_those_due(self) -> None:
        for due in (30.0, 10.0, 20.0, 99.0):
            await self.enqueue(item(due=due))
        leases = await self.queue.lease("example.net", 50.0, 60.0, 2)
        self.assertEqual([lease.item.due for lease in leases], [10.0, 20.0])
        leases = await self.queue.lease("example.net", 50.0, 60.0, 2)
        self.assertEqual([lease.item.due for lease in leases], [30.0])

    async def test_a_lease_is_extended_while_it_is_held(self) -> None:
        await self.enqueue(item())
        lease = await self.lease()
        self.assertEqual(await self.queue.extend([lease], 2000.0), [True])
        self.assertEqual(await self.queue.due(1999.0, 1), [])
        other = await self.lease(now=2000.0)
        self.assertEqual(await self.queue.extend([lease, other, lease], 3000.0), [False, True, False])

    async def test_leases_that_end_too_far_ahead_end_now_and_their_holders_may_still_settle(self) -> None:
        await self.enqueue(item("a.example"), item("b.example"))
        near, far = await self.lease("a.example", 1000.0), await self.lease("b.example", 9000.0)
        self.assertEqual(await self.queue.end_leases(2000.0, 1500.0), 1)
        self.assertEqual([d.due for d in await self.queue.due(1500.0, 5)], [1060.0, 1500.0])
        self.assertEqual(await self.queue.end_leases(2000.0, 1500.0), 0)
        for lease in (near, far):
            settlement = Settlement(self.all_of(lease, Outcome.DELIVERED), 0.0)
            self.assertTrue(await self.queue.settle(lease, settlement))
        self.assertEqual(await self.queue.items(10), [])

    async def test_a_lease_that_was_ended_still_tells_that_an_attempt_was_begun(self) -> None:
        await self.enqueue(item(account=self.alice.id))
        await self.lease(now=9000.0)
        await self.queue.end_leases(2000.0, 1500.0)
        self.assertFalse(await self.queue.withdraw(self.alice.id, TraceId("trace")))

    async def test_due_times_are_moved_where_they_are_as_they_were_seen(self) -> None:
        await self.enqueue(*(item(f"{name}.example", 5000.0) for name in "abcd"))
        a, b, c, d = [found.id for found in await self.queue.items(10)]
        await self.queue.retry([b], 1000.0)
        await self.queue.hold([c])
        await self.lease("d.example", 5000.0)
        moved = await self.queue.reschedule([Rescheduled(each, 5000.0, 2000.0) for each in (a, b, c, d)])
        self.assertEqual(moved, 1)
        self.assertEqual(
            [found.due for found in await self.queue.items(10)], [2000.0, 1000.0, 5000.0, 5000.0]
        )
        self.assertEqual(
            [found.name for found in await self.queue.due(2000.0, 5)], ["b.example", "a.example"]
        )
        self.assertEqual(await self.queue.reschedule([]), 0)

    async def test_when_all_are_delivered_the_item_and_its_hold_on_the_blob_are_gone(self) -> None:
        blob = await self.enqueue(item())
        lease = await self.lease()
        settled = await self.queue.settle(lease, Settlement(self.all_of(lease, Outcome.DELIVERED), 0.0))
        self.assertTrue(settled)
        self.assertEqual(await self.queue.items(10), [])
        await self.store.tidy()
        self.assertIs(await self.store.blobs.size(blob), None)
        await self.sound()

    async def test_who_bounces_falls_behind_and_is_forgotten_when_nothing_speaks_for_him(self) -> None:
        people = ("gone@example.net", "rare@example.net", "often@example.net", "friend@example.net")
        written = [people[:1] + people[2:], people[2:3], people[2:3], people[2:3]]
        for number, sent_to in enumerate(written):
            staged = self.store.blobs.stage(letter(number).content)
            queued = (item(account=self.alice.id),) if number == 0 else ()
            delivery = Delivery(self.bob.id, heard_from="gone@example.net")
            facts = letter(number).facts
            acceptance = Acceptance(staged, facts, 1.0, (delivery,), queued, sent_by=self.alice.id)
            await self.store.mail.accept(replace(acceptance, sent_to=sent_to))
        friend = Delivery(self.alice.id, heard_from="friend@example.net")
        await self.store.mail.accept(
            Acceptance(self.store.blobs.stage(letter(9).content), letter(9).facts, 1.0, (friend,))
        )
        lease = await self.lease()
        failed = Settlement(self.all_of(lease, Outcome.FAILED), 0.0, bounced=people)
        await self.queue.settle(lease, failed)
        found = await self.store.mail.known_correspondents(self.alice.id, people)
        self.assertEqual(
            sorted((one.address, one.sent, one.received) for one in found),
            [("friend@example.net", 0, 1), ("often@example.net", 1, 0)],
        )
        (his,) = await self.store.mail.known_correspondents(self.bob.id, people)
        self.assertEqual((his.address, his.received), ("gone@example.net", 4))

    async def test_what_is_pending_is_tried_again_when_due(self) -> None:
        await self.enqueue(item(recipients=["a@example.net", "b@example.net"]))
        lease = await self.lease()
        done, open_ = lease.item.item.recipients
        recipients = (replace(done, outcome=Outcome.DELIVERED, reply="250 ok", host="mx", at=5.0), open_)
        await self.queue.settle(lease, Settlement(recipients, 2000.0, "451 later", delayed_told=True))
        found = await self.queue.item(lease.item.id)
        self.assertEqual(found.item.recipients, recipients)
        self.assertEqual(
            (found.due, found.attempts, found.delayed_told, found.last_error, found.leased_until),
            (2000.0, 1, True, "451 later", 0.0),
        )
        self.assertEqual(await self.queue.due(1999.0, 5), [])
        self.assertEqual(len(await self.queue.due(2000.0, 5)), 1)

    async def test_an_attempt_that_does_not_count_is_not_counted(self) -> None:
        await self.enqueue(item())
        lease = await self.lease()
        await self.queue.settle(lease, Settlement(lease.item.item.recipients, 2000.0, count_attempt=False))
        self.assertEqual((await self.queue.item(lease.item.id)).attempts, 0)

    async def test_settling_twice_does_nothing_the_second_time(self) -> None:
        await self.enqueue(item())
        lease = await self.lease()
        settlement = Settlement(
            lease.item.item.recipients,
            2000.0,
            timeline=(TimelineEntry(TraceId("trace"), 1.0, Step.DEFERRED),),
        )
        self.assertTrue(await self.queue.settle(lease, settlement))
        self.assertFalse(await self.queue.settle(lease, settlement))
        self.assertEqual((await self.queue.item(lease.item.id)).attempts, 1)
        self.assertEqual(len(await self.queue.timeline(TraceId("trace"))), 1)

    async def test_a_lost_lease_settles_nothing_but_what_was_delivered(self) -> None:
        await self.enqueue(item(recipients=["a@example.net", "b@example.net"]))
        lost = await self.lease()
        held = await self.lease(now=1060.0)
        first, second = lost.item.item.recipients
        settled = await self.queue.settle(
            lost,
            Settlement(
                (replace(first, outcome=Outcome.DELIVERED), replace(second, outcome=Outcome.FAILED)), 9000.0
            ),
        )
        self.assertFalse(settled)
        found = await self.queue.item(held.item.id)
        self.assertEqual([r.outcome for r in found.item.recipients], [Outcome.DELIVERED, Outcome.PENDING])
        self.assertEqual((found.due, found.leased_until), (1000.0, 1120.0))

    async def test_what_was_delivered_under_a_lost_lease_ends_the_item(self) -> None:
        await self.enqueue(item())
        lost = await self.lease()
        held = await self.lease(now=1060.0)
        done = Settlement(self.all_of(lost, Outcome.DELIVERED), 0.0)
        self.assertFalse(await self.queue.settle(lost, done))
        self.assertEqual(await self.queue.items(10), [])
        self.assertFalse(await self.queue.settle(held, done))
        await self.sound()

    async def test_a_settlement_delivers_and_reports_in_the_same_commit(self) -> None:
        await self.enqueue(item())
        lease = await self.lease()
        report = letter(7)
        accept = Acceptance(
            self.store.blobs.stage(report.content), report.facts, 1.0, (Delivery(self.alice.id),), header=b""
        )
        mine = letter(1)
        again = Acceptance(lease.item.blob, mine.facts, 1.0, (Delivery(self.bob.id),), header=mine.header)
        entry = TimelineEntry(TraceId("trace"), 3.0, Step.NOTIFIED)
        await self.queue.settle(
            lease,
            Settlement(self.all_of(lease, Outcome.FAILED), 0.0, accept=(accept, again), timeline=(entry,)),
        )
        self.assertEqual(len(await self.rows()), 1)
        self.assertEqual((await self.box("INBOX", self.bob.id)).total, 1)
        self.assertEqual(await self.queue.timeline(TraceId("trace")), [entry])
        self.assertEqual(await self.queue.items(10), [])
        await self.sound()

    async def test_a_settlement_that_is_refused_leaves_everything_as_it_was(self) -> None:
        await self.enqueue(item())
        lease = await self.lease()
        one, two = letter(7), letter(8)
        bad = Delivery(self.alice.id, (MailboxId(9999),), strict=True)
        accepts = (
            Acceptance(self.store.blobs.stage(one.content), one.facts, 1.0, (Delivery(self.alice.id),)),
            Acceptance(self.store.blobs.stage(two.content), two.facts, 1.0, (bad,)),
        )
        with self.assertRaises(NoSuchMailbox):
            await self.queue.settle(
                lease, Settlement(self.all_of(lease, Outcome.FAILED), 0.0, accept=accepts)
            )
        self.assertEqual(await self.rows(), [])
        self.assertEqual(self.heard, [])
        self.assertEqual(await self.queue.extend([lease], 2000.0), [True])
        await self.sound()

    async def test_a_held_item_waits_until_it_is_released(self) -> None:
        await self.enqueue(item(hold=True))
        self.assertEqual(await self.queue.due(9999.0, 5), [])
        self.assertIs(await self.queue.next_due(), None)
        (found,) = await self.queue.items(5)
        self.assertTrue(found.item.hold)
        self.assertEqual(await self.queue.retry([found.id], 2000.0), 1)
        self.assertEqual(
            [(d.name, d.due) for d in await self.queue.due(2000.0, 5)], [("example.net", 2000.0)]
        )
        self.assertFalse((await self.queue.item(found.id)).item.hold)
        self.assertEqual(await self.queue.hold([found.id, QueueId(999)]), 1)
        self.assertEqual(await self.queue.due(9999.0, 5), [])

    async def test_a_dropped_item_is_gone_and_its_lease_is_lost(self) -> None:
        await self.enqueue(item())
        lease = await self.lease()
        self.assertEqual(await self.queue.drop([lease.item.id, QueueId(999)], 1001.0), 1)
        self.assertEqual(await self.queue.extend([lease], 2000.0), [False])
        self.assertFalse(
            await self.queue.settle(lease, Settlement(self.all_of(lease, Outcome.DELIVERED), 0.0))
        )
        self.assertIs(await self.queue.item(lease.item.id), None)
        await self.sound()

    async def test_what_a_drop_says_is_written_with_it_unless_there_was_nothing(self) -> None:
        await self.enqueue(item(account=self.alice.id))
        (found,) = await self.queue.items(10)
        entry = TimelineEntry(TraceId("trace"), 5.0, Step.DROPPED, self.alice.id, "bob@example.net")
        change = ObjectChange(self.alice.id, "EmailSubmission", "Strace", b"{}")
        self.assertEqual(await self.queue.drop([QueueId(999)], 5.0, [entry], [change]), 0)
        self.assertEqual(await self.queue.timeline(TraceId("trace")), [])
        self.assertEqual(await self.store.objects.objects(self.alice.id, "EmailSubmission"), [])
        self.assertEqual(await self.queue.drop([found.id], 5.0, [entry], [change]), 1)
        self.assertEqual(await self.queue.timeline(TraceId("trace")), [entry])
        (kept,) = await self.store.objects.objects(self.alice.id, "EmailSubmission")
        self.assertEqual((kept.id, kept.value), ("Strace", b"{}"))

    # -- withdraw ------------------------------------------------------------------------------------

    async def withdraw(self, trace: str = "one") -> bool:
        """By alice, with a word in the timeline and an object."""
        self.entry = TimelineEntry(TraceId(trace), 5.0, Step.DROPPED, self.alice.id, "bob@example.net")
        change = ObjectChange(self.alice.id, "EmailSubmission", f"S{trace}", b"{}")
        done = await self.queue.withdraw(self.alice.id, TraceId(trace), [self.entry], [change])
        return done is not None

    def hers(self, destination: str = "example.net", hold: bool = False) -> NewQueueItem:
        return item(destination, account=self.alice.id, hold=hold, trace="one")

    async def nothing_was_done(self, items: int) -> None:
        self.assertEqual(await self.queue.size(), items)
        self.assertEqual(await self.queue.timeline(TraceId("one")), [])
        self.assertEqual(await self.store.objects.objects(self.alice.id, "EmailSubmission"), [])

    async def test_withdrawing_takes_all_items_of_one_message_and_no_others(self) -> None:
        blob = await self.enqueue(self.hers("a.example"), self.hers("b.example", hold=True))
        await self.enqueue(item("c.example", account=self.alice.id, trace="one two"), number=2)
        await self.enqueue(item("d.example", account=self.bob.id, trace="one"), number=3)
        self.assertTrue(await self.withdraw())
        left = [one.item.destination for one in await self.queue.items(10)]
        self.assertEqual(left, ["c.example", "d.example"])
        self.assertEqual(await self.queue.timeline(TraceId("one")), [self.entry])
        (kept,) = await self.store.objects.objects(self.alice.id, "EmailSubmission")
        self.assertEqual(kept.id, "Sone")
        await self.store.tidy()
        self.assertIs(await self.store.blobs.size(blob), None)
        await self.sound()

    async def test_what_is_not_there_cannot_be_withdrawn(self) -> None:
        await self.enqueue(item(account=self.bob.id, trace="one"))
        self.assertFalse(await self.withdraw())
        await self.nothing_was_done(1)

    async def test_a_message_that_somebody_works_on_cannot_be_withdrawn(self) -> None:
        await self.enqueue(self.hers("a.example"), self.hers("b.example"))
        await self.lease("b.example")
        self.assertFalse(await self.withdraw())
        await self.nothing_was_done(2)

    async def test_a_lease_whose_holder_died_still_means_begun(self) -> None:
        await self.enqueue(self.hers())
        await self.lease(now=1000.0)
        self.assertEqual([d.name for d in await self.queue.due(5000.0, 10)], ["example.net"])
        self.assertFalse(await self.withdraw())
        await self.nothing_was_done(1)

    async def test_a_message_that_was_tried_cannot_be_withdrawn(self) -> None:
        await self.enqueue(self.hers())
        lease = await self.lease()
        await self.queue.settle(lease, Settlement(lease.item.item.recipients, 2000.0, "451 later"))
        self.assertFalse(await self.withdraw())
        await self.nothing_was_done(1)

    async def test_a_lease_that_was_put_back_untried_is_as_if_it_never_was(self) -> None:
        await self.enqueue(self.hers())
        lease = await self.lease()
        put_back = Settlement(lease.item.item.recipients, 1000.0, count_attempt=False)
        await self.queue.settle(lease, put_back)
        self.assertTrue(await self.withdraw())
        self.assertEqual(await self.queue.size(), 0)

    async def test_a_message_that_went_to_one_recipient_cannot_be_withdrawn(self) -> None:
        await self.enqueue(
            item(recipients=["a@x.example", "b@x.example"], account=self.alice.id, trace="one")
        )
        lease = await self.lease()
        first, second = lease.item.item.recipients
        people = (replace(first, outcome=Outcome.DELIVERED), second)
        await self.queue.settle(lease, Settlement(people, 2000.0, count_attempt=False))
        self.assertFalse(await self.withdraw())
        await self.nothing_was_done(1)

    # -- the rest ------------------------------------------------------------------------------------

    async def test_the_next_due_is_the_earliest_item_or_end_of_a_lease(self) -> None:
        self.assertIs(await self.queue.next_due(), None)
        await self.enqueue(item(due=1000.0), item(due=1500.0))
        self.assertEqual(await self.queue.next_due(), 1000.0)
        await self.lease()
        self.assertEqual(await self.queue.next_due(), 1060.0)
        self.assertEqual(await self.queue.retry([QueueId(999)], 1.0), 0)

    async def test_items_come_in_pages_oldest_first_all_or_one_accounts(self) -> None:
        await self.enqueue(*(item(account=self.alice.id if n % 2 else None) for n in range(6)))
        first = await self.queue.items(4)
        rest = await self.queue.items(4, first[-1].id)
        ids = [found.id for found in (*first, *rest)]
        self.assertEqual((len(ids), ids), (6, sorted(ids)))
        self.assertEqual(len(await self.queue.items(10, account=self.alice.id)), 3)
        self.assertEqual(await self.queue.items(10, account=self.bob.id), [])

    async def test_items_of_a_removed_account_stay(self) -> None:
        await self.enqueue(item(account=self.alice.id))
        await self.store.accounts.remove_account(self.alice.id)
        await self.store.tidy()
        (found,) = await self.queue.items(10)
        self.assertEqual(await self.store.blobs.read(found.blob), letter().content)

    async def test_whoever_listens_is_woken_after_something_was_queued(self) -> None:
        woken: list[int] = []
        self.queue.listen(lambda: woken.append(1))
        await self.put(1)
        self.assertEqual(woken, [])
        await self.enqueue(item(), number=2)
        self.assertEqual(woken, [1])
        (found,) = await self.queue.items(10)
        await self.queue.retry([found.id], 1.0)
        self.assertEqual(woken, [1, 1])

    async def test_a_listener_that_raises_harms_nobody(self) -> None:
        woken: list[int] = []
        self.queue.listen(lambda: 1 / 0)
        self.queue.listen(lambda: woken.append(1))
        await self.enqueue(item())
        self.assertEqual(woken, [1])

    async def test_a_timeline_is_in_order_of_time_whoever_wrote_it(self) -> None:
        late = TimelineEntry(
            TraceId("t"), 9.0, Step.SENT, self.alice.id, "b@x.org", {"host": "mx", "tls": "1.3"}
        )
        early = TimelineEntry(TraceId("t"), 1.0, Step.QUEUED)
        await self.queue.record([late, TimelineEntry(TraceId("u"), 2.0, Step.SENT)])
        staged = self.store.blobs.stage(letter().content)
        await self.store.mail.accept(Acceptance(staged, None, 1.0, queued=(item(),), timeline=(early,)))
        self.assertEqual(await self.queue.timeline(TraceId("t")), [early, late])
        self.assertEqual(await self.queue.timeline(TraceId("none")), [])

    # -- search of traces ----------------------------------------------------------------------------

    async def record_some(self) -> None:
        """Three messages, the oldest "a": from eve to alice, from eve to bob, from alice to bob."""

        def steps(
            trace: str, sender: str, recipient: str, of: tuple[AccountId | None, AccountId]
        ) -> list[TimelineEntry]:
            begin, delivered = of
            came = Step.RECEIVED if begin is None else Step.SUBMITTED
            return [
                TimelineEntry(TraceId(trace), 1.0, came, begin, "", {"sender": sender}),
                TimelineEntry(TraceId(trace), 1.0, Step.DELIVERED, delivered, recipient),
                TimelineEntry(TraceId(trace), 2.0, Step.NOTIFIED, delivered, recipient),
            ]

        alice, bob = self.alice.id, self.bob.id
        await self.queue.record(
            [
                *steps("b", "Eve@elsewhere.test", "bob@example.org", (None, bob)),
                *steps("c", "alice@example.org", "bob@example.org", (alice, bob)),
                *steps("a", "eve@elsewhere.test", "alice@example.org", (None, alice)),
            ]
        )

    async def traces(
        self,
        address: str = "",
        account: AccountId | None = None,
        since: str = "",
        before: str | None = None,
        limit: int = 10,
    ) -> list[str]:
        bound = None if before is None else TraceId(before)
        return list(await self.queue.traces(address, account, TraceId(since), bound, limit))

    async def test_messages_are_found_newest_first_each_once(self) -> None:
        await self.record_some()
        self.assertEqual(await self.traces(), ["c", "b", "a"])
        self.assertEqual(await self.traces(since="b"), ["c", "b"])
        self.assertEqual(await self.traces(before="c"), ["b", "a"])
        self.assertEqual(await self.traces(limit=2), ["c", "b"])

    async def test_messages_are_found_by_sender_and_recipient_in_any_case(self) -> None:
        await self.record_some()
        self.assertEqual(await self.traces("EVE@elsewhere.test"), ["b", "a"])
        self.assertEqual(await self.traces("bob@example.org"), ["c", "b"])
        self.assertEqual(await self.traces("alice@example.org"), ["c", "a"])
        self.assertEqual(await self.traces("alice@example.org", before="c", limit=1), ["a"])
        self.assertEqual(await self.traces("nobody@example.org"), [])
        self.assertEqual(await self.traces("%"), [])

    async def test_messages_are_found_by_account(self) -> None:
        await self.record_some()
        self.assertEqual(await self.traces(account=self.alice.id), ["c", "a"])
        self.assertEqual(await self.traces("eve@elsewhere.test", self.bob.id), ["b"])
        self.assertEqual(await self.traces("eve@elsewhere.test", self.bob.id, before="b"), [])
