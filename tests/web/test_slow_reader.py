"""Clients that ask and do not read: nothing piles up, and nothing is lost."""

import json
import socket
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mailsys.core.jmap.ids import blob_id
from mailsys.ports.placements import KeywordChange
from tests.web.raw import head
from tests.web.rig import WebTestCase, basic, reactor

COUNT = 300
FILLING = "x" * 60_000


def framed(value: Any) -> bytes:
    data = json.dumps(value).encode()
    return b"\x81\xfe" + len(data).to_bytes(2, "big") + b"\0\0\0\0" + data


class SlowSocketTests(WebTestCase):
    async def connect(self) -> socket.socket:
        def work() -> socket.socket:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            connection.settimeout(10)
            connection.connect(("127.0.0.1", self.number))
            connection.sendall(
                head(
                    "GET", "/jmap/ws", Authorization=basic("alice"), Upgrade="websocket",
                    Connection="Upgrade", Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
                    Sec_WebSocket_Version="13", Sec_WebSocket_Protocol="jmap",
                )
            )  # fmt: skip
            got = b""
            while b"\r\n\r\n" not in got:
                got += connection.recv(1)
            return connection

        return await deferToThread(work)

    async def test_requests_stay_in_the_network_until_answers_are_read(self) -> None:
        connection = await self.connect()
        (close,) = [each.close for streams in self.web.streams._open.values() for each in streams.values()]
        server: Any = close.__self__
        most = 0

        def send() -> None:
            for n in range(COUNT):
                call = ["Core/echo", {"a": FILLING}, "c"]
                connection.sendall(
                    framed({"@type": "Request", "id": str(n), "using": ["urn:ietf:params:jmap:core"],
                            "methodCalls": [call]})
                )  # fmt: skip

        sending = deferToThread(send)
        for _ in range(50):  # half a second in which nobody reads
            transport = server.transport
            waiting = len(transport.dataBuffer) + transport._tempDataLen
            most = max(most, waiting + sum(map(len, server._waiting)))
            await deferLater(reactor, 0.01)
        self.assertLess(most, 2_000_000)
        self.assertTrue(server._full)

        def read() -> int:
            answers, got = 0, b""
            while answers < COUNT:
                got += connection.recv(1 << 20)
                while len(got) >= 10:
                    size, at = got[1], 2
                    if size == 126:
                        size, at = int.from_bytes(got[2:4], "big"), 4
                    elif size == 127:
                        size, at = int.from_bytes(got[2:10], "big"), 10
                    if len(got) < at + size:
                        break
                    answers += b'"Response"' in got[at : at + 100]
                    got = got[at + size :]
            connection.close()
            return answers

        self.assertEqual(await deferToThread(read), COUNT)
        await sending
        while self.site.connections:
            await deferLater(reactor, 0.01)


class SlowStreamTests(WebTestCase):
    async def test_events_that_are_not_read_are_merged(self) -> None:
        def connect() -> socket.socket:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(10)
            connection.connect(("127.0.0.1", self.number))
            connection.sendall(
                head("GET", "/jmap/eventsource/?types=*&closeafter=no&ping=0", Authorization=basic("alice"))
            )
            connection.recv(100)
            return connection

        connection = await deferToThread(connect)
        done = await self.deliver()
        inbox = done.placements[0][0]
        (follower,) = self.feed._watches[self.alice.id].followers
        stream: Any = follower.deliver.__self__
        transport = stream._request.channel.transport
        stream._flow.pauseProducing()  # as when nobody reads
        for n in range(200):
            change = KeywordChange(replace=f"k{n}")
            await self.mail.set_keywords(self.alice.id, inbox, [done.email], change)
        before = len(transport.dataBuffer) + transport._tempDataLen
        self.assertLess(before, 1000)  # the first word, at most
        final = await self.api.state_change(self.alice.id)
        while stream._pending is None or stream._pending.states.get("Email") != final["Email"]:
            await deferLater(reactor, 0.01)
        stream._flow.resumeProducing()
        self.assertIsNone(stream._pending)

        def read() -> bytes:
            got = b""
            while f'"Email":"{final["Email"]}"'.encode() not in got:
                got += connection.recv(65536)
            connection.close()
            return got

        got = await deferToThread(read)
        self.assertLessEqual(got.count(b"event: state"), 3)
        await Deferred.fromCoroutine(self.gone())

    async def gone(self) -> None:
        while self.feed.accounts:
            await deferLater(reactor, 0.01)


class SlowDownloadTests(WebTestCase):
    settings = {"idle": 0.3}  # noqa: RUF012

    async def test_who_takes_nothing_of_a_download_is_cut_off(self) -> None:
        sink = self.blobs.sink()
        for _ in range(300):
            await maybeDeferred(sink.write, b"x" * 100_000)
        staged = await sink.finish()
        await self.mail.hold(self.alice.id, staged, "text/plain", reactor.seconds() + 100)
        path = f"/jmap/download/{self.A}/{blob_id(staged.id)}/x"

        def ask() -> socket.socket:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            connection.connect(("127.0.0.1", self.number))
            connection.sendall(head("GET", path, Authorization=basic("alice")))
            return connection

        connection = await deferToThread(ask)
        while not self.site.connections:
            await deferLater(reactor, 0.01)
        while self.site.connections:
            await deferLater(reactor, 0.01)
        connection.close()
