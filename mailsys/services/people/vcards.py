"""Contacts in and out as vCards: a file of any length in, all of an account out, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mailsys.core.contacts.from_vcard import read_card
from mailsys.core.contacts.lines import RawCard, Splitter
from mailsys.core.contacts.names import shown_name
from mailsys.core.contacts.to_vcard import Version, write_card
from mailsys.core.jmap.dates import render_utc_date
from mailsys.core.jmap.problems import SetError
from mailsys.ports.ids import AccountId
from mailsys.services.conditional import until_it_holds
from mailsys.services.content.blob_access import BlobReader, FoundBlob
from mailsys.services.content.reading import Offload
from mailsys.services.people.contacts import CARD, BlobIds, Card, Contacts, blobs_of, card_id, decode

_AT_ONCE: Final = 50  # cards that are read, and written, together
_MOST_FAULTS: Final = 100  # that are told of; the others are counted
_LONGEST_NAME: Final = 100  # characters of a name in a fault


@dataclass(frozen=True, slots=True)
class Fault:
    """A card that was not taken: where it begins in the file (line, from 1), its name if it has one."""

    line: int
    name: str
    text: str


@dataclass(slots=True)
class Imported:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    faults: list[Fault] | None = None

    def fail(self, line: int, name: str, text: str) -> None:
        self.failed += 1
        self.faults = self.faults or []
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(line, name[:_LONGEST_NAME], text))

    def add(self, more: Imported) -> None:
        self.created += more.created
        self.updated += more.updated
        self.unchanged += more.unchanged
        self.failed += more.failed
        faults = [*(self.faults or ()), *(more.faults or ())][:_MOST_FAULTS]
        self.faults = faults or None


Read = tuple[RawCard, Card | str]  # a card, or why it is none


class VCards:
    def __init__(
        self,
        contacts: Contacts,
        reader: BlobReader,
        offload: Offload,
        now: Callable[[], float],
    ) -> None:
        self._contacts = contacts
        self._reader = reader
        self._offload = offload
        self._now = now

    # -- in ------------------------------------------------------------------------------------------------

    async def import_(self, account: AccountId, found: FoundBlob, book: str | None) -> Imported:
        """Take all cards of a file into an address book (None: the default one). A card whose uid is
        there already replaces that one, and stays in its address books as well. Raises BlobGone, and
        LookupError when there is no such address book."""
        done = Imported()
        pieces = self._reader.pieces(found)
        splitter = Splitter()
        waiting: list[RawCard] = []
        while True:
            piece = await pieces.next()
            waiting.extend(splitter.feed(piece) if piece else splitter.finish())
            while len(waiting) >= _AT_ONCE or (waiting and not piece):
                batch, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
                cards = await self._offload(lambda batch=batch: [*_read(batch)])  # type: ignore[misc]
                await self._take(account, cards, book, done)
            if not piece:
                return done

    async def _take(
        self, account: AccountId, cards: Sequence[Read], book: str | None, done: Imported
    ) -> None:
        media: BlobIds = set()  # that may be with a card now, or not any more
        try:
            taken = await until_it_holds(lambda: self._take_once(account, cards, book, media))
        finally:
            await self._contacts.release(account, media)
        done.add(taken)

    async def _take_once(
        self, account: AccountId, cards: Sequence[Read], into: str | None, media: BlobIds
    ) -> Imported:
        state = await self._contacts.state(account, CARD)  # before the cards: they may be newer, never older
        stored_books = {one.id: one for one in await self._contacts.stored_books(account)}
        books = {id_: decode(one) for id_, one in stored_books.items()}
        book = next(id_ for id_, one in books.items() if one["isDefault"]) if into is None else into
        if book not in books:
            raise LookupError("There is no such address book.")
        done = Imported()
        entries = await self._contacts.entries(account)
        ids = [card_id(card["uid"]) for _, card in cards if isinstance(card, dict)]
        known = await self._contacts.cards(account, [one for one in dict.fromkeys(ids) if one in entries])
        changed: dict[str, Card] = {}
        entered = False
        added = 0
        for raw, card in cards:
            if isinstance(card, str):
                done.fail(raw.line, "", card)
                continue
            id_ = card_id(card["uid"])
            before = changed.get(id_) or known.get(id_)
            most = self._contacts.most_cards
            if before is None and len(entries) + added >= most:
                done.fail(raw.line, shown_name(card), f"An account has at most {most} contacts.")
                continue
            try:
                after = await self._contacts.settle(account, self._merged(card, before, book), books, media)
            except SetError as error:
                named = f" ({', '.join(error.properties)})" if error.properties else ""
                done.fail(raw.line, shown_name(card), error.description + named)
                continue
            if before is None:
                added += 1
                done.created += 1
            elif _same(before, after):
                done.unchanged += 1
                continue
            else:
                done.updated += 1
                media |= blobs_of(before) - blobs_of(after)
            changed[id_] = after
            entered = entered or before is None or book not in before["addressBookIds"]
        await self._contacts.write_cards(account, changed, [stored_books[book]] if entered else [], state)
        return done

    def _merged(self, card: Card, before: Card | None, book: str) -> Card:
        now = render_utc_date(self._now())
        made = {**card, "addressBookIds": {**(before or {}).get("addressBookIds", {}), book: True}}
        made.setdefault("created", (before or {}).get("created", now))
        made.setdefault("updated", now)
        return made

    # -- out -----------------------------------------------------------------------------------------------

    async def export(
        self, account: AccountId, ids: Sequence[str] | None, book: str | None, version: Version
    ) -> AsyncIterator[bytes]:
        """The cards of an account, or those of some ids, or of an address book; a piece at a time."""
        entries = await self._contacts.entries(account)
        wanted = [
            one.id
            for one in (entries.values() if ids is None else (entries[i] for i in ids if i in entries))
            if book is None or book in one.books
        ]
        for start in range(0, len(wanted), _AT_ONCE):
            cards = await self._contacts.cards(account, wanted[start : start + _AT_ONCE])
            for card in cards.values():
                whole = await self._contacts.with_octets(account, card)
                whole.pop("addressBookIds", None)
                yield write_card(whole, version).encode()


def _read(batch: Sequence[RawCard]) -> Iterator[Read]:
    for raw in batch:
        try:
            card = read_card(raw)
        except ValueError as error:
            yield raw, str(error)
            continue
        if not shown_name(card):
            yield raw, "There is nothing in it that somebody could be called by."
        else:
            yield raw, card


def _same(before: Card, after: Card) -> bool:
    return _without_times(before) == _without_times(after)


def _without_times(card: Card) -> dict[str, Any]:
    return {name: value for name, value in card.items() if name not in ("created", "updated")}
