"""Uploads: streamed, bounded, held for the account."""

import hashlib

from mailsys.core.jmap.ids import parse_blob_id
from tests.web.raw import head, talk
from tests.web.rig import Body, WebTestCase, basic


class UploadTests(WebTestCase):
    settings = {"upload_size": 2_000_000, "upload_per_hour": 3_000_000}  # noqa: RUF012

    async def upload(self, body: object, user: str = "alice", **headers: str):  # type: ignore[no-untyped-def]
        account = self.A if user == "alice" else self.B
        given = {"Content-Type": "image/png"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.ask(f"/jmap/upload/{account}/", "POST", body, user=user, headers=given)

    async def test_what_was_uploaded_can_be_read_back(self) -> None:
        for content in (b"", b"small", b"0123456789" * 100_000):
            answer = await self.upload(content)
            self.assertEqual(answer.status, 201)
            self.assertEqual(answer.json["accountId"], self.A)
            self.assertEqual((answer.json["size"], answer.json["type"]), (len(content), "image/png"))
            found = parse_blob_id(answer.json["blobId"])
            self.assertEqual(found.blob, hashlib.blake2b(content, digest_size=32).digest())
            read = await self.ask(f"/jmap/download/{self.A}/{answer.json['blobId']}/x")
            self.assertEqual((read.status, read.body), (200, content))

    async def test_without_a_type_it_is_octets(self) -> None:
        answer = await self.ask(f"/jmap/upload/{self.A}/", "POST", b"x")
        self.assertEqual(answer.json["type"], "application/octet-stream")

    async def test_a_chunked_one_is_taken(self) -> None:
        answer = await self.upload(Body(*[b"x" * 100_000] * 5, length=None))
        self.assertEqual((answer.status, answer.json["size"]), (201, 500_000))

    async def test_a_chunked_one_past_the_limit_is_413(self) -> None:
        answer = await self.upload(Body(*[b"x" * 100_000] * 25, length=None))
        self.assertEqual((answer.status, answer.json["limit"]), (413, "maxSizeUpload"))

    async def test_another_account_is_not_there(self) -> None:
        for account in (self.B, "A999", "nonsense"):
            answer = await self.ask(f"/jmap/upload/{account}/", "POST", b"x")
            self.assertEqual(answer.status, 404)

    async def test_what_one_uploads_another_cannot_read(self) -> None:
        blob = (await self.upload(b"private")).json["blobId"]
        self.assertEqual((await self.ask(f"/jmap/download/{self.B}/{blob}/x", user="bob")).status, 404)

    async def test_an_hour_has_its_bound(self) -> None:
        first = await self.upload(b"x" * 2_000_000)
        second = await self.upload(b"y" * 1_500_000)
        self.assertEqual((first.status, second.status), (201, 429))
        self.assertEqual(second.header("retry-after"), "3600")

    async def test_one_that_breaks_off_leaves_nothing(self) -> None:
        path = f"/jmap/upload/{self.A}/"
        start = head("POST", path, Authorization=basic("alice"), Content_Length="1000000")
        import socket

        from twisted.internet.threads import deferToThread

        def break_off() -> None:
            with socket.create_connection(("127.0.0.1", self.number)) as connection:
                connection.sendall(start + b"x" * 500_000)

        await deferToThread(break_off)
        answer = await self.upload(b"x")  # the place among the uploads at once is free again
        self.assertEqual(answer.status, 201)

    async def test_a_session_that_may_only_read_may_not_upload(self) -> None:
        from mailsys.services.jmap.protocol.api import Caller

        async def reader(request: object) -> Caller:
            return Caller(self.alice, frozenset(("mail:read",)))

        self.web.callers._authenticators.insert(0, reader)
        self.assertEqual((await self.upload(b"x")).status, 403)

    async def test_more_uploads_at_once_wait_their_turn(self) -> None:
        from twisted.internet.defer import Deferred, gatherResults

        answers = await gatherResults(
            [Deferred.fromCoroutine(self.upload(b"%d" % n * 100_000)) for n in range(8)]
        )
        self.assertEqual([each.status for each in answers], [201] * 8)


class TalkTests(WebTestCase):
    async def test_an_upload_held_back_by_sign_in_is_taken_whole_afterwards(self) -> None:
        start = head(
            "POST", f"/jmap/upload/{self.A}/", Authorization=basic("alice"), Content_Length="300000",
            Connection="close",
        )  # fmt: skip
        answer = await talk(self.number, start + b"z" * 300_000)
        self.assertTrue(answer.startswith(b"HTTP/1.1 201 "), answer)
        self.assertIn(b'"size":300000', answer)
