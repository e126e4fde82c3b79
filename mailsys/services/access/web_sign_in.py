"""Signing in to the web: password, then the second factor when the account has one; or a passkey alone.

Between the two steps stands a sealed token, not a session: who has only the password has nothing yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from mailsys.core.refusal import BadCredentials
from mailsys.core.sasl.plain import Claim
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.sessions import WebSession
from mailsys.services.access.passkeys import Asked, Party, Passkeys
from mailsys.services.access.places import KnownPlaces
from mailsys.services.access.sealed import Expired, Seal
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.sessions import Sessions, Visitor
from mailsys.services.access.sign_in import WEB, SignIn
from mailsys.services.access.throttle import Origin, Throttle

log = Log("web_sign_in")

WITHIN: Final = 300.0  # seconds for the second step
_TRIES: Final = 5  # codes per first step
_PURPOSE: Final = "second-factor"


@dataclass(frozen=True, slots=True)
class Begun:
    """A session: the token goes into its cookie, `mark` into another that outlives it."""

    token: str
    session: WebSession
    account: Account
    remember: bool
    mark: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """The password was right; one of `methods` is due, with this challenge."""

    challenge: str
    methods: Sequence[str]  # of totp, recovery, passkey
    passkey: Asked | None


class WebSignIn:
    def __init__(
        self,
        sign_in: SignIn,
        sessions: Sessions,
        factor: SecondFactor,
        passkeys: Passkeys,
        accounts: IAccountStore,
        seal: Seal,
        throttle: Throttle,
        places: KnownPlaces,
        clock: IReactorTime,
    ) -> None:
        self._sign_in = sign_in
        self._sessions = sessions
        self._factor = factor
        self._passkeys = passkeys
        self._accounts = accounts
        self._seal = seal
        self._throttle = throttle
        self._places = places
        self._clock = clock

    async def password(
        self, login: str, password: str, visitor: Visitor, party: Party, remember: bool
    ) -> Begun | NextStep:
        """The first step. Raises BadCredentials or RateLimited."""
        proof = await self._sign_in.prove(Claim(login, password), visitor, "web", WEB)
        account = proof.account
        state = await self._factor.state(account.id)
        if not state.active:
            return await self._begin(account, visitor, remember, "password", False)
        methods = [
            *(["totp"] if state.totp else []),
            *(["passkey"] if state.passkeys else []),
            *(["recovery"] if state.recovery_codes else []),
        ]
        content = {"account": account.id, "remember": remember}
        challenge = self._seal.make(_PURPOSE, content, WITHIN)
        asked = await self._passkeys.begin_sign_in(party, account.id) if state.passkeys else None
        return NextStep(challenge, methods, asked)

    async def code(self, challenge: str, code: str, visitor: Visitor) -> Begun:
        """The second step by a code. A wrong one may be tried again a few times."""
        account, remember = await self._halfway(challenge)
        origin = await self._places.origin(visitor, account)
        async with self._throttle.turn(origin, account.address):
            await self._seal.attempt(challenge, _TRIES)
            try:
                how = await self._factor.check(account.id, code, origin.place if origin.known else "")
            except BadCredentials:
                await self._failed(visitor, origin, account, "totp")
                raise
        await self._seal.use(_PURPOSE, challenge)
        return await self._begin(account, visitor, remember, how, True)

    async def passkey_as_second(
        self, challenge: str, token: str, credential: dict[str, Any], visitor: Visitor, party: Party
    ) -> Begun:
        """The second step by a passkey."""
        account, remember = await self._halfway(challenge)
        try:
            await self._passkeys.finish_sign_in(token, credential, party, account.id)
        except BadCredentials:
            await self._failed(visitor, await self._places.origin(visitor, account), account, "passkey")
            raise
        await self._seal.use(_PURPOSE, challenge)
        return await self._begin(account, visitor, remember, "passkey", True)

    async def begin_passkey(self, party: Party) -> Asked:
        """Sign-in by passkey alone: what to ask the browser."""
        return await self._passkeys.begin_sign_in(party)

    async def passkey(
        self, token: str, credential: dict[str, Any], visitor: Visitor, party: Party, remember: bool
    ) -> Begun:
        """Sign-in by passkey alone. A right one never waits: nobody guesses a signature."""
        try:
            account = await self._passkeys.finish_sign_in(token, credential, party)
        except BadCredentials:
            origin = Origin.stranger(visitor.address)
            async with self._throttle.turn(origin, ""):
                await self._throttle.failed(origin, "")
            raise
        return await self._begin(account, visitor, remember, "passkey", True)

    # ----------------------------------------------------------------------------------------------------

    async def _halfway(self, challenge: str) -> tuple[Account, bool]:
        content = self._seal.read(_PURPOSE, challenge)
        account: Account | None = await self._accounts.account(AccountId(content["account"]))
        if account is None or not account.enabled:
            raise Expired(cause="account is gone or disabled")
        return account, bool(content["remember"])

    async def _failed(self, visitor: Visitor, origin: Origin, account: Account, how: str) -> None:
        await self._throttle.failed(origin, account.address)
        await self._sessions.note(account.id, visitor, "web", how, False)

    async def _begin(
        self, account: Account, visitor: Visitor, remember: bool, how: str, second: bool
    ) -> Begun:
        visitor = replace(visitor, mark=visitor.mark or self._places.new_mark())
        origin = await self._places.origin(visitor, account)
        await self._sign_in.welcome(account, visitor, origin, account.address)
        token, session = await self._sessions.begin(account, visitor, remember=remember, second_factor=second)
        await self._sessions.note(account.id, visitor, "web", how, True)
        log.info("signed in", account=account.id, peer=visitor.address, how=how)
        return Begun(token, session, account, remember, visitor.mark)
