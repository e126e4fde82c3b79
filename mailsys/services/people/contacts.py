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
from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.contacts.card import wrong_properties
from mailsys.core.contacts.entry import Entry, entry
from mailsys.core.jmap.ids import BlobName, blob_id, parse_blob_id
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.mail import IMailStore
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
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

Card = dict[str, Any]

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
    """What an account's contacts are. Changes are to be made within `JmapApi.exclusive`."""

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

    async def books(self, account: AccountId) -> dict[str, dict[str, Any]]:
        """All address books by id; the first one is made now if there is none yet."""
        found = {one.id: decode(one) for one in await self._objects.objects(account, BOOK)}
        if not found:
            made = new_book("Contacts") | {"isDefault": True}
            await self._objects.write([ObjectChange(account, BOOK, DEFAULT_BOOK, encode(made))])
            found = {DEFAULT_BOOK: made}
        return found

    async def entries(self, account: AccountId) -> Mapping[str, Entry]:
        """All cards in short, by id, in order of creation; as new as the account's state at the call."""
        state = (await self._mail.states(account)).get(CARD, 0)
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
        return {one.id: decode(one) for one in await self._objects.objects(account, CARD, ids)}

    async def touched_since(self, account: AccountId, since: int) -> set[str] | None:
        """Cards that were touched in any way; None when that is not known any more."""
        changes = await self._objects.changes(account, CARD, since, _CHANGES)
        if changes.more or not changes.complete:
            return None
        return {*changes.created, *changes.updated, *changes.destroyed}

    # -- changing ----------------------------------------------------------------------------------------

    async def settle(self, account: AccountId, card: Card, books: Collection[str]) -> Card:
        """The card as it is kept: checked, its media in the blob store and held there. Raises SetError."""
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
                "media": {key: await self._medium(account, one) for key, one in card["media"].items()},
            }
        size = len(encode(card))
        if size > CARD_SIZE:
            raise SetError("tooLarge", f"A card has at most {CARD_SIZE} octets, its media aside.")
        return card

    async def _medium(self, account: AccountId, medium: dict[str, Any]) -> dict[str, Any]:
        """With a blobId instead of octets in its URI (RFC 9610 §3)."""
        if "blobId" in medium:
            return await self._held(account, medium)
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
        await self._mail.hold(account, staged, _fit(kind), _FOREVER)
        kept = {name: value for name, value in medium.items() if name != "uri"}
        return {**kept, "blobId": blob_id(staged.id), "mediaType": kind}

    async def _held(self, account: AccountId, medium: dict[str, Any]) -> dict[str, Any]:
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
        await self._mail.hold(account, staged, _fit(str(kind or "")), _FOREVER)
        kept = {key: value for key, value in medium.items() if key != "uri"} | {"blobId": blob_id(name)}
        return kept | ({"mediaType": kind} if kind else {})

    async def write(self, account: AccountId, changes: Iterable[ObjectChange]) -> None:
        """A commit each, so that /changes can tell of each alone; all at once, so that they share a sync."""
        waits: list[Deferred[int]] = [self._objects.write([change]) for change in changes]
        await gatherResults(waits)

    async def release(self, account: AccountId, blobs: Collection[str]) -> None:
        """Media that a change took away: let go of those that no card has now."""
        if not blobs:
            return
        entries = await self.entries(account)
        left = set(blobs).difference(*(one.blobs for one in entries.values() if one.blobs))
        for text in left:
            name = parse_blob_id(text)
            if name is not None:
                await self._mail.let_go(account, BlobId(name.blob), self._now() + _KEPT)

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


def new_book(name: str) -> dict[str, Any]:
    return {"name": name, "description": None, "sortOrder": 0, "isDefault": False, "isSubscribed": True}


def blobs_of(card: Mapping[str, Any]) -> set[str]:
    return {one["blobId"] for one in card.get("media", {}).values() if "blobId" in one}


def _fit(media_type: str) -> str:
    """A media type without parameters; application/octet-stream for what is none."""
    text = media_type.partition(";")[0].strip().lower()
    return text if _TYPE.fullmatch(text) else "application/octet-stream"
