"""The Request object (RFC 8620 §3.3), checked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mailsys.core.jmap.ids import is_id
from mailsys.core.jmap.problems import limit_passed, not_request, unknown_capability


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: dict[str, Any]
    id: str


@dataclass(frozen=True, slots=True)
class Request:
    using: frozenset[str]
    calls: tuple[Call, ...]
    created_ids: dict[str, str] | None  # None: not asked for in the answer (§3.4)


def parse_request(value: object, known: Collection[str], max_calls: int) -> Request:
    """Raises RequestProblem: notRequest, unknownCapability or limit. Other properties are ignored (§3.3)."""
    if not isinstance(value, dict):
        raise not_request("The request is not an object.")
    using = value.get("using")
    if not isinstance(using, list) or not all(isinstance(one, str) for one in using):
        raise not_request('"using" must be an array of strings.')
    calls = value.get("methodCalls")
    if not isinstance(calls, list):
        raise not_request('"methodCalls" must be an array.')
    created = value.get("createdIds")
    if created is not None and (
        not isinstance(created, dict) or not all(is_id(key) and is_id(id_) for key, id_ in created.items())
    ):
        raise not_request('"createdIds" must be a map of ids to ids.')
    parsed = [_call(one) for one in calls]
    for one in using:
        if one not in known:
            raise unknown_capability(one)
    if len(parsed) > max_calls:
        raise limit_passed("maxCallsInRequest", f"At most {max_calls} method calls are allowed in a request.")
    return Request(frozenset(using), tuple(parsed), None if created is None else dict(created))


def _call(value: object) -> Call:
    match value:
        case [str(name), dict(arguments), str(id_)]:
            return Call(name, arguments, id_)
    raise not_request('Each of "methodCalls" must be an array of a name, an object and a string.')
