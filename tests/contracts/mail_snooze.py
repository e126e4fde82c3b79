"""IMailStore: mail that waits for a time, how it comes back, and where it stands then; muted threads."""

from __future__ import annotations

from dataclasses import replace

from mailsys.core.refusal import NotAllowed
from mailsys.ports.emails import Woken
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.intake import Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.patches import EmailPatch, Snooze
from mailsys.ports.placements import KeywordChange
from mailsys.ports.query import Condition, EmailQuery, Sort, SortBy
from tests.contracts.letters import letter
from tests.contracts.mail_query import Garden
from tests.contracts.stage import Stage


class Waiting(Stage):
    """An account with a mailbox to wait in."""

    async def setUp(self) -> None:
        await super().setUp()
        self.room = (await self.store.mail.create_mailbox(self.alice.id, "Snoozed", Role.SNOOZED)).id

    async def snooze(self, email: EmailId, until: float, **more: object) -> object:
        snooze = replace(Snooze(until), **more)  # type: ignore[arg-type]
        done = await self.patch_emails(EmailPatch(email, mailboxes=(self.room,), snooze=snooze))
        return done.refused.get(email)

    async def places(self, email: int) -> tuple[MailboxId, ...]:
        found = await self.store.mail.email_mailboxes(self.alice.id, [email])
        return tuple(found.get(email, ()))

    async def waits(self, email: int) -> Snooze | None:
        found: dict[int, Snooze] = await self.store.mail.snoozed(self.alice.id, [email])
        return found.get(email)

    async def keywords(self, mailbox: MailboxId) -> list[str]:
        return [row.keywords for row in await self.rows(mailbox)]


class SnoozeContract(Waiting):
    async def test_it_waits_and_comes_back_unread_and_marked(self) -> None:
        email = await self.put(1, keywords="$seen work")
        self.assertIs(await self.snooze(email, 9000.0), None)
        self.assertEqual(await self.waits(email), Snooze(9000.0))
        self.assertEqual(await self.store.mail.wake(8999.0, 10), Woken(0, False, 9000.0))
        self.assertEqual(await self.places(email), (self.room,))
        before = await self.store.mail.modseq(self.alice.id)
        self.assertEqual(await self.store.mail.wake(9000.0, 10), Woken(1, False, None))
        self.assertEqual(await self.places(email), (self.inbox,))
        self.assertEqual(await self.keywords(self.inbox), ["$new work"])
        self.assertIs(await self.waits(email), None)
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before + 1)
        self.assertEqual(self.heard[-1].modseq, before + 1)
        self.assertEqual(await self.store.mail.wake(9001.0, 10), Woken(0, False, None))
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before + 1)
        await self.sound()

    async def test_it_goes_where_it_was_told_to_with_the_keywords_it_was_told(self) -> None:
        work = (await self.store.mail.create_mailbox(self.alice.id, "Work")).id
        email = await self.put(1, keywords="$seen")
        await self.snooze(email, 100.0, target=work, add="later", remove="")
        await self.store.mail.wake(100.0, 10)
        self.assertEqual(await self.places(email), (work,))
        self.assertEqual(await self.keywords(work), ["$seen later"])

    async def test_a_target_that_is_gone_is_the_inbox(self) -> None:
        work = (await self.store.mail.create_mailbox(self.alice.id, "Work")).id
        emails = [await self.put(1), await self.put(2)]
        await self.snooze(emails[0], 100.0, target=work)
        await self.snooze(emails[1], 100.0, target=self.room)
        await self.store.mail.delete_mailbox(self.alice.id, work)
        await self.store.mail.wake(100.0, 10)
        for email in emails:
            self.assertEqual(await self.places(email), (self.inbox,))
        await self.sound()

    async def test_labels_stay_and_a_place_it_has_already_is_no_second_one(self) -> None:
        work = (await self.store.mail.create_mailbox(self.alice.id, "Work")).id
        email = await self.put(1)
        await self.patch_emails(EmailPatch(email, mailboxes=(self.room, work), snooze=Snooze(100.0, work)))
        await self.store.mail.wake(100.0, 10)
        self.assertEqual(await self.places(email), (work,))
        await self.sound()

    async def test_leaving_the_mailbox_ends_it_by_whatever_way(self) -> None:
        mail, alice = self.store.mail, self.alice.id
        emails = [await self.put(number) for number in range(5)]
        for email in emails:
            await self.snooze(email, 100.0)
        uids = {row.email: row.uid for row in await self.rows(self.room)}
        await mail.move(alice, self.room, [uids[emails[0]]], self.inbox)
        await mail.change_emails(alice, [EmailPatch(emails[1], enter=(self.inbox,), leave=(self.room,))])
        await mail.expunge(alice, self.room, [uids[emails[2]]], only_deleted=False)
        await mail.change_emails(alice, destroy=[emails[3]])
        self.assertEqual(list(await mail.snoozed(alice, emails)), [emails[4]])
        # Back in that mailbox, it does not wait for the old time.
        await mail.change_emails(alice, [EmailPatch(emails[1], mailboxes=(self.room,))])
        self.assertEqual(await mail.wake(200.0, 10), Woken(1, False, None))
        self.assertEqual(await self.places(emails[1]), (self.room,))
        await self.sound()

    async def test_it_can_be_put_off_and_ended(self) -> None:
        email = await self.put(1)
        await self.snooze(email, 100.0)
        await self.snooze(email, 300.0)
        self.assertEqual(await self.store.mail.wake(200.0, 10), Woken(0, False, 300.0))
        state = (await self.store.mail.states(self.alice.id))["Email"]
        await self.patch_emails(EmailPatch(email, end_snooze=True))
        self.assertIs(await self.waits(email), None)
        self.assertGreater((await self.store.mail.states(self.alice.id))["Email"], state)
        self.assertEqual(await self.places(email), (self.room,))
        self.assertEqual(await self.store.mail.wake(400.0, 10), Woken(0, False, None))

    async def test_only_in_the_mailbox_for_it(self) -> None:
        email = await self.put(1)
        done = await self.patch_emails(EmailPatch(email, snooze=Snooze(100.0)))
        self.assertIsInstance(done.refused[email], NotAllowed)
        (his,) = await self.accept(letter(2), Delivery(self.bob.id))
        patch = EmailPatch(his.email, keywords="$seen", snooze=Snooze(100.0))
        done = await self.store.mail.change_emails(self.bob.id, [patch])
        self.assertIsInstance(done.refused[his.email], NotAllowed)
        self.assertEqual(await self.store.mail.wake(200.0, 10), Woken(0, False, None))

    async def test_so_many_at_a_time_and_of_all_accounts(self) -> None:
        room = (await self.store.mail.create_mailbox(self.bob.id, "Later", Role.SNOOZED)).id
        (his,) = await self.accept(letter(50), Delivery(self.bob.id))
        patch = EmailPatch(his.email, mailboxes=(room,), snooze=Snooze(50.0))
        await self.store.mail.change_emails(self.bob.id, [patch])
        for number in range(5):
            await self.snooze(await self.put(number), 100.0 + number)
        self.assertEqual(await self.store.mail.wake(103.0, 3), Woken(3, True, 102.0))
        self.assertEqual(await self.store.mail.wake(103.0, 3), Woken(2, False, 104.0))
        self.assertEqual(
            (await self.store.mail.email_mailboxes(self.bob.id, [his.email])),
            {his.email: ((await self.box("INBOX", self.bob.id)).id,)},
        )
        await self.sound()

    async def test_nobody_reads_anothers(self) -> None:
        email = await self.put(1)
        await self.snooze(email, 100.0)
        self.assertEqual(await self.store.mail.snoozed(self.bob.id, [email]), {})

    async def test_an_account_that_is_removed_leaves_nothing_behind(self) -> None:
        email = await self.put(1)
        await self.snooze(email, 100.0)
        await self.store.accounts.remove_account(self.alice.id)
        self.assertEqual(await self.store.mail.wake(200.0, 10), Woken(0, False, None))
        await self.sound()

    async def test_only_the_last_that_came_back_stand_apart(self) -> None:
        emails = [await self.put(number, subject=f"Topic {number}") for number in range(103)]
        for start in (0, 50, 100):
            await self.patch_emails(
                *(
                    EmailPatch(email, mailboxes=(self.room,), snooze=Snooze(6000.0 + start))
                    for email in emails[start : start + 50]
                )
            )
            await self.store.mail.wake(6000.0 + start, 1000)
        fresh = await self.put(900, subject="Fresh")  # received before they came back
        query = EmailQuery(
            Condition(in_mailbox=self.inbox), (Sort(SortBy.SNOOZED_UNTIL, mailbox=self.inbox),), limit=1000
        )
        page = await self.store.mail.query(self.alice.id, query)
        self.assertEqual(len(page.emails), 104)
        self.assertEqual(set(page.emails[:3]), set(emails[100:]))
        self.assertEqual(page.emails.index(fresh), 100)
        self.assertEqual(len(set(page.emails[101:]) & set(emails[:50])), 3)


class SnoozedOrderContract(Garden):
    """What came back stands where it came back, on pages, at anchors, in conversations."""

    async def setUp(self) -> None:
        await super().setUp()
        self.room = (await self.store.mail.create_mailbox(self.alice.id, "Snoozed", Role.SNOOZED)).id

    async def come_back(self, count: int, now: float) -> None:
        some = self.random.sample(sorted(self.known), min(count, len(self.known)))
        patches = []
        for email in some:
            one = self.known[email]
            target = self.random.choice(self.boxes)
            one.mailboxes = {self.room, target} if self.random.random() < 0.3 else {self.room}
            one.marked -= {self.room, target}
            one.moved()
            boxes = tuple(one.mailboxes)
            snooze = Snooze(now, target, "", "")
            patches.append(EmailPatch(EmailId(email), mailboxes=boxes, snooze=snooze))
            one.mailboxes = (one.mailboxes - {self.room}) | {target}
            one.until[target] = now
        await self.patch_emails(*patches)
        await self.store.mail.wake(now, 1000)

    async def test_every_page_from_every_position_and_anchor(self) -> None:
        for now in (2500.0, 4000.0, 9000.0):
            await self.come_back(6, now)
            for box in self.boxes:
                for collapse in (False, True):
                    for ascending in (False, True):
                        sort = (Sort(SortBy.SNOOZED_UNTIL, ascending, mailbox=box),)
                        query = EmailQuery(Condition(in_mailbox=box), sort, collapse, limit=7)
                        for position in range(-3, self.count, 5):
                            await self.agree(replace(query, position=position, calculate_total=True))
                        for anchor in list(self.known)[::4]:
                            await self.agree(replace(query, anchor=EmailId(anchor), anchor_offset=-2))
            for _ in range(4):
                await self.disturb()
        await self.sound()

    async def test_the_same_beside_other_conditions(self) -> None:
        await self.come_back(10, 4000.0)
        for box in self.boxes:
            for found in (
                Condition(in_mailbox=box, not_keyword="$seen"),
                Condition(in_mailbox=self.boxes[0]),
                Condition(in_mailbox=box, after=2000.0),
                None,
            ):
                for collapse in (False, True):
                    sort = (Sort(SortBy.SNOOZED_UNTIL, mailbox=box),)
                    await self.agree(EmailQuery(found, sort, collapse, limit=100, calculate_total=True))

    async def test_its_changes_are_not_told(self) -> None:
        sort = (Sort(SortBy.SNOOZED_UNTIL, mailbox=self.boxes[0]),)
        query = EmailQuery(Condition(in_mailbox=self.boxes[0]), sort, True)
        delta = await self.store.mail.query_delta(self.alice.id, query, 1, None, 100)
        self.assertFalse(delta.complete)


class MuteContract(Stage):
    async def put_reply(self, number: int, **more: object) -> tuple[EmailId, tuple[MailboxId, ...]]:
        written = letter(number, subject="Re: Hello", references=["<1@example.net>"])
        delivery = replace(Delivery(self.alice.id, heed_mute=True), **more)  # type: ignore[arg-type]
        (done,) = await self.accept(written, delivery)
        return done.email, tuple(place[0] for place in done.placements)

    async def test_answers_in_a_muted_thread_go_past_the_inbox(self) -> None:
        archive = (await self.box("Archive")).id
        first = await self.put(1)
        _, places = await self.put_reply(2)
        self.assertEqual(places, (self.inbox,))
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [first], KeywordChange(add="$muted"))
        _, places = await self.put_reply(3)
        self.assertEqual(places, (archive,))
        self.assertEqual([row.keywords for row in await self.rows(archive)], ["$muted"])
        # Still so when what was muted at first is gone; other threads and other ways in go on as they were.
        await self.store.mail.change_emails(self.alice.id, destroy=[first])
        _, places = await self.put_reply(4)
        self.assertEqual(places, (archive,))
        _, places = await self.put_reply(5, heed_mute=False)
        self.assertEqual(places, (self.inbox,))
        (other,) = await self.accept(letter(6, subject="Other"), Delivery(self.alice.id, heed_mute=True))
        self.assertEqual(other.placements[0][0], self.inbox)
        await self.sound()

    async def test_it_is_ended_by_taking_the_keyword_from_all(self) -> None:
        first = await self.put(1, keywords="$muted")
        second, _ = await self.put_reply(2)
        await self.patch_emails(*(EmailPatch(email, remove="$muted") for email in (first, second)))
        _, places = await self.put_reply(3)
        self.assertEqual(places, (self.inbox,))

    async def test_another_accounts_mute_is_its_own(self) -> None:
        (his,) = await self.accept(letter(1), Delivery(self.bob.id))
        await self.put(1)
        inbox = his.placements[0][0]
        change = KeywordChange(add="$muted")
        await self.store.mail.set_keywords(self.bob.id, inbox, [his.email], change)
        _, places = await self.put_reply(2)
        self.assertEqual(places, (self.inbox,))

    async def test_without_an_archive_it_comes_to_the_inbox_marked(self) -> None:
        await self.store.mail.delete_mailbox(self.alice.id, (await self.box("Archive")).id)
        await self.put(1, keywords="$muted")
        _, places = await self.put_reply(2)
        self.assertEqual(places, (self.inbox,))
        self.assertEqual([row.keywords for row in await self.rows()], ["$muted", "$muted"])
