"""The process ends and comes back, politely and not, while mail flows in and clients listen: a WebSocket
that resumes from pushState, an event stream that resumes from Last-Event-ID, a webhook's receiver. Nothing
is missed, and what is told to the webhook twice is the same."""

import base64
import http.client
import json
import signal
import smtplib
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredQueue, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.system.local import PATIENCE, LocalSystem

reactor: Any = installed
CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)
BETWEEN = 15  # messages that are acknowledged before the next end


class Receiver(Resource):
    """A webhook's other end. It takes its time, so that an end of the process finds it at work."""

    isLeaf = True  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, Any]] = []  # (webhook-id, body)

    def render_POST(self, request: Any) -> int:
        self.told.append((request.getHeader(b"webhook-id").decode(), json.loads(request.content.read())))
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        reactor.callLater(0.05, lambda: gone or request.finish())
        return NOT_DONE_YET


class Socket(WebSocketClientProtocol):
    """What comes is in `messages`, its end as None."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: DeferredQueue[Any] = DeferredQueue()

    def onOpen(self) -> None:
        self.messages.put({"@type": "Open"})

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N803
        self.messages.put(json.loads(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N803
        self.messages.put(None)


class Lines(Protocol):
    """An event stream's body: calls `event` with the fields of each."""

    def __init__(self, event: Callable[[dict[str, str]], None]) -> None:
        self._event = event
        self._rest = b""
        self._fields: dict[str, str] = {}
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            name, found, value = line.decode().partition(": ")
            if found:
                self._fields[name] = value
            elif not line and self._fields:
                fields, self._fields = self._fields, {}
                self._event(fields)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


class LiveRestartTests(TestCase):
    timeout = 120

    async def start(self) -> None:
        folder = self.folder / str(self.runs)
        self.runs += 1
        options = ("--no-checks", "--state", str(self.folder / "state"))
        self.system = await deferToThread(LocalSystem, *options, folder=folder)
        self.addCleanup(deferToThread, self.system.close)
        token = base64.b64encode(":".join(self.system.account()).encode()).decode()
        self.headers = {"Authorization": f"Basic {token}"}

    async def end(self, how: signal.Signals) -> None:
        process = self.system.process
        process.send_signal(how)
        code = await deferToThread(process.wait, PATIENCE)
        self.assertEqual(code, 0 if how == signal.SIGTERM else -9)

    def asked(self, method: str, path: str, body: Any) -> Any:
        """One request in a thread's own time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.system.port("http"), timeout=PATIENCE)
        headers = self.headers | {"Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body), headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    async def until(self, what: Callable[[], Any], told: Callable[[], object]) -> None:
        began = reactor.seconds()
        while not what():
            self.assertLess(reactor.seconds() - began, PATIENCE, told())
            await deferLater(reactor, 0.02)

    # -- the parties -------------------------------------------------------------------------------------

    def flow(self) -> None:
        """Mail from outside, each message tried until it is acknowledged; runs in a thread."""
        number = 0
        while not self.over.is_set():
            content = f"Subject: {number}\r\n\r\nHello\r\n"
            try:
                with smtplib.SMTP("127.0.0.1", self.system.port("smtp"), timeout=5) as client:
                    client.sendmail("eve@elsewhere.test", [self.system.account()[0]], content)
                    self.acknowledged.append(str(number))
                    number += 1
            except (OSError, smtplib.SMTPException):
                self.over.wait(0.02)
            self.over.wait(0.01)

    async def follow_socket(self) -> None:
        """Email/changes at each StateChange; on every connection from the pushState that came last."""
        push_state = None
        while not self.over.is_set() or self.following:
            port = self.system.port("http")
            factory = WebSocketClientFactory(
                f"ws://127.0.0.1:{port}/jmap/ws", headers=self.headers, protocols=["jmap"]
            )
            factory.protocol = Socket
            try:
                self.socket = socket = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
            except ConnectError:
                await deferLater(reactor, 0.02)
                continue
            while (message := await socket.messages.get()) is not None:
                asks = message["@type"] == "StateChange"
                if message["@type"] == "Open":
                    self.connected += 1
                    enable = {"@type": "WebSocketPushEnable", "dataTypes": ["Email"]}
                    self.say(socket, enable | ({"pushState": push_state} if push_state else {}))
                    asks = push_state is None  # what there was before anybody listened
                elif message["@type"] == "Response":
                    ((name, answer, _),) = message["methodResponses"]
                    self.assertEqual(name, "Email/changes", answer)
                    self.known.update(answer["created"])
                    self.state = answer["newState"]
                    asks = answer["hasMoreChanges"]
                else:
                    push_state = message["pushState"]
                if asks:
                    arguments = {"accountId": self.account, "sinceState": self.state}
                    self.say(socket, {"@type": "Request", "using": [CORE, MAIL],
                                      "methodCalls": [["Email/changes", arguments, "c"]]})  # fmt: skip

    @staticmethod
    def say(socket: Socket, value: Any) -> None:
        socket.sendMessage(json.dumps(value).encode())

    async def follow_stream(self) -> None:
        agent = Agent(reactor)

        def event(fields: dict[str, str]) -> None:
            if fields.get("event") == "state":
                self.last = fields["id"]
                self.streamed.append(int(json.loads(fields["data"])["changed"][self.account]["Email"]))

        while not self.over.is_set() or self.following:
            headers = self.headers | ({"Last-Event-ID": self.last} if self.last else {})
            url = f"{self.system.ready['http']}/jmap/eventsource/?types=Email&closeafter=no&ping=0"
            given = Headers({name: [value] for name, value in headers.items()})
            try:
                response = await agent.request(b"GET", url.encode(), given)
            except (ConnectError, ResponseNeverReceived):
                await deferLater(reactor, 0.02)
                continue
            self.assertEqual(response.code, 200)
            lines = Lines(event)
            response.deliverBody(lines)
            self.stream = lines
            await lines.ended

    # ----------------------------------------------------------------------------------------------------

    async def test_nothing_is_missed_over_restarts_and_crashes_under_way(self) -> None:
        self.folder = Path(self.mktemp()).absolute()  # noqa: ASYNC240
        self.runs = self.connected = 0
        self.over, self.following = Event(), True
        self.acknowledged: list[str] = []
        self.known: set[str] = set()
        self.streamed: list[int] = []
        self.last = ""
        await self.start()
        session = await deferToThread(self.asked, "GET", "/jmap/session", None)
        self.account = session["primaryAccounts"][MAIL]
        receiver = Receiver()
        port = reactor.listenTCP(0, Site(receiver), interface="127.0.0.1")
        self.addCleanup(lambda: maybeDeferred(port.stopListening))
        hook = {"url": f"http://127.0.0.1:{port.getHost().port}/", "events": ["created"]}
        await deferToThread(self.asked, "POST", "/api/v1/webhooks", hook)
        self.state = (await self.call("Email/get", {"ids": []}))["state"]
        followers = [Deferred.fromCoroutine(each) for each in (self.follow_socket(), self.follow_stream())]
        flowing = deferToThread(self.flow)
        for how in ENDS:
            wanted = len(self.acknowledged) + BETWEEN
            await self.until(
                lambda wanted=wanted: len(self.acknowledged) >= wanted, lambda: len(self.acknowledged)
            )
            await self.end(how)
            await self.start()
        wanted = len(self.acknowledged) + BETWEEN
        await self.until(lambda: len(self.acknowledged) >= wanted, lambda: len(self.acknowledged))
        self.over.set()
        await flowing

        found = await self.call("Email/get", {"properties": ["subject"]})
        emails = {each["id"] for each in found["list"]}
        subjects = {each["subject"] for each in found["list"]}
        self.assertLessEqual(set(self.acknowledged), subjects)
        await self.until(lambda: self.known >= emails, lambda: emails - self.known)
        await self.until(lambda: self.streamed[-1:] == [int(found["state"])], lambda: self.streamed[-1:])

        def announced() -> set[str]:
            return {email for _, body in receiver.told for email in body["created"]}

        await self.until(lambda: announced() >= emails, lambda: emails - announced())
        self.assertEqual(self.known, emails)
        self.assertEqual(self.streamed, sorted(set(self.streamed)))  # forward, and nothing twice
        self.assertGreater(self.connected, len(ENDS))
        bodies: dict[str, Any] = {}
        for name, body in receiver.told:
            self.assertEqual(bodies.setdefault(name, body), body)
        once = [email for body in bodies.values() for email in body["created"]]
        self.assertEqual(sorted(once), sorted(emails))

        self.following = False
        self.socket.sendClose()
        self.stream.transport.loseConnection()
        for follower in followers:
            await follower

    async def call(self, name: str, arguments: Any) -> Any:
        request = {
            "using": [CORE, MAIL],
            "methodCalls": [[name, {"accountId": self.account, **arguments}, "c"]],
        }
        (answer,) = (await deferToThread(self.asked, "POST", "/jmap/api", request))["methodResponses"]
        self.assertEqual(answer[0], name, answer)
        return answer[1]
