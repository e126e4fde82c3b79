"""MDN/parse (RFC 9007 §2.2)."""

from __future__ import annotations

from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.header_forms import CONVENIENT, HeaderBlock
from mailsys.core.message.disposition import Notification, read
from mailsys.core.message.mime import Content, header_end
from mailsys.ports.query import Condition, EmailQuery
from mailsys.services.content.blob_access import BlobGone, BlobReader, FoundBlob
from mailsys.services.content.parts import Contents
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import too_large

_LARGEST: Final = 10 * 1024 * 1024  # octets of a message that is looked at


class MdnParse:
    def __init__(self, reader: BlobReader, contents: Contents) -> None:
        self._reader = reader
        self._contents = contents

    async def run(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        blob_ids = arguments.ids("blobIds")
        arguments.finish()
        if len(blob_ids) > context.limits.max_objects_in_get:
            raise too_large("blobIds", context.limits.max_objects_in_get)
        parsed: dict[str, Any] = {}
        unparsable: list[str] = []
        missing: list[str] = []
        for text in blob_ids:
            blob = await self._reader.find(account, context.real_id(text))
            if blob is None:
                missing.append(text)
                continue
            try:
                found = await self._parse(context, blob)
            except BlobGone:
                missing.append(text)
                continue
            if found is None:
                unparsable.append(text)
            else:
                parsed[text] = found
        return {
            "accountId": context.account_id,
            "parsed": parsed or None,
            "notParsable": unparsable or None,
            "notFound": missing or None,
        }

    async def _parse(self, context: CallContext, blob: FoundBlob) -> dict[str, Any] | None:
        if blob.length > _LARGEST:
            return None
        content = await self._contents.open_found(blob)
        found, subject = await self._contents.in_thread(lambda: (read(content), _subject(content)))
        if found is None:
            return None
        for_email = None
        if found.original_message_id:
            query = EmailQuery(Condition(message_id=found.original_message_id), limit=2)
            page = await context.ports.mail.query(context.account, query)
            if len(page.emails) == 1:  # RFC 9007 §2.2: not when there are several
                for_email = ids.email_id(page.emails[0])
        return shown(found, for_email, subject)


def shown(found: Notification, for_email: str | None, subject: str | None) -> dict[str, Any]:
    """The MDN object."""
    return {
        "forEmailId": for_email,
        "subject": subject,
        # Lines as RFC 8621 §4.1.4 has them in body values; what was sent reads back as it was given
        "textBody": None if found.text is None else found.text.replace("\r\n", "\n").rstrip("\n"),
        "includeOriginalMessage": found.has_original,
        "reportingUA": found.reporting_ua,
        "disposition": {
            "actionMode": found.disposition.action_mode,
            "sendingMode": found.disposition.sending_mode,
            "type": found.disposition.type,
        },
        "mdnGateway": found.gateway,
        "originalRecipient": found.original_recipient,
        "finalRecipient": found.final_recipient,
        "originalMessageId": found.original_message_id,
        "error": list(found.errors) or None,
        "extensionFields": dict(found.extensions) or None,
    }


def _subject(content: Content) -> str | None:
    subject: str | None = HeaderBlock(content[: header_end(content, 0, len(content))]).get(
        CONVENIENT["subject"]
    )
    return subject
