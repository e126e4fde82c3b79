"""IEvents: a back-end adds `make`, and `settle` to wait until what was published has been told."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailsys.ports.events import Changed
from mailsys.ports.ids import AccountId, MailboxId


class EventsContract(TestCase):
    def make(self) -> Any:
        raise NotImplementedError

    async def settle(self) -> None:
        """Nothing to wait for within a process."""

    def setUp(self) -> None:
        self.events = self.make()
        self.heard: list[Changed] = []

    def changed(self, account: int = 1, modseq: int = 2) -> Changed:
        return Changed(AccountId(account), modseq, frozenset({MailboxId(3)}), tree=True)

    async def test_a_listener_hears_of_its_account_only(self) -> None:
        self.events.subscribe(AccountId(1), self.heard.append)
        self.events.publish(self.changed(2))
        self.events.publish(self.changed(1))
        await self.settle()
        self.assertEqual(self.heard, [self.changed(1)])

    async def test_all_listeners_of_an_account_hear(self) -> None:
        other: list[Changed] = []
        self.events.subscribe(AccountId(1), self.heard.append)
        self.events.subscribe(AccountId(1), other.append)
        self.events.publish(self.changed())
        await self.settle()
        self.assertEqual((self.heard, other), ([self.changed()],) * 2)

    async def test_whoever_unsubscribed_hears_no_more(self) -> None:
        stop = self.events.subscribe(AccountId(1), self.heard.append)
        stop()
        stop()
        self.events.publish(self.changed())
        await self.settle()
        self.assertEqual(self.heard, [])

    async def test_one_subscribed_twice_is_two(self) -> None:
        stop = self.events.subscribe(AccountId(1), self.heard.append)
        self.events.subscribe(AccountId(1), self.heard.append)
        stop()
        self.events.publish(self.changed())
        await self.settle()
        self.assertEqual(len(self.heard), 1)

    async def test_a_listener_that_raises_harms_no_other(self) -> None:
        self.events.subscribe(AccountId(1), lambda changed: 1 / 0)
        self.events.subscribe(AccountId(1), self.heard.append)
        self.events.publish(self.changed())
        await self.settle()
        self.assertEqual(len(self.heard), 1)

    async def test_unsubscribing_while_being_told_is_fine(self) -> None:
        stops: list[Any] = []
        stops.append(self.events.subscribe(AccountId(1), lambda changed: [stop() for stop in stops]))
        stops.append(self.events.subscribe(AccountId(1), self.heard.append))
        self.events.publish(self.changed())
        self.events.publish(self.changed())
        await self.settle()
        self.assertEqual(self.heard, [])
