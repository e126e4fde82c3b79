"""JSON answers in gzip; and what is said of a client that leaves."""

import gzip
import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mailsys.log import direct
from mailsys.ports.accounts import Account
from mailsys.services.jmap.protocol.api import CORE, CallContext
from mailsys.web.compression import takes_gzip
from tests.web.raw import head, talk
from tests.web.rig import WebTestCase, basic, reactor

ECHO = {"using": ["urn:ietf:params:jmap:core"]}


def call(text: str, method: str = "Core/echo", **headers: str) -> bytes:
    body = json.dumps({**ECHO, "methodCalls": [[method, {"a": text}, "c"]]}).encode()
    return (
        head(
            "POST",
            "/jmap/api",
            Authorization=basic("alice"),
            Content_Type="application/json",
            Content_Length=str(len(body)),
            Connection="close",
            **headers,
        )
        + body
    )


class CompressionTests(WebTestCase):
    async def answer(self, size: int, **headers: str) -> tuple[bytes, bytes]:
        got = await talk(self.number, call("x" * size, **headers))
        before, _, body = got.partition(b"\r\n\r\n")
        return before.lower(), body

    async def test_it_is_gzip_for_those_who_take_it(self) -> None:
        for size in (2000, 100_000):
            before, body = await self.answer(size, Accept_Encoding="br, gzip;q=0.5")
            self.assertIn(b"content-encoding: gzip", before)
            self.assertIn(b"vary: accept-encoding", before)
            self.assertLess(len(body), size / 5)
            self.assertEqual(json.loads(gzip.decompress(body))["methodResponses"][0][1]["a"], "x" * size)

    async def test_it_is_plain_for_others_and_when_it_is_short(self) -> None:
        for size, accepted in ((2000, "identity"), (2000, "gzip;q=0"), (100, "gzip")):
            before, body = await self.answer(size, Accept_Encoding=accepted)
            self.assertNotIn(b"content-encoding", before)
            self.assertEqual(json.loads(body)["methodResponses"][0][1]["a"], "x" * size)

    def test_what_a_field_allows(self) -> None:
        for field, allowed in (
            (b"", False),
            (b"gzip", True),
            (b"x-gzip", True),
            (b"*", True),
            (b"*;q=0", False),
            (b"gzip;q=0.0, *", False),
            (b"deflate, GZIP ; q=0.001", True),
            (b"br", False),
        ):
            self.assertEqual(takes_gzip(field), allowed, field)


class LeavingTests(WebTestCase):
    def prepare(self) -> None:
        self.asked: Deferred[None] = Deferred()
        self.done: Deferred[None] = Deferred()

        async def slow(_context: CallContext, arguments: dict[str, Any]) -> dict[str, Any]:
            self.asked.callback(None)
            await self.done
            return arguments

        self.api.register("Test/slow", CORE, slow)

    async def test_a_client_that_leaves_during_its_request_is_no_error(self) -> None:
        said: list[object] = []
        direct("error", lambda level, event: said.append(event))
        self.addCleanup(direct, "error", None)
        gone = talk(self.number, call("", method="Test/slow"), until=b"")
        await self.asked
        await gone
        while self.web.connections:
            await deferLater(reactor, 0)
        self.done.callback(None)
        await self.ask("/health/live")
        self.assertEqual(said, [])

    async def test_nor_is_one_that_leaves_while_its_password_is_checked(self) -> None:
        said: list[object] = []
        direct("error", lambda level, event: said.append(event))
        self.addCleanup(direct, "error", None)

        async def check(login: str, password: str) -> Account:
            self.asked.callback(None)
            await self.done
            return await self.store.accounts.account_named(login)

        self.passwords._check = check
        gone = talk(self.number, call("", method="Test/slow"), until=b"")
        await self.asked
        await gone
        while self.web.connections:
            await deferLater(reactor, 0)
        self.done.callback(None)
        await self.ask("/health/live")
        self.assertEqual(said, [])
