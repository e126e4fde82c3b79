"""Accounts, for administrators. What lies in a domain that is not the caller's is not there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from msgspec import Meta

from mailsys.core.bad_field import BadField, Taken
from mailsys.core.jmap.ids import account_id, account_number
from mailsys.core.refusal import MailboxExists
from mailsys.log import Log
from mailsys.ports.accounts import Account, AccountPatch, Credentials, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.services.access.app_passwords import AppPasswords
from mailsys.services.access.own_password import OwnPassword, check_new_password
from mailsys.services.access.rights import AdminRights
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.sessions import Sessions
from mailsys.web.api.domain_names import domain_name, mail_address
from mailsys.web.api.table import Access, Api, Call, Model, Route, missing, page
from mailsys.web.problems import WebProblem

log = Log("api")

Octets = Annotated[int, Meta(ge=0, le=2**53, description="Octets; 0: no bound.")]
Sends = Annotated[int, Meta(ge=0, le=10**9, description="Recipients; 0: the server's default.")]
Name = Annotated[str, Meta(max_length=100)]
_LIMITS: Final = frozenset(("quota", "sends_per_hour", "sends_per_day"))


class AccountInfo(Model, frozen=True):
    id: str
    address: str
    name: str
    admin: bool
    admin_of: list[str]
    enabled: bool
    quota: Octets
    used: int
    sends_per_hour: Sends
    sends_per_day: Sends


class AccountDetail(AccountInfo, frozen=True):
    addresses: list[str]
    second_factor: bool
    app_passwords: int
    sessions: int


class AccountQuery(Model, frozen=True):
    domain: Annotated[str, Meta(max_length=253)] = ""
    prefix: Annotated[str, Meta(max_length=320, description="Of address or name.")] = ""
    after: Annotated[str, Meta(max_length=400, description="Cursor of the page before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class AccountList(Model, frozen=True):
    accounts: list[AccountInfo]
    next: str | None


class NewAccount(Model, frozen=True):
    address: Annotated[str, Meta(min_length=3, max_length=320)]
    password: Annotated[str, Meta(min_length=1, max_length=1024)]
    name: Name = ""
    admin: bool = False
    quota: Octets = 0


class AccountChange(Model, frozen=True):
    """What is left out stays."""

    name: Name | None = None
    admin: bool | None = None
    admin_of: Annotated[list[str], Meta(max_length=1000)] | None = None
    enabled: bool | None = None
    quota: Octets | None = None
    sends_per_hour: Sends | None = None
    sends_per_day: Sends | None = None


class PasswordReset(Model, frozen=True):
    password: Annotated[str, Meta(min_length=1, max_length=1024)]
    revoke_app_passwords: bool = True
    remove_second_factor: bool = False


class AccountRoutes:
    def __init__(
        self,
        accounts: IAccountStore,
        rights: AdminRights,
        own_password: OwnPassword,
        app_passwords: AppPasswords,
        factor: SecondFactor,
        sessions: Sessions,
        hash_password: Callable[[str], Awaitable[Credentials]],
        changed: Callable[[], Awaitable[object]],
        forget: Callable[[AccountId], None],
    ) -> None:
        self._accounts = accounts
        self._rights = rights
        self._own_password = own_password
        self._app_passwords = app_passwords
        self._factor = factor
        self._sessions = sessions
        self._hash = hash_password
        self._changed = changed
        self._forget = forget

    def mount(self, api: Api) -> None:
        tag, admin = "Accounts", Access.ADMIN
        api.add(
            Route("GET", "/accounts", self.accounts, "Accounts by address.", tag, admin,
                  query=AccountQuery, answer=AccountList),
            Route("POST", "/accounts", self.create, "Make an account.", tag, admin,
                  body=NewAccount, answer=AccountInfo, status=201, problems=(409,)),
            Route("GET", "/accounts/{id}", self.get, "One account.", tag, admin,
                  answer=AccountDetail, problems=(404,)),
            Route("PATCH", "/accounts/{id}", self.change, "Change an account.", tag, admin,
                  body=AccountChange, answer=AccountInfo, problems=(404, 409)),
            Route("DELETE", "/accounts/{id}", self.remove, "Remove an account and all its mail.", tag,
                  admin, problems=(404, 409)),
            Route("POST", "/accounts/{id}/password", self.reset, "Set another's password; sessions end.",
                  tag, admin, body=PasswordReset, problems=(404, 409)),
            Route("DELETE", "/accounts/{id}/sessions", self.end_sessions, "Sign an account out everywhere.",
                  tag, admin, problems=(404,)),
        )  # fmt: skip

    async def accounts(self, call: Call) -> AccountList:
        asked: AccountQuery = call.query
        domain = domain_name(asked.domain) if asked.domain else ""
        prefix = asked.prefix.casefold()
        found = []
        for each in await self._accounts.accounts():
            if each.address <= asked.after or not call.rights.over_address(each.address):
                continue
            if domain and each.address.rpartition("@")[2] != domain:
                continue
            if prefix and not (each.address.startswith(prefix) or each.name.casefold().startswith(prefix)):
                continue
            found.append(each)
            if len(found) > asked.limit:
                break
        shown, after = page(asked.limit, found, lambda account: account.address)
        return AccountList(accounts=[await self._info(each) for each in shown], next=after)

    async def create(self, call: Call) -> AccountInfo:
        given: NewAccount = call.body
        address = mail_address(given.address, "address")
        domain = address.rpartition("@")[2]
        if not call.rights.over_domain(domain):
            raise BadField("address", "You do not administer that domain.")
        if given.admin and not call.rights.all:
            raise WebProblem(403, "Only who administers everything makes administrators.")
        if all(each.name != domain for each in await self._accounts.domains()):
            raise BadField("address", f"{domain} is not a domain of ours.")
        check_new_password(given.password, address, given.name)
        if await self._accounts.address(address) is not None:
            raise Taken("The address is taken.")
        credentials = await self._hash(given.password)
        try:
            account = await self._accounts.create_account(
                address, _plain(given.name), credentials, given.admin, given.quota
            )
        except MailboxExists:
            raise Taken("The address is taken.") from None
        await self._changed()
        log.info("account made", by=call.account, account=account.id, address=address)
        return await self._info(account)

    async def get(self, call: Call) -> AccountDetail:
        account = await self._account(call)
        addresses = await self._accounts.addresses(account.id)
        return AccountDetail(
            **_fields(account),
            admin_of=await self._admin_of(account),
            addresses=[each.address for each in addresses],
            second_factor=(await self._factor.state(account.id)).active,
            app_passwords=len(await self._app_passwords.of(account.id)),
            sessions=len(await self._sessions.of(account.id)),
        )

    async def change(self, call: Call) -> AccountInfo:
        account = await self._account(call)
        given: AccountChange = call.body
        if not call.rights.all and (given.admin is not None or given.admin_of is not None):
            raise WebProblem(403, "Only who administers everything gives or takes rights.")
        if account.id == call.account and (given.enabled is False or given.admin is False):
            raise WebProblem(409, "You cannot shut yourself out.")
        wanted = {
            name: value
            for name in ("admin", "enabled", "quota", "sends_per_hour", "sends_per_day")
            if (value := getattr(given, name)) is not None
        }
        if given.name is not None:
            wanted["name"] = _plain(given.name)
        if not call.rights.all and _LIMITS.intersection(wanted) and (await self._rights.of(account)).any:
            # His own, and those of an equal: whoever resets another's password could be that one.
            raise WebProblem(403, "An administrator's limits are set by who administers everything.")
        if given.admin_of is not None:
            known = {each.name for each in await self._accounts.domains()}
            names = [domain_name(each, "adminOf") for each in given.admin_of]
            if not known.issuperset(names):
                raise BadField("adminOf", "That is not a domain of ours.")
            await self._rights.grant(account.id, names)
        if wanted:
            account = await self._accounts.change_account(account.id, AccountPatch(**wanted))
            await self._changed()
        if not account.enabled:
            await self._sessions.shut_out(account.id)
            self._forget(account.id)
        log.info("account changed", by=call.account, account=account.id, what=", ".join(sorted(wanted)))
        return await self._info(account)

    async def remove(self, call: Call) -> None:
        account = await self._account(call)
        if account.id == call.account:
            raise WebProblem(409, "You cannot remove yourself.")
        await self._app_passwords.revoke_all(account.id)
        await self._accounts.remove_account(account.id)
        await self._sessions.shut_out(account.id)
        self._forget(account.id)
        await self._changed()
        log.warning("account removed", by=call.account, account=account.id, address=account.address)

    async def reset(self, call: Call) -> None:
        account = await self._account(call)
        given: PasswordReset = call.body
        if account.id == call.account:
            raise WebProblem(409, "You change your own password by showing the old one (POST /password).")
        await self._own_password.reset(account, given.password)
        if given.revoke_app_passwords:
            await self._app_passwords.revoke_all(account.id)
        if given.remove_second_factor:
            await self._factor.remove_all(account.id)
        self._forget(account.id)
        log.warning("password reset", by=call.account, account=account.id)

    async def end_sessions(self, call: Call) -> None:
        account = await self._account(call)
        await self._sessions.end_all(account.id)

    # ------------------------------------------------------------------------------------------------------

    async def _account(self, call: Call) -> Account:
        return await account_of(self._accounts, self._rights, call, call.path["id"])

    async def _info(self, account: Account) -> AccountInfo:
        return AccountInfo(**_fields(account), admin_of=await self._admin_of(account))

    async def _admin_of(self, account: Account) -> list[str]:
        return sorted((await self._rights.of(account)).domains)


async def account_of(accounts: IAccountStore, rights: AdminRights, call: Call, text: str) -> Account:
    """The account of an id, if the caller may act on it; else it is not there."""
    number = account_number(text)
    account: Account | None = None if number is None else await accounts.account(AccountId(number))
    if account is None or not await rights.over(call.rights, account):
        raise missing("There is no such account.")
    return account


def _plain(name: str) -> str:
    name = " ".join(name.split())
    if not name.isprintable():
        raise BadField("name", "A name is printable.")
    return name


def _fields(account: Account) -> dict[str, Any]:
    return {
        "id": account_id(account.id),
        "address": account.address,
        "name": account.name,
        "admin": account.admin,
        "enabled": account.enabled,
        "quota": account.quota,
        "used": account.used,
        "sends_per_hour": account.sends_per_hour,
        "sends_per_day": account.sends_per_day,
    }
