"""Quota (RFC 9425): one for an account whose space is bounded, none else.

The state is what the one object says, so every change is known, from any state that we ever gave out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mailsys.core.jmap.arguments import Arguments
from mailsys.ports.accounts import Account
from mailsys.services.jmap.mail.email_filter import comparators
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import (
    cannot_calculate,
    get_answer,
    read_get_ids,
    read_max_changes,
    read_properties,
    select,
)

OCTETS: Final = "octets"  # the id
_PROPERTIES: Final = (
    "id", "resourceType", "used", "hardLimit", "scope", "name", "types", "warnLimit", "softLimit",
    "description",
)  # fmt: skip
_NAME: Final = "Mail"
_STATE: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")  # hard limit (0: none), used
_WARN: Final = 90  # percent


def document(account: Account) -> dict[str, Any] | None:
    if not account.quota:
        return None
    return {
        "id": OCTETS,
        "resourceType": "octets",
        "used": account.used,
        "hardLimit": account.quota,
        "scope": "account",
        "name": _NAME,
        "types": ["Email"],
        "warnLimit": account.quota // 100 * _WARN,
        "softLimit": None,
        "description": None,
    }


def state_of_quota(account: Account) -> str:
    return f"{account.quota}-{account.used if account.quota else 0}"


async def _account(context: CallContext) -> Account:
    """As it is now: the caller's own may be older."""
    found = await context.ports.accounts.account(context.account)
    return found or context.caller.account


async def quota_get(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    context.own_account(arguments)
    wanted = read_get_ids(context, arguments)
    properties = read_properties(arguments, _PROPERTIES)
    arguments.finish()
    account = await _account(context)
    quota = document(account)
    found = (
        [] if quota is None or (wanted is not None and OCTETS not in wanted) else [select(quota, properties)]
    )
    missing = [one for one in wanted or () if quota is None or one != OCTETS]
    return get_answer(context.account_id, state_of_quota(account), found, missing)


def _moved(since_state: str, account: Account) -> tuple[int, int]:
    """The hard limit and use that a state stands for."""
    found = _STATE.fullmatch(since_state)
    if found is None:
        raise cannot_calculate()
    return int(found.group(1)), int(found.group(2))


async def quota_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    context.own_account(arguments)
    since_state = arguments.string("sinceState")
    read_max_changes(arguments)
    arguments.finish()
    account = await _account(context)
    limit, used = _moved(since_state, account)
    same = since_state == state_of_quota(account)
    updated = [OCTETS] if limit and account.quota and not same else []
    return {
        "accountId": context.account_id,
        "oldState": since_state,
        "newState": state_of_quota(account),
        "hasMoreChanges": False,
        "created": [OCTETS] if account.quota and not limit else [],
        "updated": updated,
        "destroyed": [OCTETS] if limit and not account.quota else [],
        "updatedProperties": ["used"]
        if updated and limit == account.quota and used != account.used
        else None,
    }


# -- query -----------------------------------------------------------------------------------------------

_CONDITIONS: Final = {"name", "scope", "resourceType", "type"}


def _condition(name: str, given: Any) -> Callable[[dict[str, Any]], bool]:
    if name in _CONDITIONS and isinstance(given, str):
        if name == "name":
            return lambda one: given.casefold() in one["name"].casefold()
        if name == "type":
            return lambda one: given in one["types"]
        return lambda one: bool(one[name] == given)
    raise stored.wrong_condition(name, _CONDITIONS)


def _read_listing(arguments: Arguments) -> Callable[[Account], list[str]]:
    test = stored.read_filter(arguments.raw("filter", None), _condition)
    list(comparators(arguments, ("name", "used")))  # one at most: any order will do

    def read(account: Account) -> list[str]:
        quota = document(account)
        return [OCTETS] if quota is not None and test(quota) else []

    return read


async def quota_query(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    context.own_account(arguments)
    read = _read_listing(arguments)
    window = stored.Window(arguments)
    arguments.finish()
    account = await _account(context)
    return window.answer(context, read(account), state_of_quota(account))


async def quota_query_changes(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    context.own_account(arguments)
    read = _read_listing(arguments)
    since_state = arguments.string("sinceQueryState")
    limit = read_max_changes(arguments)
    arguments.optional_id("upToId")
    calculate_total = arguments.boolean("calculateTotal", False)
    arguments.finish()
    account = await _account(context)
    _moved(since_state, account)
    state = state_of_quota(account)
    touched = set() if state == since_state else {OCTETS}
    return stored.query_changes_answer(
        context, since_state, state, read(account), touched, limit, calculate_total
    )
