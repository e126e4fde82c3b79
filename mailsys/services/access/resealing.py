"""All that is sealed in a store, sealed anew under another key (`mailsys secrets reseal`). Nobody is served.

While it goes on `sealed-with` names both keys, so that no server starts on a half of it; begun again after a
crash it goes on where it was. What was never sealed is sealed now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

from mailsys.ports.accounts import IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore
from mailsys.services.access.at_rest import AtRest, Unreadable
from mailsys.services.access.sealed_accounts import SealedAccounts
from mailsys.services.access.system_key import KeyProblem, note_resealing, note_sealed


class Change(Protocol):
    """A sealed text sealed under the new key. `whose` is its place. Raises Unreadable."""

    def __call__(self, kept: str, whose: str, /) -> str: ...


Reseal = Callable[[IObjectStore, AccountId, Change], Awaitable[int]]  # an account's objects; how many secrets


async def reseal(
    state: Path,
    accounts: IAccountStore,
    objects: IObjectStore,
    keys: tuple[bytes, bytes],
    random_bytes: Callable[[int], bytes],
    kinds: Iterable[Reseal],
    others: Iterable[Callable[[Change], Awaitable[int]]] = (),
) -> int:
    """How many secrets there were. `accounts` as the store has them; `keys`: the old one, the new one.
    `kinds`: of secrets in an account's objects; `others`: what is no account's. Raises KeyProblem, with
    nothing changed, when the store is sealed with neither."""
    old, new = (AtRest(each, random_bytes) for each in keys)
    note_resealing(state, *keys)

    def change(kept: str, whose: str) -> str:
        try:
            return new.hide(old.show(kept, whose), whose)
        except Unreadable:
            new.show(kept, whose)  # it was done before a crash
            return kept

    try:
        count = await SealedAccounts(accounts, new).reseal(change)
        for other in others:
            count += await other(change)
        for account in await accounts.accounts():
            for kind in kinds:
                count += await kind(objects, account.id, change)
    except Unreadable as problem:
        raise KeyProblem(f"{state}: {problem}: neither the old one nor the new one opens it.") from problem
    note_sealed(state, keys[1])
    return count
