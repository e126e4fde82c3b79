"""What the standard methods of all types share: /get, /changes and /set (RFC 8620 §5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import MethodError, SetError, invalid_arguments
from mailsys.core.refusal import (
    InsufficientStorage,
    MessageTooBig,
    NoSuchEmail,
    NoSuchMailbox,
    ObjectConflict,
    OverQuota,
    RateLimited,
    Refusal,
    StateMismatch,
    TooManyKeywords,
)
from mailsys.services.jmap.protocol.api import CallContext

_STATE: Final = re.compile(r"0|[1-9][0-9]{0,17}")


def too_large(what: str, limit: int) -> MethodError:
    return MethodError("requestTooLarge", f"At most {limit} {what} are allowed in one call.")


def read_properties(
    arguments: Arguments, known: Collection[str], is_known: Callable[[str], bool] | None = None
) -> list[str] | None:
    """The `properties` argument without repetitions, "id" always among them; None for the default."""
    wanted = arguments.optional_strings("properties")
    if wanted is None:
        return None
    for name in wanted:
        if name not in known and (is_known is None or not is_known(name)):
            raise invalid_arguments(f"Unknown property: {name[:100]!r}.", "properties")
    return list(dict.fromkeys(["id", *wanted]))


def read_get_ids(context: CallContext, arguments: Arguments) -> list[str] | None:
    """The `ids` argument with creation ids replaced; None for all."""
    wanted = arguments.optional_ids("ids")
    if wanted is None:
        return None
    found = list(dict.fromkeys(context.real_id(one) for one in wanted))
    if len(found) > context.limits.max_objects_in_get:
        raise too_large("ids", context.limits.max_objects_in_get)
    return found


def get_answer(
    account_id: str, state: str, found: list[dict[str, Any]], missing: list[str]
) -> dict[str, Any]:
    return {"accountId": account_id, "state": state, "list": found, "notFound": missing}


def select(value: dict[str, Any], properties: list[str] | None) -> dict[str, Any]:
    """The properties asked for."""
    return value if properties is None else {name: value[name] for name in properties if name in value}


# -- states --------------------------------------------------------------------------------------------------


def cannot_calculate() -> MethodError:
    return MethodError("cannotCalculateChanges", "What changed since that state is not known any more.")


def parse_state(text: str, current: int) -> int:
    """A state string of ours. One we never gave out: cannotCalculateChanges (RFC 8620 §5.2)."""
    if _STATE.fullmatch(text) is None or int(text) > current:
        raise cannot_calculate()
    return int(text)


def read_max_changes(arguments: Arguments) -> int | None:
    wanted = arguments.optional_unsigned("maxChanges")
    if wanted == 0:
        raise invalid_arguments('"maxChanges" must be greater than 0.', "maxChanges")
    return wanted


# -- /set ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetRequest:
    """Keys of `update` and members of `destroy` may be creation ids of this very call: give them to
    `context.real_id` after the creates."""

    if_in_state: str | None
    create: dict[str, dict[str, Any]]
    update: dict[str, dict[str, Any]]
    destroy: list[str]


def read_set(context: CallContext, arguments: Arguments) -> SetRequest:
    request = SetRequest(
        arguments.optional_string("ifInState"),
        arguments.optional_objects("create") or {},
        arguments.optional_objects("update") or {},
        arguments.optional_ids("destroy") or [],
    )
    if any(key.startswith("#") for key in request.create):
        raise invalid_arguments('A key of "create" begins with "#".', "create")
    limit = context.limits.max_objects_in_set
    if len(request.create) + len(request.update) + len(request.destroy) > limit:
        raise too_large("objects", limit)
    return request


def check_state(if_in_state: str | None, current: str) -> None:
    if if_in_state is not None and if_in_state != current:
        raise MethodError("stateMismatch", f"The state is {current}.")


@dataclass(slots=True)
class SetOutcome:
    """Gathers what became of each object."""

    created: dict[str, dict[str, Any]] = field(default_factory=dict)
    updated: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    destroyed: list[str] = field(default_factory=list)
    not_created: dict[str, SetError] = field(default_factory=dict)
    not_updated: dict[str, SetError] = field(default_factory=dict)
    not_destroyed: dict[str, SetError] = field(default_factory=dict)

    def answer(self, account_id: str, old_state: str | None, new_state: str) -> dict[str, Any]:
        return {
            "accountId": account_id,
            "oldState": old_state,
            "newState": new_state,
            "created": self.created or None,
            "updated": self.updated or None,
            "destroyed": self.destroyed or None,
            "notCreated": _documents(self.not_created),
            "notUpdated": _documents(self.not_updated),
            "notDestroyed": _documents(self.not_destroyed),
        }


def _documents(errors: dict[str, SetError]) -> dict[str, Any] | None:
    return {key: error.document() for key, error in errors.items()} or None


def not_found(what: str = "object") -> SetError:
    return SetError("notFound", f"There is no such {what}.")


def set_error(refusal: Refusal) -> SetError:
    """A refusal of one object."""
    if isinstance(refusal, OverQuota | InsufficientStorage):
        return SetError("overQuota", refusal.text)
    if isinstance(refusal, MessageTooBig):
        return SetError("tooLarge", refusal.text)
    if isinstance(refusal, RateLimited):
        return SetError("rateLimit", refusal.text)
    if isinstance(refusal, TooManyKeywords):
        return SetError("tooManyKeywords", refusal.text)
    if isinstance(refusal, NoSuchMailbox | NoSuchEmail):
        return SetError("notFound", refusal.text)
    if isinstance(refusal, StateMismatch):
        return SetError("stateMismatch", refusal.text)
    if isinstance(refusal, ObjectConflict) or refusal.http >= 500:
        return SetError("serverUnavailable", refusal.text)
    return SetError("forbidden", refusal.text)


# -- /copy ---------------------------------------------------------------------------------------------------


def copy_from_nobody(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    """/copy (RFC 8620 §5.4) goes between accounts only, and a caller has one: there is never one to copy
    from. Always raises MethodError."""
    arguments = Arguments(values)
    source = arguments.id("fromAccountId")
    target = arguments.id("accountId")
    if source != target and target != context.account_id:
        raise MethodError("accountNotFound", f"There is no account {target!r}.")
    arguments.optional_string("ifFromInState")
    arguments.optional_string("ifInState")
    objects = arguments.optional_objects("create")
    arguments.boolean("onSuccessDestroyOriginal", False)
    arguments.optional_string("destroyFromIfInState")
    arguments.finish()
    if objects is None:
        raise invalid_arguments('"create" is missing.', "create")
    if source == target:
        raise invalid_arguments("The accounts must be two.", "fromAccountId")
    raise MethodError("fromAccountNotFound", f"There is no account {source!r}.")
