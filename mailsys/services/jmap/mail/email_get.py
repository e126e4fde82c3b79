"""Email/get, Email/changes and Thread/get, Thread/changes (RFC 8621 §3, §4.2, §4.3)."""

from __future__ import annotations

from typing import Any

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.ports.emails import Column
from mailsys.ports.query import EmailQuery
from mailsys.services.jmap.mail.email_properties import Budget, EmailReader, read_wanted
from mailsys.services.jmap.mail.newcomers import NEW_TO_THREAD, NEWCOMERS, Newcomers
from mailsys.services.jmap.mail.snooze import SNOOZE, SNOOZED
from mailsys.services.jmap.mail.verdicts import TRUST, VERDICT, tell_verdicts
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import changes_call, known_state
from mailsys.services.jmap.protocol.standard import (
    get_answer,
    read_get_ids,
    read_properties,
    select,
    too_large,
)


async def _newest(context: CallContext, collapse: bool) -> tuple[int, ...]:
    """All emails (or the newest of each thread), as long as they are no more than one /get may have."""
    limit = context.limits.max_objects_in_get
    query = EmailQuery(collapse_threads=collapse, limit=limit + 1)
    page = await context.ports.mail.query(context.account, query)
    if len(page.emails) > limit:
        raise too_large("ids", limit)
    return page.emails


def _of_ours(context: CallContext) -> tuple[str, ...]:
    """The properties of our own capabilities that the request uses."""
    ours = ((SNOOZE, SNOOZED), (NEWCOMERS, NEW_TO_THREAD), (TRUST, VERDICT))
    return tuple(name for capability, name in ours if capability in context.using)


class EmailGet:
    def __init__(self, reader: EmailReader, newcomers: Newcomers) -> None:
        self._reader = reader
        self._newcomers = newcomers

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        wanted_ids = read_get_ids(context, arguments)
        wanted = read_wanted(arguments, more=_of_ours(context))
        arguments.finish()
        state = await known_state(context, "Email")
        if wanted_ids is None:
            wanted_ids = [ids.email_id(one) for one in await _newest(context, False)]
        numbers = {one: number for one in wanted_ids if (number := ids.email_number(one)) is not None}
        budget = Budget()
        found = await self._reader.read(account, list(numbers.values()), wanted, budget) if numbers else {}
        context.text_size += budget.spent
        if NEW_TO_THREAD in wanted.properties and found:
            await self._newcomers.mark(context, found)
        if VERDICT in wanted.properties and found:
            await tell_verdicts(context, found)
        missing = [one for one in wanted_ids if numbers.get(one) not in found]
        return get_answer(context.account_id, str(state), list(found.values()), missing)

    async def changes(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        read = context.ports.mail.emails_changed
        return (await changes_call(context, values, "Email", read, ids.email_id))[0]


async def thread_get(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    wanted = read_get_ids(context, arguments)
    properties = read_properties(arguments, ("id", "emailIds"))
    arguments.finish()
    mail = context.ports.mail
    state = await known_state(context, "Thread")
    if wanted is None:
        rows = await mail.fetch(account, await _newest(context, True), [Column.THREAD])
        wanted = [ids.thread_id(row[0]) for row in rows.values() if isinstance(row[0], int)]
    numbers = {one: number for one in wanted if (number := ids.thread_number(one)) is not None}
    emails = await mail.thread_emails(account, list(numbers.values())) if numbers else {}
    found: list[dict[str, Any]] = []
    missing: list[str] = []
    for one in wanted:
        members = emails.get(numbers.get(one, -1))
        if members:
            thread = {"id": one, "emailIds": [ids.email_id(email) for email in members]}
            found.append(select(thread, properties))
        else:
            missing.append(one)
    return get_answer(context.account_id, str(state), found, missing)


async def thread_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    read = context.ports.mail.threads_changed
    return (await changes_call(context, values, "Thread", read, ids.thread_id))[0]
