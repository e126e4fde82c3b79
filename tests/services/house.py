"""A mail system without sockets for the services' tests: the SQLite store in memory, two domains of ours,
a few people, and the services over them."""

import random
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailsys.core.message.analysis import analyse
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.core.trust.srs import Rewriting
from mailsys.ports.accounts import Account, Address, AddressKind, Credentials, Domain
from mailsys.ports.emails import Column
from mailsys.ports.mailboxes import Role
from mailsys.ports.queue import QueueItem
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory, Route
from mailsys.services.delivery.intake import Intake
from mailsys.services.delivery.transactions import Client, ITransactions
from mailsys.services.receiving.receive import Reception
from mailsys.services.submission.pause import Pauses
from mailsys.services.submission.submit import Submission
from mailsys.settings import Limits
from mailsys.stores.memory.events import Events
from mailsys.stores.memory.limits import Limits as Counters
from mailsys.stores.sqlite.store import open_store

HOST = "mx.example.com"
DOMAIN = "example.com"
NO_CREDENTIALS = Credentials("", b"", 4096, b"", b"")
START = 1_764_000_000.0


def offload(work: Callable[[], Any]) -> Deferred[Any]:
    return maybeDeferred(work)


class House:
    """alice (administrator) and bob of example.com; carol of example.org."""

    alice: Account
    bob: Account
    carol: Account

    def __init__(self, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.clock = Clock()
        self.clock.advance(START)
        self.random = random.Random(1)

    async def open(self) -> "House":
        self.store: Any = open_store(None, None, Events(), now=self.clock.seconds)
        self.counters = Counters(self.clock)
        self.accounts = self.store.accounts
        self.mail: Any = self.store.mail
        self.blobs: Any = self.store.blobs
        self.queue = self.store.queue
        for name in (DOMAIN, "example.org", "xn--bcher-kva.example"):
            await self.accounts.put_domain(Domain(name))
        self.bob = await self.accounts.create_account(f"bob@{DOMAIN}", "Bob", NO_CREDENTIALS)
        self.alice = await self.accounts.create_account(
            f"alice@{DOMAIN}", "Alice", NO_CREDENTIALS, admin=True
        )
        self.carol = await self.accounts.create_account("carol@example.org", "Carol", NO_CREDENTIALS)
        self.directory = self.new_directory()
        await self.directory.start()
        reader = MessageReader(analyse, offload)
        srs = self.srs = Rewriting(b"k" * 32, DOMAIN)
        reporter = Reporter(
            HOST, DOMAIN, self.directory, self.blobs, analyse, lambda: self.random.randbytes(10).hex(), srs
        )
        intake = Intake(
            self.mail, self.blobs, self.directory, reader, reporter, self.counters, self.limits,
            self.clock, self.random.randbytes, HOST, srs=srs,
        )  # fmt: skip
        self.reception, self.submission = (
            Reception(intake),
            Submission(intake, Pauses(self.store.objects, self.accounts)),
        )
        return self

    def new_directory(self, **given: Any) -> Directory:
        return Directory(self.accounts, self.clock, DOMAIN, **given)

    async def close(self) -> None:
        self.directory.stop()
        await self.store.close()

    # -- addresses -----------------------------------------------------------------------------------

    async def alias(self, address: str, account: Account) -> None:
        await self.accounts.put_address(Address(address, AddressKind.ALIAS, account.id))

    async def forward(self, address: str, *targets: str, keep: Account | None = None) -> None:
        kept = keep.id if keep else None
        await self.accounts.put_address(Address(address, AddressKind.FORWARD, kept, targets))

    # -- sending -------------------------------------------------------------------------------------

    async def receive(self, *recipients: str, **given: Any) -> str:
        """A message from outside."""
        client = given.pop("client", Client("192.0.2.7", 4025, "mx.remote.example"))
        return await transact(self.reception, client, recipients, **given)

    async def submit(self, account: Account, *recipients: str, **given: Any) -> str:
        """A message of one of ours."""
        client = Client(
            "192.0.2.9", 4587, "laptop", tls="TLSv1.3 X", account=account.id, login=account.address
        )
        given.setdefault("sender", account.address)
        given.setdefault("message", b"From: <%b>\r\nSubject: Hi\r\n\r\nHello\r\n" % account.address.encode())
        return await transact(self.submission, client, recipients, **given)

    # -- looking -------------------------------------------------------------------------------------

    async def inbox(self, account: Account, *columns: Column) -> list[Any]:
        """Whole messages (or columns) of an account's inbox, oldest first."""
        for mailbox in await self.mail.mailboxes(account.id):
            if mailbox.role is Role.INBOX:
                snapshot = await self.mail.snapshot(account.id, mailbox.id)
                emails = list(snapshot.emails)
                if columns:
                    rows = await self.mail.fetch(account.id, emails, columns)
                    return [rows[email] for email in emails]
                rows = await self.mail.fetch(account.id, emails, [Column.BLOB])
                return [await self.blobs.read(rows[email][0]) for email in emails]
        raise AssertionError("no inbox")

    async def queued(self) -> dict[str, QueueItem]:
        """Queue items by destination."""
        items = await self.queue.items(100)
        by_destination = {item.item.destination: item for item in items}
        assert len(by_destination) == len(items)
        return by_destination


async def settled(answer: Any) -> Any:
    """What a service answers, there already or in a Deferred."""
    return await answer if isinstance(answer, Deferred) else answer


async def transact(
    service: ITransactions,
    client: Client,
    recipients: tuple[str, ...],
    sender: str = "eve@remote.example",
    message: bytes = b"From: Eve <eve@remote.example>\r\nSubject: Hi\r\n\r\nHello\r\n",
    parameters: MailParameters = MailParameters(),  # noqa: B008
    rcpt: RcptParameters = RcptParameters(),  # noqa: B008
    cut: int = 1000,
) -> str:
    """As `mailsys.smtp` calls it."""
    await settled(service.connected(client))
    try:
        transaction = await settled(service.begin(client, sender, parameters))
        for recipient in recipients:
            await settled(transaction.add_recipient(recipient, rcpt))
        sink = await settled(transaction.open_body())
        for start in range(0, len(message), cut):
            wait = sink.write(message[start : start + cut])
            if wait is not None:
                await wait
        return await transaction.commit(await sink.finish())
    finally:
        service.disconnected(client)


class HouseTestCase(TestCase):
    """Each test has a house of its own."""

    bounds: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> Deferred[None]:
        async def move_in() -> None:
            self.house = await House(**self.bounds).open()
            self.directory = self.house.directory

        return Deferred.fromCoroutine(move_in())

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.house.close())

    async def route(self, address: str) -> Route | None:
        return await self.directory.route(address)


async def refusal(case: Any, kind: type[Exception], awaitable: Any) -> Any:
    """The refusal that `awaitable` must end in."""
    try:
        result = await awaitable
    except kind as found:
        return found
    raise case.failureException(f"{kind.__name__} was due, not {result!r}")
