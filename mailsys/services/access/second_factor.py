"""The second factor of an account: time-based codes (RFC 6238) and recovery codes.

Objects of kind "SecondFactor": "totp" (secret, and whether it was confirmed), "recovery" (hashes of
unused codes), "policy" (whether mail programs need app passwords: read at each of their sign-ins, so
it stands apart and tells the outcome, not the wish). Passkeys (`services.access.passkeys`) count as well.

Each is written only as it was read (ObjectChange.if_modseq), so a code is spent once however many present
it at the same time, on however many processes. A try with a time-based code is taken before it is looked at
(IOnceStore), so that many at once are no more than many in a row.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final, TypeVar

import msgspec
import pyotp
import segno
from twisted.internet.interfaces import IReactorTime

from mailsys.core.refusal import BadCredentials, NotAllowed, ObjectConflict, RateLimited, UnknownRecipient
from mailsys.log import Log
from mailsys.ports.accounts import Account, AccountPatch, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange
from mailsys.ports.once import IOnceStore
from mailsys.services.access.at_rest import AtRest, Unreadable
from mailsys.services.conditional import until_it_holds

log = Log("second_factor")

T = TypeVar("T")

KIND: Final = "SecondFactor"
PASSKEYS: Final = "Passkey"
STEP: Final = 30  # seconds that a code holds (RFC 6238 §4.1)
DRIFT: Final = 1  # steps that the clocks may differ
RECOVERY_CODES: Final = 10
_SECRET_OCTETS: Final = 20  # RFC 4226 §4: 160 bits
_WRONG_PER_HOUR: Final = 30  # codes of an account, by all strangers or by a place: of a million, three hold
_HOUR: Final = 3600.0
_SETTLED_WITHIN: Final = 20  # tries


@dataclass(frozen=True, slots=True)
class FactorState:
    totp: bool
    passkeys: int
    recovery_codes: int  # unused ones
    app_passwords_only: bool  # the wish; it holds while there is a second factor

    @property
    def active(self) -> bool:
        return self.totp or self.passkeys > 0


@dataclass(frozen=True, slots=True)
class TotpSetup:
    """Shown once; holds after `confirm_totp`."""

    secret: str  # base32
    uri: str  # otpauth://
    svg: str  # the URI as QR code


class _Totp(msgspec.Struct, frozen=True):
    secret: str  # encrypted (`services.access.at_rest`)
    created: float
    confirmed: bool = False
    last: int = 0  # time step of the last code taken: it, and older ones, hold no more (RFC 6238 §5.2)


class _Recovery(msgspec.Struct, frozen=True):
    hashes: tuple[str, ...]  # encrypted: 60 bits are few for who reads the store


class _Policy(msgspec.Struct, frozen=True):
    wish: bool = True
    holds: bool = False


class SecondFactor:
    """`issuer` is what authenticator apps show beside the address."""

    def __init__(
        self,
        objects: IObjectStore,
        accounts: IAccountStore,
        once: IOnceStore,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
        issuer: str,
        at_rest: AtRest,
    ) -> None:
        self._objects = objects
        self._accounts = accounts
        self._once = once
        self._clock = clock
        self._random = random_bytes
        self._issuer = issuer
        self._at_rest = at_rest

    async def state(self, account: AccountId) -> FactorState:
        totp = await self._read(account, "totp", _Totp)
        recovery = await self._read(account, "recovery", _Recovery)
        policy = await self._read(account, "policy", _Policy)
        return FactorState(
            totp is not None and totp.confirmed,
            len(await self._objects.objects(account, PASSKEYS)),
            0 if recovery is None else len(recovery.hashes),
            policy is None or policy.wish,
        )

    async def demands_app_password(self, account: AccountId) -> bool:
        """Whether mail programs of this account may not use its own password."""
        policy = await self._read(account, "policy", _Policy)
        return policy is not None and policy.holds

    # -- time-based codes ----------------------------------------------------------------------------

    async def begin_totp(self, account: Account) -> TotpSetup:
        """A new secret, in force once a code of it was shown. NotAllowed while one is in force."""
        known, modseq = await self._found(account.id, "totp", _Totp)
        if known is not None and known.confirmed:
            raise NotAllowed("Codes are in use already; turn them off first.")
        secret = b32encode(self._random(_SECRET_OCTETS)).decode("ascii")
        hidden = self._at_rest.hide(secret, _whose(account.id))
        await self._put(account.id, "totp", _Totp(hidden, self._clock.seconds()), modseq)
        uri = pyotp.TOTP(secret).provisioning_uri(name=account.address, issuer_name=self._issuer)
        drawn = BytesIO()
        segno.make(uri, error="m", micro=False).save(drawn, kind="svg", scale=4, border=4, xmldecl=False)
        return TotpSetup(secret, uri, drawn.getvalue().decode("utf-8"))

    async def confirm_totp(self, account: AccountId, code: str) -> list[str]:
        """Put the new secret in force. Fires with recovery codes, if there were none. BadCredentials for
        a wrong code."""
        totp, modseq = await self._found(account, "totp", _Totp)
        if totp is None or totp.confirmed:
            raise NotAllowed("There is nothing to confirm.")
        step = self._matching(account, totp, code)
        if step is None:
            log.warning("wrong code", account=account)
            raise BadCredentials("That code is wrong.", cause="totp not confirmed")
        await self._put(account, "totp", msgspec.structs.replace(totp, confirmed=True, last=step), modseq)
        await self.settle(account)
        log.info("codes turned on", account=account)
        recovery = await self._read(account, "recovery", _Recovery)
        return [] if recovery is not None and recovery.hashes else await self.new_recovery_codes(account)

    async def remove_totp(self, account: AccountId) -> None:
        await self._objects.write([ObjectChange(account, KIND, "totp", remove=True)])
        await self.settle(account)
        log.info("codes turned off", account=account)

    async def new_recovery_codes(self, account: AccountId) -> list[str]:
        """Ten fresh codes; older ones hold no more."""
        codes = [_recovery_code(self._random(8)) for _ in range(RECOVERY_CODES)]
        hidden = tuple(self._at_rest.hide(_hash(account, each), _whose_codes(account)) for each in codes)
        await self._put(account, "recovery", _Recovery(hidden))
        return codes

    async def check(self, account: AccountId, code: str, place: str = "") -> str:
        """Take a code: "totp" or "recovery", whichever it was. It holds no more. BadCredentials when it
        is neither; RateLimited when there were too many wrong ones within the hour. `place`: where the
        account knows its owner, whom strangers' wrong codes do not hinder there; "" for all strangers."""
        given = "".join(code.split()).replace("-", "").lower()
        if given.isascii() and given.isdigit():
            await self._check_totp(account, given, place)
            return "totp"
        return await until_it_holds(lambda: self._take_recovery_code(account, given))

    async def _take_recovery_code(self, account: AccountId, given: str) -> str:
        """ObjectConflict when another code was taken at the same time, perhaps this very one."""
        recovery, modseq = await self._found(account, "recovery", _Recovery)
        kept = self._unused(account, recovery, _hash(account, given))
        if recovery is None or kept is None:
            log.warning("wrong code", account=account)  # not counted: nobody guesses 60 bits
            raise BadCredentials("That code is wrong.", cause="no such recovery code")
        left = tuple(each for each in recovery.hashes if each != kept)
        await self._put(account, "recovery", _Recovery(left), modseq)
        log.info("recovery code used", account=account, left=len(left))
        return "recovery"

    def _unused(self, account: AccountId, recovery: _Recovery | None, wanted: str) -> str | None:
        """What is kept of that recovery code."""
        for kept in () if recovery is None else recovery.hashes:
            try:
                if hmac.compare_digest(self._at_rest.show(kept, _whose_codes(account)), wanted):
                    return kept
            except Unreadable as problem:
                log.error("codes cannot be checked", account=account, cause=str(problem))
        return None

    async def _check_totp(self, account: AccountId, code: str, place: str) -> None:
        hour = int(self._clock.seconds() // _HOUR)
        whose = hashlib.blake2b(place.encode(), digest_size=16).hexdigest() if place else "strangers"
        key = f"code:{account}:{whose}:{hour}"
        if not await self._once.take(key, (hour + 1) * _HOUR, _WRONG_PER_HOUR):
            # Whoever tries knows the password. Recovery codes and passkeys, which cannot be guessed,
            # still let the owner in; and so do codes where the account knows him.
            raise RateLimited("Too many wrong codes; use a recovery code or a passkey, or try later.")
        totp, modseq = await self._found(account, "totp", _Totp)
        step = self._matching(account, totp, code) if totp is not None and totp.confirmed else None
        if totp is None or step is None:
            log.warning("wrong code", account=account)
            raise BadCredentials("That code is wrong.", cause="wrong code")
        try:
            await self._put(account, "totp", msgspec.structs.replace(totp, last=step), modseq)
        except ObjectConflict:
            raise BadCredentials("That code was used already; wait for the next.", cause="replay") from None
        await self._once.give_back(key)

    def _matching(self, account: AccountId, totp: _Totp, code: str) -> int | None:
        """The time step whose code this is, later than the last one taken."""
        now = int(self._clock.seconds()) // STEP
        try:
            secret = self._at_rest.show(totp.secret, _whose(account))
        except Unreadable as problem:  # recovery codes and passkeys still hold
            log.error("codes cannot be checked", account=account, cause=str(problem))
            return None
        machine = pyotp.TOTP(secret, interval=STEP)
        for step in (now, *(now + n for d in range(1, DRIFT + 1) for n in (-d, d))):
            if step > totp.last and hmac.compare_digest(machine.generate_otp(step), code):
                return step
        return None

    # -- policy ----------------------------------------------------------------------------------------

    async def set_app_passwords_only(self, account: AccountId, wish: bool) -> None:
        await self._put(account, "policy", _Policy(wish, False))
        await self.settle(account)

    async def settle(self, account: AccountId) -> None:
        """Write down what holds now that factors came or went. Without any, recovery codes go too."""
        for _ in range(_SETTLED_WITHIN):
            _, modseq = await self._found(account, "policy", _Policy)
            state = await self.state(account)
            changes = []
            if not state.active and state.recovery_codes:
                changes.append(ObjectChange(account, KIND, "recovery", remove=True))
            made = _Policy(state.app_passwords_only, state.active and state.app_passwords_only)
            value = msgspec.json.encode(made)
            changes.append(ObjectChange(account, KIND, "policy", value, if_modseq=modseq))
            try:
                await self._objects.write(changes)
                break
            except ObjectConflict:  # somebody settles at the same time: whoever reads last writes last
                log.info("settled again", account=account)
        try:  # a new version of the accounts: proved passwords are forgotten everywhere
            await self._accounts.change_account(account, AccountPatch())
        except UnknownRecipient:
            log.info("account is gone", account=account)

    async def remove_all(self, account: AccountId) -> None:
        """By an administrator, for somebody who lost everything."""
        keys = await self._objects.objects(account, PASSKEYS)
        await self._objects.write(
            [
                *(ObjectChange(account, PASSKEYS, each.id, remove=True) for each in keys),
                ObjectChange(account, KIND, "totp", remove=True),
                ObjectChange(account, KIND, "recovery", remove=True),
            ]
        )
        await self.settle(account)
        log.warning("second factor removed", account=account)

    # ----------------------------------------------------------------------------------------------------

    async def _read(self, account: AccountId, ident: str, kind: type[T]) -> T | None:
        return (await self._found(account, ident, kind))[0]

    async def _found(self, account: AccountId, ident: str, kind: type[T]) -> tuple[T | None, int]:
        """An object, and the modseq that it stands at; 0: there is none."""
        found = await self._objects.objects(account, KIND, [ident])
        return (msgspec.json.decode(found[0].value, type=kind), found[0].modseq) if found else (None, 0)

    async def _put(
        self, account: AccountId, ident: str, value: msgspec.Struct, if_modseq: int | None = None
    ) -> None:
        change = ObjectChange(account, KIND, ident, msgspec.json.encode(value), if_modseq=if_modseq)
        await self._objects.write([change])


async def reseal(objects: IObjectStore, account: AccountId, change: Callable[[str, str], str]) -> int:
    """An account's secrets of this kind, sealed anew (`services.access.resealing`)."""
    changes: list[ObjectChange] = []
    count = 0
    for each in await objects.objects(account, KIND, ["totp", "recovery"]):
        value: msgspec.Struct
        if each.id == "totp":
            totp = msgspec.json.decode(each.value, type=_Totp)
            value = msgspec.structs.replace(totp, secret=change(totp.secret, _whose(account)))
            count += 1
        else:
            kept = msgspec.json.decode(each.value, type=_Recovery).hashes
            value = _Recovery(tuple(change(one, _whose_codes(account)) for one in kept))
            count += len(kept)
        encoded = msgspec.json.encode(value)
        changes.append(ObjectChange(account, KIND, each.id, encoded, if_modseq=each.modseq))
    if changes:
        await objects.write(changes)
    return count


def _whose(account: AccountId) -> str:
    return f"totp {account}"


def _whose_codes(account: AccountId) -> str:
    return f"recovery codes {account}"


def _recovery_code(octets: bytes) -> str:
    text = b32encode(octets).decode("ascii").lower().rstrip("=")[:12]
    if text.isdigit():  # never to be taken for a time-based code
        text = "a" + text[1:]
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"


def _hash(account: AccountId, code: str) -> str:
    """60 bits of chance need no slow hash when tries are counted."""
    plain = code.replace("-", "").lower().encode("utf-8", "replace")
    return hashlib.blake2b(b"%d:%b" % (account, plain), digest_size=32, person=b"recovery-code").hexdigest()
