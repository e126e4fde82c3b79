"""The account that all writers work on, as it is before they begin, and what a client that is up to date
knows of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.task import Clock

from mailsys.core.jmap import ids
from mailsys.ports.accounts import Account, Credentials, Domain
from mailsys.services.delivery.transactions import Client as Peer
from mailsys.stores.memory.events import Events
from tests.interleaving.gate import Schedule
from tests.interleaving.picture import Shown, shown
from tests.interleaving.process import DOMAIN, Process
from tests.services.house import transact

START: Final = 1_764_000_000.0
LATER: Final = START + 1000.0  # when the writers begin
NO_CREDENTIALS: Final = Credentials("", b"", 4096, b"", b"")
FOLDERS: Final = ("Work", "Work/Sub", "Play", "Empty")


@dataclass(slots=True)
class Known:
    """Names for what there is."""

    alice: Account
    bob: Account
    box: dict[str, str] = field(default_factory=dict)  # JMAP id by path
    email: dict[str, str] = field(default_factory=dict)  # JMAP id by subject
    uid: dict[tuple[str, str], int] = field(default_factory=dict)  # by path and subject
    made: dict[str, str] = field(default_factory=dict)  # ids of objects by what they are for
    uid_validity: int = 0  # of INBOX
    shown: Shown = field(default_factory=Shown)  # all that JMAP shows
    codes: list[str] = field(default_factory=list)  # recovery codes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A store that was filled, as copies of it are made from, and what is in it."""

    image: Any
    known: Known


def letter(subject: str, more: str = "", sender: str = "Eve <eve@remote.example>", size: int = 0) -> bytes:
    text = (
        f"From: {sender}\nTo: alice@{DOMAIN}\nSubject: {subject}\nMessage-ID: <{subject}@remote.example>\n"
        f"Date: Mon, 01 Jan 2024 10:00:00 +0200\n{more}\nText of {subject}\n{'x' * size}\n"
    )
    return text.replace("\n", "\r\n").encode()


async def receive(process: Process, content: bytes, sender: str = "eve@remote.example") -> str:
    """By SMTP, for alice."""
    peer = Peer("192.0.2.7", 4025, "mx.remote.example")
    return await transact(
        await process.reception(), peer, (f"alice@{DOMAIN}",), sender=sender, message=content
    )


async def prepare(
    open_store: Callable[[Events, Clock], Awaitable[Any]], freeze: Callable[[Any], Any]
) -> Prepared:
    clock = Clock()
    clock.advance(START)
    events = Events()
    store = await open_store(events, clock)
    await store.accounts.put_domain(Domain(DOMAIN))
    alice = await store.accounts.create_account(f"alice@{DOMAIN}", "Alice", NO_CREDENTIALS)
    bob = await store.accounts.create_account(f"bob@{DOMAIN}", "Bob", NO_CREDENTIALS)
    known = Known(alice, bob)
    process = Process(store, events, clock, Schedule())
    await process.start()
    await _fill(process, known)
    await _look(process, known)
    await process.stop()
    prepared = Prepared(freeze(store), known)
    await store.close()
    return prepared


async def _fill(process: Process, known: Known) -> None:
    alice, store = known.alice, process.store
    for path in FOLDERS:
        await store.mail.create_mailbox(alice.id, path)
    for box in await store.mail.mailboxes(alice.id):
        known.box[box.path] = ids.mailbox_id(box.id)
    for subject, more in (
        ("target", ""),
        ("Re: target", "In-Reply-To: <target@remote.example>\n"),
        ("deleted", ""),
        ("work", ""),
        ("muted", ""),
        ("waiting", ""),
        ("other", ""),
    ):
        await receive(process, letter(subject, more))
    await _names(process, known)
    box, email = known.box, known.email
    soon = "2025-11-24T16:05:00Z"  # before LATER
    update: dict[str, Any] = {
        email["target"]: {"mailboxIds": {box["INBOX"]: True, box["Work"]: True}, "keywords": {"$seen": True}},
        email["work"]: {"mailboxIds": {box["Work"]: True}, "keywords": {"$flagged": True}},
        email["muted"]: {"keywords/$muted": True},
        email["waiting"]: {"snoozed": {"until": soon}},
    }
    create = {
        name: {
            "mailboxIds": {box["Drafts"]: True},
            "keywords": {"$draft": True, "$seen": True},
            "from": [{"name": "Alice", "email": alice.address}],
            "to": [{"name": None, "email": to}],
            "subject": name,
            "bodyValues": {"1": {"value": "At noon?"}},
            "textBody": [{"partId": "1", "type": "text/plain"}],
        }
        for name, to in (
            ("draft", f"bob@{DOMAIN}"),
            ("held", "far@y.example"),
            ("due", "far@z.example"),
        )
    }
    (first, (_, upload)) = await process.jmap(
        alice,
        ("Email/set", {"update": update, "create": create}),
        ("Blob/upload", {"create": {"b": {"data": [{"data:asText": letter("imported").decode()}]}}}),
    )
    assert not first[1]["notUpdated"], first
    assert not first[1]["notCreated"], first
    known.made["blob"] = upload["created"]["b"]["id"]
    await _names(process, known)
    await _objects(process, known)
    client = await process.imap(alice, b"SELECT INBOX")
    await client.learn()
    row = next(at for at, row in enumerate(client.rows) if row.email.decode() == email["deleted"])
    await client.ask(b"STORE %d +FLAGS (\\Deleted)" % (row + 1))
    client.close()
    process.clock.advance(LATER - process.clock.seconds())


async def _objects(process: Process, known: Known) -> None:
    email = known.email
    hold = {"mailFrom": {"email": known.alice.address, "parameters": {"HOLDFOR": "86000"}}}
    held = {**hold, "rcptTo": [{"email": "far@y.example", "parameters": None}]}
    identity = {"name": "Second", "email": known.alice.address}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("EmailSubmission/set", "held", {"identityId": "I0", "emailId": email["held"], "envelope": held}),
        ("EmailSubmission/set", "due", {"identityId": "I0", "emailId": email["due"]}),
        ("Identity/set", "identity", identity),
        ("AddressBook/set", "book", {"name": "Friends"}),
        ("AddressBook/set", "spare", {"name": "Spare"}),
    ]
    for method, name, value in calls:
        ((_, answer), *_) = await process.jmap(known.alice, (method, {"create": {"x": value}}))
        assert answer["created"], answer
        known.made[name] = answer["created"]["x"]["id"]
    card = {
        "@type": "Card", "version": "1.0", "name": {"full": "Carl"},
        "addressBookIds": {known.made["book"]: True},
        "emails": {"e1": {"address": "carl@remote.example"}},
    }  # fmt: skip
    ((_, answer), *_) = await process.jmap(known.alice, ("ContactCard/set", {"create": {"x": card}}))
    known.made["card"] = answer["created"]["x"]["id"]
    away = {"isEnabled": True, "subject": "Away", "textBody": "I am away."}
    await process.jmap(known.alice, ("VacationResponse/set", {"update": {"singleton": away}}))
    for item in await process.store.queue.items(10):
        known.made["queue " + item.item.destination] = str(item.id)
    known.codes = await process.second_factor.new_recovery_codes(known.alice.id)


async def _names(process: Process, known: Known) -> None:
    (_, (_, found)) = await process.jmap(
        known.alice,
        ("Email/query", {}),
        (
            "Email/get",
            {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": ["subject"]},
        ),
    )
    known.email.update({each["subject"]: each["id"] for each in found["list"]})


async def _look(process: Process, known: Known) -> None:
    store, alice = process.store, known.alice
    names = {number: subject for subject, number in known.email.items()}
    for box in await store.mail.mailboxes(alice.id):
        known.box[box.path] = ids.mailbox_id(box.id)
        if box.path == "INBOX":
            known.uid_validity = box.uid_validity
        rows = await store.mail.snapshot(alice.id, box.id)
        for uid, number in zip(rows.uids, rows.emails, strict=True):
            known.uid[box.path, names.get(ids.email_id(number), "")] = uid
    known.shown = await shown(process, alice)
