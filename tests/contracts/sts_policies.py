"""IStsPolicyStore."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

from mailsys.ports import sts_policies as bounds
from mailsys.ports.sts_policies import KeptPolicy
from tests.contracts.stage import Stage

ONE = KeptPolicy("y.example", "1", b"version: STSv1\r\n", 1000.0, 1100.0, 2000.0)


class StsPolicyContract(Stage):
    async def test_what_is_kept_is_found(self) -> None:
        self.assertIsNone(await self.store.sts_policies.find("y.example"))
        await self.store.sts_policies.keep(ONE, 1000.0)
        self.assertEqual(await self.store.sts_policies.find("y.example"), ONE)

    async def test_the_one_fetched_last_stays_whichever_comes_last(self) -> None:
        newer = replace(ONE, id="2", text=b"new", fetched=1500.0)
        await self.store.sts_policies.keep(newer, 1500.0)
        await self.store.sts_policies.keep(ONE, 1500.0)
        self.assertEqual(await self.store.sts_policies.find("y.example"), newer)

    async def test_a_failed_fetch_waits_and_does_not_touch_another_policy(self) -> None:
        policies = self.store.sts_policies
        await policies.keep(ONE, 1000.0)
        self.assertEqual(list(await policies.stale(1100.0, 10)), [ONE])
        self.assertEqual(list(await policies.stale(1099.0, 10)), [])
        await policies.postpone("y.example", 999.0, 1300.0)
        self.assertEqual(await policies.find("y.example"), ONE)
        await policies.postpone("y.example", 1000.0, 1300.0)
        self.assertEqual(list(await policies.stale(1299.0, 10)), [])
        self.assertEqual(list(await policies.stale(1300.0, 10)), [replace(ONE, refresh=1300.0)])
        self.assertEqual(list(await policies.stale(2000.0, 10)), [])  # its time is over

    async def test_those_that_wait_longest_come_first(self) -> None:
        for number in (3, 1, 2):
            some = replace(ONE, domain=f"{number}.example", refresh=1000.0 + number)
            await self.store.sts_policies.keep(some, 1000.0)
        found = await self.store.sts_policies.stale(1500.0, 2)
        self.assertEqual([each.domain for each in found], ["1.example", "2.example"])

    async def test_what_is_over_is_forgotten_with_what_comes(self) -> None:
        await self.store.sts_policies.keep(ONE, 1000.0)
        await self.store.sts_policies.keep(replace(ONE, domain="z.example", until=5000.0), 2000.0)
        self.assertIsNone(await self.store.sts_policies.find("y.example"))

    async def test_there_are_never_more_than_are_allowed(self) -> None:
        with mock.patch.object(bounds, "KEPT", 3):
            for number in range(5):
                some = replace(ONE, domain=f"{number}.example", until=9000.0 - number)
                await self.store.sts_policies.keep(some, 1000.0)
        kept = [await self.store.sts_policies.find(f"{number}.example") is not None for number in range(5)]
        self.assertEqual((kept.count(True), kept[4]), (3, True))
