"""AddressBook and ContactCard (RFC 9610)."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import maybeDeferred

from mailsys.core.jmap import ids
from mailsys.services.jmap.contacts.methods import CONTACTS, register_contacts
from mailsys.services.jmap.protocol.api import CORE, MAIL, Caller
from mailsys.services.people import contacts as limits
from mailsys.services.people.contacts import Contacts
from tests.services.jmap.rig import JmapTestCase, Json
from tests.services.jmap.test_garbage import Garbage

PNG = "data:image/png;base64,iVBORw0KGgo="


class ContactsTestCase(JmapTestCase):
    async def open(self) -> None:
        await super().open()
        self.contacts = Contacts(
            self.store.mail, self.store.blobs, self.store.objects, maybeDeferred, self.clock.seconds
        )
        register_contacts(self.api, self.contacts)

    async def request(self, *calls: Any, caller: Caller | None = None, **more: Any) -> Json:
        body = {"using": [CORE, MAIL, CONTACTS], "methodCalls": list(calls), **more}
        return json.loads(await self.api.call(caller or self.caller, json.dumps(body).encode()))

    async def as_bob(self, name: str, /, **arguments: Any) -> Json:
        arguments.setdefault("accountId", ids.account_id(self.bob.id))
        kind, value = await self.answer(name, Caller(self.bob), **arguments)
        self.assertEqual(kind, name, value)
        return value

    async def card(self, **given: Any) -> str:
        """A new card's id."""
        found = await self.call("ContactCard/set", create={"c": given})
        self.assertIsNone(found["notCreated"], found)
        return found["created"]["c"]["id"]

    async def named(self, given: str, surname: str, **more: Any) -> str:
        parts = [{"kind": "given", "value": given}, {"kind": "surname", "value": surname}]
        return await self.card(name={"components": parts}, **more)

    async def read(self, id_: str) -> Json:
        (found,) = (await self.call("ContactCard/get", ids=[id_]))["list"]
        return found

    async def error(self, **given: Any) -> Json:
        return (await self.call("ContactCard/set", create={"c": given}))["notCreated"]["c"]

    async def change(self, id_: str, **patch: Any) -> Json:
        return await self.call("ContactCard/set", update={id_: patch})

    async def query(self, **arguments: Any) -> list[str]:
        return (await self.call("ContactCard/query", **arguments))["ids"]


class BookTests(ContactsTestCase):
    async def book(self, **given: Any) -> str:
        found = await self.call("AddressBook/set", create={"b": {"name": "Work", **given}})
        self.assertIsNone(found["notCreated"], found)
        return found["created"]["b"]["id"]

    async def test_the_first_one_is_there_without_asking(self) -> None:
        found = await self.call("AddressBook/get", ids=None)
        rights = {"mayRead": True, "mayWrite": True, "mayShare": False, "mayDelete": False}
        book = {
            "id": "AB0",
            "name": "Contacts",
            "description": None,
            "sortOrder": 0,
            "isDefault": True,
            "isSubscribed": True,
            "shareWith": None,
            "myRights": rights,
        }
        self.assertEqual(found["list"], [book])
        again = await self.call("AddressBook/get", ids=["AB0", "AB7"], properties=["name"])
        self.assertEqual(again["list"], [{"id": "AB0", "name": "Contacts"}])
        self.assertEqual((again["notFound"], again["state"]), (["AB7"], found["state"]))

    async def test_a_caller_that_may_only_read_sees_so(self) -> None:
        reading = Caller(self.alice, frozenset(("mail:read",)))
        _, found = await self.answer("AddressBook/get", reading, ids=None)
        self.assertFalse(found["list"][0]["myRights"]["mayWrite"])
        kind, value = await self.answer("ContactCard/set", reading, create={"c": {}})
        self.assertEqual((kind, value["type"]), ("error", "accountReadOnly"))

    async def test_defaults_come_back_and_can_be_changed(self) -> None:
        found = await self.call("AddressBook/set", create={"b": {"name": "Work", "sortOrder": 3}})
        made = found["created"]["b"]
        self.assertEqual((made["description"], made["isDefault"], "sortOrder" in made), (None, False, False))
        patch = {"name": "Büro", "description": "x", "sortOrder": None, "isSubscribed": False}
        await self.call("AddressBook/set", update={made["id"]: patch})
        (now,) = (await self.call("AddressBook/get", ids=[made["id"]]))["list"]
        self.assertEqual(
            (now["name"], now["description"], now["sortOrder"], now["isSubscribed"]), ("Büro", "x", 0, False)
        )
        patch = {"description": None, "isSubscribed": None}  # null stands for the default (RFC 8620 §5.3)
        await self.call("AddressBook/set", update={made["id"]: patch})
        (now,) = (await self.call("AddressBook/get", ids=[made["id"]]))["list"]
        self.assertEqual((now["description"], now["isSubscribed"]), (None, True))

    async def test_all_that_is_wrong_is_named(self) -> None:
        for given, wrong in (
            ({}, ["name"]),
            ({"name": ""}, ["name"]),
            ({"name": "ü" * 128}, ["name"]),
            ({"name": "x", "isDefault": True}, ["isDefault"]),
            (
                {"name": "x", "sortOrder": -1, "description": 1, "isSubscribed": 0},
                ["description", "isSubscribed", "sortOrder"],
            ),
            ({"name": "x", "shareWith": {"A7": {"mayRead": True}}}, ["shareWith"]),
        ):
            found = await self.call("AddressBook/set", create={"b": given})
            error = found["notCreated"]["b"]
            self.assertEqual((error["type"], sorted(error["properties"])), ("invalidProperties", wrong))
        found = await self.call("AddressBook/set", update={"AB0": {"isDefault": False}})
        self.assertEqual(found["notUpdated"]["AB0"]["properties"], ["isDefault"])

    async def test_another_default(self) -> None:
        found = await self.call("AddressBook/set", create={"b": {"name": "Work"}}, onSuccessSetIsDefault="#b")
        made = found["created"]["b"]
        self.assertTrue(made["isDefault"])
        self.assertFalse(made["myRights"]["mayDelete"])
        self.assertFalse(found["updated"]["AB0"]["isDefault"])
        card = await self.read(await self.card(name={"full": "A"}))
        self.assertEqual(card["addressBookIds"], {made["id"]: True})
        found = await self.call("AddressBook/set", onSuccessSetIsDefault="AB7")
        self.assertIsNone(found["updated"])
        found = await self.call("AddressBook/set", update={"AB0": {"name": ""}}, onSuccessSetIsDefault="AB0")
        self.assertIsNone(found["updated"])
        found = await self.call("AddressBook/set", destroy=["AB0", made["id"]])
        self.assertEqual(found["destroyed"], ["AB0"])
        self.assertEqual(found["notDestroyed"][made["id"]]["type"], "forbidden")

    async def test_a_book_with_cards(self) -> None:
        work = await self.book()
        only = await self.card(name={"full": "Only"}, addressBookIds={work: True})
        both = await self.card(name={"full": "Both"}, addressBookIds={work: True, "AB0": True})
        found = await self.call("AddressBook/set", destroy=[work])
        self.assertEqual(found["notDestroyed"][work]["type"], "addressBookHasContents")
        found = await self.call("AddressBook/set", destroy=[work], onDestroyRemoveContents=True)
        self.assertEqual(found["destroyed"], [work])
        left = await self.call("ContactCard/get", ids=[only, both])
        self.assertEqual(left["notFound"], [only])
        self.assertEqual(left["list"][0]["addressBookIds"], {"AB0": True})

    async def test_changes_tell_of_each_alone(self) -> None:
        state = (await self.call("AddressBook/get", ids=[]))["state"]
        found = await self.call("AddressBook/set", create={"a": {"name": "A"}, "b": {"name": "B"}})
        self.assertEqual(found["oldState"], state)
        a, b = (found["created"][key]["id"] for key in "ab")
        first = await self.call("AddressBook/changes", sinceState=state, maxChanges=1)
        self.assertEqual((first["created"], first["hasMoreChanges"]), ([a], True))
        second = await self.call("AddressBook/changes", sinceState=first["newState"])
        self.assertEqual((second["created"], second["newState"]), ([b], found["newState"]))
        await self.fails("stateMismatch", "AddressBook/set", ifInState=state, create={})

    async def test_there_are_not_too_many(self) -> None:
        self.contacts.most_books = 2
        await self.book()
        found = await self.call("AddressBook/set", create={"b": {"name": "C"}})
        self.assertEqual(found["notCreated"]["b"]["type"], "overQuota")


class CardTests(ContactsTestCase):
    async def test_a_card_keeps_all_it_was_given(self) -> None:
        given = {
            "@type": "Card",
            "version": "1.0",
            "uid": "urn:x:1",
            "kind": "individual",
            "addressBookIds": {"AB0": True},
            "created": "2001-01-01T00:00:00Z",
            "updated": "2002-01-01T00:00:00Z",
            "name": {
                "full": "Anna Öz",
                "components": [{"kind": "given", "value": "Anna", "example.com:x": [1]}],
            },
            "emails": {
                "e": {"address": "anna@example.org", "contexts": {"work": True}, "pref": 1, "label": "L"}
            },
            "example.com:own": {"deep": [{"a": None}]},
            "vCardProps": [["x-foo", {}, "text", "bar"]],
        }
        found = await self.call("ContactCard/set", create={"c": given})
        id_ = found["created"]["c"]["id"]
        self.assertEqual(found["created"]["c"], {"id": id_})
        self.assertEqual(await self.read(id_), {"id": id_, **given})

    async def test_what_was_not_given_is_told(self) -> None:
        made = (await self.call("ContactCard/set", create={"c": {"name": {"full": "A"}}}))["created"]["c"]
        self.assertEqual(set(made), {"id", "@type", "version", "uid", "created", "updated", "addressBookIds"})
        self.assertTrue(made["uid"].startswith("urn:uuid:"))
        self.assertEqual(made["created"], "2025-11-24T16:00:00Z")

    async def test_only_some_properties(self) -> None:
        id_ = await self.card(uid="u", name={"full": "A"})
        found = await self.call("ContactCard/get", ids=[id_, "Cx"], properties=["uid", "nothing"])
        self.assertEqual((found["list"], found["notFound"]), ([{"id": id_, "uid": "u"}], ["Cx"]))
        self.assertEqual(len((await self.call("ContactCard/get", ids=None))["list"]), 1)

    async def test_what_is_not_jscontact(self) -> None:
        for name, wrong in (
            ("name", "Anna"),
            ("name", {}),
            ("name", {"components": [{"value": "x"}]}),
            ("emails", {"a": {"address": 1}}),
            ("emails", {"!": {"address": "x"}}),
            ("emails", ["x"]),
            ("emails", {"a": {"address": "x", "pref": 0}}),
            ("phones", {"a": {"number": "1", "features": {"fax": 1}}}),
            ("members", {"a": False}),
            ("uid", ""),
            ("kind", 3),
            ("created", "yesterday"),
            ("version", "2.0"),
            ("anniversaries", {"a": {"kind": "birth", "date": {"month": 13}}}),
            ("anniversaries", {"a": {"kind": "birth", "date": {"day": 1}}}),
            ("media", {"a": {"kind": "photo"}}),
            ("media", {"a": {"kind": "photo", "uri": "data:image/png;base64,!"}}),
            ("media", {"a": {"kind": "photo", "blobId": "Bnothing"}}),
            ("notes", {"n": {"note": None}}),
            ("addressBookIds", {}),
            ("addressBookIds", {"AB0": False}),
            ("addressBookIds", {"AB7": True}),
            ("addressBookIds", ["AB0"]),
            ("id", "C1"),
            ("localizations", {"de": 1}),
            ("example.com:deep", json.loads("[" * 40 + "]" * 40)),
        ):
            error = await self.error(**{name: wrong})
            self.assertEqual((error["type"], error["properties"]), ("invalidProperties", [name]), wrong)

    async def test_of_one_uid_there_is_one_card(self) -> None:
        id_ = await self.card(uid="u", name={"full": "A"})
        error = await self.error(uid="u", name={"full": "B"})
        self.assertEqual((error["properties"], error["existingId"]), (["uid"], id_))
        await self.call("ContactCard/set", destroy=[id_])
        self.assertEqual(await self.card(uid="u", name={"full": "C"}), id_)

    async def test_patches(self) -> None:
        id_ = await self.card(
            uid="u", name={"full": "A"}, emails={"a": {"address": "a@x"}, "b": {"address": "b@x"}}, kind="org"
        )
        self.clock.advance(60)
        found = await self.change(id_, **{"emails/a/label": "new", "emails/b": None, "kind": None})
        self.assertEqual(found["updated"], {id_: {"updated": "2025-11-24T16:01:00Z"}})
        card = await self.read(id_)
        self.assertEqual(card["emails"], {"a": {"address": "a@x", "label": "new"}})
        self.assertNotIn("kind", card)
        self.assertEqual((await self.change(id_, name={"full": "A"}))["updated"], {id_: None})
        for patch, wrong in (
            ({"uid": "v"}, ["uid"]),
            ({"id": "C1"}, ["id"]),
            ({"uid": None}, ["uid"]),
            ({"emails/a/address": 3}, ["emails"]),
            ({"addressBookIds/AB0": None}, ["addressBookIds"]),
        ):
            self.assertEqual((await self.change(id_, **patch))["notUpdated"][id_]["properties"], wrong)
        self.assertEqual(
            (await self.change(id_, **{"phones/x/number": "1"}))["notUpdated"][id_]["type"], "invalidPatch"
        )
        self.assertEqual((await self.change("Cx", kind="org"))["notUpdated"]["Cx"]["type"], "notFound")

    async def test_books_may_be_those_of_the_same_request(self) -> None:
        answers = await self.request(
            ["AddressBook/set", {"accountId": self.account, "create": {"b": {"name": "B"}}}, "0"],
            [
                "ContactCard/set",
                {
                    "accountId": self.account,
                    "create": {"c": {"name": {"full": "A"}, "addressBookIds": {"#b": True}}},
                    "update": {"#c": {"addressBookIds/AB0": True}},
                },
                "1",
            ],
        )
        book = answers["methodResponses"][0][1]["created"]["b"]["id"]
        made = answers["methodResponses"][1][1]["created"]["c"]["id"]
        self.assertEqual((await self.read(made))["addressBookIds"], {book: True, "AB0": True})

    async def test_a_card_that_is_too_large(self) -> None:
        error = await self.error(name={"full": "A"}, notes={"n": {"note": "x" * 300_000}})
        self.assertEqual(error["type"], "tooLarge")

    async def test_there_are_not_too_many(self) -> None:
        self.assertEqual(self.contacts.most_cards, 10_000)  # what a store lists
        self.contacts.most_cards = 2
        one = await self.card(name={"full": "A"})
        found = await self.call("ContactCard/set", create={k: {"name": {"full": k}} for k in "bc"})
        self.assertEqual((len(found["created"]), found["notCreated"]["c"]["type"]), (1, "overQuota"))
        await self.call("ContactCard/set", destroy=[one])
        await self.card(name={"full": "C"})

    async def test_destroy(self) -> None:
        id_ = await self.card(name={"full": "A"})
        found = await self.call("ContactCard/set", destroy=[id_, "Cx"], update={id_: {"kind": "org"}})
        self.assertEqual((found["destroyed"], found["notDestroyed"]["Cx"]["type"]), ([id_], "notFound"))
        self.assertEqual(found["notUpdated"][id_]["type"], "willDestroy")

    async def test_changes_and_states(self) -> None:
        state = (await self.call("ContactCard/get", ids=[]))["state"]
        one, two = await self.card(name={"full": "A"}), await self.card(name={"full": "B"})
        middle = (await self.call("ContactCard/get", ids=[]))["state"]
        await self.change(one, kind="org")
        await self.call("ContactCard/set", destroy=[two])
        found = await self.call("ContactCard/changes", sinceState=middle)
        self.assertEqual((found["created"], found["updated"], found["destroyed"]), ([], [one], [two]))
        found = await self.call("ContactCard/changes", sinceState=state)
        self.assertEqual((found["created"], found["destroyed"]), ([one], []))
        await self.fails("cannotCalculateChanges", "ContactCard/changes", sinceState="nonsense")
        pushed = await self.api.state_change(self.alice.id, ["ContactCard", "AddressBook"])
        self.assertEqual(pushed["ContactCard"], found["newState"])

    async def test_nobody_sees_anothers(self) -> None:
        id_ = await self.card(uid="u", name={"full": "A"}, media={"p": {"kind": "photo", "uri": PNG}})
        blob = (await self.read(id_))["media"]["p"]["blobId"]
        self.assertEqual((await self.as_bob("ContactCard/get", ids=[id_]))["notFound"], [id_])
        self.assertEqual((await self.as_bob("ContactCard/query"))["ids"], [])
        found = await self.as_bob("ContactCard/set", update={id_: {"kind": "org"}})
        self.assertEqual(found["notUpdated"][id_]["type"], "notFound")
        found = await self.as_bob("ContactCard/set", destroy=[id_])
        self.assertEqual(found["notDestroyed"][id_]["type"], "notFound")
        stolen = {"name": {"full": "B"}, "media": {"p": {"kind": "photo", "blobId": blob}}}
        found = await self.as_bob(
            "ContactCard/set", create={"c": stolen, "d": {"uid": "u", "name": {"full": "B"}}}
        )
        self.assertEqual(found["notCreated"]["c"]["properties"], ["media"])
        self.assertEqual((await self.read(id_))["name"], {"full": "A"})
        await self.fails("accountNotFound", "ContactCard/get", accountId=ids.account_id(self.bob.id), ids=[])

    async def test_there_is_no_other_account_to_copy_from(self) -> None:
        copied = {"create": {"c": {"id": "C1", "addressBookIds": {"AB0": True}}}}
        await self.fails("fromAccountNotFound", "ContactCard/copy", fromAccountId=f"A{self.bob.id}", **copied)
        await self.fails("invalidArguments", "ContactCard/copy", fromAccountId=self.account, create={})


class MediaTests(ContactsTestCase):
    async def holds(self, blob: str) -> bool:
        await self.store.tidy()
        name = ids.parse_blob_id(blob)
        assert name is not None
        return await self.store.mail.holds(self.alice.id, name.blob)

    async def test_a_data_uri_becomes_a_blob(self) -> None:
        made = (
            await self.call(
                "ContactCard/set",
                create={
                    "c": {"name": {"full": "A"}, "media": {"p": {"kind": "photo", "uri": PNG, "label": "x"}}}
                },
            )
        )["created"]["c"]
        photo = (await self.read(made["id"]))["media"]["p"]
        self.assertEqual(
            {name: one for name, one in photo.items() if name != "blobId"},
            {"kind": "photo", "label": "x", "mediaType": "image/png"},
        )
        self.assertEqual(made["media"]["p"], photo)
        self.assertTrue(await self.holds(photo["blobId"]))

    async def test_an_upload_stays_as_long_as_a_card_has_it(self) -> None:
        blob = await self.upload(b"a photo", "image/jpeg")
        photo = {"p": {"kind": "photo", "blobId": blob}}
        one = await self.card(name={"full": "A"}, media=photo)
        two = await self.card(name={"full": "B"}, media=photo)
        self.assertEqual((await self.read(one))["media"]["p"]["mediaType"], "image/jpeg")
        self.clock.advance(10 * 86400)
        self.assertTrue(await self.holds(blob))
        await self.change(one, media=None)
        self.clock.advance(2 * 86400)
        self.assertTrue(await self.holds(blob))
        await self.call("ContactCard/set", destroy=[two])
        self.assertTrue(await self.holds(blob))  # for a while: the deletion may be undone
        self.clock.advance(2 * 86400)
        self.assertFalse(await self.holds(blob))

    async def test_a_part_of_a_message(self) -> None:
        content = (
            b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n"
        )
        email = await self.deliver(content)
        part = await self.get(email, "bodyStructure")
        id_ = await self.card(name={"full": "A"}, media={"p": {"kind": "photo", "blobId": part["blobId"]}})
        kept = (await self.read(id_))["media"]["p"]["blobId"]
        self.assertNotEqual(kept, part["blobId"])
        self.assertTrue(await self.holds(kept))

    async def test_one_that_is_too_large(self) -> None:
        blob = await self.upload(b"x" * (limits.MEDIUM_SIZE + 1))
        error = await self.error(name={"full": "A"}, media={"p": {"kind": "photo", "blobId": blob}})
        self.assertEqual(error["type"], "tooLarge")


class QueryTests(ContactsTestCase):
    async def people(self) -> tuple[str, str, str, str]:
        self.anna = await self.named(
            "Anna",
            "Öz",
            uid="urn:uuid:anna",
            created="2001-01-01T00:00:00Z",
            nicknames={"n": {"name": "Anni"}},
            emails={"e": {"address": "anna@example.org"}},
            phones={"p": {"number": "+49 (170) 12-34"}},
            organizations={"o": {"name": "Beispiel", "units": [{"name": "Sales"}]}},
        )
        self.bert = await self.named(
            "Bert",
            "Abel",
            uid="bert",
            created="2002-01-01T00:00:00Z",
            addresses={"a": {"components": [{"kind": "locality", "value": "Köln"}]}},
            onlineServices={"s": {"service": "Mastodon", "user": "@bert"}},
            notes={"n": {"note": "met in Rome"}},
        )
        self.caro = await self.named("Caro", "Abel", created="2003-01-01T00:00:00Z", kind="org")
        self.team = await self.card(
            name={"full": "The Team"},
            kind="group",
            created="2004-01-01T00:00:00Z",
            members={"anna": True, "urn:uuid:bert": True},
        )
        return self.anna, self.bert, self.caro, self.team

    async def test_each_condition(self) -> None:
        anna, bert, caro, team = await self.people()
        for condition, wanted in (
            ({"inAddressBook": "AB0"}, {anna, bert, caro, team}),
            ({"inAddressBook": "AB7"}, set()),
            ({"uid": "bert"}, {bert}),
            ({"hasMember": "urn:uuid:anna"}, {team}),
            ({"hasMember": "bert"}, {team}),
            ({"kind": "group"}, {team}),
            ({"kind": "individual"}, {anna, bert}),
            ({"createdBefore": "2002-01-01T00:00:00Z"}, {anna}),
            ({"createdAfter": "2002-01-01T00:00:00Z", "kind": "individual"}, {bert}),
            ({"updatedBefore": "2002-01-01T00:00:00Z"}, set()),
            ({"updatedAfter": "2002-01-01T00:00:00Z"}, {anna, bert, caro, team}),
            ({"text": "ABEL"}, {bert, caro}),
            ({"text": "anna beispiel"}, {anna}),
            ({"text": '"in rome"'}, {bert}),
            ({"text": '"rome in"'}, set()),
            ({"text": "1701234"}, {anna}),
            ({"name": "öz anna"}, {anna}),
            ({"name": "anni"}, set()),
            ({"name/given": "ca"}, {caro}),
            ({"name/surname": "o\u0308z"}, {anna}),
            ({"name/surname2": "abel"}, set()),
            ({"nickname": "anni"}, {anna}),
            ({"organization": "sales"}, {anna}),
            ({"email": "example.org"}, {anna}),
            ({"phone": "170"}, {anna}),
            ({"onlineService": "mastodon"}, {bert}),
            ({"address": "köln"}, {bert}),
            ({"note": "rome"}, {bert}),
            ({"operator": "NOT", "conditions": [{"text": "abel"}, {"kind": "group"}]}, {anna}),
        ):
            self.assertEqual(set(await self.query(filter=condition)), wanted, condition)

    async def test_wrong_conditions(self) -> None:
        await self.fails("unsupportedFilter", "ContactCard/query", filter={"shoeSize": 44})
        for wrong in ({"text": 1}, {"createdBefore": "now"}, {"inAddressBook": "!"}, {"text": "x" * 2000}):
            await self.fails("invalidArguments", "ContactCard/query", filter=wrong)
        await self.fails("unsupportedSort", "ContactCard/query", sort=[{"property": "email"}])

    async def test_sorts(self) -> None:
        anna, bert, caro, team = await self.people()
        by = [{"property": "name/surname"}, {"property": "name/given", "isAscending": False}]
        self.assertEqual(await self.query(sort=by, filter={"name/given": ""}), [team, caro, bert, anna])
        found = await self.query(sort=[{"property": "created", "isAscending": False}])
        self.assertEqual(found, [team, caro, bert, anna])
        await self.change(anna, **{"name/sortAs": {"surname": "Aa"}})
        self.assertEqual((await self.query(sort=[{"property": "name/surname"}]))[1], anna)

    async def test_a_part_of_the_list(self) -> None:
        _, bert, caro, _ = await self.people()
        sort = [{"property": "created"}]
        found = await self.call(
            "ContactCard/query", sort=sort, anchor=caro, anchorOffset=-1, limit=2, calculateTotal=True
        )
        self.assertEqual((found["ids"], found["position"], found["total"]), ([bert, caro], 1, 4))
        self.assertTrue(found["canCalculateChanges"])
        await self.fails("anchorNotFound", "ContactCard/query", anchor="Cx")

    async def test_changes_of_a_query(self) -> None:
        anna, _, caro, _ = await self.people()
        sort = [{"property": "created"}]
        people = {"operator": "NOT", "conditions": [{"kind": "group"}]}
        state = (await self.call("ContactCard/query", sort=sort, filter=people))["queryState"]
        await self.call("ContactCard/set", destroy=[anna])
        await self.change(caro, kind="group")
        dora = await self.named("Dora", "D")
        found = await self.call(
            "ContactCard/queryChanges", sort=sort, filter=people, sinceQueryState=state, calculateTotal=True
        )
        self.assertTrue({anna, caro} <= set(found["removed"]))
        self.assertEqual((found["added"], found["total"]), ([{"id": dora, "index": 1}], 2))
        more = {"sinceQueryState": state, "maxChanges": 1}
        await self.fails("tooManyChanges", "ContactCard/queryChanges", sort=sort, filter=people, **more)

    async def test_lists_follow_what_others_write(self) -> None:
        """Another process over the same store, whose cards this one has not read."""
        await self.people()
        self.assertEqual(len(await self.query()), 4)
        other = Contacts(
            self.store.mail, self.store.blobs, self.store.objects, maybeDeferred, self.clock.seconds
        )
        self.assertEqual(len(await other.entries(self.alice.id)), 4)
        await self.change(self.anna, nicknames={"n": {"name": "Ann"}})
        found = await other.entries(self.alice.id)
        self.assertEqual(found[self.anna].texts["nickname"], "ann")
        self.assertEqual(dict(await self.contacts.entries(self.alice.id)), dict(found))


class ContactGarbage(Garbage):
    """Cards that are nearly right, too."""

    def _object(self) -> Json:
        names = ["name", "emails", "phones", "members", "media", "addressBookIds", "uid", "anniversaries",
                 "organizations", "emails/a", "name/components", "addressBookIds/AB0", "isDefault", "text",
                 "sortOrder", "kind", "created", "property", "hasMember", "createdBefore"]  # fmt: skip
        inner = [
            "a",
            "AB0",
            "components",
            "full",
            "address",
            "number",
            "kind",
            "uri",
            "blobId",
            "date",
            "pref",
        ]
        found: Json = {}
        for _ in range(self._dice.randrange(5)):
            value = self.value(2)
            if self._dice.random() < 0.5:
                value = {self._dice.choice(inner): {self._dice.choice(inner): self.value(3)}}
            found[self._dice.choice(names)] = value
        return found


class GarbageTests(ContactsTestCase):
    async def test_no_arguments_make_a_method_fail(self) -> None:
        card = await self.card(name={"full": "A"}, emails={"a": {"address": "a@x"}})
        garbage = ContactGarbage(12, "AB0", card, await self.upload(b"x"), "birth", "photo")
        methods = [name for name in self.api._methods if name.split("/")[0] in ("AddressBook", "ContactCard")]
        for _ in range(150):
            for name in methods:
                arguments = {"accountId": self.account, **garbage.arguments()}
                kind, value = await self.answer(name, **arguments)
                problem = (name, arguments, self.failures)
                self.assertNotEqual((kind, value.get("type")), ("error", "serverFail"), problem)
        cards = (await self.call("ContactCard/get", ids=None))["list"]
        self.assertTrue(all(card["uid"] and card["addressBookIds"] for card in cards))
        self.assertEqual(len(await self.query()), len(cards))
