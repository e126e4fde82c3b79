"""/get, /changes and /query over what IObjectStore keeps (RFC 8620 §5)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

import msgspec

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import MethodError, invalid_arguments
from mailsys.ports.objects import StoredObject
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import MAX_CHANGES, state_of
from mailsys.services.jmap.protocol.standard import cannot_calculate, parse_state, read_max_changes

MAX_LIMIT: Final = 5000  # ids of one /query answer
_DEPTH: Final = 16  # of filter operators in one another

T = TypeVar("T")

encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


def decode(stored: StoredObject) -> dict[str, Any]:
    return _decoder.decode(stored.value)


async def changes(context: CallContext, values: dict[str, Any], kind: str) -> dict[str, Any]:
    """The whole of a /changes method."""
    arguments = Arguments(values)
    account = context.own_account(arguments)
    since_state = arguments.string("sinceState")
    limit = read_max_changes(arguments)
    arguments.finish()
    state = await state_of(context, kind)
    since = parse_state(since_state, state)
    found = await context.ports.objects.changes(account, kind, since, min(limit or MAX_CHANGES, MAX_CHANGES))
    count = len(found.created) + len(found.updated) + len(found.destroyed)
    if not found.complete or (limit is not None and count > limit):
        raise cannot_calculate()
    return {
        "accountId": context.account_id,
        "oldState": since_state,
        "newState": str(found.modseq if found.more else max(state, since)),
        "hasMoreChanges": found.more,
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
