"""A web application over the SQLite store in memory, on a real loopback port."""

import base64
import json
import os
import random
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from mailsys.clock import WallClock
from mailsys.core.jmap.ids import account_id
from mailsys.core.message.analysis import analyse
from mailsys.core.refusal import BadCredentials
from mailsys.ports.accounts import Account, Credentials, Domain
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.services.access.authentication import ISignIn
from mailsys.services.jmap.protocol.api import JmapApi, Limits, Ports
from mailsys.services.notifying.push import Feed
from mailsys.settings import Settings
from mailsys.settings_file import parse
from mailsys.stores.memory.events import Events
from mailsys.stores.memory.limits import Limits as Counters
from mailsys.stores.sqlite.store import open_store
from mailsys.web.application import WebApplication
from mailsys.web.callers import BasicAuthenticator

reactor: Any = installed
NO_CREDENTIALS = Credentials("", b"", 4096, b"", b"")
DOMAIN = "example.com"


@implementer(ISignIn)
class Passwords:
    """Signing in against a dictionary: hashing passwords is another test's matter."""

    def __init__(self, accounts: Any) -> None:
        self._accounts = accounts
        self.known = {f"alice@{DOMAIN}": "secret", f"bob@{DOMAIN}": "sesame"}
        self.asked = 0

    def mechanisms(self, tls: bool, binding: bool) -> Any:
        return ()

    def start(self, mechanism: str, address: str, binding: Any) -> Any:
        raise NotImplementedError

    def password(self, login: str, password: str, address: str) -> Deferred[Account]:
        self.asked += 1
        return Deferred.fromCoroutine(self._check(login, password))

    async def _check(self, login: str, password: str) -> Account:
        if self.known.get(login) != password:
            raise BadCredentials(cause="wrong")
        return await self._accounts.account_named(login)


@implementer(IBodyProducer)
class Body:
    """`pieces` as they are, with a length or (None) chunked."""

    def __init__(self, *pieces: bytes, length: int | None = -1) -> None:
        self.pieces = pieces
        size = sum(map(len, pieces)) if length == -1 else length
        self.length: Any = "unknown" if size is None else size
        if size is None:
            from twisted.web.iweb import UNKNOWN_LENGTH

            self.length = UNKNOWN_LENGTH

    def startProducing(self, consumer: Any) -> Deferred[None]:
        for piece in self.pieces:
            consumer.write(piece)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...


class _Whole(Protocol):
    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._pieces: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self._pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._pieces))
        else:
            self.done.errback(reason)


def read_body(response: Any) -> Deferred[bytes]:
    """As Twisted's `readBody`, which warns about Twisted's own transport each time."""
    whole = _Whole()
    response.deliverBody(whole)
    return whole.done


class Answer:
    def __init__(self, response: Any, body: bytes) -> None:
        self.status = response.code
        self.headers = response.headers
        self.body = body

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return ", ".join(values) if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebTestCase(TestCase):
    """alice and bob, signed in by Basic; `settings` are the web's."""

    settings: dict[str, Any] = {}  # noqa: RUF012
    limits: dict[str, Any] = {}  # noqa: RUF012
    timeout = 20

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.open())

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.close())

    def make_settings(self) -> Settings:
        return parse(
            {
                "hostname": "mail.example.com",
                "domain": DOMAIN,
                "login_without_tls_on_loopback": True,
                "web": self.settings,
                "limits": self.limits,
            }
        )

    async def open(self) -> None:
        settings = self.conf = self.make_settings()
        web = settings.web
        self.events = Events()
        self.store = open_store(None, None, self.events)
        self.mail, self.blobs, self.accounts = self.store.mail, self.store.blobs, self.store.accounts
        await self.accounts.put_domain(Domain(DOMAIN))
        self.alice = await self.accounts.create_account(f"alice@{DOMAIN}", "Alice", NO_CREDENTIALS)
        self.bob = await self.accounts.create_account(f"bob@{DOMAIN}", "Bob", NO_CREDENTIALS)
        self.A, self.B = account_id(self.alice.id), account_id(self.bob.id)
        self.passwords = Passwords(self.accounts)
        self.counters = Counters(reactor)
        self.auth_clock = Clock()
        ports = Ports(
            self.mail, self.blobs, self.accounts, self.store.queue,
            self.store.objects, self.events, maybeDeferred,
        )  # fmt: skip
        limits = Limits(
            max_size_upload=web.upload_size,
            max_concurrent_upload=web.uploads_at_once,
            max_size_request=web.request_size,
            max_concurrent_requests=web.requests_at_once,
        )
        self.api = JmapApi(ports, reactor, random.Random(1), limits)
        self.api.announce_types("Email", "EmailDelivery", "Thread", "Mailbox")
        self.feed = Feed(self.events, self.api.state_change, reactor)
        self.prepare()
        self.web = WebApplication(
            self.api, self.feed, self.store.storage, self.counters, settings, reactor, WallClock(reactor),
            static=self.static(),
        )  # fmt: skip
        self.web.callers.add(BasicAuthenticator(self.passwords, self.accounts, self.auth_clock, os.urandom))
        self.site = self.web.site()
        self.web.start()
        self.port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.number = self.port.getHost().port
        self.url = f"http://127.0.0.1:{self.number}"
        self.pool = HTTPConnectionPool(reactor, persistent=True)
        self.agent = Agent(reactor, pool=self.pool)

    def prepare(self) -> None:
        """For what a test adds to the API."""

    def static(self) -> Path:
        return Path("nowhere")

    async def close(self) -> None:
        await self.pool.closeCachedConnections()
        await maybeDeferred(self.port.stopListening)
        await self.web.stop()
        await self.store.close()

    # -- asking ------------------------------------------------------------------------------------

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: Any = None,
        *,
        user: str | None = "alice",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        given = Headers({})
        if user is not None:
            given.addRawHeader("Authorization", basic(user))
        for name, value in (headers or {}).items():
            given.addRawHeader(name, value)
        if isinstance(body, bytes):
            body = Body(body)
        response = await self.agent.request(method.encode(), f"{self.url}{path}".encode(), given, body)
        return Answer(response, await read_body(response))

    async def call(
        self, *calls: Any, user: str = "alice", using: Any = ("urn:ietf:params:jmap:core",)
    ) -> Any:
        request = {"using": list(using), "methodCalls": list(calls)}
        answer = await self.ask(
            "/jmap/api", "POST", json.dumps(request).encode(), user=user,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status == 200, answer.body
        return answer.json["methodResponses"]

    async def deliver(
        self, account: Account | None = None, message: bytes = b"Subject: x\r\n\r\nHello\r\n"
    ) -> Any:
        blob = self.blobs.stage(message)
        facts = analyse(message)
        header = message[: message.find(b"\r\n\r\n") + 4]
        delivery = Delivery((account or self.alice).id)
        return (await self.mail.accept(Acceptance(blob, facts, 1.7e9, (delivery,), header=header))).delivered[
            0
        ]


def basic(user: str) -> str:
    password = {"alice": "secret", "bob": "sesame"}.get(user, "wrong")
    return "Basic " + base64.b64encode(f"{user}@{DOMAIN}:{password}".encode()).decode()
