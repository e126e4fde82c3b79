"""Every event is lost: whoever listens finds what changed by looking."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mailsys.ports.mailboxes import Role
from mailsys.services import looking
from mailsys.services.mailboxes.account import Mailboxes
from mailsys.services.notifying.push import Feed, Moved
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import SqliteStore, open_store
from tests.contracts.stage import Stage
from tests.services.meanwhile import Deaf


class DeafTestCase(Stage):
    async def make(self, events: Events) -> SqliteStore:
        return open_store(None, None, events)

    async def setUp(self) -> None:
        await super().setUp()
        self.clock = Clock()

    async def settle(self) -> None:
        """What was begun comes to its end: reads of the store are done in order."""
        for _ in range(10):
            await self.store.mail.modseq(self.alice.id)

    async def look(self) -> None:
        self.clock.advance(looking.MOST)
        await self.settle()


class LookingTests(DeafTestCase):
    async def test_it_looks_again_and_again_and_not_all_at_the_same_time(self) -> None:
        looks: list[float] = []
        several = [looking.Looking(self.clock, lambda: looks.append(self.clock.seconds())) for _ in range(20)]
        for each in several:
            each.start()
        self.clock.advance(looking.LEAST - 1)
        self.assertEqual(looks, [])
        self.clock.pump([1.0] * int(looking.MOST - looking.LEAST + 1))
        self.assertEqual(len(looks), 20)
        self.assertGreater(len(set(looks)), 5)
        self.clock.pump([1.0] * int(looking.MOST))
        self.assertGreaterEqual(len(looks), 40)
        for each in several:
            each.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FeedTests(DeafTestCase):
    async def test_followers_are_told(self) -> None:
        reads = 0

        async def states(account: Any) -> dict[str, str]:
            nonlocal reads
            reads += 1
            return {kind: str(state) for kind, state in (await self.store.mail.states(account)).items()}

        feed = Feed(Deaf(), states, self.clock)
        told: list[Moved] = []
        followers = [await feed.follow(self.alice.id, told.append) for _ in range(3)]
        await self.put()
        await self.settle()
        self.assertEqual(told, [])
        await self.look()
        self.assertEqual(len(told), 3)
        self.assertIn("Email", told[0].states)
        await self.look()
        self.assertEqual((len(told), reads), (3, 3))  # one read each time, whoever follows
        for each in followers:
            each.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class MailboxesTests(DeafTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.mailboxes = Mailboxes(self.store.mail, Deaf(), self.clock)

    async def test_a_session_sees_new_mail_and_new_mailboxes(self) -> None:
        account = self.mailboxes.hold(self.alice.id)
        image = await account.open(self.inbox)
        await account.tree()
        await self.put()
        await self.store.mail.create_mailbox(self.alice.id, "New")
        self.assertEqual(len(image.uids), 0)
        await self.look()
        await image.current()
        self.assertEqual(len(image.uids), 1)
        self.assertIsNotNone((await account.tree()).find("New"))
        self.mailboxes.release(account)

    async def test_who_comes_back_sees_what_happened_while_nobody_was_there(self) -> None:
        account = self.mailboxes.hold(self.alice.id)
        await account.open(self.inbox)
        await account.tree()
        self.mailboxes.release(account)
        await self.put()
        await self.store.mail.create_mailbox(self.alice.id, "New", Role.SNOOZED)
        again = self.mailboxes.hold(self.alice.id)
        self.assertIs(again, account)
        self.assertIsNone(again.known_tree)
        self.assertIsNotNone((await again.tree()).find("New"))
        self.assertEqual(len((await again.open(self.inbox)).uids), 1)
        self.mailboxes.release(again)

    async def test_nobody_looks_for_nobody(self) -> None:
        account = self.mailboxes.hold(self.alice.id)
        self.mailboxes.release(account)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_a_look_that_finds_nothing_new_leaves_all_as_it_is(self) -> None:
        account = self.mailboxes.hold(self.alice.id)
        await account.open(self.inbox)
        await self.look()
        tree = await account.tree()
        await self.look()
        self.assertIs(account.known_tree, tree)
        self.mailboxes.release(account)

    async def test_a_store_that_fails_is_looked_at_again(self) -> None:
        failing = Failing(self.store.mail)
        mailboxes = Mailboxes(failing, Deaf(), self.clock)  # type: ignore[arg-type]
        account = mailboxes.hold(self.alice.id)
        image = await account.open(self.inbox)
        await self.put()
        failing.fails = True
        await self.look()
        failing.fails = False
        self.assertEqual(len(image.uids), 0)
        await self.look()
        await image.current()
        self.assertEqual(len(image.uids), 1)
        mailboxes.release(account)
        self.flushLoggedErrors(OSError)


class Failing:
    """A store whose modseq cannot be read now and then."""

    def __init__(self, mail: Any) -> None:
        self._mail = mail
        self.fails = False

    def modseq(self, account: Any) -> Deferred[int]:
        def read() -> Deferred[int]:
            if self.fails:
                raise OSError("the disk is gone")
            return self._mail.modseq(account)  # type: ignore[no-any-return]

        return maybeDeferred(read)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mail, name)
