"""The JMAP API over the SQLite store in memory, without a transport: alice asks, bob is another."""

from __future__ import annotations

import json
import random
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailsys.core.jmap import ids
from mailsys.core.message.analysis import analyse
from mailsys.core.trust.verdict import Verdict
from mailsys.log import direct
from mailsys.ports.accounts import Credentials, Domain
from mailsys.ports.ids import MailboxId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.placements import KeywordChange
from mailsys.services.jmap.mail.methods import register_mail
from mailsys.services.jmap.protocol.api import CORE, MAIL, Caller, JmapApi, Limits, Ports
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store

CREDENTIALS = Credentials("", b"", 4096, b"", b"")
START = 1_764_000_000.0

Json = dict[str, Any]


def message(
    subject: str = "Hello",
    body: str = "How are you?",
    sender: str = "Bob Quick <bob@example.net>",
    more: str = "",
    number: int = 1,
    to: str = "alice@example.com",
) -> bytes:
    text = (
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{number}@example.net>\n"
        f"Date: Mon, 01 Jan 2024 10:00:00 +0200\n{more}\n{body}\n"
    )
    return text.replace("\n", "\r\n").encode()


class JmapTestCase(TestCase):
    """`self.call(name, **arguments)` is one method call of alice's, `self.fails(…)` one that must fail."""

    limits = Limits()

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.open())

    async def open(self) -> None:
        self.failures: list[Any] = []  # tracebacks of what the API called a server failure
        direct("error", lambda level, event: self.failures.append(event.get("failure", event)))
        self.addCleanup(direct, "error", None)
        self.clock = Clock()
        self.clock.advance(START)
        self.random = random.Random(1)
        self.events = Events()
        self.store: Any = open_store(None, None, self.events, now=self.clock.seconds)
        await self.store.accounts.put_domain(Domain("example.com"))
        self.alice = await self.store.accounts.create_account("alice@example.com", "Alice", CREDENTIALS)
        self.bob = await self.store.accounts.create_account("bob@example.com", "Bob", CREDENTIALS)
        self.api = JmapApi(self.ports(), self.clock, self.random, self.limits)
        register_mail(self.api, self.random)
        self.caller = Caller(self.alice)
        self.account = ids.account_id(self.alice.id)
        self.boxes = {
            box.role: ids.mailbox_id(box.id) for box in await self.store.mail.mailboxes(self.alice.id)
        }
        self.inbox = self.boxes[Role.INBOX]

    def ports(self) -> Ports:
        """What the API works with."""
        store = self.store
        return Ports(
            store.mail, store.blobs, store.accounts, store.queue, store.objects, self.events, maybeDeferred
        )

    def tearDown(self) -> Deferred[None]:
        return self.store.close()

    # -- asking --------------------------------------------------------------------------------------

    async def request(self, *calls: Any, caller: Caller | None = None, **more: Any) -> Json:
        body = {"using": [CORE, MAIL], "methodCalls": list(calls), **more}
        return json.loads(await self.api.call(caller or self.caller, json.dumps(body).encode()))

    async def answer(self, name: str, caller: Caller | None = None, /, **arguments: Any) -> tuple[str, Json]:
        arguments.setdefault("accountId", self.account)
        found = await self.request([name, arguments, "c"], caller=caller)
        ((kind, value, call),) = found["methodResponses"]
        self.assertEqual(call, "c")
        return kind, value

    async def call(self, name: str, /, **arguments: Any) -> Any:
        kind, value = await self.answer(name, **arguments)
        self.assertEqual(kind, name, f"{value}\n{''.join(map(str, self.failures))}")
        return value

    async def fails(self, type_: str, name: str, /, **arguments: Any) -> Json:
        kind, value = await self.answer(name, **arguments)
        self.assertEqual((kind, value.get("type")), ("error", type_), value)
        return value

    # -- mail ----------------------------------------------------------------------------------------

    async def deliver(
        self,
        content: bytes | None = None,
        mailbox: str | None = None,
        keywords: str = "",
        at: float | None = None,
        account: Any = None,
        sent_to: tuple[str, ...] = (),
        verdict: Verdict | None = None,
        **given: Any,
    ) -> str:
        """Mail from outside; fires with the email's id."""
        content = message(**given) if content is None else content
        account = self.alice if account is None else account
        sink = self.store.blobs.sink()
        for start in range(0, len(content), 65536):
            wait = sink.write(content[start : start + 65536])
            if wait is not None:
                await wait
        staged = await sink.finish()
        facts = analyse(content)
        target: Any = Role.INBOX
        if mailbox is not None:
            target = MailboxId(ids.mailbox_number(mailbox) or 0)
        if at is None:
            self.clock.advance(60)
            at = self.clock.seconds()
        accepted = await self.store.mail.accept(
            Acceptance(
                staged,
                facts,
                at,
                (Delivery(account.id, (target,), keywords, sent_to=sent_to, verdict=verdict),),
                header=content[: facts.header_size],
            )
        )
        return ids.email_id(accepted.delivered[0].email)

    async def mark_deleted(self, email: str, mailbox: str, deleted: bool = True) -> None:
        """As IMAP's STORE \\Deleted in one mailbox."""
        change = KeywordChange(add="$deleted") if deleted else KeywordChange(remove="$deleted")
        await self.store.mail.set_keywords(
            self.alice.id, MailboxId(int(mailbox[1:])), [int(email[1:])], change
        )

    async def marked(self, mailbox: str) -> list[int]:
        """The emails that are marked so there."""
        snapshot = await self.store.mail.snapshot(self.alice.id, MailboxId(int(mailbox[1:])))
        assert snapshot is not None
        rows = zip(snapshot.emails, snapshot.keywords, strict=True)
        return [email for email, keywords in rows if "$deleted" in keywords.split()]

    async def upload(self, data: bytes, kind: str = "application/octet-stream", account: Any = None) -> str:
        sink = self.store.blobs.sink()
        for start in range(0, len(data), 65536):
            wait = sink.write(data[start : start + 65536])
            if wait is not None:
                await wait
        staged = await sink.finish()
        account = self.alice if account is None else account
        await self.store.mail.hold(account.id, staged, kind, self.clock.seconds() + 3600)
        return ids.blob_id(staged.id)

    async def get(self, email: str, *properties: str, **more: Any) -> Any:
        """One email's properties: a dict, or the value when there is one."""
        found = await self.call("Email/get", ids=[email], properties=list(properties) or None, **more)
        self.assertEqual(found["notFound"], [])
        (value,) = found["list"]
        return value[properties[0]] if len(properties) == 1 else value

    async def create(self, **properties: Any) -> Json:
        """Email/set create of one email; its created properties."""
        properties.setdefault("mailboxIds", {self.inbox: True})
        found = await self.call("Email/set", create={"new": properties})
        self.assertEqual(found["notCreated"], None)
        return found["created"]["new"]

    async def refused(self, type_: str, properties: list[str] | None = None, /, **value: Any) -> Json:
        """The SetError of an Email/set create."""
        value.setdefault("mailboxIds", {self.inbox: True})
        found = await self.call("Email/set", create={"new": value})
        error = found["notCreated"]["new"]
        self.assertEqual(error["type"], type_, error)
        if properties is not None:
            self.assertEqual(error["properties"], properties, error)
        return error

    async def state(self, kind: str) -> str:
        """As /get tells it."""
        return (await self.call(f"{kind}/get", ids=[]))["state"]

    async def source(self, email: str) -> bytes:
        """The stored message."""
        name = ids.parse_blob_id(await self.get(email, "blobId"))
        assert name is not None
        return await self.store.blobs.read(name.blob)
