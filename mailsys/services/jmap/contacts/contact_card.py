"""ContactCard/get, /changes and /set (RFC 9610 §3)."""

from __future__ import annotations

import uuid
from typing import Any, Final

from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.dates import render_utc_date
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.ports.ids import AccountId
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import CallContext
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
    too_large,
)
from mailsys.services.people.contacts import CARD, BlobIds, Card, Contacts, blobs_of, card_id, decode, touches

_FIXED: Final = ("id", "uid", "@type", "version")


class ContactCards:
    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        wanted = read_get_ids(context, arguments)
        properties = read_properties(arguments, (), lambda _: True)  # whatever a card may have
        arguments.finish()
        state = await state_of(context, CARD)
        if wanted is None and len(await self._contacts.entries(account)) > context.limits.max_objects_in_get:
            raise too_large("ids", context.limits.max_objects_in_get)
        found = await self._contacts.cards(account, wanted)
        missing = [] if wanted is None else [one for one in wanted if one not in found]
        shown = [select({"id": id_, **card}, properties) for id_, card in found.items()]
        return get_answer(context.account_id, str(state), shown, missing)

    async def changes(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        return await stored.changes(context, values, CARD)

    async def set(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        request = read_set(context, arguments)
        arguments.finish()
        await self._contacts.stored_books(account)  # the first one is no change of this call
        media: BlobIds = set()  # that may be with a card now, or not any more
        try:
            return await set_objects(
                context, CARD, request.if_in_state, lambda: self._plan(context, account, request, media)
            )
        finally:
            await self._contacts.release(account, media)

    async def _plan(
        self, context: CallContext, account: AccountId, request: SetRequest, media: BlobIds
    ) -> Plan:
        stored_books = {one.id: one for one in await self._contacts.stored_books(account)}
        books = {id_: decode(one) for id_, one in stored_books.items()}
        entries = await self._contacts.entries(account)
        outcome = SetOutcome()
        now = render_utc_date(context.clock.seconds())
        changed: dict[str, Card | None] = {}
        entered: set[str] = set()  # books
        made = 0
        for key, value in request.create.items():
            try:
                card = await self._contacts.settle(
                    account, _created(context, value, books, now), books, media
                )
                id_ = card_id(card["uid"])
                if id_ in entries or id_ in changed:
                    raise SetError(
                        "invalidProperties", "There is a card with this uid.", ["uid"], existingId=id_
                    )
                most = self._contacts.most_cards
                if len(entries) + made >= most:
                    raise SetError("overQuota", f"An account has at most {most} contacts.")
            except SetError as error:
                outcome.not_created[key] = error
                continue
            made += 1
            changed[id_] = card
            entered |= set(card["addressBookIds"])
            context.created_ids[key] = id_
            outcome.created[key] = {"id": id_} | {
                name: one for name, one in card.items() if name not in value or value[name] != one
            }
        doomed = list(dict.fromkeys(context.real_id(one) for one in request.destroy))
        updates = {context.real_id(key): patch for key, patch in request.update.items()}
        known = await self._contacts.cards(account, [one for one in updates if one in entries])
        known |= {id_: card for id_, card in changed.items() if card is not None}
        for id_, patch in updates.items():
            try:
                if id_ in doomed:
                    raise SetError("willDestroy", "It is destroyed in the same call.")
                if id_ not in known:
                    raise not_found("card")
                before = known[id_]
                wanted = _patched(context, id_, before, patch)
                after = await self._contacts.settle(account, wanted, books, media)
            except SetError as error:
                outcome.not_updated[id_] = error
                continue
            outcome.updated[id_] = None
            if after != before:
                told: dict[str, Any] = {}
                if "updated" not in patch:
                    after["updated"] = told["updated"] = now
                if after.get("media") != wanted.get("media"):
                    told["media"] = after["media"]
                changed[id_] = after
                media |= blobs_of(before) - blobs_of(after)
                entered |= set(after["addressBookIds"]) - set(before["addressBookIds"])
                outcome.updated[id_] = told or None
        for id_ in doomed:
            if id_ not in entries and changed.get(id_) is None:
                outcome.not_destroyed[id_] = not_found("card")
                continue
            if id_ in entries:
                media |= entries[id_].blobs
            changed[id_] = None
            outcome.destroyed.append(id_)
        return Plan(
            outcome,
            object_changes(account, CARD, changed),
            touches(account, [stored_books[id_] for id_ in entered]),
        )


def _created(context: CallContext, given: Card, books: dict[str, Any], now: str) -> Card:
    if "id" in given:
        raise invalid_properties("The server gives the id.", "id")
    card: Card = {"@type": "Card", "version": "1.0"}
    card |= {name: value for name, value in given.items() if value is not None}
    card.setdefault("uid", uuid.UUID(int=context.random.getrandbits(128), version=4).urn)
    card.setdefault("created", now)
    card.setdefault("updated", now)
    default = next(id_ for id_, book in books.items() if book["isDefault"])
    return _with_real_books(context, card, default)


def _patched(context: CallContext, id_: str, before: Card, patch: dict[str, Any]) -> Card:
    after = apply_patch({"id": id_, **before}, patch)
    wrong = [name for name in _FIXED if after.get(name) != ({"id": id_} | before).get(name)]
    if wrong:
        raise invalid_properties("These properties cannot be changed.", *wrong)
    after = {name: value for name, value in after.items() if value is not None and name != "id"}
    return _with_real_books(context, after, None)


def _with_real_books(context: CallContext, card: Card, default: str | None) -> Card:
    """Address books may be named by what this request created; a card that names none is in the default."""
    given = card.get("addressBookIds", {default: True} if default is not None else None)
    if isinstance(given, dict):
        card["addressBookIds"] = {context.real_id(key): value for key, value in given.items()}
    return card
