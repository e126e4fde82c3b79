"""IMailStore: what JMAP changes and asks, beside queries (mail_query.py)."""

from __future__ import annotations

from typing import Any

from mailsys.ports.ids import EmailId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import MailboxPatch, TreeChange
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
        changed = await self.store.mail.set_keywords(
            self.alice.id, self.inbox, [email], KeywordChange(add="work")
        )
        self.assertEqual(await self.states(), before | {"Email": changed.modseq})

    async def test_reading_moves_emails_and_mailboxes(self) -> None:
        email = await self.put(1)
        before = await self.states()
        changed = await self.store.mail.set_keywords(
            self.alice.id, self.inbox, [email], KeywordChange(add="$seen")
        )
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
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [second], KeywordChange(add="$seen"))
        self.assertEqual((await self.box("INBOX")).unseen_threads, 1)
        await self.store.mail.set_keywords(
            self.alice.id, self.inbox, [EmailId(second - 1)], KeywordChange(add="$seen")
        )
        box = await self.box("INBOX")
        self.assertEqual((box.unread, box.unseen_threads), (0, 0))
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
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [email], KeywordChange(add="$seen"))
        found = await self.store.mail.threads_changed(self.alice.id, since, 10)
        self.assertEqual((found.created, found.updated, found.destroyed), ((), (), ()))


class MailboxChangesContract(Stage):
    async def changed(self, since: int) -> Any:
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
        await mail.change_tree(account, TreeChange(update=(MailboxPatch(kept.id, sort_order=5),)))
        found = await self.changed(since)
        self.assertEqual(
            (found.created, found.updated, found.destroyed, found.only_counts),
            ((new.id,), (kept.id,), (old.id,), False),
        )


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
        accepted = await mail.accept(
            Acceptance(blob.id, written.facts, 1.0, (Delivery(self.alice.id),), header=written.header)
        )
        (done,) = accepted.delivered
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
