"""IOnceStore."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from tests.contracts.stage import Stage

FAR = 1e12


class OnceContract(Stage):
    """`make` gives a store whose time is `time`."""

    async def setUp(self) -> None:
        self.time = 1000.0
        await super().setUp()

    async def test_of_many_that_ask_one_gets_it(self) -> None:
        taken = await gatherResults([self.store.once.take("token", FAR) for _ in range(20)])
        self.assertEqual(taken.count(True), 1)
        self.assertFalse(await self.store.once.take("token", FAR))
        self.assertTrue(await self.store.once.take("another", FAR))

    async def test_so_many_as_are_allowed(self) -> None:
        taken = await gatherResults([self.store.once.take("code", FAR, 3) for _ in range(7)])
        self.assertEqual(taken, [True, True, True, False, False, False, False])

    async def test_what_is_given_back_can_be_taken_again(self) -> None:
        for _ in range(2):
            await self.store.once.take("code", FAR, 2)
        await self.store.once.give_back("code")
        taken = [await self.store.once.take("code", FAR, 2) for _ in range(2)]
        self.assertEqual(taken, [True, False])
        await self.store.once.give_back("nothing of the kind")

    async def test_it_is_forgotten_when_its_time_is_over(self) -> None:
        self.assertTrue(await self.store.once.take("answer", 1.0))
        self.assertTrue(await self.store.once.take("answer", FAR))
        self.assertFalse(await self.store.once.take("answer", FAR))

    async def test_who_is_refused_does_not_make_it_longer(self) -> None:
        """Else a sender who writes daily would never get a second answer from somebody on vacation."""
        await self.store.once.take("answer", self.time + 100.0)
        self.assertFalse(await self.store.once.take("answer", self.time + 1000.0))
        self.time += 101.0
        self.assertTrue(await self.store.once.take("answer", self.time + 1000.0))
        self.time += 1e6
        await self.store.tidy()
        self.assertTrue(await self.store.once.take("answer", FAR))
