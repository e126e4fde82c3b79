"""From where an account was signed in to: networks, and browsers by a mark left in them (device cookies).

There its owner is known, and strangers' failures do not hinder him (`services.access.throttle`). Kept as
objects of the account, not in the sign-in history: that is bounded, and failures would push out what
tells the owner from them. A mark is as good as its 128 bits; the store has its hash only.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec
from twisted.internet.interfaces import IReactorTime

from mailsys.core.network import customer_of, site_of
from mailsys.ports.accounts import Account
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.access.sessions import Visitor
from mailsys.services.access.throttle import Origin

KIND: Final = "KnownPlace"
AT_MOST: Final = 100  # of one account; the one longest unseen gives way
KEPT: Final = 90 * 86400.0  # seconds
_NOTED_EVERY: Final = 86400.0  # seconds
_REMEMBERED: Final = 10_000  # that were noted lately
_MARK_OCTETS: Final = 16


class _Place(msgspec.Struct, frozen=True):
    seen: float


class KnownPlaces:
    def __init__(
        self, objects: IObjectStore, clock: IReactorTime, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._objects = objects
        self._clock = clock
        self._random = random_bytes
        self._noted: OrderedDict[tuple[AccountId, str], float] = OrderedDict()

    def new_mark(self) -> str:
        return self._random(_MARK_OCTETS).hex()

    async def origin(self, visitor: Visitor, account: Account | None) -> Origin:
        """Where a try at this account comes from; None: there is no such account, which takes as long to
        find out."""
        whose = customer_of(visitor.address)
        ids = [_ident("network", whose)] + ([_ident("browser", visitor.mark)] if visitor.mark else [])
        number = AccountId(0) if account is None else account.id
        found = {each.id for each in await self._objects.objects(number, KIND, ids) if self._holds(each)}
        place = f"browser {ids[1]}" if len(ids) > 1 and ids[1] in found else whose
        return Origin(whose, site_of(visitor.address), place, bool(found))

    async def note(self, account: AccountId, visitor: Visitor) -> None:
        """The owner was here."""
        now = self._clock.seconds()
        ids = [_ident("network", customer_of(visitor.address))]
        ids += [_ident("browser", visitor.mark)] if visitor.mark else []
        new = [each for each in ids if self._noted.get((account, each), -KEPT) + _NOTED_EVERY <= now]
        if not new:
            return
        stored = {each.id: each for each in await self._objects.objects(account, KIND)}
        write = [
            each
            for each in new
            if each not in stored or _seen(stored[each]) + _NOTED_EVERY <= now or _seen(stored[each]) > now
        ]
        others = sorted((each for each in stored.values() if each.id not in ids), key=_seen)
        spare = max(0, len(others) + len(ids) - AT_MOST)
        changes = [ObjectChange(account, KIND, each, msgspec.json.encode(_Place(now))) for each in write]
        if changes:
            changes += [ObjectChange(account, KIND, each.id, remove=True) for each in others[:spare]]
            await self._objects.write(changes)
        for each in new:
            self._noted[account, each] = now
            self._noted.move_to_end((account, each))
        while len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)

    def _holds(self, stored: StoredObject) -> bool:
        return _seen(stored) + KEPT > self._clock.seconds()


def _seen(stored: StoredObject) -> float:
    return msgspec.json.decode(stored.value, type=_Place).seen


def _ident(what: str, name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=16, person=what.encode()).hexdigest()
