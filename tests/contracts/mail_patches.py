"""IMailStore: intentions, each judged by what the email is in the commit; alone and with a message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import gatherResults

from mailsys.core.message.keywords import canonical
from mailsys.core.refusal import (
    NoSuchEmail,
    NoSuchMailbox,
    NotAllowed,
    OverQuota,
    StateMismatch,
    TooManyKeywords,
)
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.ids import AccountId, EmailId, MailboxId, TraceId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.objects import ObjectChange
from mailsys.ports.patches import EmailNow, EmailPatch, EmailsPatched, Snooze
from mailsys.ports.placements import KeywordChange
from tests.contracts.letters import item, letter
from tests.contracts.stage import Stage


class Patching(Stage):
    async def places(self, email: int) -> tuple[MailboxId, ...]:
        found = await self.store.mail.email_mailboxes(self.alice.id, [email])
        return tuple(found.get(email, ()))

    async def state(self) -> int:
        found: int = (await self.store.mail.states(self.alice.id)).get("Email", 0)
        return found


class PatchContract(Patching):
    async def test_keywords_of_one_email_are_bounded(self) -> None:
        """However they come, a few at a time or all at once; what has as many may lose some."""
        mail, alice = self.store.mail, self.alice.id
        many = [f"word{n:03}" for n in range(150)]
        with self.assertRaises(TooManyKeywords):
            await self.put(1, keywords=canonical(many))
        email = await self.put(2, keywords=canonical([*many[:120], "$seen", "$draft"]))
        await mail.set_keywords(alice, self.inbox, [email], KeywordChange(add=canonical(many[120:128])))
        for change in (KeywordChange(add=many[128]), KeywordChange(replace=canonical(many))):
            with self.assertRaises(TooManyKeywords):
                await mail.set_keywords(alice, self.inbox, [email], change)
        for patch in (EmailPatch(email, add=many[128]), EmailPatch(email, keywords=canonical(many))):
            done = await mail.change_emails(alice, [patch])
            self.assertIsInstance(done.refused[email], TooManyKeywords)
        done = await mail.change_emails(alice, [EmailPatch(email, add="$flagged", remove=many[0])])
        self.assertEqual(done.refused, {})
        await mail.set_keywords(alice, self.inbox, [email], KeywordChange(add=many[128]))
        await self.sound()

    async def test_keywords_and_mailboxes_in_one_commit(self) -> None:
        email = await self.put(1)
        archive = (await self.box("Archive")).id
        before = await self.state()
        done = await self.patch_emails(EmailPatch(email, keywords="$seen work", mailboxes=(archive,)))
        self.assertEqual(
            done,
            EmailsPatched(before, before + 1, {email: EmailNow("$seen work", (archive,), True)}),
        )
        self.assertEqual(await self.places(email), (archive,))
        states = await self.store.mail.states(self.alice.id)
        self.assertEqual((states["Email"], states["Mailbox"]), (done.after, done.after))
        self.assertEqual((await self.rows(archive))[0].keywords, "$seen work")
        self.assertEqual(await self.rows(), [])
        await self.sound()

    async def test_what_is_added_and_removed_leaves_the_rest_alone(self) -> None:
        email = await self.put(1, keywords="$flagged work")
        archive = (await self.box("Archive")).id
        done = await self.patch_emails(EmailPatch(email, add="$seen", remove="work", enter=(archive,)))
        self.assertEqual(
            done.now[email], EmailNow("$flagged $seen", tuple(sorted((self.inbox, archive))), True)
        )
        done = await self.patch_emails(EmailPatch(email, leave=(self.inbox,)))
        self.assertEqual(done.now[email], EmailNow("$flagged $seen", (archive,), True))

    async def test_a_whole_set_comes_before_what_is_added_to_it(self) -> None:
        email = await self.put(1, keywords="$flagged")
        archive, trash = (await self.box("Archive")).id, (await self.box("Trash")).id
        done = await self.patch_emails(
            EmailPatch(
                email, "$seen", "other", "work other", (trash,), (archive,), mailboxes=(archive, self.inbox)
            )
        )
        self.assertEqual(done.now[email], EmailNow("$seen work", tuple(sorted((self.inbox, trash))), True))

    async def test_to_leave_where_it_is_not_does_nothing(self) -> None:
        email = await self.put(1)
        gone = await self.store.mail.create_mailbox(self.alice.id, "Gone")
        await self.store.mail.delete_mailbox(self.alice.id, gone.id)
        before = await self.store.mail.modseq(self.alice.id)
        done = await self.patch_emails(EmailPatch(email, leave=(gone.id, (await self.box("Trash")).id)))
        self.assertEqual(done.now[email], EmailNow("", (self.inbox,), False))
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_what_cannot_be_done_harms_nothing_else(self) -> None:
        email, other = await self.put(1), await self.put(3)
        (his,) = await self.accept(letter(2), Delivery(self.bob.id))
        his_inbox = (await self.box("INBOX", self.bob.id)).id
        done = await self.patch_emails(
            EmailPatch(email, add="$seen"),
            EmailPatch(his.email, add="$seen"),
            EmailPatch(EmailId(99999), add="$seen"),
            EmailPatch(other, add="$seen", enter=(his_inbox,)),
            destroy=[EmailId(88888)],
        )
        self.assertEqual(set(done.now), {email})
        self.assertEqual(
            {key: type(refusal) for key, refusal in done.refused.items()},
            {his.email: NoSuchEmail, 99999: NoSuchEmail, other: NoSuchMailbox, 88888: NoSuchEmail},
        )
        for patch in (EmailPatch(email, mailboxes=()), EmailPatch(email, leave=(self.inbox,))):
            self.assertIsInstance((await self.patch_emails(patch)).refused[email], NotAllowed)
        self.assertEqual(await self.places(email), (self.inbox,))
        self.assertEqual([row.keywords for row in await self.rows()], ["$seen", ""])
        self.assertEqual((await self.box("INBOX", self.bob.id)).unseen, 1)

    async def test_nothing_to_change_takes_no_modseq(self) -> None:
        email = await self.put(1, keywords="$seen")
        before = await self.store.mail.modseq(self.alice.id)
        done = await self.patch_emails(EmailPatch(email, add="$seen", mailboxes=(self.inbox,)))
        self.assertEqual((done.before, done.after), (await self.state(),) * 2)
        self.assertFalse(done.now[email].changed)
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_destroy_takes_an_email_out_of_every_mailbox(self) -> None:
        (done,) = await self.accept(letter(), Delivery(self.alice.id, (Role.INBOX, Role.ARCHIVE)))
        (his,) = await self.accept(letter(2), Delivery(self.bob.id))
        since = await self.store.mail.modseq(self.alice.id)
        found = await self.patch_emails(destroy=[done.email, EmailId(99999), his.email])
        self.assertEqual((found.after, found.destroyed), (since + 1, (done.email,)))
        self.assertEqual(set(found.refused), {99999, his.email})
        self.assertEqual(await self.places(done.email), ())
        states = await self.store.mail.states(self.alice.id)
        self.assertEqual([states[kind] for kind in ("Email", "Thread", "Mailbox")], [found.after] * 3)
        changes = await self.store.mail.emails_changed(self.alice.id, since, 10)
        self.assertEqual(changes.destroyed, (done.email,))
        threads = await self.store.mail.threads_changed(self.alice.id, since, 10)
        self.assertEqual(threads.destroyed, (done.thread,))
        await self.sound()

    async def test_patched_and_destroyed_it_is_gone(self) -> None:
        email = await self.put(1)
        done = await self.patch_emails(EmailPatch(email, add="$seen"), destroy=[email])
        self.assertEqual((done.now, done.refused, done.destroyed), ({}, {}, (email,)))
        await self.sound()

    async def test_deleted_is_no_keyword_of_an_email(self) -> None:
        email = await self.put(1)
        done = await self.patch_emails(
            EmailPatch(email, add="$deleted $seen"), EmailPatch(email, keywords="$deleted work")
        )
        self.assertEqual(done.now[email].keywords, "work")
        self.assertEqual([row.keywords for row in await self.rows()], ["work"])
        await self.sound()

    async def test_a_state_that_moved_on_refuses_all(self) -> None:
        email, other = await self.put(1), await self.put(2)
        state = await self.state()
        await self.patch_emails(EmailPatch(other, add="$seen"), if_state=state)
        with self.assertRaises(StateMismatch):
            await self.patch_emails(EmailPatch(email, add="$seen"), destroy=[other], if_state=state)
        self.assertEqual([row.keywords for row in await self.rows()], ["", "$seen"])


class TogetherContract(Patching):
    """Two that change the same at the same time: both get what they asked for."""

    async def test_two_keywords_from_two_callers(self) -> None:
        emails = [await self.put(number) for number in range(10)]
        waiting: list[Any] = []
        for email in emails:
            waiting.append(self.store.mail.change_emails(self.alice.id, [EmailPatch(email, add="$flagged")]))
            change = KeywordChange(add="$answered")
            waiting.append(self.store.mail.set_keywords(self.alice.id, self.inbox, [email], change))
        await gatherResults(waiting)
        self.assertEqual({row.keywords for row in await self.rows()}, {"$answered $flagged"})

    async def test_a_label_while_it_leaves_the_inbox(self) -> None:
        mail, alice = self.store.mail, self.alice.id
        label = (await mail.create_mailbox(alice, "Label")).id
        archive = (await self.box("Archive")).id
        emails = [await self.put(number) for number in range(10)]
        waiting: list[Any] = []
        for uid, email in enumerate(emails, 1):
            both = [
                lambda email=email: mail.change_emails(alice, [EmailPatch(email, enter=(label,))]),
                lambda uid=uid: mail.move(alice, self.inbox, [uid], archive),
            ]
            waiting += [ask() for ask in (both if uid % 2 else reversed(both))]
        await gatherResults(waiting)
        self.assertEqual(await self.rows(), [])
        for email in emails:
            self.assertEqual(await self.places(email), tuple(sorted((label, archive))))
        await self.sound()

    async def test_states_around_a_commit_hide_nobody_elses_change(self) -> None:
        emails = [await self.put(number) for number in range(6)]
        start = await self.state()
        done = await gatherResults(
            [
                self.store.mail.change_emails(self.alice.id, [EmailPatch(email, add="$seen")])
                for email in emails
            ]
        )
        steps = sorted((one.before, one.after) for one in done)
        self.assertEqual([before for before, _ in steps], [start, *(after for _, after in steps[:-1])])
        for before, after in steps:
            changes = await self.store.mail.emails_changed(self.alice.id, before, 10)
            last = await self.store.mail.emails_changed(self.alice.id, after, 10)
            self.assertEqual(len(changes.updated) - len(last.updated), 1)

    async def test_of_many_with_one_state_one_goes_on(self) -> None:
        email = await self.put(1)
        state = await self.state()
        outcomes = await gatherResults(
            [
                self.store.mail.change_emails(
                    self.alice.id, [EmailPatch(email, add=f"k{number}")], (), state
                ).addErrback(lambda failure: failure.type)
                for number in range(8)
            ]
        )
        self.assertEqual(outcomes.count(StateMismatch), 7)
        self.assertEqual(len((await self.rows())[0].keywords.split()), 1)


class SendingContract(Patching):
    """What becomes of the draft happens in the commit that takes the message."""

    async def test_the_draft_becomes_sent_mail_with_the_message(self) -> None:
        draft = await self.put(1, Role.DRAFTS, "$draft $seen")
        other = await self.put(2, Role.DRAFTS, "$draft")
        sent = (await self.box("Sent")).id
        before = await self.state()
        accepted = await self.store.mail.accept(
            replace(
                self.acceptance(letter(1), queued=(item(),), patched_for=self.alice.id),
                deliveries=(Delivery(self.bob.id),),
                patches=(
                    EmailPatch(draft, remove="$draft", mailboxes=(sent,)),
                    EmailPatch(EmailId(9999), add="$seen"),
                ),
                destroy=(other,),
            )
        )
        patched = accepted.patched
        self.assertEqual((patched.before, patched.after), (before, before + 1))
        self.assertEqual(patched.now[draft], EmailNow("$seen", (sent,), True))
        self.assertIsInstance(patched.refused[EmailId(9999)], NoSuchEmail)
        self.assertEqual(patched.destroyed, (other,))
        self.assertEqual(len(accepted.delivered), 1)
        self.assertEqual(await self.store.queue.size(), 1)
        await self.sound()

    async def submission(self, if_state: int | None, number: int = 1, **more: Any) -> Acceptance:
        """A message on its way, with its object."""
        change = ObjectChange(self.alice.id, "EmailSubmission", f"S{number}", b"{}", if_modseq=0)
        queued = replace(item(account=self.alice.id), trace=TraceId(f"t{number}"))
        return replace(
            self.acceptance(letter(number), queued=(queued,), **more),
            deliveries=(),
            objects=(change,),
            objects_if_state=if_state,
        )

    async def test_the_state_of_objects_may_be_expected(self) -> None:
        first = await self.store.mail.accept(await self.submission(0))
        state = first.written.after
        for wrong in (0, state + 1):
            draft = await self.put(5, Role.DRAFTS)
            late = await self.submission(wrong, 2, destroy=(draft,), patched_for=self.alice.id)
            with self.assertRaises(StateMismatch):
                await self.store.mail.accept(late)
            self.assertIn(draft, [row.email for row in await self.rows((await self.box("Drafts")).id)])
        self.assertEqual(await self.store.queue.size(), 1)
        second = await self.store.mail.accept(await self.submission(state, 3))
        self.assertEqual(second.written.before, state)
        await self.sound()

    async def test_what_is_taken_back_is_a_draft_again_in_that_commit(self) -> None:
        sent, copy = await self.put(5, Role.SENT), await self.put(6, Role.SENT)
        accepted = await self.store.mail.accept(await self.submission(None))
        drafts, before = (await self.box("Drafts")).id, await self.state()
        change = ObjectChange(
            self.alice.id, "EmailSubmission", "S1", b'{"canceled":1}', if_modseq=accepted.written.modseq
        )
        patches = (EmailPatch(sent, add="$draft", mailboxes=(drafts,)),)

        async def withdraw(**more: Any) -> Any:
            return await self.store.queue.withdraw(
                self.alice.id, TraceId("t1"), (), (change,), patches, (copy,), **more
            )

        with self.assertRaises(StateMismatch):
            await withdraw(objects_if_state=accepted.written.after + 1)
        self.assertEqual((await self.state(), await self.store.queue.size()), (before, 1))
        withdrawn = await withdraw(objects_if_state=accepted.written.after)
        self.assertEqual(withdrawn.written.before, accepted.written.after)
        self.assertEqual((withdrawn.patched.before, withdrawn.patched.after), (before, await self.state()))
        self.assertEqual(withdrawn.patched.now[sent], EmailNow("$draft", (drafts,), True))
        self.assertEqual(withdrawn.patched.destroyed, (copy,))
        self.assertEqual(await self.store.queue.size(), 0)
        self.assertIsNone(await withdraw())
        await self.sound()

    async def test_states_are_around_all_of_it(self) -> None:
        draft = await self.put(1, Role.DRAFTS)
        before = await self.state()
        accepted = await self.store.mail.accept(
            self.acceptance(
                letter(2), patches=(EmailPatch(draft, add="$answered"),), patched_for=self.alice.id
            )
        )
        after = await self.state()
        self.assertEqual((accepted.patched.before, accepted.patched.after), (before, after))
        self.assertEqual(accepted.delivered[0].modseq, after)

    async def test_a_message_that_is_refused_leaves_the_draft(self) -> None:
        draft = await self.put(1, Role.DRAFTS)
        await self.store.accounts.change_account(self.bob.id, AccountPatch(quota=1))
        with self.assertRaises(OverQuota):
            await self.store.mail.accept(
                self.acceptance(
                    letter(2),
                    Delivery(self.bob.id, enforce_quota=True),
                    destroy=(draft,),
                    patched_for=self.alice.id,
                )
            )
        self.assertEqual(len(await self.rows((await self.box("Drafts")).id)), 1)

    async def test_without_either_nothing_is_told(self) -> None:
        accepted = await self.store.mail.accept(self.acceptance(letter()))
        self.assertEqual((accepted.written, accepted.patched), (None, None))

    async def test_many_at_once_and_each_refused_alone(self) -> None:
        mail, alice = self.store.mail, self.alice.id
        before = await self.state()
        strict = Delivery(alice, (MailboxId(9999),), strict=True)
        acceptances = [
            self.acceptance(letter(number), *([strict] if number == 3 else [])) for number in range(6)
        ]
        old, new, outcomes = await mail.accept_all(alice, acceptances)
        self.assertEqual((old, new), (before, await self.state()))
        self.assertIsInstance(outcomes[3], NoSuchMailbox)
        emails = [one.delivered[0].email for number, one in enumerate(outcomes) if number != 3]
        self.assertEqual([row.email for row in await self.rows()], emails)
        self.assertEqual(len(self.heard), 1)
        page = await mail.emails_changed(alice, before, 2)  # a page can end between them
        self.assertEqual((page.created, page.more, page.complete), (tuple(emails[:2]), True, True))
        with self.assertRaises(StateMismatch):
            await mail.accept_all(alice, acceptances, before)
        self.assertEqual(len(await self.rows()), 5)
        await self.sound()

    async def test_answers_among_them_join_their_thread(self) -> None:
        answers = [
            self.acceptance(letter(number, subject="Re: Plan", references=["<0@example.net>"]))
            for number in range(1, 5)
        ]
        _, _, outcomes = await self.store.mail.accept_all(self.alice.id, answers)
        self.assertEqual(len({one.delivered[0].thread for one in outcomes}), 1)

    async def test_an_account_that_is_not_there_refuses_all(self) -> None:
        with self.assertRaises(Exception) as caught:
            await self.store.mail.accept_all(AccountId(9999), [self.acceptance(letter())])
        self.assertEqual(type(caught.exception).__name__, "UnknownRecipient")
        self.assertEqual(await self.rows(), [])

    async def test_an_email_is_only_sent_while_it_is_there(self) -> None:
        email = await self.put(1)
        await self.store.mail.change_emails(self.alice.id, destroy=[email])
        staged = self.store.blobs.stage(letter(2).content)
        with self.assertRaises(NoSuchEmail):
            await self.store.mail.accept(
                Acceptance(staged, None, 1.0, queued=(item(),), sent_by=self.alice.id, sends=email)
            )
        self.assertEqual(await self.store.queue.size(), 0)

    async def test_a_snooze_and_a_patch_of_what_waits(self) -> None:
        room = (await self.store.mail.create_mailbox(self.alice.id, "Later", Role.SNOOZED)).id
        email = await self.put(1)
        await self.patch_emails(
            EmailPatch(email, enter=(room,), leave=(self.inbox,), snooze=Snooze(100.0)),
            EmailPatch(email, add="work"),
        )
        self.assertEqual(await self.store.mail.snoozed(self.alice.id, [email]), {email: Snooze(100.0)})
        await self.patch_emails(EmailPatch(email, add="$flagged"))  # somebody else, while it waits
        await self.store.mail.wake(100.0, 10)
        self.assertEqual([row.keywords for row in await self.rows()], ["$flagged $new work"])
