"""What there is at the end: as JMAP and IMAP show it, and told so that two runs can be compared."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from mailsys.ports.accounts import Account
from tests.interleaving.process import Process

TYPES: Final = ("Mailbox", "Email", "Identity", "AddressBook", "ContactCard", "EmailSubmission")
_EMAIL: Final = ["subject", "keywords", "mailboxIds", "threadId", "snoozed"]
_STATUS: Final = re.compile(rb'\* LIST \([^)]*\) "/" (.*)\Z|\* STATUS (.*) \((.*)\)\Z')
_SUBJECT: Final = re.compile(rb'ENVELOPE \((?:"[^"]*"|NIL) (?:"([^"]*)"|NIL)')

Object = dict[str, Any]


@dataclass(slots=True)
class Shown:
    """Every object of every type as `/get` gives it, and the states."""

    objects: dict[str, dict[str, Object]] = field(default_factory=dict)  # by type and id
    states: dict[str, str] = field(default_factory=dict)
    vacation: Object = field(default_factory=dict)


async def shown(process: Process, account: Account) -> Shown:
    calls: list[tuple[str, Object]] = [
        ("Email/query", {}),
        (
            "Email/get",
            {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": _EMAIL},
        ),
        *((f"{one}/get", {"ids": None}) for one in TYPES if one != "Email"),
        ("VacationResponse/get", {"ids": None}),
    ]
    found = Shown()
    for name, value in await process.jmap(account, *calls):
        kind, _, method = name.partition("/")
        if name == "error":
            raise AssertionError(value)
        if method != "get":
            continue
        if kind == "VacationResponse":
            found.vacation = value["list"][0]
            continue
        found.objects[kind] = {each["id"]: each for each in value["list"]}
        found.states[kind] = value["state"]
    return found


def _paths(boxes: dict[str, Object]) -> dict[str, str]:
    def path(one: Object) -> str:
        above = one["parentId"]
        return one["name"] if above is None else f"{path(boxes[above])}/{one['name']}"

    return {id_: path(one) for id_, one in boxes.items()}


def told(found: Shown, names: dict[str, str]) -> Object:
    """Without ids, which depend on who came first. `names` are subjects of emails by id."""
    boxes = found.objects["Mailbox"]
    paths = _paths(boxes)
    emails = found.objects["Email"]
    threads: dict[str, list[str]] = defaultdict(list)
    for each in emails.values():
        threads[each["threadId"]].append(each["subject"])
    books = {id_: each["name"] for id_, each in found.objects["AddressBook"].items()}
    return {
        "mailboxes": {paths[id_]: {name: each[name] for name in _BOX} for id_, each in sorted(boxes.items())},
        "emails": _sorted(
            {
                "subject": each["subject"],
                "keywords": sorted(each["keywords"]),
                "in": sorted(paths.get(box, box) for box in each["mailboxIds"]),
                "snoozed": bool(each.get("snoozed")),
            }
            for each in emails.values()
        ),
        "threads": _sorted(sorted(each) for each in threads.values()),
        "identities": _sorted({**each, "id": ""} for each in found.objects["Identity"].values()),
        "books": _sorted({**each, "id": ""} for each in found.objects["AddressBook"].values()),
        "cards": _sorted(
            {name: value for name, value in each.items() if name in _CARD}
            | {"in": sorted(books.get(book, book) for book in each["addressBookIds"])}
            for each in found.objects["ContactCard"].values()
        ),
        "submissions": _sorted(
            {
                "email": names.get(each["emailId"], "?"),
                "undoStatus": each["undoStatus"],
                "to": [one["email"] for one in each["envelope"]["rcptTo"]],
                "delivery": {to: how["delivered"] for to, how in (each["deliveryStatus"] or {}).items()},
            }
            for each in found.objects["EmailSubmission"].values()
        ),
        "vacation": found.vacation,
    }


_BOX: Final = (
    "role", "sortOrder", "isSubscribed", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads",
)  # fmt: skip
_CARD: Final = ("name", "emails", "phones", "notes", "organizations")


def _sorted(values: Any) -> list[Any]:
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


Rows = dict[bytes, dict[int, frozenset[bytes]]]  # flags by the mailbox's id and uid


async def told_by_imap(process: Process, account: Account) -> tuple[Object, Rows]:
    """Mailboxes with their counts and, of those that are not empty, their rows."""
    uids: Rows = {}
    client = await process.imap(account)
    boxes: Object = {}
    lines = await client.ask(b'LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN DELETED SIZE))')
    for line in lines:
        found = _STATUS.match(line)
        if found is None:
            continue
        if found[1] is not None:
            boxes.setdefault(found[1].decode(), {})
        else:
            words = found[3].decode().split()
            boxes[found[2].decode()] = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    for name, box in boxes.items():
        if not box.get("MESSAGES"):
            continue
        await client.ask(b"EXAMINE " + name.encode())
        flags_of = uids[client.mailbox] = {}
        rows = []
        for line in await client.ask(b"FETCH 1:* (UID FLAGS ENVELOPE)"):
            subject = _SUBJECT.search(line)
            if subject is not None:
                flags = re.search(rb"FLAGS \(([^)]*)\)", line)
                assert flags is not None
                kept = sorted({one.decode() for one in flags[1].split()} - {"\\Recent"})
                uid = re.search(rb"UID (\d+)", line)
                assert uid is not None
                flags_of[int(uid[1])] = frozenset(one.encode() for one in kept)
                rows.append([(subject[1] or b"").decode(), *kept])
        box["rows"] = sorted(rows)
    complaints = list(client.complaints)
    client.close()
    return {"boxes": boxes, "complaints": complaints}, uids


async def told_by_queue(store: Any) -> list[Any]:
    return _sorted(
        [
            each.item.destination,
            each.item.hold,
            each.attempts,
            each.due,
            [[one.address, one.outcome.value] for one in each.item.recipients],
        ]
        for each in await store.queue.items(100)
    )


async def kept_objects(store: Any, account: Account, kinds: tuple[str, ...]) -> Object:
    """How many there are of each kind that no protocol shows."""
    return {kind: len(await store.objects.objects(account.id, kind)) for kind in kinds}
