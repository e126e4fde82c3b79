"""Email/get, Email/changes and Thread/get, Thread/changes (RFC 8621 §3, §4.2, §4.3)."""

from __future__ import annotations

from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import Column, EmailChanges, IdChanges
from mailsys.ports.query import EmailQuery
from mailsys.services.jmap.api import CallContext
from mailsys.services.jmap.email_properties import EmailReader, read_wanted
from mailsys.services.jmap.standard import (
    cannot_calculate,
    get_answer,
    parse_state,
    read_get_ids,
    read_max_changes,
    read_properties,
    select,
    too_large,
)

MAX_CHANGES: Final = 5000  # that one answer tells of, whatever was asked for


async def state_of(context: CallContext, kind: str) -> int:
    """The state of a type in the caller's account."""
    return (await context.ports.mail.states(context.account)).get(kind, 0)


class EmailGet:
    def __init__(self, reader: EmailReader) -> None:
        self._reader = reader

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        wanted_ids = read_get_ids(context, arguments)
        wanted = read_wanted(arguments)
        arguments.finish()
        state = await state_of(context, "Email")
        if wanted_ids is None:
            wanted_ids = await self._all(context, account)
        numbers = {one: number for one in wanted_ids if (number := ids.email_number(one)) is not None}
        found = await self._reader.read(account, list(numbers.values()), wanted) if numbers else {}
        missing = [one for one in wanted_ids if numbers.get(one) not in found]
        return get_answer(context.account_id, str(state), list(found.values()), missing)

    async def _all(self, context: CallContext, account: AccountId) -> list[str]:
        limit = context.limits.max_objects_in_get
        page = await context.ports.mail.query(account, EmailQuery(limit=limit + 1))
        if len(page.emails) > limit:
            raise too_large("ids", limit)
        return [ids.email_id(one) for one in page.emails]

    async def changes(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        since_state = arguments.string("sinceState")
        limit = read_max_changes(arguments)
        arguments.finish()
        state = await state_of(context, "Email")
        since = parse_state(since_state, state)
        changes = await context.ports.mail.emails_changed(
            account, since, min(limit or MAX_CHANGES, MAX_CHANGES)
        )
        return changes_answer(context, since_state, state, changes, ids.email_id, limit)


def changes_answer(
    context: CallContext,
    since: str,
    state: int,
    changes: EmailChanges | IdChanges,
    render: Any,
    limit: int | None,
) -> dict[str, Any]:
    """A /changes response. `state` was read before `changes` and is what /get says: told again what
    came in between, a client misses nothing."""
    count = len(changes.created) + len(changes.updated) + len(changes.destroyed)
    if not changes.complete or (limit is not None and count > limit):
        raise cannot_calculate()  # more in one commit than the client takes: no state in between
    return {
        "accountId": context.account_id,
        "oldState": since,
        "newState": str(changes.modseq if changes.more else max(state, int(since))),
        "hasMoreChanges": changes.more,
        "created": [render(one) for one in changes.created],
        "updated": [render(one) for one in changes.updated],
        "destroyed": [render(one) for one in changes.destroyed],
    }


# -- threads -----------------------------------------------------------------------------------------------


async def thread_get(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    wanted = read_get_ids(context, arguments)
    properties = read_properties(arguments, ("id", "emailIds"))
    arguments.finish()
    mail = context.ports.mail
    state = await state_of(context, "Thread")
    if wanted is None:
        limit = context.limits.max_objects_in_get
        page = await mail.query(account, EmailQuery(collapse_threads=True, limit=limit + 1))
        if len(page.emails) > limit:
            raise too_large("ids", limit)
        rows = await mail.fetch(account, page.emails, [Column.THREAD])
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
    arguments = Arguments(values)
    account = context.own_account(arguments)
    since_state = arguments.string("sinceState")
    limit = read_max_changes(arguments)
    arguments.finish()
    state = await state_of(context, "Thread")
    since = parse_state(since_state, state)
    changes = await context.ports.mail.threads_changed(account, since, min(limit or MAX_CHANGES, MAX_CHANGES))
    return changes_answer(context, since_state, state, changes, ids.thread_id, limit)
