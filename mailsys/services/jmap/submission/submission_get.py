"""EmailSubmission/get, /changes, /query and /queryChanges (RFC 8621 §7.1 to §7.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.dates import parse_utc_date
from mailsys.core.jmap.ids import is_id
from mailsys.ports.timeline import TimelineEntry
from mailsys.services.delivery.submission_link import KIND, trace_of
from mailsys.services.jmap.mail.email_filter import comparators
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import MAX_CHANGES, state_of
from mailsys.services.jmap.protocol.standard import (
    cannot_calculate,
    get_answer,
    parse_state,
    read_get_ids,
    read_max_changes,
    read_properties,
    select,
    too_large,
)
from mailsys.services.jmap.submission.submission_status import (
    FROM_TIMELINE,
    PROPERTIES,
    Document,
    is_held,
    shown,
    undo_status,
)

_CONDITIONS: Final = ("identityIds", "emailIds", "threadIds", "undoStatus", "before", "after")
_SORTS: Final[dict[str, str]] = {
    "emailId": "emailId",
    "threadId": "threadId",
    "sentAt": "sendAt",  # RFC 8621 §7.3 calls it so
    "sendAt": "sendAt",
}


async def timeline(context: CallContext, id_: str) -> list[TimelineEntry]:
    return await context.ports.queue.timeline(trace_of(id_))


async def submission_get(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    wanted = read_get_ids(context, arguments)
    properties = read_properties(arguments, PROPERTIES)
    arguments.finish()
    state = await state_of(context, KIND)
    objects = await context.ports.objects.objects(account, KIND, wanted)
    if wanted is None and len(objects) > context.limits.max_objects_in_get:
        raise too_large("ids", context.limits.max_objects_in_get)
    now = context.clock.seconds()
    need = properties is None or not FROM_TIMELINE.isdisjoint(properties)
    found: dict[str, dict[str, Any]] = {}
    for one in objects:
        entries = await timeline(context, one.id) if need else []
        found[one.id] = select(shown(one.id, stored.decode(one), now, entries), properties)
    missing = [] if wanted is None else [one for one in wanted if one not in found]
    return get_answer(context.account_id, str(state), list(found.values()), missing)


async def submission_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    return await stored.changes(context, values, KIND)


# -- query -----------------------------------------------------------------------------------------------


class _Listing:
    """The arguments that /query and /queryChanges share, and the list they name."""

    def __init__(self, context: CallContext, arguments: Arguments) -> None:
        self._context = context
        self.by_undo = False
        self._test = stored.read_filter(arguments.raw("filter", None), self._condition)
        self._sort = [(_SORTS[name], up) for name, up, _ in comparators(arguments, tuple(_SORTS))]

    def _condition(self, name: str, given: Any) -> Callable[[Document], bool]:
        match name, given:
            case (("identityIds" | "emailIds" | "threadIds"), list()) if all(
                isinstance(one, str) and is_id(one.removeprefix("#")) for one in given
            ):
                wanted = {self._context.real_id(one) for one in given}
                key = name.removesuffix("s")
                return lambda one: one[key] in wanted
            case "undoStatus", str():
                self.by_undo = True
                return lambda one: one["undoStatus"] == given
            case (("before" | "after"), str()) if (moment := parse_utc_date(given)) is not None:
                if name == "before":
                    return lambda one: int(one["sendAt"]) < moment
                return lambda one: int(one["sendAt"]) >= moment
        raise stored.wrong_condition(name, _CONDITIONS)

    async def read(self) -> tuple[list[str], set[str]]:
        """The whole list; and those whose undoStatus time alone may have moved."""
        context = self._context
        now = context.clock.seconds()
        found: list[Document] = []
        moving: set[str] = set()
        for one in await context.ports.objects.objects(context.account, KIND):
            document = stored.decode(one)
            document["id"] = one.id
            if self.by_undo:
                entries = await timeline(context, one.id) if is_held(document, now) else []
                document["undoStatus"] = undo_status(document, now, entries)
                if document["release"] is not None:
                    moving.add(one.id)
            if self._test(document):
                found.append(document)
        found.sort(key=lambda one: one["id"])  # in order of creation
        for key, up in reversed(self._sort):
            found.sort(key=lambda one: _key(one[key]), reverse=not up)
        return [one["id"] for one in found], moving


def _key(value: Any) -> Any:
    """Ids by their number."""
    return (len(value), value) if isinstance(value, str) else value


async def submission_query(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    context.own_account(arguments)
    listing = _Listing(context, arguments)
    window = stored.Window(arguments)
    arguments.finish()
    state = await state_of(context, KIND)
    found, _ = await listing.read()
    return window.answer(context, found, str(state))


async def submission_query_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    listing = _Listing(context, arguments)
    since_state = arguments.string("sinceQueryState")
    limit = read_max_changes(arguments)
    arguments.optional_id("upToId")  # what lies beyond could be left out; it need not
    calculate_total = arguments.boolean("calculateTotal", False)
    arguments.finish()
    state = await state_of(context, KIND)
    since = parse_state(since_state, state)
    changes = await context.ports.objects.changes(account, KIND, since, MAX_CHANGES)
    if not changes.complete or changes.more:
        raise cannot_calculate()
    found, moving = await listing.read()
    touched = {*changes.created, *changes.updated, *changes.destroyed, *moving}
    return stored.query_changes_answer(
        context, since_state, str(max(state, since)), found, touched, limit, calculate_total
    )
