"""IMailStore.accept: what taking a message means."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.refusal import MessageRejected, NoSuchMailbox, OverQuota, UnknownRecipient
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, BlobId, MailboxId, TraceId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.timeline import Stage as Step
from mailsys.ports.timeline import TimelineEntry
from tests.contracts.letters import item, letter
from tests.contracts.stage import Stage


class AcceptContract(Stage):
    async def test_a_message_comes_back_as_it_went_in(self) -> None:
        written = letter(more="Subject-Extra: caf\u00e9")
        email = (await self.accept(written))[0].email
        columns = [Column.BLOB, Column.SIZE, Column.HEADER, Column.HEADER_SIZE, Column.SUBJECT]
        blob, *rest = (await self.store.mail.fetch(self.alice.id, [email], columns))[email]
        self.assertEqual(await self.store.blobs.read(blob), written.content)
        self.assertEqual(
            rest, [len(written.content), written.header, len(written.header), written.facts.subject]
        )

    async def test_every_column_is_what_was_accepted(self) -> None:
        written = letter()
        facts = written.facts
        (delivered,) = await self.accept(
            written, Delivery(self.alice.id, keywords="$seen"), at=1700000000.123456
        )
        found = await self.store.mail.fetch(self.alice.id, [delivered.email], list(Column))
        self.assertEqual(
            dict(zip(Column, found[delivered.email], strict=True)),
            {
                Column.RECEIVED_AT: 1700000000.123456,
                Column.SENT_AT: facts.sent_at,
                Column.SIZE: facts.size,
                Column.HEADER_SIZE: facts.header_size,
                Column.BLOB: self.store.blobs.stage(written.content).id,
                Column.THREAD: delivered.thread,
                Column.ENVELOPE: facts.envelope,
                Column.BODY: facts.body,
                Column.BODY_STRUCTURE: facts.body_structure,
                Column.HEADER: written.header,
                Column.SUBJECT: facts.subject,
                Column.SENDER: facts.sender,
                Column.RECIPIENTS: facts.recipients,
                Column.PREVIEW: facts.preview,
                Column.HAS_ATTACHMENT: False,
                Column.KEYWORDS: "$seen",
                Column.MODSEQ: delivered.modseq,
                Column.MESSAGE_ID: facts.message_id,
            },
        )

    async def test_a_message_without_a_date_has_none(self) -> None:
        written = letter()
        email = (await self.accept(replace(written, facts=replace(written.facts, sent_at=None))))[0].email
        found = await self.store.mail.fetch(self.alice.id, [email], [Column.SENT_AT, Column.HAS_ATTACHMENT])
        self.assertEqual(found[email], (None, False))

    async def test_a_delivery_says_where_it_ended(self) -> None:
        (delivered,) = await self.accept(letter())
        box = await self.box("INBOX")
        self.assertEqual(delivered.placements, ((box.id, box.uid_validity, 1),))
        self.assertEqual(delivered.modseq, box.modseq)

    async def test_a_message_for_two_accounts_is_one_blob_and_two_emails(self) -> None:
        written = letter()
        mine, his = await self.accept(written, Delivery(self.alice.id), Delivery(self.bob.id))
        self.assertEqual((mine.account, his.account), (self.alice.id, self.bob.id))
        blobs = [
            (await self.store.mail.fetch(who, [email], [Column.BLOB]))[email]
            for who, email in ((self.alice.id, mine.email), (self.bob.id, his.email))
        ]
        self.assertEqual(blobs[0], blobs[1])
        await self.sound()

    async def test_the_same_message_again_is_another_email(self) -> None:
        first, second = await self.put(1), await self.put(1)
        self.assertGreater(second, first)
        self.assertEqual([row.email for row in await self.rows()], [first, second])
        await self.sound()

    async def test_two_mailboxes_hold_one_email(self) -> None:
        (delivered,) = await self.accept(letter(), Delivery(self.alice.id, (Role.INBOX, Role.ARCHIVE)))
        self.assertEqual(len(delivered.placements), 2)
        self.assertEqual((await self.store.accounts.account(self.alice.id)).used, letter().facts.size)

    async def test_one_mailbox_named_twice_counts_once(self) -> None:
        (delivered,) = await self.accept(letter(), Delivery(self.alice.id, (Role.INBOX, self.inbox)))
        self.assertEqual(len(delivered.placements), 1)

    async def test_a_missing_mailbox_falls_back_to_the_inbox(self) -> None:
        (delivered,) = await self.accept(letter(), Delivery(self.alice.id, (MailboxId(99999),)))
        self.assertEqual(delivered.placements[0][0], self.inbox)

    async def test_a_missing_role_falls_back_to_the_inbox(self) -> None:
        await self.store.mail.delete_mailbox(self.alice.id, (await self.box("Junk")).id)
        (delivered,) = await self.accept(letter(), Delivery(self.alice.id, (Role.JUNK,)))
        self.assertEqual(delivered.placements[0][0], self.inbox)

    async def test_anothers_mailbox_is_missing(self) -> None:
        his = (await self.box("INBOX", self.bob.id)).id
        (delivered,) = await self.accept(letter(), Delivery(self.alice.id, (his,)))
        self.assertEqual(delivered.placements[0][0], self.inbox)

    async def test_a_strict_delivery_to_a_missing_mailbox_is_refused(self) -> None:
        his = (await self.box("INBOX", self.bob.id)).id
        with self.assertRaises(NoSuchMailbox):
            await self.accept(letter(), Delivery(self.alice.id, (his,), strict=True))

    async def test_an_account_that_is_not_there_is_an_unknown_recipient(self) -> None:
        with self.assertRaises(UnknownRecipient):
            await self.accept(letter(), Delivery(AccountId(9999)))

    async def test_a_full_account_refuses_and_nothing_at_all_is_done(self) -> None:
        await self.store.accounts.change_account(self.alice.id, AccountPatch(quota=10))
        before = await self.store.mail.modseq(self.bob.id)
        written = letter()
        staged = self.store.blobs.stage(written.content)
        with self.assertRaises(OverQuota):
            await self.store.mail.accept(
                Acceptance(
                    staged,
                    written.facts,
                    1.0,
                    (Delivery(self.bob.id), Delivery(self.alice.id, enforce_quota=True)),
                    (item(),),
                    (TimelineEntry(TraceId("t"), 1.0, Step.RECEIVED),),
                )
            )
        self.assertEqual(await self.store.mail.modseq(self.bob.id), before)
        self.assertEqual((await self.box("INBOX", self.bob.id)).total, 0)
        self.assertEqual(await self.store.queue.items(10), [])
        self.assertEqual(await self.store.queue.timeline(TraceId("t")), [])
        self.assertIs(await self.store.blobs.size(staged.id), None)
        await self.sound()

    async def test_quota_counts_what_one_acceptance_brings_in_all(self) -> None:
        written = letter()
        quota = written.facts.size + written.facts.size // 2
        await self.store.accounts.change_account(self.alice.id, AccountPatch(quota=quota))
        one = Delivery(self.alice.id, enforce_quota=True)
        with self.assertRaises(OverQuota):
            await self.accept(written, one, one)
        await self.accept(written, one)

    async def test_a_quota_that_is_not_enforced_refuses_nothing(self) -> None:
        await self.store.accounts.change_account(self.alice.id, AccountPatch(quota=10))
        await self.accept(letter())
        self.assertEqual((await self.store.accounts.account(self.alice.id)).used, letter().facts.size)

    async def test_a_refused_message_does_not_harm_those_accepted_beside_it(self) -> None:
        full = Delivery(self.bob.id, enforce_quota=True)
        await self.store.accounts.change_account(self.bob.id, AccountPatch(quota=10))
        letters = [letter(n) for n in range(20)]
        results = []
        for number, written in enumerate(letters):
            done = self.accept(written, full if number % 5 == 2 else Delivery(self.alice.id))
            results.append(Deferred.fromCoroutine(done).addErrback(lambda failure: failure.type))
        outcomes = await gatherResults(results)
        self.assertEqual([o for n, o in enumerate(outcomes) if n % 5 == 2], [OverQuota] * 4)
        self.assertEqual(len(await self.rows()), 16)
        await self.sound()

    async def test_a_blob_that_is_held_can_be_named_by_its_id(self) -> None:
        written = letter()
        await self.accept(written)
        blob = self.store.blobs.stage(written.content).id
        await self.store.mail.accept(
            Acceptance(blob, written.facts, 1.0, (Delivery(self.bob.id),), header=written.header)
        )
        self.assertEqual((await self.box("INBOX", self.bob.id)).total, 1)
        await self.sound()

    async def test_a_blob_that_nothing_holds_cannot(self) -> None:
        written = letter()
        with self.assertRaises(MessageRejected):
            await self.store.mail.accept(
                Acceptance(BlobId(b"\0" * 32), written.facts, 1.0, (Delivery(self.bob.id),))
            )

    async def test_nor_one_that_was_let_go_and_not_swept_yet(self) -> None:
        written = letter()
        staged = self.store.blobs.stage(written.content)
        await self.store.mail.accept(Acceptance(staged, None, 1.0, queued=(item(),)))
        (found,) = await self.store.queue.items(5)
        await self.store.queue.drop([found.id], 1.0)
        with self.assertRaises(MessageRejected):
            await self.store.mail.accept(Acceptance(staged.id, written.facts, 1.0, (Delivery(self.bob.id),)))
        await self.accept(written)
        await self.sound()

    async def test_a_lone_surrogate_in_what_was_read_off_a_header_sinks_nothing(self) -> None:
        written = letter()
        odd = "a\udc80b"
        facts = replace(written.facts, subject=odd, subject_text=odd, message_id="<\udc80@x>", sender=odd)
        (delivered,) = await self.accept(
            replace(written, facts=facts), Delivery(self.alice.id, heard_from="x@example.net")
        )
        found = await self.store.mail.fetch(self.alice.id, [delivered.email], [Column.SUBJECT])
        self.assertEqual(found[delivered.email], ("a?b",))


class ThreadContract(Stage):
    async def thread(self, number: int, **written: object) -> int:
        email = await self.put(number, **written)  # type: ignore[arg-type]
        found = await self.store.mail.fetch(self.alice.id, [email], [Column.THREAD])
        return found[email][0]

    async def test_an_answer_joins_the_thread(self) -> None:
        first = await self.thread(1, subject="Plan")
        self.assertEqual(await self.thread(2, subject="Re: Plan", references=["<1@example.net>"]), first)

    async def test_an_original_that_comes_after_its_answer_joins_too(self) -> None:
        answer = await self.thread(2, subject="Re: Plan", references=["<1@example.net>"])
        self.assertEqual(await self.thread(1, subject="Plan"), answer)

    async def test_two_answers_to_a_message_never_seen_share_a_thread(self) -> None:
        first = await self.thread(2, subject="Re: Plan", references=["<1@example.net>"])
        self.assertEqual(await self.thread(3, subject="Re: Plan", references=["<1@example.net>"]), first)

    async def test_another_subject_is_another_thread(self) -> None:
        first = await self.thread(1, subject="Plan")
        self.assertNotEqual(await self.thread(2, subject="Lunch", references=["<1@example.net>"]), first)

    async def test_an_equal_subject_alone_is_no_thread(self) -> None:
        first = await self.thread(1, subject="Plan")
        self.assertNotEqual(await self.thread(2, subject="Plan"), first)

    async def test_an_answer_to_two_threads_joins_the_older(self) -> None:
        first = await self.thread(1, subject="Plan")
        await self.thread(2, subject="Plan")
        both = ["<2@example.net>", "<1@example.net>"]
        self.assertEqual(await self.thread(3, subject="Re: Plan", references=both), first)

    async def test_nobody_joins_anothers_thread_by_quoting_an_id(self) -> None:
        mine = await self.thread(1, subject="Plan")
        (his,) = await self.accept(
            letter(2, subject="Re: Plan", references=["<1@example.net>"]), Delivery(self.bob.id)
        )
        self.assertNotEqual(his.thread, mine)

    async def test_one_message_for_two_accounts_has_a_thread_in_each(self) -> None:
        mine, his = await self.accept(letter(), Delivery(self.alice.id), Delivery(self.bob.id))
        self.assertNotEqual(mine.thread, his.thread)

    async def test_messages_accepted_at_once_find_each_other(self) -> None:
        done = await gatherResults(
            [
                Deferred.fromCoroutine(
                    self.accept(letter(n, subject="Re: Plan", references=["<0@example.net>"]))
                )
                for n in range(1, 9)
            ]
        )
        self.assertEqual(len({delivered[0].thread for delivered in done}), 1)


class CorrespondentContract(Stage):
    async def credit(
        self, number: int, heard_from: str = "", sent_to: tuple[str, ...] = (), **more: str
    ) -> None:
        await self.accept(
            letter(number, **more), Delivery(self.alice.id, heard_from=heard_from, sent_to=sent_to)
        )

    async def find(self, prefix: str, limit: int = 10) -> list[str]:
        return [c.address for c in await self.store.mail.correspondents(self.alice.id, prefix, limit)]

    async def test_rank_is_three_times_sent_plus_received(self) -> None:
        for number in range(2):
            await self.credit(number, heard_from="one@example.net")
        await self.credit(3, sent_to=("other@example.net",))
        self.assertEqual(await self.find("o"), ["other@example.net", "one@example.net"])

    async def test_counts_add_up(self) -> None:
        await self.credit(1, "bob@example.net", sender="Bob Quick <bob@example.net>")
        await self.credit(2, "bob@example.net", ("bob@example.net",), sender="bob@example.net")
        (found,) = await self.store.mail.correspondents(self.alice.id, "bob", 5)
        self.assertEqual((found.name, found.sent, found.received), ("Bob Quick", 1, 2))

    async def test_who_sends_without_keeping_a_copy_is_credited_too(self) -> None:
        staged = self.store.blobs.stage(letter().content)
        await self.store.mail.accept(
            Acceptance(
                staged, None, 1.0, queued=(item(),), sent_by=self.alice.id, sent_to=("bob@example.net",)
            )
        )
        (found,) = await self.store.mail.correspondents(self.alice.id, "bob", 5)
        self.assertEqual((found.sent, found.received), (1, 0))

    async def test_the_name_is_found_too_in_any_case(self) -> None:
        await self.credit(1, "b@example.net", sender="\u00c9mile Quick <b@example.net>")
        self.assertEqual(await self.find("\u00e9mile q"), ["b@example.net"])

    async def test_a_prefix_is_taken_literally(self) -> None:
        await self.credit(1, "bob@example.net")
        for prefix in ("%", "_ob", "b*", "b%", '"'):
            self.assertEqual(await self.find(prefix), [])

    async def test_the_limit_holds(self) -> None:
        await self.credit(1, sent_to=tuple(f"p{n}@example.net" for n in range(9)))
        self.assertEqual(len(await self.find("p", 4)), 4)

    async def test_they_are_the_accounts_own(self) -> None:
        await self.credit(1, "bob@example.net")
        self.assertEqual(await self.store.mail.correspondents(self.bob.id, "bob", 5), [])

    async def test_some_addresses_are_looked_up(self) -> None:
        await self.credit(1, "bob@example.net", ("carol@example.net",), sender="Bob <bob@example.net>")
        wanted = ["carol@example.net", "bob@example.net", "bo@example.net", "bob@example.net"]
        found = await self.store.mail.known_correspondents(self.alice.id, wanted)
        self.assertEqual(
            sorted((one.address, one.name, one.sent, one.received) for one in found),
            [("bob@example.net", "Bob", 0, 1), ("carol@example.net", "", 1, 0)],
        )
        self.assertEqual(await self.store.mail.known_correspondents(self.bob.id, wanted), [])
        self.assertEqual(await self.store.mail.known_correspondents(self.alice.id, []), [])
