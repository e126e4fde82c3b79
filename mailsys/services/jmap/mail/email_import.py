"""Email/import, Email/copy and Email/parse (RFC 8621 §4.7-§4.9)."""

from __future__ import annotations

import re
from typing import Any, Final

from mailsys.core.jmap import creation, ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.bodies import Bodies
from mailsys.core.jmap.header_forms import HeaderBlock, field_property
from mailsys.core.jmap.problems import SetError, invalid_arguments, invalid_properties
from mailsys.core.message import dates
from mailsys.core.message.analysis import analyse
from mailsys.core.message.header import MAX_HEADER
from mailsys.core.message.keywords import canonical
from mailsys.core.message.mime import Content, header_end
from mailsys.core.refusal import Refusal
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import AccountId
from mailsys.services.content.blob_access import BlobGone, BlobReader, FoundBlob
from mailsys.services.content.parts import Contents
from mailsys.services.content.reading import AT_ONCE, Reading, is_plain
from mailsys.services.jmap.mail.email_intake import EmailIntake, NewEmail
from mailsys.services.jmap.mail.email_patching import real_mailboxes
from mailsys.services.jmap.mail.email_properties import Budget, Wanted, body_values, read_wanted
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import SetOutcome, copy_from_nobody, set_error, too_large
from mailsys.services.jmap.protocol.state_chain import StateChain

_FIELD: Final = re.compile(rb"(?:>?From [^\n]*\n)?[!-9;-~]+[ \t]*:")
_ANSWERED: Final = ("accountId", "oldState", "newState", "created", "notCreated")
_KEPT: Final = 86400.0  # seconds that a decoded message can be read after it was parsed


def is_message(content: Content) -> bool:
    """Whether it begins as a message does: with a header field."""
    return _FIELD.match(content[:2048]) is not None


class EmailImport:
    def __init__(self, reader: BlobReader, contents: Contents, max_size: int) -> None:
        self._reader = reader
        self._contents = contents
        self._max_size = max_size

    # -- import ------------------------------------------------------------------------------------------

    async def import_(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        if_in_state = arguments.optional_string("ifInState")
        emails = arguments.object("emails")
        arguments.finish()
        for key, value in emails.items():
            if not ids.is_id(key) or not isinstance(value, dict):
                raise invalid_arguments('"emails" must be a map of ids to EmailImport objects.', "emails")
        if len(emails) > context.limits.max_objects_in_set:
            raise too_large("emails", context.limits.max_objects_in_set)

        chain = await StateChain.begin(context, "Email", if_in_state)
        outcome = SetOutcome()
        intake = EmailIntake(context, chain, outcome)
        for key, value in emails.items():
            try:
                await intake.add(key, await self._new(context, account, value))
            except SetError as error:
                outcome.not_created[key] = error
        await intake.commit()
        whole = outcome.answer(context.account_id, *await chain.told())
        return {name: whole[name] for name in _ANSWERED}

    async def _new(self, context: CallContext, account: AccountId, value: dict[str, Any]) -> NewEmail:
        """Raises SetError."""
        unknown = [name for name in value if name not in ("blobId", "mailboxIds", "keywords", "receivedAt")]
        if unknown:
            raise invalid_properties("There are no such properties.", *unknown)
        if missing := [name for name in ("blobId", "mailboxIds") if value.get(name) is None]:
            raise invalid_properties("An import needs these.", *missing)
        blob_id = value["blobId"]
        if not isinstance(blob_id, str):
            raise invalid_properties("A blobId must be an id.", "blobId")
        mailboxes = real_mailboxes(context, creation.mailbox_set(value["mailboxIds"]))
        keywords = canonical(creation.keyword_set(value["keywords"])) if value.get("keywords") else ""
        given = value.get("receivedAt")
        received = None if given is None else creation.received_at(given)
        found = await self._reader.find(account, context.real_id(blob_id))
        if found is None:
            raise invalid_properties("There is no such blob.", "blobId")
        if found.length > self._max_size:
            raise SetError("tooLarge", f"A message has at most {self._max_size} octets.")
        try:
            content = await self._contents.open_found(found)
            if not is_message(content):
                raise SetError("invalidEmail", "That is no message.")
            reading = await self._read(content)
            blob = await self._reader.stage(found)
        except BlobGone as gone:
            raise invalid_properties("There is no such blob.", "blobId") from gone
        except Refusal as refusal:
            raise set_error(refusal) from refusal
        if received is None:
            received = _received(reading.header)
        if received is None:
            received = context.clock.seconds()
        return NewEmail(blob, reading.facts.size, reading, mailboxes, keywords, received)

    async def _read(self, content: Content) -> Reading:
        def read() -> Reading:
            facts = analyse(content)
            return Reading(facts, bytes(content[: min(facts.header_size, MAX_HEADER)]), True)

        if isinstance(content, bytes) and len(content) <= AT_ONCE and is_plain(content):
            return read()
        return await self._contents.in_thread(read)

    # -- copy --------------------------------------------------------------------------------------------

    async def copy(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        return copy_from_nobody(context, values)

    # -- parse -------------------------------------------------------------------------------------------

    async def parse(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        blob_ids = arguments.ids("blobIds")
        wanted = read_wanted(arguments, parsed=True)
        arguments.finish()
        if len(blob_ids) > context.limits.max_objects_in_get:
            raise too_large("blobIds", context.limits.max_objects_in_get)
        parsed: dict[str, Any] = {}
        unparsable: list[str] = []
        missing: list[str] = []
        budget = Budget()
        for text in blob_ids:
            name = context.real_id(text)
            found = await self._reader.find(account, name)
            if found is None:
                missing.append(text)
                continue
            try:
                email = await self._parse(context, name, found, wanted, budget)
            except BlobGone:
                missing.append(text)
                continue
            if email is None:
                unparsable.append(text)
            else:
                parsed[text] = email
        context.text_size += budget.spent
        return {
            "accountId": context.account_id,
            "parsed": parsed or None,
            "notParsable": unparsable or None,
            "notFound": missing or None,
        }

    async def _parse(
        self, context: CallContext, name: str, found: FoundBlob, wanted: Wanted, budget: Budget
    ) -> dict[str, Any] | None:
        if found.length > self._max_size:
            return None
        content = await self._contents.open_found(found)
        if not is_message(content):
            return None
        if wanted.needs_body and found.encoding:  # its parts are ranges of something that is stored
            staged = await self._reader.stage(found)
            if isinstance(staged, StagedBlob):
                until = context.clock.seconds() + _KEPT
                await context.ports.mail.hold(context.account, staged, "message/rfc822", until)
                found = FoundBlob(staged.id, 0, staged.size, "", staged.size)

        def work(bodies: Bodies) -> dict[str, Any]:
            email = _header_properties(content, wanted)
            facts = None
            for one in wanted.properties:
                if one in ("preview", "hasAttachment"):
                    facts = facts or analyse(content)
                    email[one] = facts.preview if one == "preview" else facts.has_attachment
                elif one == "size":
                    email[one] = len(content)
                elif one == "blobId":
                    email[one] = name
            values = body_values(bodies, wanted, budget)
            if found.start:
                values = {one: _moved(value, found.start) for one, value in values.items()}
            return email | values

        email = await self._contents.work(content, found.blob, work)
        return {one: email.get(one) for one in wanted.properties}


def _header_properties(content: Content, wanted: Wanted) -> dict[str, Any]:
    block = HeaderBlock(content[: header_end(content, 0, len(content))])
    found: dict[str, Any] = {}
    for name in wanted.properties:
        field = field_property(name)
        if field is not None:
            found[name] = block.get(field)
        elif name == "headers":
            found[name] = block.headers()
    return found


def _moved(value: Any, start: int) -> Any:
    """Blob ids of parts of a message that stands within another: ranges of the outer one."""
    if isinstance(value, list):
        return [_moved(one, start) for one in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _moved(one, start) for key, one in value.items()}
    blob_id = value.get("blobId")
    if isinstance(blob_id, str) and (name := ids.parse_blob_id(blob_id)) is not None:
        moved["blobId"] = ids.part_blob_id(name.blob, name.start + start, name.length or 0, name.encoding)
    return moved


def _received(header: bytes) -> float | None:
    """When the last server took the message: the date of the topmost Received field (RFC 8621 §4.8)."""
    values = HeaderBlock(header).every("received")
    if not values:
        return None
    return dates.parse(values[0].rpartition(b";")[2].replace(b"\r\n", b""))
