"""Email/query and Email/queryChanges (RFC 8621 §4.4, §4.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import MethodError
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, EmailId
from mailsys.ports.mail import IMailStore
from mailsys.ports.query import EmailQuery, QueryDelta
from mailsys.services.jmap.mail.email_filter import read_filter, read_sort
from mailsys.services.jmap.mail.snooze import SNOOZE, SORT
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import MAX_CHANGES, state_of
from mailsys.services.jmap.protocol.standard import cannot_calculate, parse_state, read_max_changes

DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 5000
_MAX_COMPARED: Final = 10_000  # results of a list that is compared with its past whole


async def email_query(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    filter_ = read_filter(arguments, context.real_id, context.using)
    sort = read_sort(arguments, context.real_id, (SORT,) if SNOOZE in context.using else ())
    position = arguments.integer("position", 0)
    anchor = arguments.optional_string("anchor")
    anchor_offset = arguments.integer("anchorOffset", 0)
    limit = arguments.optional_unsigned("limit")
    calculate_total = arguments.boolean("calculateTotal", False)
    collapse = arguments.boolean("collapseThreads", False)
    arguments.finish()
    anchor_number: EmailId | None = None
    if anchor is not None:
        number = ids.email_number(context.real_id(anchor))
        if number is None:
            raise _no_anchor()
        anchor_number, position = EmailId(number), 0
    allowed = DEFAULT_LIMIT if limit is None else min(limit, MAX_LIMIT)
    page = await context.ports.mail.query(
        account,
        EmailQuery(filter_, sort, collapse, position, anchor_number, anchor_offset, allowed, calculate_total),
    )
    if not page.anchor_found:
        raise _no_anchor()
    context.states.setdefault("Email", page.modseq)
    answer: dict[str, Any] = {
        "accountId": context.account_id,
        "queryState": str(page.modseq),
        "canCalculateChanges": True,
        "position": page.position,
        "ids": [ids.email_id(one) for one in page.emails],
    }
    if calculate_total:
        answer["total"] = page.total
    if allowed != limit:
        answer["limit"] = allowed
    return answer


def _no_anchor() -> MethodError:
    return MethodError("anchorNotFound", "The anchor is not among the results.")


async def email_query_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    filter_ = read_filter(arguments, context.real_id, context.using)
    sort = read_sort(arguments, context.real_id, (SORT,) if SNOOZE in context.using else ())
    since_state = arguments.string("sinceQueryState")
    limit = read_max_changes(arguments)
    up_to = arguments.optional_id("upToId")
    calculate_total = arguments.boolean("calculateTotal", False)
    collapse = arguments.boolean("collapseThreads", False)
    arguments.finish()
    since = parse_state(since_state, await state_of(context, "Email"))
    up_to_number = None if up_to is None else ids.email_number(context.real_id(up_to))
    query = EmailQuery(filter_, sort, collapse, calculate_total=calculate_total)
    up_to_id = None if up_to_number is None else EmailId(up_to_number)
    delta = await context.ports.mail.query_delta(account, query, since, up_to_id, MAX_CHANGES)
    if not delta.complete:
        delta = await _compared(context.ports.mail, account, query, since)
    if limit is not None and len(delta.removed) + len(delta.added) > limit:
        raise MethodError("tooManyChanges", f"There are more than {limit} changes.")
    answer: dict[str, Any] = {
        "accountId": context.account_id,
        "oldQueryState": since_state,
        "newQueryState": str(delta.modseq),
        "removed": [ids.email_id(one) for one in delta.removed],
        "added": [{"id": ids.email_id(one), "index": index} for index, one in delta.added],
    }
    if calculate_total:
        answer["total"] = delta.total
    return answer


async def _compared(mail: IMailStore, account: AccountId, query: EmailQuery, since: int) -> QueryDelta:
    """What the store does not tell of lists whose emails come and go with keywords, from the list as
    it is now: an email's place depends on itself and its thread, so only those of threads that changed
    can have come, gone or moved. Raises cannotCalculateChanges for lists that are too long."""
    page = await mail.query(account, replace(query, limit=_MAX_COMPARED + 1, calculate_total=False))
    changes = await mail.emails_changed(account, since, MAX_CHANGES)
    moved = await mail.threads_changed(account, since, MAX_CHANGES)
    if (
        len(page.emails) > _MAX_COMPARED
        or not (changes.complete and moved.complete)
        or changes.more
        or moved.more
    ):
        raise cannot_calculate()
    threads: set[int] = {*moved.created, *moved.updated}
    for start in range(0, len(changes.updated), 1000):
        rows = await mail.fetch(account, changes.updated[start : start + 1000], [Column.THREAD])
        threads.update(row[0] for row in rows.values() if isinstance(row[0], int))
    touched = dict.fromkeys((*changes.destroyed, *changes.updated, *changes.created))
    if threads:
        for members in (await mail.thread_emails(account, sorted(threads))).values():
            touched.update(dict.fromkeys(members))
    added = tuple((index, one) for index, one in enumerate(page.emails) if one in touched)
    return QueryDelta(page.modseq, tuple(touched), added, len(page.emails))
