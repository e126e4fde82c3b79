"""JMAP with sending on a clock: alice and bob here, other servers in this process (tests.services.post)."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any, ClassVar, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred

from mailsys.core.jmap import ids
from mailsys.core.message.analysis import analyse
from mailsys.ports.accounts import Account, Address, AddressKind, Domain
from mailsys.ports.emails import Column
from mailsys.ports.mailboxes import Role
from mailsys.ports.queue import QueueItem
from mailsys.services.answering.feedback import Feedback
from mailsys.services.answering.vacation import Responder
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrivals
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.delivery.intake import Intake
from mailsys.services.delivery.transactions import Client
from mailsys.services.dns.route import Ourselves, Router
from mailsys.services.jmap.extensions.methods import BLOB, MDN, QUOTA, register_more
from mailsys.services.jmap.protocol.api import CORE, MAIL, Caller
from mailsys.services.jmap.submission.methods import SUBMISSION, VACATION, register_sending
from mailsys.services.receiving.receive import Reception
from mailsys.services.sending.means import Means
from mailsys.services.sending.send import Sending
from mailsys.services.submission.submit import Submission
from mailsys.settings import Limits as MailLimits
from mailsys.settings import Sending as Settings
from mailsys.smtp.client import Dialer
from mailsys.stores.memory.limits import Limits as Counters
from tests.peers.smtp_peer import SmtpPeer
from tests.peers.zone import Zone
from tests.services.house import transact
from tests.services.jmap.rig import JmapTestCase, Json
from tests.services.meanwhile import Meanwhile

HOST = "mx.example.com"
ALL = [CORE, MAIL, SUBMISSION, VACATION, QUOTA, BLOB, MDN]


class PostTestCase(JmapTestCase):
    bounds: ClassVar[dict[str, Any]] = {}

    async def open(self) -> None:
        await super().open()
        accounts = self.store.accounts
        self.limits_of_mail = MailLimits(**self.bounds)
        self.directory = Directory(accounts, self.clock, "example.com")
        await self.directory.start()
        self.zone = Zone({})
        self.peers: list[SmtpPeer] = []
        self.sending: Sending | None = None
        reader = MessageReader(analyse, maybeDeferred)
        chance = random.Random(5)
        self.reporter = Reporter(
            HOST, "example.com", self.directory, self.store.blobs, analyse, lambda: chance.randbytes(12).hex()
        )
        self.once = cast("Any", Meanwhile(self.store.once))
        self.responder = self.new_responder()
        self.feedback = Feedback(self.store.objects, self.store.blobs, maybeDeferred)
        arrivals = self.arrivals = Arrivals(self.responder, self.feedback)
        self.counters = Counters(self.clock)
        intake = Intake(
            self.store.mail, self.store.blobs, self.directory, reader, self.reporter, self.counters,
            self.limits_of_mail, self.clock, chance.randbytes, HOST, arrivals,
        )  # fmt: skip
        self.reception = Reception(intake)
        self.submission = Submission(replace(intake, mail=self.api.ports.mail, blobs=self.api.ports.blobs))
        self.message_reader = reader
        self.identities = register_sending(self.api, self.submission, self.directory, self.responder)
        register_more(self.api, self.submission, self.identities, self.directory, self.once)
        self.bobs = Caller(self.bob)

    def new_responder(self) -> Responder:
        return Responder(
            self.store.mail,
            self.store.objects,
            self.store.blobs,
            self.once,
            self.directory,
            self.clock,
            random.Random(9),
        )

    def tearDown(self) -> Deferred[None]:
        async def close() -> None:
            if self.sending is not None:
                await self.sending.stopService()
            await self.responder.stop()
            await self.feedback.stop()
            self.directory.stop()
            for peer in self.peers:
                await peer.stop()
            if self.peers:
                await self.turns(20)
            await self.store.close()

        return Deferred.fromCoroutine(close())

    # -- asking --------------------------------------------------------------------------------------

    async def request(self, *calls: Any, caller: Caller | None = None, **more: Any) -> Json:
        body = {"using": ALL, "methodCalls": list(calls), **more}
        return json.loads(await self.api.call(caller or self.caller, json.dumps(body).encode()))

    async def as_bob(self, name: str, /, **arguments: Any) -> Json:
        arguments.setdefault("accountId", ids.account_id(self.bob.id))
        kind, value = await self.answer(name, self.bobs, **arguments)
        self.assertEqual(kind, name, value)
        return value

    async def draft(self, to: str = "bob@example.com", **given: Any) -> str:
        """A draft of alice's; its id."""
        properties = {
            "mailboxIds": {self.boxes[Role.DRAFTS]: True},
            "keywords": {"$draft": True, "$seen": True},
            "from": [{"name": "Alice", "email": "alice@example.com"}],
            "to": [{"name": None, "email": one} for one in to.split(",")] if to else None,
            "subject": "Lunch",
            "bodyValues": {"1": {"value": "At noon?"}},
            "textBody": [{"partId": "1", "type": "text/plain"}],
        } | given
        created = await self.create(**{name: one for name, one in properties.items() if one is not None})
        return created["id"]

    async def submit(self, email: str, **given: Any) -> Json:
        """What was created."""
        more = {name: given.pop(name) for name in list(given) if name.startswith("onSuccess")}
        value = {"identityId": "I0", "emailId": email, **given}
        found = await self.call("EmailSubmission/set", create={"s": value}, **more)
        self.assertIsNone(found["notCreated"], found)
        return found["created"]["s"]

    async def unsent(self, type_: str, email: str, /, **given: Any) -> Json:
        """The SetError of a submission."""
        value = {"identityId": "I0", "emailId": email, **given}
        found = await self.call("EmailSubmission/set", create={"s": value})
        self.assertIsNone(found["created"], found)
        error = found["notCreated"]["s"]
        self.assertEqual(error["type"], type_, error)
        return error

    async def submission_of(self, id_: str) -> Json:
        (found,) = (await self.call("EmailSubmission/get", ids=[id_]))["list"]
        return found

    # -- sending ---------------------------------------------------------------------------------------

    def peer(self, *names: str, **given: Any) -> SmtpPeer:
        peer = SmtpPeer(reactor, host="127.0.0.1", **given).start(0)
        self.peers.append(peer)
        for name in names:
            self.zone.records[name, "A"] = ["127.0.0.1"]
        return peer

    def start_sending(self) -> None:
        settings = Settings(port=self.peers[0].port if self.peers else 25)
        chance = random.Random(5)
        self.sending = Sending(
            Means(
                queue=self.store.queue,
                blobs=self.store.blobs,
                directory=self.directory,
                router=Router(
                    self.zone,
                    chance,
                    Ourselves.listening(HOST, [("127.0.0.99", settings.port)]),
                    settings.port,
                ),
                dialer=Dialer(reactor, HOST, settings),
                signer=None,
                reporter=self.reporter,
                reader=self.message_reader,
                settings=settings,
                clock=self.clock,
                now=self.clock.seconds,
                random=chance,
                arrivals=self.arrivals,
            )
        )
        self.sending.startService()

    async def turns(self, count: int) -> None:
        for _ in range(count):
            turn: Deferred[None] = Deferred()
            reactor.callLater(0, turn.callback, None)
            await turn

    async def quiet(self) -> None:
        """Until nothing is being sent or answered."""
        for _ in range(50_000):
            await self.responder.stop()
            await self.feedback.stop()
            if self.sending is None or (not self.sending._lanes and not self.sending._looking):
                return
            await self.turns(1)
        raise AssertionError("sending does not come to rest")

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.quiet()

    # -- mail in ---------------------------------------------------------------------------------------

    async def receive(
        self, content: bytes, sender: str = "eve@remote.example", to: str = "alice@example.com"
    ) -> None:
        """From outside, by SMTP."""
        await transact(
            self.reception,
            Client("192.0.2.7", 4025, "mx.remote.example"),
            (to,),
            sender=sender,
            message=content,
        )
        await self.responder.stop()
        await self.feedback.stop()

    # -- looking ---------------------------------------------------------------------------------------

    async def items(self) -> list[QueueItem]:
        return await self.store.queue.items(1000)

    async def queued(self) -> list[tuple[QueueItem, bytes]]:
        return [(one, await self.store.blobs.read(one.blob)) for one in await self.items()]

    async def inbox_of(self, account: Account) -> list[bytes]:
        for box in await self.store.mail.mailboxes(account.id):
            if box.role is Role.INBOX:
                snapshot = await self.store.mail.snapshot(account.id, box.id)
                rows = await self.store.mail.fetch(account.id, list(snapshot.emails), [Column.BLOB])
                return [await self.store.blobs.read(rows[one][0]) for one in snapshot.emails]
        raise AssertionError("no inbox")

    async def alias(self, address: str, *targets: str) -> None:
        kind = AddressKind.FORWARD if targets else AddressKind.ALIAS
        await self.store.accounts.put_address(
            Address(address, kind, None if targets else self.alice.id, targets)
        )
        await self.directory.refresh()

    async def catch_all(self, domain: str) -> None:
        await self.store.accounts.put_domain(Domain(domain, catch_all=self.alice.id))
        await self.directory.refresh()
