"""Passkeys (WebAuthn level 2): as second factor, and, where the device proved its user, as the whole
sign-in. Challenges are sealed tokens: short-lived, for one purpose, used once."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from twisted.internet.interfaces import IReactorTime
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from mailsys.core.bad_field import BadField
from mailsys.core.refusal import BadCredentials, ObjectConflict
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.access.sealed import Seal
from mailsys.services.access.second_factor import PASSKEYS, SecondFactor

log = Log("passkeys")

AT_MOST: Final = 20  # of one account
WITHIN: Final = 300.0  # seconds for the person to touch the device
_REGISTER: Final = "passkey-register"
_SIGN_IN: Final = "passkey-sign-in"
_SECOND: Final = "passkey-second"


@dataclass(frozen=True, slots=True)
class Party:
    """Who we are to the browser: host name, and origin as scheme://host[:port]."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    id: str
    name: str
    created: float
    last_used: float | None
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser is asked; `options` is the argument of navigator.credentials, in its JSON form."""

    challenge: str
    options: dict[str, Any]


class _Record(msgspec.Struct, frozen=True):
    name: str
    credential: str  # id, base64url
    key: str  # COSE public key, base64url
    count: int
    created: float
    backed_up: bool = False
    last_used: float | None = None


class Passkeys:
    def __init__(
        self,
        objects: IObjectStore,
        accounts: IAccountStore,
        factor: SecondFactor,
        seal: Seal,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
        name: str,
    ) -> None:
        self._objects = objects
        self._accounts = accounts
        self._factor = factor
        self._seal = seal
        self._clock = clock
        self._random = random_bytes
        self._name = name

    async def of(self, account: AccountId) -> list[Passkey]:
        return [_passkey(each) for each in await self._objects.objects(account, PASSKEYS)]

    # -- a new one ---------------------------------------------------------------------------------------

    async def begin_registration(self, account: Account, party: Party) -> Asked:
        known = await self._objects.objects(account.id, PASSKEYS)
        if len(known) >= AT_MOST:
            raise BadField("name", f"An account has at most {AT_MOST} passkeys.")
        challenge = self._random(32)
        options = generate_registration_options(
            rp_id=party.host,
            rp_name=self._name,
            user_id=_handle(account.id),
            user_name=account.address,
            user_display_name=account.name or account.address,
            challenge=challenge,
            timeout=int(WITHIN * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=_descriptors(known),
        )
        return self._asked(_REGISTER, challenge, options, account.id, party)

    async def register(
        self, account: Account, token: str, credential: dict[str, Any], name: str, party: Party
    ) -> tuple[Passkey, list[str]]:
        """Keep a new passkey. Fires with it, and with recovery codes when it is the first factor.
        BadCredentials when what the browser sent does not hold."""
        name = name.strip()
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise BadField("name", "A name has 1 to 100 characters.")
        asked = await self._seal.use(_REGISTER, token)
        if asked["account"] != account.id:
            raise BadCredentials(cause="challenge of another account")
        try:
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=bytes.fromhex(asked["challenge"]),
                expected_rp_id=party.host,
                expected_origin=party.origin,
                require_user_verification=False,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError) as error:
            raise BadCredentials("The passkey was not accepted.", cause=str(error)[:200]) from error
        record = _Record(
            name,
            _text(verified.credential_id),
            _text(verified.credential_public_key),
            verified.sign_count,
            self._clock.seconds(),
            verified.credential_backed_up,
        )
        ident = _ident(verified.credential_id)
        if await self._objects.objects(account.id, PASSKEYS, [ident]):
            raise BadField("credential", "This passkey is registered already.")
        before = await self._factor.state(account.id)
        await self._write(account.id, ident, record, 0)
        await self._factor.settle(account.id)
        log.info("passkey added", account=account.id, id=ident)
        codes = [] if before.recovery_codes else await self._factor.new_recovery_codes(account.id)
        return _of(ident, record), codes

    async def remove(self, account: AccountId, ident: str) -> bool:
        if not await self._objects.objects(account, PASSKEYS, [ident]):
            return False
        await self._objects.write([ObjectChange(account, PASSKEYS, ident, remove=True)])
        await self._factor.settle(account)
        log.info("passkey removed", account=account, id=ident)
        return True

    # -- signing in ----------------------------------------------------------------------------------------

    async def begin_sign_in(self, party: Party, account: AccountId | None = None) -> Asked:
        """As whole sign-in (no account yet: the device offers what it has), or as second factor."""
        challenge = self._random(32)
        known = [] if account is None else await self._objects.objects(account, PASSKEYS)
        options = generate_authentication_options(
            rp_id=party.host,
            challenge=challenge,
            timeout=int(WITHIN * 1000),
            allow_credentials=_descriptors(known),
            user_verification=UserVerificationRequirement.REQUIRED
            if account is None
            else UserVerificationRequirement.DISCOURAGED,
        )
        return self._asked(_SIGN_IN if account is None else _SECOND, challenge, options, account, party)

    async def finish_sign_in(
        self, token: str, credential: dict[str, Any], party: Party, account: AccountId | None = None
    ) -> Account:
        """Whose passkey it is. `account`: who gave a password before. BadCredentials otherwise."""
        asked = await self._seal.use(_SIGN_IN if account is None else _SECOND, token)
        if asked.get("account") != account:
            raise BadCredentials(cause="challenge of another account")
        try:
            whose = account if account is not None else _whose(credential)
            raw = _octets(str(credential["id"]))
            ident = _ident(raw)
            stored = await self._objects.objects(whose, PASSKEYS, [ident])
            if not stored:
                raise BadCredentials("This passkey is not known here.", cause="no such passkey")
            record = _record(stored[0])
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=bytes.fromhex(asked["challenge"]),
                expected_rp_id=party.host,
                expected_origin=party.origin,
                credential_public_key=_octets(record.key),
                credential_current_sign_count=record.count,
                require_user_verification=account is None,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError) as error:
            raise BadCredentials("The passkey was not accepted.", cause=str(error)[:200]) from error
        found: Account | None = await self._accounts.account(whose)
        if found is None or not found.enabled:
            raise BadCredentials(cause="account is gone or disabled")
        used = msgspec.structs.replace(record, count=verified.new_sign_count, last_used=self._clock.seconds())
        try:
            await self._write(whose, ident, used, stored[0].modseq)
        except ObjectConflict:  # it was removed just now, or counts from a copy of it
            raise BadCredentials("The passkey was not accepted; try again.", cause="used twice") from None
        return found

    # --------------------------------------------------------------------------------------------------------

    def _asked(
        self, purpose: str, challenge: bytes, options: Any, account: AccountId | None, party: Party
    ) -> Asked:
        content = {"challenge": challenge.hex(), "account": account, "origin": party.origin}
        token = self._seal.make(purpose, content, WITHIN)
        return Asked(token, msgspec.json.decode(options_to_json(options)))

    async def _write(self, account: AccountId, ident: str, record: _Record, if_modseq: int) -> None:
        value = msgspec.json.encode(record)
        await self._objects.write([ObjectChange(account, PASSKEYS, ident, value, if_modseq=if_modseq)])


def _handle(account: AccountId) -> bytes:
    """The user handle: no address, so that nobody's device tells who he is (WebAuthn §14.6.1)."""
    return b"A%d" % account


def _whose(credential: dict[str, Any]) -> AccountId:
    handle = _octets(str(credential["response"]["userHandle"]))
    if handle[:1] != b"A" or not handle[1:].isdigit() or len(handle) > 19:
        raise ValueError("no user handle of ours")
    return AccountId(int(handle[1:]))


def _ident(credential_id: bytes) -> str:
    return hashlib.blake2b(credential_id, digest_size=16).hexdigest()


def _descriptors(stored: list[StoredObject]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=_octets(_record(each).credential)) for each in stored]


def _record(stored: StoredObject) -> _Record:
    return msgspec.json.decode(stored.value, type=_Record)


def _of(ident: str, record: _Record) -> Passkey:
    return Passkey(ident, record.name, record.created, record.last_used, record.backed_up)


def _passkey(stored: StoredObject) -> Passkey:
    return _of(stored.id, _record(stored))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _octets(text: str) -> bytes:
    data = text.encode("ascii")
    return urlsafe_b64decode(data + b"=" * (-len(data) % 4))
