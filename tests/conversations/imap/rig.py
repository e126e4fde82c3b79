"""An IMAP server on loopback over the SQLite store in memory, with alice and bob, for conversations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, fail, gatherResults, maybeDeferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.threads import deferToThreadPool
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailsys import log
from mailsys.core.message.analysis import analyse
from mailsys.core.refusal import BadCredentials, UnsupportedParameter
from mailsys.imap.content import Contents
from mailsys.imap.server import ImapFactory
from mailsys.imap.session import Parts
from mailsys.ports.accounts import Account, Credentials, Domain
from mailsys.ports.ids import MailboxId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Mailbox
from mailsys.services.access.authentication import Challenge, IExchange, ISignIn, SignedIn
from mailsys.services.content.reading import MessageReader
from mailsys.services.mailboxes.account import Mailboxes
from mailsys.settings import Limits
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store
from tests.conversations.imap.client import ImapClient

RECEIVED = 1_764_000_000.0  # Mon, 24 Nov 2025 16:00:00 +0000

SIMPLE = (
    b"Date: Mon, 24 Nov 2025 16:00:00 +0000\r\nFrom: Eve <eve@remote.example>\r\nTo: alice@example.com\r\n"
    b"Subject: Hello\r\nMessage-ID: <1@remote.example>\r\n\r\nHello there\r\n"
)

NO_CREDENTIALS = Credentials("", b"", 4096, b"", b"")

reactor: Any = installed


@implementer(IExchange)
class PlainExchange:
    def __init__(self, sign_in: KnownPasswords) -> None:
        self._sign_in = sign_in

    def respond(self, data: bytes | None) -> Deferred[Any]:
        if data is None:
            return succeed(Challenge(b""))
        _, name, password = data.decode().split("\0")
        return self._sign_in.password(name, password, "").addCallback(SignedIn)


@implementer(ISignIn)
class KnownPasswords:
    """Every account's password is "secret"."""

    def __init__(self, accounts: Any) -> None:
        self._accounts = accounts

    def mechanisms(self, tls: bool, binding: bool) -> Sequence[str]:
        return ("PLAIN",) if tls else ()

    def start(self, mechanism: str, address: str, binding: Any) -> IExchange:
        if mechanism != "PLAIN":
            raise UnsupportedParameter
        return PlainExchange(self)

    def password(self, login: str, password: str, address: str) -> Deferred[Account]:
        if password != "secret":
            return fail(BadCredentials(cause="wrong password"))

        def known(account: Account | None) -> Account:
            if account is None:
                raise BadCredentials(cause="no such account")
            return account

        return self._accounts.account_named(login).addCallback(known)


def parts(store: Any, events: Events, sign_in: Any, limits: Limits, **given: Any) -> Parts:
    """What a server's sessions share, over `store`."""
    offload = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    return Parts(
        mail=store.mail,
        blobs=store.blobs,
        sign_in=sign_in,
        mailboxes=Mailboxes(store.mail, events, reactor),
        contents=Contents(store.blobs, offload),
        reader=MessageReader(analyse, offload),
        offload=offload,
        limits=limits,
        clock=reactor,
        hostname="mail.example.com",
        now=reactor.seconds,
        **given,
    )


class ImapTestCase(TestCase):
    """Each test has a server of its own: `await self.connect()` gives a client that is logged in."""

    limits: ClassVar[dict[str, Any]] = {}
    tls: ClassVar[Any] = None
    implicit_tls = False
    login_without_tls = True
    timeout = 20

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self.logged: list[dict[str, Any]] = []  # errors: a test that means to cause one empties it
        log.direct("error", lambda _level, event: self.logged.append(event))
        self.events = Events()
        self.store = await self.open_store()
        self.mail = self.store.mail
        await self.store.accounts.put_domain(Domain("example.com"))
        self.alice = await self.store.accounts.create_account("alice@example.com", "Alice", NO_CREDENTIALS)
        self.bob = await self.store.accounts.create_account("bob@example.com", "Bob", NO_CREDENTIALS)
        self.factory = ImapFactory(
            parts(
                self.store,
                self.events,
                self.sign_in(),
                Limits(**self.limits),
                tls=self.tls,
                login_without_tls=self.login_without_tls,
            ),
            implicit_tls=self.implicit_tls,
        )
        self.port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.clients: list[ImapClient] = []

    async def open_store(self) -> Any:
        return open_store(None, None, self.events)

    def sign_in(self) -> Any:
        return KnownPasswords(self.store.accounts)

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(self.port.stopListening)
        for client in self.clients:
            transport: Any = client.transport
            if transport is not None:
                transport.abortConnection()
        await gatherResults([client.gone() for client in self.clients])
        await self.factory.stop()
        await self.store.close()
        log.direct("error", None)
        self.assertEqual(self.logged, [])

    async def greeted(self) -> tuple[ImapClient, bytes]:
        """A connection, and the greeting."""
        client = ImapClient()
        self.clients.append(client)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        await connectProtocol(endpoint, client)
        (greeting,) = await client.until(rb"\* ")
        return client, greeting

    async def connect(self, user: str = "alice@example.com", select: bytes | None = None) -> ImapClient:
        client, _ = await self.greeted()
        answer = await client.ask(b"LOGIN %b secret" % user.encode())
        assert answer[-1].startswith(b"OK"), answer
        if select is not None:
            answer = await client.ask(b"SELECT " + select)
            assert answer[-1].startswith(b"OK"), answer
        return client

    # -- the other side of the store -------------------------------------------------------------------

    async def mailbox(self, path: str = "INBOX", account: Account | None = None) -> Mailbox:
        for one in await self.mail.mailboxes((account or self.alice).id):
            if one.path == path:
                return one
        raise AssertionError(f"no mailbox {path}")

    async def deliver(
        self, message: bytes = SIMPLE, path: str = "INBOX", keywords: str = "", at: float = RECEIVED
    ) -> int:
        """A message for alice; gives its uid."""
        mailbox = await self.mailbox(path)
        sink = self.store.blobs.sink()
        for start in range(0, len(message), 65536):
            wait = sink.write(message[start : start + 65536])
            if wait is not None:
                await wait
        blob = await sink.finish()
        facts = analyse(message)
        delivery = Delivery(self.alice.id, (MailboxId(mailbox.id),), keywords)
        header = message[: facts.header_size][: 256 * 1024]
        accepted = await self.mail.accept(Acceptance(blob, facts, at, (delivery,), header=header))
        return accepted.delivered[0].placements[0][2]
