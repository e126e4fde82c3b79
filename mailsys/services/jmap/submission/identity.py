"""Identity (RFC 8621 §6)."""

from __future__ import annotations

from typing import Any, Final

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.address import canonical, canonical_domain
from mailsys.core.refusal import ObjectConflict
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import ObjectChange
from mailsys.services.delivery.directory import Directory
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.object_set import Plan, object_changes, set_objects
from mailsys.services.jmap.protocol.standard import (
    SetOutcome,
    get_answer,
    not_found,
    read_get_ids,
    read_properties,
    read_set,
    select,
)

KIND: Final = "Identity"
DEFAULT: Final = "I0"  # of the primary address; made when first looked for, and never deleted

_MOST: Final = 200  # of one account
_LONGEST_NAME: Final = 1000  # characters
_LONGEST_SIGNATURE: Final = 256 * 1024
_MOST_ADDRESSES: Final = 100
_DEFAULTS: Final[dict[str, Any]] = {
    "name": "",
    "replyTo": None,
    "bcc": None,
    "textSignature": "",
    "htmlSignature": "",
}
_PROPERTIES: Final = ("id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete")


class Identities:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    # -- what there is -----------------------------------------------------------------------------------

    async def all(self, context: CallContext) -> dict[str, dict[str, Any]]:
        """All of the caller's, by id; the first one is made now if it was not yet."""
        account = context.account
        found = {one.id: stored.decode(one) for one in await context.ports.objects.objects(account, KIND)}
        if DEFAULT not in found:
            mine = context.caller.account
            value = {**_DEFAULTS, "name": mine.name[:_LONGEST_NAME], "email": mine.address}
            change = ObjectChange(account, KIND, DEFAULT, stored.encode(value), if_modseq=0)
            try:
                await context.ports.objects.write([change])
            except ObjectConflict:  # another request made it, and may have changed it
                return await self.all(context)
            found = {DEFAULT: value, **found}
        return found

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        context.own_account(arguments)
        wanted = read_get_ids(context, arguments)
        properties = read_properties(arguments, _PROPERTIES)
        arguments.finish()
        found = await self.all(context)
        state = await state_of(context, KIND)
        chosen = list(found) if wanted is None else [one for one in wanted if one in found]
        missing = [] if wanted is None else [one for one in wanted if one not in found]
        shown = [select(_shown(one, found[one]), properties) for one in chosen]
        return get_answer(context.account_id, str(state), shown, missing)

    async def changes(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        return await stored.changes(context, values, KIND)

    # -- set ---------------------------------------------------------------------------------------------

    async def set(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        request = read_set(context, arguments)
        arguments.finish()
        await self.all(context)  # the first one is no change of this call

        async def work() -> Plan:
            known = await self.all(context)
            outcome = SetOutcome()
            changed: dict[str, dict[str, Any] | None] = {}
            for key, value in request.create.items():
                try:
                    made = await self._created(account, value)
                    if len(known) >= _MOST:
                        raise SetError("overQuota", f"There are {_MOST} identities already.")
                except SetError as error:
                    outcome.not_created[key] = error
                    continue
                id_ = f"I{context.random.getrandbits(64):016x}"
                known[id_] = changed[id_] = made
                context.created_ids[key] = id_
                outcome.created[key] = {
                    name: given
                    for name, given in _shown(id_, made).items()
                    if name not in value or value[name] != given
                }
            doomed = [context.real_id(one) for one in request.destroy]
            for key, patch in request.update.items():
                id_ = context.real_id(key)
                try:
                    if id_ in doomed:
                        raise SetError("willDestroy", "It is destroyed in the same call.")
                    if id_ not in known:
                        raise not_found("identity")
                    after = _patched(id_, known[id_], patch)
                except SetError as error:
                    outcome.not_updated[id_] = error
                    continue
                if after != known[id_]:
                    known[id_] = changed[id_] = after
                outcome.updated[id_] = None
            for id_ in dict.fromkeys(doomed):
                if id_ not in known:
                    outcome.not_destroyed[id_] = not_found("identity")
                elif id_ == DEFAULT:
                    outcome.not_destroyed[id_] = SetError("forbidden", "The first identity stays.")
                else:
                    del known[id_]
                    changed[id_] = None
                    outcome.destroyed.append(id_)
            return Plan(outcome, object_changes(account, KIND, changed))

        return await set_objects(context, KIND, request.if_in_state, work)

    async def _created(self, account: AccountId, given: dict[str, Any]) -> dict[str, Any]:
        wrong = sorted(name for name in given if name not in _DEFAULTS and name != "email")
        if wrong:
            raise invalid_properties("These properties cannot be set.", *wrong)
        email = given.get("email")
        if not isinstance(email, str) or not is_sender(email):
            raise invalid_properties("An identity has an email address.", "email")
        value = {**_DEFAULTS, **given}
        _check(value)
        if not await self._directory.owns(account, email):
            raise SetError("forbiddenFrom", "You may not send from that address.")
        return value


def is_sender(email: str) -> bool:
    """Whether this is an address, or all of a domain as "*@example.com"."""
    try:
        if email.startswith("*@"):
            canonical_domain(email[2:])
        else:
            canonical(email)
    except ValueError:
        return False
    return True


def allows(identity: dict[str, Any], address: str) -> bool:
    """Whether mail of this identity may come from `address`."""
    try:
        name = canonical(address)
        own = str(identity["email"])
        if own.startswith("*@"):
            return name.rpartition("@")[2] == canonical_domain(own[2:])
        return name == canonical(own)
    except ValueError:
        return False


def _shown(id_: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, **{name: value[name] for name in _PROPERTIES[1:-1]}, "mayDelete": id_ != DEFAULT}


def _patched(id_: str, before: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    current = _shown(id_, before)
    after = apply_patch(current, patch, _DEFAULTS)
    wrong = sorted(name for name in after if name not in current)
    wrong += [name for name in ("id", "email", "mayDelete") if after[name] != current[name]]
    if wrong:
        raise invalid_properties("These properties cannot be changed.", *wrong)
    _check(after)
    return {name: after[name] for name in (*_DEFAULTS, "email")}


def _check(value: dict[str, Any]) -> None:
    """Raises SetError naming all properties that are wrong."""
    wrong = []
    name = value["name"]
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or any(c in name for c in "\r\n\0"):
        wrong.append("name")
    wrong += [one for one in ("replyTo", "bcc") if not _is_addresses(value[one])]
    for one in ("textSignature", "htmlSignature"):
        if not isinstance(value[one], str) or len(value[one]) > _LONGEST_SIGNATURE:
            wrong.append(one)
    if wrong:
        raise invalid_properties("These properties are not valid.", *wrong)


def _is_addresses(value: Any) -> bool:
    """EmailAddress[]|null (RFC 8621 §4.1.2.3)."""
    if value is None:
        return True
    if not isinstance(value, list) or len(value) > _MOST_ADDRESSES:
        return False
    for one in value:
        if not isinstance(one, dict) or not {"email"} <= set(one) <= {"name", "email"}:
            return False
        name = one.get("name")
        if name is not None and (not isinstance(name, str) or any(c in name for c in "\r\n\0")):
            return False
        if not isinstance(one["email"], str):
            return False
        try:
            canonical(one["email"])
        except ValueError:
            return False
    return True
