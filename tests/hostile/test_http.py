"""HTTP/1.1 as attackers write it: what two servers could read in two ways is refused and ends the
connection, so that nothing that follows passes for a request (RFC 9112 §11.2)."""

from __future__ import annotations

from tests.web.raw import talk
from tests.web.rig import WebTestCase

NEXT = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


class SmugglingTests(WebTestCase):
    settings = {"idle": 0.5}  # noqa: RUF012

    async def ask(self, request: bytes, then: bytes = b"") -> bytes:  # type: ignore[override]
        return bytes(await talk(self.number, request + then))

    async def test_two_readings_of_a_bodys_length_are_refused(self) -> None:
        for fields, body in (
            (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
            (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
            (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"abcde"),
            (b"Content-Length: 5, 6\r\n", b"abcde"),
            (b"Content-Length: +5\r\n", b"abcde"),
            (b"Content-Length: -5\r\n", b""),
            (b"Content-Length: 0x5\r\n", b"abcde"),
            (b"Content-Length : 5\r\n", b"abcde"),
            (b"Transfer-Encoding: gzip\r\n", b""),
            (b"Transfer-Encoding: xchunked\r\n", b""),
            (b"Transfer-Encoding: chunked\r\n", b"-1\r\n\r\n"),
            (b"Transfer-Encoding: chunked\r\n", b"5;" + b"x" * 5000 + b"\r\nabcde\r\n0\r\n\r\n"),
            (b"Transfer-Encoding: chunked\r\n", b"0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"),
            (b"X: a\0b\r\n", b""),
        ):
            start = b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n" + body
            answer = await self.ask(start, NEXT)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (fields, answer[:200]))
            self.assertNotIn(b'{"status":"live"}', answer, fields)

    async def test_a_body_that_nobody_reads_is_no_request(self) -> None:
        start = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(NEXT)
        self.assertNotIn(b'{"status":"live"}', await self.ask(start + NEXT))

    async def test_one_request_after_another_is_answered_in_order(self) -> None:
        self.assertEqual((await self.ask(NEXT * 30)).count(b'{"status":"live"}'), 30)

    async def test_too_many_header_fields_and_too_long_ones_are_refused(self) -> None:
        for fields in (b"X: y\r\n" * 500, b"X: " + b"y" * 40_000 + b"\r\n"):
            answer = await self.ask(NEXT[:-2] + fields + b"\r\n")
            self.assertIn(answer[:13], (b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))


class TargetTests(WebTestCase):
    settings = {"idle": 0.5, "hostnames": ["mail.example.com"]}  # noqa: RUF012

    async def status(self, target: bytes, host: bytes = b"mail.example.com") -> tuple[int, bytes]:
        answer = await talk(self.number, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        return int(answer[9:12]), answer

    async def test_a_whole_url_is_taken_for_what_it_says(self) -> None:
        self.assertIn(b'"live"', (await self.status(b"http://mail.example.com/health/live"))[1])
        self.assertEqual((await self.status(b"http://mail.example.com/jmap/session", b"x.test"))[0], 401)
        self.assertEqual((await self.status(b"HTTP://x.test/jmap/session"))[0], 421)
        self.assertEqual((await self.status(b"http:///jmap/session"))[0], 400)
        self.assertEqual((await self.status(b"https://mail.example.com?x"))[0], 404)

    async def test_no_path_leads_out_of_the_served_folder(self) -> None:
        for target in (
            *(b"/../../etc/passwd", b"/assets/../../settings.py", b"/assets/..%2f..%2fsettings.py"),
            *(b"/%2e%2e/%2e%2e/etc/passwd", b"//etc/passwd", b"/assets/%00", b"/assets/..\\x"),
        ):
            _, answer = await self.status(target)
            self.assertNotIn(b"root:", answer)
            self.assertNotIn(b"import", answer)

    async def test_nothing_that_is_asked_for_gets_into_a_header(self) -> None:
        for target in (b"/jmap/eventsource?a=%0d%0aX-Evil:1", b"/api/v1/%0d%0aX-Evil:1", b"/%0aX-Evil:1"):
            _, answer = await self.status(target)
            self.assertNotIn(b"\nX-Evil", answer.partition(b"\r\n\r\n")[0])
            self.assertNotIn(b"\rX-Evil", answer.partition(b"\r\n\r\n")[0])

    async def test_a_refusal_has_its_name(self) -> None:
        answer = await talk(self.number, b"GET /jmap/session HTTP/1.1\r\nHost: x.test\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 421 Misdirected Request\r\n"), answer[:60])
