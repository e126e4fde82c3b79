"""Email/query and Email/queryChanges (RFC 8621 §4.4, §4.5)."""

from __future__ import annotations

from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import MethodError
from mailsys.ports.ids import EmailId
from mailsys.ports.query import EmailQuery
from mailsys.services.jmap.api import CallContext
from mailsys.services.jmap.changes import MAX_CHANGES, state_of
from mailsys.services.jmap.email_filter import read_filter, read_sort
from mailsys.services.jmap.hidden import Hidden
from mailsys.services.jmap.standard import cannot_calculate, parse_state, read_max_changes

DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 5000
_MAX_POSITION: Final = 2**53


async def email_query(hidden: Hidden, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    filter_ = read_filter(arguments, context.real_id)
    sort = read_sort(arguments)
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
    filter_ = await hidden.left_out(account, filter_)
    page = await context.ports.mail.query(
        account,
        EmailQuery(filter_, sort, collapse, position, anchor_number, anchor_offset, allowed, calculate_total),
    )
    if not page.anchor_found:
        raise _no_anchor()
    answer: dict[str, Any] = {
        "accountId": context.account_id,
        "queryState": str(page.modseq),
        "canCalculateChanges": page.can_calculate_changes,
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


async def email_query_changes(hidden: Hidden, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    filter_ = read_filter(arguments, context.real_id)
    sort = read_sort(arguments)
    since_state = arguments.string("sinceQueryState")
    limit = read_max_changes(arguments)
    up_to = arguments.optional_id("upToId")
    calculate_total = arguments.boolean("calculateTotal", False)
    collapse = arguments.boolean("collapseThreads", False)
    arguments.finish()
    since = parse_state(since_state, await state_of(context, "Email"))
    up_to_number = None if up_to is None else ids.email_number(context.real_id(up_to))
    filter_ = await hidden.left_out(account, filter_)
    delta = await context.ports.mail.query_delta(
        account,
        EmailQuery(filter_, sort, collapse, calculate_total=calculate_total),
        since,
        None if up_to_number is None else EmailId(up_to_number),
        MAX_CHANGES,
    )
    if not delta.complete:
        raise cannot_calculate()
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
