"""Mailbox/set (RFC 8621 §2.5)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.text import nfc
from mailsys.core.refusal import MailboxExists, MailboxHasChildren, NoSuchMailbox, NotAllowed
from mailsys.ports.ids import AccountId, MailboxId
from mailsys.ports.mail import IMailStore
from mailsys.ports.mailboxes import Mailbox, MailboxUpdate, Role
from mailsys.services.jmap.mail.mailbox_get import COUNTS, PROPERTIES, document, rights, shown_name
from mailsys.services.jmap.mail.mailbox_places import Place, refused
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import SetOutcome, SetRequest, check_state, not_found, read_set

MAX_NAME: Final = 255  # octets of a name
MAX_DEPTH: Final = 32
_ROUNDS: Final = 8  # before it is seen what can be made at all: many that wait for each other cost much
MAX_SORT_ORDER: Final = 2**31 - 1
_SETTABLE: Final = ("name", "parentId", "role", "sortOrder", "isSubscribed")
_FRESH: Final[dict[str, Any]] = {**dict.fromkeys(COUNTS, 0), "myRights": rights(False, True)}
_DEFAULTS: Final[dict[str, Any]] = {"parentId": None, "role": None, "sortOrder": 0, "isSubscribed": True}
_ROLES: Final = {role.value: role for role in Role}


class _Later(Exception):
    """It may succeed once other changes of the same call are made."""

    def __init__(self, error: SetError) -> None:
        super().__init__(str(error))
        self.error = error


_Change: TypeAlias = tuple[str, str, dict[str, Any]]  # "create", "update" or "destroy"; id; value
_Left: TypeAlias = list[tuple[_Change, SetError]]  # what is not done, and why not


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A mailbox's settable properties, checked."""

    name: str
    parent: MailboxId | None
    role: Role | None
    sort_order: int
    subscribed: bool


async def mailbox_set(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    arguments = Arguments(values)
    account = context.own_account(arguments)
    request = read_set(context, arguments)
    remove_emails = arguments.boolean("onDestroyRemoveEmails", False)
    arguments.finish()

    async def work() -> dict[str, Any]:
        old_state = str(await state_of(context, "Mailbox"))
        check_state(request.if_in_state, old_state)
        setting = _Setting(context, account, request, remove_emails)
        await setting.run()
        return setting.outcome.answer(context.account_id, old_state, str(await state_of(context, "Mailbox")))

    return await context.api.exclusive(account, work)


class _Setting:
    """One call. Changes that stand in each other's way are tried again after the others: the final
    state decides (RFC 8620 §5.3)."""

    def __init__(
        self, context: CallContext, account: AccountId, request: SetRequest, remove_emails: bool
    ) -> None:
        self._context = context
        self._mail: IMailStore = context.ports.mail
        self._account = account
        self._request = request
        self._remove_emails = remove_emails
        self._boxes: dict[MailboxId, Mailbox] = {}
        self.outcome = SetOutcome()

    async def _load(self) -> None:
        self._boxes = {box.id: box for box in await self._mail.mailboxes(self._account)}

    async def run(self) -> None:
        await self._load()
        request, outcome = self._request, self.outcome
        destroyed = {self._context.real_id(one) for one in request.destroy}
        pending: list[_Change] = [
            *(("create", key, value) for key, value in request.create.items()),
            *(("update", key, value) for key, value in request.update.items()),
            *(("destroy", key, {}) for key in request.destroy),
        ]
        for _, key, _ in [one for one in pending if one[0] == "update"]:
            if self._context.real_id(key) in destroyed:
                outcome.not_updated[key] = SetError("willDestroy", "It is destroyed in the same call.")
        pending = [one for one in pending if one[0] != "update" or one[1] not in outcome.not_updated]
        left = await self._rounds(pending, _ROUNDS)
        if left:
            left = await self._swap(left)
        for (kind, key, _), error in left:
            self._fail(kind, key, error)

    def _fail(self, kind: str, key: str, error: SetError) -> None:
        outcome = self.outcome
        if kind == "create":
            outcome.not_created[key] = error
        elif kind == "update":
            outcome.not_updated[key] = error
        else:
            outcome.not_destroyed[key] = error

    async def _rounds(self, pending: list[_Change], most: int | None = None) -> _Left:
        """Do what can be done, in rounds (each does one at least); what is left and why."""
        left: _Left = []
        for _ in range(len(pending) if most is None else most):
            left = []
            for change in pending:
                kind, key, value = change
                try:
                    if kind == "create":
                        await self._create(key, value)
                    elif kind == "update":
                        await self._update(key, value)
                    else:
                        await self._destroy(key)
                except _Later as later:
                    left.append((change, later.error))
                except SetError as error:
                    self._fail(kind, key, error)
                else:
                    await self._load()
            if len(left) == len(pending):
                break
            pending = [change for change, _ in left]
        return left

    async def _swap(self, left: _Left) -> _Left:
        """Changes that wait for each other: of those that can all be made, the mailboxes let go of names,
        places and roles, then they are made."""
        able, others = self._able(left)
        before: list[Mailbox] = []
        for (kind, key, _), _ in able:
            if kind == "create":
                continue
            box = self._box(key)
            before.append(box)
            await self._mail.update_mailbox(
                self._account,
                box.id,
                MailboxUpdate(path=self._no_name(), clear_role=box.role is not None),
            )
        # A patch says what changes against the mailbox as the client knows it
        self._parked = {box.id: box for box in before}
        await self._load()
        try:
            left = await self._rounds([change for change, _ in able])
            left += await self._rounds([change for change, _ in others])
        finally:
            self._parked = {}
            done = {ids.mailbox_number(one) for one in (*self.outcome.updated, *self.outcome.destroyed)}
            for box in sorted(before, key=lambda one: len(one.path)):
                if box.id not in done:  # it could not be known, as that IMAP was faster
                    await self._put_back(box)
            await self._load()
        return left

    def _able(self, left: _Left) -> tuple[_Left, _Left]:
        """Those that can all be made, and the others."""
        aims: dict[str, Place | None] = {}
        able: _Left = []
        others: _Left = []
        for one in left:
            kind, key, value = one[0]
            mailbox = f"#{key}" if kind == "create" else self._context.real_id(key)
            number = ids.mailbox_number(mailbox)
            box = None if number is None else self._boxes.get(MailboxId(number))
            if box is None:
                stays = kind != "create"
            else:
                stays = box.role is Role.INBOX or (kind == "destroy" and self._has_emails(box))
            if stays or mailbox in aims:
                others.append(one)
                continue
            able.append(one)
            if kind == "destroy":
                aims[mailbox] = None
            elif box is None:
                aims[mailbox] = self._aim({**_DEFAULTS, **value})
            else:
                aims[mailbox] = self._aim(apply_patch(document(box, True), value, _DEFAULTS))
        places = {
            ids.mailbox_id(box.id): Place(
                None if box.parent is None else ids.mailbox_id(box.parent), box.name, box.role
            )
            for box in self._boxes.values()
        }
        gone = refused(places, list(aims.items()), MAX_DEPTH)
        others += [one for at, one in enumerate(able) if at in gone]
        return [one for at, one in enumerate(able) if at not in gone], others

    def _aim(self, value: dict[str, Any]) -> Place:
        parent, role = value["parentId"], value["role"]
        return Place(
            None if parent is None else self._context.real_id(parent),
            nfc(value["name"]),
            None if role is None else _ROLES[role],
        )

    def _no_name(self) -> str:
        return f"~{self._context.random.getrandbits(64):x}"

    async def _put_back(self, box: Mailbox) -> None:
        await self._load()
        parent = None if box.parent is None else self._boxes.get(box.parent)
        way = "" if parent is None else f"{parent.path}/"
        free = all(other.role is not box.role for other in self._boxes.values())
        role = box.role if free else None
        try:
            await self._mail.update_mailbox(
                self._account, box.id, MailboxUpdate(path=f"{way}{box.name}", role=role)
            )
        except (MailboxExists, NotAllowed):
            await self._mail.update_mailbox(
                self._account, box.id, MailboxUpdate(path=f"{box.name} {self._no_name()}", role=role)
            )
        except NoSuchMailbox:
            return

    _parked: dict[MailboxId, Mailbox] = {}  # noqa: RUF012 replaced, never changed

    # -- one change --------------------------------------------------------------------------------------

    async def _create(self, key: str, value: dict[str, Any]) -> None:
        if unknown := [name for name in value if name not in PROPERTIES]:
            raise invalid_properties("There are no such properties.", *unknown)
        # What a client has read and gives back as it will be does no harm (RFC 8620 §5.3 on updates)
        fixed = [
            name for name in value if name not in _SETTABLE and (name == "id" or value[name] != _FRESH[name])
        ]
        if fixed:
            raise invalid_properties("The server sets these properties.", *fixed)
        if "name" not in value:
            raise invalid_properties("A mailbox needs a name.", "name")
        wanted = self._check({**_DEFAULTS, **value}, None)
        self._free(wanted, None)
        path = self._path(wanted)
        try:
            box = await self._mail.create_mailbox(
                self._account, path, wanted.role, subscribed=wanted.subscribed, sort_order=wanted.sort_order
            )
        except MailboxExists as refusal:
            raise _Later(invalid_properties(refusal.text, "name")) from refusal
        except NotAllowed as refusal:
            raise invalid_properties(refusal.text, "name") from refusal
        whole = document(box, True)
        created = {name: whole[name] for name in PROPERTIES if name not in value}
        if wanted.name != value["name"]:
            created["name"] = wanted.name
        self.outcome.created[key] = created
        self._context.created_ids[key] = whole["id"]

    def _box(self, key: str) -> Mailbox:
        number = ids.mailbox_number(self._context.real_id(key))
        box = None if number is None else self._boxes.get(MailboxId(number))
        if box is None:
            if key.startswith("#") and key[1:] in self._request.create:
                raise _Later(not_found("mailbox"))
            raise not_found("mailbox")
        return box

    async def _update(self, key: str, patch: dict[str, Any]) -> None:
        box = self._box(key)
        known = self._parked.get(box.id, box)
        current = document(known, True)
        patched = apply_patch(current, patch, _DEFAULTS)
        unknown = [name for name in patched if name not in PROPERTIES]
        if unknown:
            raise invalid_properties("There are no such properties.", *unknown)
        fixed = [name for name in PROPERTIES if name not in _SETTABLE and patched[name] != current[name]]
        if fixed:
            raise invalid_properties("The server sets these properties.", *fixed)
        wanted = self._check(patched, known)
        changed = MailboxUpdate(
            path=self._path(wanted)
            if box is not known or (wanted.name, wanted.parent) != (shown_name(box), box.parent)
            else None,
            role=wanted.role if wanted.role is not box.role else None,
            clear_role=wanted.role is None and box.role is not None,
            subscribed=wanted.subscribed if wanted.subscribed != box.subscribed else None,
            sort_order=wanted.sort_order if wanted.sort_order != box.sort_order else None,
        )
        if changed != MailboxUpdate():
            if box.role is Role.INBOX and (changed.path or changed.role or changed.clear_role):
                raise SetError("forbidden", "The inbox keeps its name, place and role.")
            self._free(wanted, box)
            try:
                await self._mail.update_mailbox(self._account, box.id, changed)
            except MailboxExists as refusal:
                raise _Later(invalid_properties(refusal.text, "name")) from refusal
            except NotAllowed as refusal:
                raise SetError("forbidden", refusal.text) from refusal
            except NoSuchMailbox as refusal:
                raise not_found("mailbox") from refusal
        normal = None if wanted.name == patched["name"] else {"name": wanted.name}
        self.outcome.updated[self._context.real_id(key)] = normal

    async def _destroy(self, key: str) -> None:
        box = self._box(key)
        if box.role is Role.INBOX:
            raise SetError("forbidden", "The inbox cannot be destroyed.")
        has_child = SetError("mailboxHasChild", "The mailbox has children.")
        if any(other.parent == box.id for other in self._boxes.values()):
            raise _Later(has_child)
        if self._has_emails(box):
            raise SetError("mailboxHasEmail", "The mailbox has emails in it.")
        try:
            await self._mail.delete_mailbox(self._account, box.id)
        except MailboxHasChildren as refusal:
            raise _Later(has_child) from refusal
        except NotAllowed as refusal:
            raise SetError("forbidden", refusal.text) from refusal
        except NoSuchMailbox as refusal:
            raise not_found("mailbox") from refusal
        self.outcome.destroyed.append(ids.mailbox_id(box.id))

    def _has_emails(self, box: Mailbox) -> bool:
        """Such as keep it from being destroyed."""
        return box.total > box.deleted and not self._remove_emails

    # -- checks ------------------------------------------------------------------------------------------

    def _check(self, value: dict[str, Any], box: Mailbox | None) -> _Wanted:
        wrong = [name for name, test in _TYPES.items() if not test(value[name])]
        name = value["name"]
        if "name" not in wrong and (box is None or name != shown_name(box)):
            name = nfc(name)
            if not valid_name(name):
                wrong.append("name")
        if wrong:
            raise invalid_properties("These properties have values that cannot be used.", *wrong)
        parent: MailboxId | None = None
        if value["parentId"] is not None:
            given = self._context.real_id(value["parentId"])
            number = ids.mailbox_number(given)
            if number is None or MailboxId(number) not in self._boxes:
                error = invalid_properties("There is no such parent.", "parentId")
                if given.startswith("#") and given[1:] in self._request.create:
                    raise _Later(error)
                raise error
            parent = MailboxId(number)
        self._check_place(parent, box)
        role = None if value["role"] is None else _ROLES[value["role"]]
        return _Wanted(name, parent, role, value["sortOrder"], value["isSubscribed"])

    def _check_place(self, parent: MailboxId | None, box: Mailbox | None) -> None:
        """No loops, and not too deep."""
        depth = 1
        while parent is not None:
            if box is not None and parent == box.id:
                raise _Later(invalid_properties("A mailbox cannot be below itself.", "parentId"))
            depth += 1
            parent = self._boxes[parent].parent
        if depth > MAX_DEPTH:
            raise invalid_properties(f"Mailboxes nest at most {MAX_DEPTH} deep.", "parentId")

    def _free(self, wanted: _Wanted, box: Mailbox | None) -> None:
        """The name among its siblings and the role must be free."""
        for other in self._boxes.values():
            if box is not None and other.id == box.id:
                continue
            if other.parent == wanted.parent and (
                other.name == wanted.name or (other.name == "INBOX" and wanted.name.upper() == "INBOX")
            ):
                raise _Later(_name_taken(other))
            if wanted.role is not None and other.role is wanted.role:
                raise _Later(invalid_properties("Another mailbox has that role.", "role"))

    def _path(self, wanted: _Wanted) -> str:
        return wanted.name if wanted.parent is None else f"{self._boxes[wanted.parent].path}/{wanted.name}"


def _name_taken(by: Mailbox) -> SetError:
    """RFC 8620 §5.4: which mailbox has the name."""
    return SetError("alreadyExists", "A sibling has that name.", ("name",), existingId=ids.mailbox_id(by.id))


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
    "name": lambda value: isinstance(value, str),
    "parentId": lambda value: (
        value is None or (isinstance(value, str) and ids.is_id(value.removeprefix("#")))
    ),
    "role": lambda value: value is None or (isinstance(value, str) and value in _ROLES),
    "sortOrder": _is_unsigned,
    "isSubscribed": lambda value: isinstance(value, bool),
}
