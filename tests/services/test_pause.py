"""An account that looks stolen stops sending, and its owner is told once."""

from dataclasses import replace

from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.refusal import Refused
from tests.services.house import NO_CREDENTIALS, HouseTestCase, refusal


class PauseTests(HouseTestCase):
    bounds = {"new_recipients_per_day": 5, "sends_paused": 3600.0}  # noqa: RUF012

    async def send(self, *names: str) -> str:
        return await self.house.submit(self.house.bob, *(f"{name}@far.example" for name in names))

    async def test_many_strangers_in_a_day_pause_it_and_a_letter_says_so(self) -> None:
        await self.send("a", "b", "c", "d", "e")
        found = await refusal(self, Refused, self.send("f"))
        self.assertEqual(found.smtp, (450, "4.7.1"))
        [letter] = await self.house.inbox(self.house.bob)
        self.assertIn(b"Subject: Sending from your account is paused", letter)
        self.assertIn(b"wrote to 6 people", letter)
        await refusal(self, Refused, self.send("a"))
        self.assertEqual(len(await self.house.inbox(self.house.bob)), 1)
        await self.house.submit(self.house.alice, "x@far.example")  # others go on

    async def test_it_ends_by_itself(self) -> None:
        await refusal(self, Refused, self.send(*"abcdef"))
        self.house.clock.advance(3600)
        await self.house.submit(self.house.bob, "alice@example.com")
        self.house.clock.advance(86400)
        await self.send("a")

    async def test_a_new_password_ends_it(self) -> None:
        await refusal(self, Refused, self.send(*"abcdef"))
        credentials = replace(NO_CREDENTIALS, argon2="another")
        await self.house.accounts.set_credentials(self.house.bob.id, credentials)
        await self.house.submit(self.house.bob, "alice@example.com")

    async def test_whom_one_knows_and_neighbours_do_not_count(self) -> None:
        await self.send("a", "b", "c", "d")
        for _ in range(5):
            await self.send("a", "b", "c", "d")
        await self.house.submit(self.house.bob, "alice@example.com", "carol@example.org")
        self.assertEqual(await self.house.inbox(self.house.bob), [])

    async def test_two_at_once_are_told_once(self) -> None:
        both = [Deferred.fromCoroutine(self.send(*names)) for names in ("abcdef", "ghijkl")]
        await gatherResults([each.addErrback(lambda _: None) for each in both])
        self.assertEqual(len(await self.house.inbox(self.house.bob)), 1)
