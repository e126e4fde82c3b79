"""Who may administer what: everything (Account.admin), or some domains (objects "DomainAdmin")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.log import Log
from mailsys.ports.accounts import Account
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

    def over_account(self, account: Account) -> bool:
        """Those who administer everything are nobody else's to change."""
        return self.all or (not account.admin and self.over_address(account.address))


class AdminRights:
    def __init__(self, objects: IObjectStore) -> None:
        self._objects = objects

    async def of(self, account: Account) -> Rights:
        if account.admin:
            return Rights(all=True)
        found = await self._objects.objects(account.id, KIND)
        return Rights(domains=frozenset(each.id for each in found))

    async def grant(self, account: AccountId, domains: Sequence[str]) -> None:
        """These domains, and no others."""
        known = {each.id for each in await self._objects.objects(account, KIND)}
        wanted = set(domains)
        changes = [ObjectChange(account, KIND, each, b"{}") for each in sorted(wanted - known)]
        changes += [ObjectChange(account, KIND, each, remove=True) for each in sorted(known - wanted)]
        if changes:
            await self._objects.write(changes)
            log.info("domain rights set", account=account, domains=", ".join(sorted(wanted)))
