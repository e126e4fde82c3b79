"""Mailbox/get, /changes, /query and /queryChanges (RFC 8621 §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import MethodError, invalid_arguments
from mailsys.ports.change_log import IdChanges
from mailsys.ports.mailboxes import Mailbox, Role
from mailsys.services.jmap.mail.email_filter import comparators
from mailsys.services.jmap.protocol.api import WRITE, CallContext
from mailsys.services.jmap.protocol.changes import MAX_CHANGES, changes_call, known_state, state_of
from mailsys.services.jmap.protocol.standard import (
    cannot_calculate,
    get_answer,
    parse_state,
    read_get_ids,
    read_max_changes,
    read_properties,
    select,
)

PROPERTIES: Final = (
    "id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails", "totalThreads",
    "unreadThreads", "myRights", "isSubscribed",
)  # fmt: skip
COUNTS: Final = ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"]


def shown_name(mailbox: Mailbox) -> str:
    return "Inbox" if mailbox.role is Role.INBOX and mailbox.name == "INBOX" else mailbox.name


def rights(fixed: bool, writable: bool) -> dict[str, bool]:
    """`fixed`: it keeps its name, place and role, as the inbox does."""
    return {
        "mayReadItems": True,
        "mayAddItems": writable,
        "mayRemoveItems": writable,
        "maySetSeen": writable,
        "maySetKeywords": writable,
        "mayCreateChild": writable,
        "mayRename": writable and not fixed,
        "mayDelete": writable and not fixed,
        "maySubmit": writable,
    }


def document(mailbox: Mailbox, writable: bool) -> dict[str, Any]:
    """The Mailbox object."""
    return {
        "id": ids.mailbox_id(mailbox.id),
        "name": shown_name(mailbox),
        "parentId": None if mailbox.parent is None else ids.mailbox_id(mailbox.parent),
        "role": None if mailbox.role is None else mailbox.role.value,
        "sortOrder": mailbox.sort_order,
        "totalEmails": mailbox.total - mailbox.deleted,
        "unreadEmails": mailbox.unread,
        "totalThreads": mailbox.threads,
        "unreadThreads": mailbox.unseen_threads,
        "myRights": rights(mailbox.role is Role.INBOX, writable),
        "isSubscribed": mailbox.subscribed,
    }


async def mailbox_get(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    wanted = read_get_ids(context, arguments)
    properties = read_properties(arguments, PROPERTIES)
    arguments.finish()
    mail = context.ports.mail
    state = await known_state(context, "Mailbox")
    boxes = {ids.mailbox_id(one.id): one for one in await mail.mailboxes(account)}
    chosen = list(boxes) if wanted is None else [one for one in wanted if one in boxes]
    writable = context.caller.may(WRITE)
    found = [select(document(boxes[one], writable), properties) for one in chosen]
    missing = [] if wanted is None else [one for one in wanted if one not in boxes]
    return get_answer(context.account_id, str(state), found, missing)


async def mailbox_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    read = context.ports.mail.mailboxes_changed
    answer, changes = await changes_call(context, values, "Mailbox", read, ids.mailbox_id)
    only_counts = isinstance(changes, IdChanges) and changes.only_counts and changes.updated
    answer["updatedProperties"] = COUNTS if only_counts else None
    return answer


# -- query -------------------------------------------------------------------------------------------------

Test = Callable[[Mailbox], bool]


def _condition(value: dict[str, Any], real_id: Callable[[str], str]) -> Test:
    tests: list[Test] = []
    for name, given in value.items():
        match name, given:
            case "parentId", None:
                tests.append(lambda box: box.parent is None)
            case "parentId", str() if ids.is_id(given.removeprefix("#")):
                parent = ids.mailbox_number(real_id(given))
                tests.append(lambda box, parent=parent: parent is not None and box.parent == parent)  # type: ignore[misc]
            case "name", str():
                wanted = given.casefold()
                tests.append(lambda box, wanted=wanted: wanted in shown_name(box).casefold())  # type: ignore[misc]
            case "role", None:
                tests.append(lambda box: box.role is None)
            case "role", str():
                tests.append(
                    lambda box, given=given: box.role is not None and box.role.value == given  # type: ignore[misc]
                )
            case "hasAnyRole", bool():
                tests.append(lambda box, given=given: (box.role is not None) is given)  # type: ignore[misc]
            case "isSubscribed", bool():
                tests.append(lambda box, given=given: box.subscribed is given)  # type: ignore[misc]
            case (("parentId" | "name" | "role" | "hasAnyRole" | "isSubscribed"), _):
                raise invalid_arguments(f'"{name}" in the filter is of the wrong type.', "filter")
            case _:
                raise MethodError("unsupportedFilter", f"There is no condition {name[:100]!r}.")
    return lambda box: all(test(box) for test in tests)


def _filter(value: Any, real_id: Callable[[str], str], depth: int = 0) -> Test:
    if not isinstance(value, dict):
        raise invalid_arguments('"filter" must be an object or null.', "filter")
    if "operator" not in value:
        return _condition(value, real_id)
    if depth > 16:
        raise MethodError("unsupportedFilter", "The filter is nested too deeply.")
    operator, conditions = value["operator"], value.get("conditions")
    if not isinstance(conditions, list) or set(value) - {"operator", "conditions"}:
        raise invalid_arguments('A filter operator must have "conditions", an array.', "filter")
    tests = [_filter(one, real_id, depth + 1) for one in conditions]
    if operator == "AND":
        return lambda box: all(test(box) for test in tests)
    if operator == "OR":
        return lambda box: any(test(box) for test in tests)
    if operator == "NOT":
        return lambda box: not any(test(box) for test in tests)
    raise invalid_arguments('An "operator" of the filter must be AND, OR or NOT.', "filter")


_KEYS: Final[dict[str, Callable[[Mailbox], Any]]] = {
    "sortOrder": lambda box: box.sort_order,
    "name": lambda box: shown_name(box).casefold(),
    "parentId": lambda box: box.parent or 0,
}


class _Listing:
    """The arguments that /query and /queryChanges share, and the list they name."""

    def __init__(self, context: CallContext, arguments: Arguments) -> None:
        value = arguments.raw("filter", None)
        self._test: Test = (lambda _: True) if value is None else _filter(value, context.real_id)
        self._sort = [(_KEYS[name], up) for name, up, _ in comparators(arguments, tuple(_KEYS))]
        self.as_tree = arguments.boolean("sortAsTree", False)
        self.filter_as_tree = arguments.boolean("filterAsTree", False)

    def of(self, boxes: list[Mailbox]) -> list[Mailbox]:
        ordered = sorted(boxes, key=lambda box: box.id)
        for key, up in reversed(self._sort):
            ordered.sort(key=key, reverse=not up)
        if self.as_tree:
            ordered = _as_tree(ordered)
        if not self.filter_as_tree:
            return [box for box in ordered if self._test(box)]
        by_id = {box.id: box for box in boxes}
        passing: dict[int, bool] = {}

        def passes(box: Mailbox) -> bool:  # it and all above it; depth is bounded
            known = passing.get(box.id)
            if known is None:
                above = None if box.parent is None else by_id.get(box.parent)
                known = passing[box.id] = self._test(box) and (above is None or passes(above))
            return known

        return [box for box in ordered if passes(box)]


def _as_tree(ordered: list[Mailbox]) -> list[Mailbox]:
    """RFC 8621 §2.3 sortAsTree: each followed by its children, siblings in the order given."""
    children: dict[int | None, list[Mailbox]] = {}
    known = {box.id for box in ordered}
    for box in ordered:
        children.setdefault(box.parent if box.parent in known else None, []).append(box)
    found: list[Mailbox] = []
    stack = list(reversed(children.get(None, [])))
    while stack:
        box = stack.pop()
        found.append(box)
        stack.extend(reversed(children.get(box.id, [])))
    return found


async def mailbox_query(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    listing = _Listing(context, arguments)
    position = arguments.integer("position", 0)
    anchor = arguments.optional_string("anchor")
    offset = arguments.integer("anchorOffset", 0)
    limit = arguments.optional_unsigned("limit")
    calculate_total = arguments.boolean("calculateTotal", False)
    arguments.finish()
    state = await state_of(context, "Mailbox")
    found = [ids.mailbox_id(box.id) for box in listing.of(await context.ports.mail.mailboxes(account))]
    answer = page_of(context, found, position, anchor, offset, limit, calculate_total)
    return answer | {"queryState": str(state), "canCalculateChanges": True}


def page_of(
    context: CallContext,
    found: list[str],
    position: int,
    anchor: str | None,
    offset: int,
    limit: int | None,
    calculate_total: bool,
) -> dict[str, Any]:
    """A window of a whole list (RFC 8620 §5.5)."""
    if anchor is not None:
        anchor = context.real_id(anchor)
        if anchor not in found:
            raise MethodError("anchorNotFound", "The anchor is not among the results.")
        position = max(found.index(anchor) + offset, 0)
    elif position < 0:
        position = max(len(found) + position, 0)
    answer: dict[str, Any] = {
        "accountId": context.account_id,
        "position": position,
        "ids": found[position:] if limit is None else found[position : position + limit],
    }
    if calculate_total:
        answer["total"] = len(found)
    return answer


async def mailbox_query_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    listing = _Listing(context, arguments)
    since_state = arguments.string("sinceQueryState")
    limit = read_max_changes(arguments)
    arguments.optional_id("upToId")  # names could be left out beyond it; they need not
    calculate_total = arguments.boolean("calculateTotal", False)
    arguments.finish()
    mail = context.ports.mail
    state = await state_of(context, "Mailbox")
    since = parse_state(since_state, state)
    changes = await mail.mailboxes_changed(account, since, MAX_CHANGES)
    if not changes.complete or changes.more:
        raise cannot_calculate()
    found = [box.id for box in listing.of(await mail.mailboxes(account))]
    touched: set[int] = set()
    if not changes.only_counts or changes.created or changes.destroyed:  # no condition looks at counts
        touched = {*changes.created, *changes.updated, *changes.destroyed}
        if touched and (listing.as_tree or listing.filter_as_tree):
            touched.update(found)  # a parent's change may move those below it
    removed = sorted(touched)
    added = [(index, one) for index, one in enumerate(found) if one in touched]
    if limit is not None and len(removed) + len(added) > limit:
        raise MethodError("tooManyChanges", f"There are more than {limit} changes.")
    answer: dict[str, Any] = {
        "accountId": context.account_id,
        "oldQueryState": since_state,
        "newQueryState": str(max(state, since)),
        "removed": [ids.mailbox_id(one) for one in removed],
        "added": [{"id": ids.mailbox_id(one), "index": index} for index, one in added],
    }
    if calculate_total:
        answer["total"] = len(found)
    return answer
