"""ILimits: a back-end adds `make` (with a bound of 100 keys) and how time passes for it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase


class LimitsContract(TestCase):
    KEYS = 100

    def make(self) -> Any:
        raise NotImplementedError

    def advance(self, seconds: float) -> None:
        raise NotImplementedError

    def setUp(self) -> None:
        self.limits = self.make()

    async def test_hits_add_up(self) -> None:
        self.assertEqual(await self.limits.hit("k", 60.0), 1)
        self.assertEqual(await self.limits.hit("k", 60.0, 5), 6)
        self.assertEqual(await self.limits.peek("k"), 6)

    async def test_a_window_begins_at_the_first_hit(self) -> None:
        await self.limits.hit("k", 60.0)
        self.advance(59.0)
        self.assertEqual(await self.limits.hit("k", 60.0), 2)
        self.advance(1.0)
        self.assertEqual(await self.limits.peek("k"), 0)
        self.assertEqual(await self.limits.hit("k", 60.0), 1)

    async def test_keys_count_apart(self) -> None:
        await self.limits.hit("k", 60.0)
        self.assertEqual(await self.limits.hit("l", 60.0), 1)

    async def test_a_cleared_key_begins_anew(self) -> None:
        await self.limits.hit("k", 60.0, 9)
        await self.limits.clear("k")
        await self.limits.clear("never there")
        self.assertEqual(await self.limits.peek("k"), 0)

    async def test_the_coldest_keys_are_forgotten_first(self) -> None:
        for number in range(self.KEYS):
            await self.limits.hit(f"k{number}", 60.0)
        await self.limits.hit("k0", 60.0)
        await self.limits.hit("one more", 60.0)
        self.assertEqual(await self.limits.peek("k1"), 0)
        self.assertEqual(await self.limits.peek("k0"), 2)
