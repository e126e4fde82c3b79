"""Contacts: address books and cards of accounts, whoever asks for them - JMAP, vCards, suggestions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from mailsys.core.contacts.card import wrong_properties
from mailsys.core.contacts.entry import Entry, entry
from mailsys.core.jmap.ids import BlobName, blob_id, parse_blob_id
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.mail import IMailStore
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.conditional import until_it_holds
from mailsys.services.content.blob_access import BlobGone, BlobReader
from mailsys.services.content.reading import Offload

BOOK: Final = "AddressBook"
CARD: Final = "ContactCard"
DEFAULT_BOOK: Final = "AB0"  # made when first looked for

# Of one account. A store lists at most 10,000 objects of a kind (IObjectStore.objects).
MOST_CARDS: Final = 10_000
MOST_BOOKS: Final = 100
CARD_SIZE: Final = 256 * 1024  # octets of JSON, without its media
MEDIUM_SIZE: Final = 5 * 1024 * 1024  # octets of a photo, a sound

_KEPT: Final = 86400.0  # seconds that a medium stays readable once no card has it
_FOREVER: Final = 253402300799.0  # the end of the year 9999
_REMEMBERED: Final = 50_000  # entries of all accounts together, about 2 KiB each
_CHANGES: Final = 5000
_DATA: Final = re.compile(r"data:([A-Za-z0-9!#$&^_.+/-]*)(?:;[A-Za-z0-9!#$&^_.+=-]*)*;base64,", re.ASCII)
_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]+")

Book = dict[str, Any]
Card = dict[str, Any]
BlobIds = set[str]

encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


def decode(stored: StoredObject) -> Card:
    return _decoder.decode(stored.value)


def card_id(uid: str) -> str:
    """The id of the card with this uid: of one uid there is one card (RFC 9610 §3)."""
    return "C" + hashlib.blake2b(uid.encode(), digest_size=15).hexdigest()


def same_uid(uid: str) -> str:
    """For comparing: group members often name a uid with, cards without "urn:uuid:" (or the other way)."""
    return uid.casefold().removeprefix("urn:uuid:")


class Contacts:
    """What an account's contacts are.

    Cards are written under the condition that the state of CARD is the one that was read first. A card that
    enters an address book touches it in the same commit, and a book goes under the condition that the state
    of BOOK is the one that was read first: so no card is ever in a book that is gone."""

    def __init__(
        self,
        mail: IMailStore,
        blobs: IBlobStore,
        objects: IObjectStore,
        offload: Offload,
        now: Callable[[], float],
        most_cards: int = MOST_CARDS,
        most_books: int = MOST_BOOKS,
    ) -> None:
        self.most_cards = most_cards
        self.most_books = most_books
        self._mail = mail
        self._blobs = blobs
        self._objects = objects
        self._offload = offload
        self._now = now
        self._reader = BlobReader(mail, blobs)
        self._known: OrderedDict[AccountId, tuple[int, Mapping[str, Entry]]] = OrderedDict()

    # -- what there is -----------------------------------------------------------------------------------

    async def books(self, account: AccountId) -> dict[str, Book]:
        """All address books by id; the first one is made now if there is none yet."""
        return {one.id: decode(one) for one in await self.stored_books(account)}

    async def stored_books(self, account: AccountId) -> list[StoredObject]:
        """The same as they are stored."""
        return await until_it_holds(lambda: self._stored_books(account))

    async def _stored_books(self, account: AccountId) -> list[StoredObject]:
        found: list[StoredObject] = await self._objects.objects(account, BOOK)
        if not found:
            state = await self.state(account, BOOK)
            made = encode(new_book("Contacts") | {"isDefault": True})
            change = ObjectChange(account, BOOK, DEFAULT_BOOK, made, if_modseq=0)
            await self._objects.write([change], if_state=state)
            found = await self._objects.objects(account, BOOK)
        return found

    async def state(self, account: AccountId, kind: str) -> int:
        """The modseq of the last change of a kind."""
        states: dict[str, int] = await self._mail.states(account)
        return states.get(kind, 0)

    async def entries(self, account: AccountId) -> Mapping[str, Entry]:
        """All cards in short, by id, in order of creation; as new as the account's state at the call."""
        state = await self.state(account, CARD)
        known = self._known.get(account)
        if known is None or known[0] != state:
            entries = None if known is None else await self._followed(account, *known)
            if entries is None:
                stored = await self._objects.objects(account, CARD)
                entries = await self._offload(lambda: {one.id: entry(one.id, decode(one)) for one in stored})
            known = (state, entries)
        self._remember(account, known)
        return known[1]

    async def _followed(
        self, account: AccountId, since: int, before: Mapping[str, Entry]
    ) -> dict[str, Entry] | None:
        changes = await self._objects.changes(account, CARD, since, _CHANGES)
        if changes.more or not changes.complete:
            return None
        entries = dict(before)
        for id_ in changes.destroyed:
            entries.pop(id_, None)
        for one in await self._objects.objects(account, CARD, (*changes.created, *changes.updated)):
            entries[one.id] = entry(one.id, decode(one))
        return entries

    def _remember(self, account: AccountId, known: tuple[int, Mapping[str, Entry]]) -> None:
        self._known[account] = known
        self._known.move_to_end(account)
        total = sum(len(entries) for _, entries in self._known.values())
        while total > _REMEMBERED and len(self._known) > 1:
            _, (_, entries) = self._known.popitem(last=False)
            total -= len(entries)

    async def cards(self, account: AccountId, ids: Sequence[str] | None) -> dict[str, Card]:
        """Whole cards by id; those that are missing are left out. None: all."""
        return {one.id: decode(one) for one in await self.stored_cards(account, ids)}

    async def stored_cards(self, account: AccountId, ids: Sequence[str] | None) -> list[StoredObject]:
        """The same as they are stored."""
        found: list[StoredObject] = await self._objects.objects(account, CARD, ids)
        return found

    async def touched_since(self, account: AccountId, since: int) -> set[str] | None:
        """Cards that were touched in any way; None when that is not known any more."""
        changes = await self._objects.changes(account, CARD, since, _CHANGES)
        if changes.more or not changes.complete:
            return None
        return {*changes.created, *changes.updated, *changes.destroyed}

    # -- changing ----------------------------------------------------------------------------------------

    async def settle(self, account: AccountId, card: Card, books: Collection[str], held: BlobIds) -> Card:
        """The card as it is kept: checked, its media in the blob store and held there; `held` gathers
        their blobs, for `release` when all is done. Raises SetError."""
        wrong = wrong_properties(card)
        given = card.get("addressBookIds")
        if not isinstance(given, dict) or not given or any(one is not True for one in given.values()):
            wrong.append("addressBookIds")
        elif not set(given) <= set(books):
            raise invalid_properties("There is no such address book.", "addressBookIds")
        if wrong:
            raise invalid_properties("These properties are not valid.", *sorted(set(wrong)))
        if "media" in card:
            card = {
                **card,
                "media": {key: await self._medium(account, one, held) for key, one in card["media"].items()},
            }
        size = len(encode(card))
        if size > CARD_SIZE:
            raise SetError("tooLarge", f"A card has at most {CARD_SIZE} octets, its media aside.")
        return card

    async def _medium(self, account: AccountId, medium: dict[str, Any], held: BlobIds) -> dict[str, Any]:
        """With a blobId instead of octets in its URI (RFC 9610 §3)."""
        if "blobId" in medium:
            return await self._held(account, medium, held)
        data = _DATA.match(medium["uri"])
        if data is None:
            if medium["uri"].startswith("data:") and len(medium["uri"]) > CARD_SIZE:
                raise invalid_properties("The data: URI is none.", "media")
            return medium
        try:
            octets = base64.b64decode(medium["uri"][data.end() :], validate=True)
        except (binascii.Error, ValueError):
            raise invalid_properties("The data: URI is not base64.", "media") from None
        if len(octets) > MEDIUM_SIZE:
            raise SetError("tooLarge", f"A medium has at most {MEDIUM_SIZE} octets.")
        sink = self._blobs.sink()
        try:
            if (wait := sink.write(octets)) is not None:
                await wait
            staged = await sink.finish()
        except BaseException:
            sink.abort()
            raise
        kind = str(medium.get("mediaType") or data[1] or "application/octet-stream")
        held.add(blob_id(staged.id))
        await self._mail.hold(account, staged, _fit(kind), _FOREVER)
        kept = {name: value for name, value in medium.items() if name != "uri"}
        return {**kept, "blobId": blob_id(staged.id), "mediaType": kind}

    async def _held(self, account: AccountId, medium: dict[str, Any], held: BlobIds) -> dict[str, Any]:
        found = await self._reader.find(account, medium["blobId"])
        if found is None:
            raise invalid_properties("There is no such blob.", "media")
        if await self._reader.size(found) > MEDIUM_SIZE:
            raise SetError("tooLarge", f"A medium has at most {MEDIUM_SIZE} octets.")
        try:
            staged = await self._reader.stage(found)
        except BlobGone:
            raise invalid_properties("There is no such blob.", "media") from None
        name = staged if isinstance(staged, bytes) else staged.id
        kind = medium.get("mediaType") or await self._mail.held_type(account, BlobId(name))
        held.add(blob_id(name))
        await self._mail.hold(account, staged, _fit(str(kind or "")), _FOREVER)
        kept = {key: value for key, value in medium.items() if key != "uri"} | {"blobId": blob_id(name)}
        return kept | ({"mediaType": kind} if kind else {})

    async def write_cards(
        self, account: AccountId, cards: Mapping[str, Card], entered: Iterable[StoredObject], state: int
    ) -> None:
        """In one commit. StateMismatch or ObjectConflict when the state of CARD is not `state` any more, or
        one of the books was changed that cards enter."""
        if cards:
            first = ObjectChange(account, CARD, next(iter(cards)))  # whose state is expected
            changes = [ObjectChange(account, CARD, id_, encode(card)) for id_, card in cards.items()]
            await self._objects.write([first, *touches(account, entered), *changes], if_state=state)

    async def release(self, account: AccountId, blobs: Collection[str]) -> None:
        """After the commit: hold those of these media that a card has, let go of those that none has.

        Another change may give one to a card at the same time. It holds it again after its own commit, as
        this does; and what was let go of is looked for again. So whichever comes last sees the other, and
        in doubt (a crash between) there is a day."""
        left = await self._without_card(account, blobs)
        await self._hold_again(account, set(blobs) - left)
        for name in filter(None, map(parse_blob_id, left)):
            await self._mail.let_go(account, BlobId(name.blob), self._now() + _KEPT)
        await self._hold_again(account, left - await self._without_card(account, left))

    async def _without_card(self, account: AccountId, blobs: Collection[str]) -> set[str]:
        if not blobs:
            return set()
        entries = await self.entries(account)
        return set(blobs).difference(*(one.blobs for one in entries.values() if one.blobs))

    async def _hold_again(self, account: AccountId, blobs: Collection[str]) -> None:
        for name in filter(None, map(parse_blob_id, blobs)):
            kind = await self._mail.held_type(account, BlobId(name.blob))
            if kind is not None:
                await self._mail.hold(account, BlobId(name.blob), kind, _FOREVER)

    async def with_octets(self, account: AccountId, card: Card) -> Card:
        """The card for others: media with data: URIs instead of blobIds."""
        media: dict[str, Any] = {}
        for key, one in card.get("media", {}).items():
            name = parse_blob_id(one["blobId"]) if "blobId" in one else None
            if name is None:
                media[key] = one
                continue
            octets = await self._octets(account, name)
            if octets is not None:
                kept = {each: value for each, value in one.items() if each not in ("blobId", "mediaType")}
                text = base64.b64encode(octets).decode("ascii")
                kind = _fit(str(one.get("mediaType", "")))
                media[key] = {**kept, "uri": f"data:{kind};base64,{text}"}
        return {**card, "media": media} if media else {k: v for k, v in card.items() if k != "media"}

    async def _octets(self, account: AccountId, name: BlobName) -> bytes | None:
        found = await self._reader.find_named(account, name)
        if found is None:
            return None
        try:
            return await self._reader.read(found, MEDIUM_SIZE)
        except BlobGone:
            return None


def touches(account: AccountId, entered: Iterable[StoredObject]) -> list[ObjectChange]:
    """To be written with cards that enter these address books: each still is what it was."""
    return [ObjectChange(account, BOOK, book.id, if_modseq=book.modseq) for book in entered]


def new_book(name: str) -> Book:
    return {"name": name, "description": None, "sortOrder": 0, "isDefault": False, "isSubscribed": True}


def blobs_of(card: Mapping[str, Any]) -> set[str]:
    return {one["blobId"] for one in card.get("media", {}).values() if "blobId" in one}


def _fit(media_type: str) -> str:
    """A media type without parameters; application/octet-stream for what is none."""
    text = media_type.partition(";")[0].strip().lower()
    return text if _TYPE.fullmatch(text) else "application/octet-stream"
