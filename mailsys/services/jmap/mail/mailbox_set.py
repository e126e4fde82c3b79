"""Mailbox/set (RFC 8621 §2.5): one change of the tree, which the store judges as a whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.text import nfc
from mailsys.core.refusal import (
    MailboxExists,
    MailboxHasChildren,
    MailboxHasEmails,
    NoSuchMailbox,
    NotAllowed,
    Refusal,
    RoleTaken,
    TooManyMailboxes,
)
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Mailbox, MailboxPatch, NewMailbox, Role, TreeChange, TreeChanged
from mailsys.services.jmap.mail.mailbox_get import COUNTS, PROPERTIES, document, rights
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import SetOutcome, SetRequest, not_found, read_set, set_error
from mailsys.services.jmap.protocol.state_chain import StateChain

MAX_NAME: Final = 255  # octets of a name
MAX_DEPTH: Final = 32
MAX_SORT_ORDER: Final = 2**31 - 1
_SETTABLE: Final = ("name", "parentId", "role", "sortOrder", "isSubscribed")
_FRESH: Final[dict[str, Any]] = {**dict.fromkeys(COUNTS, 0), "myRights": rights(False, True)}
_DEFAULTS: Final[dict[str, Any]] = {"parentId": None, "role": None, "sortOrder": 0, "isSubscribed": True}
_ROLES: Final = {role.value: role for role in Role}


async def mailbox_set(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    context.own_account(arguments)
    request = read_set(context, arguments)
    remove_emails = arguments.boolean("onDestroyRemoveEmails", False)
    arguments.finish()
    chain = await StateChain.begin(context, "Mailbox", request.if_in_state)
    setting = _Setting(context, request, remove_emails, chain)
    await setting.run()
    return setting.outcome.answer(context.account_id, *await chain.told())


class _Setting:
    """One call. What changes a mailbox that the same call makes comes in a second commit."""

    def __init__(
        self, context: CallContext, request: SetRequest, remove_emails: bool, chain: StateChain
    ) -> None:
        self._context = context
        self._request = request
        self._remove_emails = remove_emails
        self._chain = chain
        self._names: dict[str | MailboxId, str] = {}  # as /set told them apart: with normal forms made
        self.outcome = SetOutcome()

    async def run(self) -> None:
        request, outcome = self._request, self.outcome
        own = {f"#{key}" for key in request.create}
        destroyed = {self._context.real_id(one) for one in request.destroy}
        for key in request.update:
            if self._context.real_id(key) in destroyed:
                outcome.not_updated[key] = SetError("willDestroy", "It is destroyed in the same call.")
        update = {key: one for key, one in request.update.items() if key not in outcome.not_updated}
        now = {key: one for key, one in update.items() if key not in own}
        later = {key: one for key, one in update.items() if key in own}
        await self._commit(request.create, now, [one for one in request.destroy if one not in own])
        if later or not own.isdisjoint(request.destroy):
            await self._commit({}, later, [one for one in request.destroy if one in own])

    async def _commit(
        self, create: dict[str, dict[str, Any]], update: dict[str, dict[str, Any]], destroy: list[str]
    ) -> None:
        mail, account = self._context.ports.mail, self._context.account
        boxes: dict[MailboxId, Mailbox] = {}
        if update:
            boxes = {box.id: box for box in await mail.mailboxes(account)}
        new = [made for key, value in create.items() if (made := self._new(key, value)) is not None]
        patches = [
            patch for key, value in update.items() if (patch := self._patch(key, value, boxes)) is not None
        ]
        going = self._going(destroy)
        if not new and not patches and not going:
            return
        change = TreeChange(tuple(new), tuple(patches), tuple(going), self._remove_emails, MAX_DEPTH)
        try:
            changed = await mail.change_tree(account, change, self._chain.expected)
        except Refusal as refusal:
            self._all_failed(change, self._chain.failed(refusal))
            return
        self._chain.add(changed.before, changed.after)
        self._tell(change, changed, create, boxes)

    # -- what is asked for -------------------------------------------------------------------------------

    def _new(self, key: str, value: dict[str, Any]) -> NewMailbox | None:
        try:
            if unknown := [name for name in value if name not in PROPERTIES]:
                raise invalid_properties("There are no such properties.", *unknown)
            # What a client has read and gives back as it will be does no harm (RFC 8620 §5.3 on updates)
            fixed = [
                name
                for name in value
                if name not in _SETTABLE and (name == "id" or value[name] != _FRESH[name])
            ]
            if fixed:
                raise invalid_properties("The server sets these properties.", *fixed)
            if "name" not in value:
                raise invalid_properties("A mailbox needs a name.", "name")
            whole = _DEFAULTS | value
            _check(whole)
            name = self._names[key] = nfc(whole["name"])
            parent = self._parent(whole["parentId"])
        except SetError as error:
            self.outcome.not_created[key] = error
            return None
        role = None if whole["role"] is None else _ROLES[whole["role"]]
        return NewMailbox(key, name, parent, role, whole["sortOrder"], whole["isSubscribed"])

    def _patch(
        self, key: str, patch: dict[str, Any], boxes: Mapping[MailboxId, Mailbox]
    ) -> MailboxPatch | None:
        """What the patch names, whatever it was. Of the mailbox as it is only that is looked at which
        cannot change, or need not."""
        id_ = self._context.real_id(key)
        number = ids.mailbox_number(id_)
        try:
            box = None if number is None else boxes.get(MailboxId(number))
            if box is None:
                raise not_found("mailbox")
            current = document(box, True)
            patched = apply_patch(current, patch, _DEFAULTS)
            if unknown := [name for name in patched if name not in PROPERTIES]:
                raise invalid_properties("There are no such properties.", *unknown)
            fixed = [name for name in PROPERTIES if name not in _SETTABLE and patched[name] != current[name]]
            if fixed:
                raise invalid_properties("The server sets these properties.", *fixed)
            named: dict[str, Any] = {name: patched[name] for name in _SETTABLE if name in patch}
            if named.get("name") == current["name"] and (
                box.role is Role.INBOX or not valid_name(current["name"])
            ):
                del named["name"]  # as it is shown is not as it is kept; IMAP may name what we may not
            _check(named)
            return self._named(box.id, named)
        except SetError as error:
            self.outcome.not_updated[id_] = error
            return None

    def _named(self, mailbox: MailboxId, named: dict[str, Any]) -> MailboxPatch:
        name: str | None = None
        if "name" in named:
            name = nfc(named["name"])
            if name != named["name"]:
                self._names[mailbox] = name
        parent = self._parent(named["parentId"]) if "parentId" in named else None
        role = named.get("role")
        return MailboxPatch(
            mailbox,
            name=name,
            parent=parent,
            to_root="parentId" in named and parent is None,
            role=None if role is None else _ROLES[role],
            clear_role="role" in named and role is None,
            subscribed=named.get("isSubscribed"),
            sort_order=named.get("sortOrder"),
        )

    def _parent(self, given: str | None) -> MailboxId | str | None:
        """Raises SetError for what can be none; whether it is there is for the commit to say."""
        if given is None:
            return None
        if given[:1] == "#" and given[1:] in self._request.create and given[1:] not in self.outcome.created:
            return given[1:]
        number = ids.mailbox_number(self._context.real_id(given))
        if number is None:
            raise invalid_properties("There is no such parent.", "parentId")
        return MailboxId(number)

    def _going(self, destroy: list[str]) -> list[MailboxId]:
        found: dict[MailboxId, None] = {}
        for key in destroy:
            text = self._context.real_id(key)
            number = ids.mailbox_number(text)
            if number is None:
                self.outcome.not_destroyed[text] = not_found("mailbox")
            else:
                found[MailboxId(number)] = None
        return list(found)

    # -- what became of it -------------------------------------------------------------------------------

    def _tell(
        self,
        change: TreeChange,
        changed: TreeChanged,
        create: dict[str, dict[str, Any]],
        boxes: Mapping[MailboxId, Mailbox],
    ) -> None:
        outcome = self.outcome
        for new in change.create:
            box = changed.created.get(new.key)
            if box is None:
                outcome.not_created[new.key] = _error(changed.refused[new.key], None)
                continue
            value, whole = create[new.key], document(box, True)
            outcome.created[new.key] = {
                name: whole[name]
                for name in PROPERTIES
                if name not in value or (name == "name" and self._names[new.key] != value["name"])
            }
            self._context.created_ids[new.key] = whole["id"]
        for patch in change.update:
            id_ = ids.mailbox_id(patch.mailbox)
            if patch.mailbox in changed.refused:
                outcome.not_updated[id_] = _error(changed.refused[patch.mailbox], boxes.get(patch.mailbox))
            else:
                normal = self._names.get(patch.mailbox)
                outcome.updated[id_] = None if normal is None else {"name": normal}
        outcome.destroyed += map(ids.mailbox_id, changed.destroyed)
        for mailbox in change.destroy:
            if mailbox in changed.refused:
                outcome.not_destroyed[ids.mailbox_id(mailbox)] = _destroy_error(changed.refused[mailbox])

    def _all_failed(self, change: TreeChange, error: SetError) -> None:
        self.outcome.not_created.update((one.key, error) for one in change.create)
        self.outcome.not_updated.update((ids.mailbox_id(one.mailbox), error) for one in change.update)
        self.outcome.not_destroyed.update((ids.mailbox_id(one), error) for one in change.destroy)


def _error(refusal: Refusal, box: Mailbox | None) -> SetError:
    """Why a mailbox is not made, or not changed (`box`: what it was)."""
    if isinstance(refusal, RoleTaken):
        return invalid_properties("Another mailbox has that role.", "role")
    if isinstance(refusal, MailboxExists):
        if refusal.existing is None:  # another that is made by the same call has it
            return invalid_properties("A sibling has that name.", "name")
        existing = ids.mailbox_id(refusal.existing)  # RFC 8620 §5.4
        return SetError("alreadyExists", "A sibling has that name.", ("name",), existingId=existing)
    if isinstance(refusal, NoSuchMailbox):
        return not_found("mailbox")
    if isinstance(refusal, TooManyMailboxes):
        return SetError("overQuota", f"{refusal.text}.")
    if isinstance(refusal, NotAllowed):
        if box is not None and box.role is Role.INBOX:
            return SetError("forbidden", "The inbox keeps its name, place and role.")
        return invalid_properties(f"{refusal.text}.", "parentId")
    return set_error(refusal)


def _destroy_error(refusal: Refusal) -> SetError:
    if isinstance(refusal, MailboxHasChildren):
        return SetError("mailboxHasChild", "The mailbox has children.")
    if isinstance(refusal, MailboxHasEmails):
        return SetError("mailboxHasEmail", "The mailbox has emails in it.")
    if isinstance(refusal, NoSuchMailbox):
        return not_found("mailbox")
    return set_error(refusal)


# -- values --------------------------------------------------------------------------------------------------


def _check(value: dict[str, Any]) -> None:
    """Raises SetError naming all that cannot be."""
    wrong = [name for name, test in _TYPES.items() if name in value and not test(value[name])]
    if wrong:
        raise invalid_properties("These properties have values that cannot be used.", *wrong)


def valid_name(name: str) -> bool:
    """RFC 8621 §2: Net-Unicode of at least one character; no "/", which IMAP separates levels by."""
    return (
        bool(name.strip())
        and len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME
        and "/" not in name
        and not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in name)
    )


def _is_unsigned(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SORT_ORDER


_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "name": lambda value: isinstance(value, str) and valid_name(nfc(value)),
    "parentId": lambda value: (
        value is None or (isinstance(value, str) and ids.is_id(value.removeprefix("#")))
    ),
    "role": lambda value: value is None or (isinstance(value, str) and value in _ROLES),
    "sortOrder": _is_unsigned,
    "isSubscribed": lambda value: isinstance(value, bool),
}
