"""Event streams and sockets: what changed is told, once, and nothing is missed."""

import json
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.web.http_headers import Headers

from mailsys.ports.placements import KeywordChange
from tests.web.raw import head, talk
from tests.web.rig import WebTestCase, basic, reactor

CORE = "urn:ietf:params:jmap:core"
ECHO = ["Core/echo", {"a": 1}, "c"]


class Socket(WebSocketClientProtocol):
    def __init__(self) -> None:
        super().__init__()
        self.messages: DeferredQueue[Any] = DeferredQueue()
        self.opened: Deferred[None] = Deferred()
        self.closed: Deferred[int | None] = Deferred()
        self.was_open = False

    def onOpen(self) -> None:
        self.was_open = True
        self.opened.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N803
        self.messages.put(json.loads(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N803
        if not self.was_open:
            self.opened.errback(ConnectionError(reason))
        self.closed.callback(self.remoteCloseCode)

    def say(self, value: Any) -> None:
        self.sendMessage(json.dumps(value).encode())

    async def next(self) -> Any:
        return await self.messages.get().addTimeout(5, reactor)

    async def leave(self) -> None:
        self.sendClose()
        await self.closed


async def connect(case: WebTestCase, user: str = "alice", **given: Any) -> Socket:
    headers = {"Authorization": basic(user)} | given.pop("headers", {})
    url = f"ws://127.0.0.1:{case.number}/jmap/ws"
    protocols = given.pop("protocols", ["jmap"])
    factory = WebSocketClientFactory(url, headers=headers, protocols=protocols, **given)
    factory.protocol = Socket
    socket = await TCP4ClientEndpoint(reactor, "127.0.0.1", case.number).connect(factory)
    await socket.opened
    return socket


class SocketTests(WebTestCase):
    settings = {"request_size": 100_000}  # noqa: RUF012

    async def test_a_request_is_answered_with_its_id(self) -> None:
        socket = await connect(self)
        socket.say({"@type": "Request", "id": "R1", "using": [CORE], "methodCalls": [ECHO]})
        answer = await socket.next()
        self.assertEqual((answer["@type"], answer["requestId"]), ("Response", "R1"))
        self.assertEqual(answer["methodResponses"], [ECHO])
        await socket.leave()

    async def test_without_an_id_there_is_no_request_id(self) -> None:
        socket = await connect(self)
        socket.say({"@type": "Request", "using": [CORE], "methodCalls": []})
        self.assertNotIn("requestId", await socket.next())
        await socket.leave()

    async def test_what_is_no_request_is_an_error_and_the_socket_stays(self) -> None:
        socket = await connect(self)
        for sent, kind, id_ in (
            (b"{nonsense", "notJSON", None),
            (b"[]", "notRequest", None),
            (b'{"id":"x"}', "notRequest", "x"),
            (b'{"@type":"Request","id":"y","using":["urn:none"],"methodCalls":[]}', "unknownCapability", "y"),
            (b'{"@type":"Request","id":"z","methodCalls":[]}', "notRequest", "z"),
        ):
            socket.sendMessage(sent)
            answer = await socket.next()
            self.assertEqual(
                (answer["@type"], answer["type"], answer["requestId"]),
                ("RequestError", f"urn:ietf:params:jmap:error:{kind}", id_),
            )
        await socket.leave()

    async def test_a_hundred_requests_in_a_row_are_all_answered(self) -> None:
        socket = await connect(self)
        for n in range(100):
            socket.say({"@type": "Request", "id": str(n), "using": [CORE], "methodCalls": [ECHO]})
        answers = [await socket.next() for _ in range(100)]
        self.assertEqual({each["@type"] for each in answers}, {"Response"})
        self.assertEqual(sorted(int(each["requestId"]) for each in answers), list(range(100)))
        await socket.leave()

    async def test_references_do_not_multiply_over_a_socket(self) -> None:
        socket = await connect(self)
        calls = [["Core/echo", {"a": ["x" * 100] * 10}, "0"]]
        for at in range(1, 16):
            refer = {"resultOf": str(at - 1), "name": "Core/echo", "path": ""}
            calls.append(["Core/echo", {f"#{n}": refer for n in range(60)}, str(at)])
        socket.say({"@type": "Request", "id": "R1", "using": [CORE], "methodCalls": calls})
        answer = await socket.next()
        self.assertIn("requestTooLarge", [one[1].get("type") for one in answer["methodResponses"]])
        socket.say({"@type": "Request", "id": "R2", "using": [CORE], "methodCalls": [ECHO]})
        self.assertEqual((await socket.next())["methodResponses"], [ECHO])
        await socket.leave()

    async def test_binary_frames_end_it(self) -> None:
        socket = await connect(self)
        socket.sendMessage(b"{}", isBinary=True)
        self.assertEqual(await socket.closed, 1003)

    async def test_a_message_past_the_limit_ends_it(self) -> None:
        socket = await connect(self)
        socket.sendMessage(b"x" * 100_001)
        self.assertEqual(await socket.closed, 1009)

    async def test_the_subprotocol_is_required(self) -> None:
        for protocols in ([], ["other"]):
            with self.assertRaises(ConnectionError):
                await connect(self, protocols=protocols)

    async def test_nobody_and_strangers_get_in(self) -> None:
        for given in ({"user": "mallory"}, {"origin": "http://evil.example"}):
            with self.assertRaises(ConnectionError):
                await connect(self, **given)

    async def test_our_own_page_gets_in(self) -> None:
        socket = await connect(self, origin=f"http://127.0.0.1:{self.number}")
        await socket.leave()

    async def test_without_upgrade_it_is_426(self) -> None:
        answer = await talk(
            self.number, head("GET", "/jmap/ws", Authorization=basic("alice"), Connection="close")
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 426 "), answer)
        self.assertIn(b"application/problem+json", answer)

    async def test_when_the_server_stops_it_says_so(self) -> None:
        socket = await connect(self)
        stopped = Deferred.fromCoroutine(self.web.stop())
        self.assertEqual(await socket.closed, 1001)
        await stopped

    async def test_a_closed_socket_is_counted_out(self) -> None:
        socket = await connect(self)
        self.assertEqual(self.site.connections, 1)
        await socket.leave()
        await self.until(lambda: self.site.connections == 0)

    async def until(self, condition: Any) -> None:
        from twisted.internet.task import deferLater

        for _ in range(200):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail("it did not come to be")

    # -- push ----------------------------------------------------------------------------------------

    async def enable(self, socket: Socket, **given: Any) -> None:
        socket.say({"@type": "WebSocketPushEnable", **given})
        socket.say({"@type": "Request", "id": "sync", "using": [CORE], "methodCalls": []})
        answer = await socket.next()
        while answer.get("requestId") != "sync":
            answer = await socket.next()

    async def test_new_mail_is_told(self) -> None:
        socket = await connect(self)
        await self.enable(socket, dataTypes=None)
        await self.deliver()
        told = await socket.next()
        self.assertEqual(told["@type"], "StateChange")
        self.assertEqual(list(told["changed"]), [self.A])
        self.assertLessEqual({"Email", "EmailDelivery", "Mailbox", "Thread"}, set(told["changed"][self.A]))
        self.assertEqual(told["changed"][self.A], await self.api.state_change(self.alice.id))
        await socket.leave()

    async def test_only_the_types_asked_for_are_told(self) -> None:
        socket = await connect(self)
        await self.enable(socket, dataTypes=["EmailDelivery"])
        done = await self.deliver()
        told = await socket.next()
        self.assertEqual(list(told["changed"][self.A]), ["EmailDelivery"])
        inbox = done.placements[0][0]
        await self.mail.set_keywords(self.alice.id, inbox, [done.email], KeywordChange(add="$seen"))
        await self.deliver()
        later = await socket.next()  # the flag alone told nothing
        self.assertEqual(list(later["changed"][self.A]), ["EmailDelivery"])
        await socket.leave()

    async def test_what_happens_to_others_is_not_told(self) -> None:
        socket = await connect(self)
        await self.enable(socket)
        await self.deliver(self.bob)
        await self.deliver(self.alice)
        self.assertEqual(list((await socket.next())["changed"]), [self.A])
        await socket.leave()

    async def test_who_comes_back_is_told_what_it_missed(self) -> None:
        socket = await connect(self)
        await self.enable(socket)
        await self.deliver()
        state = (await socket.next())["pushState"]
        await socket.leave()
        await self.deliver()
        socket = await connect(self)
        socket.say({"@type": "WebSocketPushEnable", "dataTypes": ["Email"], "pushState": state})
        told = await socket.next()
        self.assertEqual(told["changed"][self.A], await self.api.state_change(self.alice.id, ["Email"]))
        await socket.leave()

    async def test_who_missed_nothing_is_told_nothing(self) -> None:
        socket = await connect(self)
        await self.enable(socket)
        await self.deliver()
        state = (await socket.next())["pushState"]
        await self.enable(socket, pushState=state)  # which fails on a StateChange without a requestId
        self.assertEqual(socket.messages.pending, [])
        await socket.leave()

    async def test_disabled_push_is_silent(self) -> None:
        socket = await connect(self)
        await self.enable(socket)
        socket.say({"@type": "WebSocketPushDisable"})
        await self.enable_nothing(socket)
        await self.deliver()
        await self.enable_nothing(socket)
        self.assertEqual(socket.messages.pending, [])
        await socket.leave()

    async def enable_nothing(self, socket: Socket) -> None:
        socket.say({"@type": "Request", "id": "sync", "using": [CORE], "methodCalls": []})
        self.assertEqual((await socket.next())["requestId"], "sync")

    async def test_a_slow_reader_is_told_the_last_word_only(self) -> None:
        client = await connect(self)
        await self.enable(client, dataTypes=["Email"])
        (server,) = self.serving()
        server.pauseProducing()  # as the transport does when nobody reads
        for _ in range(20):
            await self.deliver()
        await self.until(lambda: server._pending is not None)
        server.resumeProducing()
        final = await self.api.state_change(self.alice.id, ["Email"])
        told = 0
        while True:
            message = await client.next()
            told += 1
            if message["changed"][self.A] == final:
                break
        self.assertLessEqual(told, 2)
        await client.leave()

    def serving(self) -> list[Any]:
        return [follower.deliver.__self__ for follower in self.feed._watches[self.alice.id].followers]


class Events(Protocol):
    def __init__(self) -> None:
        self.got = b""
        self.events: DeferredQueue[dict[str, str]] = DeferredQueue()
        self.over: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        while b"\n\n" in self.got:
            block, self.got = self.got.split(b"\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if ": " in line)
            if "event" in fields:
                self.events.put(fields)

    def connectionLost(self, reason: Any = None) -> None:
        self.over.callback(None)


class EventStreamTests(WebTestCase):
    async def open_stream(self, query: str, **headers: str) -> Events:
        given = Headers({"Authorization": [basic("alice")]})
        for name, value in headers.items():
            given.addRawHeader(name.replace("_", "-"), value)
        response = await self.agent.request(b"GET", f"{self.url}/jmap/eventsource/?{query}".encode(), given)
        self.assertEqual(response.code, 200)
        self.assertEqual(response.headers.getRawHeaders("content-type"), ["text/event-stream; charset=utf-8"])
        events = Events()
        response.deliverBody(events)
        return events

    async def next(self, events: Events) -> dict[str, str]:
        return await events.events.get().addTimeout(5, reactor)

    async def finish(self, events: Events) -> None:
        events.transport.loseConnection()
        await events.over

    async def test_new_mail_is_told(self) -> None:
        events = await self.open_stream("types=*&closeafter=no&ping=0")
        await self.deliver()
        event = await self.next(events)
        self.assertEqual(event["event"], "state")
        changed = json.loads(event["data"])
        self.assertEqual(changed["@type"], "StateChange")
        self.assertEqual(changed["changed"][self.A], await self.api.state_change(self.alice.id))
        await self.finish(events)

    async def test_close_after_state_ends_after_one(self) -> None:
        events = await self.open_stream("types=Email&closeafter=state&ping=0")
        await self.deliver()
        await self.next(events)
        await events.over

    async def test_who_comes_back_is_told_at_once(self) -> None:
        events = await self.open_stream("types=*&closeafter=state&ping=0")
        await self.deliver()
        first = await self.next(events)
        await events.over
        await self.deliver()
        events = await self.open_stream("types=*&closeafter=no&ping=0", Last_Event_ID=first["id"])
        event = await self.next(events)
        changed = json.loads(event["data"])["changed"][self.A]
        self.assertEqual(changed, await self.api.state_change(self.alice.id))
        await self.finish(events)

    async def test_pings_come_and_carry_no_id(self) -> None:
        events = await self.open_stream("types=*&closeafter=no&ping=1")
        event = await self.next(events)
        self.assertEqual(event, {"event": "ping", "data": '{"interval":1}'})
        await self.finish(events)

    async def test_arguments_are_checked(self) -> None:
        for query in ("", "types=*&closeafter=maybe", "types=*&ping=soon", "closeafter=no&ping=0"):
            answer = await self.ask(f"/jmap/eventsource/?{query}")
            self.assertEqual((query, answer.status), (query, 400))

    async def test_a_stopping_server_ends_it(self) -> None:
        events = await self.open_stream("types=*&closeafter=no&ping=0")
        await self.web.stop()
        await events.over


class CrowdTests(WebTestCase):
    settings = {"streams_per_account": 2}  # noqa: RUF012

    async def test_streams_past_the_limit_are_refused(self) -> None:
        sockets = [await connect(self) for _ in range(2)]
        with self.assertRaises(ConnectionError):
            await connect(self)
        bob = await connect(self, "bob")
        for each in [*sockets, bob]:
            await each.leave()


class StoppingTests(WebTestCase):
    """A stream that is asked for while the server stops."""

    async def test_an_event_stream_is_dropped_so_that_browsers_come_back(self) -> None:
        self.web.streams.stop()
        start = head("GET", "/jmap/eventsource/?types=*", Authorization=basic("alice"))
        self.assertEqual(await talk(self.number, start), b"")

    async def test_a_socket_is_told_to_come_back(self) -> None:
        self.web.streams.stop()
        with self.assertRaisesRegex(ConnectionError, "503"):
            await connect(self)

    async def test_new_connections_get_no_answer(self) -> None:
        await self.web.stop()
        self.assertEqual(await talk(self.number, head("GET", "/health/live")), b"")
