"""Accounts that people make for themselves: off, with an invite, or open (settings.web.registration).

Names that stand for the house are refused to everybody (RFC 2142 and what people take for it). An
invite is a token of the administrator who made it, good for one account of one domain.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from twisted.internet.interfaces import IReactorTime

from mailsys.core.bad_field import BadField, Taken
from mailsys.core.message.address import canonical
from mailsys.core.network import customer_of
from mailsys.core.refusal import MailboxExists, NotAllowed, ObjectConflict, RateLimited, Refusal
from mailsys.log import Log
from mailsys.ports.accounts import Account, Credentials, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.access.own_password import check_new_password
from mailsys.services.access.rights import AdminRights

log = Log("registration")

Mode = Literal["off", "invite", "open"]

INVITES: Final = "Invite"
INVITES_AT_MOST: Final = 1000  # of one administrator
LONGEST_NAME: Final = 100
_DAY: Final = 86400.0
_TRIES: Final = 30  # within an hour, of one address

_HOUSE: Final = """
    abuse admin administrator administration billing bounce bounces daemon dmarc dns ftp help
    hostmaster info list lists majordomo mail mailer mailer-daemon mailerdaemon mailsys marketing
    mta-sts news newsmaster no-reply nobody noc noreply operator owner postmaster privacy register
    registrar root sales security smtp imap spam ssl-admin ssladmin ssladministrator sslwebmaster
    support sysadmin system tls-reports tlsrpt usenet uucp webmail webmaster www autoconfig
    autodiscover everyone all staff team
"""
_RESERVED: Final = frozenset(_HOUSE.split())
# What a person's address looks like; administrators may make any.
_LOCAL: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_INVITE: Final = re.compile(r"inv-([1-9][0-9]{0,17})-([a-z2-7]{8})-([a-z2-7]{26})")


@dataclass(frozen=True, slots=True)
class Invite:
    id: str
    domain: str
    note: str
    created: float
    expires: float
    used_by: str  # address; empty: open


class _Record(msgspec.Struct, frozen=True):
    domain: str
    note: str
    hash: str
    created: float
    expires: float
    used_by: str = ""


def is_reserved(local: str) -> bool:
    """Whether a local part (canonical) is not for a person, dots and dashes aside."""
    plain = local.partition("+")[0]
    return plain in _RESERVED or plain.replace(".", "").replace("-", "").replace("_", "") in _RESERVED


class Invites:
    """An invite holds as long as who made it administers its domain."""

    def __init__(
        self,
        objects: IObjectStore,
        accounts: IAccountStore,
        rights: AdminRights,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._objects = objects
        self._accounts = accounts
        self._rights = rights
        self._clock = clock
        self._random = random_bytes

    async def create(self, by: AccountId, domain: str, note: str, days: int) -> tuple[Invite, str]:
        """A new one, and its token, shown this once."""
        if len(await self._objects.objects(by, INVITES)) >= INVITES_AT_MOST:
            raise NotAllowed(f"You have {INVITES_AT_MOST} invites already; remove some.")
        now = self._clock.seconds()
        ident = _letters(self._random(5))
        token = f"inv-{by}-{ident}-{_letters(self._random(16))}"
        record = _Record(domain, note, _hash(token), now, now + days * _DAY)
        await self._write(by, ident, record)
        log.info("invite made", by=by, id=ident, domain=domain)
        return _invite(ident, record), token

    async def of(self, by: AccountId) -> list[Invite]:
        return [_invite(each.id, _record(each)) for each in await self._objects.objects(by, INVITES)]

    async def remove(self, by: AccountId, ident: str) -> bool:
        if not await self._objects.objects(by, INVITES, [ident]):
            return False
        await self._objects.write([ObjectChange(by, INVITES, ident, remove=True)])
        return True

    async def find(self, token: str) -> tuple[AccountId, Invite] | None:
        """The open invite behind a token."""
        found = _INVITE.fullmatch(token)
        if found is None:
            return None
        by = AccountId(int(found[1]))
        stored = await self._objects.objects(by, INVITES, [found[2]])
        if not stored:
            return None
        record = _record(stored[0])
        if not hmac.compare_digest(record.hash, _hash(token)) or record.used_by:
            return None
        if record.expires <= self._clock.seconds():
            return None
        maker: Account | None = await self._accounts.account(by)
        if maker is None or not maker.enabled:
            return None
        if not (await self._rights.of(maker)).over_domain(record.domain):
            return None
        return by, _invite(found[2], record)

    async def use(self, by: AccountId, ident: str, address: str) -> bool:
        """Spend it for that address; False when somebody else was faster."""
        return await self._mark(by, ident, "", address)

    async def give_back(self, by: AccountId, ident: str, address: str) -> None:
        """The account was not made after all."""
        await self._mark(by, ident, address, "")

    async def _mark(self, by: AccountId, ident: str, before: str, after: str) -> bool:
        stored = await self._objects.objects(by, INVITES, [ident])
        if not stored or _record(stored[0]).used_by != before:
            return False
        record = msgspec.structs.replace(_record(stored[0]), used_by=after)
        value = msgspec.json.encode(record)
        change = ObjectChange(by, INVITES, ident, value, if_modseq=stored[0].modseq)
        try:
            await self._objects.write([change])
        except ObjectConflict:
            return False
        return True

    async def _write(self, by: AccountId, ident: str, record: _Record) -> None:
        await self._objects.write([ObjectChange(by, INVITES, ident, msgspec.json.encode(record))])


class Registration:
    def __init__(
        self,
        mode: Mode,
        per_day: int,
        domain: str,
        accounts: IAccountStore,
        invites: Invites,
        limits: ILimits,
        hash_password: Callable[[str], Awaitable[Credentials]],
        changed: Callable[[], Awaitable[object]],
    ) -> None:
        """`domain`: where accounts are made without an invite; `changed`: awaited after."""
        self.mode = mode
        self.domain = domain
        self._per_day = per_day
        self._accounts = accounts
        self._invites = invites
        self._limits = limits
        self._hash = hash_password
        self._changed = changed

    async def register(self, login: str, name: str, password: str, invite: str, address: str) -> Account:
        """A new account. `login` is a local part, or an address of the domain that it is made in.

        Raises NotAllowed (switched off, no valid invite), BadField, Taken, RateLimited.
        """
        if self.mode == "off":
            raise NotAllowed("Accounts are made by the administrators here.")
        whose = customer_of(address)
        if await self._limits.hit(f"register-try:{whose}", 3600.0) > _TRIES:
            raise RateLimited()
        domain, found = self.domain, None
        if invite or self.mode == "invite":
            found = await self._invites.find(invite)
            if found is None:
                raise BadField("invite", "This invite does not hold.")
            domain = found[1].domain
        wanted = self._address(login, domain)
        name = " ".join(name.split())
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise BadField("name", f"A name has 1 to {LONGEST_NAME} characters.")
        check_new_password(password, wanted, name)
        if await self._accounts.address(wanted) is not None:
            raise Taken("The address is taken.")
        # Counted before, or many at the same time would pass.
        if found is None and await self._limits.hit(f"registered:{whose}", _DAY) > self._per_day:
            raise RateLimited("Too many accounts were made from here today.")
        if found is not None and not await self._invites.use(found[0], found[1].id, wanted):
            raise BadField("invite", "This invite does not hold.")
        try:
            account: Account = await self._accounts.create_account(wanted, name, await self._hash(password))
        except Refusal as refusal:
            if found is not None:
                await self._invites.give_back(found[0], found[1].id, wanted)
            if isinstance(refusal, MailboxExists):  # somebody was faster
                raise Taken("The address is taken.") from None
            raise
        await self._changed()
        log.info("registered", account=account.id, address=wanted, peer=address)
        return account

    def _address(self, login: str, domain: str) -> str:
        try:
            address = canonical(login.strip() if "@" in login else f"{login.strip()}@{domain}")
        except ValueError:
            raise BadField("login", "This is no address.") from None
        local, _, given = address.rpartition("@")
        if given != domain:
            raise BadField("login", f"Accounts are made in {domain} here.")
        if _LOCAL.fullmatch(local) is None or ".." in local:
            raise BadField(
                "login", 'An address has letters, digits, ".", "-" and "_", and begins and ends without them.'
            )
        if is_reserved(local):
            raise BadField("login", "This address is reserved.")
        return address


def _letters(octets: bytes) -> str:
    return b32encode(octets).decode("ascii").rstrip("=").lower()


def _hash(token: str) -> str:
    return hashlib.blake2b(token.encode("ascii"), digest_size=32, person=b"invite").hexdigest()


def _record(stored: StoredObject) -> _Record:
    return msgspec.json.decode(stored.value, type=_Record)


def _invite(ident: str, record: _Record) -> Invite:
    return Invite(ident, record.domain, record.note, record.created, record.expires, record.used_by)
