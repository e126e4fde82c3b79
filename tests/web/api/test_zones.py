"""`/zones`: records by HTTP, for administrators of everything and of a domain."""

from __future__ import annotations

from typing import Any

from tests.web.api.rig import ApiTestCase, Browser


class ZoneTests(ApiTestCase):
    """bob administers example.com."""

    async def people(self) -> tuple[Browser, Browser, Browser]:
        root = await self.signed_in("root")
        change = {"adminOf": ["example.com"]}
        self.assertEqual((await root.ask("PATCH", f"/accounts/A{self.bob.id}", change)).status, 200)
        return root, await self.signed_in("bob"), await self.signed_in("alice")

    async def done(
        self, browser: Browser, method: str, path: str, body: Any = None, status: int = 200
    ) -> Any:
        answer = await browser.ask(method, path, body)
        self.assertEqual(answer.status, status, answer.body)
        return answer.json if answer.body else None

    def own(self, details: Any) -> list[tuple[str, str, str]]:
        return [(each["name"], each["type"], each["value"]) for each in details["records"] if each["own"]]

    async def test_records_are_added_seen_and_removed(self) -> None:
        _, bob, _ = await self.people()
        zone = await self.done(bob, "GET", "/zones/example.com")
        self.assertTrue(zone["zone"]["mail"])
        self.assertEqual(self.own(zone), [])
        why = {each["type"]: each["why"] for each in zone["records"]}
        self.assertIn("Other servers deliver", why["MX"])
        add = [
            {"name": "www", "type": "A", "value": "192.0.2.1"},
            {"name": "@", "type": "TXT", "value": "site=1", "ttl": 60},
        ]
        after = await self.done(bob, "POST", "/zones/example.com/changes", {"add": add})
        self.assertEqual(
            self.own(after),
            [("example.com.", "TXT", '"site=1"'), ("www.example.com.", "A", "192.0.2.1")],
        )
        self.assertGreater(after["zone"]["serial"], zone["zone"]["serial"])
        last = await self.done(
            bob, "POST", "/zones/EXAMPLE.com/changes",
            {"remove": [{"name": "www", "type": "a"}], "ifSerial": after["zone"]["serial"]},
        )  # fmt: skip
        self.assertEqual(len(self.own(last)), 1)
        found = await self.done(bob, "GET", "/zones/example.com/changes?limit=2")
        self.assertEqual([each["by"] for each in found["changes"]], ["bob@example.com"] * 2)
        self.assertEqual(found["changes"][0]["removed"], ["www.example.com. 300 A 192.0.2.1"])
        rest = await self.done(bob, "GET", f"/zones/example.com/changes?before={found['next']}")
        self.assertEqual(rest["changes"][0]["by"], "settings")

    async def test_what_will_not_do_is_refused_whole(self) -> None:
        _, bob, _ = await self.people()
        good = {"name": "ok", "type": "A", "value": "192.0.2.1"}
        for record, field in (
            ({"name": "www", "type": "A", "value": "300.1.1.1"}, "value"),
            ({"name": "x.other.org.", "type": "A", "value": "192.0.2.1"}, "name"),
            ({"name": "www", "type": "SOA", "value": "a b 1 1 1 1 1"}, "type"),
        ):
            answer = await bob.ask("POST", "/zones/example.com/changes", {"add": [good, record]})
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, f"#/{field}"))
        answer = await bob.ask("POST", "/zones/example.com/changes", {"add": [good], "ifSerial": 1})
        self.assertEqual(answer.status, 412)
        alias = {"name": "@", "type": "CNAME", "value": "www"}
        self.assertEqual((await bob.ask("POST", "/zones/example.com/changes", {"add": [alias]})).status, 403)
        missing = {"name": "nothing", "type": "A", "value": "192.0.2.1"}
        self.assertEqual(
            (await bob.ask("POST", "/zones/example.com/changes", {"remove": [missing]})).status, 404
        )
        self.assertEqual(self.own(await self.done(bob, "GET", "/zones/example.com")), [])

    async def test_each_administers_only_his_own(self) -> None:
        root, bob, alice = await self.people()
        names = [each["name"] for each in (await self.done(root, "GET", "/zones"))["zones"]]
        self.assertIn("example.org.", names)
        self.assertEqual(
            [each["name"] for each in (await self.done(bob, "GET", "/zones"))["zones"]], ["example.com."]
        )
        edit = {"add": [{"name": "www", "type": "A", "value": "192.0.2.1"}]}
        for method, path, body in (
            ("GET", "/zones/example.org", None), ("POST", "/zones/example.org/changes", edit),
            ("GET", "/zones/example.org/changes", None), ("PATCH", "/zones/example.org", {"signed": True}),
            ("DELETE", "/zones/example.org", None), ("GET", "/domains/example.org/records/check", None),
            ("GET", "/zones/no.example", None), ("GET", "/zones/a..b", None),
        ):  # fmt: skip
            self.assertEqual((await bob.ask(method, path, body)).status, 404, path)
        self.assertEqual((await bob.ask("POST", "/zones", {"name": "new.test"})).status, 403)
        self.assertEqual((await bob.ask("DELETE", "/zones/example.com")).status, 403)
        for method, path, body in (("GET", "/zones", None), ("POST", "/zones/example.com/changes", edit)):
            self.assertEqual((await alice.ask(method, path, body)).status, 403)

    async def test_further_zones(self) -> None:
        root, _, _ = await self.people()
        made = await self.done(root, "POST", "/zones", {"name": "2.0.192.in-addr.arpa"}, 201)
        self.assertEqual((made["name"], made["mail"]), ("2.0.192.in-addr.arpa.", False))
        await self.done(root, "POST", "/zones", {"name": "2.0.192.in-addr.arpa."}, 409)
        self.assertEqual((await root.ask("POST", "/zones", {"name": "a..b"})).status, 422)
        await self.done(root, "DELETE", "/zones/2.0.192.in-addr.arpa", status=204)
        await self.done(root, "GET", "/zones/2.0.192.in-addr.arpa", status=404)
        self.assertEqual((await root.ask("DELETE", "/zones/example.com")).status, 403)

    async def test_signing(self) -> None:
        _, bob, _ = await self.people()
        signed = await self.done(bob, "PATCH", "/zones/example.com", {"signed": True})
        self.assertTrue(signed["zone"]["signed"])
        self.assertRegex(signed["ds"][0], r"^\d+ 13 2 [0-9a-f]{64}$")
        ended = await self.done(bob, "PATCH", "/zones/example.com", {"signed": False})
        self.assertEqual(ended["ds"], [])

    async def test_what_the_world_sees(self) -> None:
        _, bob, _ = await self.people()
        found = await self.done(bob, "GET", "/domains/example.com/records/check")
        self.assertEqual({each["state"] for each in found["records"]}, {"unknown"})  # nobody to ask here
