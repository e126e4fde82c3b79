"""The services an SMTP server asks, kept in memory: enough to accept mail and look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mailsys.core.refusal import BadCredentials, MessageRejected, Refusal, UnknownRecipient
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.ports.accounts import Account
from mailsys.ports.blobs import IBlobSink, StagedBlob
from mailsys.ports.ids import AccountId, BlobId
from mailsys.services.access.authentication import Challenge, IExchange, ISignIn, SignedIn
from mailsys.services.delivery.transactions import Client, ITransaction, ITransactions


@dataclass
class Received:
    client: Client
    sender: str
    parameters: MailParameters
    recipients: list[tuple[str, RcptParameters]]
    body: bytes = b""


@implementer(IBlobSink)
class Sink:
    def __init__(self, owner: Transactions) -> None:
        self.size = 0
        self.parts: list[bytes] = []
        self.aborted = False
        self.owner = owner

    def write(self, data: bytes) -> Deferred[None] | None:
        self.size += len(data)
        self.parts.append(data)
        if self.owner.full_disk:
            raise OSError("disk full")
        if self.owner.slow_disk is not None:
            self.owner.slow_disk = Deferred()
            return self.owner.slow_disk
        return None

    def finish(self) -> Deferred[StagedBlob]:
        data = b"".join(self.parts)
        return succeed(StagedBlob(BlobId(blake2b(data, digest_size=32).digest()), len(data), data))

    def abort(self) -> None:
        self.aborted = True


@implementer(ITransaction)
class Transaction:
    def __init__(self, owner: Transactions, received: Received) -> None:
        self.owner = owner
        self.received = received
        self.aborted = False

    def add_recipient(self, address: str, parameters: RcptParameters) -> Deferred[None] | None:
        if address.startswith("unknown"):
            return fail(UnknownRecipient(cause="tests know nobody of that name"))
        if address.startswith("slow"):
            self.owner.waiting.append(Deferred())
            return self.owner.waiting[-1].addCallback(
                lambda _: self.received.recipients.append((address, parameters))
            )
        if address.startswith("crash"):
            raise RuntimeError("a defect")
        self.received.recipients.append((address, parameters))
        return None

    def open_body(self) -> IBlobSink:
        if self.owner.refuse_body is not None:
            raise self.owner.refuse_body
        sink = Sink(self.owner)
        self.owner.sinks.append(sink)
        return sink

    def commit(self, blob: StagedBlob) -> Deferred[str]:
        if self.owner.refuse_commit is not None:
            return fail(self.owner.refuse_commit)
        assert blob.data is not None
        self.received.body = blob.data
        if self.owner.slow_commit:
            self.owner.waiting.append(Deferred())
            return self.owner.waiting[-1].addCallback(lambda _: self._keep())
        return succeed(self._keep())

    def _keep(self) -> str:
        self.owner.received.append(self.received)
        return f"kept as {len(self.owner.received)}"

    def abort(self) -> None:
        self.aborted = True
        self.owner.aborted += 1


@implementer(ITransactions)
@dataclass
class Transactions:
    """Recipients named unknown*, slow* and crash* behave like that; the rest are taken. What is not slow
    and no refusal is answered at once, without a Deferred; MAIL never is."""

    received: list[Received] = field(default_factory=list)
    waiting: list[Deferred[None]] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    aborted: int = 0
    refuse_connection: Exception | None = None
    refuse_body: Refusal | None = None
    refuse_commit: Exception | None = None
    slow_greeting: bool = False
    slow_commit: bool = False
    full_disk: bool = False
    slow_disk: Deferred[None] | None = None

    def connected(self, client: Client) -> Deferred[None] | None:
        if self.refuse_connection is not None:
            return fail(self.refuse_connection)
        if self.slow_greeting:
            self.waiting.append(Deferred())
            return self.waiting[-1].addCallback(lambda _: self.clients.append(client))
        self.clients.append(client)
        return None

    def disconnected(self, client: Client) -> None:
        self.clients.remove(client)

    def begin(self, client: Client, sender: str, parameters: MailParameters) -> Deferred[ITransaction]:
        return succeed(Transaction(self, Received(client, sender, parameters, [])))


ALICE = Account(AccountId(1), "alice@example.com")


@implementer(IExchange)
class Exchange:
    def __init__(self, mechanism: str, owner: SignIn) -> None:
        self.mechanism = mechanism
        self.owner = owner
        self.steps = 0

    def respond(self, data: bytes | None) -> Deferred[Challenge | SignedIn]:
        self.steps += 1
        if self.owner.failure is not None:
            return fail(self.owner.failure)
        if self.mechanism == "PLAIN":
            if data is None:
                return succeed(Challenge(b""))
            if data == b"\0alice\0secret":
                return succeed(SignedIn(ALICE))
            if data.count(b"\0") != 2:
                return fail(MessageRejected("Malformed response"))
            return fail(BadCredentials(cause="wrong password"))
        # a mechanism of two steps whose last word has to be acknowledged
        if self.steps == 1 and data is None:
            return succeed(Challenge(b"who?"))
        return succeed(SignedIn(ALICE, final=b"v=proof"))


@implementer(ISignIn)
class SignIn:
    """PLAIN with alice and secret, and a stand-in for SCRAM that believes everybody."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.bindings: list[tuple[str, bytes] | None] = []

    def mechanisms(self, tls: bool, binding: bool) -> Sequence[str]:
        return ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"] if binding else ["SCRAM-SHA-256", "PLAIN"]

    def start(self, mechanism: str, address: str, binding: tuple[str, bytes] | None) -> IExchange:
        self.bindings.append(binding)
        return Exchange(mechanism, self)

    def password(self, login: str, password: str, address: str) -> Deferred[Account]:
        return succeed(ALICE)
