"""An Email's properties, read from what the store keeps beside it and, where asked for, its parts
(RFC 8621 §4.1, §4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.bodies import BODY_PROPERTIES, DEFAULT_BODY_PROPERTIES, Bodies
from mailsys.core.jmap.dates import render_utc_date
from mailsys.core.jmap.header_forms import CONVENIENT, HeaderBlock, field_property, header_property
from mailsys.core.jmap.problems import invalid_arguments
from mailsys.core.message import mime
from mailsys.core.message.keywords import names as keyword_names
from mailsys.core.message.mime import Part
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.mail import IMailStore
from mailsys.services.content.parts import BlobGone, BlobLost, Contents, Turn
from mailsys.services.jmap.mail.snooze import SNOOZED
from mailsys.services.jmap.mail.snooze import shown as snooze_shown
from mailsys.services.jmap.protocol.standard import read_properties

METADATA: Final = frozenset(
    ("id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "hasAttachment", "preview")
)
HEADERS: Final = frozenset((*CONVENIENT, "headers"))
BODY: Final = frozenset(("bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments"))
PROPERTIES: Final = METADATA | HEADERS | BODY
_PARSED_DEFAULT: Final = (
    "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject",
    "sentAt", "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments",
)  # fmt: skip
_DEFAULT: Final = (
    "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", *_PARSED_DEFAULT,
)  # fmt: skip

_PAGE: Final = 100  # emails read at a time
_LONG_HEADER: Final = 24 * 1024  # octets of a header block that may hold more than a millisecond's work
_BUDGET: Final = 16 * 1024 * 1024  # octets of body values in one response


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call asks of each email."""

    properties: tuple[str, ...]
    body_properties: tuple[str, ...]
    text_values: bool
    html_values: bool
    all_values: bool
    max_octets: int  # of each body value, 0: no bound

    @property
    def needs_body(self) -> bool:
        return not BODY.isdisjoint(self.properties)


def read_wanted(arguments: Arguments, *, parsed: bool = False, more: tuple[str, ...] = ()) -> Wanted:
    """The arguments that Email/get and Email/parse share. `more`: properties of other capabilities."""
    properties = read_properties(
        arguments, PROPERTIES.union(more), lambda name: header_property(name) is not None
    )
    if parsed and properties is not None and "id" not in (arguments.values["properties"] or ()):
        properties = properties[1:]
    body = arguments.optional_strings("bodyProperties") if "bodyProperties" in arguments else None
    if body is None:
        arguments.raw("bodyProperties", None)
        body = list(DEFAULT_BODY_PROPERTIES)
    for name in body:
        if name not in BODY_PROPERTIES and header_property(name) is None:
            raise invalid_arguments(f"Unknown body property: {name[:100]!r}.", "bodyProperties")
    default = _PARSED_DEFAULT if parsed else _DEFAULT
    return Wanted(
        tuple(properties) if properties is not None else default,
        tuple(dict.fromkeys(body)),
        arguments.boolean("fetchTextBodyValues", False),
        arguments.boolean("fetchHTMLBodyValues", False),
        arguments.boolean("fetchAllBodyValues", False),
        arguments.unsigned("maxBodyValueBytes", 0),
    )


# -- from the store ----------------------------------------------------------------------------------------


class EmailReader:
    """Emails as JMAP shows them."""

    def __init__(self, mail: IMailStore, contents: Contents) -> None:
        self._mail = mail
        self._contents = contents

    async def read(
        self,
        account: AccountId,
        emails: Sequence[int],
        wanted: Wanted,
        budget: Budget | None = None,
    ) -> dict[int, dict[str, Any]]:
        """Each email's properties; left out are those that are missing, or to be seen nowhere."""
        properties = wanted.properties
        columns: list[Column] = []
        for name in properties:
            column = _COLUMNS.get(name)
            if column is not None and column not in columns:
                columns.append(column)
        if any(name in HEADERS or name.startswith("header:") for name in properties):
            columns.append(Column.HEADER)
        if wanted.needs_body:
            columns += [one for one in (Column.BLOB, Column.SIZE) if one not in columns]
        at = {column: number for number, column in enumerate(columns)}
        plan = [(name, _COLUMNS.get(name), field_property(name)) for name in properties]
        found: dict[int, dict[str, Any]] = {}
        budget = Budget() if budget is None else budget
        # A page at a time: what a page costs here is below a few milliseconds, and others get their turn
        for start in range(0, len(emails), _PAGE):
            page = emails[start : start + _PAGE]
            rows, placed = await self._rows(account, page, columns)
            seen = [one for one in page if one in rows and one in placed]
            shown = await self._build(seen, rows, at, plan, placed)
            if SNOOZED in properties:
                waiting = await self._mail.snoozed(account, seen)
                for one, email in shown.items():
                    email[SNOOZED] = snooze_shown(waiting[one]) if one in waiting else None
            if wanted.needs_body:
                await self._add_bodies(shown, rows, at, wanted, budget)
            found.update(shown)
        return found

    async def _rows(
        self, account: AccountId, page: Sequence[int], columns: list[Column]
    ) -> tuple[dict[int, tuple[Any, ...]], dict[int, tuple[Any, ...]]]:
        """Columns and mailboxes, both read at once."""
        reading = self._mail.fetch(account, page, columns)
        placing = self._mail.email_mailboxes(account, page)
        try:
            rows = await reading
        except BaseException:
            placing.addErrback(lambda _: {})  # one failure is told
            raise
        return rows, dict(await placing)

    async def _build(
        self,
        numbers: list[int],
        rows: dict[int, tuple[Any, ...]],
        at: dict[Column, int],
        plan: list[tuple[str, Column | None, Any]],
        placed: dict[int, tuple[Any, ...]],
    ) -> dict[int, dict[str, Any]]:
        """Here as long as that is quick; headers can be made so that it is not."""

        def build(some: list[int]) -> dict[int, dict[str, Any]]:
            return {one: _email(one, rows[one], at, plan, placed[one]) for one in some}

        header = at.get(Column.HEADER)
        if header is None:
            return build(numbers)
        turn = Turn()
        shown: dict[int, dict[str, Any]] = {}
        for index, one in enumerate(numbers):
            if turn.over or len(rows[one][header]) > _LONG_HEADER:
                rest = numbers[index:]
                return shown | await self._contents.in_thread(partial(build, rest))
            shown[one] = _email(one, rows[one], at, plan, placed[one])
        return shown

    async def _add_bodies(
        self,
        shown: dict[int, dict[str, Any]],
        rows: dict[int, tuple[Any, ...]],
        at: dict[Column, int],
        wanted: Wanted,
        budget: Budget,
    ) -> None:
        blobs: dict[int, tuple[BlobId, int]] = {
            number: (rows[number][at[Column.BLOB]], rows[number][at[Column.SIZE]]) for number in shown
        }
        small = await self._contents.small(list(blobs.values()))
        turn = Turn()
        for number, (blob, size) in blobs.items():
            try:
                content = small.get(blob) or await self._contents.open(blob, size)
            except BlobLost:
                shown[number].update(lost_body(blob, wanted, budget))
                continue
            except BlobGone:  # destroyed while we looked
                del shown[number]
                continue
            shown[number].update(
                await self._contents.work(
                    content, blob, lambda bodies: body_values(bodies, wanted, budget), turn
                )
            )


_COLUMNS: Final = {
    "blobId": Column.BLOB,
    "threadId": Column.THREAD,
    "keywords": Column.KEYWORDS,
    "size": Column.SIZE,
    "receivedAt": Column.RECEIVED_AT,
    "hasAttachment": Column.HAS_ATTACHMENT,
    "preview": Column.PREVIEW,
}


def _email(
    number: int,
    row: tuple[Any, ...],
    at: dict[Column, int],
    plan: list[tuple[str, Column | None, Any]],
    mailboxes: tuple[int, ...],
) -> dict[str, Any]:
    email: dict[str, Any] = {}
    block: HeaderBlock | None = None
    for name, column, field in plan:
        if field is not None:
            if block is None:
                block = HeaderBlock(row[at[Column.HEADER]])
            email[name] = block.get(field)
        elif column is not None:
            value = row[at[column]]
            if name == "blobId":
                value = ids.blob_id(value)
            elif name == "threadId":
                value = ids.thread_id(value)
            elif name == "keywords":
                value = keyword_map(value)
            elif name == "receivedAt":
                value = render_utc_date(value)
            email[name] = value
        elif name == "id":
            email[name] = ids.email_id(number)
        elif name == "mailboxIds":
            email[name] = {ids.mailbox_id(one): True for one in mailboxes}
        elif name == "headers":
            if block is None:
                block = HeaderBlock(row[at[Column.HEADER]])
            email[name] = block.headers()
    return email


def keyword_map(keywords: str) -> dict[str, bool]:
    """As Email.keywords; `$recent` is IMAP's alone (RFC 8621 §4.1.1)."""
    return dict.fromkeys(sorted(keyword_names(keywords) - {"$recent"}), True) if keywords else {}


# -- from the parts ----------------------------------------------------------------------------------------


class Budget:
    """Octets of body values that a response may still take."""

    __slots__ = ("_whole", "left")

    def __init__(self, left: int = _BUDGET) -> None:
        self._whole = self.left = left

    @property
    def spent(self) -> int:
        return self._whole - self.left


def body_values(bodies: Bodies, wanted: Wanted, budget: Budget) -> dict[str, Any]:
    """The properties that need the parts."""
    found: dict[str, Any] = {}
    for name in wanted.properties:
        if name == "bodyStructure":
            found[name] = bodies.part(bodies.root, wanted.body_properties, True)
        elif name == "textBody":
            found[name] = [bodies.part(part, wanted.body_properties) for part in bodies.text]
        elif name == "htmlBody":
            found[name] = [bodies.part(part, wanted.body_properties) for part in bodies.html]
        elif name == "attachments":
            found[name] = [bodies.part(part, wanted.body_properties) for part in bodies.attachments]
        elif name == "bodyValues":
            found[name] = _values(bodies, wanted, budget)
    return found


_LOST: Final = (
    b"Content-Type: text/plain\r\n\r\nThe content of this message is missing or damaged on the server, "
    b"where that is logged.\r\n"
)


def lost_body(blob: BlobId, wanted: Wanted, budget: Budget) -> dict[str, Any]:
    """In place of a message that the disk lost: one text that says so, marked as wrong and as not all of it
    (decision 21). An error would be the whole call's, for all its emails."""
    found = body_values(Bodies(_LOST, mime.parse(_LOST), blob), wanted, budget)
    for value in found.get("bodyValues", {}).values():
        value["isEncodingProblem"] = value["isTruncated"] = True
    return found


def _values(bodies: Bodies, wanted: Wanted, budget: Budget) -> dict[str, Any]:
    shown: list[Part] = []
    if wanted.all_values:
        shown.extend(bodies.leaves())
    else:
        if wanted.text_values:
            shown.extend(bodies.text)
        if wanted.html_values:
            shown.extend(bodies.html)
    found: dict[str, Any] = {}
    for part in shown:
        number = bodies.numbers[id(part)]
        if part.type != b"text" or number in found:
            continue
        if budget.left <= 0:
            found[number] = {"value": "", "isEncodingProblem": False, "isTruncated": True}
            continue
        limit = min(wanted.max_octets, budget.left) if wanted.max_octets else budget.left
        value = found[number] = bodies.value(part, limit)
        budget.left -= len(value["value"])
    return found
