"""AddressBook (RFC 9610 §2)."""

from __future__ import annotations

from typing import Any, Final

from mailsys.core.jmap.arguments import MAX_INT, Arguments
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import ObjectChange, StoredObject
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import WRITE, CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.object_set import Plan, object_changes, set_objects
from mailsys.services.jmap.protocol.standard import (
    SetOutcome,
    SetRequest,
    get_answer,
    not_found,
    read_get_ids,
    read_properties,
    read_set,
    select,
)
from mailsys.services.people.contacts import (
    BOOK,
    CARD,
    BlobIds,
    Book,
    Card,
    Contacts,
    blobs_of,
    decode,
    encode,
    new_book,
)

_AT_ONCE: Final = 500  # cards read together
_LONGEST_NAME: Final = 255  # octets (RFC 9610 §2)
_LONGEST_DESCRIPTION: Final = 10_000  # characters
_DEFAULTS: Final[dict[str, Any]] = {
    "description": None,
    "sortOrder": 0,
    "isSubscribed": True,
    "shareWith": None,
}
_PROPERTIES: Final = (
    "id", "name", "description", "sortOrder", "isDefault", "isSubscribed", "shareWith", "myRights",
)  # fmt: skip


class AddressBooks:
    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        wanted = read_get_ids(context, arguments)
        properties = read_properties(arguments, _PROPERTIES)
        arguments.finish()
        found = await self._contacts.books(account)
        state = await state_of(context, BOOK)
        chosen = list(found) if wanted is None else [one for one in wanted if one in found]
        missing = [] if wanted is None else [one for one in wanted if one not in found]
        shown = [select(_shown(context, one, found[one]), properties) for one in chosen]
        return get_answer(context.account_id, str(state), shown, missing)

    async def changes(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        return await stored.changes(context, values, BOOK)

    async def set(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        request = read_set(context, arguments)
        remove_contents = arguments.boolean("onDestroyRemoveContents", False)
        default = arguments.optional_string("onSuccessSetIsDefault")
        arguments.finish()
        await self._contacts.stored_books(account)  # the first one is no change of this call
        media: BlobIds = set()  # of cards that go with their book

        async def work() -> Plan:
            return await self._plan(context, account, request, remove_contents, default, media)

        try:
            return await set_objects(context, BOOK, request.if_in_state, work)
        finally:
            await self._contacts.release(account, media)

    async def _plan(
        self,
        context: CallContext,
        account: AccountId,
        request: SetRequest,
        remove_contents: bool,
        default: str | None,
        media: BlobIds,
    ) -> Plan:
        known = await self._contacts.books(account)
        outcome = SetOutcome()
        leaving: dict[str, tuple[StoredObject, Card]] = {}  # cards of books that go, as they will be
        changed: dict[str, Book | None] = {}
        for key, value in request.create.items():
            try:
                made = _created(value)
                most = self._contacts.most_books
                if len(known) >= most:
                    raise SetError("overQuota", f"An account has at most {most} address books.")
            except SetError as error:
                outcome.not_created[key] = error
                continue
            id_ = f"AB{context.random.getrandbits(64):016x}"
            known[id_] = changed[id_] = made
            context.created_ids[key] = id_
            outcome.created[key] = {
                name: given
                for name, given in _shown(context, id_, made).items()
                if name not in value or value[name] != given
            }
        doomed = list(dict.fromkeys(context.real_id(one) for one in request.destroy))
        for key, patch in request.update.items():
            id_ = context.real_id(key)
            try:
                if id_ in doomed:
                    raise SetError("willDestroy", "It is destroyed in the same call.")
                if id_ not in known:
                    raise not_found("address book")
                after = _patched(context, id_, known[id_], patch)
            except SetError as error:
                outcome.not_updated[id_] = error
                continue
            if after != known[id_]:
                known[id_] = changed[id_] = after
            outcome.updated[id_] = None
        for id_ in doomed:
            try:
                if id_ not in known:
                    raise not_found("address book")
                if known[id_]["isDefault"]:
                    raise SetError("forbidden", "The default address book stays; make another the default.")
                await self._empty(account, id_, remove_contents, leaving)
            except SetError as error:
                outcome.not_destroyed[id_] = error
                continue
            del known[id_]
            changed[id_] = None
            outcome.destroyed.append(id_)
        if default is not None and not (outcome.not_created or outcome.not_updated or outcome.not_destroyed):
            _make_default(context, context.real_id(default), known, changed, outcome)
        cards = [
            ObjectChange(account, CARD, one.id, encode(card), if_modseq=one.modseq)
            if card["addressBookIds"]
            else ObjectChange(account, CARD, one.id, remove=True, if_modseq=one.modseq)
            for one, card in leaving.values()
        ]
        for _, card in leaving.values():
            if not card["addressBookIds"]:
                media |= blobs_of(card)
        return Plan(outcome, object_changes(account, BOOK, changed), cards)

    async def _empty(
        self,
        account: AccountId,
        book: str,
        remove_contents: bool,
        leaving: dict[str, tuple[StoredObject, Card]],
    ) -> None:
        """Take all cards out of a book that goes; those that are in no other go too (RFC 9610 §2.3)."""
        entries = await self._contacts.entries(account)
        inside = [one.id for one in entries.values() if book in one.books]
        if inside and not remove_contents:
            raise SetError("addressBookHasContents", "There are cards in the address book.")
        for start in range(0, len(inside), _AT_ONCE):
            ids = inside[start : start + _AT_ONCE]
            for stored_card in await self._contacts.stored_cards(account, ids):
                _, card = leaving.get(stored_card.id) or (stored_card, decode(stored_card))
                card["addressBookIds"].pop(book, None)
                leaving[stored_card.id] = (stored_card, card)


def _make_default(
    context: CallContext,
    wanted: str,
    known: dict[str, Book],
    changed: dict[str, Book | None],
    outcome: SetOutcome,
) -> None:
    """onSuccessSetIsDefault: one that does not exist changes nothing (RFC 9610 §2.3)."""
    if wanted not in known or known[wanted]["isDefault"]:
        return
    names = {id_: key for key, id_ in context.created_ids.items() if key in outcome.created}
    for id_, book in known.items():
        is_default = id_ == wanted
        if book["isDefault"] == is_default:
            continue
        known[id_] = changed[id_] = {**book, "isDefault": is_default}
        told = {"isDefault": is_default}
        if id_ in names:
            outcome.created[names[id_]].update(_shown(context, id_, known[id_]))
        else:
            rights = _shown(context, id_, known[id_])["myRights"]
            outcome.updated[id_] = (outcome.updated.get(id_) or {}) | told | {"myRights": rights}


def _shown(context: CallContext, id_: str, book: Book) -> dict[str, Any]:
    may_write = context.caller.may(WRITE)
    return {
        "id": id_,
        **{name: book.get(name) for name in _PROPERTIES[1:-1]},
        "myRights": {
            "mayRead": True,
            "mayWrite": may_write,
            "mayShare": False,
            "mayDelete": may_write and not book["isDefault"],
        },
    }


def _created(given: dict[str, Any]) -> Book:
    wrong = sorted(name for name in given if name != "name" and name not in _DEFAULTS)
    if wrong:
        raise invalid_properties("These properties cannot be set.", *wrong)
    if "name" not in given:
        raise invalid_properties("An address book has a name.", "name")
    book = new_book("") | given
    _check(book)
    book.pop("shareWith", None)
    return book


def _patched(context: CallContext, id_: str, before: Book, patch: dict[str, Any]) -> Book:
    current = _shown(context, id_, before)
    after = apply_patch(current, patch, _DEFAULTS)
    wrong = sorted(name for name in after if name not in current)
    wrong += [name for name in ("id", "isDefault", "myRights") if after[name] != current[name]]
    if wrong:
        raise invalid_properties("These properties cannot be changed.", *wrong)
    _check(after)
    return {name: after[name] for name in before}


def _check(book: Book) -> None:
    """Raises SetError naming all properties that are wrong."""
    wrong = []
    name, description = book["name"], book["description"]
    if not isinstance(name, str) or not name.strip() or len(name.encode()) > _LONGEST_NAME:
        wrong.append("name")
    if description is not None and (
        not isinstance(description, str) or len(description) > _LONGEST_DESCRIPTION
    ):
        wrong.append("description")
    order = book["sortOrder"]
    if not isinstance(order, int) or isinstance(order, bool) or not 0 <= order <= MAX_INT:
        wrong.append("sortOrder")
    if not isinstance(book["isSubscribed"], bool):
        wrong.append("isSubscribed")
    if book.get("shareWith") not in (None, {}):
        wrong.append("shareWith")
    if wrong:
        raise invalid_properties("These properties are not valid.", *wrong)
