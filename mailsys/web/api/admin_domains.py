"""Domains, aliases and forwards, for administrators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Literal

from msgspec import Meta

from mailsys.core.bad_field import BadField, Taken
from mailsys.core.jmap.ids import account_id
from mailsys.core.refusal import MailboxExists, NotAllowed
from mailsys.log import Log
from mailsys.ports.accounts import Account, Address, AddressKind, Domain, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.services.access.rights import AdminRights
from mailsys.services.operating import commands as c
from mailsys.services.operating.administration import Administration
from mailsys.web.api.admin_accounts import account_of
from mailsys.web.api.domain_names import domain_name, mail_address
from mailsys.web.api.table import Access, Api, Call, Model, Route, missing, page
from mailsys.web.problems import WebProblem

log = Log("api")

AccountRef = Annotated[str, Meta(max_length=20, description="Id of an account; empty: nobody.")]


class DomainInfo(Model, frozen=True):
    name: str
    postmaster: AccountRef
    catch_all: AccountRef


class DomainList(Model, frozen=True):
    domains: list[DomainInfo]


class NewDomain(Model, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=253)]
    postmaster: AccountRef = ""
    catch_all: AccountRef = ""


class DomainChange(Model, frozen=True):
    """What is left out stays."""

    postmaster: AccountRef | None = None
    catch_all: AccountRef | None = None


class DnsRecord(Model, frozen=True):
    name: str
    type: str
    value: str
    why: str


class DnsRecords(Model, frozen=True):
    records: list[DnsRecord]


class AliasInfo(Model, frozen=True):
    """An alias leads to one account; a forward to `targets`, and to `account` if that keeps a copy."""

    address: str
    kind: Literal["alias", "forward"]
    account: AccountRef
    targets: list[str]


class AliasQuery(Model, frozen=True):
    account: AccountRef = ""
    after: Annotated[str, Meta(max_length=400, description="Cursor of the page before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class AliasList(Model, frozen=True):
    aliases: list[AliasInfo]
    next: str | None


class NewAlias(Model, frozen=True):
    address: Annotated[str, Meta(min_length=3, max_length=320)]
    account: AccountRef = ""
    targets: Annotated[list[Annotated[str, Meta(max_length=320)]], Meta(max_length=100)] = []  # noqa: RUF012


class DomainRoutes:
    def __init__(
        self,
        accounts: IAccountStore,
        rights: AdminRights,
        administration: Administration,
        changed: Callable[[], Awaitable[object]],
    ) -> None:
        self._accounts = accounts
        self._rights = rights
        self._administration = administration
        self._changed = changed

    def mount(self, api: Api) -> None:
        admin = Access.ADMIN
        api.add(
            Route("GET", "/domains", self.domains, "Domains that one administers.", "Domains", admin,
                  answer=DomainList),
            Route("POST", "/domains", self.add_domain, "Add a domain.", "Domains", admin,
                  body=NewDomain, answer=DomainInfo, status=201, problems=(409,)),
            Route("GET", "/domains/{name}", self.domain, "One domain.", "Domains", admin,
                  answer=DomainInfo, problems=(404,)),
            Route("PATCH", "/domains/{name}", self.change_domain, "Change a domain.", "Domains", admin,
                  body=DomainChange, answer=DomainInfo, problems=(404,)),
            Route("DELETE", "/domains/{name}", self.remove_domain, "Remove a domain without addresses.",
                  "Domains", admin, problems=(404, 409)),
            Route("GET", "/domains/{name}/records", self.records, "DNS records that a domain needs.",
                  "Domains", admin, answer=DnsRecords, problems=(404,)),
            Route("GET", "/aliases", self.aliases, "Aliases and forwards by address.", "Aliases", admin,
                  query=AliasQuery, answer=AliasList, problems=(404,)),
            Route("POST", "/aliases", self.add_alias, "Add an alias or a forward.", "Aliases", admin,
                  body=NewAlias, answer=AliasInfo, status=201, problems=(404, 409)),
            Route("DELETE", "/aliases/{address}", self.remove_alias, "Remove an alias or a forward.",
                  "Aliases", admin, problems=(404, 409)),
        )  # fmt: skip

    # -- domains ---------------------------------------------------------------------------------------------

    async def domains(self, call: Call) -> DomainList:
        found = [each for each in await self._accounts.domains() if call.rights.over_domain(each.name)]
        return DomainList(domains=[_domain(each) for each in found])

    async def add_domain(self, call: Call) -> DomainInfo:
        if not call.rights.all:
            raise WebProblem(403, "Only who administers everything adds domains.")
        given: NewDomain = call.body
        name = domain_name(given.name, "name")
        postmaster = await self._ref(call, given.postmaster, "postmaster")
        catch_all = await self._ref(call, given.catch_all, "catchAll")
        try:
            await self._administration.perform(c.AddDomain(name=name))  # with its keys
        except MailboxExists:
            raise Taken(f"{name} is a domain of ours already.") from None
        domain = Domain(name, _id(postmaster), _id(catch_all))
        if postmaster is not None or catch_all is not None:
            await self._accounts.put_domain(domain)
            await self._changed()
        return _domain(domain)

    async def domain(self, call: Call) -> DomainInfo:
        return _domain(await self._domain(call))

    async def change_domain(self, call: Call) -> DomainInfo:
        domain = await self._domain(call)
        given: DomainChange = call.body
        for changed, whose in ((given.postmaster, domain.postmaster), (given.catch_all, domain.catch_all)):
            if changed is not None:
                await self._require_over(call, whose)
        if given.postmaster is not None:
            domain = replace(domain, postmaster=_id(await self._ref(call, given.postmaster, "postmaster")))
        if given.catch_all is not None:
            domain = replace(domain, catch_all=_id(await self._ref(call, given.catch_all, "catchAll")))
        await self._accounts.put_domain(domain)
        await self._changed()
        log.info("domain changed", by=call.account, domain=domain.name)
        return _domain(domain)

    async def remove_domain(self, call: Call) -> None:
        domain = await self._domain(call)
        if not call.rights.all:
            raise WebProblem(403, "Only who administers everything removes domains.")
        try:
            await self._accounts.remove_domain(domain.name)
        except NotAllowed as refusal:
            raise WebProblem(409, "The domain still has addresses.", cause=str(refusal)) from refusal
        await self._changed()
        log.warning("domain removed", by=call.account, domain=domain.name)

    async def records(self, call: Call) -> DnsRecords:
        domain = await self._domain(call)
        found = await self._administration.perform(c.DomainRecords(name=domain.name))
        assert isinstance(found, list)
        return DnsRecords(records=[DnsRecord(**each) for each in found])

    # -- aliases ---------------------------------------------------------------------------------------------

    async def aliases(self, call: Call) -> AliasList:
        asked: AliasQuery = call.query
        whose = None
        if asked.account:
            whose = (await account_of(self._accounts, self._rights, call, asked.account)).id
        found = sorted(
            (
                each
                for each in await self._accounts.addresses(whose)
                if each.kind is not AddressKind.PRIMARY
                and each.address > asked.after
                and call.rights.over_address(each.address)
            ),
            key=lambda each: each.address,
        )
        shown, after = page(asked.limit, found, lambda each: each.address)
        return AliasList(aliases=[_alias(each) for each in shown], next=after)

    async def add_alias(self, call: Call) -> AliasInfo:
        given: NewAlias = call.body
        address = mail_address(given.address, "address")
        domain = address.rpartition("@")[2]
        if not call.rights.over_domain(domain):
            raise BadField("address", "You do not administer that domain.")
        if all(each.name != domain for each in await self._accounts.domains()):
            raise BadField("address", f"{domain} is not a domain of ours.")
        account = await self._ref(call, given.account, "account")
        targets = tuple(mail_address(each, "targets") for each in given.targets)
        if not targets and account is None:
            raise BadField("account", "An alias needs an account, a forward needs targets.")
        if await self._accounts.address(address) is not None:
            raise Taken("The address is taken.")
        kind = AddressKind.FORWARD if targets else AddressKind.ALIAS
        made = Address(address, kind, _id(account), targets)
        try:
            await self._accounts.put_address(made)
        except MailboxExists:
            raise Taken("The address is taken.") from None
        await self._changed()
        log.info("alias added", by=call.account, address=address, kind=kind.value)
        return _alias(made)

    async def remove_alias(self, call: Call) -> None:
        address = mail_address(call.path["address"], "address")
        found: Address | None = await self._accounts.address(address)
        if found is None or not call.rights.over_address(address):
            raise missing("There is no such address.")
        if found.kind is AddressKind.PRIMARY:
            raise WebProblem(409, "This is an account's own address.")
        if found.account is not None:
            await self._require_over(call, found.account)
        await self._accounts.remove_address(address)
        await self._changed()
        log.info("alias removed", by=call.account, address=address)

    # --------------------------------------------------------------------------------------------------------

    async def _domain(self, call: Call) -> Domain:
        try:
            name = domain_name(call.path["name"])
        except BadField:
            raise missing("There is no such domain.") from None
        for each in await self._accounts.domains():
            if each.name == name and call.rights.over_domain(name):
                return each
        raise missing("There is no such domain.")

    async def _require_over(self, call: Call, whose: AccountId | None) -> None:
        """That the caller may take from that account what it receives."""
        account: Account | None = None if whose is None else await self._accounts.account(whose)
        if account is not None and not await self._rights.over(call.rights, account):
            raise WebProblem(403, "This belongs to an account that has rights which you lack.")

    async def _ref(self, call: Call, text: str, field: str) -> Account | None:
        if not text:
            return None
        try:
            return await account_of(self._accounts, self._rights, call, text)
        except WebProblem:
            raise BadField(field, "There is no such account.") from None


def _id(account: Account | None) -> AccountId | None:
    return None if account is None else account.id


def _shown(account: AccountId | None) -> str:
    return "" if account is None else account_id(account)


def _domain(domain: Domain) -> DomainInfo:
    return DomainInfo(
        name=domain.name, postmaster=_shown(domain.postmaster), catch_all=_shown(domain.catch_all)
    )


def _alias(address: Address) -> AliasInfo:
    return AliasInfo(
        address=address.address,
        kind="forward" if address.kind is AddressKind.FORWARD else "alias",
        account=_shown(address.account),
        targets=list(address.targets),
    )
