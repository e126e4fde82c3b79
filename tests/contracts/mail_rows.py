"""IMailStore: rows of mailboxes, what changes them, and the log of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailsys.core.refusal import NoSuchMailbox
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, MailboxId
from mailsys.ports.intake import Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.placements import KeywordChange
from tests.contracts.letters import letter
from tests.contracts.stage import Stage


class SnapshotContract(Stage):
    async def test_rows_ascend_by_uid_in_order_of_arrival(self) -> None:
        emails = [await self.put(n) for n in range(5)]
        rows = await self.rows()
        self.assertEqual([row.uid for row in rows], [1, 2, 3, 4, 5])
        self.assertEqual([row.email for row in rows], emails)

    async def test_an_empty_mailbox_has_a_snapshot(self) -> None:
        found = await self.store.mail.snapshot(self.alice.id, self.inbox)
        self.assertEqual((list(found.uids), found.keywords, found.mailbox.path), ([], [], "INBOX"))

    async def test_its_columns_are_of_the_types_promised(self) -> None:
        await self.put(1)
        found = await self.store.mail.snapshot(self.alice.id, self.inbox)
        self.assertEqual(
            (found.uids.typecode, found.emails.typecode, found.modseqs.typecode), ("I", "q", "q")
        )

    async def test_a_uid_is_never_given_out_again(self) -> None:
        await self.put(1)
        await self.put(2)
        await self.store.mail.expunge(self.alice.id, self.inbox, [2], False)
        await self.put(3)
        self.assertEqual([row.uid for row in await self.rows()], [1, 3])

    async def test_modseq_of_a_row_is_the_later_of_email_and_placement(self) -> None:
        email = await self.put(1)
        placed = (await self.rows())[0].modseq
        changed = await self.store.mail.set_keywords(
            self.alice.id, self.inbox, [email], KeywordChange(add="$seen")
        )
        self.assertGreater(changed.modseq, placed)
        self.assertEqual((await self.rows())[0].modseq, changed.modseq)

    async def test_recent_is_claimed_once(self) -> None:
        await self.put(1)
        before = await self.store.mail.modseq(self.alice.id)
        self.assertEqual(await self.store.mail.claim_recent(self.alice.id, self.inbox, 2), 1)
        self.assertEqual(await self.store.mail.claim_recent(self.alice.id, self.inbox, 2), 2)
        self.assertEqual((await self.store.mail.snapshot(self.alice.id, self.inbox)).recent_uid, 2)
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_a_claim_beyond_the_end_leaves_what_comes_later_recent(self) -> None:
        await self.put(1)
        await self.store.mail.claim_recent(self.alice.id, self.inbox, 100)
        self.assertEqual(await self.store.mail.claim_recent(self.alice.id, self.inbox, 100), 2)

    async def test_an_older_claim_does_not_take_the_mark_back(self) -> None:
        await self.put(1)
        await self.put(2)
        await self.store.mail.claim_recent(self.alice.id, self.inbox, 3)
        self.assertEqual(await self.store.mail.claim_recent(self.alice.id, self.inbox, 2), 3)
        self.assertEqual(await self.store.mail.claim_recent(self.alice.id, self.inbox, 3), 3)


class DeltaContract(Stage):
    async def delta(self, since: int, mailbox: MailboxId | None = None) -> Any:
        return await self.store.mail.delta(self.alice.id, mailbox or self.inbox, since)

    async def test_a_mailbox_or_an_account_that_is_not_there(self) -> None:
        for account, mailbox in (
            (self.alice.id, MailboxId(999)),
            (AccountId(999), self.inbox),
            (AccountId(999), MailboxId(999)),
        ):
            found = await self.store.mail.delta(account, mailbox, 0)
            self.assertEqual((found.exists, found.added, found.vanished), (False, (), ()))
        self.assertTrue((await self.delta(0)).exists)

    async def test_it_tells_what_was_added_changed_and_expunged(self) -> None:
        changed = await self.put(1)
        await self.put(2)
        since = await self.store.mail.modseq(self.alice.id)
        added = await self.put(3, keywords="$flagged")
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [changed], KeywordChange(add="$seen"))
        await self.store.mail.expunge(self.alice.id, self.inbox, [2], False)
        found = await self.delta(since)
        self.assertEqual([(p.uid, p.email, p.keywords) for p in found.added], [(3, added, "$flagged")])
        self.assertEqual([(p.uid, p.email, p.keywords) for p in found.changed], [(1, changed, "$seen")])
        self.assertEqual(found.vanished, (2,))
        self.assertEqual(found.modseq, await self.store.mail.modseq(self.alice.id))
        self.assertEqual((found.uid_next, found.exists, found.complete), (4, True, True))

    async def test_nothing_happened_is_told_as_nothing(self) -> None:
        await self.put(1)
        since = await self.store.mail.modseq(self.alice.id)
        found = await self.delta(since)
        self.assertEqual((found.added, found.changed, found.vanished, found.modseq), ((), (), (), since))

    async def test_deltas_one_after_another_make_the_snapshot(self) -> None:
        image: dict[int, tuple[int, str]] = {}
        since = 0
        archive = (await self.box("Archive")).id
        for turn in range(12):
            email = await self.put(turn)
            if turn % 3 == 1:
                await self.store.mail.set_keywords(
                    self.alice.id, self.inbox, [email], KeywordChange(add="$seen")
                )
            if turn % 4 == 2:
                await self.store.mail.move(self.alice.id, self.inbox, [turn], archive)
                await self.store.mail.copy(self.alice.id, archive, [1], self.inbox)
            if turn % 2:
                found = await self.delta(since)
                for row in (*found.added, *found.changed):
                    image[row.uid] = (row.email, row.keywords)
                for uid in found.vanished:
                    image.pop(uid, None)
                since = found.modseq
        self.assertEqual(image, {row.uid: (row.email, row.keywords) for row in await self.rows()})

    async def test_a_copy_elsewhere_changes_nothing_here(self) -> None:
        await self.put(1)
        since = await self.store.mail.modseq(self.alice.id)
        await self.store.mail.copy(self.alice.id, self.inbox, [1], (await self.box("Archive")).id)
        found = await self.delta(since)
        self.assertEqual((found.added, found.changed, found.vanished), ((), (), ()))

    async def test_whoever_has_seen_an_event_reads_all_up_to_it(self) -> None:
        seen: list[object] = []

        def look(changed: object) -> None:
            seen.append(self.store.mail.snapshot(self.alice.id, self.inbox))

        self.events.subscribe(self.alice.id, look)
        for number in range(3):
            await self.put(number)
        for number, (event, found) in enumerate(zip(self.heard, seen, strict=True), 1):
            snapshot = await found  # type: ignore[misc]
            self.assertGreaterEqual(snapshot.modseq, event.modseq)
            self.assertGreaterEqual(len(snapshot.uids), number)


class KeywordContract(Stage):
    async def change(self, emails: Sequence[int], change: KeywordChange, since: int | None = None) -> Any:
        return await self.store.mail.set_keywords(self.alice.id, self.inbox, emails, change, since)

    async def test_the_three_ways(self) -> None:
        email = await self.put(1, keywords="$flagged")
        await self.change([email], KeywordChange(add="$seen work"))
        self.assertEqual((await self.rows())[0].keywords, "$flagged $seen work")
        await self.change([email], KeywordChange(remove="$flagged"))
        self.assertEqual((await self.rows())[0].keywords, "$seen work")
        await self.change([email], KeywordChange(replace="$draft"))
        self.assertEqual((await self.rows())[0].keywords, "$draft")

    async def test_many_take_one_modseq(self) -> None:
        emails = [await self.put(n) for n in range(4)]
        before = await self.store.mail.modseq(self.alice.id)
        found = await self.change(emails, KeywordChange(add="$seen"))
        self.assertEqual((found.modseq, found.changed), (before + 1, tuple(emails)))
        self.assertEqual(found.keywords, ("$seen",) * 4)
        self.assertEqual({row.modseq for row in await self.rows()}, {before + 1})

    async def test_those_that_have_it_already_are_left_alone(self) -> None:
        email = await self.put(1, keywords="$seen")
        before = await self.store.mail.modseq(self.alice.id)
        found = await self.change([email], KeywordChange(add="$seen"))
        self.assertEqual((found.modseq, found.changed), (before, ()))
        self.assertEqual(len(self.heard), 1)

    async def test_an_email_changed_since_is_a_conflict(self) -> None:
        first, second = await self.put(1), await self.put(2)
        since = await self.store.mail.modseq(self.alice.id)
        await self.change([first], KeywordChange(add="$flagged"))
        found = await self.change([first, second], KeywordChange(add="$seen"), since)
        self.assertEqual((found.conflicts, found.changed), ((first,), (second,)))
        self.assertEqual([row.keywords for row in await self.rows()], ["$flagged", "$seen"])

    async def test_missing_and_foreign_emails_are_skipped(self) -> None:
        (his,) = await self.accept(letter(1), Delivery(self.bob.id))
        found = await self.change([his.email, 99999], KeywordChange(add="$seen"))
        self.assertEqual((found.changed, found.conflicts), ((), ()))
        self.assertEqual((await self.box("INBOX", self.bob.id)).unseen, 1)

    async def test_every_mailbox_of_the_email_sees_it_and_counts_it(self) -> None:
        (delivered,) = await self.accept(letter(), Delivery(self.alice.id, (Role.INBOX, Role.ARCHIVE)))
        found = await self.change([delivered.email], KeywordChange(add="$seen"))
        archive = await self.box("Archive")
        self.assertEqual((archive.unseen, archive.deleted, archive.modseq), (0, 0, found.modseq))
        self.assertEqual(self.heard[-1].mailboxes, frozenset({self.inbox, archive.id}))
        await self.sound()


class CopyContract(Stage):
    async def test_a_copy_is_one_more_placement_of_the_same_email(self) -> None:
        emails = [await self.put(n, keywords="$seen") for n in range(3)]
        archive = await self.box("Archive")
        copied = await self.store.mail.copy(self.alice.id, self.inbox, [1, 3], archive.id)
        self.assertEqual(
            (copied.uid_validity, copied.source_uids, copied.target_uids),
            (archive.uid_validity, (1, 3), (1, 2)),
        )
        rows = await self.rows(archive.id)
        self.assertEqual([row.email for row in rows], [emails[0], emails[2]])
        self.assertEqual(copied.modseq, rows[0].modseq)
        await self.sound()

    async def test_a_copy_of_what_is_there_already_is_a_new_email_over_the_same_blob(self) -> None:
        email = await self.put(1, keywords="$seen")
        archive = (await self.box("Archive")).id
        await self.store.mail.copy(self.alice.id, self.inbox, [1], archive)
        await self.store.mail.copy(self.alice.id, self.inbox, [1], archive)
        first, second = await self.rows(archive)
        self.assertEqual((first.email, second.keywords), (email, "$seen"))
        self.assertNotEqual(second.email, email)
        found = await self.store.mail.fetch(
            self.alice.id, [email, second.email], [Column.BLOB, Column.THREAD, Column.RECEIVED_AT]
        )
        self.assertEqual(found[email], found[second.email])
        await self.sound()

    async def test_a_copy_within_a_mailbox_is_a_new_email(self) -> None:
        email = await self.put(1)
        copied = await self.store.mail.copy(self.alice.id, self.inbox, [1], self.inbox)
        self.assertEqual(copied.target_uids, (2,))
        rows = await self.rows()
        self.assertEqual(rows[0].email, email)
        self.assertNotEqual(rows[1].email, email)
        await self.sound()

    async def test_only_new_emails_are_told_as_arrivals(self) -> None:
        await self.put(1)
        archive = (await self.box("Archive")).id
        for _ in range(2):
            await self.store.mail.copy(self.alice.id, self.inbox, [1], archive)
        self.assertEqual([event.arrived for event in self.heard], [True, False, True])

    async def test_uids_that_are_not_there_are_left_out(self) -> None:
        await self.put(1)
        archive = (await self.box("Archive")).id
        copied = await self.store.mail.copy(self.alice.id, self.inbox, [1, 7, 9], archive)
        self.assertEqual(copied.source_uids, (1,))

    async def test_nothing_copied_takes_no_modseq(self) -> None:
        before = await self.store.mail.modseq(self.alice.id)
        archive = (await self.box("Archive")).id
        copied = await self.store.mail.copy(self.alice.id, self.inbox, [7], archive)
        self.assertEqual((copied.source_uids, copied.target_uids), ((), ()))
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_a_foreign_mailbox_is_missing_as_source_and_as_target(self) -> None:
        await self.accept(letter(), Delivery(self.bob.id))
        his = (await self.box("INBOX", self.bob.id)).id
        with self.assertRaises(NoSuchMailbox):
            await self.store.mail.copy(self.alice.id, his, [1], self.inbox)
        with self.assertRaises(NoSuchMailbox):
            await self.store.mail.copy(self.alice.id, self.inbox, [1], his)

    async def test_a_move_takes_the_email_along_in_one_commit(self) -> None:
        email = await self.put(1, keywords="$seen")
        since = await self.store.mail.modseq(self.alice.id)
        archive = (await self.box("Archive")).id
        moved = await self.store.mail.move(self.alice.id, self.inbox, [1], archive)
        self.assertEqual(moved.modseq, since + 1)
        self.assertEqual([row.email for row in await self.rows(archive)], [email])
        delta = await self.store.mail.delta(self.alice.id, self.inbox, since)
        self.assertEqual((delta.vanished, await self.rows()), ((1,), []))
        self.assertEqual(self.heard[-1].mailboxes, frozenset({self.inbox, archive}))
        await self.sound()

    async def test_a_move_within_a_mailbox_gives_new_uids(self) -> None:
        await self.put(1)
        moved = await self.store.mail.move(self.alice.id, self.inbox, [1], self.inbox)
        self.assertEqual((moved.source_uids, moved.target_uids), ((1,), (2,)))
        self.assertEqual([row.uid for row in await self.rows()], [2])
        await self.sound()


class ExpungeContract(Stage):
    async def expunge(self, uids: list[int] | None, only_deleted: bool = True) -> tuple[int, ...]:
        return await self.store.mail.expunge(self.alice.id, self.inbox, uids, only_deleted)

    async def test_only_those_marked_deleted_go(self) -> None:
        await self.put(1, keywords="$deleted")
        await self.put(2)
        await self.put(3, keywords="$deleted $seen")
        self.assertEqual(await self.expunge(None), (1, 3))
        self.assertEqual([row.uid for row in await self.rows()], [2])

    async def test_only_those_named_go(self) -> None:
        for number in range(3):
            await self.put(number, keywords="$deleted")
        self.assertEqual(await self.expunge([2, 9]), (2,))

    async def test_any_of_those_named_go_when_asked_so(self) -> None:
        await self.put(1)
        self.assertEqual(await self.expunge([1], only_deleted=False), (1,))

    async def test_nothing_to_expunge_takes_no_modseq(self) -> None:
        await self.put(1)
        before = await self.store.mail.modseq(self.alice.id)
        self.assertEqual(await self.expunge(None), ())
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_an_email_that_is_elsewhere_too_lives_on(self) -> None:
        email = await self.put(1)
        archive = (await self.box("Archive")).id
        await self.store.mail.copy(self.alice.id, self.inbox, [1], archive)
        await self.expunge([1], False)
        self.assertEqual([row.email for row in await self.rows(archive)], [email])
        await self.sound()

    async def test_an_email_that_is_nowhere_is_destroyed_and_its_octets_given_back(self) -> None:
        email = await self.put(1)
        await self.expunge([1], False)
        self.assertEqual(await self.store.mail.fetch(self.alice.id, [email], [Column.SIZE]), {})
        self.assertEqual((await self.store.accounts.account(self.alice.id)).used, 0)
        await self.sound()


class ChangesContract(Stage):
    async def changes(self, since: int, limit: int = 100) -> Any:
        return await self.store.mail.emails_changed(self.alice.id, since, limit)

    async def test_created_updated_and_destroyed_are_told_apart(self) -> None:
        updated, destroyed = await self.put(1), await self.put(2)
        since = await self.store.mail.modseq(self.alice.id)
        created = await self.put(3)
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [updated], KeywordChange(add="$seen"))
        await self.store.mail.expunge(self.alice.id, self.inbox, [2], False)
        found = await self.changes(since)
        self.assertEqual(
            (found.created, found.updated, found.destroyed), ((created,), (updated,), (destroyed,))
        )
        self.assertEqual(
            (found.modseq, found.more, found.complete),
            (await self.store.mail.modseq(self.alice.id), False, True),
        )

    async def test_what_came_and_went_since_is_not_told(self) -> None:
        since = await self.store.mail.modseq(self.alice.id)
        await self.put(1)
        await self.store.mail.expunge(self.alice.id, self.inbox, [1], False)
        found = await self.changes(since)
        self.assertEqual((found.created, found.updated, found.destroyed), ((), (), ()))

    async def test_a_copy_updates_the_email(self) -> None:
        email = await self.put(1)
        since = await self.store.mail.modseq(self.alice.id)
        await self.store.mail.copy(self.alice.id, self.inbox, [1], (await self.box("Archive")).id)
        self.assertEqual((await self.changes(since)).updated, (email,))

    async def test_pages_add_up_to_the_whole(self) -> None:
        emails = [await self.put(n) for n in range(7)]
        since, found = 0, []
        while True:
            page = await self.changes(since, 3)
            self.assertLessEqual(len(page.created), 3)
            found += page.created
            since = page.modseq
            if not page.more:
                break
        self.assertEqual(found, emails)

    async def test_a_page_that_ends_before_a_new_email_was_changed_tells_of_its_creation(self) -> None:
        emails = [await self.put(n) for n in range(3)]
        await self.store.mail.set_keywords(self.alice.id, self.inbox, emails[:1], KeywordChange(add="$seen"))
        page = await self.changes(0, 2)
        self.assertEqual((page.created, page.more), (tuple(emails[:2]), True))
        page = await self.changes(page.modseq, 2)
        self.assertEqual((page.created, page.updated, page.more), ((emails[2],), (emails[0],), False))

    async def test_one_modseq_larger_than_the_limit_cannot_be_cut(self) -> None:
        emails = [await self.put(n) for n in range(5)]
        since = await self.store.mail.modseq(self.alice.id)
        await self.store.mail.set_keywords(self.alice.id, self.inbox, emails, KeywordChange(add="$seen"))
        self.assertFalse((await self.changes(since, 3)).complete)
        self.assertEqual(len((await self.changes(since, 5)).updated), 5)

    async def test_each_account_counts_for_itself(self) -> None:
        before = await self.store.mail.modseq(self.bob.id)
        await self.put(1)
        self.assertEqual(await self.store.mail.modseq(self.bob.id), before)
        self.assertEqual((await self.store.mail.emails_changed(self.bob.id, 0, 10)).created, ())
