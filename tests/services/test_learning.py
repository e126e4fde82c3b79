"""Learning by the clock that the test moves, and what the filter thinks then."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mailsys.core.refusal import ContentLost
from mailsys.core.trust.bayes import Bounds, Counts, Opinion
from mailsys.ports.ids import AccountId, BlobId, EmailId
from mailsys.ports.learning import ALL, Known, Taught
from mailsys.ports.mailboxes import Role
from mailsys.services.learning.content_filter import Filter, taken_apart
from mailsys.services.learning.learner import AT_ONCE, LOOK, Learner
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import SqliteStore, open_store
from tests.contracts.letters import CREDENTIALS, Letter, letter
from tests.contracts.stage import Stage

JUNK = "Dear winner, claim your free lottery money at http://prize.example.biz/claim now. Number {}."
GOOD = "The minutes of the choir's rehearsal on Tuesday are at https://choir.example.org/minutes/{}."


def junk(number: int) -> Letter:
    return letter(
        number, subject=f"You won {number}!", body=JUNK.format(number), sender="Prize <win@biz.example>"
    )


def good(number: int) -> Letter:
    return letter(number, subject="Rehearsal", body=GOOD.format(number), sender="Choir <choir@example.org>")


class Trained(Stage):
    """Moves mail, and learns it by a clock that the test moves."""

    async def make(self, events: Events) -> SqliteStore:
        return open_store(None, None, events)

    async def setUp(self) -> None:
        await super().setUp()
        self.clock = Clock()
        self.junk = (await self.box("Junk")).id

    def learner(self, blobs: Any = None, shared: bool = True) -> Learner:
        learner = Learner(self.store.learning, blobs or self.store.blobs, maybeDeferred, self.clock, shared)
        self.addCleanup(learner.stop)
        return learner

    async def idle(self, learner: Learner) -> None:
        while learner.busy:
            await learner.busy

    async def total(self, scope: AccountId) -> Counts:
        found = await self.store.learning.totals([scope])
        return found.get(scope, Known()).total

    async def teach(self, count: int) -> None:
        """So many of each kind, by moving them."""
        for number in range(1, count + 1):
            (delivered,) = await self.accept(junk(number))
            await self.store.mail.move(self.alice.id, self.inbox, [delivered.placements[0][2]], self.junk)
            await self.accept(good(number + 1000))
        await self._file_all()

    async def train(self, count: int = 10, shared: bool = True) -> None:
        await self.teach(count)
        learner = self.learner(shared=shared)
        learner.start()
        await self.idle(learner)

    async def _file_all(self) -> None:
        archive = (await self.box("Archive")).id
        await self.store.mail.move(self.alice.id, self.inbox, [row.uid for row in await self.rows()], archive)


class LearnerTests(Trained):
    async def test_what_was_moved_is_learned_at_the_next_look(self) -> None:
        learner = self.learner()
        learner.start()
        await self.idle(learner)
        await self.teach(2 * AT_ONCE)
        self.assertEqual(await self.total(self.alice.id), Counts())
        self.clock.advance(LOOK)
        await self.idle(learner)
        for scope in (self.alice.id, ALL):
            self.assertEqual(await self.total(scope), Counts(2 * AT_ONCE, 2 * AT_ONCE))
        self.assertEqual(await self.store.learning.lessons(1), [])
        await self.sound()

    async def test_what_was_moved_before_a_crash_is_learned_after_it(self) -> None:
        await self.teach(1)
        learner = self.learner()
        learner.start()
        await self.idle(learner)
        self.assertEqual(await self.total(self.alice.id), Counts(1, 1))

    async def test_killed_between_reading_and_learning_it_is_learned_once(self) -> None:
        """The first has read the message when the second does all of it; then its own commit comes."""
        await self.teach(1)
        held = _Held(self.store.blobs)
        first, second = self.learner(held), self.learner()
        first.start()
        second.start()
        await self.idle(second)
        held.release()
        await self.idle(first)
        for scope in (self.alice.id, ALL):
            self.assertEqual(await self.total(scope), Counts(1, 1))
        await self.sound()

    async def test_moved_back_while_it_is_being_learned(self) -> None:
        (delivered,) = await self.accept(junk(1))
        await self.store.mail.move(self.alice.id, self.inbox, [1], self.junk)
        held = _Held(self.store.blobs)
        learner = self.learner(held)
        learner.start()
        await self.store.mail.move(self.alice.id, self.junk, [1], self.inbox)
        held.release()
        await self.idle(learner)
        self.assertEqual(await self.total(self.alice.id), Counts(0, 1))
        self.assertEqual(delivered.email, EmailId(1))

    async def test_content_that_is_lost_holds_up_no_other(self) -> None:
        await self.teach(1)
        learner = self.learner(_Lost(self.store.blobs))
        learner.start()
        await self.idle(learner)
        self.assertEqual(await self.store.learning.lessons(1), [])
        self.assertEqual(await self.total(self.alice.id), Counts())

    async def test_not_shared_others_learn_nothing_of_it(self) -> None:
        await self.teach(1)
        learner = self.learner(shared=False)
        learner.start()
        await self.idle(learner)
        self.assertEqual(await self.total(self.alice.id), Counts(1, 1))
        self.assertEqual(await self.total(ALL), Counts())


class FilterTests(Trained):
    async def judged(self, one: Letter, *accounts: AccountId, **settings: Any) -> Any:
        return await self.filter(**settings).judge(
            accounts or (self.alice.id,), self.store.blobs.stage(one.content)
        )

    def filter(self, least: int = 5, enabled: bool = True) -> Filter:
        return Filter(self.store.learning, maybeDeferred, Bounds(least=least), 6.0, enabled)

    async def test_it_says_nothing_before_enough_was_learned(self) -> None:
        await self.train(4)
        verdict = (await self.judged(junk(99)))[self.alice.id]
        self.assertEqual((verdict.judged.opinion, verdict.reasons), (Opinion.UNTRAINED, ()))
        verdict = (await self.judged(junk(99), least=4))[self.alice.id]
        self.assertEqual(verdict.judged.opinion, Opinion.JUNK)

    async def test_junk_and_good_with_the_reasons_in_words(self) -> None:
        await self.train()
        (reason,) = (await self.judged(junk(99)))[self.alice.id].reasons
        self.assertEqual(reason.code, "content")
        self.assertGreater(reason.weight, 5.4)
        self.assertIn("called junk", reason.text)
        detail = dict(reason.detail)
        self.assertGreater(float(detail["score"]), 0.95)
        self.assertIn("the sender win@biz.example", detail["for-junk"])
        (reason,) = (await self.judged(good(2000)))[self.alice.id].reasons
        self.assertLess(reason.weight, -2.4)
        self.assertIn("people here want", reason.text)

    async def test_what_it_has_never_seen_is_unsure_and_weighs_next_to_nothing(self) -> None:
        await self.train()
        other = letter(
            5, subject="Zebra", body="Completely different things.", sender="X <x@new.example.net>"
        )
        verdict = (await self.judged(other))[self.alice.id]
        self.assertEqual(verdict.judged.opinion, Opinion.UNSURE)
        self.assertLess(abs(verdict.reasons[0].weight), 2.0)

    async def test_who_taught_nothing_has_what_all_know_and_who_did_his_own(self) -> None:
        await self.train()
        keys = [key for _, key in taken_apart(junk(50).content)]
        # Bob wants exactly that.
        await self.store.learning.learn(
            [Taught(self.bob.id, BlobId(b"%08d" % n * 4), False, keys, shared=False) for n in range(30)]
            + [Taught(self.bob.id, BlobId(b"x%07d" % n * 4), True, (n,), shared=False) for n in range(30)]
        )
        carol = await self.store.accounts.create_account("carol@example.org", "", CREDENTIALS)
        found = await self.judged(junk(99), self.alice.id, self.bob.id, carol.id)
        self.assertEqual(
            {account: verdict.judged.opinion for account, verdict in found.items()},
            {self.alice.id: Opinion.JUNK, self.bob.id: Opinion.GOOD, carol.id: Opinion.JUNK},
        )

    async def test_without_sharing_others_have_no_verdict(self) -> None:
        await self.train(shared=False)
        found = await self.judged(junk(99), self.alice.id, self.bob.id)
        self.assertEqual(found[self.alice.id].judged.opinion, Opinion.JUNK)
        self.assertEqual(found[self.bob.id].judged.opinion, Opinion.UNTRAINED)

    async def test_switched_off(self) -> None:
        await self.train()
        found = await self.judged(junk(99), enabled=False)
        self.assertEqual(found[self.alice.id].reasons, ())

    async def test_a_large_message_counts_by_its_beginning(self) -> None:
        await self.train()
        content = junk(99).content + b"x" * 200_000 + b"\r\n" + b"choir rehearsal minutes\r\n" * 200_000
        sink = self.store.blobs.sink()
        wait = sink.write(content)
        if wait is not None:
            await wait
        staged = await sink.finish()
        self.assertIsNotNone(staged.path)
        found = await self.filter().judge([self.alice.id], staged)
        self.assertEqual(found[self.alice.id].judged.opinion, Opinion.JUNK)
        await self.accept(good(1), at=1.0)

    async def test_what_the_filter_put_into_junk_is_learned_when_somebody_takes_it_out(self) -> None:
        await self.train()
        before = await self.total(self.alice.id)
        await self.put(77, Role.JUNK)
        learner = self.learner()
        learner.start()
        await self.idle(learner)
        self.assertEqual(await self.total(self.alice.id), before)
        rows = await self.rows(self.junk)
        await self.store.mail.move(self.alice.id, self.junk, [rows[-1].uid], self.inbox)
        self.clock.advance(LOOK)
        await self.idle(learner)
        self.assertEqual(await self.total(self.alice.id), Counts(before.spam, before.ham + 1))


class _Held:
    """Blobs that are read when the test says so."""

    def __init__(self, blobs: Any) -> None:
        self._blobs = blobs
        self._held: Deferred[None] = Deferred()

    def read(self, *asked: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._read(*asked))

    async def _read(self, *asked: Any) -> Any:
        if not self._held.called:
            await self._held
        return await self._blobs.read(*asked)

    def release(self) -> None:
        self._held.callback(None)


class _Lost:
    def __init__(self, blobs: Any) -> None:
        self._blobs = blobs

    def read(self, *asked: Any) -> Deferred[Any]:
        async def read() -> Any:
            raise ContentLost()

        return Deferred.fromCoroutine(read())
