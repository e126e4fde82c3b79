"""`/api/v1` over the SQLite store in memory on a loopback port, and browsers and programs that use it.

Every answer of the API that a test sees is held against the OpenAPI document."""

import json
import os
import random
from functools import lru_cache
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from mailsys.assembly.access import make_access
from mailsys.assembly.account_api import make_account_api
from mailsys.assembly.administration import make_administration
from mailsys.assembly.delivering import make_delivering
from mailsys.assembly.jmap import make_jmap
from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.assembly.zones import make_zones
from mailsys.ports.accounts import Account, Credentials, Domain
from mailsys.ports.resolver import IResolver
from mailsys.services.access.passwords import PasswordPool, make_credentials
from mailsys.services.dns.resolve import StubResolver
from mailsys.services.outbound.http import OutboundHttp
from mailsys.settings import Settings
from mailsys.settings_file import parse
from mailsys.stores.memory.events import Events
from mailsys.stores.memory.limits import Limits as Counters
from mailsys.stores.sqlite.store import open_store
from mailsys.web.api.document import document
from mailsys.web.application import WebApplication
from tests.peers.dns_table import DnsTable
from tests.web.api.contract import Contract
from tests.web.rig import Answer, Body, read_body

reactor: Any = installed
DOMAIN = "example.com"
SECRET = b"a secret of thirty-two octets..."
PASSWORDS = {
    "alice": "alice likes tea",
    "bob": "bob likes coffee",
    "root": "root of it all!",
    "carol": "carol at org!!",
}


@lru_cache
def credentials(password: str) -> Credentials:
    return make_credentials(password)


@lru_cache
def contract(document: str) -> Contract:
    return Contract(json.loads(document))


class Shifted:
    """The reactor, whose time can be moved on."""

    def __init__(self) -> None:
        self.shift = 0.0

    def seconds(self) -> float:
        return reactor.seconds() + self.shift

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class Browser:
    """Keeps a cookie and a CSRF token, as the web client does."""

    def __init__(self, rig: "ApiTestCase", agent: str = "Browser/1") -> None:
        self.rig = rig
        self.user_agent = agent
        self.cookie = ""  # of the session
        self.mark = ""  # by which the account knows this browser later
        self.csrf = ""
        self.password = ""
        self.me: Any = None

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        given = {"User-Agent": self.user_agent, **(headers or {})}
        if self.cookie or self.mark:
            given.setdefault("Cookie", "; ".join(filter(None, (self.cookie, self.mark))))
        if self.csrf and method not in ("GET", "HEAD"):
            given.setdefault("X-CSRF-Token", self.csrf)
        answer = await self.rig.ask(method, path, body, given)
        for each in answer.headers.getRawHeaders("set-cookie") or []:
            if "mailsys-known=" in each:
                self.mark = each.partition(";")[0]
                continue
            self.cookie = each.partition(";")[0]
            if self.cookie.endswith("="):
                self.cookie = ""
        return answer

    async def sign_in(self, who: str, password: str | None = None, **more: Any) -> Answer:
        self.password = password or PASSWORDS[who]
        body = {"login": who, "password": self.password, **more}
        answer = await self.ask("POST", "/session", body)
        self.take(answer)
        return answer

    async def make_app_password(self, *scopes: str, **more: Any) -> Answer:
        body = {"name": "phone", "scopes": list(scopes), "password": self.password, **more}
        return await self.ask("POST", "/app-passwords", body)

    def take(self, answer: Answer) -> None:
        """Remember the session that an answer gives."""
        if answer.status == 200 and answer.json.get("session"):
            self.me = answer.json["session"]
            self.csrf = self.me["csrf"]


class ApiTestCase(TestCase):
    """alice and bob of example.com, root (administrator), carol of example.org."""

    web_settings: dict[str, Any] = {}  # noqa: RUF012
    limit_settings: dict[str, Any] = {}  # noqa: RUF012
    timeout = 30

    alice: Account
    bob: Account
    root: Account
    carol: Account

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.open())

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.close())

    def make_settings(self) -> Settings:
        web = {"push_to_private": True, **self.web_settings}
        return parse(
            {
                "hostname": "mail.example.com",
                "domain": DOMAIN,
                "login_without_tls_on_loopback": True,
                "web": web,
                "limits": self.limit_settings,
            }
        )

    async def open(self) -> None:
        settings = self.settings = self.make_settings()
        self.clock = Shifted()
        clock: Any = self.clock
        self.events = Events()
        self.store = store = open_store(None, None, self.events, now=clock.seconds)
        self.accounts, self.mail, self.blobs, self.queue = (
            store.accounts,
            store.mail,
            store.blobs,
            store.queue,
        )
        self.objects, self.session_store = store.objects, store.sessions
        for name in (DOMAIN, "example.org"):
            await self.accounts.put_domain(Domain(name))
        for name, domain in (("alice", DOMAIN), ("bob", DOMAIN), ("root", DOMAIN), ("carol", "example.org")):
            made = await self.accounts.create_account(
                f"{name}@{domain}", name.title(), credentials(PASSWORDS[name]), admin=name == "root"
            )
            setattr(self, name, made)
        self.pool = PasswordPool(reactor)
        self.pool.start()
        self.counters = Counters(clock)

        async def hash_password(password: str) -> Credentials:
            return credentials(password)

        async def nothing() -> None:
            pass

        chance = os.urandom
        process = Process(
            settings, clock, clock, chance, random.SystemRandom(), self.pool, hash_password, maybeDeferred,
            "process",
        )  # fmt: skip
        stores = Stores(
            self.mail, self.blobs, self.blobs, self.accounts, self.queue, self.objects, store.once,
            store.learning, store.sts_policies, store.strangers,
            self.session_store, store.zones, store.storage, self.events, self.counters, SECRET, nothing,
            store.close,
        )  # fmt: skip
        self.access = access = make_access(process, stores)
        self.sign_in = access.sign_in
        delivering = make_delivering(process, stores, DnsTable())
        self.directory, self.submission = delivering.directory, delivering.submission
        await self.directory.start()
        outbound = self.outbound()
        jmap = make_jmap(process, stores, access, delivering, outbound, lambda: None)
        self.contacts = jmap.contacts
        resolver = self.resolver()
        zones = make_zones(process, stores, resolver, None)
        refresh = self.directory.refresh
        self.administration = make_administration(process, stores, zones.commands, list, refresh)
        self.web = WebApplication(
            jmap.api, jmap.feed, store.storage, self.counters, settings, clock, clock, static=Path("nowhere")
        )
        self.account_api = make_account_api(
            process, stores, access, delivering, jmap, outbound, self.web, self.administration,
            zones, resolver, refresh,
        )  # fmt: skip
        self.contract = contract(json.dumps(document(self.account_api.api.routes)))
        await self.account_api.webhooks.start()
        self.site = self.web.site()
        self.web.start()
        self.port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port.getHost().port}"
        self.connections = HTTPConnectionPool(reactor, persistent=True)
        self.agent = Agent(reactor, pool=self.connections)

    async def close(self) -> None:
        await self.connections.closeCachedConnections()
        await maybeDeferred(self.port.stopListening)
        await self.account_api.webhooks.stop()
        await self.web.stop()
        self.directory.stop()
        self.pool.stop()
        await self.store.close()

    def outbound(self) -> OutboundHttp:
        return OutboundHttp(reactor, self.resolver(), self.settings.web.push_to_private)

    def resolver(self) -> IResolver:
        return StubResolver(reactor, [("127.0.0.1", 9)], random=random.Random(1), timeout=0.2)

    # -- asking ------------------------------------------------------------------------------------

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        given = Headers({})
        for name, value in (headers or {}).items():
            given.addRawHeader(name, value)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            if not given.hasHeader("content-type"):
                given.addRawHeader("Content-Type", "application/json")
        producer = None if body is None else Body(body)
        if not path.startswith(("/jmap/", "/api/", "/.well-known/")):
            path = "/api/v1" + path
        response: Any = await self.agent.request(
            method.encode(), f"{self.url}{path}".encode(), given, producer
        )
        answer = Answer(response, await read_body(response))
        if path.startswith("/api/"):
            self.contract.check(method, path, answer)
        return answer

    async def signed_in(self, who: str, **more: Any) -> Browser:
        browser = Browser(self)
        answer = await browser.sign_in(who, **more)
        assert browser.cookie, answer.body
        return browser

    def bearer(self, secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}
