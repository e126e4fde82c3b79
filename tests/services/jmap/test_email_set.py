"""Email/set, Email/import and Email/copy (RFC 8621 §4.6-§4.8)."""

import email as stdlib_email
import email.policy

from mailsys.core.jmap.ids import blob_id
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.mailboxes import Role
from tests.services.jmap.rig import JmapTestCase, message

TEXT = {"textBody": [{"partId": "t", "type": "text/plain"}], "bodyValues": {"t": {"value": "hello"}}}


class CreateTests(JmapTestCase):
    async def parsed(self, id_):
        """The stored message as Python's own parser reads it."""
        return stdlib_email.message_from_bytes(await self.source(id_), policy=email.policy.default)

    async def test_there_is_a_bound_on_keywords(self):
        email = await self.deliver(keywords=" ".join(f"w{n:03}" for n in range(128)))
        found = await self.call("Email/set", update={email: {"keywords/more": True}})
        self.assertEqual(found["notUpdated"][email]["type"], "tooManyKeywords")
        found = await self.call("Email/set", update={email: {"keywords/$seen": True}})
        self.assertEqual(found["updated"], {email: None})

    async def test_a_draft_is_created_and_comes_back_as_it_was_given(self):
        given = {
            "keywords": {"$draft": True, "$Seen": True}, "receivedAt": "2024-02-03T04:05:06Z",
            "from": [{"name": "Alice Zoë", "email": "alice@example.com"}],
            "to": [{"name": None, "email": "bob@example.com"}, {"name": "C, D", "email": "c@x.test"}],
            "cc": [{"name": "E", "email": "e@x.test"}], "bcc": [{"name": "F", "email": "f@x.test"}],
            "replyTo": [{"name": "R", "email": "r@x.test"}], "sender": [{"name": "S", "email": "s@x.test"}],
            "subject": "Grüße aus Köln", "messageId": ["own@example.com"], "inReplyTo": ["p@x"],
            "references": ["o@x", "p@x"], "sentAt": "2024-02-03T05:05:06+01:00",
            "header:X-Own:asText": "größer", "header:X-Raw": " raw value",
            "header:List-Post:asURLs": ["mailto:l@x.test"],
        }  # fmt: skip
        drafts = self.boxes[Role.DRAFTS]
        created = await self.create(mailboxIds={drafts: True}, **given, **TEXT)
        self.assertEqual(set(created), {"id", "blobId", "threadId", "size"})
        found = await self.get(
            created["id"],
            *given,
            "mailboxIds",
            "threadId",
            "blobId",
            "size",
            "bodyValues",
            "preview",
            fetchTextBodyValues=True,
        )
        self.assertEqual(found.pop("keywords"), {"$draft": True, "$seen": True})
        self.assertEqual(found.pop("mailboxIds"), {drafts: True})
        self.assertEqual(found.pop("bodyValues")["1"]["value"], "hello")
        self.assertEqual(found.pop("preview"), "hello")
        self.assertEqual(
            found, {**created, **{name: value for name, value in given.items() if name != "keywords"}}
        )
        parsed = await self.parsed(created["id"])
        self.assertEqual(parsed.defects, [])
        self.assertEqual(parsed["Subject"], "Grüße aus Köln")
        self.assertEqual(parsed["MIME-Version"], "1.0")

    async def test_what_a_message_must_have_is_added(self):
        created = await self.create(**TEXT)
        parsed = await self.parsed(created["id"])
        self.assertRegex(parsed["Message-ID"], r"^<[^<>@\s]+@example\.com>$")
        self.assertEqual(parsed["Date"].datetime.timestamp(), int(self.clock.seconds()))
        self.assertEqual(len(await self.get(created["id"], "messageId")), 1)

    async def test_text_comes_back_to_the_letter(self):
        for value in (
            "",
            "hello",
            "line\n",
            "x" * 2000,
            "tab\t end \n\n",
            "grün\n" * 3,
            "Привет, мир! " * 200,
            "From here\n.\n..\n",
            "=20 =?utf-8?q?x?=",
            "a" * 998 + "\n",
            "😀",
            "ü" + "y" * 100_000,
        ):
            created = await self.create(textBody=[{"partId": "a"}], bodyValues={"a": {"value": value}})
            found = await self.get(created["id"], "bodyValues", fetchTextBodyValues=True)
            self.assertEqual(found["1"]["value"], value)
            lines = (await self.source(created["id"])).split(b"\r\n")
            self.assertLessEqual(max(map(len, lines)), 998)

    async def test_text_html_pictures_and_files_are_nested_as_mail_programs_expect(self):
        picture = await self.upload(b"\x89PNG picture", "image/png")
        file = await self.upload(b"%PDF file" * 1000, "application/pdf")
        created = await self.create(
            textBody=[{"partId": "t"}], htmlBody=[{"partId": "h"}],
            bodyValues={"t": {"value": "text"}, "h": {"value": "<p>html<img src='cid:pic'></p>"}},
            attachments=[
                {"blobId": picture, "cid": "pic", "disposition": "inline", "type": "image/png"},
                {"blobId": file, "name": "Übersicht 2024.pdf"},
            ],
        )  # fmt: skip
        parsed = await self.parsed(created["id"])
        kinds = [part.get_content_type() for part in parsed.walk()]
        self.assertEqual(
            kinds,
            [
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "multipart/related",
                "text/html",
                "image/png",
                "application/pdf",
            ],
        )
        self.assertEqual([part.defects for part in parsed.walk()], [[]] * 7)
        pdf = list(parsed.walk())[-1]
        self.assertEqual((pdf.get_filename(), pdf.get_content()), ("Übersicht 2024.pdf", b"%PDF file" * 1000))
        found = await self.get(created["id"], "attachments", "hasAttachment", "textBody", "htmlBody")
        self.assertEqual([one["name"] for one in found["attachments"]], [None, "Übersicht 2024.pdf"])
        self.assertEqual([(one["cid"], one["disposition"]) for one in found["attachments"]],
                         [("pic", "inline"), (None, "attachment")])  # fmt: skip
        self.assertTrue(found["hasAttachment"])

    async def test_a_whole_structure_is_kept(self):
        file = await self.upload(b"data")
        structure = {
            "type": "multipart/mixed",
            "header:X-Top:asText": "top",
            "subParts": [
                {
                    "type": "text/plain",
                    "partId": "a",
                    "language": ["de", "en"],
                    "location": "http://x.test/a",
                },
                {
                    "type": "multipart/alternative",
                    "subParts": [{"type": "text/plain", "partId": "a"}, {"type": "text/html", "partId": "b"}],
                },
                {
                    "type": "application/x-own",
                    "blobId": file,
                    "name": "own",
                    "disposition": "attachment",
                    "header:X-Part": " raw",
                },
            ],
        }
        created = await self.create(
            bodyStructure=structure, bodyValues={"a": {"value": "A"}, "b": {"value": "<b>B</b>"}}, subject="s"
        )
        names = ["type", "language", "location", "name", "disposition", "header:X-Part", "subParts"]
        found = await self.get(created["id"], "bodyStructure", "header:X-Top:asText", bodyProperties=names)
        self.assertEqual(found["header:X-Top:asText"], "top")
        one, two, three = found["bodyStructure"]["subParts"]
        self.assertEqual((one["language"], one["location"]), (["de", "en"], "http://x.test/a"))
        self.assertEqual([part["type"] for part in two["subParts"]], ["text/plain", "text/html"])
        self.assertEqual((three["name"], three["header:X-Part"]), ("own", " raw"))

    async def test_a_part_of_another_email_can_be_attached(self):
        file = await self.upload(b"\x00\x01binary\xff" * 3000)
        first = await self.create(attachments=[{"blobId": file, "name": "x.bin"}])
        (part,) = await self.get(first["id"], "attachments")
        self.assertNotEqual(part["blobId"], file)
        second = await self.create(attachments=[{"blobId": part["blobId"], "name": "y.bin"}], **TEXT)
        attached = list((await self.parsed(second["id"])).walk())[-1]
        self.assertEqual(attached.get_content(), b"\x00\x01binary\xff" * 3000)

    async def test_a_message_is_attached_as_it_stands(self):
        inner = message(body="grün")
        blob = await self.upload(inner, "message/rfc822")
        created = await self.create(attachments=[{"blobId": blob, "type": "message/rfc822"}], **TEXT)
        source = await self.source(created["id"])
        self.assertIn(inner, source)
        self.assertIn(b"Content-Transfer-Encoding: 8bit\r\n", source.partition(b"\r\n\r\n")[0] + b"\r\n")

    async def test_the_type_of_an_upload_is_that_of_its_part(self):
        blob = await self.upload(b"a,b", "text/csv; charset=utf-8")
        created = await self.create(attachments=[{"blobId": blob}])
        self.assertEqual((await self.get(created["id"], "attachments"))[0]["type"], "text/csv")

    async def test_a_large_attachment_is_written_in_pieces(self):
        data = bytes(range(256)) * 12_000
        blob = await self.upload(data)
        created = await self.create(attachments=[{"blobId": blob}])
        attached = list((await self.parsed(created["id"])).walk())[-1]
        self.assertEqual(attached.get_content(), data)

    async def test_blobs_that_are_not_there_are_named(self):
        mine, other = blob_id(b"\x01" * 32), await self.upload(b"bob's", account=self.bob)
        error = await self.refused(
            "blobNotFound", attachments=[{"blobId": mine}, {"blobId": other}, {"blobId": "x"}]
        )
        self.assertEqual(error["notFound"], [mine, other, "x"])

    async def test_values_that_cannot_be_are_named(self):
        await self.refused("invalidProperties", ["mailboxIds"], mailboxIds={"F999": True})
        await self.refused("invalidProperties", ["mailboxIds"], mailboxIds={})
        await self.refused("invalidProperties", ["from"], **{"from": [{"email": "a\r\nBcc: b@x.test"}]})
        await self.refused("invalidProperties", ["keywords"], keywords={"a b": True})
        await self.refused("invalidProperties", ["id"], id="M1")

    async def test_anothers_mailbox_cannot_be_used(self):
        other = (await self.store.mail.mailboxes(self.bob.id))[0]
        await self.refused("invalidProperties", ["mailboxIds"], mailboxIds={f"F{other.id}": True})

    async def test_a_mailbox_of_the_same_request_can_be_used(self):
        found = await self.request(
            ["Mailbox/set", {"accountId": self.account, "create": {"box": {"name": "New"}}}, "1"],
            [
                "Email/set",
                {"accountId": self.account, "create": {"e": {"mailboxIds": {"#box": True}, **TEXT}}},
                "2",
            ],
            ["Email/get", {"accountId": self.account, "ids": ["#e"], "properties": ["mailboxIds"]}, "3"],
            createdIds={},
        )
        box = found["createdIds"]["box"]
        self.assertEqual(found["methodResponses"][2][1]["list"][0]["mailboxIds"], {box: True})

    async def test_a_reply_joins_its_thread(self):
        first = await self.deliver(number=1)
        reply = await self.create(
            subject="Re: Hello", inReplyTo=["1@example.net"], references=["1@example.net"]
        )
        self.assertEqual(reply["threadId"], await self.get(first, "threadId"))

    async def test_several_mailboxes_at_once(self):
        both = {self.inbox: True, self.boxes[Role.ARCHIVE]: True}
        created = await self.create(mailboxIds=both)
        self.assertEqual(await self.get(created["id"], "mailboxIds"), both)

    async def test_a_full_account_takes_nothing(self):
        await self.store.accounts.change_account(self.alice.id, AccountPatch(quota=10))
        await self.refused("overQuota", **TEXT)


class UpdateTests(JmapTestCase):
    async def update(self, id_, **patch):
        found = await self.call("Email/set", update={id_: patch})
        self.assertEqual(found["notUpdated"], None)
        self.assertEqual(found["updated"], {id_: None})
        return found

    async def not_updated(self, id_, patch):
        found = await self.call("Email/set", update={id_: patch})
        self.assertEqual(found["updated"], None)
        return found["notUpdated"][id_]

    async def test_keywords_are_patched_and_replaced(self):
        one = await self.deliver(keywords="$seen")
        await self.update(one, **{"keywords/$flagged": True, "keywords/Own": True})
        self.assertEqual(await self.get(one, "keywords"), {"$seen": True, "$flagged": True, "own": True})
        await self.update(one, **{"keywords/$seen": None})
        self.assertEqual(await self.get(one, "keywords"), {"$flagged": True, "own": True})
        await self.update(one, keywords={"$answered": True})
        self.assertEqual(await self.get(one, "keywords"), {"$answered": True})
        await self.update(one, keywords=None)
        self.assertEqual(await self.get(one, "keywords"), {})

    async def test_keywords_are_the_same_in_any_case(self):
        one = await self.deliver(keywords="$seen own")
        await self.update(one, **{"keywords/$SEEN": None, "keywords/Other": True})
        self.assertEqual(await self.get(one, "keywords"), {"other": True, "own": True})

    async def test_mailboxes_are_patched_and_replaced(self):
        one = await self.deliver()
        archive, trash = self.boxes[Role.ARCHIVE], self.boxes[Role.TRASH]
        await self.update(one, **{f"mailboxIds/{archive}": True})
        self.assertEqual(await self.get(one, "mailboxIds"), {self.inbox: True, archive: True})
        await self.update(one, **{f"mailboxIds/{self.inbox}": None})
        self.assertEqual(await self.get(one, "mailboxIds"), {archive: True})
        await self.update(one, mailboxIds={trash: True})
        self.assertEqual(await self.get(one, "mailboxIds"), {trash: True})

    async def test_states_go_forward_with_changes_only(self):
        one = await self.deliver()
        old = await self.state("Email")
        found = await self.update(one, **{"keywords/$seen": True})
        self.assertEqual((found["oldState"], found["newState"]), (old, await self.state("Email")))
        self.assertNotEqual(found["newState"], old)
        found = await self.update(one, **{"keywords/$seen": True})
        self.assertEqual(found["oldState"], found["newState"])

    async def test_marks_of_imap_are_left_alone(self):
        one = await self.deliver()
        archive = self.boxes[Role.ARCHIVE]
        await self.update(one, **{f"mailboxIds/{archive}": True})
        await self.mark_deleted(one, archive)
        await self.update(one, keywords={"$seen": True})
        await self.update(one, mailboxIds={self.inbox: True})
        self.assertEqual(await self.marked(archive), [int(one[1:])])
        found = await self.get(one, "mailboxIds", "keywords")
        self.assertEqual((found["mailboxIds"], found["keywords"]), ({self.inbox: True}, {"$seen": True}))

    async def test_to_put_an_email_where_it_was_marked_takes_the_mark_away(self):
        one = await self.deliver()
        archive = self.boxes[Role.ARCHIVE]
        await self.update(one, **{f"mailboxIds/{archive}": True})
        await self.mark_deleted(one, archive)
        await self.update(one, **{f"mailboxIds/{archive}": True})
        self.assertEqual(await self.marked(archive), [])
        self.assertEqual(await self.get(one, "mailboxIds"), {self.inbox: True, archive: True})

    async def test_what_is_marked_everywhere_is_not_there(self):
        one = await self.deliver()
        await self.mark_deleted(one, self.inbox)
        self.assertEqual((await self.not_updated(one, {"keywords/$seen": True}))["type"], "notFound")
        found = await self.call("Email/set", destroy=[one])
        self.assertEqual(found["notDestroyed"][one]["type"], "notFound")

    async def test_imaps_own_marks_cannot_be_set(self):
        one = await self.deliver()
        for name in ("$deleted", "$Deleted", "$recent", "\\Deleted"):
            for patch in ({f"keywords/{name}": True}, {"keywords": {name: True}}):
                error = await self.not_updated(one, patch)
                self.assertEqual((error["type"], error["properties"]), ("invalidProperties", ["keywords"]))
            await self.update(one, **{f"keywords/{name}": None})
        self.assertEqual(await self.marked(self.inbox), [])

    async def test_values_that_cannot_be_are_named(self):
        one = await self.deliver()
        for patch, type_, properties in (
            ({"mailboxIds": {}}, "invalidProperties", ["mailboxIds"]),
            ({f"mailboxIds/{self.inbox}": None}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds/F999": True}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds": None}, "invalidProperties", ["mailboxIds"]),
            ({"keywords/a b": True}, "invalidProperties", ["keywords"]),
            ({"keywords/$seen": False}, "invalidProperties", ["keywords"]),
            ({"keywords/$seen": 1}, "invalidProperties", ["keywords"]),
            ({"keywords": ["$seen"]}, "invalidProperties", ["keywords"]),
            ({"subject": "other"}, "invalidProperties", ["subject"]),
            ({"size": 1, "id": "M9"}, "invalidProperties", ["id", "size"]),
            ({"colour": 1}, "invalidProperties", ["colour"]),
            ({"receivedAt": "2020-01-01T00:00:00Z"}, "invalidProperties", ["receivedAt"]),
            ({"bodyStructure/type": "x"}, "invalidProperties", ["bodyStructure"]),
            ({"keywords": {}, "keywords/$seen": True}, "invalidPatch", None),
            ({"keywords/a/b": True}, "invalidPatch", None),
        ):
            error = await self.not_updated(one, patch)
            self.assertEqual((error["type"], error.get("properties")), (type_, properties), patch)

    async def test_what_never_changes_may_be_sent_as_it_is(self):
        one = await self.deliver()
        found = await self.get(one, "subject", "size", "threadId", "from", "receivedAt")
        await self.update(one, **found, **{"keywords/$seen": True})

    async def test_an_email_may_be_given_back_whole_as_get_tells_of_it(self):
        one = (await self.create(**TEXT, subject="s", attachments=[]))["id"]
        (whole,) = (await self.call("Email/get", ids=[one]))["list"]
        await self.update(one, **(whole | {"keywords": {"$seen": True}}))
        self.assertEqual(await self.get(one, "keywords"), {"$seen": True})
        error = await self.not_updated(one, whole | {"textBody": []})
        self.assertEqual(error["properties"], ["textBody"])

    async def test_what_is_not_there_is_not_found(self):
        for id_ in ("M999", "x"):
            self.assertEqual((await self.not_updated(id_, {"keywords/$seen": True}))["type"], "notFound")

    async def test_anothers_email_is_not_found(self):
        other = await self.deliver(account=self.bob)
        self.assertEqual((await self.not_updated(other, {"keywords/$seen": True}))["type"], "notFound")

    async def test_some_fail_and_the_others_are_done(self):
        one, two = await self.deliver(number=1), await self.deliver(number=2)
        found = await self.call(
            "Email/set",
            update={one: {"keywords/$seen": True}, two: {"subject": "x"}, "M999": {"keywords/$seen": True}},
        )
        self.assertEqual(found["updated"], {one: None})
        self.assertEqual(set(found["notUpdated"]), {two, "M999"})


class DestroyTests(JmapTestCase):
    async def test_emails_go_for_good(self):
        one, two = await self.deliver(number=1), await self.deliver(number=2)
        found = await self.call("Email/set", destroy=[one, "M999", "x"])
        self.assertEqual(found["destroyed"], [one])
        self.assertEqual({key: value["type"] for key, value in found["notDestroyed"].items()},
                         {"M999": "notFound", "x": "notFound"})  # fmt: skip
        self.assertEqual((await self.call("Email/get", ids=[one, two]))["notFound"], [one])

    async def test_anothers_email_stays(self):
        other = await self.deliver(account=self.bob)
        found = await self.call("Email/set", destroy=[other])
        self.assertEqual(found["notDestroyed"][other]["type"], "notFound")
        self.assertEqual(len(await self.store.mail.fetch(self.bob.id, [int(other[1:])], [])), 1)

    async def test_an_update_of_what_is_destroyed_says_so(self):
        one = await self.deliver()
        found = await self.call("Email/set", update={one: {"keywords/$seen": True}}, destroy=[one])
        self.assertEqual((found["notUpdated"][one]["type"], found["destroyed"]), ("willDestroy", [one]))

    async def test_what_is_created_can_be_changed_and_destroyed_in_one_call(self):
        found = await self.call(
            "Email/set",
            create={"a": {"mailboxIds": {self.inbox: True}}, "b": {"mailboxIds": {self.inbox: True}}},
            update={"#a": {"keywords/$seen": True}},
            destroy=["#b"],
        )
        a, b = found["created"]["a"]["id"], found["created"]["b"]["id"]
        self.assertEqual((found["updated"], found["destroyed"]), ({a: None}, [b]))

    async def test_another_state_than_expected_changes_nothing(self):
        one = await self.deliver()
        await self.fails("stateMismatch", "Email/set", ifInState="0", destroy=[one])
        await self.call("Email/set", ifInState=await self.state("Email"), destroy=[one])

    async def test_arguments_of_a_wrong_type_are_invalid(self):
        for arguments in ({"create": []}, {"create": {"a b": {}}}, {"update": {"M1": 1}}, {"destroy": [1]},
                          {"ifInState": 1}, {"x": 1}):  # fmt: skip
            await self.fails("invalidArguments", "Email/set", **arguments)

    async def test_more_objects_than_allowed_are_refused(self):
        await self.fails("requestTooLarge", "Email/set", destroy=[f"M{number}" for number in range(501)])


class ImportTests(JmapTestCase):
    async def import_(self, **value):
        value.setdefault("mailboxIds", {self.inbox: True})
        found = await self.call("Email/import", emails={"i": value})
        return found["created"]["i"] if found["created"] else found["notCreated"]["i"]

    async def test_an_upload_becomes_an_email(self):
        content = message(body="imported", more="Received: from x by y; Mon, 01 Jan 2024 10:00:05 +0000\n")
        blob = await self.upload(content, "message/rfc822")
        created = await self.import_(blobId=blob, keywords={"$Seen": True})
        self.assertEqual(set(created), {"id", "blobId", "threadId", "size"})
        self.assertEqual((created["blobId"], created["size"]), (blob, len(content)))
        found = await self.get(created["id"], "keywords", "receivedAt", "subject", "preview")
        self.assertEqual(
            found,
            {"id": created["id"], "keywords": {"$seen": True}, "receivedAt": "2024-01-01T10:00:05Z",
             "subject": "Hello", "preview": "imported"},
        )  # fmt: skip
        self.assertEqual(await self.source(created["id"]), content)

    async def test_a_time_may_be_given_or_is_now(self):
        blob = await self.upload(message())
        created = await self.import_(blobId=blob, receivedAt="2020-01-02T03:04:05Z")
        self.assertEqual(await self.get(created["id"], "receivedAt"), "2020-01-02T03:04:05Z")
        created = await self.import_(blobId=blob)
        self.assertEqual(await self.get(created["id"], "receivedAt"), "2025-11-24T16:00:00Z")

    async def test_an_enclosed_message_becomes_an_email(self):
        inner = message(subject="Inner", number=7)
        outer = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" + inner + b"\r\n--b--\r\n"
        (attached,) = await self.get(await self.deliver(outer), "attachments")
        self.assertEqual(attached["type"], "message/rfc822")
        created = await self.import_(blobId=attached["blobId"])
        self.assertEqual(await self.get(created["id"], "subject"), "Inner")
        self.assertEqual(await self.source(created["id"]), inner)

    async def test_a_large_message_is_imported(self):
        content = message(body="x" * 70 + "\n" * 3, more="X-Big: 1\n") + b"line of text\r\n" * 200_000
        created = await self.import_(blobId=await self.upload(content))
        self.assertEqual(await self.get(created["id"], "size"), len(content))

    async def test_what_is_no_message_is_refused(self):
        blob = await self.upload(b"\x00\x01 no message")
        self.assertEqual((await self.import_(blobId=blob))["type"], "invalidEmail")

    async def test_values_that_cannot_be_are_named(self):
        blob = await self.upload(message())
        other = await self.upload(message(number=4), account=self.bob)
        for value, properties in (
            ({"blobId": other}, ["blobId"]),
            ({"blobId": "x"}, ["blobId"]),
            ({}, ["blobId"]),
            ({"blobId": blob, "mailboxIds": {"F999": True}}, ["mailboxIds"]),
            ({"blobId": blob, "mailboxIds": {}}, ["mailboxIds"]),
            ({"blobId": blob, "keywords": {"(": True}}, ["keywords"]),
            ({"blobId": blob, "receivedAt": "now"}, ["receivedAt"]),
            ({"blobId": blob, "subject": "x"}, ["subject"]),
        ):
            error = await self.import_(**value)
            self.assertEqual(
                (error.get("type"), error.get("properties")), ("invalidProperties", properties), value
            )

    async def test_states_are_told_and_expected(self):
        blob = await self.upload(message())
        old = await self.state("Email")
        emails = {"i": {"blobId": blob, "mailboxIds": {self.inbox: True}}}
        found = await self.call("Email/import", emails=emails, ifInState=old)
        self.assertEqual((found["oldState"], found["newState"]), (old, await self.state("Email")))
        await self.fails("stateMismatch", "Email/import", emails=emails, ifInState=old)

    async def test_arguments_are_checked(self):
        for arguments in (
            {},
            {"emails": None},
            {"emails": {"i": 1}},
            {"emails": {"a b": {}}},
            {"emails": {}, "x": 1},
        ):
            await self.fails("invalidArguments", "Email/import", **arguments)


class CopyTests(JmapTestCase):
    async def test_there_is_no_other_account_to_copy_from(self):
        copied = {"accountId": self.account, "create": {"k": {"id": "M1", "mailboxIds": {self.inbox: True}}}}
        await self.fails("fromAccountNotFound", "Email/copy", fromAccountId=f"A{self.bob.id}", **copied)

    async def test_an_account_is_not_copied_to_itself(self):
        await self.fails("invalidArguments", "Email/copy", fromAccountId=self.account, create={})
