"""Email/get, Email/changes, Thread/get, Thread/changes (RFC 8621 §3, §4.1-§4.3)."""

import base64
import os

from mailsys.core.jmap.ids import blob_id, parse_blob_id
from mailsys.ports.mailboxes import Role
from mailsys.services.content.blob_access import BlobReader
from tests.services.jmap.rig import JmapTestCase, message

RICH = (
    b"From: Zo\xc3\xab <zoe@example.net>\r\nSender: s@example.net\r\n"
    b"To: Alice <alice@example.com>, b@x.test\r\n"
    b"Cc: c@x.test\r\nBcc: d@x.test\r\nReply-To: r@x.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <m1@x>\r\nIn-Reply-To: <m0@x>\r\nReferences: <a@x> <m0@x>\r\n"
    b"Date: Mon, 01 Jan 2024 10:00:00 +0200\r\nX-Own: 1\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=mix\r\n\r\n"
    b"--mix\r\nContent-Type: multipart/alternative; boundary=alt\r\n\r\n"
    b"--alt\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ngr\xc3\xbcn\r\nzwei\r\n"
    b"--alt\r\nContent-Type: text/html\r\n\r\n<p>green</p>\r\n--alt--\r\n"
    b"--mix\r\nContent-Type: application/pdf; name=a.pdf\r\n"
    b"Content-Disposition: attachment; filename=a.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(b"PDF data").replace(b"\n", b"\r\n")
    + b"--mix--\r\n"
)


class GetTests(JmapTestCase):
    async def test_metadata(self):
        content = message(body="The body")
        email = await self.deliver(content, keywords="$flagged $seen", at=1_700_000_000.9)
        found = await self.get(
            email,
            "blobId",
            "threadId",
            "mailboxIds",
            "keywords",
            "size",
            "receivedAt",
            "hasAttachment",
            "preview",
        )
        blob = parse_blob_id(found.pop("blobId"))
        self.assertEqual(await self.store.blobs.read(blob.blob), content)
        self.assertRegex(found.pop("threadId"), r"^T\d+$")
        self.assertEqual(
            found,
            {
                "id": email, "mailboxIds": {self.inbox: True}, "keywords": {"$flagged": True, "$seen": True},
                "size": len(content), "receivedAt": "2023-11-14T22:13:20Z", "hasAttachment": False,
                "preview": "The body",
            },
        )  # fmt: skip

    async def test_content_that_the_disk_lost_is_one_text_that_says_so_and_the_others_are_answered(self):
        emails = [await self.deliver(body=f"Body {n} " + "of some length " * size, number=n)
                  for n, size in enumerate((1, 1, 9000, 1))]  # fmt: skip
        connection = self.store.writer.batch.connection
        connection.execute(
            "UPDATE blob_data SET data = CAST(substr(data, 1, length(data) - 1) || x'21' AS BLOB)"
            " WHERE instr(data, 'Body 1')"
        ).fetchall()
        for below, _, names in os.walk(self.store.files().folder):
            for name in names:
                os.remove(os.path.join(below, name))
        found = await self.call(
            "Email/get",
            ids=emails,
            properties=["id", "subject", "preview", "textBody", "attachments", "bodyValues"],
            fetchTextBodyValues=True,
        )
        self.assertEqual([email["id"] for email in found["list"]], emails)
        self.assertEqual(found["notFound"], [])
        for email, kept in zip(found["list"], (True, False, False, True), strict=True):
            self.assertEqual(email["subject"], "Hello")
            self.assertIn("Body", email["preview"])
            (part,) = email["textBody"]
            value = email["bodyValues"][part["partId"]]
            self.assertEqual("Body" in value["value"], kept)
            self.assertEqual("missing or damaged" in value["value"], not kept)
            self.assertEqual((value["isEncodingProblem"], value["isTruncated"]), (not kept, not kept))
        self.failures.clear()

    async def test_convenient_header_properties(self):
        email = await self.deliver(RICH)
        found = await self.get(
            email,
            "messageId",
            "inReplyTo",
            "references",
            "sender",
            "from",
            "to",
            "cc",
            "bcc",
            "replyTo",
            "subject",
            "sentAt",
        )
        self.assertEqual(
            found,
            {
                "id": email, "messageId": ["m1@x"], "inReplyTo": ["m0@x"], "references": ["a@x", "m0@x"],
                "sender": [{"name": None, "email": "s@example.net"}],
                "from": [{"name": "Zoë", "email": "zoe@example.net"}],
                "to": [{"name": "Alice", "email": "alice@example.com"}, {"name": None, "email": "b@x.test"}],
                "cc": [{"name": None, "email": "c@x.test"}], "bcc": [{"name": None, "email": "d@x.test"}],
                "replyTo": [{"name": None, "email": "r@x.test"}], "subject": "Grüße",
                "sentAt": "2024-01-01T10:00:00+02:00",
            },
        )  # fmt: skip

    async def test_header_properties_in_their_forms(self):
        email = await self.deliver(RICH)
        names = ("header:Subject", "header:subject:asText", "header:To:asAddresses:all", "header:X-None",
                 "header:x-own:asRaw:all", "headers")  # fmt: skip
        found = await self.get(email, *names)
        self.assertEqual(found["header:Subject"], " =?utf-8?q?Gr=C3=BC=C3=9Fe?=")
        self.assertEqual(found["header:subject:asText"], "Grüße")
        self.assertEqual(len(found["header:To:asAddresses:all"][0]), 2)
        self.assertEqual(found["header:X-None"], None)
        self.assertEqual(found["header:x-own:asRaw:all"], [" 1"])
        self.assertEqual(found["headers"][1], {"name": "Sender", "value": " s@example.net"})

    async def test_default_properties(self):
        email = await self.deliver(RICH)
        found = await self.get(email, *())
        self.assertEqual(
            set(found),
            {
                "id",
                "blobId",
                "threadId",
                "mailboxIds",
                "keywords",
                "size",
                "receivedAt",
                "messageId",
                "inReplyTo",
                "references",
                "sender",
                "from",
                "to",
                "cc",
                "bcc",
                "replyTo",
                "subject",
                "sentAt",
                "hasAttachment",
                "preview",
                "bodyValues",
                "textBody",
                "htmlBody",
                "attachments",
            },
        )
        self.assertEqual(found["bodyValues"], {})
        self.assertEqual(
            set(found["textBody"][0]),
            {
                "partId",
                "blobId",
                "size",
                "name",
                "type",
                "charset",
                "disposition",
                "cid",
                "language",
                "location",
            },
        )

    async def test_bodies_and_structure(self):
        email = await self.deliver(RICH)
        found = await self.get(email, "bodyStructure", "textBody", "htmlBody", "attachments", "hasAttachment",
                               bodyProperties=["partId", "type", "size", "name"])  # fmt: skip
        text = {"partId": "1.1", "type": "text/plain", "size": 11, "name": None}
        html = {"partId": "1.2", "type": "text/html", "size": 12, "name": None}
        pdf = {"partId": "2", "type": "application/pdf", "size": 8, "name": "a.pdf"}
        self.assertEqual(
            (found["textBody"], found["htmlBody"], found["attachments"]), ([text], [html], [pdf])
        )
        self.assertTrue(found["hasAttachment"])
        root = found["bodyStructure"]
        self.assertEqual((root["type"], root["partId"]), ("multipart/mixed", None))
        self.assertEqual(
            [one["type"] for one in root["subParts"]], ["multipart/alternative", "application/pdf"]
        )
        self.assertEqual(root["subParts"][0]["subParts"], [text, html])

    async def test_values_are_fetched_as_asked(self):
        email = await self.deliver(RICH)
        for argument, parts in (("fetchTextBodyValues", {"1.1"}), ("fetchHTMLBodyValues", {"1.2"}),
                                ("fetchAllBodyValues", {"1.1", "1.2"})):  # fmt: skip
            values = await self.get(email, "bodyValues", **{argument: True})
            self.assertEqual(set(values), parts)
        self.assertEqual(
            values["1.1"], {"value": "grün\nzwei", "isEncodingProblem": False, "isTruncated": False}
        )

    async def test_values_are_truncated(self):
        email = await self.deliver(RICH)
        values = await self.get(email, "bodyValues", fetchTextBodyValues=True, maxBodyValueBytes=3)
        self.assertEqual(values["1.1"], {"value": "gr", "isEncodingProblem": False, "isTruncated": True})

    async def test_a_part_can_be_read_by_its_blob_id(self):
        email = await self.deliver(RICH)
        (pdf,) = await self.get(email, "attachments")
        reader = BlobReader(self.store.mail, self.store.blobs)
        found = await reader.find(self.alice.id, pdf["blobId"])
        self.assertEqual(await reader.read(found, 100), b"PDF data")
        self.assertEqual(await reader.size(found), pdf["size"])
        self.assertIsNone(await reader.find(self.bob.id, pdf["blobId"]))

    async def test_header_properties_of_parts(self):
        email = await self.deliver(RICH)
        (pdf,) = await self.get(email, "attachments", bodyProperties=["header:Content-Type:asRaw", "headers"])
        self.assertEqual(pdf["header:Content-Type:asRaw"], " application/pdf; name=a.pdf")
        self.assertEqual(len(pdf["headers"]), 3)

    async def test_a_large_message_is_read_all_the_same(self):
        data = base64.encodebytes(b"x" * 1_500_000).replace(b"\n", b"\r\n")
        content = RICH.replace(base64.encodebytes(b"PDF data").replace(b"\n", b"\r\n"), data)
        email = await self.deliver(content)
        found = await self.get(email, "attachments", "bodyValues", fetchAllBodyValues=True)
        self.assertEqual(found["attachments"][0]["size"], 1_500_000)
        self.assertEqual(found["bodyValues"]["1.1"]["value"], "grün\nzwei")

    async def test_much_text_comes_whole(self):
        text = 'grün und \\ "so"\n' * 60_000
        content = message(body="").replace(
            b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", 1
        )
        emails = [
            await self.deliver(content + f"{number}{text}".replace("\n", "\r\n").encode())
            for number in range(3)
        ]
        found = await self.call("Email/get", ids=emails, fetchAllBodyValues=True)
        for number, one in enumerate(found["list"]):
            self.assertTrue(one["bodyValues"]["1"]["value"].strip() == f"{number}{text}".strip())

    async def test_a_header_of_many_recipients_is_read(self):
        people = ",\r\n ".join(f"Person {number} <p{number}@example.net>" for number in range(1000))
        email = await self.deliver(f"To: {people}\r\nSubject: all\r\n\r\nx".encode())
        found = await self.get(email, "to", "subject")
        self.assertEqual(found["subject"], "all")
        self.assertEqual(found["to"][0], {"name": "Person 0", "email": "p0@example.net"})

    async def test_emails_stand_in_the_order_asked_and_once(self):
        one, two = await self.deliver(number=1), await self.deliver(number=2)
        found = await self.call("Email/get", ids=[two, one, two, "M999", "x"], properties=["id"])
        self.assertEqual(found["list"], [{"id": two}, {"id": one}])
        self.assertEqual(found["notFound"], ["M999", "x"])

    async def test_null_means_all_while_they_are_few(self):
        one = await self.deliver()
        found = await self.call("Email/get", ids=None, properties=["id"])
        self.assertEqual(found["list"], [{"id": one}])

    async def test_more_than_the_limit_is_too_large(self):
        await self.fails("requestTooLarge", "Email/get", ids=[f"M{number}" for number in range(501)])

    async def test_properties_that_cannot_be_are_invalid(self):
        for name in ("colour", "header:From:asText", "header:", "subParts", "header:X:asFoo"):
            await self.fails("invalidArguments", "Email/get", ids=[], properties=[name])
        await self.fails("invalidArguments", "Email/get", ids=[], bodyProperties=["colour"])

    async def test_arguments_of_a_wrong_type_are_invalid(self):
        for arguments in ({"fetchTextBodyValues": 1}, {"maxBodyValueBytes": -1}, {"maxBodyValueBytes": "1"},
                          {"bodyProperties": "x"}, {"ids": 1}, {"other": 1}):  # fmt: skip
            await self.fails("invalidArguments", "Email/get", **{"ids": [], **arguments})

    async def test_anothers_email_is_not_found(self):
        email = await self.deliver(account=self.bob)
        self.assertEqual((await self.call("Email/get", ids=[email]))["notFound"], [email])

    async def test_what_imap_marked_deleted_is_not_to_be_seen(self):
        email = await self.deliver(keywords="$deleted", number=1)
        other = await self.deliver(number=2)
        found = await self.call("Email/get", ids=[email, other], properties=["id"])
        self.assertEqual((found["list"], found["notFound"]), ([{"id": other}], [email]))
        box = (await self.call("Mailbox/get", ids=[self.inbox]))["list"][0]
        self.assertEqual(
            [box[name] for name in ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")], [1] * 4
        )
        found = await self.call("Email/query", calculateTotal=True)
        self.assertEqual((found["ids"], found["total"]), ([other], 1))
        threads = (await self.call("Thread/get", ids=None))["list"]
        self.assertEqual([one["emailIds"] for one in threads], [[other]])
        snippets = await self.call("SearchSnippet/get", filter={"text": "are"}, emailIds=[email, other])
        self.assertEqual(([one["emailId"] for one in snippets["list"]], snippets["notFound"]),
                         ([other], [email]))  # fmt: skip

    async def test_where_it_is_marked_it_is_not_and_elsewhere_it_stays(self):
        email = await self.deliver()
        archive = self.boxes[Role.ARCHIVE]
        await self.call("Email/set", update={email: {f"mailboxIds/{archive}": True}})
        await self.mark_deleted(email, self.inbox)
        self.assertEqual(await self.get(email, "mailboxIds", "keywords"),
                         {"id": email, "mailboxIds": {archive: True}, "keywords": {}})  # fmt: skip
        boxes = (await self.call("Mailbox/get", ids=[self.inbox, archive]))["list"]
        self.assertEqual([(box["totalEmails"], box["unreadEmails"]) for box in boxes], [(0, 0), (1, 1)])
        for mailbox, expected in ((self.inbox, []), (archive, [email])):
            found = await self.call("Email/query", filter={"inMailbox": mailbox})
            self.assertEqual(found["ids"], expected)

    async def test_what_imap_marks_later_vanishes_from_lists_and_comes_back(self):
        email = await self.deliver()
        await self.deliver(number=2, subject="Other")
        filters = (None, {"inMailbox": self.inbox}, {"inMailbox": self.inbox, "notKeyword": "$flagged"})
        for filter_ in filters:
            before = await self.call("Email/query", filter=filter_)
            for deleted in (True, False):
                await self.mark_deleted(email, self.inbox, deleted)
                after = await self.call("Email/query", filter=filter_)
                self.assertEqual(email in after["ids"], not deleted)
                found = await self.call(
                    "Email/queryChanges", filter=filter_, sinceQueryState=before["queryState"]
                )
                shown = [one for one in before["ids"] if one not in found["removed"]]
                for one in found["added"]:
                    shown.insert(one["index"], one["id"])
                self.assertEqual(shown, after["ids"])
                self.assertEqual(found["newQueryState"], after["queryState"])
                told = await self.call("Email/changes", sinceState=before["queryState"])
                self.assertEqual(email in told["destroyed"], deleted)
                self.assertEqual(email in told["created"], not deleted)
                before = after

    async def test_creation_ids_are_understood(self):
        email = await self.deliver()
        arguments = {"accountId": self.account, "ids": ["#k"], "properties": ["id"]}
        found = await self.request(["Email/get", arguments, "1"], createdIds={"k": email})
        self.assertEqual(found["methodResponses"][0][1]["list"], [{"id": email}])


class ChangesTests(JmapTestCase):
    async def test_what_came_changed_and_went_is_told(self):
        changed, gone = await self.deliver(number=1), await self.deliver(number=2)
        state = await self.state("Email")
        came = await self.deliver(number=3)
        await self.call("Email/set", update={changed: {"keywords/$seen": True}}, destroy=[gone])
        found = await self.call("Email/changes", sinceState=state)
        self.assertEqual(
            (found["created"], found["updated"], found["destroyed"]), ([came], [changed], [gone])
        )
        self.assertEqual((found["oldState"], found["newState"], found["hasMoreChanges"]),
                         (state, await self.state("Email"), False))  # fmt: skip

    async def test_what_came_and_went_is_not_told(self):
        state = await self.state("Email")
        gone = await self.deliver()
        await self.call("Email/set", destroy=[gone])
        found = await self.call("Email/changes", sinceState=state)
        self.assertEqual((found["created"], found["updated"], found["destroyed"]), ([], [], []))

    async def test_changes_come_in_steps(self):
        state = await self.state("Email")
        emails = [await self.deliver(number=number) for number in range(5)]
        created = []
        for _ in range(10):
            found = await self.call("Email/changes", sinceState=state, maxChanges=2)
            self.assertLessEqual(len(found["created"]), 2)
            created += found["created"]
            state = found["newState"]
            if not found["hasMoreChanges"]:
                break
        self.assertEqual(created, emails)
        self.assertEqual(state, await self.state("Email"))

    async def test_one_commit_of_many_changes_comes_in_steps_too(self):
        emails = [await self.deliver(number=number) for number in range(7)]
        state = await self.state("Email")
        await self.call("Email/set", update={one: {"keywords/$seen": True} for one in emails})
        updated = []
        for step in range(20):
            found = await self.call("Email/changes", sinceState=state, maxChanges=2)
            self.assertLessEqual(len(found["updated"]), 2)
            updated += found["updated"]
            state = found["newState"]
            if step == 1:  # an email that was told of changes once more
                await self.call("Email/set", update={emails[0]: {"keywords/$flagged": True}})
            if not found["hasMoreChanges"]:
                break
        self.assertEqual(set(updated), set(emails))
        self.assertEqual(updated.count(emails[0]), 2)
        self.assertEqual(state, await self.state("Email"))

    async def test_changes_to_a_mailbox_are_none_of_emails(self):
        state = await self.state("Email")
        await self.call("Mailbox/set", create={"n": {"name": "New"}})
        self.assertEqual(await self.state("Email"), state)

    async def test_states_that_never_were_cannot_be_calculated_from(self):
        for kind in ("Email", "Thread"):
            for state in ("x", "999999"):
                await self.fails("cannotCalculateChanges", f"{kind}/changes", sinceState=state)
            await self.fails("invalidArguments", f"{kind}/changes")
            await self.fails("invalidArguments", f"{kind}/changes", sinceState="0", maxChanges=0)


class ThreadTests(JmapTestCase):
    async def test_a_thread_holds_its_emails_oldest_first(self):
        two = await self.deliver(
            number=2, at=2000.0, subject="Re: Hello", more="References: <1@example.net>\n"
        )
        one = await self.deliver(number=1, at=1000.0, more="References: <2@example.net>\n")
        thread = await self.get(one, "threadId")
        self.assertEqual(await self.get(two, "threadId"), thread)
        found = await self.call("Thread/get", ids=[thread, "T999", "x"])
        self.assertEqual(found["list"], [{"id": thread, "emailIds": [one, two]}])
        self.assertEqual(found["notFound"], ["T999", "x"])

    async def test_an_email_that_joins_or_leaves_changes_its_thread(self):
        one = await self.deliver(number=1)
        thread = await self.get(one, "threadId")
        state = await self.state("Thread")
        two = await self.deliver(number=2, subject="Re: Hello", more="References: <1@example.net>\n")
        found = await self.call("Thread/changes", sinceState=state)
        self.assertEqual((found["created"], found["updated"], found["destroyed"]), ([], [thread], []))
        state = await self.state("Thread")
        self.assertEqual(found["newState"], state)
        await self.call("Email/set", destroy=[one, two])
        found = await self.call("Thread/changes", sinceState=state)
        self.assertEqual((found["created"], found["updated"], found["destroyed"]), ([], [], [thread]))

    async def test_keywords_change_no_thread(self):
        one = await self.deliver()
        state = await self.state("Thread")
        await self.call("Email/set", update={one: {"keywords/$seen": True}})
        self.assertEqual(await self.state("Thread"), state)

    async def test_null_means_all_and_properties_are_chosen(self):
        one = await self.deliver()
        thread = await self.get(one, "threadId")
        found = await self.call("Thread/get", ids=None, properties=["id"])
        self.assertEqual(found["list"], [{"id": thread}])
        await self.fails("invalidArguments", "Thread/get", ids=None, properties=["x"])


class ParseTests(JmapTestCase):
    async def test_an_enclosed_message_is_parsed(self):
        inner = message(subject="Inner", body="inner text", number=9)
        outer = (
            b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nContent-Type: text/plain\r\n\r\nsee\r\n"
            b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n"
        )
        email = await self.deliver(outer)
        (attached,) = await self.get(email, "attachments")
        found = await self.call("Email/parse", blobIds=[attached["blobId"]], fetchTextBodyValues=True)
        parsed = found["parsed"][attached["blobId"]]
        self.assertEqual((parsed["subject"], parsed["messageId"]), ("Inner", ["9@example.net"]))
        self.assertEqual(parsed["bodyValues"]["1"]["value"], "inner text\n")
        self.assertNotIn("id", parsed)
        reader = BlobReader(self.store.mail, self.store.blobs)
        part = await reader.find(self.alice.id, parsed["textBody"][0]["blobId"])
        self.assertEqual(await reader.read(part, 100), b"inner text\r\n")

    async def test_a_part_of_an_encoded_message_can_be_read(self):
        inner = base64.encodebytes(message(body="deep")).replace(b"\n", b"\r\n")
        email = await self.deliver(
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner
        )
        structure = await self.get(email, "bodyStructure")
        blob = structure["blobId"]
        found = await self.call("Email/parse", blobIds=[blob], properties=["textBody", "subject"])
        self.assertEqual(set(found["parsed"][blob]), {"textBody", "subject"})
        reader = BlobReader(self.store.mail, self.store.blobs)
        part = await reader.find(self.alice.id, found["parsed"][blob]["textBody"][0]["blobId"])
        self.assertEqual(await reader.read(part, 100), b"deep\r\n")

    async def test_what_belongs_to_a_stored_email_is_null(self):
        blob = await self.upload(message())
        names = ["id", "mailboxIds", "keywords", "receivedAt", "threadId", "blobId", "size"]
        found = await self.call("Email/parse", blobIds=[blob], properties=names)
        self.assertEqual(
            found["parsed"][blob],
            {**dict.fromkeys(names), "blobId": blob, "size": len(message())},
        )

    async def test_what_is_no_message_and_what_is_not_there(self):
        blob = await self.upload(b"\x89PNG\r\n\x1a\n\0\0 no message at all")
        missing = blob_id(b"\x01" * 32)
        found = await self.call("Email/parse", blobIds=[blob, missing, "x"])
        self.assertEqual(
            (found["parsed"], found["notParsable"], found["notFound"]), (None, [blob], [missing, "x"])
        )

    async def test_anothers_blob_is_not_found(self):
        blob = await self.upload(message(), account=self.bob)
        self.assertEqual((await self.call("Email/parse", blobIds=[blob]))["notFound"], [blob])

    async def test_arguments_are_checked(self):
        for arguments in ({}, {"blobIds": None}, {"blobIds": [1]}, {"blobIds": [], "properties": ["x"]},
                          {"blobIds": [], "ids": []}):  # fmt: skip
            await self.fails("invalidArguments", "Email/parse", **arguments)
