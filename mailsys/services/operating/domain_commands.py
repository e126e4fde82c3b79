"""What an operator does to domains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from mailsys.core.refusal import MailboxExists
from mailsys.log import Log
from mailsys.ports.accounts import Domain, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.services.dns.records import public_part
from mailsys.services.operating import commands as c
from mailsys.services.operating.key_rotation import KeyRotation
from mailsys.services.operating.known import Known, domain_of

log = Log("administration")


class DomainCommands:
    """rotation: makes the keys of domains."""

    def __init__(
        self,
        accounts: IAccountStore,
        rotation: KeyRotation,
    ) -> None:
        self._accounts = accounts
        self._rotation = rotation
        self._known = Known(accounts)
        self.ways: dict[type[c.Command], Callable[[Any], Awaitable[object]]] = {
            c.ListDomains: self._list_domains,
            c.AddDomain: self._add_domain,
            c.ChangeDomain: self._change_domain,
            c.RemoveDomain: self._remove_domain,
            c.RotateKeys: self._rotate_keys,
        }

    async def _list_domains(self, command: c.ListDomains) -> object:
        return [await self._shown(domain) for domain in await self._accounts.domains()]

    async def _add_domain(self, command: c.AddDomain) -> object:
        name = domain_of(command.name)
        if any(each.name == name for each in await self._accounts.domains()):
            raise MailboxExists(f"{name} is a domain of ours already")
        domain = Domain(
            name,
            await self._known.account_id(command.postmaster),
            await self._known.account_id(command.catch_all),
        )
        await self._accounts.put_domain(domain)
        await self._rotation.first(name)
        log.info("domain added", domain=name)
        return await self._shown(domain)

    async def _change_domain(self, command: c.ChangeDomain) -> object:
        domain = await self._known.domain(command.name)
        if command.postmaster is not None:
            domain = replace(domain, postmaster=await self._known.account_id(command.postmaster))
        if command.catch_all is not None:
            domain = replace(domain, catch_all=await self._known.account_id(command.catch_all))
        await self._accounts.put_domain(domain)
        log.info("domain changed", domain=domain.name)
        return await self._shown(domain)

    async def _remove_domain(self, command: c.RemoveDomain) -> object:
        domain = await self._known.domain(command.name)
        await self._accounts.remove_domain(domain.name)
        log.info("domain removed", domain=domain.name)
        return {"name": domain.name}

    async def _rotate_keys(self, command: c.RotateKeys) -> object:
        domain = await self._known.domain(command.name)
        if command.activate:
            await self._rotation.activate(domain.name)
        else:
            await self._rotation.rotate(domain.name)
        return [
            {"name": f"{key.selector}._domainkey.{domain.name}.", "stage": key.stage.value}
            | {"value": public_part(key), "algorithm": key.algorithm}
            for key in await self._accounts.dkim_keys(domain.name)
        ]

    async def _shown(self, domain: Domain) -> dict[str, object]:
        async def name(account: AccountId | None) -> str:
            found = await self._accounts.account(account) if account is not None else None
            return found.address if found is not None else ""

        return {
            "name": domain.name,
            "postmaster": await name(domain.postmaster),
            "catch_all": await name(domain.catch_all),
            "dkim": [
                f"{key.selector} ({key.algorithm})"
                for key in await self._accounts.dkim_keys(domain.name)
                if key.active
            ],
        }

    async def complaints(self) -> list[str]:
        """What a domain lacks."""
        complaints: list[str] = []
        domains = await self._accounts.domains()
        if not domains:
            complaints.append("domains: there is none; add one with `mailsys domain add`")
        for domain in domains:
            if not any(key.active for key in await self._accounts.dkim_keys(domain.name)):
                complaints.append(f"domains: {domain.name} has no DKIM key")
            if (
                domain.postmaster is None
                and await self._accounts.address(f"postmaster@{domain.name}") is None
            ):
                complaints.append(f"domains: nobody reads postmaster@{domain.name}")
        return complaints
