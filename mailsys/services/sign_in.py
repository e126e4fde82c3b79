"""Signing in: SASL exchanges and plain passwords, checked against the accounts, throttled.

Every failure looks the same to the client (BadCredentials, one text), takes as long, and is logged
with its true cause. A password that was just proved is remembered for minutes under a keyed hash
(mail clients open many connections); the hash covers the stored credentials, so a changed password
is asked for again at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailsys.core.message.address import canonical
from mailsys.core.refusal import BadCredentials, MessageRejected, UnsupportedParameter
from mailsys.core.sasl.failure import SaslMalformed, SaslRefused
from mailsys.core.sasl.plain import Claim, Login, parse_plain
from mailsys.core.sasl.scram import ScramKeys, ScramServer, invented
from mailsys.log import Log
from mailsys.ports.accounts import Account, Credentials, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.services.authentication import Challenge, IExchange, ISignIn, SignedIn
from mailsys.services.passwords import NOBODY, PasswordPool, verify_password
from mailsys.services.throttle import Throttle
from mailsys.settings import Limits

REMEMBERED: Final = 300.0  # seconds a proved password is believed without hashing it again
REMEMBERED_AT_MOST: Final = 10000
LONGEST_LOGIN: Final = 320  # characters: 64 + "@" + 255

log = Log("sign_in")


@implementer(ISignIn)
class SignIn:
    """`random_bytes(n)` gives secure chance. `domain`: where a login without "@" belongs. `secret`:
    16 to 64 octets that stay the same over restarts, from which the salts of users that do not exist
    are made; without it they change with each start, which tells them from real ones."""

    def __init__(
        self,
        accounts: IAccountStore,
        limits: ILimits,
        bounds: Limits,
        clock: IReactorTime,
        pool: PasswordPool,
        random_bytes: Callable[[int], bytes],
        domain: str = "",
        secret: bytes | None = None,
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._pool = pool
        self._random = random_bytes
        self._domain = domain
        self._secret = secret or random_bytes(32)
        self._throttle = Throttle(limits, bounds, clock)
        self._cache_key = random_bytes(32)
        self._remembered: dict[bytes, float] = {}  # keyed hash -> when it is forgotten, oldest first

    # -- ISignIn -----------------------------------------------------------------------------------

    def mechanisms(self, tls: bool, binding: bool) -> Sequence[str]:
        if not tls:
            return ()
        names = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
        return ("SCRAM-SHA-256-PLUS", *names) if binding else names

    def start(self, mechanism: str, address: str, binding: tuple[str, bytes] | None) -> IExchange:
        name = mechanism.upper()
        if name == "PLAIN":
            return _PlainExchange(self, address)
        if name == "LOGIN":
            return _LoginExchange(self, address)
        if name == "SCRAM-SHA-256" or (name == "SCRAM-SHA-256-PLUS" and binding is not None):
            nonce = self._random(18).hex().encode("ascii")
            return _ScramExchange(self, address, ScramServer(name.endswith("-PLUS"), binding, nonce))
        raise UnsupportedParameter("Authentication mechanism not supported", cause=name[:40])

    def password(self, login: str, password: str, address: str) -> Deferred[Account]:
        return Deferred.fromCoroutine(self.check(Claim(login, password), address, "password"))

    # -- what the exchanges use ----------------------------------------------------------------------

    async def check(self, claim: Claim, address: str, mechanism: str) -> Account:
        """The account whose password this is."""
        login = self._canonical(claim.name)
        delay = await self._throttle.delay(address, login)
        account, credentials = await self.look_up(login)
        if claim.acting_as and self._canonical(claim.acting_as) != login:
            await self.fail(address, login, mechanism, "authzid is another", delay)
        stored = credentials.argon2 if credentials is not None else NOBODY
        key = self._key(stored, claim.password)
        until = self._remembered.get(key)
        if until is not None and until > self._clock.seconds() and account is not None and account.enabled:
            await self.succeed(account, address, login, mechanism)
            return account
        if delay:
            await self._throttle.wait(address, delay)
        matches = await verify_password(stored, claim.password, self._pool)
        if account is None or credentials is None:
            await self.fail(address, login, mechanism, "no such account")
        if not matches:
            await self.fail(address, login, mechanism, "wrong password")
        if not account.enabled:
            await self.fail(address, login, mechanism, "account is disabled")
        self._remember(key)
        await self.succeed(account, address, login, mechanism)
        return account

    async def look_up(self, login: str) -> tuple[Account | None, Credentials | None]:
        account: Account | None = await self._accounts.account_named(login) if login else None
        if account is None:
            await self._accounts.credentials(AccountId(0))  # so that both cases cost two questions
            return None, None
        return account, await self._accounts.credentials(account.id)

    def scram_keys(self, login: str, credentials: Credentials | None) -> ScramKeys:
        if credentials is None:
            return invented(login, self._secret)
        return ScramKeys(
            credentials.scram_salt,
            credentials.scram_iterations,
            credentials.scram_stored_key,
            credentials.scram_server_key,
        )

    async def hold_back(self, address: str, login: str) -> None:
        """Wait as long as earlier failures ask for."""
        delay = await self._throttle.delay(address, login)
        if delay:
            await self._throttle.wait(address, delay)

    async def fail(
        self, address: str, login: str, mechanism: str, cause: str, delay: float = 0.0
    ) -> NoReturn:
        """Count and log a failure, then raise BadCredentials."""
        log.warning("login failed", peer=address, login=login, mechanism=mechanism, cause=cause)
        await self._throttle.failed(address, login)
        if delay:
            await self._throttle.wait(address, delay)
        raise BadCredentials(cause=cause)

    async def succeed(self, account: Account, address: str, login: str, mechanism: str) -> None:
        await self._throttle.succeeded(address, login)
        log.info("login", peer=address, login=login, account=account.id, mechanism=mechanism)

    def canonical_login(self, name: str) -> str:
        return self._canonical(name)

    # ------------------------------------------------------------------------------------------------

    def _canonical(self, name: str) -> str:
        """The address that a login name means; "" when it cannot be one."""
        if len(name) > LONGEST_LOGIN:
            return ""
        if "@" not in name and self._domain:
            name = f"{name}@{self._domain}"
        try:
            return canonical(name)
        except ValueError:
            return ""

    def _key(self, stored: str, password: str) -> bytes:
        mac = hashlib.blake2b(stored.encode("ascii", "replace"), key=self._cache_key, digest_size=32)
        mac.update(b"\0")
        mac.update(password.encode("utf-8", "surrogatepass"))
        return mac.digest()

    def _remember(self, key: bytes) -> None:
        now = self._clock.seconds()
        self._remembered.pop(key, None)
        self._remembered[key] = now + REMEMBERED
        for old, until in list(self._remembered.items())[:2]:  # two out for one in: it stays small
            if until <= now or len(self._remembered) > REMEMBERED_AT_MOST:
                del self._remembered[old]


class _Exchange:
    """Turns answers into Deferreds, one at a time, and SASL's own failures into refusals."""

    def __init__(self, sign_in: SignIn, address: str) -> None:
        self._sign_in = sign_in
        self._address = address
        self._over = False

    def respond(self, data: bytes | None) -> Deferred[Challenge | SignedIn]:
        return Deferred.fromCoroutine(self._guarded(data))

    async def _guarded(self, data: bytes | None) -> Challenge | SignedIn:
        if self._over:
            raise MessageRejected("The authentication exchange is over", cause="response after the end")
        self._over = True  # until the answer says otherwise
        try:
            answer = await self._step(data)
        except SaslMalformed as error:
            log.info("malformed login", peer=self._address, cause=str(error))
            raise MessageRejected("Malformed authentication response", cause=str(error)) from error
        self._over = isinstance(answer, SignedIn)
        return answer

    def _step(self, data: bytes | None) -> Coroutine[Any, Any, Challenge | SignedIn]:
        raise NotImplementedError


@implementer(IExchange)
class _PlainExchange(_Exchange):
    async def _step(self, data: bytes | None) -> Challenge | SignedIn:
        if data is None:
            return Challenge(b"")  # RFC 4616 §2: the client speaks first
        return SignedIn(await self._sign_in.check(parse_plain(data), self._address, "PLAIN"))


@implementer(IExchange)
class _LoginExchange(_Exchange):
    def __init__(self, sign_in: SignIn, address: str) -> None:
        super().__init__(sign_in, address)
        self._machine = Login()

    async def _step(self, data: bytes | None) -> Challenge | SignedIn:
        next_move = self._machine.take(data)
        if isinstance(next_move, bytes):
            return Challenge(next_move)
        return SignedIn(await self._sign_in.check(next_move, self._address, "LOGIN"))


@implementer(IExchange)
class _ScramExchange(_Exchange):
    def __init__(self, sign_in: SignIn, address: str, machine: ScramServer) -> None:
        super().__init__(sign_in, address)
        self._machine = machine
        self._login: str | None = None  # None until the client named itself
        self._account: Account | None = None
        self._cause = ""

    async def _step(self, data: bytes | None) -> Challenge | SignedIn:
        if data is None:
            if self._login is not None:
                raise SaslMalformed("an answer is due")
            return Challenge(b"")  # RFC 5802 §5: the client speaks first
        if self._login is None:
            return await self._first(data)
        return await self._final(data)

    async def _first(self, data: bytes) -> Challenge:
        sign_in = self._sign_in
        try:
            login = sign_in.canonical_login(self._machine.first(data))
        except SaslRefused as error:
            await sign_in.fail(self._address, "", "SCRAM", str(error))
        self._login = login
        await sign_in.hold_back(self._address, login)
        if self._machine.acting_as and sign_in.canonical_login(self._machine.acting_as) != login:
            self._cause = "authzid is another"
        account, credentials = await sign_in.look_up(login)
        if account is None or credentials is None:
            self._cause = self._cause or "no such account"
        elif not account.enabled:
            self._cause = self._cause or "account is disabled"
        self._account = account
        return Challenge(self._machine.challenge(sign_in.scram_keys(login, credentials)))

    async def _final(self, data: bytes) -> SignedIn:
        sign_in = self._sign_in
        login = self._login or ""
        try:
            proof = self._machine.final(data)
        except SaslRefused as error:
            await sign_in.fail(self._address, login, "SCRAM", self._cause or str(error))
        if self._cause or self._account is None:
            await sign_in.fail(self._address, login, "SCRAM", self._cause)
        await sign_in.succeed(self._account, self._address, login, "SCRAM")
        return SignedIn(self._account, proof)
