"""Identity (RFC 8621 §6)."""

from tests.services.jmap.post_rig import PostTestCase


class IdentityTests(PostTestCase):
    async def make(self, **given):
        found = await self.call("Identity/set", create={"i": {"email": "alice@example.com", **given}})
        self.assertIsNone(found["notCreated"], found)
        return found["created"]["i"]

    async def error(self, **given):
        found = await self.call("Identity/set", create={"i": given})
        return found["notCreated"]["i"]

    async def test_the_first_one_is_there_without_asking(self):
        found = await self.call("Identity/get", ids=None)
        self.assertEqual(
            found["list"],
            [
                {
                    "id": "I0",
                    "name": "Alice",
                    "email": "alice@example.com",
                    "replyTo": None,
                    "bcc": None,
                    "textSignature": "",
                    "htmlSignature": "",
                    "mayDelete": False,
                }
            ],
        )
        again = await self.call("Identity/get", ids=["I0", "I7"], properties=["email"])
        self.assertEqual(again["state"], found["state"])
        self.assertEqual(
            (again["list"], again["notFound"]), ([{"id": "I0", "email": "alice@example.com"}], ["I7"])
        )

    async def test_each_account_has_its_own(self):
        await self.make(name="Second")
        found = await self.as_bob("Identity/get", ids=None)
        self.assertEqual([one["email"] for one in found["list"]], ["bob@example.com"])

    async def test_defaults_come_back(self):
        made = await self.make()
        self.assertEqual(
            {name: one for name, one in made.items() if name != "id"},
            {
                "name": "",
                "replyTo": None,
                "bcc": None,
                "textSignature": "",
                "htmlSignature": "",
                "mayDelete": True,
            },
        )

    async def test_another_name_for_an_alias_with_all_there_is(self):
        await self.alias("sales@example.com")
        given = {
            "email": "sales@example.com",
            "name": "Sälês",
            "replyTo": [{"name": "Desk", "email": "desk@example.com"}],
            "bcc": [{"name": None, "email": "archive@example.com"}],
            "textSignature": "-- \nSales",
            "htmlSignature": "<b>Sales</b>",
        }
        made = await self.make(**given)
        (found,) = (await self.call("Identity/get", ids=[made["id"]]))["list"]
        self.assertEqual(found, {"id": made["id"], "mayDelete": True, **given})

    async def test_only_own_addresses(self):
        for email in ("bob@example.com", "ceo@bank.example", "*@example.com", "nobody@example.com"):
            self.assertEqual((await self.error(email=email))["type"], "forbiddenFrom", email)
        await self.make(email="alice+x@example.com")
        await self.catch_all("mine.example")
        await self.make(email="*@mine.example")
        await self.make(email="anything@mine.example")

    async def test_all_that_is_wrong_is_named(self):
        error = await self.error(
            email="alice@example.com",
            name=7,
            replyTo="x",
            bcc=[{"email": "no address"}],
            textSignature=None,
            htmlSignature=[],
        )
        self.assertEqual(error["type"], "invalidProperties")
        self.assertEqual(
            sorted(error["properties"]), ["bcc", "htmlSignature", "name", "replyTo", "textSignature"]
        )
        self.assertEqual((await self.error())["properties"], ["email"])
        self.assertEqual((await self.error(email="@"))["properties"], ["email"])
        wrong = await self.error(email="alice@example.com", mayDelete=True, id="x", what=1)
        self.assertEqual(wrong["properties"], ["id", "mayDelete", "what"])

    async def test_addresses_that_are_none(self):
        for wrong in (
            "x",
            [7],
            [{"name": "Desk"}],
            [{"email": 7}],
            [{"email": "no address"}],
            [{"email": "a@b.example", "what": 1}],
            [{"email": "a@b.example", "name": 7}],
            [{"email": "a@b.example", "name": "a\nb"}],
            [{"email": "a@b.example"}, {"email": ""}],
        ):
            for name in ("replyTo", "bcc"):
                error = await self.error(email="alice@example.com", **{name: wrong})
                self.assertEqual(error["properties"], [name], wrong)

    async def test_signatures_have_a_length(self):
        for name in ("textSignature", "htmlSignature"):
            await self.make(**{name: "x" * 262_144})
            error = await self.error(email="alice@example.com", **{name: "x" * 262_145})
            self.assertEqual((error["type"], error["properties"]), ("invalidProperties", [name]))

    async def test_update(self):
        made = await self.make(name="Old", textSignature="x")
        found = await self.call(
            "Identity/set",
            update={made["id"]: {"name": "New", "textSignature": None, "email": "alice@example.com"}},
        )
        self.assertEqual(found["updated"], {made["id"]: None})
        (now,) = (await self.call("Identity/get", ids=[made["id"]]))["list"]
        self.assertEqual((now["name"], now["textSignature"]), ("New", ""))

    async def test_email_and_rights_are_fixed(self):
        for patch, wrong in (
            ({"email": "alice+x@example.com"}, "email"),
            ({"mayDelete": True}, "mayDelete"),
            ({"id": "I1"}, "id"),
            ({"what": 1}, "what"),
            ({"name": 1}, "name"),
        ):
            found = await self.call("Identity/set", update={"I0": patch})
            self.assertEqual(found["notUpdated"]["I0"]["properties"], [wrong])

    async def test_destroy_all_but_the_first(self):
        made = await self.make()
        found = await self.call("Identity/set", destroy=["I0", made["id"], "I9"])
        self.assertEqual(found["destroyed"], [made["id"]])
        self.assertEqual(
            {one: error["type"] for one, error in found["notDestroyed"].items()},
            {"I0": "forbidden", "I9": "notFound"},
        )
        await self.call("Identity/get", ids=["I0"])

    async def test_changes_can_be_read_one_at_a_time(self):
        start = await self.state("Identity")
        await self.call(
            "Identity/set", create={one: {"email": "alice@example.com", "name": one} for one in "abc"}
        )
        seen, state = [], start
        while True:
            found = await self.call("Identity/changes", sinceState=state, maxChanges=1)
            seen += found["created"]
            state = found["newState"]
            if not found["hasMoreChanges"]:
                break
        self.assertEqual((len(set(seen)), state), (3, await self.state("Identity")))
        await self.call("Identity/set", update={"I0": {"name": "A"}}, destroy=[seen[0]])
        found = await self.call("Identity/changes", sinceState=state)
        self.assertEqual((found["created"], found["updated"], found["destroyed"]), ([], ["I0"], [seen[0]]))
        await self.fails("cannotCalculateChanges", "Identity/changes", sinceState="x")

    async def test_state_is_checked(self):
        await self.fails("stateMismatch", "Identity/set", ifInState="x")
        state = await self.state("Identity")
        found = await self.call("Identity/set", ifInState=state, update={"I0": {"name": "Al"}})
        self.assertEqual(found["oldState"], state)
        self.assertNotEqual(found["newState"], state)

    async def test_created_identities_can_be_named_at_once(self):
        email = await self.draft()
        found = await self.request(
            ["Identity/set", {"accountId": self.account, "create": {
                "i": {"email": "alice+x@example.com"}}}, "0"],
            ["EmailSubmission/set", {"accountId": self.account, "create": {
                "s": {"identityId": "#i", "emailId": email}}}, "1"],
        )  # fmt: skip
        identity = found["methodResponses"][0][1]["created"]["i"]["id"]
        made = found["methodResponses"][1][1]["created"]["s"]
        self.assertEqual((await self.submission_of(made["id"]))["identityId"], identity)
        # the author is not the identity's, so the envelope is (RFC 8621 §7)
        self.assertEqual(made["envelope"]["mailFrom"]["email"], "alice+x@example.com")
