"""IMailStore: the mailbox tree, and an account's mailboxes seen from outside."""

from __future__ import annotations

from mailsys.core.refusal import MailboxExists, MailboxHasChildren, NoSuchMailbox, NotAllowed, StateMismatch
from mailsys.ports.emails import Column
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Role
from tests.contracts.stage import Stage


class MailboxContract(Stage):
    async def paths(self) -> list[str]:
        return [box.path for box in await self.store.mail.mailboxes(self.alice.id)]

    async def create(self, path: str, role: Role | None = None) -> MailboxId:
        return (await self.store.mail.create_mailbox(self.alice.id, path, role)).id

    async def test_a_new_account_has_its_six_mailboxes(self) -> None:
        boxes = await self.store.mail.mailboxes(self.alice.id)
        self.assertEqual(
            [(box.path, box.role, box.subscribed) for box in boxes],
            [
                ("INBOX", Role.INBOX, True),
                ("Archive", Role.ARCHIVE, True),
                ("Drafts", Role.DRAFTS, True),
                ("Junk", Role.JUNK, True),
                ("Sent", Role.SENT, True),
                ("Trash", Role.TRASH, True),
            ],
        )

    async def test_creating_brings_the_parents(self) -> None:
        box = await self.store.mail.create_mailbox(self.alice.id, "Work/Plans/2024")
        self.assertEqual((box.name, box.path, box.total, box.uid_next), ("2024", "Work/Plans/2024", 0, 1))
        self.assertEqual(box.parent, (await self.box("Work/Plans")).id)
        self.assertIn("Work", await self.paths())

    async def test_a_mailbox_is_made_subscribed_and_sorted_in_one_commit(self) -> None:
        mail, account = self.store.mail, self.alice.id
        before = await mail.modseq(account)
        box = await mail.create_mailbox(account, "Work/Plans", subscribed=True, sort_order=7)
        self.assertEqual((box.subscribed, box.sort_order), (True, 7))
        self.assertEqual(await mail.mailbox(account, box.id), box)
        self.assertFalse((await self.box("Work")).subscribed)
        self.assertEqual(
            (box.created_modseq, box.changed_modseq, await mail.modseq(account)), (before + 1,) * 3
        )
        await mail.delete_mailbox(account, box.id)
        self.assertTrue((await mail.create_mailbox(account, "Work/Plans")).subscribed)
        await mail.delete_mailbox(account, (await self.box("Work/Plans")).id)
        self.assertFalse((await mail.create_mailbox(account, "Work/Plans", subscribed=False)).subscribed)

    async def test_a_taken_path_or_role_is_refused(self) -> None:
        await self.create("Work")
        with self.assertRaises(MailboxExists):
            await self.create("Work")
        with self.assertRaises(MailboxExists):
            await self.create("Outgoing", Role.SENT)
        self.assertNotIn("Outgoing", await self.paths())

    async def test_a_path_may_have_so_many_levels(self) -> None:
        path = "/".join("abcdefgh" * 8)
        await self.create(path)
        self.assertIn(path, await self.paths())
        deeper = "/".join("zyxwvuts" * 8) + "/z"
        with self.assertRaises(NotAllowed):
            await self.create(deeper)
        self.assertNotIn("z", await self.paths())

    async def test_an_empty_level_is_no_name(self) -> None:
        for path in ("", "/a", "a//b", "a/"):
            with self.assertRaises(NotAllowed):
                await self.create(path)

    async def test_a_mailbox_that_comes_back_has_a_later_uid_validity_and_another_id(self) -> None:
        first = await self.store.mail.create_mailbox(self.alice.id, "Work")
        await self.store.mail.delete_mailbox(self.alice.id, first.id)
        second = await self.store.mail.create_mailbox(self.alice.id, "Work")
        self.assertGreater(second.uid_validity, first.uid_validity)
        self.assertNotEqual(second.id, first.id)

    async def test_renaming_takes_the_children_along_and_keeps_uids(self) -> None:
        parent = await self.create("Work")
        child = await self.create("Work/Plans")
        await self.put(1, child)
        before = await self.box("Work/Plans")
        await self.store.mail.rename_mailbox(self.alice.id, parent, "Old/Jobs")
        after = await self.box("Old/Jobs/Plans")
        self.assertEqual((after.id, after.uid_validity, after.uid_next), (child, before.uid_validity, 2))
        self.assertNotIn("Work", await self.paths())

    async def test_renaming_to_a_taken_path_is_refused(self) -> None:
        work = await self.create("Work")
        with self.assertRaises(MailboxExists):
            await self.store.mail.rename_mailbox(self.alice.id, work, "Sent")

    async def test_a_mailbox_cannot_move_below_itself(self) -> None:
        work = await self.create("Work")
        with self.assertRaises(NotAllowed):
            await self.store.mail.rename_mailbox(self.alice.id, work, "Work/Inner/Most")
        self.assertNotIn("Work/Inner", await self.paths())

    async def test_the_inbox_is_neither_renamed_nor_deleted(self) -> None:
        with self.assertRaises(NotAllowed):
            await self.store.mail.rename_mailbox(self.alice.id, self.inbox, "Else")
        with self.assertRaises(NotAllowed):
            await self.store.mail.delete_mailbox(self.alice.id, self.inbox)

    async def test_a_mailbox_with_children_stays(self) -> None:
        work = await self.create("Work")
        await self.create("Work/Plans")
        with self.assertRaises(MailboxHasChildren):
            await self.store.mail.delete_mailbox(self.alice.id, work)

    async def test_deleting_destroys_emails_that_were_only_there(self) -> None:
        work = await self.create("Work")
        lost = await self.put(1, work)
        kept = await self.put(2, work)
        await self.store.mail.copy(self.alice.id, work, [2], self.inbox)
        await self.store.mail.delete_mailbox(self.alice.id, work)
        found = await self.store.mail.fetch(self.alice.id, [lost, kept], [Column.SIZE])
        self.assertEqual(list(found), [kept])
        self.assertFalse((await self.store.mail.delta(self.alice.id, work, 0)).exists)
        self.assertIs(await self.store.mail.snapshot(self.alice.id, work), None)
        await self.sound()

    async def test_anothers_mailbox_cannot_be_reached(self) -> None:
        mine = await self.create("Work")
        mail, his = self.store.mail, self.bob.id
        with self.assertRaises(NoSuchMailbox):
            await mail.rename_mailbox(his, mine, "Stolen")
        with self.assertRaises(NoSuchMailbox):
            await mail.delete_mailbox(his, mine)
        self.assertIs(await mail.mailbox(his, mine), None)
        self.assertIs(await mail.snapshot(his, mine), None)
        self.assertFalse((await mail.delta(his, mine, 0)).exists)

    async def test_a_subscription_outlives_its_mailbox(self) -> None:
        work = await self.create("Work")
        self.assertFalse((await self.box("Work")).subscribed)
        await self.store.mail.subscribe(self.alice.id, "Work", True)
        self.assertTrue((await self.box("Work")).subscribed)
        await self.store.mail.delete_mailbox(self.alice.id, work)
        self.assertEqual(await self.store.mail.lost_subscriptions(self.alice.id), ["Work"])
        await self.store.mail.subscribe(self.alice.id, "Work", False)
        self.assertEqual(await self.store.mail.lost_subscriptions(self.alice.id), [])

    async def test_a_path_without_a_mailbox_can_be_subscribed(self) -> None:
        await self.store.mail.subscribe(self.alice.id, "Some/Day", True)
        self.assertEqual(await self.store.mail.lost_subscriptions(self.alice.id), ["Some/Day"])

    async def test_changes_of_the_tree_are_told(self) -> None:
        work = await self.create("Work")
        await self.store.mail.rename_mailbox(self.alice.id, work, "Job")
        await self.store.mail.delete_mailbox(self.alice.id, work)
        self.assertEqual([e.tree for e in self.heard], [True] * 3)
        self.assertEqual(self.heard[-1].modseq, await self.store.mail.modseq(self.alice.id))

    async def test_a_change_of_a_name_is_judged_by_the_name_in_the_commit(self) -> None:
        mail, alice = self.store.mail, self.alice.id
        work = (await mail.create_mailbox(alice, "Work")).id
        await mail.rename_mailbox(alice, work, "Job", "Work")
        with self.assertRaises(StateMismatch):
            await mail.rename_mailbox(alice, work, "Other", "Work")
        with self.assertRaises(StateMismatch):
            await mail.delete_mailbox(alice, work, "Work")
        self.assertEqual((await self.box("Job")).id, work)
        await mail.delete_mailbox(alice, work, "Job")

    async def test_those_below_a_renamed_one_are_told_when_their_names_are_not_subscribed_to(self) -> None:
        mail, alice = self.store.mail, self.alice.id
        inner = (await mail.create_mailbox(alice, "Work/Inner", subscribed=True)).id
        since = await mail.modseq(alice)
        await mail.rename_mailbox(alice, (await self.box("Work")).id, "Job")
        self.assertFalse((await self.box("Job/Inner")).subscribed)
        self.assertIn(inner, (await mail.mailboxes_changed(alice, since, 10)).updated)

    async def test_counts_follow_what_happens(self) -> None:
        await self.put(1)
        await self.put(2, keywords="$seen")
        await self.put(3, keywords="$deleted $seen")
        box = await self.box("INBOX")
        self.assertEqual((box.total, box.unseen, box.deleted, box.uid_next), (3, 1, 1, 4))
        await self.store.mail.expunge(self.alice.id, self.inbox, None)
        box = await self.box("INBOX")
        self.assertEqual((box.total, box.unseen, box.deleted, box.uid_next), (2, 1, 0, 4))
        await self.sound()
