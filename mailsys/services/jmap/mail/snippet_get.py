"""SearchSnippet/get (RFC 8621 §5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.bodies import Bodies
from mailsys.core.jmap.snippets import mark, pattern, preview
from mailsys.core.message.body import decoded_text
from mailsys.core.message.text import from_html
from mailsys.ports.emails import Column
from mailsys.ports.ids import BlobId
from mailsys.ports.query import Compound, Filter, Operator
from mailsys.services.content.blob_access import BlobGone
from mailsys.services.content.parts import Contents
from mailsys.services.jmap.mail.email_filter import read_filter
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import too_large

_LARGE: Final = 256 * 1024  # octets of a message beyond which its text is shown as search keeps it
_STEP: Final = 50
_TEXT: Final = 256 * 1024


def _texts(filter_: Filter | None, names: tuple[str, ...]) -> Iterator[str]:
    """What is searched for in these places; what must not be there (NOT) is not shown."""
    if isinstance(filter_, Compound):
        if filter_.operator is not Operator.NOT:
            for one in filter_.conditions:
                yield from _texts(one, names)
    elif filter_ is not None:
        for name in names:
            if text := getattr(filter_, name):
                yield text


class SnippetGet:
    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        filter_ = read_filter(arguments, context.real_id, context.using)
        wanted = [context.real_id(one) for one in arguments.ids("emailIds")]
        arguments.finish()
        if len(wanted) > context.limits.max_objects_in_get:
            raise too_large("emailIds", context.limits.max_objects_in_get)
        in_subject = pattern(list(_texts(filter_, ("text", "subject"))))
        in_body = pattern(list(_texts(filter_, ("text", "body"))))
        numbers = {one: number for one in wanted if (number := ids.email_number(one)) is not None}
        mail = context.ports.mail
        columns = (Column.SUBJECT, Column.BLOB, Column.SIZE)
        rows: dict[int, tuple[Any, ...]] = await mail.fetch(account, list(numbers.values()), columns)
        placed = await mail.email_mailboxes(account, list(rows))
        rows = {number: row for number, row in rows.items() if number in placed}
        kept: dict[int, tuple[str, str]] = {}
        if in_body is not None:
            known = list(rows)
            for start in range(0, len(known), _STEP):
                kept.update(await mail.texts(account, known[start : start + _STEP]))
        found: list[dict[str, Any]] = []
        missing: list[str] = []
        for one in wanted:
            row = rows.get(numbers.get(one, -1))
            if row is None:
                missing.append(one)
                continue
            subject, blob, size = row
            shown = None
            if in_body is not None:
                folded = kept.get(numbers[one], ("", ""))[1]
                if in_body.search(folded) is not None:
                    shown = await self._preview(blob, size, folded, in_body)
            found.append(
                {
                    "emailId": one,
                    "subject": None if in_subject is None else mark(subject, in_subject),
                    "preview": shown,
                }
            )
        return {"accountId": context.account_id, "list": found, "notFound": missing or None}

    async def _preview(self, blob: BlobId, size: int, folded: str, wanted: re.Pattern[str]) -> str | None:
        """Around the first match: in the text as it was written, else as it is kept for search."""
        if size > _LARGE:
            return preview(folded, wanted)
        try:
            content = await self._contents.open(blob, size)
        except BlobGone:
            return preview(folded, wanted)

        def look(bodies: Bodies) -> str | None:
            for part in (*bodies.text, *bodies.html):
                if part.type == b"text":
                    text, html = decoded_text(content, part, _TEXT)
                    shown = preview(from_html(text) if html else text, wanted)
                    if shown is not None:
                        return shown
            return None

        return await self._contents.work(content, blob, look) or preview(folded, wanted)
