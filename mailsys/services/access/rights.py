"""Who may administer what: everything (Account.admin), or some domains (objects "DomainAdmin").

Whoever has an account in his hands has all that it can do. So an administrator acts on an account only if
he has all that himself: its rights, and the domains whose mail it gets (its addresses, and what it
receives as postmaster or by catch-all).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange

log = Log("rights")

KIND: Final = "DomainAdmin"


@dataclass(frozen=True, slots=True)
class Rights:
    """`domains` are canonical names; they say nothing when `all` is set."""

    all: bool = False
    domains: frozenset[str] = frozenset()

    @property
    def any(self) -> bool:
        return self.all or bool(self.domains)

    def over_domain(self, name: str) -> bool:
        return self.all or name in self.domains

    def over_address(self, address: str) -> bool:
        return self.over_domain(address.rpartition("@")[2])

    def covers(self, other: Rights) -> bool:
        """Whether these are all that the other's are."""
        return self.all or (not other.all and other.domains <= self.domains)


class AdminRights:
    def __init__(self, objects: IObjectStore, accounts: IAccountStore) -> None:
        self._objects = objects
        self._accounts = accounts

    async def of(self, account: Account) -> Rights:
        if account.admin:
            return Rights(all=True)
        found = await self._objects.objects(account.id, KIND)
        return Rights(domains=frozenset(each.id for each in found))

    async def over(self, mine: Rights, account: Account) -> bool:
        """Whether who has `mine` may act on an account."""
        if mine.all:
            return True
        if not mine.over_address(account.address) or not mine.covers(await self.of(account)):
            return False
        addresses = await self._accounts.addresses(account.id)
        if not all(mine.over_address(each.address) for each in addresses):
            return False
        return all(
            mine.over_domain(each.name)
            for each in await self._accounts.domains()
            if account.id in (each.postmaster, each.catch_all)
        )

    async def grant(self, account: AccountId, domains: Sequence[str]) -> None:
        """These domains, and no others."""
        known = {each.id for each in await self._objects.objects(account, KIND)}
        wanted = set(domains)
        changes = [ObjectChange(account, KIND, each, b"{}") for each in sorted(wanted - known)]
        changes += [ObjectChange(account, KIND, each, remove=True) for each in sorted(known - wanted)]
        if changes:
            await self._objects.write(changes)
            log.info("domain rights set", account=account, domains=", ".join(sorted(wanted)))
