"""Accounts, domains and addresses by what an operator typed. Refusals have a text for the operator."""

from __future__ import annotations

from mailsys.core.message.address import canonical
from mailsys.core.refusal import MailboxExists, NotAllowed, UnknownRecipient
from mailsys.ports.accounts import Account, Domain, IAccountStore
from mailsys.ports.ids import AccountId


class Known:
    def __init__(self, accounts: IAccountStore) -> None:
        self._accounts = accounts

    async def account(self, address: str) -> Account:
        """Raises UnknownRecipient, and NotAllowed for what is no address."""
        account = await self._accounts.account_named(address_of(address))
        if account is None:
            raise UnknownRecipient(f"There is no account {address}")
        return account

    async def account_id(self, address: str) -> AccountId | None:
        """Of an address; "" is nobody."""
        return (await self.account(address)).id if address else None

    async def domain(self, name: str) -> Domain:
        """Raises UnknownRecipient when it is none of ours."""
        name = domain_of(name)
        for domain in await self._accounts.domains():
            if domain.name == name:
                return domain
        raise UnknownRecipient(f"{name} is not a domain of ours")

    async def free_address(self, text: str) -> str:
        """An address of a domain of ours that nobody has yet, in canonical form. Raises MailboxExists."""
        address = address_of(text)
        await self.domain(address.rpartition("@")[2])
        if await self._accounts.address(address) is not None:
            raise MailboxExists(f"{address} exists already")
        return address


def address_of(text: str) -> str:
    """In canonical form. Raises NotAllowed."""
    try:
        return canonical(text)
    except ValueError:
        raise NotAllowed(f"{text!r} is not an address") from None


def domain_of(text: str) -> str:
    """In canonical form. Raises NotAllowed."""
    return address_of(f"postmaster@{text}").rpartition("@")[2]
