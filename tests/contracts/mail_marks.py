"""IMailStore: `$deleted` belongs to a placement; what is marked is not there for JMAP."""

from __future__ import annotations

from mailsys.core.refusal import NoSuchEmail
from mailsys.ports.emails import Column
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.intake import Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.patches import EmailPatch, Snooze
from mailsys.ports.placements import KeywordChange
from mailsys.ports.query import Condition, EmailQuery
from tests.contracts.letters import letter
from tests.contracts.stage import Stage


class MarkContract(Stage):
    async def setUp(self) -> None:
        await super().setUp()
        self.archive = (await self.box("Archive")).id

    async def both(self, number: int = 1, keywords: str = "") -> EmailId:
        """An email in the inbox and in the archive."""
        delivery = Delivery(self.alice.id, (Role.INBOX, Role.ARCHIVE), keywords)
        (done,) = await self.accept(letter(number), delivery)
        return done.email

    async def listed(self, mailbox: MailboxId | None = None) -> list[EmailId]:
        query = EmailQuery(None if mailbox is None else Condition(in_mailbox=mailbox), calculate_total=True)
        page = await self.store.mail.query(self.alice.id, query)
        self.assertEqual(page.total, len(page.emails))
        return list(page.emails)

    async def keywords(self, mailbox: MailboxId | None = None) -> list[str]:
        return [row.keywords for row in await self.rows(mailbox)]

    async def changes(self, since: int) -> tuple[tuple[EmailId, ...], ...]:
        found = await self.store.mail.emails_changed(self.alice.id, since, 100)
        return found.created, found.updated, found.destroyed

    async def test_it_is_marked_there_and_nowhere_else(self) -> None:
        email = await self.both()
        found = await self.mark(email)
        self.assertEqual((found.changed, found.keywords, found.conflicts), ((email,), ("$deleted",), ()))
        self.assertEqual((await self.keywords(), await self.keywords(self.archive)), (["$deleted"], [""]))
        self.assertEqual((await self.listed(self.inbox), await self.listed(self.archive)), ([], [email]))
        self.assertEqual(await self.listed(), [email])
        fetched = await self.store.mail.fetch(self.alice.id, [email], [Column.KEYWORDS])
        self.assertEqual(fetched[email], ("",))
        self.assertEqual(
            await self.store.mail.email_mailboxes(self.alice.id, [email]), {email: (self.archive,)}
        )
        await self.sound()

    async def test_keywords_and_the_mark_in_one_change(self) -> None:
        email = await self.both(keywords="work")
        await self.store.mail.set_keywords(
            self.alice.id, self.inbox, [email], KeywordChange(replace="$deleted $seen")
        )
        self.assertEqual(await self.keywords(), ["$deleted $seen"])
        self.assertEqual(await self.keywords(self.archive), ["$seen"])
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [email], KeywordChange(replace="x"))
        self.assertEqual((await self.keywords(), await self.keywords(self.archive)), (["x"], ["x"]))
        await self.sound()

    async def test_counts_agree(self) -> None:
        first = await self.put(1, message_id="<a@x>")
        await self.put(2, references=["<a@x>"], subject="Re: Hello", keywords="$seen")
        await self.mark(first)
        box = await self.box("INBOX")
        self.assertEqual((box.total, box.unseen, box.deleted), (2, 1, 1))
        self.assertEqual((box.unread, box.threads, box.unseen_threads), (0, 1, 0))
        # What is read while it is marked is read when it comes back, and the other way round.
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [first], KeywordChange(add="$seen"))
        self.assertEqual((await self.box("INBOX")).unseen, 0)
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [first], KeywordChange(remove="$seen"))
        await self.mark(first, remove=True)
        box = await self.box("INBOX")
        self.assertEqual((box.total, box.unseen, box.deleted), (2, 1, 0))
        self.assertEqual((box.unread, box.threads, box.unseen_threads), (1, 1, 1))
        await self.sound()

    async def test_counts_that_jmap_shows_move_its_mailbox_state(self) -> None:
        email = await self.put(1, keywords="$seen")
        before = (await self.store.mail.states(self.alice.id))["Mailbox"]
        found = await self.mark(email)
        self.assertEqual((await self.store.mail.states(self.alice.id))["Mailbox"], found.modseq)
        changed = await self.store.mail.mailboxes_changed(self.alice.id, before, 10)
        self.assertEqual(changed.updated, (self.inbox,))

    async def test_marked_everywhere_it_is_destroyed_and_unmarked_created_again(self) -> None:
        email = await self.both()
        thread = (await self.store.mail.fetch(self.alice.id, [email], [Column.THREAD]))[email][0]
        start = await self.store.mail.modseq(self.alice.id)
        await self.mark(email)
        self.assertEqual(await self.changes(start), ((), (email,), ()))
        one = await self.store.mail.modseq(self.alice.id)
        await self.mark(email, mailbox=self.archive)
        hidden = await self.store.mail.modseq(self.alice.id)
        for since in (start, one):
            self.assertEqual(await self.changes(since), ((), (), (email,)))
            threads = await self.store.mail.threads_changed(self.alice.id, since, 10)
            self.assertEqual((threads.created, threads.destroyed), ((), (thread,)))
        self.assertEqual(await self.listed(), [])
        self.assertEqual(await self.store.mail.thread_emails(self.alice.id, [thread]), {})
        self.assertEqual((await self.patch_emails(EmailPatch(email, add="x"))).now, {})
        await self.sound()
        await self.mark(email, mailbox=self.archive, remove=True)
        self.assertEqual(await self.changes(hidden), ((email,), (), ()))
        threads = await self.store.mail.threads_changed(self.alice.id, hidden, 10)
        self.assertEqual(threads.created, (thread,))
        self.assertEqual(await self.changes(start), ((), (email,), ()))  # there before, there now
        self.assertEqual((await self.listed(), await self.listed(self.inbox)), ([email], []))
        await self.sound()

    async def test_query_changes_tell_of_one_that_was_undeleted(self) -> None:
        emails = [await self.put(number, subject=f"s{number}") for number in range(3)]
        for collapse in (False, True):
            query = EmailQuery(Condition(in_mailbox=self.inbox), collapse_threads=collapse)
            since = (await self.store.mail.query(self.alice.id, query)).modseq
            await self.mark(emails[1])
            found = await self.store.mail.query_delta(self.alice.id, query, since, None, 10)
            self.assertEqual((found.removed, found.added), ((emails[1],), ()))
            middle = found.modseq
            await self.mark(emails[1], remove=True)
            found = await self.store.mail.query_delta(self.alice.id, query, middle, None, 10)
            self.assertEqual(found.added, ((1, emails[1]),))
            found = await self.store.mail.query_delta(self.alice.id, query, since, None, 10)
            self.assertEqual((found.removed, found.added), ((emails[1],), ((1, emails[1]),)))

    async def test_rows_stand_at_the_modseq_of_the_mark(self) -> None:
        email = await self.both()
        before = await self.store.mail.modseq(self.alice.id)
        found = await self.mark(email)
        self.assertEqual([row.modseq for row in await self.rows()], [found.modseq])
        self.assertEqual([row.modseq for row in await self.rows(self.archive)], [before])
        delta = await self.store.mail.delta(self.alice.id, self.inbox, before)
        self.assertEqual([(row.uid, row.keywords) for row in delta.changed], [(1, "$deleted")])
        delta = await self.store.mail.delta(self.alice.id, self.archive, before)
        self.assertEqual((delta.added, delta.changed), ((), ()))
        self.assertEqual(self.heard[-1].mailboxes, frozenset({self.inbox}))

    async def test_a_mark_set_since_is_a_conflict_there_alone(self) -> None:
        email = await self.both()
        since = await self.store.mail.modseq(self.alice.id)
        await self.mark(email)
        mail, seen = self.store.mail, KeywordChange(add="$seen")
        found = await mail.set_keywords(self.alice.id, self.inbox, [email], seen, since)
        self.assertEqual((found.changed, found.conflicts), ((), (email,)))
        found = await mail.set_keywords(self.alice.id, self.archive, [email], seen, since)
        self.assertEqual((found.changed, found.conflicts), ((email,), ()))
        self.assertEqual(await self.keywords(), ["$deleted $seen"])

    async def test_what_is_marked_already_is_left_alone(self) -> None:
        email = await self.put(1)
        await self.mark(email)
        before = await self.store.mail.modseq(self.alice.id)
        found = await self.mark(email)
        self.assertEqual((found.modseq, found.changed), (before, ()))

    async def test_what_is_not_placed_there_is_skipped(self) -> None:
        email = await self.put(1)
        found = await self.mark(email, mailbox=self.archive)
        self.assertEqual((found.changed, found.conflicts), ((), ()))
        his = (await self.box("INBOX", self.bob.id)).id
        found = await self.mark(email, mailbox=his)
        self.assertEqual((found.changed, await self.keywords()), ((), [""]))

    async def test_copy_mark_and_expunge_move_a_message(self) -> None:
        for first in ("copy", "mark"):  # clients do it in either order
            email = await self.put(1, keywords="$seen")
            uid = (await self.rows())[0].uid
            if first == "mark":
                await self.mark(email)
                self.assertEqual(await self.listed(self.inbox), [])
            await self.store.mail.copy(self.alice.id, self.inbox, [uid], self.archive)
            await self.mark(email)
            self.assertEqual(await self.listed(), [email])
            await self.sound()
            self.assertEqual(await self.store.mail.expunge(self.alice.id, self.inbox, None), (uid,))
            self.assertEqual(await self.keywords(self.archive), ["$seen"])
            self.assertEqual(await self.listed(self.archive), [email])
            self.assertEqual(await self.store.mail.expunge(self.alice.id, self.archive, None), ())
            await self.sound()
            await self.patch_emails(destroy=[email])

    async def test_a_moved_message_comes_without_the_mark(self) -> None:
        email = await self.put(1)
        await self.mark(email)
        await self.store.mail.move(self.alice.id, self.inbox, [1], self.archive)
        self.assertEqual(await self.keywords(self.archive), [""])
        self.assertEqual(await self.listed(), [email])
        await self.sound()

    async def test_a_copy_to_where_it_is_marked_is_a_new_email(self) -> None:
        email = await self.both()
        await self.mark(email, mailbox=self.archive)
        await self.store.mail.move(self.alice.id, self.inbox, [1], self.archive)
        self.assertEqual(await self.keywords(self.archive), ["$deleted", ""])
        (new,) = await self.listed(self.archive)
        self.assertEqual(await self.listed(), [new])
        self.assertNotEqual(new, email)
        await self.sound()

    async def test_expunging_the_last_place_where_it_was_to_be_seen_hides_it(self) -> None:
        email = await self.both()
        await self.mark(email)
        since = await self.store.mail.modseq(self.alice.id)
        await self.store.mail.expunge(self.alice.id, self.archive, [1], False)
        self.assertEqual(await self.changes(since), ((), (), (email,)))
        self.assertEqual((await self.listed(), await self.keywords()), ([], ["$deleted"]))
        await self.sound()
        since = await self.store.mail.modseq(self.alice.id)
        self.assertEqual(await self.store.mail.expunge(self.alice.id, self.inbox, None), (1,))
        self.assertEqual(await self.changes(since), ((), (), ()))  # it was told already
        self.assertEqual((await self.store.accounts.account(self.alice.id)).used, 0)
        await self.sound()

    async def test_appended_with_it_the_placement_is_marked(self) -> None:
        since = await self.store.mail.modseq(self.alice.id)
        email = await self.put(1, keywords="$deleted $seen")
        self.assertEqual(await self.keywords(), ["$deleted $seen"])
        self.assertEqual(await self.changes(since), ((), (), ()))
        states = await self.store.mail.states(self.alice.id)
        self.assertLessEqual(max(states.get("Email", 0), states.get("EmailDelivery", 0)), since)
        self.assertEqual((await self.box("INBOX")).deleted, 1)
        await self.sound()
        await self.mark(email, remove=True)
        self.assertEqual(await self.changes(since), ((email,), (), ()))
        self.assertEqual((await self.keywords(), await self.listed()), (["$seen"], [email]))
        await self.sound()

    async def test_to_enter_where_it_is_marked_takes_the_mark_away(self) -> None:
        email = await self.both()
        await self.mark(email)
        done = await self.patch_emails(EmailPatch(email, enter=(self.inbox,), leave=(self.archive,)))
        self.assertEqual(done.now[email].mailboxes, (self.inbox,))
        self.assertEqual([(row.uid, row.keywords) for row in await self.rows()], [(1, "")])
        self.assertEqual(await self.rows(self.archive), [])
        await self.sound()

    async def test_a_whole_set_without_it_leaves_the_marked_placement_alone(self) -> None:
        email = await self.both()
        trash = (await self.box("Trash")).id
        await self.mark(email)
        done = await self.patch_emails(EmailPatch(email, mailboxes=(trash,)))
        self.assertEqual(done.now[email].mailboxes, (trash,))
        self.assertEqual((await self.keywords(), await self.rows(self.archive)), (["$deleted"], []))
        await self.sound()

    async def test_destroying_takes_the_marked_placements_too(self) -> None:
        email = await self.both()
        await self.mark(email)
        await self.patch_emails(destroy=[email])
        self.assertEqual((await self.rows(), await self.rows(self.archive)), ([], []))
        await self.sound()

    async def test_what_is_hidden_cannot_be_destroyed(self) -> None:
        email = await self.put(1)
        await self.mark(email)
        done = await self.patch_emails(destroy=[email])
        self.assertIsInstance(done.refused[email], NoSuchEmail)
        self.assertEqual(await self.keywords(), ["$deleted"])

    async def test_what_waits_and_is_marked_waits_no_more(self) -> None:
        room = (await self.store.mail.create_mailbox(self.alice.id, "Later", Role.SNOOZED)).id
        email = await self.put(1)
        await self.patch_emails(EmailPatch(email, mailboxes=(room,), snooze=Snooze(100.0)))
        await self.mark(email, mailbox=room)
        await self.store.mail.wake(200.0, 10)
        self.assertEqual((await self.keywords(room), await self.rows()), (["$deleted"], []))
        await self.sound()

    async def test_a_mailbox_goes_with_what_is_marked_in_it(self) -> None:
        email = await self.both()
        await self.mark(email, mailbox=self.archive)
        await self.store.mail.delete_mailbox(self.alice.id, self.archive)
        self.assertEqual(await self.listed(), [email])
        await self.sound()
