"""Accounts of one's own: who may, which names, which passwords."""

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.jmap.ids import account_id
from tests.web.api.rig import ApiTestCase, Browser


class OpenTests(ApiTestCase):
    web_settings = {"registration": "open"}  # noqa: RUF012

    async def register(self, login: str = "dora", **given: Any) -> Any:
        body = {"login": login, "name": "Dora", "password": "violet harbour 9", **given}
        return await self.ask("POST", "/registration", body)

    async def test_an_account_can_be_made_and_used(self) -> None:
        answer = await self.register()
        self.assertEqual((answer.status, answer.json["address"]), (201, "dora@example.com"))
        self.assertEqual((await Browser(self).sign_in("dora", "violet harbour 9")).status, 200)
        self.assertIsNotNone(await self.directory.route("dora@example.com"))

    async def test_a_taken_address_is_409(self) -> None:
        self.assertEqual((await self.register("Alice")).status, 409)

    async def test_the_houses_names_are_refused(self) -> None:
        for name in ("postmaster", "Abuse", "admin", "root", "hostmaster", "webmaster", "mailer-daemon",
                     "MAILER.DAEMON", "noreply", "no-reply", "ad-min", "security"):  # fmt: skip
            answer = await self.register(name)
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, "#/login"), name)

    async def test_what_is_no_persons_address_is_refused(self) -> None:
        for name in ("a b", "a..b", ".a", "a+b", "x@example.org", "x" * 65, '"a b"', "a@b@c"):
            self.assertEqual((await self.register(name)).status, 422, name)

    async def test_weak_passwords_and_empty_names_are_refused(self) -> None:
        self.assertEqual((await self.register(password="password123")).status, 422)
        self.assertEqual((await self.register(password="short")).status, 422)
        self.assertEqual((await self.register(name=" ")).status, 422)
        self.assertEqual((await self.register(name="x" * 101)).status, 422)

    async def test_few_accounts_a_day_from_one_address(self) -> None:
        for n in range(5):
            self.assertEqual((await self.register(f"dora{n}")).status, 201)
        answer = await self.register("dora6")
        self.assertEqual(answer.status, 429)
        self.assertIsNotNone(answer.header("retry-after"))

    async def test_nor_are_there_more_when_they_are_asked_for_at_the_same_time(self) -> None:
        asked = [Deferred.fromCoroutine(self.register(f"dora{n}")) for n in range(9)]
        statuses = sorted(each.status for each in await gatherResults(asked))
        self.assertEqual(statuses, [201] * 5 + [429] * 4)


class OffTests(ApiTestCase):
    async def test_it_is_off_unless_switched_on(self) -> None:
        body = {"login": "dora", "name": "Dora", "password": "violet harbour 9"}
        self.assertEqual((await self.ask("POST", "/registration", body)).status, 403)
        self.assertEqual((await self.ask("GET", "/registration")).json["mode"], "off")


class InviteTests(ApiTestCase):
    web_settings = {"registration": "invite"}  # noqa: RUF012

    async def test_an_invite_is_good_for_one_account_of_its_domain(self) -> None:
        root = await self.signed_in("root")
        made = (await root.ask("POST", "/invites", {"domain": "example.org", "note": "Dora"})).json
        body = {"login": "dora", "name": "Dora", "password": "violet harbour 9"}
        self.assertEqual((await self.ask("POST", "/registration", body)).status, 422)
        body["invite"] = made["token"]
        answer = await self.ask("POST", "/registration", body)
        self.assertEqual((answer.status, answer.json["address"]), (201, "dora@example.org"))
        body["login"] = "eva"
        self.assertEqual((await self.ask("POST", "/registration", body)).status, 422)
        (invite,) = (await root.ask("GET", "/invites")).json["invites"]
        self.assertEqual(invite["usedBy"], "dora@example.org")

    async def test_it_holds_no_longer_than_its_makers_rights(self) -> None:
        root = await self.signed_in("root")
        carol = f"/accounts/{account_id(self.carol.id)}"
        await root.ask("PATCH", carol, {"adminOf": ["example.org"]})
        maker = await self.signed_in("carol", login="carol@example.org")
        token = (await maker.ask("POST", "/invites", {"domain": "example.org"})).json["token"]
        path = f"/registration/invite?token={token}"
        self.assertEqual((await self.ask("GET", path)).status, 200)
        for change, back in (
            ({"adminOf": []}, {"adminOf": ["example.org"]}),
            ({"enabled": False}, {"enabled": True}),
        ):
            await root.ask("PATCH", carol, change)
            self.assertEqual((await self.ask("GET", path)).status, 404, change)
            body = {"login": "eva", "name": "Eva", "password": "violet harbour 9", "invite": token}
            self.assertEqual((await self.ask("POST", "/registration", body)).status, 422, change)
            await root.ask("PATCH", carol, back)
        self.assertEqual((await self.ask("POST", "/registration", body)).status, 201)


class AdministrationTests(ApiTestCase):
    async def test_a_domains_administrator_looks_after_its_accounts(self) -> None:
        root = await self.signed_in("root")
        await root.ask("PATCH", f"/accounts/A{self.bob.id}", {"adminOf": ["example.org"]})
        bob = await self.signed_in("bob")
        made = await bob.ask(
            "POST", "/accounts", {"address": "x@example.org", "password": "violet harbour 9"}
        )
        self.assertEqual(made.status, 201, made.body)
        ident = made.json["id"]
        alias = await bob.ask("POST", "/aliases", {"address": "y@example.org", "account": ident})
        self.assertEqual(alias.status, 201)
        x = Browser(self)
        self.assertEqual((await x.sign_in("x@example.org", "violet harbour 9")).status, 200)
        reset = await bob.ask("POST", f"/accounts/{ident}/password", {"password": "amber meadow 12"})
        self.assertEqual(reset.status, 204)
        self.assertEqual((await x.ask("GET", "/session")).status, 401)
        self.assertEqual((await bob.ask("DELETE", f"/accounts/{ident}")).status, 204)
        self.assertEqual((await Browser(self).sign_in("x@example.org", "amber meadow 12")).status, 401)

    async def test_nobody_raises_himself(self) -> None:
        root = await self.signed_in("root")
        await root.ask("PATCH", f"/accounts/A{self.bob.id}", {"adminOf": ["example.com"]})
        bob = await self.signed_in("bob")
        for body in ({"admin": True}, {"adminOf": ["example.org"]}):
            self.assertEqual((await bob.ask("PATCH", f"/accounts/A{self.bob.id}", body)).status, 403)
        self.assertEqual((await bob.ask("PATCH", f"/accounts/A{self.root.id}", {"name": "x"})).status, 404)

    async def test_pages_of_accounts_hold_each_once(self) -> None:
        root = await self.signed_in("root")
        seen, after = [], ""
        while True:
            page = (await root.ask("GET", f"/accounts?limit=1&after={after}")).json
            seen += [each["address"] for each in page["accounts"]]
            if page["next"] is None:
                break
            after = page["next"]
        self.assertEqual(
            seen, ["alice@example.com", "bob@example.com", "carol@example.org", "root@example.com"]
        )
