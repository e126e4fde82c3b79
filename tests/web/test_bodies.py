"""What is read of a body, and when."""

import resource
import socket
import time

from twisted.internet.threads import deferToThread

from tests.web.raw import head, talk
from tests.web.rig import WebTestCase, basic


def drip(port: int, start: bytes, most: float = 5.0) -> float:
    """Seconds after which the server answers, or hangs up, when little comes, but often."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(start)
        while time.monotonic() - began < most:
            try:
                connection.sendall(b"A")
                connection.settimeout(0.05)
                connection.recv(100)  # an answer, or the end
                break
            except TimeoutError:
                continue
            except OSError:
                break
    return time.monotonic() - began


class BodyTests(WebTestCase):
    settings = {"upload_size": 1_000_000, "request_size": 200_000}  # noqa: RUF012

    async def test_an_upload_past_the_limit_is_413_before_a_byte_of_it_is_sent(self) -> None:
        path = f"/jmap/upload/{self.A}/"
        answer = await talk(
            self.number, head("POST", path, Authorization=basic("alice"), Content_Length="1000001")
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        self.assertIn(b"Connection: close", answer)
        self.assertIn(b'"limit":"maxSizeUpload"', answer)

    async def test_continue_is_only_said_to_those_who_may(self) -> None:
        path = f"/jmap/upload/{self.A}/"
        nobody = await talk(self.number, head("POST", path, Content_Length="9", Expect="100-continue"))
        self.assertTrue(nobody.startswith(b"HTTP/1.1 401 "), nobody)
        other = await talk(
            self.number,
            head("POST", path, Content_Length="9", Expect="100-continue", Authorization=basic("bob")),
        )
        self.assertTrue(other.startswith(b"HTTP/1.1 404 "), other)
        alice = await talk(
            self.number,
            head("POST", path, Content_Length="9", Expect="100-continue", Authorization=basic("alice")),
            until=b"\r\n\r\n",
        )
        self.assertTrue(alice.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"), alice)

    async def test_a_form_to_nowhere_is_bounded(self) -> None:
        answer = await talk(self.number, head("POST", "/x", Content_Length="70000"), b"x" * 70000)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)

    async def test_who_sends_a_refused_body_to_its_end_gets_to_read_why(self) -> None:
        """Many HTTP clients write all before they read anything."""
        path = f"/jmap/upload/{self.A}/"
        asked = head("POST", path, Authorization=basic("alice"), Content_Length="8000000")
        answer = await talk(self.number, asked, b"x" * 8_000_000)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)

    async def test_a_refused_body_that_came_anyway_does_not_become_a_request(self) -> None:
        inner = head("GET", "/health/live")
        answer = await talk(
            self.number,
            head("POST", "/x", Content_Length="70000") + inner + b"x" * (70000 - len(inner)) + inner,
        )
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1)

    async def test_two_lengths_are_refused(self) -> None:
        answer = await talk(
            self.number,
            b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b"application/problem+json", answer)

    async def test_a_header_past_its_bound_is_431(self) -> None:
        lines = [b"A: %s\r\n" % (b"x" * 8000)] * 8
        answer = await talk(self.number, b"GET / HTTP/1.1\r\nHost: localhost\r\n", *lines)
        self.assertTrue(answer.startswith(b"HTTP/1.1 431 "), answer)

    async def test_pipelined_requests_are_answered_in_order(self) -> None:
        first = head("GET", "/health/live")
        second = head("GET", "/nothing", Connection="close")
        answer = await talk(self.number, first + second)
        self.assertLess(answer.index(b"HTTP/1.1 200 "), answer.index(b"HTTP/1.1 404 "))

    async def test_without_a_valid_host_it_is_400(self) -> None:
        for host in (b"", b"Host: a b\r\n", b"Host: a\r\nHost: b\r\n"):
            request = b"GET /jmap/session HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"
            answer = await talk(self.number, request)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)


class TimeTests(WebTestCase):
    settings = {"idle": 0.3}  # noqa: RUF012

    async def test_a_header_that_comes_in_drops_must_be_complete_in_time(self) -> None:
        self.assertLess(await deferToThread(drip, self.number, b""), 2.0)

    async def test_so_must_the_body_of_who_is_not_known(self) -> None:
        start = head("POST", "/jmap/api", Content_Length="1000")
        self.assertLess(await deferToThread(drip, self.number, start), 2.0)

    async def test_a_connection_that_was_held_for_an_upload_is_idle_afterwards(self) -> None:
        path = f"/jmap/upload/{self.A}/"
        start = head("POST", path, Authorization=basic("alice"), Content_Length="300000")
        answer = await talk(self.number, start + b"x" * 300_000)  # reads until the server closes
        self.assertTrue(answer.startswith(b"HTTP/1.1 201 "), answer)

    async def test_a_body_that_stops_is_given_up(self) -> None:
        path = f"/jmap/upload/{self.A}/"
        start = head("POST", path, Authorization=basic("alice"), Content_Length="300000")
        self.assertEqual(await talk(self.number, start + b"x" * 1000), b"")


class PatientTests(WebTestCase):
    settings = {"idle": 1.0}  # noqa: RUF012

    async def test_an_upload_in_drops_has_more_time(self) -> None:
        path = f"/jmap/upload/{self.A}/"
        start = head("POST", path, Authorization=basic("alice"), Content_Length="1000")
        self.assertGreater(await deferToThread(drip, self.number, start, 3.0), 2.0)


class CrowdTests(WebTestCase):
    limits = {"connections_per_address": 2}  # noqa: RUF012

    async def test_connections_past_the_limit_are_told_so(self) -> None:
        open_ones = [socket.create_connection(("127.0.0.1", self.number)) for _ in range(2)]
        answer = await talk(self.number, until=b"}")
        for each in open_ones:
            each.close()
        self.assertTrue(answer.startswith(b"HTTP/1.1 429 "), answer)


class LastDescriptorTests(WebTestCase):
    async def test_who_would_have_one_of_the_last_descriptors_is_told_to_come_back(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        with socket.create_connection(("127.0.0.1", self.number)) as one:
            resource.setrlimit(resource.RLIMIT_NOFILE, (one.fileno() + 10, before[1]))
            answer = await talk(self.number, until=b"}")
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)


class FullTests(WebTestCase):
    limits = {"connections": 1}  # noqa: RUF012

    async def test_connections_past_what_the_server_takes_are_told_to_come_back(self) -> None:
        with socket.create_connection(("127.0.0.1", self.number)):
            answer = await talk(self.number, until=b"}")
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"\r\nRetry-After: 60\r\n", answer)
