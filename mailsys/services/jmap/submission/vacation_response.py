"""VacationResponse (RFC 8621 §8); the answers themselves are `services.answering.vacation`'s."""

from __future__ import annotations

from typing import Any, Final

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.dates import parse_utc_date, render_utc_date
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.ports.objects import ObjectChange
from mailsys.services.answering.vacation import KIND, LONGEST_BODY, ROUND, SINGLETON, Responder
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.object_set import Plan, set_objects
from mailsys.services.jmap.protocol.standard import (
    SetOutcome,
    get_answer,
    not_found,
    read_get_ids,
    read_properties,
    read_set,
    select,
)

_DEFAULTS: Final[dict[str, Any]] = {
    "isEnabled": False,
    "fromDate": None,
    "toDate": None,
    "subject": None,
    "textBody": None,
    "htmlBody": None,
}
_PROPERTIES: Final = ("id", *_DEFAULTS)
_LONGEST_SUBJECT: Final = 500


class VacationResponses:
    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    async def _kept(self, context: CallContext) -> dict[str, Any]:
        for one in await context.ports.objects.objects(context.account, KIND, [SINGLETON]):
            return _DEFAULTS | stored.decode(one)
        return dict(_DEFAULTS)

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        context.own_account(arguments)
        wanted = read_get_ids(context, arguments)
        properties = read_properties(arguments, _PROPERTIES)
        arguments.finish()
        state = await state_of(context, KIND)
        found = []
        if wanted is None or SINGLETON in wanted:
            found.append(select({"id": SINGLETON, **_shown(await self._kept(context))}, properties))
        missing = [one for one in wanted or () if one != SINGLETON]
        return get_answer(context.account_id, str(state), found, missing)

    async def set(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        request = read_set(context, arguments)
        arguments.finish()

        async def work() -> Plan:
            kept = await self._kept(context)
            outcome = SetOutcome()
            for key in request.create:
                outcome.not_created[key] = SetError("singleton", "There is one, and no other can be made.")
            for id_ in request.destroy:
                outcome.not_destroyed[id_] = (
                    SetError("singleton", "It cannot be destroyed.") if id_ == SINGLETON else not_found()
                )
            after = kept
            for id_, patch in request.update.items():
                if id_ != SINGLETON:
                    outcome.not_updated[id_] = not_found()
                    continue
                try:
                    after, outcome.updated[id_] = _patched(kept, patch)
                except SetError as error:
                    outcome.not_updated[id_] = error
            if after == kept:
                return Plan(outcome, ())
            if after["isEnabled"] and not kept["isEnabled"]:
                after = after | {ROUND: kept.get(ROUND, 0) + 1}  # everybody is answered anew
            return Plan(outcome, (ObjectChange(account, KIND, SINGLETON, stored.encode(after)),))

        answer = await set_objects(context, KIND, request.if_in_state, work)
        self._responder.changed(account)
        return answer


def _patched(kept: dict[str, Any], patch: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """As it is kept then, and what of it became other than it was given. Raises SetError."""
    after = apply_patch({"id": SINGLETON, **_shown(kept)}, patch, _DEFAULTS)
    unknown = sorted(name for name in after if name not in _PROPERTIES)
    if unknown or after.pop("id") != SINGLETON:
        raise invalid_properties("These properties cannot be changed.", *(unknown or ["id"]))
    _check(after)
    given = dict(after)
    for name in ("fromDate", "toDate"):
        moment = parse_utc_date(after[name])
        after[name] = None if moment is None else render_utc_date(moment)
    return kept | after, {name: value for name, value in after.items() if value != given[name]} or None


def _shown(kept: dict[str, Any]) -> dict[str, Any]:
    return {name: kept[name] for name in _DEFAULTS}


def _check(value: dict[str, Any]) -> None:
    """Raises SetError naming all properties that are wrong."""
    wrong = [] if isinstance(value["isEnabled"], bool) else ["isEnabled"]
    wrong += [
        name
        for name in ("fromDate", "toDate")
        if value[name] is not None and parse_utc_date(value[name]) is None
    ]
    for name, longest in (
        ("subject", _LONGEST_SUBJECT),
        ("textBody", LONGEST_BODY),
        ("htmlBody", LONGEST_BODY),
    ):
        text = value[name]
        if text is not None and (not isinstance(text, str) or len(text) > longest):
            wrong.append(name)
    subject = value["subject"]
    if isinstance(subject, str) and any(c in subject for c in "\r\n\0"):
        wrong.append("subject")
    if wrong:
        raise invalid_properties("These properties are not valid.", *dict.fromkeys(wrong))
