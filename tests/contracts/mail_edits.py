"""IMailStore: what JMAP changes and asks, beside queries (mail_query.py)."""

from __future__ import annotations

from mailsys.core.refusal import MailboxExists, NoSuchMailbox, NotAllowed
from mailsys.ports.emails import EmailUpdate
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import MailboxUpdate, Role
from mailsys.ports.objects import ObjectChange
from mailsys.ports.placements import KeywordChange
from tests.contracts.letters import letter
from tests.contracts.stage import Stage


class StatesContract(Stage):
    async def states(self) -> dict[str, int]:
        found: dict[str, int] = await self.store.mail.states(self.alice.id)
        return found

    async def test_an_arrival_moves_all_four(self) -> None:
        (done,) = await self.accept(letter())
        self.assertEqual(
            await self.states(),
            dict.fromkeys(("Email", "EmailDelivery", "Thread", "Mailbox"), done.modseq),
        )

    async def test_a_keyword_that_counts_nowhere_moves_emails_alone(self) -> None:
        email = await self.put(1)
        before = await self.states()
        changed = await self.store.mail.set_keywords(self.alice.id, [email], KeywordChange(add="work"))
        self.assertEqual(await self.states(), before | {"Email": changed.modseq})

    async def test_reading_moves_emails_and_mailboxes(self) -> None:
        email = await self.put(1)
        before = await self.states()
        changed = await self.store.mail.set_keywords(self.alice.id, [email], KeywordChange(add="$seen"))
        self.assertEqual(await self.states(), before | {"Email": changed.modseq, "Mailbox": changed.modseq})

    async def test_a_new_mailbox_moves_mailboxes_alone(self) -> None:
        await self.put(1)
        before = await self.states()
        await self.store.mail.create_mailbox(self.alice.id, "Work")
        after = await self.states()
        self.assertGreater(after.pop("Mailbox"), before.pop("Mailbox"))
        self.assertEqual(after, before)


class CountsContract(Stage):
    async def test_threads_and_unread_are_counted(self) -> None:
        await self.put(1, message_id="<a@x>")
        second = await self.put(2, references=["<a@x>"], subject="Re: Hello")
        await self.put(3, subject="Other", keywords="$draft")
        box = await self.box("INBOX")
        self.assertEqual(
            (box.total, box.threads, box.unread, box.unseen, box.unseen_threads), (3, 2, 2, 3, 1)
        )
        await self.store.mail.set_keywords(self.alice.id, [second], KeywordChange(add="$seen"))
        self.assertEqual((await self.box("INBOX")).unseen_threads, 1)
        await self.store.mail.set_keywords(self.alice.id, [EmailId(second - 1)], KeywordChange(add="$seen"))
        box = await self.box("INBOX")
        self.assertEqual((box.unread, box.unseen_threads), (0, 0))
        await self.sound()


class UpdateContract(Stage):
    async def update(self, *updates: EmailUpdate) -> dict[int, object]:
        _, outcomes = await self.store.mail.update(self.alice.id, updates)
        return dict(outcomes)

    async def places(self, email: int) -> tuple[MailboxId, ...]:
        found = await self.store.mail.email_mailboxes(self.alice.id, [email])
        return tuple(found.get(email, ()))

    async def test_keywords_and_mailboxes_in_one_commit(self) -> None:
        email = await self.put(1)
        archive = (await self.box("Archive")).id
        before = await self.store.mail.modseq(self.alice.id)
        modseq, outcomes = await self.store.mail.update(
            self.alice.id, [EmailUpdate(email, "$seen work", (archive,))]
        )
        self.assertEqual((modseq, outcomes), (before + 1, {email: None}))
        self.assertEqual(await self.places(email), (archive,))
        states = await self.store.mail.states(self.alice.id)
        self.assertEqual((states["Email"], states["Mailbox"]), (modseq, modseq))
        self.assertEqual((await self.rows(archive))[0].keywords, "$seen work")
        self.assertEqual(await self.rows(), [])
        await self.sound()

    async def test_what_cannot_be_done_harms_nothing_else(self) -> None:
        email = await self.put(1)
        (his,) = await self.accept(letter(2), Delivery(self.bob.id))
        outcomes = await self.update(
            EmailUpdate(email, "$seen"),
            EmailUpdate(his.email, "$seen"),
            EmailUpdate(EmailId(99999), "$seen"),
        )
        self.assertIs(outcomes[email], None)
        self.assertIsInstance(outcomes[his.email], NoSuchMailbox)
        self.assertIsInstance(outcomes[99999], NoSuchMailbox)
        his_inbox = (await self.box("INBOX", self.bob.id)).id
        outcomes = await self.update(EmailUpdate(email, None, (his_inbox,)))
        self.assertIsInstance(outcomes[email], NoSuchMailbox)
        outcomes = await self.update(EmailUpdate(email, None, ()))
        self.assertIsInstance(outcomes[email], NotAllowed)
        self.assertEqual(await self.places(email), (self.inbox,))

    async def test_nothing_to_change_takes_no_modseq(self) -> None:
        email = await self.put(1, keywords="$seen")
        before = await self.store.mail.modseq(self.alice.id)
        await self.update(EmailUpdate(email, "$seen", (self.inbox,)))
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_destroy_takes_an_email_out_of_every_mailbox(self) -> None:
        (done,) = await self.accept(letter(), Delivery(self.alice.id, (Role.INBOX, Role.ARCHIVE)))
        (his,) = await self.accept(letter(2), Delivery(self.bob.id))
        since = await self.store.mail.modseq(self.alice.id)
        modseq, gone = await self.store.mail.destroy(self.alice.id, [done.email, 99999, his.email])
        self.assertEqual((modseq, gone), (since + 1, (done.email,)))
        self.assertEqual(await self.places(done.email), ())
        states = await self.store.mail.states(self.alice.id)
        self.assertEqual([states[kind] for kind in ("Email", "Thread", "Mailbox")], [modseq] * 3)
        changes = await self.store.mail.emails_changed(self.alice.id, since, 10)
        self.assertEqual(changes.destroyed, (done.email,))
        threads = await self.store.mail.threads_changed(self.alice.id, since, 10)
        self.assertEqual(threads.destroyed, (done.thread,))
        await self.sound()


class ThreadChangesContract(Stage):
    async def test_created_and_updated_are_told_apart(self) -> None:
        (first,) = await self.accept(letter(1, message_id="<a@x>"))
        since = await self.store.mail.modseq(self.alice.id)
        (second,) = await self.accept(letter(2, subject="Re: Hello", references=["<a@x>"]))
        (other,) = await self.accept(letter(3, subject="Other"))
        found = await self.store.mail.threads_changed(self.alice.id, since, 10)
        self.assertEqual(
            (found.created, found.updated, found.destroyed), ((other.thread,), (first.thread,), ())
        )
        threads = await self.store.mail.thread_emails(self.alice.id, [first.thread, 99999])
        self.assertEqual(threads, {first.thread: (first.email, second.email)})
        self.assertEqual(await self.store.mail.thread_emails(self.bob.id, [first.thread]), {})

    async def test_keywords_change_no_thread(self) -> None:
        email = await self.put(1)
        since = await self.store.mail.modseq(self.alice.id)
        await self.store.mail.set_keywords(self.alice.id, [email], KeywordChange(add="$seen"))
        found = await self.store.mail.threads_changed(self.alice.id, since, 10)
        self.assertEqual((found.created, found.updated, found.destroyed), ((), (), ()))


class MailboxChangesContract(Stage):
    async def changed(self, since: int) -> object:
        return await self.store.mail.mailboxes_changed(self.alice.id, since, 100)

    async def test_counts_alone_are_told_as_such(self) -> None:
        since = await self.store.mail.modseq(self.alice.id)
        await self.put(1)
        found = await self.changed(since)
        self.assertEqual((found.updated, found.only_counts), ((self.inbox,), True))

    async def test_created_updated_and_destroyed(self) -> None:
        mail, account = self.store.mail, self.alice.id
        old = await mail.create_mailbox(account, "Old")
        kept = await mail.create_mailbox(account, "Kept")
        since = await mail.modseq(account)
        new = await mail.create_mailbox(account, "New")
        await mail.delete_mailbox(account, old.id)
        await mail.update_mailbox(account, kept.id, MailboxUpdate(sort_order=5))
        found = await self.changed(since)
        self.assertEqual(
            (found.created, found.updated, found.destroyed, found.only_counts),
            ((new.id,), (kept.id,), (old.id,), False),
        )

    async def test_any_property_is_changed(self) -> None:
        mail, account = self.store.mail, self.alice.id
        box = await mail.create_mailbox(account, "Work")
        child = await mail.create_mailbox(account, "Work/Done")
        await mail.subscribe(account, "Work/Done", True)
        await mail.delete_mailbox(account, (await self.box("Archive")).id)
        await mail.update_mailbox(
            account,
            box.id,
            MailboxUpdate(path="Jobs", role=Role.ARCHIVE, subscribed=True, sort_order=7),
        )
        found = await self.box("Jobs")
        self.assertEqual(
            (found.id, found.role, found.subscribed, found.sort_order), (box.id, Role.ARCHIVE, True, 7)
        )
        inner = await self.box("Jobs/Done")
        self.assertEqual((inner.id, inner.subscribed), (child.id, True))
        await mail.update_mailbox(account, box.id, MailboxUpdate(clear_role=True, subscribed=False))
        found = await self.box("Jobs")
        self.assertEqual((found.role, found.subscribed), (None, False))

    async def test_refusals_change_nothing(self) -> None:
        mail, account = self.store.mail, self.alice.id
        box = await mail.create_mailbox(account, "Work")
        before = await mail.modseq(account)
        for update, refusal in (
            (MailboxUpdate(path="Archive", sort_order=1), MailboxExists),
            (MailboxUpdate(role=Role.SENT, sort_order=1), MailboxExists),
            (MailboxUpdate(path="Work/Below"), NotAllowed),
        ):
            with self.assertRaises(refusal):
                await mail.update_mailbox(account, box.id, update)
        with self.assertRaises(NotAllowed):
            await mail.update_mailbox(account, self.inbox, MailboxUpdate(clear_role=True))
        with self.assertRaises(NoSuchMailbox):
            await mail.update_mailbox(self.bob.id, box.id, MailboxUpdate(sort_order=1))
        self.assertEqual(await mail.modseq(account), before)


class UploadContract(Stage):
    async def test_an_upload_is_its_accounts_alone_and_can_become_an_email(self) -> None:
        mail, written = self.store.mail, letter()
        blob = self.store.blobs.stage(written.content)
        await mail.hold(self.alice.id, blob, "message/rfc822", 1e12)
        self.assertTrue(await mail.holds(self.alice.id, blob.id))
        self.assertFalse(await mail.holds(self.bob.id, blob.id))
        self.assertEqual(await mail.held_type(self.alice.id, blob.id), "message/rfc822")
        self.assertIs(await mail.held_type(self.bob.id, blob.id), None)
        self.assertEqual(await mail.emails_of_blob(self.alice.id, blob.id), [])
        (done,) = await mail.accept(
            Acceptance(blob.id, written.facts, 1.0, (Delivery(self.alice.id),), header=written.header)
        )
        self.assertEqual(await mail.emails_of_blob(self.alice.id, blob.id), [done.email])
        self.assertEqual(await mail.emails_of_blob(self.bob.id, blob.id), [])
        await self.sound()

    async def test_held_again_it_has_the_newer_type(self) -> None:
        blob = self.store.blobs.stage(b"data")
        await self.store.mail.hold(self.alice.id, blob, "text/plain", 1e12)
        await self.store.mail.hold(self.alice.id, blob, "image/png", 1e12)
        self.assertEqual(await self.store.mail.held_type(self.alice.id, blob.id), "image/png")
        await self.sound()

    async def test_texts_are_subject_and_folded_body(self) -> None:
        email = await self.put(1, subject="Plums", body="Ripe Ones")
        (found,) = (await self.store.mail.texts(self.alice.id, [email])).values()
        self.assertEqual((found[0], found[1].strip()), ("Plums", "ripe ones"))
        self.assertEqual(await self.store.mail.texts(self.bob.id, [email]), {})


class ObjectContract(Stage):
    def change(self, name: str, value: bytes | None = b"{}", remove: bool = False) -> ObjectChange:
        return ObjectChange(self.alice.id, "Identity", name, value, remove)

    async def test_written_read_changed_and_removed(self) -> None:
        objects = self.store.objects
        first = await objects.write([self.change("b", b'{"n":1}'), self.change("a", b'{"n":"\xc3\xa9"}')])
        found = await objects.objects(self.alice.id, "Identity")
        self.assertEqual(
            [(one.id, one.value, one.created_modseq, one.modseq) for one in found],
            [("b", b'{"n":1}', first, first), ("a", b'{"n":"\xc3\xa9"}', first, first)],
        )
        second = await objects.write([self.change("b", b"[]")])
        (one,) = await objects.objects(self.alice.id, "Identity", ["missing", "b"])
        self.assertEqual((one.value, one.created_modseq, one.modseq), (b"[]", first, second))
        await objects.write([self.change("b", remove=True)])
        self.assertEqual(await objects.objects(self.alice.id, "Identity", ["b"]), [])
        self.assertEqual(await objects.objects(self.bob.id, "Identity"), [])
        self.assertEqual((await self.store.mail.states(self.alice.id))["Identity"], second + 1)

    async def test_changes_tell_it_all(self) -> None:
        objects = self.store.objects
        since = await objects.write([self.change("old"), self.change("kept"), self.change("again")])
        await objects.write([self.change("new"), self.change("old", remove=True)])
        await objects.write([self.change("again", remove=True)])
        await objects.write([self.change("again"), self.change("kept", None)])
        found = await objects.changes(self.alice.id, "Identity", since, 100)
        self.assertEqual(
            (found.created, sorted(found.updated), found.destroyed), (("new",), ["again", "kept"], ("old",))
        )
        self.assertTrue(found.complete)

    async def test_touching_what_is_missing_does_nothing(self) -> None:
        before = await self.store.mail.modseq(self.alice.id)
        await self.store.objects.write([self.change("missing", None), self.change("missing", remove=True)])
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_listeners_hear_the_kind(self) -> None:
        await self.store.objects.write([self.change("a")])
        self.assertEqual(self.heard[-1].kinds, frozenset({"Identity"}))

    async def test_objects_come_with_a_message_in_one_commit(self) -> None:
        written = letter()
        await self.store.mail.accept(
            Acceptance(
                self.store.blobs.stage(written.content),
                written.facts,
                1.0,
                (Delivery(self.alice.id),),
                header=written.header,
                objects=(ObjectChange(self.alice.id, "EmailSubmission", "s", b"{}"),),
            )
        )
        ((owner, one),) = await self.store.objects.of_kind("EmailSubmission", 10)
        self.assertEqual((owner, one.id), (self.alice.id, "s"))
        self.assertEqual(len(self.heard), 1)
        self.assertEqual(self.heard[0].modseq, one.modseq)
