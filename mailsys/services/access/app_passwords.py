"""App passwords: one for each program, with what it may do, until when, and how to take it back.

Each serves as Bearer token, and as password for IMAP, submission and HTTP Basic. It names its account
and record, so that it can be looked up, and carries 128 bits of chance, of which a hash is kept: no
slow hash is needed against guessing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from twisted.internet.interfaces import IReactorTime

from mailsys.core.bad_field import BadField
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.access.revocation import APP, Revocations, Revoked, credential

log = Log("app_passwords")

KIND: Final = "AppPassword"
USES: Final = "AppPasswordUse"  # apart, so that use does not change what was made
SCOPES: Final = ("mail:read", "mail", "send", "imap", "smtp", "api", "admin")
AT_MOST: Final = 100  # of one account
_USED_EVERY: Final = 600.0  # seconds between two notes of use
_FORM: Final = re.compile(r"msp-([1-9][0-9]{0,17})-([a-z2-7]{8})-([a-z2-7]{26})")


@dataclass(frozen=True, slots=True)
class AppPassword:
    account: AccountId
    id: str
    name: str
    scopes: frozenset[str]
    created: float
    expires: float | None  # None: never
    last_used: float | None = None
    last_address: str = ""

    @property
    def credential(self) -> str:
        """Its name among credentials (`services.access.revocation`)."""
        return credential(APP, self.id)


class _Record(msgspec.Struct, frozen=True):
    name: str
    scopes: tuple[str, ...]
    hash: str
    created: float
    expires: float | None = None


class _Use(msgspec.Struct, frozen=True):
    at: float
    address: str = ""


def looks_like_app_password(text: str) -> bool:
    return _FORM.fullmatch(text) is not None


class AppPasswords:
    def __init__(
        self,
        objects: IObjectStore,
        accounts: IAccountStore,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
        revocations: Revocations | None = None,
    ) -> None:
        self._revocations = revocations or Revocations()
        self._objects = objects
        self._accounts = accounts
        self._clock = clock
        self._random = random_bytes

    async def create(
        self, account: AccountId, name: str, scopes: Sequence[str], expires: float | None = None
    ) -> tuple[AppPassword, str]:
        """A new one, and the secret, which is shown this once. Raises BadField."""
        now = self._clock.seconds()
        name = name.strip()
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise BadField("name", "A name has 1 to 100 characters.")
        if not scopes:
            raise BadField("scopes", "At least one scope is needed.")
        unknown = [each for each in scopes if each not in SCOPES]
        if unknown:
            raise BadField("scopes", f"{unknown[0][:40]!r} is no scope; there are {', '.join(SCOPES)}.")
        if expires is not None and expires <= now:
            raise BadField("expires", "That time is past.")
        if len(await self._objects.objects(account, KIND)) >= AT_MOST:
            raise BadField("name", f"An account has at most {AT_MOST} app passwords.")
        ident = _letters(self._random(5))
        secret = f"msp-{account}-{ident}-{_letters(self._random(16))}"
        record = _Record(name, tuple(dict.fromkeys(scopes)), _hash(secret), now, expires)
        await self._objects.write([ObjectChange(account, KIND, ident, msgspec.json.encode(record))])
        log.info("app password made", account=account, id=ident, scopes=" ".join(record.scopes))
        return _app_password(account, ident, record, None), secret

    async def of(self, account: AccountId) -> list[AppPassword]:
        """Oldest first, expired ones among them."""
        uses = {each.id: _use(each) for each in await self._objects.objects(account, USES)}
        return [
            _app_password(account, each.id, _record(each), uses.get(each.id))
            for each in await self._objects.objects(account, KIND)
        ]

    async def revoke(self, account: AccountId, ident: str) -> bool:
        """Whether there was one."""
        if not await self._objects.objects(account, KIND, [ident]):
            return False
        await self._objects.write([ObjectChange(account, kind, ident, remove=True) for kind in (KIND, USES)])
        self._revocations.tell(Revoked(account, APP, ident))
        log.info("app password revoked", account=account, id=ident)
        return True

    async def revoke_all(self, account: AccountId) -> int:
        found = await self._objects.objects(account, KIND)
        if found:
            await self._objects.write(
                [ObjectChange(account, kind, each.id, remove=True) for each in found for kind in (KIND, USES)]
            )
            self._revocations.tell(Revoked(account, APP))
        return len(found)

    async def verify(self, secret: str, address: str = "") -> tuple[Account, AppPassword] | None:
        """Whose it is and what it may do; None when it is none of ours, revoked or expired, or its
        account is gone or disabled."""
        found = _FORM.fullmatch(secret)
        if found is None:
            return None
        account_id, ident = AccountId(int(found[1])), found[2]
        records = await self._objects.objects(account_id, KIND, [ident])
        if not records:
            return None
        record = _record(records[0])
        now = self._clock.seconds()
        if not hmac.compare_digest(record.hash, _hash(secret)):
            return None
        if record.expires is not None and record.expires <= now:
            return None
        account: Account | None = await self._accounts.account(account_id)
        if account is None or not account.enabled:
            return None
        await self._used(account_id, ident, address, now)
        return account, _app_password(account_id, ident, record, None)

    async def _used(self, account: AccountId, ident: str, address: str, now: float) -> None:
        known = await self._objects.objects(account, USES, [ident])
        if known:
            use = _use(known[0])
            if use.at + _USED_EVERY > now and use.address == address:
                return
            if use.at + 60.0 > now:  # many addresses at once
                return
        value = msgspec.json.encode(_Use(now, address))
        await self._objects.write([ObjectChange(account, USES, ident, value)])


def _letters(octets: bytes) -> str:
    return b32encode(octets).decode("ascii").rstrip("=").lower()


def _hash(secret: str) -> str:
    return hashlib.blake2b(secret.encode("ascii"), digest_size=32, person=b"app-password").hexdigest()


def _record(stored: StoredObject) -> _Record:
    return msgspec.json.decode(stored.value, type=_Record)


def _use(stored: StoredObject) -> _Use:
    return msgspec.json.decode(stored.value, type=_Use)


def _app_password(account: AccountId, ident: str, record: _Record, use: _Use | None) -> AppPassword:
    return AppPassword(
        account,
        ident,
        record.name,
        frozenset(record.scopes),
        record.created,
        record.expires,
        None if use is None else use.at,
        "" if use is None else use.address,
    )
