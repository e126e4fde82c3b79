"""ILearningStore: what teaches, and that each message is learned once however it was moved about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import gatherResults

from mailsys.core.trust.bayes import Counts
from mailsys.ports import learning
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId
from mailsys.ports.intake import Delivery
from mailsys.ports.learning import ALL, Known, Lesson, Taught
from mailsys.ports.mailboxes import Role
from mailsys.ports.patches import EmailPatch, Snooze
from mailsys.ports.placements import KeywordChange
from tests.contracts.letters import CREDENTIALS, letter
from tests.contracts.stage import Stage

SPAM, HAM, NEITHER = True, False, None


class _Stage(Stage):
    async def setUp(self) -> None:
        await super().setUp()
        self.junk = (await self.box("Junk")).id
        self.trash = (await self.box("Trash")).id
        self.archive = (await self.box("Archive")).id

    async def waiting(self) -> list[bool | None]:
        return [lesson.spam for lesson in await self.lessons()]

    async def lessons(self) -> list[Lesson]:
        found: list[Lesson] = await self.store.learning.lessons(100)
        return found

    async def move(self, source: MailboxId, target: MailboxId, *uids: int) -> None:
        await self.store.mail.move(self.alice.id, source, uids or (1,), target)

    async def copy(self, source: MailboxId, target: MailboxId, *uids: int) -> None:
        await self.store.mail.copy(self.alice.id, source, uids or (1,), target)

    async def expunge(self, mailbox: MailboxId, email: EmailId) -> None:
        """STORE +FLAGS (\\Deleted) and EXPUNGE."""
        await self.mark(email, mailbox=mailbox)
        await self.store.mail.expunge(self.alice.id, mailbox, None)

    async def keywords(self, email: EmailId, mailbox: MailboxId, **change: str) -> None:
        await self.store.mail.set_keywords(self.alice.id, mailbox, [email], KeywordChange(**change))


class LessonContract(_Stage):
    """By whatever way mail is moved."""

    async def test_a_move_into_junk_by_imap(self) -> None:
        await self.put()
        await self.move(self.inbox, self.junk)
        (lesson,) = await self.lessons()
        self.assertEqual((lesson.account, lesson.spam), (self.alice.id, SPAM))
        self.assertEqual(await self.store.blobs.read(lesson.blob), letter(1).content)
        await self.sound()

    async def test_a_copy_into_junk_and_an_expunge(self) -> None:
        email = await self.put()
        await self.copy(self.inbox, self.junk)
        self.assertEqual(await self.waiting(), [SPAM])
        await self.expunge(self.inbox, email)
        self.assertEqual(await self.waiting(), [SPAM])

    async def test_a_patch_into_junk_by_jmap(self) -> None:
        email = await self.put()
        await self.patch_emails(EmailPatch(email, enter=(self.junk,), leave=(self.inbox,)))
        self.assertEqual(await self.waiting(), [SPAM])

    async def test_what_is_delivered_into_junk_teaches_nothing_until_somebody_moves_it(self) -> None:
        await self.put(1, Role.JUNK)
        await self.put(2, Role.JUNK, keywords="$junk")
        self.assertEqual(await self.waiting(), [])
        await self.move(self.junk, self.inbox, 1)
        self.assertEqual(await self.waiting(), [HAM])

    async def test_a_copy_out_of_junk_says_nothing_before_the_expunge(self) -> None:
        email = await self.put(1, Role.JUNK)
        await self.copy(self.junk, self.inbox)
        self.assertEqual(await self.waiting(), [])
        await self.expunge(self.junk, email)
        self.assertEqual(await self.waiting(), [HAM])

    async def test_a_patch_out_of_junk_by_jmap(self) -> None:
        email = await self.put(1, Role.JUNK)
        await self.patch_emails(EmailPatch(email, mailboxes=(self.inbox,)))
        self.assertEqual(await self.waiting(), [HAM])

    async def test_moved_there_and_back_it_is_one_lesson_as_it_was_last(self) -> None:
        await self.put()
        await self.move(self.inbox, self.junk)
        (first,) = await self.lessons()
        await self.move(self.junk, self.inbox)
        (second,) = await self.lessons()
        self.assertEqual((second.blob, second.spam), (first.blob, HAM))
        self.assertNotEqual(second.number, first.number)
        await self.sound()

    async def test_deleting_teaches_nothing(self) -> None:
        for number in (1, 2, 3):
            await self.put(number)
        await self.put(4, Role.JUNK)
        await self.move(self.inbox, self.trash, 1)
        await self.move(self.junk, self.trash, 1)
        await self.store.mail.expunge(self.alice.id, self.inbox, [2], False)
        await self.patch_emails(destroy=[EmailId(3)])
        self.assertEqual(await self.waiting(), [])

    async def test_deleted_after_it_was_called_junk_it_can_still_be_learned(self) -> None:
        email = await self.put()
        await self.move(self.inbox, self.junk)
        await self.patch_emails(destroy=[email])
        await self.store.tidy()
        (lesson,) = await self.lessons()
        self.assertEqual(await self.store.blobs.read(lesson.blob), letter(1).content)
        await self.store.learning.learn([_taught(lesson, (1,))])
        await self.sound()
        await self.store.tidy()
        self.assertIsNone(await self.store.blobs.read(lesson.blob))

    async def test_junk_and_notjunk_by_keyword(self) -> None:
        email = await self.put()
        for change, expected in (
            ({"add": "$junk"}, SPAM),
            ({"add": "$seen"}, SPAM),
            ({"replace": "$notjunk"}, HAM),
            ({"remove": "$notjunk"}, NEITHER),
            ({"add": "$notjunk"}, HAM),
        ):
            await self.keywords(email, self.inbox, **change)
            self.assertEqual(await self.waiting(), [expected], change)
        await self.patch_emails(EmailPatch(email, add="$junk", remove="$notjunk"))
        self.assertEqual(await self.waiting(), [SPAM])

    async def test_the_web_clients_two_buttons(self) -> None:
        """Keyword and mailbox change in one patch."""
        email = await self.put()
        junk = EmailPatch(email, add="$junk", remove="$notjunk", enter=(self.junk,), leave=(self.inbox,))
        await self.patch_emails(junk)
        self.assertEqual(await self.waiting(), [SPAM])
        good = EmailPatch(email, remove="$junk", enter=(self.inbox,), leave=(self.junk,))
        await self.patch_emails(good)
        self.assertEqual(await self.waiting(), [HAM])

    async def test_who_answers_calls_it_good_unless_it_lies_in_junk(self) -> None:
        good, bad = await self.put(1), await self.put(2, Role.JUNK)
        await self.keywords(good, self.inbox, add="$answered")
        await self.keywords(bad, self.junk, add="$answered")
        self.assertEqual(await self.waiting(), [HAM])

    async def test_who_files_calls_it_good(self) -> None:
        mine = (await self.store.mail.create_mailbox(self.alice.id, "Mine")).id
        for number in range(1, 5):
            await self.put(number)
        await self.move(self.inbox, mine, 1)
        await self.move(self.inbox, self.archive, 2)
        await self.copy(self.inbox, mine, 3)
        await self.expunge(self.inbox, EmailId(3))
        await self.patch_emails(EmailPatch(EmailId(4), mailboxes=(mine,)))
        self.assertEqual(await self.waiting(), [HAM] * 4)

    async def test_waiting_for_a_time_says_nothing(self) -> None:
        snoozed = (await self.store.mail.create_mailbox(self.alice.id, "Later", Role.SNOOZED)).id
        email = await self.put()
        await self.patch_emails(EmailPatch(email, mailboxes=(snoozed,), snooze=Snooze(10.0)))
        await self.store.mail.wake(20.0, 10)
        self.assertEqual(await self.waiting(), [])

    async def test_a_mailbox_that_is_deleted_says_nothing_of_its_mail(self) -> None:
        email = await self.put(1, Role.JUNK)
        await self.copy(self.junk, self.inbox)
        await self.store.mail.delete_mailbox(self.alice.id, self.junk)
        self.assertIn(email, [row.email for row in await self.rows()])
        self.assertEqual(await self.waiting(), [])

    async def test_many_at_once_each_account_for_itself(self) -> None:
        for number in range(1, 6):
            await self.accept(letter(number), Delivery(self.alice.id), Delivery(self.bob.id))
        inbox, junk = (await self.box("INBOX", self.bob.id)).id, (await self.box("Junk", self.bob.id)).id
        await self.store.mail.move(self.bob.id, inbox, range(1, 6), junk)
        await self.keywords(EmailId(1), self.inbox, add="$answered")
        found = {(lesson.account, lesson.spam) for lesson in await self.lessons()}
        self.assertEqual(found, {(self.bob.id, SPAM), (self.alice.id, HAM)})
        self.assertEqual(len(await self.lessons()), 6)
        await self.sound()

    async def test_with_its_account_lessons_go(self) -> None:
        await self.put()
        await self.move(self.inbox, self.junk)
        await self.learn_all((1, 2))
        await self.move(self.junk, self.inbox)
        await self.store.accounts.remove_account(self.alice.id)
        await self.store.tidy()
        self.assertEqual(await self.waiting(), [])
        self.assertEqual(await self.store.learning.totals([self.alice.id]), {})
        await self.sound()

    async def learn_all(self, keys: Sequence[int]) -> None:
        await self.store.learning.learn([_taught(lesson, keys) for lesson in await self.lessons()])


class LearningContract(_Stage):
    async def taught(self, *keys: int, to: MailboxId | None = None, number: int = 1) -> Taught:
        """One email, moved to junk, and what is to be learned of it."""
        await self.put(number)
        await self.move(self.inbox, to or self.junk, number)
        return _taught((await self.lessons())[-1], keys)

    async def counts(self, *keys: int, scope: AccountId | None = None) -> dict[int, tuple[int, int]]:
        scope = self.alice.id if scope is None else scope
        found = await self.store.learning.knowledge([scope], keys)
        return {key: (each.spam, each.ham) for key, each in found[scope].tokens.items()} if found else {}

    async def total(self, scope: AccountId | None = None) -> Known:
        scope = self.alice.id if scope is None else scope
        found: Known = (await self.store.learning.totals([scope])).get(scope, Known())
        return found

    async def test_counted_for_the_account_and_for_all(self) -> None:
        taught = await self.taught(7, -9, 1 << 62)
        self.assertEqual(await self.store.learning.learn([taught]), 1)
        for scope in (self.alice.id, ALL):
            self.assertEqual(await self.total(scope), Known(Counts(1, 0), 3))
            self.assertEqual(
                await self.counts(-9, 7, 8, 1 << 62, scope=scope), {-9: (1, 0), 7: (1, 0), 1 << 62: (1, 0)}
            )
        self.assertEqual(await self.lessons(), [])
        self.assertEqual(
            await self.store.learning.learned(self.alice.id, [taught.blob, BlobId(b"x" * 32)]),
            {taught.blob: True},
        )
        await self.sound()

    async def test_not_shared_it_is_the_accounts_alone(self) -> None:
        taught = await self.taught(1)
        await self.store.learning.learn([_unshared(taught)])
        self.assertEqual(await self.total(ALL), Known())
        self.assertEqual(await self.counts(1), {1: (1, 0)})

    async def test_learned_once_however_many_do_it(self) -> None:
        """Processes that share the store, or one that was killed before it heard that it had been done."""
        taught = await self.taught(1, 2)
        done = await gatherResults([self.store.learning.learn([taught]) for _ in range(5)])
        self.assertEqual(sorted(done), [0, 0, 0, 0, 1])
        self.assertEqual(await self.counts(1, 2), {1: (1, 0), 2: (1, 0)})

    async def test_moved_back_before_it_was_learned_the_older_lesson_is_none(self) -> None:
        older = await self.taught(1)
        await self.move(self.junk, self.inbox)
        (newer,) = await self.lessons()
        self.assertEqual(await self.store.learning.learn([older]), 0)
        self.assertEqual(await self.total(), Known())
        self.assertEqual(await self.store.learning.learn([_taught(newer, (1,))]), 1)
        self.assertEqual(await self.counts(1), {1: (0, 1)})

    async def test_moved_back_after_it_was_learned_it_is_unlearned_and_relearned(self) -> None:
        await self.store.learning.learn([await self.taught(1, 2)])
        await self.store.learning.learn([await self.taught(2, 3, number=2)])
        await self.move(self.junk, self.inbox, 1)
        (lesson,) = await self.lessons()
        await self.store.learning.learn([_taught(lesson, (1, 2))])
        for scope in (self.alice.id, ALL):
            self.assertEqual(await self.total(scope), Known(Counts(1, 1), 3))
            self.assertEqual(await self.counts(1, 2, 3, scope=scope), {1: (0, 1), 2: (1, 1), 3: (1, 0)})
        await self.sound()

    async def test_said_twice_it_is_counted_once(self) -> None:
        email = await self.put()
        for change in ({"add": "$junk"}, {"remove": "$junk"}, {"add": "$junk"}):
            await self.keywords(email, self.inbox, **change)
        (lesson,) = await self.lessons()
        await self.store.learning.learn([_taught(lesson, (1,))])
        await self.move(self.inbox, self.junk)
        (lesson,) = await self.lessons()
        self.assertEqual(await self.store.learning.learn([_taught(lesson, (1,))]), 0)
        self.assertEqual(await self.counts(1), {1: (1, 0)})
        self.assertEqual(await self.lessons(), [])

    async def test_taken_back_nothing_of_it_is_left(self) -> None:
        email = await self.put()
        await self.keywords(email, self.inbox, add="$junk")
        (lesson,) = await self.lessons()
        await self.store.learning.learn([_taught(lesson, (1, 2))])
        await self.keywords(email, self.inbox, remove="$junk")
        (lesson,) = await self.lessons()
        await self.store.learning.learn([_taught(lesson, (1, 2))])
        self.assertEqual(await self.total(), Known())
        self.assertEqual(await self.counts(1, 2), {})
        self.assertEqual(await self.store.learning.learned(self.alice.id, [lesson.blob]), {})
        await self.sound()

    async def test_two_who_move_the_same_at_once_teach_one_lesson(self) -> None:
        email = await self.put()
        await gatherResults(
            [
                self.store.mail.move(self.alice.id, self.inbox, [1], self.junk),
                self.store.mail.change_emails(
                    self.alice.id, [EmailPatch(email, add="$junk", mailboxes=(self.junk,))]
                ),
                self.store.mail.move(self.alice.id, self.inbox, [1], self.junk),
            ]
        )
        lessons = await self.lessons()
        self.assertEqual([lesson.spam for lesson in lessons], [SPAM])
        await self.store.learning.learn([_taught(lesson, (1,)) for lesson in lessons])
        self.assertEqual(await self.total(), Known(Counts(1, 0), 1))
        await self.sound()

    async def test_a_corpus_is_learned_once_however_often_it_is_read(self) -> None:
        blob = BlobId(b"c" * 32)
        taught = [Taught(ALL, blob, True, (1, 2)), Taught(ALL, blob, True, (1, 2))]
        self.assertEqual(await self.store.learning.learn(taught), 1)
        self.assertEqual(await self.store.learning.learn(taught), 0)
        self.assertEqual(await self.total(ALL), Known(Counts(1, 0), 2))

    async def test_an_account_that_is_gone_learns_nothing(self) -> None:
        missing = AccountId(999)
        self.assertEqual(await self.store.learning.learn([Taught(missing, BlobId(b"c" * 32), True, (1,))]), 0)
        self.assertEqual(await self.store.learning.totals([missing, ALL]), {})

    async def test_forgotten_it_can_be_learned_again(self) -> None:
        taught = Taught(ALL, BlobId(b"c" * 32), True, (1, 2))
        await self.store.learning.learn([taught])
        self.assertTrue(await self.store.learning.forget(ALL))
        self.assertFalse(await self.store.learning.forget(ALL))
        self.assertEqual(await self.store.learning.totals([ALL]), {})
        self.assertEqual(await self.store.learning.learn([taught]), 1)
        self.assertEqual(await self.counts(1, scope=ALL), {1: (1, 0)})

    async def test_of_too_many_tokens_those_go_that_were_seen_least(self) -> None:
        self.bound("TOKENS_KEPT", 100)
        for number in range(3):
            await self.store.learning.learn([_corpus(number, range(50))])
        for number in range(3, 13):
            await self.store.learning.learn([_corpus(number, range(number * 100, number * 100 + 20))])
        await self.store.tidy()
        known = await self.total(ALL)
        self.assertLessEqual(known.tokens, 100)
        self.assertGreaterEqual(known.tokens, 80)
        self.assertEqual(known.total, Counts(13, 0))
        self.assertEqual(len(await self.counts(*range(50), scope=ALL)), 50)
        await self.sound()

    async def test_of_too_many_messages_it_is_forgotten_how_they_were_learned(self) -> None:
        self.bound("LEARNED_KEPT", 10)
        for number in range(20):
            await self.store.learning.learn([_corpus(number, (1,))])
        await self.store.tidy()
        blobs = [_corpus(number, ()).blob for number in range(20)]
        self.assertLessEqual(len(await self.store.learning.learned(ALL, blobs)), 10)
        self.assertEqual(await self.total(ALL), Known(Counts(20, 0), 1))

    def bound(self, name: str, value: int) -> None:
        """The bounds are looked up by the stores' modules."""
        self.patch(learning, name, value)

    async def test_everybody_has_his_own(self) -> None:
        carol = await self.store.accounts.create_account("carol@example.org", "", CREDENTIALS)
        await self.store.learning.learn(
            [
                Taught(self.bob.id, BlobId(b"1" * 32), True, (1,)),
                Taught(carol.id, BlobId(b"1" * 32), False, (1,)),
            ]
        )
        found: Any = await self.store.learning.knowledge([ALL, self.alice.id, self.bob.id, carol.id], [1, 2])
        self.assertEqual(
            {scope: each.tokens[1] for scope, each in found.items()},
            {ALL: Counts(1, 1), self.bob.id: Counts(1, 0), carol.id: Counts(0, 1)},
        )


def _taught(lesson: Lesson, keys: Sequence[int]) -> Taught:
    return Taught(lesson.account, lesson.blob, lesson.spam, keys, lesson.number)


def _unshared(taught: Taught) -> Taught:
    return Taught(taught.account, taught.blob, taught.spam, taught.keys, taught.lesson, shared=False)


def _corpus(number: int, keys: Sequence[int]) -> Taught:
    return Taught(ALL, BlobId(b"%08d" % number * 4), True, keys)
