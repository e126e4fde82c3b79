"""/get, /changes and /query over what IObjectStore keeps (RFC 8620 §5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final, TypeVar

import msgspec

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import MethodError, invalid_arguments
from mailsys.ports.objects import ObjectChanges, StoredObject
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import MAX_CHANGES, state_of
from mailsys.services.jmap.protocol.standard import cannot_calculate, parse_state, read_max_changes

MAX_LIMIT: Final = 5000  # ids of one /query answer
_DEPTH: Final = 16  # of filter operators in one another
_MOST: Final = 200_000  # changes of one commit that are taken apart
_BETWEEN: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.(.{1,255})")

T = TypeVar("T")

encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


def decode(stored: StoredObject) -> dict[str, Any]:
    return _decoder.decode(stored.value)


async def changes(context: CallContext, values: dict[str, Any], kind: str) -> dict[str, Any]:
    """The whole of a /changes method. A commit that changed more than a client takes at a time has no
    modseq inside it: then a state in between is `since.modseq.id`, all of that commit up to that id."""
    arguments = Arguments(values)
    account = context.own_account(arguments)
    since_state = arguments.string("sinceState")
    limit = min(read_max_changes(arguments) or MAX_CHANGES, MAX_CHANGES)
    arguments.finish()
    state = await state_of(context, kind)
    between = _BETWEEN.fullmatch(since_state)
    told = ""
    if between is None:
        since = parse_state(since_state, state)
    else:
        since, modseq, told = parse_state(between[1], state), parse_state(between[2], state), between[3]
    read = context.ports.objects.changes
    found: ObjectChanges = await read(account, kind, since, limit)
    if between is None and (found.complete or not found.more):
        if not found.complete:
            raise cannot_calculate()
        new_state = found.modseq if found.more else max(state, since)
        return _answer(context, since_state, str(new_state), found.more, found)
    found = await _first_commit(context, kind, since)
    if between is not None and found.modseq != modseq:  # nothing of that commit is left as it was
        return await changes(context, values | {"sinceState": str(modseq)}, kind)
    ids = sorted({*found.created, *found.updated, *found.destroyed})
    chosen = set([one for one in ids if one > told][:limit])
    left = bool(chosen) and max(chosen) != ids[-1]
    new_text = f"{since}.{found.modseq}.{max(chosen)}" if left else str(found.modseq)
    part = ObjectChanges(
        found.modseq,
        left or found.modseq < state,
        tuple(one for one in found.created if one in chosen),
        tuple(one for one in found.updated if one in chosen),
        tuple(one for one in found.destroyed if one in chosen),
    )
    return _answer(context, since_state, new_text, part.more, part)


async def _first_commit(context: CallContext, kind: str, since: int) -> ObjectChanges:
    """What the first commit after `since` changed, alone: the least limit that has room for it."""
    read = context.ports.objects.changes
    low, high = 0, 1
    found: ObjectChanges = await read(context.account, kind, since, high)
    while not found.complete:
        if high >= _MOST or not found.more:
            raise cannot_calculate()
        low, high = high, high * 2
        found = await read(context.account, kind, since, high)
    while low + 1 < high:
        middle = (low + high) // 2
        tried: ObjectChanges = await read(context.account, kind, since, middle)
        if tried.complete:
            high, found = middle, tried
        else:
            low = middle
    if found.more:
        return found
    last = await state_of(context, kind)
    if last > found.modseq:  # another came meanwhile
        return await _first_commit(context, kind, since)
    return replace(found, modseq=last)  # it is the last one; what was told is the account's own modseq


def _answer(
    context: CallContext, old_state: str, new_state: str, more: bool, found: ObjectChanges
) -> dict[str, Any]:
    return {
        "accountId": context.account_id,
        "oldState": old_state,
        "newState": new_state,
        "hasMoreChanges": more,
        "created": list(found.created),
        "updated": list(found.updated),
        "destroyed": list(found.destroyed),
    }


Condition = Callable[[str, Any], Callable[[T], bool]]


def read_filter(value: Any, condition: Callable[[str, Any], Callable[[T], bool]]) -> Callable[[T], bool]:
    """The test that a /query filter is; `condition(name, value)` makes one of a single condition, and
    raises MethodError for those it does not know."""
    if value is None:
        return lambda _: True
    return _filter(value, condition, 0)


def _filter(
    value: Any, condition: Callable[[str, Any], Callable[[T], bool]], depth: int
) -> Callable[[T], bool]:
    if not isinstance(value, dict):
        raise invalid_arguments('"filter" must be an object or null.', "filter")
    if "operator" not in value:
        tests = [condition(name, given) for name, given in value.items()]
        return lambda one: all(test(one) for test in tests)
    if depth > _DEPTH:
        raise MethodError("unsupportedFilter", "The filter is nested too deeply.")
    operator, conditions = value["operator"], value.get("conditions")
    if not isinstance(conditions, list) or set(value) - {"operator", "conditions"}:
        raise invalid_arguments('A filter operator must have "conditions", an array.', "filter")
    parts = [_filter(one, condition, depth + 1) for one in conditions]
    if operator == "AND":
        return lambda one: all(test(one) for test in parts)
    if operator == "OR":
        return lambda one: any(test(one) for test in parts)
    if operator == "NOT":
        return lambda one: not any(test(one) for test in parts)
    raise invalid_arguments('An "operator" of the filter must be AND, OR or NOT.', "filter")


def wrong_condition(name: str, known: Collection[str]) -> MethodError:
    """For a condition that is not known, or whose value is of the wrong type."""
    if name in known:
        return invalid_arguments(f'"{name}" in the filter is of the wrong type.', "filter")
    return MethodError("unsupportedFilter", f"There is no condition {name[:100]!r}.")


class Window:
    """The arguments of /query that choose a part of the list (RFC 8620 §5.5)."""

    def __init__(self, arguments: Arguments) -> None:
        self._position = arguments.integer("position", 0)
        self._anchor = arguments.optional_string("anchor")
        self._offset = arguments.integer("anchorOffset", 0)
        self._limit = arguments.optional_unsigned("limit")
        self._calculate_total = arguments.boolean("calculateTotal", False)

    def answer(
        self, context: CallContext, found: list[str], state: str, exact: bool = True
    ) -> dict[str, Any]:
        """`found` is the whole list; `exact`: /queryChanges will do."""
        position = self._position
        if self._anchor is not None:
            anchor = context.real_id(self._anchor)
            if anchor not in found:
                raise MethodError("anchorNotFound", "The anchor is not among the results.")
            position = max(found.index(anchor) + self._offset, 0)
        elif position < 0:
            position = max(len(found) + position, 0)
        limit = MAX_LIMIT if self._limit is None else min(self._limit, MAX_LIMIT)
        answer: dict[str, Any] = {
            "accountId": context.account_id,
            "queryState": state,
            "canCalculateChanges": exact,
            "position": position,
            "ids": found[position : position + limit],
        }
        if self._calculate_total:
            answer["total"] = len(found)
        if limit != self._limit and (self._limit is not None or len(found) - position > limit):
            answer["limit"] = limit
        return answer


def query_changes_answer(
    context: CallContext,
    since: str,
    state: str,
    found: list[str],
    touched: Collection[str],
    limit: int | None,
    calculate_total: bool,
) -> dict[str, Any]:
    """A /queryChanges response (RFC 8620 §5.6): all that were touched go, and come back where they are
    now. `found` is the whole list of today."""
    removed = sorted(touched)
    added = [{"id": one, "index": index} for index, one in enumerate(found) if one in touched]
    if limit is not None and len(removed) + len(added) > limit:
        raise MethodError("tooManyChanges", f"There are more than {limit} changes.")
    answer: dict[str, Any] = {
        "accountId": context.account_id,
        "oldQueryState": since,
        "newQueryState": state,
        "removed": removed,
        "added": added,
    }
    if calculate_total:
        answer["total"] = len(found)
    return answer
