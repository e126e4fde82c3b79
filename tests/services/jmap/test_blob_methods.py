"""Blob/upload, /get, /lookup (RFC 9404) and /copy (RFC 8620 §6.3)."""

import base64
import hashlib
import json
import random

from mailsys.core.jmap import ids
from mailsys.ports.mailboxes import Role
from mailsys.services.jmap.extensions import blob_methods
from mailsys.services.jmap.protocol.api import CORE, Limits
from mailsys.stores.sqlite import uploads
from tests.services.jmap.post_rig import PostTestCase
from tests.services.jmap.rig import message

FOX = "The quick brown fox jumped over the lazy dog."


class BlobTestCase(PostTestCase):
    async def made(self, *sources, **more):
        found = await self.call("Blob/upload", create={"b": {"data": list(sources), **more}})
        self.assertIsNone(found["notCreated"], found)
        return found["created"]["b"]

    async def refused_upload(self, **value):
        found = await self.call("Blob/upload", create={"b": value})
        self.assertIsNone(found["created"], found)
        return found["notCreated"]["b"]

    async def read(self, blob, *properties, **more):
        found = await self.call("Blob/get", ids=[blob], properties=list(properties) or None, **more)
        (one,) = found["list"]
        self.assertEqual(one.pop("id"), blob)
        return one


class UploadTests(BlobTestCase):
    async def test_text_and_base64(self):
        made = await self.made({"data:asText": "Grüße, "}, {"data:asBase64": "AP8="}, type="text/x")
        self.assertEqual((made["type"], made["size"]), ("text/x", 11))
        self.assertEqual(
            (await self.read(made["id"], "data:asBase64"))["data:asBase64"],
            base64.b64encode("Grüße, ".encode() + b"\x00\xff").decode(),
        )

    async def test_ranges_of_blobs_of_the_same_request(self):
        found = await self.request(
            ["Blob/upload", {"accountId": self.account, "create": {"b4": {"data": [
                {"data:asText": FOX}]}}}, "0"],
            ["Blob/upload", {"accountId": self.account, "create": {"cat": {"data": [
                {"data:asText": "How"}, {"blobId": "#b4", "length": 7, "offset": 3},
                {"data:asText": "was t"}, {"blobId": "#b4", "length": 1, "offset": 1},
                {"data:asBase64": "YXQ/"}]}}}, "1"],
            ["Blob/get", {"accountId": self.account, "ids": ["#cat"],
                "properties": ["data:asText", "size"]}, "2"],
        )  # fmt: skip
        (one,) = found["methodResponses"][2][1]["list"]
        self.assertEqual((one["data:asText"], one["size"]), ("How quick was that?", 19))

    async def test_nothing_at_all_is_an_empty_blob(self):
        made = await self.made()
        self.assertEqual((made["size"], made["type"]), (0, None))
        self.assertEqual(await self.read(made["id"]), {"data:asText": "", "size": 0})

    async def test_data_of_many_windows_comes_whole(self):
        data = random.Random(3).randbytes(700_001)
        blob = await self.upload(data)
        self.assertEqual(
            (await self.read(blob, "data:asBase64"))["data:asBase64"], base64.b64encode(data).decode()
        )
        text = "ü" * 300_001
        blob = await self.upload(text.encode())
        self.assertEqual((await self.read(blob, "data:asText"))["data:asText"], text)

    async def test_an_answer_has_so_many_octets_of_data_and_no_more(self):
        self.patch(blob_methods, "MOST_OCTETS", 90)
        fox = (await self.made({"data:asText": FOX}))["id"]
        self.assertEqual((await self.read(fox, "data:asText"))["data:asText"], FOX)
        cat = (await self.made({"data:asText": FOX.upper()}))["id"]
        self.assertEqual(len((await self.call("Blob/get", ids=[fox, cat]))["list"]), 2)
        one_more = (await self.made({"data:asText": "."}))["id"]
        await self.fails("requestTooLarge", "Blob/get", ids=[fox, cat, one_more])
        self.assertEqual(
            len((await self.call("Blob/get", ids=[fox, cat, one_more], properties=["size"]))["list"]), 3
        )

    async def test_an_upload_that_nothing_uses_is_kept_for_a_day(self):
        blob = (await self.made({"data:asText": FOX}))["id"]
        for seconds, gone in ((86_000.0, []), (500.0, [blob])):
            self.clock.advance(seconds)
            await self.store.writer.submit(lambda batch: uploads.expire(batch, self.clock.seconds(), 100))
            found = await self.call("Blob/get", ids=[blob], properties=["size"])
            self.assertEqual(found["notFound"], gone)

    async def test_what_cannot_be_satisfied_is_refused(self):
        blob = (await self.made({"data:asText": FOX}))["id"]
        for data in (
            None,
            "x",
            [7],
            [{}],
            [{"data:asText": "x", "data:asBase64": "eA=="}],
            [{"data:asBase64": "no base64!"}],
            [{"data:asBase64": "YXQ"}],
            [{"data:asText": 7}],
            [{"data:asText": "x", "offset": 1}],
            [{"blobId": blob, "offset": 40, "length": 6}],
            [{"blobId": blob, "offset": 46}],
            [{"blobId": blob, "offset": -1}],
            [{"what": "x"}],
            [{"data:asText": "x"}] * 101,
        ):
            error = await self.refused_upload(data=data)
            self.assertEqual((error["type"], error["properties"]), ("invalidProperties", ["data"]), data)
        self.assertEqual((await self.refused_upload(data=[], type=7))["properties"], ["type"])
        self.assertEqual((await self.refused_upload(data=[], size=7))["properties"], ["size"])

    async def test_blobs_of_others_do_not_exist(self):
        theirs = await self.upload(b"secret", account=self.bob)
        error = await self.refused_upload(data=[{"blobId": theirs}])
        self.assertEqual(error["type"], "blobNotFound")
        found = await self.call("Blob/get", ids=[theirs])
        self.assertEqual((found["list"], found["notFound"]), ([], [theirs]))
        found = await self.call("Blob/lookup", ids=[theirs], typeNames=["Email"])
        self.assertEqual(found["notFound"], [theirs])

    async def test_an_email_can_be_made_of_it(self):
        made = await self.made({"data:asText": message().decode()}, type="message/rfc822")
        found = await self.call(
            "Email/import", emails={"i": {"blobId": made["id"], "mailboxIds": {self.inbox: True}}}
        )
        self.assertIn("i", found["created"])


class SmallTests(BlobTestCase):
    limits = Limits(max_size_upload=100)

    async def test_too_large_is_known_before_it_is_made(self):
        half = await self.made({"data:asText": "x" * 60})
        error = await self.refused_upload(data=[{"blobId": half["id"]}, {"blobId": half["id"]}])
        self.assertEqual(error["type"], "tooLarge")

    async def test_the_limits_are_announced(self):
        session = await self.api.session(self.caller, "https://x")
        found = session["accounts"][self.account]["accountCapabilities"]["urn:ietf:params:jmap:blob"]
        self.assertEqual(found["maxSizeBlobSet"], 100)
        self.assertGreaterEqual(found["maxDataSources"], 64)
        self.assertEqual(found["supportedTypeNames"], ["Mailbox", "Thread", "Email"])
        self.assertIn("sha-256", found["supportedDigestAlgorithms"])


class GetTests(BlobTestCase):
    async def test_by_default_data_and_size(self):
        blob = (await self.made({"data:asText": FOX}))["id"]
        self.assertEqual(await self.read(blob), {"data:asText": FOX, "size": 45})

    async def test_what_is_no_text_comes_as_base64(self):
        blob = (await self.made({"data:asBase64": "//4="}))["id"]
        self.assertEqual(
            await self.read(blob), {"isEncodingProblem": True, "data:asBase64": "//4=", "size": 2}
        )
        self.assertEqual(
            await self.read(blob, "data:asText"), {"isEncodingProblem": True, "data:asText": None}
        )

    async def test_a_cut_within_a_character_is_an_encoding_problem(self):
        blob = (await self.made({"data:asText": "über"}))["id"]
        self.assertEqual(
            await self.read(blob, "data:asText", length=1), {"isEncodingProblem": True, "data:asText": None}
        )
        self.assertEqual(await self.read(blob, "data:asText", length=2), {"data:asText": "ü"})

    async def test_ranges_and_their_digests(self):
        blob = (await self.made({"data:asText": FOX}))["id"]
        found = await self.read(
            blob, "data:asText", "digest:sha", "digest:sha-256", "size", offset=4, length=9
        )
        part = b"quick bro"
        self.assertEqual(
            found,
            {
                "data:asText": "quick bro",
                "digest:sha": base64.b64encode(hashlib.sha1(part).digest()).decode(),
                "digest:sha-256": base64.b64encode(hashlib.sha256(part).digest()).decode(),
                "size": 45,
            },
        )

    async def test_a_range_beyond_the_end_is_cut_and_says_so(self):
        blob = (await self.made({"data:asText": FOX}))["id"]
        self.assertEqual(
            await self.read(blob, "data", offset=41, length=10), {"isTruncated": True, "data:asText": "dog."}
        )
        self.assertEqual(
            await self.read(blob, "data", offset=50, length=10), {"isTruncated": True, "data:asText": ""}
        )
        self.assertEqual(await self.read(blob, "data", offset=45), {"data:asText": ""})

    async def test_missing_ones_and_wrong_arguments(self):
        found = await self.call("Blob/get", ids=["not-a-blob"])
        self.assertEqual(found["notFound"], ["not-a-blob"])
        blob = (await self.made())["id"]
        await self.fails("invalidArguments", "Blob/get", ids=[blob], properties=["digest:md4"])
        await self.fails("invalidArguments", "Blob/get", ids=[blob], offset=-1)
        await self.fails("invalidArguments", "Blob/get", ids=None)

    async def test_a_part_of_a_message_decoded(self):
        email = await self.create(
            bodyValues={"1": {"value": "Grüße"}}, textBody=[{"partId": "1", "type": "text/plain"}]
        )
        (part,) = await self.get(email["id"], "textBody")
        found = await self.read(part["blobId"], "data:asText", "size")
        self.assertEqual((found["data:asText"].strip(), found["size"]), ("Grüße", part["size"]))


class LookupTests(BlobTestCase):
    async def test_where_a_message_is(self):
        email = await self.deliver()
        blob, thread = await self.get(email, "blobId"), await self.get(email, "threadId")
        found = await self.call("Blob/lookup", ids=[blob, "x"], typeNames=["Mailbox", "Thread", "Email"])
        self.assertEqual(
            found["list"],
            [{"id": blob, "matchedIds": {"Mailbox": [self.inbox], "Thread": [thread], "Email": [email]}}],
        )
        self.assertEqual(found["notFound"], ["x"])
        await self.call("Email/set", update={email: {f"mailboxIds/{self.boxes[Role.SENT]}": True}})
        found = await self.call("Blob/lookup", ids=[blob], typeNames=["Mailbox"])
        self.assertEqual(len(found["list"][0]["matchedIds"]["Mailbox"]), 2)

    async def test_an_upload_is_in_nothing(self):
        blob = await self.upload(b"x")
        found = await self.call("Blob/lookup", ids=[blob], typeNames=["Email"])
        self.assertEqual(found["list"], [{"id": blob, "matchedIds": {"Email": []}}])

    async def test_types_that_are_not_known(self):
        await self.fails("unknownDataType", "Blob/lookup", ids=[], typeNames=["Calendar"])


class CopyTests(BlobTestCase):
    async def test_nothing_is_copied_within_an_account_nor_from_anothers(self):
        blob = await self.upload(b"x")
        await self.fails("invalidArguments", "Blob/copy", fromAccountId=self.account, blobIds=[blob])
        await self.fails(
            "fromAccountNotFound", "Blob/copy", fromAccountId=ids.account_id(self.bob.id), blobIds=[blob]
        )

    async def test_it_is_of_the_core(self):
        body = {"using": [CORE], "methodCalls": [["Blob/copy", {"accountId": "A9"}, "c"]]}
        found = json.loads(await self.api.call_decoded(self.caller, body, {}))
        self.assertEqual(found["methodResponses"][0][1]["type"], "accountNotFound")
