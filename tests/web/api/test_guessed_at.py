"""The owner signs in by web and Basic while strangers guess at his account, from many addresses."""

import base64
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.web.api.rig import PASSWORDS, ApiTestCase, Browser
from tests.web.rig import Answer

HOME, STRANGE = "192.0.2.5", "203.0.113.77"


class From(Browser):
    """Comes from an address of its own, through a proxy that tells it."""

    def __init__(self, rig: ApiTestCase, address: str) -> None:
        super().__init__(rig, f"From {address}")
        self.address = address

    async def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> Answer:
        given = {"X-Forwarded-For": self.address, "X-Forwarded-Proto": "https", "Host": "mail.example.com"}
        given |= headers or {}
        return await super().ask(method, path, body, given)

    async def basic(self, login: str, password: str) -> Answer:
        pair = base64.b64encode(f"{login}:{password}".encode()).decode()
        return await self.ask("GET", "/session", headers={"Authorization": f"Basic {pair}"})


class GuessedAtTests(ApiTestCase):
    web_settings = {"trusted_proxies": ["127.0.0.1"]}  # noqa: RUF012
    limit_settings = {"failures_per_address": 3, "failures_per_account": 3, "connections_per_address": 1000}  # noqa: RUF012
    timeout = 90

    async def guess(self, address: str, times: int) -> list[Deferred[Answer]]:
        return [
            Deferred.fromCoroutine(From(self, address).sign_in("alice", f"a guess {n} of {address}"))
            for n in range(times)
        ]

    async def quick(self, answer: Any, status: int = 200) -> None:
        began = self.clock.seconds()
        found = await answer
        self.assertEqual(found.status, status, found.body)
        self.assertLess(self.clock.seconds() - began, 5)

    async def first_refused(self, guesses: list[Deferred[Answer]]) -> None:
        """Until one of them was refused without having been tried."""
        refused: Deferred[None] = Deferred()

        def seen(answer: Answer) -> Answer:
            if answer.status == 429 and not refused.called:
                refused.callback(None)
            return answer

        for each in guesses:
            each.addCallback(seen)
        await refused

    async def owner_comes(self) -> None:
        right = PASSWORDS["alice"]
        await self.quick(From(self, HOME).sign_in("alice"))
        await self.quick(From(self, STRANGE).sign_in("alice"))
        await self.quick(From(self, HOME).basic("alice@example.com", right))
        await self.quick(From(self, "203.0.113.78").basic("alice@example.com", right))

    async def test_from_three_addresses(self) -> None:
        self.assertEqual((await From(self, HOME).sign_in("alice")).status, 200)
        guesses = [each for n in range(3) for each in await self.guess(f"198.18.0.{n}", 60)]
        await self.first_refused(guesses)
        await self.owner_comes()
        await gatherResults(guesses)

    async def test_from_a_hundred_addresses(self) -> None:
        self.assertEqual((await From(self, HOME).sign_in("alice")).status, 200)
        guesses = [each for n in range(100) for each in await self.guess(f"198.18.0.{n}", 2)]
        await self.owner_comes()
        await gatherResults(guesses)

    async def test_a_known_browser_in_a_network_full_of_guesses(self) -> None:
        owner = From(self, HOME)
        self.assertEqual((await owner.sign_in("alice")).status, 200)
        guesses = await self.guess(HOME, 80)
        await self.first_refused(guesses)
        owner.cookie = ""
        await self.quick(owner.sign_in("alice"))
        await gatherResults(guesses)

    async def test_a_wrong_password_ends_what_basic_remembers_of_the_address(self) -> None:
        here = From(self, HOME)
        await self.quick(here.basic("alice", PASSWORDS["alice"]))
        await self.quick(here.basic("alice", "a wrong one"), 401)
        self.assertEqual(self.account_api_basic_remembers(), 0)
        await self.quick(here.basic("alice", PASSWORDS["alice"]))
        self.assertEqual(self.account_api_basic_remembers(), 1)

    def account_api_basic_remembers(self) -> int:
        (basic,) = [each for each in self.web.callers._authenticators if hasattr(each, "_remembered")]
        return len(basic._remembered)
