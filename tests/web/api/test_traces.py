"""Administrators find where messages went."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from mailsys.core.jmap.ids import account_id
from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.trace_ids import new_trace
from tests.web.api.rig import ApiTestCase, Browser

NOON = 1_700_000_000.0


class TraceTests(ApiTestCase):
    async def message(self, at: float, sender: str, recipient: str, account: AccountId | None) -> TraceId:
        trace = new_trace(at, lambda count: b"\x55" * count)
        detail = {"sender": sender, "peer": "192.0.2.1"}
        await self.queue.record(
            [
                TimelineEntry(trace, at, Stage.RECEIVED, None, "", detail),
                TimelineEntry(trace, at, Stage.DELIVERED, account, recipient),
            ]
        )
        return trace

    async def some(self) -> list[TraceId]:
        """To alice, to bob, to alice and carol of another domain; an hour apart, oldest first."""
        return [
            await self.message(NOON, "eve@elsewhere.test", "alice@example.com", self.alice.id),
            await self.message(NOON + 3600, "eve@elsewhere.test", "bob@example.com", self.bob.id),
            await self.message(NOON + 7200, "mallory@elsewhere.test", "carol@example.org", self.carol.id),
        ]

    async def found(self, browser: Browser, **query: object) -> list[str]:
        answer = await browser.ask("GET", "/traces?" + urlencode(query))
        self.assertEqual(answer.status, 200, answer.body)
        return [each["trace"] for each in answer.json["traces"]]

    async def test_messages_are_found_by_address_account_and_time(self) -> None:
        first, second, third = await self.some()
        root = await self.signed_in("root")
        self.assertEqual(await self.found(root), [third, second, first])
        self.assertEqual(await self.found(root, address="Eve@Elsewhere.test"), [second, first])
        self.assertEqual(await self.found(root, address="bob@example.com"), [second])
        self.assertEqual(await self.found(root, account=account_id(self.alice.id)), [first])
        since = datetime.fromtimestamp(NOON + 3600, UTC).isoformat()
        until = datetime.fromtimestamp(NOON + 7200, UTC).isoformat()
        self.assertEqual(await self.found(root, since=since), [third, second])
        self.assertEqual(await self.found(root, since=since, until=until), [second])

    async def test_a_moment_is_not_a_number(self) -> None:
        root = await self.signed_in("root")
        for text in ("0.5", "1700000000", "", "2026-01-01", "2026-01-01T00:00:00"):
            answer = await root.ask("GET", "/traces?" + urlencode({"until": text}))
            self.assertEqual(answer.status, 422, text)
            self.assertEqual(answer.json["errors"][0]["parameter"], "until")

    async def test_what_is_found_tells_its_way(self) -> None:
        first, *_ = await self.some()
        root = await self.signed_in("root")
        answer = await root.ask("GET", "/traces?address=alice@example.com")
        (info,) = answer.json["traces"]
        self.assertEqual(
            (info["trace"], info["sender"], info["recipients"]),
            (first, "eve@elsewhere.test", ["alice@example.com"]),
        )
        self.assertEqual([each["stage"] for each in info["steps"]], ["received", "delivered"])

    async def test_pages_follow_each_other(self) -> None:
        first, second, third = await self.some()
        root = await self.signed_in("root")
        answer = await root.ask("GET", "/traces?limit=2")
        self.assertEqual([each["trace"] for each in answer.json["traces"]], [third, second])
        answer = await root.ask("GET", f"/traces?limit=2&after={answer.json['next']}")
        self.assertEqual([each["trace"] for each in answer.json["traces"]], [first])
        self.assertIsNone(answer.json["next"])

    async def test_an_administrator_of_a_domain_sees_what_concerns_its_accounts(self) -> None:
        _, second, _ = await self.some()
        await self.account_api.api._rights.grant(self.alice.id, ["example.com"])
        alice = await self.signed_in("alice")
        self.assertEqual(await self.found(alice, account=account_id(self.bob.id)), [second])
        self.assertEqual((await alice.ask("GET", "/traces")).status, 403)
        for other in (self.carol, self.root):
            answer = await alice.ask("GET", f"/traces?account={account_id(other.id)}")
            self.assertEqual(answer.status, 404)

    async def test_others_may_not_look(self) -> None:
        bob = await self.signed_in("bob")
        self.assertEqual((await bob.ask("GET", "/traces")).status, 403)

    async def test_values_that_will_not_do_are_told(self) -> None:
        root = await self.signed_in("root")
        for query in ("after=x", "since=yesterday", "since=2024-01-01T00:00:00", "limit=0"):
            self.assertEqual((await root.ask("GET", f"/traces?{query}")).status, 422, query)
        for query in ("since=0001-01-01T00:00:00Z", "until=9999-12-31T23:59:59Z"):
            self.assertEqual((await root.ask("GET", f"/traces?{query}")).status, 200, query)
