"""An administrator of a domain tries to get hold of more than it."""

from typing import Any

from mailsys.ports.accounts import Address, AddressKind, Domain
from tests.web.api.rig import ApiTestCase, Browser


class RightsTests(ApiTestCase):
    """bob administers example.com; alice, of example.com too, is more than that in some way."""

    async def rise(self) -> Browser:
        self.root_browser = await self.signed_in("root")
        await self.let(self.bob, "example.com")
        return await self.signed_in("bob")

    async def let(self, account: Any, *domains: str) -> None:
        path = f"/accounts/A{account.id}"
        self.assertEqual((await self.root_browser.ask("PATCH", path, {"adminOf": list(domains)})).status, 200)

    async def refused_everything(self, bob: Browser) -> None:
        """That nothing can be done to alice."""
        alice = f"/accounts/A{self.alice.id}"
        before = await self.accounts.account(self.alice.id)
        credentials = await self.accounts.credentials(self.alice.id)
        for method, path, body in (
            ("POST", f"{alice}/password", {"password": "violet harbour 9"}),
            ("POST", f"{alice}/password", {"password": "violet harbour 9", "removeSecondFactor": True}),
            ("PATCH", alice, {"enabled": False}),
            ("PATCH", alice, {"name": "Eve"}),
            ("PATCH", alice, {"quota": 1}),
            ("DELETE", alice, None),
            ("DELETE", f"{alice}/sessions", None),
            ("GET", alice, None),
            ("GET", f"/aliases?account=A{self.alice.id}", None),
            ("GET", f"/queue?account=A{self.alice.id}", None),
            ("GET", f"/traces?account=A{self.alice.id}", None),
            ("POST", "/aliases", {"address": "new@example.com", "account": f"A{self.alice.id}"}),
            ("PATCH", "/domains/example.com", {"catchAll": f"A{self.alice.id}"}),
        ):
            answer = await bob.ask(method, path, body)
            self.assertIn(answer.status, (403, 404, 422), (method, path, answer.body))
        self.assertEqual(await self.accounts.account(self.alice.id), before)
        self.assertEqual(await self.accounts.credentials(self.alice.id), credentials)

    async def test_one_who_also_administers_another_domain_is_not_his(self) -> None:
        bob = await self.rise()
        await self.let(self.alice, "example.org")
        await self.refused_everything(bob)
        await self.let(self.alice, "example.com")
        self.assertEqual((await bob.ask("PATCH", f"/accounts/A{self.alice.id}", {"name": "A"})).status, 200)

    async def test_nor_one_with_an_address_in_another_domain(self) -> None:
        bob = await self.rise()
        await self.accounts.put_address(Address("alice@example.org", AddressKind.ALIAS, self.alice.id))
        await self.refused_everything(bob)

    async def test_nor_one_who_gets_another_domains_mail(self) -> None:
        bob = await self.rise()
        for given in (Domain("example.org", self.alice.id), Domain("example.org", None, self.alice.id)):
            await self.accounts.put_domain(given)
            await self.refused_everything(bob)

    async def test_what_a_higher_one_receives_is_not_taken_from_him(self) -> None:
        bob = await self.rise()
        await self.accounts.put_address(Address("boss@example.com", AddressKind.ALIAS, self.root.id))
        forward = Address("desk@example.com", AddressKind.FORWARD, self.root.id, ("x@remote.example",))
        await self.accounts.put_address(forward)
        await self.accounts.put_domain(Domain("example.com", self.root.id, self.root.id))
        for path in ("/aliases/boss@example.com", "/aliases/desk@example.com"):
            self.assertEqual((await bob.ask("DELETE", path)).status, 403)
        mine = f"A{self.bob.id}"
        for field in ("postmaster", "catchAll"):
            self.assertEqual((await bob.ask("PATCH", "/domains/example.com", {field: mine})).status, 403)
        again = await bob.ask("POST", "/aliases", {"address": "boss@example.com", "account": mine})
        self.assertEqual(again.status, 409)
        (found,) = [each for each in await self.accounts.domains() if each.name == "example.com"]
        self.assertEqual((found.postmaster, found.catch_all), (self.root.id, self.root.id))

    async def test_his_own_limits_are_not_his(self) -> None:
        bob = await self.rise()
        mine = f"/accounts/A{self.bob.id}"
        before = await self.accounts.account(self.bob.id)
        for body in ({"quota": 2**50}, {"sendsPerHour": 10**9}, {"sendsPerDay": 10**9}, {"quota": 0}):
            self.assertEqual((await bob.ask("PATCH", mine, body)).status, 403)
            self.assertEqual((await bob.ask("PATCH", mine, {"name": "B", **body})).status, 403)
        self.assertEqual(await self.accounts.account(self.bob.id), before)
        self.assertEqual((await bob.ask("PATCH", mine, {"name": "B"})).status, 200)
        self.assertEqual((await self.root_browser.ask("PATCH", mine, {"quota": 5})).status, 200)

    async def test_nor_are_those_of_an_equal_who_could_do_as_much_for_him(self) -> None:
        bob = await self.rise()
        peer = f"/accounts/A{self.alice.id}"
        self.assertEqual((await bob.ask("PATCH", peer, {"quota": 5})).status, 200)
        made = await self.root_browser.ask("PATCH", peer, {"adminOf": ["example.com"]})
        self.assertEqual(made.status, 200)
        for body in ({"quota": 2**50}, {"sendsPerHour": 10**9}, {"sendsPerDay": 10**9}):
            self.assertEqual((await bob.ask("PATCH", peer, body)).status, 403)
        self.assertEqual((await bob.ask("PATCH", peer, {"name": "A"})).status, 200)

    async def test_who_is_let_in_later_is_judged_by_what_he_has_then(self) -> None:
        bob = await self.rise()
        await self.refused_nothing(bob)
        await self.let(self.alice, "example.com", "example.org")
        await self.refused_everything(bob)
        await self.let(self.bob, "example.com", "example.org")
        await self.refused_nothing(bob)

    async def refused_nothing(self, bob: Browser) -> None:
        path = f"/accounts/A{self.alice.id}"
        self.assertEqual((await bob.ask("GET", path)).status, 200)
        self.assertEqual((await bob.ask("PATCH", path, {"enabled": True})).status, 200)

    async def test_nobody_sets_his_own_password_without_the_old_one(self) -> None:
        """An administrator's open browser, or an app password of his, would be enough for his account."""
        bob = await self.rise()
        before = await self.accounts.credentials(self.bob.id)
        body = {"password": "violet harbour 9", "removeSecondFactor": True}
        self.assertEqual((await bob.ask("POST", f"/accounts/A{self.bob.id}/password", body)).status, 409)
        self.assertEqual(await self.accounts.credentials(self.bob.id), before)
