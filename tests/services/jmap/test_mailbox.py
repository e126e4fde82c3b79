"""Mailbox/get, changes, query, queryChanges and set (RFC 8621 §2)."""

from mailsys.ports.mailboxes import Role
from tests.services.jmap.rig import JmapTestCase


class GetTests(JmapTestCase):
    async def test_the_inbox_with_all_its_properties(self):
        await self.deliver(number=1)
        await self.deliver(number=2, keywords="$seen", more="References: <1@example.net>\n")
        found = await self.call("Mailbox/get", ids=[self.inbox])
        (box,) = found["list"]
        rights = box.pop("myRights")
        self.assertEqual([one for one in rights if not rights[one]], ["mayRename", "mayDelete"])
        self.assertEqual(
            box,
            {
                "id": self.inbox, "name": "Inbox", "parentId": None, "role": "inbox", "sortOrder": 0,
                "totalEmails": 2, "unreadEmails": 1, "totalThreads": 1, "unreadThreads": 1,
                "isSubscribed": True,
            },
        )  # fmt: skip

    async def test_null_means_all(self):
        found = await self.call("Mailbox/get", ids=None)
        self.assertEqual({one["role"] for one in found["list"]},
                         {"inbox", "drafts", "sent", "archive", "junk", "trash"})  # fmt: skip

    async def test_properties_are_chosen_and_id_is_always_there(self):
        found = await self.call("Mailbox/get", ids=[self.inbox], properties=["name"])
        self.assertEqual(found["list"], [{"id": self.inbox, "name": "Inbox"}])

    async def test_a_property_that_is_not_known_is_invalid(self):
        await self.fails("invalidArguments", "Mailbox/get", ids=None, properties=["colour"])

    async def test_what_is_missing_is_told_once(self):
        found = await self.call("Mailbox/get", ids=["F999", "x", "F999"])
        self.assertEqual((found["list"], found["notFound"]), ([], ["F999", "x"]))

    async def test_arguments_of_a_wrong_type_are_invalid(self):
        for arguments in ({"ids": "F1"}, {"ids": [1]}, {"properties": "name"}, {"ids": None, "more": 1}):
            error = await self.fails("invalidArguments", "Mailbox/get", **arguments)
            self.assertTrue(error["description"])

    async def test_an_unseen_draft_is_not_unread(self):
        drafts = self.boxes[Role.DRAFTS]
        await self.deliver(mailbox=drafts, keywords="$draft")
        (box,) = (await self.call("Mailbox/get", ids=[drafts]))["list"]
        self.assertEqual((box["totalEmails"], box["unreadEmails"], box["unreadThreads"]), (1, 0, 0))


class SetTests(JmapTestCase):
    async def set(self, **arguments):
        return await self.call("Mailbox/set", **arguments)

    async def make(self, name, **more):
        found = await self.set(create={"n": {"name": name, **more}})
        self.assertEqual(found["notCreated"], None)
        return found["created"]["n"]["id"]

    async def box(self, id_):
        return (await self.call("Mailbox/get", ids=[id_]))["list"][0]

    async def test_a_mailbox_is_created_with_defaults_told(self):
        old = await self.state("Mailbox")
        found = await self.set(create={"n": {"name": "Wörk", "parentId": None}})
        created = found["created"]["n"]
        self.assertEqual(
            {name: created[name] for name in created if name not in ("id", "myRights")},
            {"role": None, "sortOrder": 0, "isSubscribed": True, "totalEmails": 0, "unreadEmails": 0,
             "totalThreads": 0, "unreadThreads": 0},
        )  # fmt: skip
        self.assertEqual(found["oldState"], old)
        self.assertEqual(found["newState"], await self.state("Mailbox"))
        self.assertNotEqual(found["newState"], old)
        box = await self.box(created["id"])
        self.assertEqual((box["name"], box["isSubscribed"], box["parentId"]), ("Wörk", True, None))

    async def test_every_settable_property_is_kept(self):
        parent = await self.make("Parent")
        child = await self.make("Child", parentId=parent, sortOrder=7, isSubscribed=False)
        box = await self.box(child)
        self.assertEqual((box["parentId"], box["sortOrder"], box["isSubscribed"]), (parent, 7, False))

    async def test_a_child_may_come_before_its_parent_in_one_call(self):
        found = await self.set(
            create={
                "b": {"name": "B", "parentId": "#a"},
                "a": {"name": "A", "parentId": "#z"},
                "z": {"name": "Z"},
            }
        )
        self.assertEqual(found["notCreated"], None)
        self.assertEqual(
            (await self.box(found["created"]["b"]["id"]))["parentId"], found["created"]["a"]["id"]
        )

    async def test_a_later_call_knows_the_creation_id(self):
        made = await self.request(
            ["Mailbox/set", {"accountId": self.account, "create": {"k": {"name": "New"}}}, "1"],
            ["Mailbox/get", {"accountId": self.account, "ids": ["#k"], "properties": ["name"]}, "2"],
            createdIds={},
        )
        self.assertEqual(made["methodResponses"][1][1]["list"][0]["name"], "New")
        self.assertEqual(made["createdIds"], {"k": made["methodResponses"][0][1]["created"]["k"]["id"]})

    async def test_values_that_cannot_be_are_named(self):
        for value, properties in (
            ({}, ["name"]),
            ({"name": ""}, ["name"]),
            ({"name": None}, ["name"]),
            ({"name": 7}, ["name"]),
            ({"name": "a/b"}, ["name"]),
            ({"name": "a\nb"}, ["name"]),
            ({"name": "x" * 256}, ["name"]),
            ({"name": "a", "parentId": "F999"}, ["parentId"]),
            ({"name": "a", "parentId": "#none"}, ["parentId"]),
            ({"name": "a", "parentId": 7}, ["parentId"]),
            ({"name": "a", "role": "king"}, ["role"]),
            ({"name": "a", "role": "sent"}, ["role"]),
            ({"name": "a", "sortOrder": -1}, ["sortOrder"]),
            ({"name": "a", "sortOrder": 2**31}, ["sortOrder"]),
            ({"name": "a", "sortOrder": True}, ["sortOrder"]),
            ({"name": "a", "isSubscribed": 1}, ["isSubscribed"]),
            ({"name": "a", "totalEmails": 1}, ["totalEmails"]),
            ({"name": "a", "id": "F1"}, ["id"]),
            ({"name": "a", "colour": "red"}, ["colour"]),
        ):
            found = await self.set(create={"n": value})
            error = found["notCreated"]["n"]
            self.assertEqual(
                (error["type"], error.get("properties")), ("invalidProperties", properties), value
            )

    async def test_a_name_that_a_sibling_has_tells_whose_it_is(self):
        taken = await self.make("Taken")
        for name, other in (("Taken", taken), ("inbox", self.inbox)):
            error = (await self.set(create={"n": {"name": name}}))["notCreated"]["n"]
            self.assertEqual((error["type"], error["existingId"]), ("alreadyExists", other))

    async def test_a_name_is_kept_in_its_normal_form_and_told_so(self):
        found = await self.set(create={"n": {"name": "u\u0308"}})
        self.assertEqual(found["created"]["n"]["name"], "ü")
        one = found["created"]["n"]["id"]
        found = await self.set(update={one: {"name": "o\u0308"}})
        self.assertEqual(found["updated"], {one: {"name": "ö"}})
        self.assertEqual((await self.box(one))["name"], "ö")

    async def test_a_name_may_be_used_again_under_another_parent(self):
        parent = await self.make("One")
        await self.make("Same")
        await self.make("Same", parentId=parent)

    async def test_properties_are_updated(self):
        one = await self.make("One")
        two = await self.make("Two")
        found = await self.set(
            update={two: {"name": "2", "parentId": one, "sortOrder": 3, "isSubscribed": False}}
        )
        self.assertEqual(found["updated"], {two: None})
        box = await self.box(two)
        self.assertEqual(
            (box["name"], box["parentId"], box["sortOrder"], box["isSubscribed"]), ("2", one, 3, False)
        )
        await self.set(update={two: {"parentId": None, "sortOrder": None}})
        box = await self.box(two)
        self.assertEqual((box["parentId"], box["sortOrder"]), (None, 0))

    async def test_a_role_moves_from_one_to_another_in_one_call(self):
        new = await self.make("New trash")
        old = self.boxes[Role.TRASH]
        found = await self.set(update={new: {"role": "trash"}, old: {"role": None}})
        self.assertEqual(found["updated"], {new: None, old: None})
        self.assertEqual((await self.box(new))["role"], "trash")
        self.assertEqual((await self.box(old))["role"], None)

    async def test_names_are_swapped_in_one_call(self):
        one, two = await self.make("One"), await self.make("Two")
        found = await self.set(update={one: {"name": "Two"}, two: {"name": "One"}})
        self.assertEqual((found["updated"], found["notUpdated"]), ({one: None, two: None}, None))
        self.assertEqual((await self.box(one))["name"], "Two")

    async def test_a_name_that_is_freed_in_the_same_call_can_be_taken(self):
        old = await self.make("Name")
        found = await self.set(create={"n": {"name": "Name"}}, destroy=[old])
        self.assertEqual((found["notCreated"], found["destroyed"]), (None, [old]))

    async def test_a_failed_swap_leaves_names_as_they_were(self):
        one, two = await self.make("One"), await self.make("Two")
        await self.make("Three")
        found = await self.set(update={one: {"name": "Three"}, two: {"name": "Three"}})
        self.assertEqual(set(found["notUpdated"]), {one, two})
        self.assertEqual(((await self.box(one))["name"], (await self.box(two))["name"]), ("One", "Two"))

    async def test_a_swap_that_another_name_stops_leaves_all_as_it_was(self):
        one, two, three = [await self.make(name) for name in ("One", "Two", "Three")]
        found = await self.set(
            update={one: {"name": "Two"}, two: {"name": "Three"}, three: {"name": "Inbox/"}}
        )
        self.assertEqual(set(found["notUpdated"]), {one, two, three})
        self.assertEqual((await self.box(one))["name"], "One")
        self.assertEqual((await self.box(two))["name"], "Two")

    async def test_names_go_round_while_others_fail(self):
        names = ("One", "Two", "Three", "Four", "Five")
        one, two, three, four, five = [await self.make(name) for name in names]
        found = await self.set(
            update={
                one: {"name": "Two"},
                two: {"name": "Three"},
                three: {"name": "One"},
                four: {"name": "Five"},
                five: {"name": "Two"},
            }
        )
        self.assertEqual(set(found["updated"]), {one, two, three})
        self.assertEqual(set(found["notUpdated"]), {four, five})
        shown = [(await self.box(one))["name"] for one in (one, two, three, four, five)]
        self.assertEqual(shown, ["Two", "Three", "One", "Four", "Five"])

    async def test_parent_and_child_change_places(self):
        one = await self.make("One")
        two = await self.make("Two", parentId=one)
        found = await self.set(update={one: {"parentId": two}, two: {"parentId": None}})
        self.assertEqual((found["updated"], found["notUpdated"]), ({one: None, two: None}, None))
        found = await self.set(
            update={one: {"parentId": None, "name": "Two"}, two: {"parentId": one, "name": "One"}}
        )
        self.assertEqual((found["updated"], found["notUpdated"]), ({one: None, two: None}, None))
        self.assertEqual(((await self.box(one))["name"], (await self.box(one))["parentId"]), ("Two", None))
        self.assertEqual(((await self.box(two))["name"], (await self.box(two))["parentId"]), ("One", one))

    async def test_a_new_mailbox_takes_the_name_and_children_of_one_that_goes(self):
        old = await self.make("Name")
        child = await self.make("Child", parentId=old)
        found = await self.set(
            create={"n": {"name": "Name"}}, update={child: {"parentId": "#n"}}, destroy=[old]
        )
        self.assertEqual(
            (found["notCreated"], found["notUpdated"], found["notDestroyed"]), (None, None, None)
        )
        self.assertEqual((await self.box(child))["parentId"], found["created"]["n"]["id"])
        self.assertEqual((await self.box(found["created"]["n"]["id"]))["name"], "Name")

    async def test_one_with_emails_keeps_its_name_though_another_wants_it(self):
        old = await self.make("Name")
        child = await self.make("Child", parentId=old)
        await self.deliver(mailbox=old)
        found = await self.set(
            create={"n": {"name": "Name"}}, update={child: {"parentId": "#n"}}, destroy=[old]
        )
        self.assertEqual((set(found["notCreated"]), set(found["notUpdated"])), ({"n"}, {child}))
        self.assertEqual(set(found["notDestroyed"]), {old})
        self.assertEqual((await self.box(old))["name"], "Name")
        self.assertEqual((await self.box(child))["parentId"], old)

    async def test_a_new_mailbox_is_patched_in_the_same_call(self):
        old = await self.make("Name")
        found = await self.set(create={"n": {"name": "Name"}}, update={"#n": {"sortOrder": 3}}, destroy=[old])
        self.assertEqual((found["notUpdated"], found["destroyed"]), (None, [old]))
        self.assertEqual((await self.box(found["created"]["n"]["id"]))["sortOrder"], 3)

    async def test_a_patch_of_one_that_could_not_be_made_finds_nothing(self):
        found = await self.set(
            create={"n": {"name": "a/b"}}, update={"#n": {"sortOrder": 3}}, destroy=["#n", "#other"]
        )
        self.assertEqual(list(found["notCreated"]), ["n"])
        self.assertEqual({key: one["type"] for key, one in found["notDestroyed"].items()},
                         {"#n": "notFound", "#other": "notFound"})  # fmt: skip
        found = await self.set(create={"n": {"name": "a/b"}}, update={"#n": {"sortOrder": 3}})
        self.assertEqual(found["notUpdated"]["#n"]["type"], "notFound")

    async def test_a_new_mailbox_can_be_destroyed_in_the_same_call(self):
        found = await self.set(create={"n": {"name": "Name"}}, destroy=["#n"])
        self.assertEqual(found["destroyed"], [found["created"]["n"]["id"]])
        self.assertEqual((found["notDestroyed"], found["newState"]), (None, await self.state("Mailbox")))

    async def test_any_mailbox_may_be_given_back_whole(self):
        await self.make("One", parentId=await self.make("Above"), sortOrder=4, isSubscribed=False)
        before = await self.state("Mailbox")
        boxes = (await self.call("Mailbox/get"))["list"]
        found = await self.set(update={box["id"]: box for box in boxes})
        self.assertEqual((found["updated"], found["notUpdated"]), ({box["id"]: None for box in boxes}, None))
        self.assertEqual((found["oldState"], found["newState"]), (before, before))

    async def test_more_than_an_account_may_have_are_over_its_quota(self):
        made = 0
        for call in range(20):
            found = await self.set(create={f"n{at}": {"name": f"{call} {at}"} for at in range(500)})
            made += len(found["created"] or ())
            if found["notCreated"]:
                self.assertEqual({one["type"] for one in found["notCreated"].values()}, {"overQuota"})
                self.assertGreaterEqual(made, 4000)
                return
        self.fail("there is no bound")

    async def test_children_may_come_before_their_parents(self):
        for deep in (9, 32):
            create = {f"n{at}": {"name": f"{deep}", "parentId": f"#n{at + 1}"} for at in range(deep - 1)}
            found = await self.set(create={**create, f"n{deep - 1}": {"name": f"{deep}"}})
            self.assertEqual((len(found["created"]), found["notCreated"]), (deep, None))

    async def test_no_mailbox_is_below_itself(self):
        one = await self.make("One")
        two = await self.make("Two", parentId=one)
        for parent in (one, two):
            found = await self.set(update={one: {"parentId": parent}})
            error = found["notUpdated"][one]
            self.assertEqual((error["type"], error["properties"]), ("invalidProperties", ["parentId"]))

    async def test_what_the_server_sets_may_be_sent_back_but_not_changed(self):
        one = await self.make("One")
        found = await self.set(update={one: {"totalEmails": 0, "id": one}})
        self.assertEqual(found["updated"], {one: None})
        for name, value in {"totalEmails": 5, "id": "F9", "myRights": {}, "unknown": 1}.items():
            found = await self.set(update={one: {name: value}})
            self.assertEqual(found["notUpdated"][one]["properties"], [name])
        found = await self.set(update={one: {"myRights/mayRename": False}})
        self.assertEqual(found["notUpdated"][one]["type"], "invalidProperties")

    async def test_a_bad_patch_is_told_so(self):
        found = await self.set(update={self.inbox: {"name/x": 1}})
        self.assertEqual(found["notUpdated"][self.inbox]["type"], "invalidPatch")

    async def test_the_inbox_stays(self):
        for patch in ({"name": "Other"}, {"role": None}, {"role": "archive"}):
            found = await self.set(update={self.inbox: patch})
            self.assertIn(found["notUpdated"][self.inbox]["type"], ("forbidden", "invalidProperties"))
        found = await self.set(destroy=[self.inbox])
        self.assertEqual(found["notDestroyed"][self.inbox]["type"], "forbidden")

    async def test_a_mailbox_with_children_is_destroyed_with_them_or_not_at_all(self):
        one = await self.make("One")
        two = await self.make("Two", parentId=one)
        found = await self.set(destroy=[one])
        self.assertEqual(found["notDestroyed"][one]["type"], "mailboxHasChild")
        found = await self.set(destroy=[one, two])
        self.assertEqual(set(found["destroyed"]), {one, two})

    async def test_a_mailbox_with_emails_is_destroyed_only_when_they_may_go(self):
        one = await self.make("One")
        only = await self.deliver(mailbox=one, number=1)
        both = await self.deliver(mailbox=one, number=2)
        await self.call("Email/set", update={both: {f"mailboxIds/{self.inbox}": True}})
        found = await self.set(destroy=[one])
        self.assertEqual(found["notDestroyed"][one]["type"], "mailboxHasEmail")
        found = await self.set(destroy=[one], onDestroyRemoveEmails=True)
        self.assertEqual(found["destroyed"], [one])
        found = await self.call("Email/get", ids=[only, both], properties=["mailboxIds"])
        self.assertEqual(found["notFound"], [only])
        self.assertEqual(found["list"][0]["mailboxIds"], {self.inbox: True})

    async def test_what_is_not_there_is_not_found(self):
        found = await self.set(update={"F999": {"name": "x"}}, destroy=["F998", "x"])
        self.assertEqual(found["notUpdated"]["F999"]["type"], "notFound")
        self.assertEqual(found["notDestroyed"]["F998"]["type"], "notFound")
        self.assertEqual(found["notDestroyed"]["x"]["type"], "notFound")

    async def test_an_update_of_what_is_destroyed_says_so(self):
        one = await self.make("One")
        found = await self.set(update={one: {"name": "Two"}}, destroy=[one])
        self.assertEqual(found["notUpdated"][one]["type"], "willDestroy")
        self.assertEqual(found["destroyed"], [one])

    async def test_another_state_than_expected_changes_nothing(self):
        state = await self.state("Mailbox")
        await self.set(ifInState=state, create={"n": {"name": "One"}})
        await self.fails("stateMismatch", "Mailbox/set", ifInState=state, create={"n": {"name": "Two"}})
        names = [box["name"] for box in (await self.call("Mailbox/get"))["list"]]
        self.assertIn("One", names)
        self.assertNotIn("Two", names)

    async def test_arguments_of_a_wrong_type_are_invalid(self):
        for arguments in ({"create": []}, {"create": {"n": 1}}, {"update": {"F1": []}}, {"destroy": "F1"},
                          {"onDestroyRemoveEmails": 1}, {"ifInState": 3}, {"other": 1}):  # fmt: skip
            await self.fails("invalidArguments", "Mailbox/set", **arguments)

    async def test_more_objects_than_allowed_are_refused(self):
        many = {f"n{number}": {"name": f"N{number}"} for number in range(501)}
        await self.fails("requestTooLarge", "Mailbox/set", create=many)

    async def test_anothers_mailbox_is_not_found(self):
        other = (await self.store.mail.mailboxes(self.bob.id))[1]
        found = await self.set(update={f"F{other.id}": {"name": "Mine"}}, destroy=[f"F{other.id}"])
        self.assertEqual(found["updated"], None)
        self.assertEqual(found["destroyed"], None)


class ChangesTests(JmapTestCase):
    async def test_creating_changing_and_destroying_are_told(self):
        made = await self.call("Mailbox/set", create={"a": {"name": "A"}, "b": {"name": "B"}})
        a, b = made["created"]["a"]["id"], made["created"]["b"]["id"]
        state = await self.state("Mailbox")
        made = await self.call(
            "Mailbox/set", create={"c": {"name": "C"}}, update={a: {"name": "AA"}}, destroy=[b]
        )
        found = await self.call("Mailbox/changes", sinceState=state)
        self.assertEqual(
            (found["created"], found["updated"], found["destroyed"]), ([made["created"]["c"]["id"]], [a], [b])
        )
        self.assertEqual((found["oldState"], found["newState"], found["hasMoreChanges"]),
                         (state, await self.state("Mailbox"), False))  # fmt: skip
        self.assertEqual(found["updatedProperties"], None)

    async def test_new_mail_changes_only_counts(self):
        state = await self.state("Mailbox")
        await self.deliver()
        found = await self.call("Mailbox/changes", sinceState=state)
        self.assertEqual(found["updated"], [self.inbox])
        self.assertEqual(set(found["updatedProperties"]),
                         {"totalEmails", "unreadEmails", "totalThreads", "unreadThreads"})  # fmt: skip

    async def test_nothing_changed_is_told_so(self):
        state = await self.state("Mailbox")
        found = await self.call("Mailbox/changes", sinceState=state)
        self.assertEqual(
            (found["created"], found["updated"], found["destroyed"], found["newState"]), ([], [], [], state)
        )

    async def test_changes_come_in_steps(self):
        state = first = await self.state("Mailbox")
        for name in "ABC":
            await self.call("Mailbox/set", create={"n": {"name": name}})
        created = []
        for _ in range(10):
            found = await self.call("Mailbox/changes", sinceState=state, maxChanges=1)
            created += found["created"]
            state = found["newState"]
            if not found["hasMoreChanges"]:
                break
        self.assertEqual(len(set(created)), 3)
        self.assertNotEqual(state, first)
        self.assertEqual(state, await self.state("Mailbox"))

    async def test_states_that_never_were_cannot_be_calculated_from(self):
        for state in ("x", "", "-1", "999999", "007"):
            await self.fails("cannotCalculateChanges", "Mailbox/changes", sinceState=state)

    async def test_arguments_of_a_wrong_type_are_invalid(self):
        for arguments in (
            {},
            {"sinceState": 1},
            {"sinceState": "0", "maxChanges": 0},
            {"sinceState": "0", "maxChanges": -1},
            {"sinceState": "0", "maxChanges": "1"},
        ):
            await self.fails("invalidArguments", "Mailbox/changes", **arguments)


class QueryTests(JmapTestCase):
    async def tree(self):
        made = await self.call(
            "Mailbox/set",
            create={
                "z": {"name": "Zoo", "sortOrder": 1}, "a": {"name": "Ape", "parentId": "#z", "sortOrder": 3},
                "b": {"name": "Bee", "parentId": "#z", "sortOrder": 2, "isSubscribed": False},
                "c": {"name": "Cat", "parentId": "#a", "sortOrder": 9},
            },
        )  # fmt: skip
        return {key: one["id"] for key, one in made["created"].items()}

    async def ids(self, **arguments):
        return (await self.call("Mailbox/query", **arguments))["ids"]

    async def test_each_condition_chooses(self):
        box = await self.tree()
        self.assertEqual(set(await self.ids(filter={"parentId": box["z"]})), {box["a"], box["b"]})
        self.assertIn(box["z"], await self.ids(filter={"parentId": None}))
        self.assertNotIn(box["a"], await self.ids(filter={"parentId": None}))
        self.assertEqual(await self.ids(filter={"name": "EE"}), [box["b"]])
        self.assertEqual(await self.ids(filter={"role": "inbox"}), [self.inbox])
        self.assertEqual(set(await self.ids(filter={"role": None})), set(box.values()))
        self.assertEqual(set(await self.ids(filter={"hasAnyRole": False})), set(box.values()))
        self.assertEqual(await self.ids(filter={"isSubscribed": False}), [box["b"]])
        self.assertEqual(await self.ids(filter={"name": "e", "role": None, "isSubscribed": True}), [box["a"]])

    async def test_operators_combine(self):
        box = await self.tree()
        either = {"operator": "OR", "conditions": [{"name": "ape"}, {"name": "bee"}]}
        self.assertEqual(set(await self.ids(filter=either)), {box["a"], box["b"]})
        both = {"operator": "AND", "conditions": [either, {"isSubscribed": True}]}
        self.assertEqual(await self.ids(filter=both), [box["a"]])
        neither = {"operator": "NOT", "conditions": [either, {"hasAnyRole": True}]}
        self.assertEqual(set(await self.ids(filter=neither)), {box["z"], box["c"]})

    async def test_sorts_order(self):
        box = await self.tree()
        mine = {"hasAnyRole": False}
        self.assertEqual(await self.ids(filter=mine, sort=[{"property": "name"}]),
                         [box[key] for key in "abcz"])  # fmt: skip
        self.assertEqual(await self.ids(filter=mine, sort=[{"property": "sortOrder", "isAscending": False}]),
                         [box[key] for key in "cabz"])  # fmt: skip
        by_parent = [{"property": "parentId"}, {"property": "name"}]
        self.assertEqual(await self.ids(filter=mine, sort=by_parent), [box[key] for key in "zabc"])

    async def test_as_a_tree_children_follow_their_parents(self):
        box = await self.tree()
        found = await self.ids(
            filter={"hasAnyRole": False}, sort=[{"property": "sortOrder"}], sortAsTree=True
        )
        self.assertEqual(found, [box[key] for key in "zbac"])

    async def test_filtered_as_a_tree_a_child_needs_its_parents(self):
        box = await self.tree()
        named = {"operator": "OR", "conditions": [{"name": "zoo"}, {"name": "cat"}]}
        self.assertEqual(set(await self.ids(filter=named)), {box["z"], box["c"]})
        self.assertEqual(await self.ids(filter=named, filterAsTree=True), [box["z"]])

    async def test_a_window_is_taken(self):
        box = await self.tree()
        mine = {"filter": {"hasAnyRole": False}, "sort": [{"property": "name"}], "calculateTotal": True}
        for arguments, position, expected in (
            ({"position": 1, "limit": 2}, 1, "bc"),
            ({"position": -1}, 3, "z"),
            ({"position": -9}, 0, "abcz"),
            ({"position": 9}, 9, ""),
            ({"anchor": box["c"]}, 2, "cz"),
            ({"anchor": box["c"], "anchorOffset": -1, "limit": 2}, 1, "bc"),
            ({"anchor": box["c"], "anchorOffset": -5}, 0, "abcz"),
            ({"limit": 0}, 0, ""),
        ):
            found = await self.call("Mailbox/query", **mine, **arguments)
            self.assertEqual(found["ids"], [box[key] for key in expected], arguments)
            self.assertEqual((found["position"], found["total"]), (position, 4), arguments)
        await self.fails("anchorNotFound", "Mailbox/query", anchor="F999")

    async def test_what_cannot_be_asked_is_told(self):
        await self.fails("unsupportedSort", "Mailbox/query", sort=[{"property": "colour"}])
        await self.fails("unsupportedSort", "Mailbox/query", sort=[{"property": "name", "collation": "i;x"}])
        await self.fails("unsupportedFilter", "Mailbox/query", filter={"colour": 1})
        for arguments in (
            {"filter": []},
            {"filter": {"name": 1}},
            {"filter": {"parentId": 1}},
            {"limit": -1},
            {"position": "0"},
            {"filter": {"operator": "XOR", "conditions": []}},
            {"filter": {"operator": "AND"}},
            {"sort": {}},
            {"sort": [{}]},
            {"sort": [{"property": "name", "isAscending": 1}]},
            {"sortAsTree": 1},
            {"calculateTotal": None},
            {"anchorOffset": "1"},
        ):
            await self.fails("invalidArguments", "Mailbox/query", **arguments)

    async def apply(self, before, arguments):
        """What a client makes of queryChanges."""
        found = await self.call("Mailbox/queryChanges", **arguments)
        ids = [one for one in before if one not in found["removed"]]
        for one in found["added"]:
            ids.insert(one["index"], one["id"])
        return ids, found

    async def test_changes_lead_to_the_new_list(self):
        box = await self.tree()
        for more in ({}, {"sortAsTree": True}, {"sortAsTree": True, "filterAsTree": True}):
            arguments = {"filter": {"hasAnyRole": False}, "sort": [{"property": "name"}], **more}
            before = await self.call("Mailbox/query", **arguments)
            self.assertTrue(before["canCalculateChanges"])
            await self.call(
                "Mailbox/set",
                create={"n": {"name": "Bat"}},
                update={box["z"]: {"name": "Aa" if more else "Yak"}, box["b"]: {"parentId": None}},
            )
            ids, found = await self.apply(
                before["ids"], {**arguments, "sinceQueryState": before["queryState"], "calculateTotal": True}
            )
            after = await self.call("Mailbox/query", **arguments)
            self.assertEqual((ids, found["total"]), (after["ids"], len(ids)))
            self.assertEqual(found["newQueryState"], after["queryState"])
            await self.call("Mailbox/set", destroy=[
                one["id"] for one in (await self.call("Mailbox/get"))["list"] if one["name"] == "Bat"
            ])  # fmt: skip

    async def test_more_changes_than_wanted_are_told_so(self):
        before = await self.call("Mailbox/query")
        await self.call("Mailbox/set", create={"a": {"name": "A"}, "b": {"name": "B"}})
        await self.fails(
            "tooManyChanges", "Mailbox/queryChanges", sinceQueryState=before["queryState"], maxChanges=1
        )
        await self.fails("cannotCalculateChanges", "Mailbox/queryChanges", sinceQueryState="zzz")
