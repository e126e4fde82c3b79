"""Downloads: rights, ranges, caching, and headers under which nothing runs."""

import base64
import os
import quopri

from mailsys.core.jmap.ids import blob_id, part_blob_id
from mailsys.ports.emails import Column
from tests.web.rig import WebTestCase

BIG = b"Subject: big\r\n\r\n" + b"0123456789abcde\n" * 40_000


class DownloadTests(WebTestCase):
    async def blob(self, message: bytes = b"Subject: x\r\n\r\nHello\r\n") -> str:
        if len(message) > 65536:
            sink = self.blobs.sink()
            sink.write(message)
            from mailsys.core.message.analysis import analyse
            from mailsys.ports.intake import Acceptance, Delivery

            staged = await sink.finish()
            await self.mail.accept(
                Acceptance(staged, analyse(message), 1.7e9, (Delivery(self.alice.id),), header=message[:14])
            )
            return blob_id(staged.id)
        delivered = await self.deliver(message=message)
        rows = await self.mail.fetch(self.alice.id, [delivered.email], [Column.BLOB])
        return blob_id(rows[delivered.email][0])

    async def get(self, blob: str, name: str = "a.eml", query: str = "", **given):  # type: ignore[no-untyped-def]
        return await self.ask(f"/jmap/download/{self.A}/{blob}/{name}{query}", **given)

    async def test_the_bytes_come_back(self) -> None:
        answer = await self.get(await self.blob(), query="?type=message/rfc822")
        self.assertEqual((answer.status, answer.body), (200, b"Subject: x\r\n\r\nHello\r\n"))
        self.assertEqual(answer.header("content-type"), "message/rfc822")
        self.assertEqual(answer.header("content-disposition"), 'attachment; filename="a.eml"')
        self.assertIn("sandbox", answer.header("content-security-policy"))
        self.assertEqual(answer.header("x-content-type-options"), "nosniff")

    async def test_large_ones_come_back_whole(self) -> None:
        answer = await self.get(await self.blob(BIG))
        self.assertEqual(answer.body, BIG)

    async def test_what_the_disk_lost_is_an_error_and_never_an_empty_file(self) -> None:
        blob = await self.blob(BIG)
        staged = self.store.files().path(bytes.fromhex(blob[1:]))
        os.remove(staged)
        answer = await self.get(blob)
        self.assertEqual(answer.status, 500)
        self.assertIn("missing or damaged", answer.json["detail"])

    async def test_another_accounts_blob_is_not_there(self) -> None:
        blob = await self.blob()
        for path in (f"/jmap/download/{self.A}/{blob}/x", f"/jmap/download/{self.B}/{blob}/x"):
            self.assertEqual((await self.ask(path, user="bob")).status, 404)

    async def test_what_is_no_blob_is_not_there(self) -> None:
        for blob in ("B00", "x", "B" + "0" * 64):
            self.assertEqual((await self.get(blob)).status, 404)

    async def test_ranges(self) -> None:
        blob = await self.blob()
        for asked, status, body in (
            ("bytes=0-6", 206, b"Subject"),
            ("bytes=9-", 206, b"x\r\n\r\nHello\r\n"),
            ("bytes=-7", 206, b"Hello\r\n"),
            ("bytes=0-1,3-4", 200, b"Subject: x\r\n\r\nHello\r\n"),
            ("lines=1-2", 200, b"Subject: x\r\n\r\nHello\r\n"),
        ):
            answer = await self.get(blob, headers={"Range": asked})
            self.assertEqual((asked, answer.status, answer.body), (asked, status, body))
        answer = await self.get(blob, headers={"Range": "bytes=1000-"})
        self.assertEqual((answer.status, answer.header("content-range")), (416, "bytes */21"))

    async def test_a_range_of_something_else_is_all_of_it(self) -> None:
        blob = await self.blob()
        answer = await self.get(blob, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
        self.assertEqual(answer.status, 200)

    async def test_a_range_of_a_large_one(self) -> None:
        answer = await self.get(await self.blob(BIG), headers={"Range": "bytes=100000-500000"})
        self.assertEqual(answer.body, BIG[100000:500001])

    async def test_what_is_known_is_not_sent_again(self) -> None:
        blob = await self.blob()
        answer = await self.get(blob)
        self.assertIn("immutable", answer.header("cache-control"))
        again = await self.get(blob, headers={"If-None-Match": answer.header("etag")})
        self.assertEqual((again.status, again.body), (304, b""))

    async def test_head_has_the_length_and_no_body(self) -> None:
        answer = await self.get(await self.blob(), method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))

    async def test_parts_come_decoded(self) -> None:
        content = bytes(range(256)) * 30
        for encoding, encoded in (
            ("base64", base64.encodebytes(content)),
            ("quoted-printable", quopri.encodestring(content)),
        ):
            message = b"Content-Transfer-Encoding: %b\r\n\r\n" % encoding.encode() + encoded
            whole = await self.blob(message)
            start = message.index(b"\r\n\r\n") + 4
            part = part_blob_id(bytes.fromhex(whole[1:]), start, len(encoded), encoding)
            answer = await self.get(part)
            self.assertEqual(answer.body, content)
            answer = await self.get(part, headers={"Range": "bytes=5-9"})
            self.assertEqual(answer.body, content[5:10])

    async def test_a_large_part_comes_decoded(self) -> None:
        content = bytes(range(256)) * 6000
        encoded = base64.encodebytes(content)
        message = b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded
        whole = await self.blob(message)
        part = part_blob_id(bytes.fromhex(whole[1:]), 37, len(encoded), "base64")
        self.assertEqual((await self.get(part)).body, content)

    async def test_a_part_beyond_the_blob_is_not_there(self) -> None:
        whole = await self.blob()
        part = part_blob_id(bytes.fromhex(whole[1:]), 10, 100, "")
        self.assertEqual((await self.get(part)).status, 404)

    async def test_html_is_never_shown_inline(self) -> None:
        answer = await self.get(await self.blob(), query="?type=text/html&disposition=inline")
        self.assertTrue(answer.header("content-disposition").startswith("attachment"))

    async def test_pictures_are_when_asked_for(self) -> None:
        answer = await self.get(await self.blob(), query="?type=image/png&disposition=inline")
        self.assertTrue(answer.header("content-disposition").startswith("inline"))

    async def test_a_type_that_would_end_the_header_is_no_type(self) -> None:
        answer = await self.get(await self.blob(), query="?type=text/html%0d%0aX-Evil:%201")
        self.assertEqual(answer.header("content-type"), "application/octet-stream")
        self.assertIsNone(answer.header("x-evil"))

    async def test_names_in_other_alphabets_and_with_traps(self) -> None:
        blob = await self.blob()
        answer = await self.get(blob, name="%C3%BCber%20%22x%22%0d%0a.txt")
        self.assertEqual(
            answer.header("content-disposition"),
            "attachment; filename=\"_ber _x___.txt\"; filename*=UTF-8''%C3%BCber%20%22x%22__.txt",
        )
        answer = await self.get(blob, name="..%2F..%2Fetc%2Fpasswd")
        self.assertEqual(answer.header("content-disposition"), 'attachment; filename="_.._etc_passwd"')
