"""/changes (RFC 8620 §5.2) of whatever the store counts by modseq.

States are modseqs. A commit that changed more than a client takes at a time has no modseq inside it:
then a state in between is `since.modseq.id`, all of that commit up to that id. The commit's own modseq
stands there (`last`), not that of the account, which anything moves on.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mailsys.core.jmap.arguments import Arguments
from mailsys.ports.change_log import EmailChanges, IdChanges
from mailsys.ports.ids import AccountId
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import cannot_calculate, parse_state, read_max_changes

MAX_CHANGES: Final = 5000  # that one answer tells of, whatever was asked for
_MOST: Final = 200_000  # changes of one commit that are taken apart
_BETWEEN: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})")

Changes = EmailChanges | IdChanges
Read = Callable[[int, int], Awaitable[Changes]]  # since, limit


async def state_of(context: CallContext, kind: str) -> int:
    """The state of a type in the caller's account."""
    return (await context.ports.mail.states(context.account)).get(kind, 0)


async def known_state(context: CallContext, kind: str) -> int:
    """The same for methods that only read: what an earlier read of this request found will do, since
    a client that is told of an older state only asks for changes that it has."""
    known = context.states.get(kind)
    if known is None:
        known = context.states[kind] = await state_of(context, kind)
    return known


async def changes_call(
    context: CallContext,
    values: dict[str, Any],
    kind: str,
    read: Callable[[AccountId, int, int], Awaitable[Changes]],
    render: Callable[[int], str],
) -> tuple[dict[str, Any], Changes]:
    """A whole /changes call: the response, and what the store said. The state is read first: told
    again what came in between, a client misses nothing."""
    arguments = Arguments(values)
    account = context.own_account(arguments)
    since_text = arguments.string("sinceState")
    max_changes = read_max_changes(arguments)
    arguments.finish()
    limit = min(max_changes or MAX_CHANGES, MAX_CHANGES)
    state = await state_of(context, kind)

    async def from_account(since: int, limit: int) -> Changes:
        return await read(account, since, limit)

    between = _BETWEEN.fullmatch(since_text)
    if between is None:
        since = parse_state(since_text, state)
        changes = await from_account(since, limit)
        if changes.complete:
            new_state = changes.modseq if changes.more else max(state, since)
            return _answer(context, since_text, str(new_state), changes.more, changes, render), changes
        if not changes.more or changes.modseq != since:
            raise cannot_calculate()
        modseq, told = 0, -1
    else:
        since, modseq, told = map(int, between.groups())
        if modseq > state:
            raise cannot_calculate()
    first = await _first_commit(from_account, since, limit)
    if between is not None and first.last != modseq:  # nothing of that commit is left as it was
        return await changes_call(context, values | {"sinceState": str(modseq)}, kind, read, render)
    ids = sorted({*first.created, *first.updated, *first.destroyed})
    chosen = [one for one in ids if one > told][:limit]
    left = bool(chosen) and chosen[-1] != ids[-1]
    new_text = f"{since}.{first.last}.{chosen[-1]}" if left else str(first.last)
    part = IdChanges(
        first.last,
        left or first.more,
        tuple(one for one in first.created if one in chosen),
        tuple(one for one in first.updated if one in chosen),
        tuple(one for one in first.destroyed if one in chosen),
    )
    return _answer(context, since_text, new_text, part.more, part, render), part


async def _first_commit(read: Read, since: int, limit: int) -> Changes:
    """What the first commit after `since` changed, alone: the least limit that has room for it."""
    low, high = limit, limit
    changes = await read(since, high)
    while not changes.complete:
        if high >= _MOST or not changes.more:
            raise cannot_calculate()
        low, high = high, high * 2
        changes = await read(since, high)
    while low + 1 < high:
        middle = (low + high) // 2
        tried = await read(since, middle)
        if tried.complete:
            high, changes = middle, tried
        else:
            low = middle
    return changes


def _answer(
    context: CallContext,
    old_state: str,
    new_state: str,
    more: bool,
    changes: Changes,
    render: Callable[[int], str],
) -> dict[str, Any]:
    return {
        "accountId": context.account_id,
        "oldState": old_state,
        "newState": new_state,
        "hasMoreChanges": more,
        "created": [render(one) for one in changes.created],
        "updated": [render(one) for one in changes.updated],
        "destroyed": [render(one) for one in changes.destroyed],
    }
