"""Carries out an operator's commands, in terms of the ports."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from mailsys.core.message.address import canonical
from mailsys.core.refusal import MailboxExists, NotAllowed, UnknownRecipient
from mailsys.log import Log
from mailsys.ports.accounts import (
    Account,
    AccountPatch,
    Address,
    AddressKind,
    Credentials,
    DkimKey,
    Domain,
    IAccountStore,
)
from mailsys.ports.ids import AccountId, QueueId, TraceId
from mailsys.ports.mail import IMailStore
from mailsys.ports.queue import IQueueStore, QueueItem
from mailsys.ports.storage import Checked, IStorage, Progress
from mailsys.ports.timeline import TimelineEntry
from mailsys.services.access.own_password import check_new_password
from mailsys.services.dns.records import records
from mailsys.services.operating import commands as c
from mailsys.services.operating.drop import drop

log = Log("administration")

_PAGE: Final = 500  # queue items looked at at a time


def _go_on(progress: Progress) -> bool:
    return True


class Administration:
    """`perform` is all that others call.

    hash_password: credentials of a new password, made off the reactor's thread.
    make_keys: fresh DKIM keys of a domain, likewise.
    look: further complaints for `check` (certificates and the like).
    changed: awaited after commands, so that addresses hold at once.
    sign_out: ends what was opened with an account's old password, once another was set.
    shut_out: ends all that an account has open, once it was disabled or removed.
    """

    def __init__(
        self,
        accounts: IAccountStore,
        mail: IMailStore,
        queue: IQueueStore,
        storage: IStorage,
        hash_password: Callable[[str], Awaitable[Credentials]],
        make_keys: Callable[[str], Awaitable[list[DkimKey]]],
        hostname: str,
        ports: tuple[int, int, int] = (465, 587, 993),
        look: Callable[[], list[str]] = list,
        changed: Callable[[], Awaitable[object]] | None = None,
        seconds: Callable[[], float] = time.time,
        sign_out: Callable[[AccountId], Awaitable[object]] | None = None,
        shut_out: Callable[[AccountId], Awaitable[object]] | None = None,
    ) -> None:
        self._accounts = accounts
        self._mail = mail
        self._queue = queue
        self._storage = storage
        self._hash_password = hash_password
        self._make_keys = make_keys
        self._hostname = hostname
        self._ports = ports
        self._look = look
        self._changed = changed
        self._seconds = seconds
        self._sign_out = sign_out
        self._shut_out = shut_out
        self._ways: Final[dict[type[c.Command], Callable[[Any], Awaitable[object]]]] = {
            c.ListAccounts: self._list_accounts,
            c.ShowAccount: self._show_account,
            c.AddAccount: self._add_account,
            c.ChangeAccount: self._change_account,
            c.SetPassword: self._set_password,
            c.RemoveAccount: self._remove_account,
            c.ListDomains: self._list_domains,
            c.AddDomain: self._add_domain,
            c.ChangeDomain: self._change_domain,
            c.RemoveDomain: self._remove_domain,
            c.DomainRecords: self._domain_records,
            c.ListAliases: self._list_aliases,
            c.AddAlias: self._add_alias,
            c.AddForward: self._add_forward,
            c.RemoveAlias: self._remove_alias,
            c.ListQueue: self._list_queue,
            c.ShowQueueItem: self._show_queue_item,
            c.RetryQueue: self._retry_queue,
            c.HoldQueue: self._hold_queue,
            c.DropQueue: self._drop_queue,
            c.TraceMessage: self._trace,
        }

    async def perform(self, command: c.Command, tell: Callable[[Progress], bool] = _go_on) -> object:
        """Carry out one command; its result is plain JSON data. Raises Refusal with a text for the
        operator. `tell` hears how far a long one is, and answers whether to go on."""
        if isinstance(command, c.Check):
            return await self._check(command, tell)
        result = await self._ways[type(command)](command)
        if self._changed is not None:
            await self._changed()
        return result

    # -- accounts ------------------------------------------------------------------------------

    async def _list_accounts(self, command: c.ListAccounts) -> object:
        return [_account(account) for account in await self._accounts.accounts()]

    async def _show_account(self, command: c.ShowAccount) -> object:
        account = await self._account(command.address)
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
        address = _address(command.address)
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
        account = await self._account(command.address)
        wanted = {
            name: value
            for name in ("name", "admin", "enabled", "quota", "sends_per_hour", "sends_per_day")
            if (value := getattr(command, name)) is not None
        }
        account = await self._accounts.change_account(account.id, AccountPatch(**wanted))
        if not account.enabled and self._shut_out is not None:
            await self._shut_out(account.id)
        log.info("account changed", address=account.address, what=", ".join(wanted))
        return _account(account)

    async def _set_password(self, command: c.SetPassword) -> object:
        account = await self._account(command.address)
        check_new_password(command.password, account.address, account.name)
        await self._accounts.set_credentials(account.id, await self._hash_password(command.password))
        if self._sign_out is not None:
            await self._sign_out(account.id)
        log.info("password set", address=account.address)
        return {"address": account.address}

    async def _remove_account(self, command: c.RemoveAccount) -> object:
        account = await self._account(command.address)
        if account.address != _address(command.address):
            raise NotAllowed(f"{command.address} is an alias of {account.address}")
        await self._accounts.remove_account(account.id)
        if self._shut_out is not None:
            await self._shut_out(account.id)
        log.info("account removed", address=account.address)
        return {"address": account.address}

    # -- domains -------------------------------------------------------------------------------

    async def _list_domains(self, command: c.ListDomains) -> object:
        return [await self._domain(domain) for domain in await self._accounts.domains()]

    async def _add_domain(self, command: c.AddDomain) -> object:
        name = _domain(command.name)
        if any(each.name == name for each in await self._accounts.domains()):
            raise MailboxExists(f"{name} is a domain of ours already")
        domain = Domain(name, await self._id(command.postmaster), await self._id(command.catch_all))
        await self._accounts.put_domain(domain)
        for key in await self._make_keys(name):
            await self._accounts.put_dkim_key(key)
        log.info("domain added", domain=name)
        return await self._domain(domain)

    async def _change_domain(self, command: c.ChangeDomain) -> object:
        domain = await self._known_domain(command.name)
        if command.postmaster is not None:
            domain = replace(domain, postmaster=await self._id(command.postmaster))
        if command.catch_all is not None:
            domain = replace(domain, catch_all=await self._id(command.catch_all))
        await self._accounts.put_domain(domain)
        log.info("domain changed", domain=domain.name)
        return await self._domain(domain)

    async def _remove_domain(self, command: c.RemoveDomain) -> object:
        domain = await self._known_domain(command.name)
        await self._accounts.remove_domain(domain.name)
        log.info("domain removed", domain=domain.name)
        return {"name": domain.name}

    async def _domain_records(self, command: c.DomainRecords) -> object:
        domain = await self._known_domain(command.name)
        keys = await self._accounts.dkim_keys(domain.name)
        return [
            {"name": each.name, "type": each.type, "value": each.value, "why": each.why}
            for each in records(domain.name, self._hostname, keys, self._ports)
        ]

    # -- aliases and forwards --------------------------------------------------------------------

    async def _list_aliases(self, command: c.ListAliases) -> object:
        account = await self._id(command.account)
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
        account = await self._account(command.account)
        address = await self._free_address(command.address)
        await self._accounts.put_address(Address(address, AddressKind.ALIAS, account.id))
        log.info("alias added", address=address, account=account.address)
        return {"address": address, "account": account.address}

    async def _add_forward(self, command: c.AddForward) -> object:
        address = await self._free_address(command.address)
        targets = tuple(_address(each) for each in command.targets)
        keep = await self._id(command.keep)
        await self._accounts.put_address(Address(address, AddressKind.FORWARD, keep, targets))
        log.info("forward added", address=address, targets=", ".join(targets))
        return {"address": address, "targets": list(targets), "keep": command.keep}

    async def _remove_alias(self, command: c.RemoveAlias) -> object:
        address = _address(command.address)
        found = await self._accounts.address(address)
        if found is None:
            raise UnknownRecipient(f"There is no {address}")
        if found.kind is AddressKind.PRIMARY:
            raise NotAllowed(f"{address} is the account itself; use `mailsys account remove`")
        await self._accounts.remove_address(address)
        log.info("alias removed", address=address)
        return {"address": address}

    # -- queue -----------------------------------------------------------------------------------

    async def _list_queue(self, command: c.ListQueue) -> object:
        account = await self._id(command.account)
        after = QueueId(command.after) if command.after else None
        return [_queue_item(each) for each in await self._queue.items(command.limit, after, account)]

    async def _show_queue_item(self, command: c.ShowQueueItem) -> object:
        item = await self._queue.item(QueueId(command.id))
        if item is None:
            raise UnknownRecipient(f"There is no queue item {command.id}")
        timeline = await self._queue.timeline(item.item.trace)
        return _queue_item(item) | {
            "recipients": [
                {
                    "address": each.address,
                    "outcome": each.outcome.value,
                    "host": each.host,
                    "reply": each.reply,
                }
                for each in item.item.recipients
            ],
            "timeline": [_step(entry) for entry in timeline],
        }

    async def _retry_queue(self, command: c.RetryQueue) -> object:
        count = await self._queue.retry([QueueId(each) for each in command.ids], self._seconds())
        after: QueueId | None = None
        while command.all:
            items = await self._queue.items(_PAGE, after)
            tried = [each.id for each in items if each.attempts and not each.item.hold]
            count += await self._queue.retry(tried, self._seconds())
            if len(items) < _PAGE:
                break
            after = items[-1].id
        return {"count": count}

    async def _hold_queue(self, command: c.HoldQueue) -> object:
        return {"count": await self._queue.hold([QueueId(each) for each in command.ids])}

    async def _drop_queue(self, command: c.DropQueue) -> object:
        count = 0
        for ident in command.ids:
            item: QueueItem | None = await self._queue.item(QueueId(ident))
            if item is not None:
                count += await drop(self._queue, item, self._seconds(), "by an operator")
        log.info("queue items dropped", count=count, ids=", ".join(str(each) for each in command.ids[:100]))
        return {"count": count}

    async def _trace(self, command: c.TraceMessage) -> object:
        steps = await self._queue.timeline(TraceId(command.trace))
        if not steps:
            raise UnknownRecipient(f"Nothing is known of {command.trace}")
        return [_step(entry) for entry in steps]

    # -- check -----------------------------------------------------------------------------------

    async def _check(self, command: c.Check, tell: Callable[[Progress], bool]) -> object:
        complaints: list[str] = []
        blobs = octets = 0
        if command.store:
            checked: Checked = await self._storage.check(tell)
            complaints += checked.complaints
            blobs, octets = checked.blobs, checked.octets
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
        return {"complaints": complaints + self._look(), "blobs": blobs, "octets": octets}

    # -- looking things up -----------------------------------------------------------------------

    async def _account(self, address: str) -> Account:
        account = await self._accounts.account_named(_address(address))
        if account is None:
            raise UnknownRecipient(f"There is no account {address}")
        return account

    async def _id(self, address: str) -> AccountId | None:
        return (await self._account(address)).id if address else None

    async def _known_domain(self, name: str) -> Domain:
        name = _domain(name)
        for domain in await self._accounts.domains():
            if domain.name == name:
                return domain
        raise UnknownRecipient(f"{name} is not a domain of ours")

    async def _free_address(self, text: str) -> str:
        address = _address(text)
        await self._known_domain(address.rpartition("@")[2])
        if await self._accounts.address(address) is not None:
            raise MailboxExists(f"{address} exists already")
        return address

    async def _domain(self, domain: Domain) -> dict[str, object]:
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


def _address(text: str) -> str:
    try:
        return canonical(text)
    except ValueError:
        raise NotAllowed(f"{text!r} is not an address") from None


def _domain(text: str) -> str:
    return _address(f"postmaster@{text}").rpartition("@")[2]


def _account(account: Account) -> dict[str, object]:
    return {
        "address": account.address,
        "name": account.name,
        "admin": account.admin,
        "enabled": account.enabled,
        "quota": account.quota,
        "used": account.used,
    }


def _queue_item(item: QueueItem) -> dict[str, object]:
    return {
        "id": item.id,
        "destination": item.item.destination,
        "sender": item.item.sender,
        "recipients": len(item.item.recipients),
        "size": item.size,
        "created": item.item.created,
        "due": item.due,
        "attempts": item.attempts,
        "held": item.item.hold,
        "last_error": item.last_error,
        "trace": item.item.trace,
    }


def _step(entry: TimelineEntry) -> dict[str, object]:
    return {
        "at": entry.at,
        "stage": entry.stage.value,
        "recipient": entry.recipient,
        "detail": dict(entry.detail),
    }


def decode(line: bytes) -> c.Command:
    """A command from its JSON. Raises NotAllowed, whose text never repeats what was sent."""
    try:
        command: c.Command = _decoder.decode(line)
        return command
    except msgspec.ValidationError as problem:
        raise NotAllowed(f"Bad request: {problem}") from None
    except msgspec.DecodeError:
        raise NotAllowed("Bad request: not JSON") from None


_decoder: Final = msgspec.json.Decoder(c.AnyCommand)
