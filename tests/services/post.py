"""Sending without the rest of the system: the SQLite store in memory, people of x.example, other servers
in this process, and a clock that only the test moves."""

import email
import random
from dataclasses import replace
from email.message import Message
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mailsys.core.message.address import canonical
from mailsys.core.message.analysis import analyse
from mailsys.ports.accounts import Account, Address, AddressKind, Credentials, Domain
from mailsys.ports.emails import Column
from mailsys.ports.ids import BlobId, TraceId
from mailsys.ports.intake import Acceptance, Delivered, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.queue import QueueItem
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import TimelineEntry
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.route import Ourselves, Router
from mailsys.services.sending.means import Means
from mailsys.services.sending.policies import Policies
from mailsys.services.sending.send import Sending
from mailsys.services.sending.sign import Signer
from mailsys.settings import Sending as Settings
from mailsys.smtp.client import Dialer
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store
from tests.peers.smtp_peer import SmtpPeer
from tests.peers.zone import Zone

START = 1_764_000_000.0
HOST = "mx.x.example"
LETTER = (
    b"From: Alice <alice@x.example>\r\nTo: bob@y.example\r\nSubject: Lunch\r\n"
    b"Message-ID: <lunch@x.example>\r\n\r\nAt noon?\r\n"
)


class Post:
    alice: Account

    def __init__(self, trust: Any = None, **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.set_by = 0.0  # how far the wall clock was set, against the one that tests move
        self.settings = settings
        self.trust = trust
        self.peers: list[SmtpPeer] = []
        self.zone = Zone({})
        self.resolver: Any = self.zone
        self.store: Any = open_store(None, None, Events(), now=self.now)
        self.traces = 0
        self.policies: Policies | None = None

    def peer(self, *names: str, address: str = "127.0.0.1", **given: Any) -> SmtpPeer:
        """A server on our port 25 of the day at a loopback address, named in DNS."""
        port = self.peers[0].port if self.peers else 0
        peer = SmtpPeer(reactor, host=address, **given).start(port)
        self.peers.append(peer)
        for name in names:
            self.zone.records[name, "A"] = [address]
        return peer

    async def open(self) -> "Post":
        accounts = self.store.accounts
        await accounts.put_domain(Domain("x.example"))
        nothing = Credentials("", b"", 4096, b"", b"")
        self.alice = await accounts.create_account("alice@x.example", "Alice", nothing)
        self.directory = Directory(accounts, self.clock, "x.example")
        await self.directory.start()
        self.sending = self.make_sending()
        return self

    def make_sending(self) -> Sending:
        store = self.store
        given: dict[str, Any] = {"port": self.peers[0].port if self.peers else 25, **self.settings}
        settings = Settings(**given)
        chance = random.Random(5)
        return Sending(
            Means(
                queue=store.queue,
                blobs=store.blobs,
                directory=self.directory,
                router=Router(
                    self.resolver,
                    chance,
                    Ourselves.listening(HOST, [("127.0.0.99", settings.port)]),
                    settings.port,
                    settings.smarthost,
                ),
                dialer=Dialer(reactor, HOST, settings, self.trust, self.clock),
                signer=Signer(store.accounts, maybeDeferred, self.now),
                reporter=Reporter(
                    HOST,
                    "x.example",
                    self.directory,
                    store.blobs,
                    analyse,
                    lambda: chance.randbytes(12).hex(),
                ),
                reader=MessageReader(analyse, maybeDeferred),
                settings=settings,
                clock=self.clock,
                now=self.now,
                random=chance,
                policies=self.policies,
            )
        )

    async def close(self) -> None:
        await self.sending.stopService()
        self.directory.stop()
        for peer in self.peers:
            await peer.stop()
        await self.turns(20)  # our own ends notice
        await self.store.close()

    # -- mail in -----------------------------------------------------------------------------------

    async def queue(
        self,
        *recipients: str | QueueRecipient,
        message: bytes = LETTER,
        destination: str = "y.example",
        **given: Any,
    ) -> TraceId:
        """Put a message into the queue as submission does."""
        self.traces += 1
        trace = TraceId(f"trace{self.traces}")
        people = tuple(
            r if isinstance(r, QueueRecipient) else QueueRecipient(r) for r in recipients or ["bob@y.example"]
        )
        now = self.now()
        item = NewQueueItem(
            destination=destination,
            sender="alice@x.example",
            recipients=people,
            due=now,
            created=now,
            trace=trace,
            account=self.alice.id,
        )
        await self.store.mail.accept(
            Acceptance(
                blob=await self.stage(message),
                facts=None,
                received_at=now,
                queued=(replace(item, **given),),
                header=message[: message.index(b"\r\n\r\n") + 4],
            )
        )
        return trace

    async def stage(self, message: bytes) -> Any:
        if len(message) <= 65536:
            return self.store.blobs.stage(message)
        sink = self.store.blobs.sink()
        for start in range(0, len(message), 65536):
            wait = sink.write(message[start : start + 65536])
            if wait is not None:
                await wait
        return await sink.finish()

    def now(self) -> float:
        """Unix time."""
        return self.clock.seconds() + self.set_by

    def start(self) -> None:
        self.sending.startService()

    # -- time ----------------------------------------------------------------------------------------

    async def turns(self, count: int) -> None:
        for _ in range(count):
            turn: Deferred[None] = Deferred()
            reactor.callLater(0, turn.callback, None)
            await turn

    async def quiet(self) -> None:
        """Until nothing is being sent."""
        for _ in range(50_000):
            if not self.sending._lanes and not self.sending._looking:
                return
            await self.turns(1)
        raise AssertionError("sending does not come to rest")

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.quiet()

    async def until_next_try(self) -> float:
        """Move to when the next item is due, and see what comes of it. Fires with how far that was."""
        due = await self.store.queue.next_due()
        assert due is not None
        ahead = max(0.0, due - self.now())
        await self.later(ahead + 0.001)
        return ahead

    # -- looking ---------------------------------------------------------------------------------------

    async def items(self) -> list[QueueItem]:
        return await self.store.queue.items(1000)

    async def timeline(self, trace: TraceId) -> list[TimelineEntry]:
        return await self.store.queue.timeline(trace)

    async def stages(self, trace: TraceId) -> list[str]:
        return [entry.stage.value for entry in await self.timeline(trace)]

    async def inbox(self) -> list[Message]:
        """What Alice was told, oldest first."""
        found = []
        for mailbox in await self.store.mail.mailboxes(self.alice.id):
            if mailbox.role is Role.INBOX:
                snapshot = await self.store.mail.snapshot(self.alice.id, mailbox.id)
                rows = await self.store.mail.fetch(self.alice.id, list(snapshot.emails), [Column.BLOB])
                for number in snapshot.emails:
                    blob = BlobId(rows[number][0])
                    found.append(email.message_from_bytes(await self.store.blobs.read(blob)))
        return found

    async def keep_sent(self, message: bytes) -> Delivered:
        """What a mail client does after sending."""
        done = await self.store.mail.accept(
            Acceptance(
                blob=await self.stage(message),
                facts=analyse(message),
                received_at=self.clock.seconds(),
                deliveries=(Delivery(self.alice.id, (Role.SENT,)),),
                header=message[: message.index(b"\r\n\r\n") + 4],
            )
        )
        return done.delivered[0]

    async def credit(self, address: str) -> None:
        """Alice wrote to that address before."""
        message = LETTER + address.encode()
        await self.store.mail.accept(
            Acceptance(
                blob=await self.stage(message),
                facts=analyse(message),
                received_at=self.now(),
                deliveries=(Delivery(self.alice.id, (Role.SENT,), sent_to=(canonical(address),)),),
                header=message[: message.index(b"\r\n\r\n") + 4],
            )
        )

    async def threads(self) -> set[int]:
        """Of all of Alice's mail."""
        found: set[int] = set()
        for mailbox in await self.store.mail.mailboxes(self.alice.id):
            snapshot = await self.store.mail.snapshot(self.alice.id, mailbox.id)
            rows = await self.store.mail.fetch(self.alice.id, list(snapshot.emails), [Column.THREAD])
            found |= {row[0] for row in rows.values()}
        return found

    async def alias(self, address: str, *targets: str) -> None:
        kind = AddressKind.FORWARD if targets else AddressKind.ALIAS
        account = None if targets else self.alice.id
        await self.store.accounts.put_address(Address(address, kind, account, targets))


__all__ = ["HOST", "LETTER", "START", "Post"]
