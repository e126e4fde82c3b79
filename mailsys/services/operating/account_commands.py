"""What an operator does to accounts and their addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mailsys.core.refusal import MailboxExists, NotAllowed, UnknownRecipient
from mailsys.log import Log
from mailsys.ports.accounts import Account, AccountPatch, Address, AddressKind, Credentials, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import IMailStore
from mailsys.services.access.own_password import check_new_password
from mailsys.services.operating import commands as c
from mailsys.services.operating.known import Known, address_of

log = Log("administration")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What becomes of those who are signed in. sign_out: ends what was opened with an account's old password,
    once another was set; shut_out: all that it has open, once it was disabled or removed."""

    sign_out: Callable[[AccountId], Awaitable[object]]
    shut_out: Callable[[AccountId], Awaitable[object]]


class AccountCommands:
    """hash_password: credentials of a new password, made off the reactor's thread."""

    def __init__(
        self,
        accounts: IAccountStore,
        mail: IMailStore,
        hash_password: Callable[[str], Awaitable[Credentials]],
        signed_in: SignedIn | None = None,
    ) -> None:
        self._accounts = accounts
        self._mail = mail
        self._hash_password = hash_password
        self._signed_in = signed_in
        self._known = Known(accounts)
        self.ways: dict[type[c.Command], Callable[[Any], Awaitable[object]]] = {
            c.ListAccounts: self._list_accounts,
            c.ShowAccount: self._show_account,
            c.AddAccount: self._add_account,
            c.ChangeAccount: self._change_account,
            c.SetPassword: self._set_password,
            c.RemoveAccount: self._remove_account,
            c.ListAliases: self._list_aliases,
            c.AddAlias: self._add_alias,
            c.AddForward: self._add_forward,
            c.RemoveAlias: self._remove_alias,
        }

    async def _list_accounts(self, command: c.ListAccounts) -> object:
        return [_account(account) for account in await self._accounts.accounts()]

    async def _show_account(self, command: c.ShowAccount) -> object:
        account = await self._known.account(command.address)
        addresses = await self._accounts.addresses(account.id)
        mailboxes = await self._mail.mailboxes(account.id)
        return _account(account) | {
            "addresses": [each.address for each in addresses],
            "mailboxes": [
                {"name": each.path, "total": each.total, "unseen": each.unseen, "size": each.size}
                for each in mailboxes
            ],
        }

    async def _add_account(self, command: c.AddAccount) -> object:
        address = address_of(command.address)
        domain = address.rpartition("@")[2]
        if all(each.name != domain for each in await self._accounts.domains()):
            raise UnknownRecipient(f"{domain} is not a domain of ours; add it with `mailsys domain add`")
        if await self._accounts.address(address) is not None:
            raise MailboxExists(f"{address} exists already")
        check_new_password(command.password, address, command.name)
        credentials = await self._hash_password(command.password)
        account = await self._accounts.create_account(
            address, command.name, credentials, command.admin, command.quota
        )
        log.info("account added", address=address, admin=command.admin)
        return _account(account)

    async def _change_account(self, command: c.ChangeAccount) -> object:
        account = await self._known.account(command.address)
        wanted = {
            name: value
            for name in ("name", "admin", "enabled", "quota", "sends_per_hour", "sends_per_day")
            if (value := getattr(command, name)) is not None
        }
        account = await self._accounts.change_account(account.id, AccountPatch(**wanted))
        if not account.enabled and self._signed_in is not None:
            await self._signed_in.shut_out(account.id)
        log.info("account changed", address=account.address, what=", ".join(wanted))
        return _account(account)

    async def _set_password(self, command: c.SetPassword) -> object:
        account = await self._known.account(command.address)
        check_new_password(command.password, account.address, account.name)
        await self._accounts.set_credentials(account.id, await self._hash_password(command.password))
        if self._signed_in is not None:
            await self._signed_in.sign_out(account.id)
        log.info("password set", address=account.address)
        return {"address": account.address}

    async def _remove_account(self, command: c.RemoveAccount) -> object:
        account = await self._known.account(command.address)
        if account.address != address_of(command.address):
            raise NotAllowed(f"{command.address} is an alias of {account.address}")
        await self._accounts.remove_account(account.id)
        if self._signed_in is not None:
            await self._signed_in.shut_out(account.id)
        log.info("account removed", address=account.address)
        return {"address": account.address}

    # -- aliases and forwards --------------------------------------------------------------------

    async def _list_aliases(self, command: c.ListAliases) -> object:
        account = await self._known.account_id(command.account)
        primary = {each.id: each.address for each in await self._accounts.accounts()}
        return [
            {
                "address": each.address,
                "kind": each.kind.value,
                "account": primary.get(each.account, "") if each.account is not None else "",
                "targets": list(each.targets),
            }
            for each in await self._accounts.addresses(account)
            if each.kind is not AddressKind.PRIMARY
        ]

    async def _add_alias(self, command: c.AddAlias) -> object:
        account = await self._known.account(command.account)
        address = await self._known.free_address(command.address)
        await self._accounts.put_address(Address(address, AddressKind.ALIAS, account.id))
        log.info("alias added", address=address, account=account.address)
        return {"address": address, "account": account.address}

    async def _add_forward(self, command: c.AddForward) -> object:
        address = await self._known.free_address(command.address)
        targets = tuple(address_of(each) for each in command.targets)
        keep = await self._known.account_id(command.keep)
        await self._accounts.put_address(Address(address, AddressKind.FORWARD, keep, targets))
        log.info("forward added", address=address, targets=", ".join(targets))
        return {"address": address, "targets": list(targets), "keep": command.keep}

    async def _remove_alias(self, command: c.RemoveAlias) -> object:
        address = address_of(command.address)
        found = await self._accounts.address(address)
        if found is None:
            raise UnknownRecipient(f"There is no {address}")
        if found.kind is AddressKind.PRIMARY:
            raise NotAllowed(f"{address} is the account itself; use `mailsys account remove`")
        await self._accounts.remove_address(address)
        log.info("alias removed", address=address)
        return {"address": address}


def _account(account: Account) -> dict[str, object]:
    return {
        "address": account.address,
        "name": account.name,
        "admin": account.admin,
        "enabled": account.enabled,
        "quota": account.quota,
        "used": account.used,
    }
