"""Mail that arrives or leaves, what may be used once, and what an operator does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mailsys.ports.accounts import AccountPatch
from mailsys.ports.ids import QueueId
from mailsys.ports.queue import Settlement
from mailsys.ports.queue_items import Outcome as Recipient
from mailsys.services.operating.drop import drop
from mailsys.services.submission.program_mail import Key, Letter, Person
from tests.interleaving.operations import Operation, by_service
from tests.interleaving.process import Process
from tests.interleaving.world import Known, letter, receive


def _deliver(
    name: str, words: str, subject: str, more: str = "", sender: str = "eve@remote.example"
) -> Operation:
    async def ready(process: Process, _: Known) -> None:
        await process.reception()

    async def work(process: Process, _: Known) -> str:
        return "250" if await receive(process, letter(subject, more), sender) else ""

    return by_service(f"SMTP {name}", words, work, ready)


def _queue_id(known: Known, destination: str) -> QueueId:
    return QueueId(int(known.made["queue " + destination]))


# A sender takes what is due, talks to the peer for as long as that takes, and writes down what came of it:
# whoever drops or holds the item meanwhile comes between the two. What they are answered depends on that, and
# what there is in the end must not.


def _attempt(destination: str, words: str) -> Operation:
    """Sending what is due; the peer answers 250."""

    async def work(process: Process, known: Known) -> None:
        queue, now = process.port("queue"), process.clock.seconds()
        for lease in await queue.lease(destination, now, 300.0, 10):
            recipients = tuple(
                replace(one, outcome=Recipient.DELIVERED, reply="250 ok", at=now)
                for one in lease.item.item.recipients
            )
            await queue.settle(lease, Settlement(recipients, now))

    return by_service(f"queue: send to {destination}", words, work)


def _defer(destination: str, words: str) -> Operation:
    """Trying to send what is due; the peer answers 451."""

    async def work(process: Process, known: Known) -> None:
        queue, now = process.port("queue"), process.clock.seconds()
        for lease in await queue.lease(destination, now, 300.0, 10):
            settlement = Settlement(lease.item.item.recipients, now + 600, "451 later")
            await queue.settle(lease, settlement)

    return by_service(f"queue: defer {destination}", words, work)


def _by_operator(what: str, destination: str, words: str) -> Operation:
    async def work(process: Process, known: Known) -> None:
        queue, now, number = process.port("queue"), process.clock.seconds(), _queue_id(known, destination)
        if what == "retry":
            await queue.retry([number], now)
        elif what == "hold":
            await queue.hold([number])
        elif (item := await queue.item(number)) is not None:
            await drop(queue, item, now, "by an operator")

    return by_service(f"queue: {what} {destination}", words, work)


def _program(name: str, subject: str) -> Operation:
    """`POST /api/v1/send` with an idempotency key. In use elsewhere (409): asked again later."""

    async def ready(process: Process, _: Known) -> None:
        _made = process.program_mail

    async def work(process: Process, known: Known) -> Any:
        written = Letter(
            Person(known.alice.address), (Person("far@y.example"),), subject=subject, text="Hello"
        )
        key = Key("key 1", subject)
        sent, _ = await process.program_mail.send(known.alice, lambda: written, "192.0.2.1", key)
        return sent.recipients

    return by_service(f"POST /send {name}", "key account", work, ready)


def _code(number: int) -> Operation:
    async def ready(process: Process, _: Known) -> None:
        _made = process.second_factor

    async def work(process: Process, known: Known) -> Any:
        return await process.second_factor.check(known.alice.id, known.codes[number])

    return by_service(f"recovery code {number}", "codes", work, ready)


async def _no_room(process: Process, known: Known) -> None:
    """There is room for one more message, and not for two."""
    account = await process.store.accounts.account(known.alice.id)
    await process.store.accounts.change_account(account.id, AccountPatch(quota=account.used + 1500))
    await process.reception()


async def _deliver_large(process: Process, _: Known) -> str:
    return "250" if await receive(process, letter("large", size=600)) else ""


async def _import_large(process: Process, known: Known) -> Any:
    content = letter("large import", size=600).decode()
    upload = ("Blob/upload", {"create": {"b": {"data": [{"data:asText": content}]}}})
    emails = {"i": {"blobId": "#b", "mailboxIds": {known.box["INBOX"]: True}}}
    (_, (_, answer)) = await process.jmap(known.alice, upload, ("Email/import", {"emails": emails}))
    return sorted(answer["created"] or ()), [one["type"] for one in (answer["notCreated"] or {}).values()]


async def _append_large(process: Process, known: Known) -> Any:
    client = await process.imap(known.alice)
    content = letter("large append", size=600)
    answer = await client.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(content), content))
    client.close()
    return answer[-1].split(b"]")[0].split(b" ")[:1]


async def _wake(process: Process, _: Known) -> Any:
    return (await process.port("mail").wake(process.clock.seconds(), 100)).emails


async def _remove(process: Process, known: Known) -> None:
    await process.port("accounts").remove_account(known.alice.id)


async def _tidy(process: Process, _: Known) -> None:
    await process.store.tidy()


OTHERS: Final = (
    _deliver("deliver", "inbox account vacation", "arrived"),
    _deliver("deliver another", "vacation", "arrived too"),
    _deliver(
        "deliver into the thread", "target inbox", "Re: target", "References: <target@remote.example>\n"
    ),
    _deliver("deliver into the muted thread", "muted", "Re: muted", "References: <muted@remote.example>\n"),
    by_service("wake", "waiting", _wake),
    _program("with a key", "by program"),
    _program("with the key for something else", "by another program"),
    _code(0),
    _code(1),
    _attempt("z.example", "due"),
    _defer("z.example", "due"),
    _by_operator("drop", "z.example", "due"),
    _by_operator("retry", "z.example", "due"),
    _by_operator("hold", "z.example", "due"),
    _by_operator("retry", "y.example", "held"),
    _by_operator("drop", "y.example", "held"),
    _attempt("y.example", "held"),
    by_service("SMTP deliver what just fits", "quota", _deliver_large, _no_room),
    by_service("JMAP import what just fits", "quota", _import_large, _no_room),
    by_service("IMAP APPEND what just fits", "quota", _append_large, _no_room),
    by_service("sweep", "blob", _tidy),
    by_service("remove the account", "account", _remove),
)
