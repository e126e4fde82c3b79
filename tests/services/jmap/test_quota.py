"""Quota (RFC 9425), and the announcement of it and of what else stands beside mail."""

from mailsys.ports.accounts import AccountPatch
from mailsys.services.jmap.extensions.methods import BLOB, MDN, QUOTA
from mailsys.services.jmap.submission.methods import SUBMISSION, VACATION
from tests.services.jmap.post_rig import PostTestCase


class CapabilityTests(PostTestCase):
    async def test_each_is_announced_by_the_server_and_for_the_account(self):
        session = await self.api.session(self.caller, "https://x")
        for capability in (QUOTA, BLOB, MDN, SUBMISSION, VACATION):
            self.assertEqual(session["capabilities"][capability], {})
            self.assertIn(capability, session["accounts"][self.account]["accountCapabilities"])
            self.assertEqual(session["primaryAccounts"][capability], self.account)


class QuotaTests(PostTestCase):
    async def bound(self, octets):
        await self.store.accounts.change_account(self.alice.id, AccountPatch(quota=octets))

    async def test_without_bound_there_is_none(self):
        found = await self.call("Quota/get", ids=None)
        self.assertEqual(found["list"], [])
        found = await self.call("Quota/get", ids=["octets"])
        self.assertEqual(found["notFound"], ["octets"])
        self.assertEqual((await self.call("Quota/query"))["ids"], [])

    async def test_what_it_says(self):
        await self.bound(100_000)
        email = await self.deliver()
        (found,) = (await self.call("Quota/get", ids=None))["list"]
        self.assertEqual(
            found,
            {
                "id": "octets",
                "resourceType": "octets",
                "used": await self.get(email, "size"),
                "hardLimit": 100_000,
                "scope": "account",
                "name": "Mail",
                "types": ["Email"],
                "warnLimit": 90_000,
                "softLimit": None,
                "description": None,
            },
        )
        found = await self.call("Quota/get", ids=["octets", "x"], properties=["used"])
        self.assertEqual(set(found["list"][0]), {"id", "used"})
        self.assertEqual(found["notFound"], ["x"])
        await self.fails("invalidArguments", "Quota/get", ids=None, properties=["what"])

    async def test_the_state_moves_with_use(self):
        await self.bound(100_000)
        state = await self.state("Quota")
        same = await self.call("Quota/changes", sinceState=state)
        self.assertEqual((same["updated"], same["newState"]), ([], state))
        await self.deliver()
        found = await self.call("Quota/changes", sinceState=state)
        self.assertEqual((found["updated"], found["updatedProperties"]), (["octets"], ["used"]))
        self.assertEqual(found["newState"], await self.state("Quota"))
        await self.bound(200_000)
        found = await self.call("Quota/changes", sinceState=state, maxChanges=1)
        self.assertEqual((found["updated"], found["updatedProperties"]), (["octets"], None))

    async def test_it_comes_and_goes(self):
        state = await self.state("Quota")
        await self.bound(100_000)
        found = await self.call("Quota/changes", sinceState=state)
        self.assertEqual(found["created"], ["octets"])
        await self.bound(0)
        found = await self.call("Quota/changes", sinceState=found["newState"])
        self.assertEqual(found["destroyed"], ["octets"])
        await self.fails("cannotCalculateChanges", "Quota/changes", sinceState="x")

    async def test_query(self):
        await self.bound(100_000)
        for filter_, expected in (
            (None, ["octets"]),
            ({"name": "mai", "scope": "account", "resourceType": "octets", "type": "Email"}, ["octets"]),
            ({"type": "Calendar"}, []),
            ({"scope": "domain"}, []),
            ({"resourceType": "count"}, []),
        ):
            found = await self.call("Quota/query", filter=filter_, sort=[{"property": "used"}])
            self.assertEqual(found["ids"], expected)
        await self.fails("unsupportedFilter", "Quota/query", filter={"what": "x"})
        await self.fails("unsupportedSort", "Quota/query", sort=[{"property": "what"}])

    async def test_query_changes(self):
        await self.bound(100_000)
        state = (await self.call("Quota/query"))["queryState"]
        await self.deliver()
        found = await self.call("Quota/queryChanges", sinceQueryState=state, calculateTotal=True)
        self.assertEqual(found["removed"], ["octets"])
        self.assertEqual(found["added"], [{"id": "octets", "index": 0}])
        self.assertEqual(found["total"], 1)

    async def test_push_tells_of_it(self):
        await self.bound(100_000)
        before = await self.api.state_change(self.alice.id)
        await self.deliver()
        after = await self.api.state_change(self.alice.id)
        self.assertNotEqual(before["Quota"], after["Quota"])
        self.assertEqual(after["Quota"], await self.state("Quota"))
