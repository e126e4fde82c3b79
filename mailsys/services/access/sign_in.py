"""Signing in: SASL exchanges and plain passwords, checked against the accounts, throttled.

Every failure looks the same to the client (BadCredentials, one text), takes as long, and is logged
with its true cause; only that an app password is needed is told to who knows the account's own. A
password that was just proved is remembered for minutes under a keyed hash (mail clients open many
connections); the hash covers the stored credentials, so a changed password is asked for again at once.
It saves the hashing, never the wait (`services.access.throttle`): a comparison that costs nothing would
be what who guesses wants. The same password at the same time from the same place is checked once.

App passwords (`services.access.app_passwords`) are taken wherever a password is, for the services that they
were made for. An account with a second factor may ask that mail programs use nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailsys import metrics
from mailsys.core.message.address import canonical
from mailsys.core.refusal import (
    AppPasswordNeeded,
    BadCredentials,
    InsufficientStorage,
    MessageRejected,
    Refusal,
    TemporaryFailure,
    UnsupportedParameter,
)
from mailsys.core.sasl.failure import SaslMalformed, SaslRefused
from mailsys.core.sasl.plain import Claim, Login, parse_plain
from mailsys.core.sasl.scram import ITERATIONS, ScramKeys, ScramServer, invented
from mailsys.log import Log
from mailsys.ports.accounts import Account, Credentials, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.services.access.app_passwords import AppPassword, AppPasswords, looks_like_app_password
from mailsys.services.access.authentication import Challenge, IExchange, ISignIn, SignedIn
from mailsys.services.access.passwords import NOBODY, PasswordPool, hash_password, verify_password
from mailsys.services.access.places import KnownPlaces
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.sessions import Sessions, Visitor
from mailsys.services.access.throttle import Origin, Throttle

REMEMBERED: Final = 300.0  # seconds a proved password is believed without hashing it again
REMEMBERED_AT_MOST: Final = 10000
LONGEST_LOGIN: Final = 320  # characters: 64 + "@" + 255

WEB: Final = "web"  # the one service where the second factor itself is asked for

log = Log("sign_in")


@dataclass(frozen=True, slots=True)
class Proof:
    """Who signed in. `app_password`: with which, None: with the account's own password, which these
    `credentials` are of."""

    account: Account
    app_password: AppPassword | None = None
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class BesidePasswords:
    """What signing in knows beside the accounts' own passwords. What is missing there is none of."""

    app_passwords: AppPasswords | None = None
    factor: SecondFactor | None = None
    sessions: Sessions | None = None  # for the history
    places: KnownPlaces | None = None


@implementer(ISignIn)
class SignIn:
    """`random_bytes(n)` gives secure chance. `domain`: where a login without "@" belongs. `secret`:
    16 to 64 octets that stay the same over restarts, from which the salts of users that do not exist
    are made; without it they change with each start, which tells them from real ones."""

    def __init__(
        self,
        accounts: IAccountStore,
        throttle: Throttle,
        clock: IReactorTime,
        pool: PasswordPool,
        random_bytes: Callable[[int], bytes],
        domain: str = "",
        secret: bytes | None = None,
        beside: BesidePasswords = BesidePasswords(),
    ) -> None:
        self.throttle = throttle
        self._accounts = accounts
        self._places = beside.places
        self._app_passwords = beside.app_passwords
        self._factor = beside.factor
        self._sessions = beside.sessions
        self._clock = clock
        self._pool = pool
        self._random = random_bytes
        self._domain = domain
        self._secret = secret or random_bytes(32)
        self._cache_key = random_bytes(32)
        self._checking: dict[tuple[str, bytes], list[Deferred[bool]]] = {}  # place, keyed hash -> who waits
        self._remembered: dict[bytes, float] = {}  # keyed hash -> when it is forgotten, oldest first

    # -- ISignIn -----------------------------------------------------------------------------------

    def mechanisms(self, tls: bool, binding: bool) -> Sequence[str]:
        if not tls:
            return ()
        names = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
        return ("SCRAM-SHA-256-PLUS", *names) if binding else names

    def start(
        self, mechanism: str, address: str, binding: tuple[str, bytes] | None, service: str = ""
    ) -> IExchange:
        name = mechanism.upper()
        if name == "PLAIN":
            return _PlainExchange(self, address, service)
        if name == "LOGIN":
            return _LoginExchange(self, address, service)
        if name == "SCRAM-SHA-256" or (name == "SCRAM-SHA-256-PLUS" and binding is not None):
            nonce = self._random(18).hex().encode("ascii")
            return _ScramExchange(self, address, service, ScramServer(name.endswith("-PLUS"), binding, nonce))
        raise UnsupportedParameter("Authentication mechanism not supported", cause=name[:40])

    def password(self, login: str, password: str, address: str) -> Deferred[Account]:
        return Deferred.fromCoroutine(self.check(Claim(login, password), address, "password"))

    def for_service(self, service: str) -> ISignIn:
        """The same for one service: "imap" or "smtp", which app passwords must have as scope, or "jmap"
        and "api", where their scopes bound what the caller may do."""
        return _Door(self, service)

    # -- what the exchanges use ----------------------------------------------------------------------

    async def check(self, claim: Claim, address: str, mechanism: str, service: str = "") -> Account:
        """The account whose password this is."""
        return (await self.prove(claim, Visitor(address), mechanism, service)).account

    async def prove(self, claim: Claim, visitor: Visitor, mechanism: str, service: str = "") -> Proof:
        """Who this is, by the account's own password or an app password."""
        login = self._canonical(claim.name)
        if self._app_passwords is not None and service != WEB and looks_like_app_password(claim.password):
            return await self._by_app_password(claim, login, visitor, mechanism, service)
        account, credentials = await self.look_up(login)
        origin = await self.origin(visitor, account)
        if not await self._matches(credentials, claim.password, origin, login):
            if account is not None:
                self._note_later(account, visitor, service)
            cause = "wrong password" if account is not None else "no such account"
            self.refuse(visitor.address, login, mechanism, cause)
        cause = ""
        if account is None or credentials is None:
            cause = "no such account"
        elif not account.enabled:
            cause = "account is disabled"
        elif claim.acting_as and self._canonical(claim.acting_as) != login:
            cause = "authzid is another"
        if cause or account is None or credentials is None:
            await self.fail(origin, login, mechanism, cause)
        if await self.needs_app_password(account, service):
            await self.note(account, visitor, service, "password", False)
            await self.fail(origin, login, mechanism, "only app passwords may be used", AppPasswordNeeded)
        credentials = await self._strengthen(account, credentials, claim.password, origin)
        if service != WEB:  # there it is only half of it
            await self.succeed(account, visitor, origin, login, mechanism)
            await self.note(account, visitor, service, "password", True)
        return Proof(account, credentials=credentials)

    async def _matches(
        self, credentials: Credentials | None, password: str, origin: Origin, login: str
    ) -> bool:
        """Whether the password is right, in turn; a failure is counted."""
        stored = credentials.argon2 if credentials is not None else NOBODY
        key = self._key(stored, password)
        others = self._checking.get((origin.place, key))
        if others is not None:
            mine: Deferred[bool] = Deferred()
            others.append(mine)
            matches = await mine
            if not matches:
                await self._failed(origin, login, password)
            return matches
        waiting = self._checking[origin.place, key] = []
        outcome: bool | Refusal = TemporaryFailure(cause="the check was broken off")
        try:
            async with self.throttle.turn(origin, login):
                outcome = self._is_remembered(key) or await verify_password(
                    stored, password, self._pool, origin.network, origin.known
                )
                if outcome:
                    self._remember(key)
                    await self.throttle.was_right(self._once(login, password))
                else:
                    await self._failed(origin, login, password)
            return outcome
        except Refusal as refusal:
            outcome = refusal
            raise
        finally:
            del self._checking[origin.place, key]
            for each in waiting:
                if isinstance(outcome, Refusal):
                    each.errback(type(outcome)(outcome.text, cause=outcome.cause))
                else:
                    each.callback(outcome)

    async def _failed(self, origin: Origin, login: str, password: str) -> None:
        """Count a wrong password; but not one that was right once: a device of the owner's has it still, and
        asks again and again. Who knows it learns that it is wrong now, and no other."""
        if await self.throttle.once_right(self._once(login, password)):
            log.info("former password", login=login, network=origin.network)
        else:
            await self.throttle.failed(origin, login)

    def _once(self, login: str, password: str) -> str:
        """What a password that was right is remembered by: a keyed hash, of this login alone."""
        text = f"{login}\0{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._secret[:64], digest_size=16, person=b"once-right").hexdigest()

    async def _strengthen(
        self, account: Account, credentials: Credentials, password: str, origin: Origin
    ) -> Credentials:
        """Hash it anew when it was hashed with other effort than is made now (less protects less, of more
        some clients want nothing); what stands then."""
        if credentials.scram_iterations == ITERATIONS:
            return credentials
        try:
            made = await hash_password(password, self._pool, origin.network)
            await self._accounts.set_credentials(account.id, made, replacing=credentials)
        except Refusal as refusal:  # busy, or the password was changed just now
            log.info("password not hashed anew", account=account.id, cause=str(refusal))
            return credentials
        self._remember(self._key(made.argon2, password))
        return made

    async def _by_app_password(
        self, claim: Claim, login: str, visitor: Visitor, mechanism: str, service: str
    ) -> Proof:
        """A right one never waits: nobody guesses 128 bits, so others' failures need not slow it."""
        assert self._app_passwords is not None
        origin = Origin.stranger(visitor.address)
        found = await self._app_passwords.verify(claim.password, visitor.address)
        named: Account | None = await self._accounts.account_named(login) if login else None
        acting = self._canonical(claim.acting_as) if claim.acting_as else login
        if found is None or named is None or named.id != found[0].id or acting != login:
            await self.fail(origin, login, mechanism, "wrong app password")
        account, app_password = found
        if service in ("imap", "smtp") and service not in app_password.scopes:
            await self.note(account, visitor, service, f"app-password:{app_password.name}", False)
            await self.fail(origin, login, mechanism, f"app password is not for {service}")
        await self.succeed(account, visitor, origin, login, mechanism)
        await self.note(account, visitor, service, f"app-password:{app_password.name}", True)
        return Proof(account, app_password)

    async def origin(self, visitor: Visitor, account: Account | None) -> Origin:
        """Where a try at this account comes from."""
        if self._places is None:
            return Origin.stranger(visitor.address)
        return await self._places.origin(visitor, account)

    async def needs_app_password(self, account: Account, service: str) -> bool:
        """Whether this account's own password is not enough for a mail program."""
        if self._factor is None or service == WEB:
            return False
        return await self._factor.demands_app_password(account.id)

    async def has_second_factor(self, account: Account) -> bool:
        """Whether the own password is but half of this account's sign-in."""
        return self._factor is not None and (await self._factor.state(account.id)).active

    async def note(self, account: Account, visitor: Visitor, service: str, how: str, success: bool) -> None:
        """A line of the sign-in history. A full disk keeps nobody out: he comes to make room."""
        if self._sessions is not None and service:
            name = "submission" if service == "smtp" else service
            try:
                await self._sessions.note(account.id, visitor, name, how, success)
            except InsufficientStorage as full:
                log.warning("history not written", account=account.id, cause=str(full))

    def _note_later(self, account: Account, visitor: Visitor, service: str) -> None:
        """A line of a failure, which nobody waits for: a commit takes longer than to find no account."""
        noting = Deferred.fromCoroutine(self.note(account, visitor, service, "password", False))
        noting.addErrback(lambda failure: log.error("history not written", failure.value))

    async def look_up(self, login: str) -> tuple[Account | None, Credentials | None]:
        account: Account | None = await self._accounts.account_named(login) if login else None
        if account is None:
            await self._accounts.credentials(AccountId(0))  # so that both cases cost two questions
            return None, None
        return account, await self._accounts.credentials(account.id)

    def scram_keys(self, login: str, credentials: Credentials | None) -> ScramKeys:
        keys = invented(login, self._secret)  # always, so that both take as long
        if credentials is None:
            return keys
        return ScramKeys(
            credentials.scram_salt,
            credentials.scram_iterations,
            credentials.scram_stored_key,
            credentials.scram_server_key,
        )

    async def fail(
        self,
        origin: Origin,
        login: str,
        mechanism: str,
        cause: str,
        refusal: type[BadCredentials] = BadCredentials,
    ) -> NoReturn:
        """Count and log a failure, then raise it, in its turn."""
        async with self.throttle.turn(origin, login):
            await self.throttle.failed(origin, login)
        self.refuse(origin.network, login, mechanism, cause, refusal)

    def refuse(
        self,
        peer: str,
        login: str,
        mechanism: str,
        cause: str,
        refusal: type[BadCredentials] = BadCredentials,
    ) -> NoReturn:
        """Log a failure that was counted, and raise it."""
        log.warning("login failed", peer=peer, login=login, mechanism=mechanism, cause=cause)
        metrics.logins_bad.inc()
        raise refusal(cause=cause)

    async def succeed(
        self, account: Account, visitor: Visitor, origin: Origin, login: str, mechanism: str
    ) -> None:
        metrics.logins_good.inc()
        await self.welcome(account, visitor, origin, login)
        log.info("login", peer=visitor.address, login=login, account=account.id, mechanism=mechanism)

    async def welcome(self, account: Account, visitor: Visitor, origin: Origin, login: str) -> None:
        """The owner was here: his failures are forgiven, and the place is known, if there is room."""
        await self.throttle.succeeded(origin, login)
        if self._places is not None:
            try:
                await self._places.note(account.id, visitor)
            except InsufficientStorage as full:
                log.warning("place not noted", account=account.id, cause=str(full))

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

    def _is_remembered(self, key: bytes) -> bool:
        return self._remembered.get(key, 0.0) > self._clock.seconds()

    def _remember(self, key: bytes) -> None:
        now = self._clock.seconds()
        self._remembered.pop(key, None)
        self._remembered[key] = now + REMEMBERED
        for old, until in list(self._remembered.items())[:2]:  # two out for one in: it stays small
            if until <= now or len(self._remembered) > REMEMBERED_AT_MOST:
                del self._remembered[old]


class _Exchange:
    """Turns answers into Deferreds, one at a time, and SASL's own failures into refusals."""

    def __init__(self, sign_in: SignIn, address: str, service: str) -> None:
        self._sign_in = sign_in
        self._address = address
        self._service = service
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
        claim = parse_plain(data)
        return SignedIn(await self._sign_in.check(claim, self._address, "PLAIN", self._service))


@implementer(IExchange)
class _LoginExchange(_Exchange):
    def __init__(self, sign_in: SignIn, address: str, service: str) -> None:
        super().__init__(sign_in, address, service)
        self._machine = Login()

    async def _step(self, data: bytes | None) -> Challenge | SignedIn:
        next_move = self._machine.take(data)
        if isinstance(next_move, bytes):
            return Challenge(next_move)
        return SignedIn(await self._sign_in.check(next_move, self._address, "LOGIN", self._service))


@implementer(IExchange)
class _ScramExchange(_Exchange):
    def __init__(self, sign_in: SignIn, address: str, service: str, machine: ScramServer) -> None:
        super().__init__(sign_in, address, service)
        self._machine = machine
        self._login: str | None = None  # None until the client named itself
        self._account: Account | None = None
        self._visitor = Visitor(address)
        self._origin = Origin.stranger(address)
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
        visitor = self._visitor
        try:
            login = sign_in.canonical_login(self._machine.first(data))
        except SaslRefused as error:
            await sign_in.fail(Origin.stranger(visitor.address), "", "SCRAM", str(error))
        self._login = login
        if self._machine.acting_as and sign_in.canonical_login(self._machine.acting_as) != login:
            self._cause = "authzid is another"
        account, credentials = await sign_in.look_up(login)
        self._origin = await sign_in.origin(visitor, account)
        if account is None or credentials is None:
            self._cause = self._cause or "no such account"
        elif not account.enabled:
            self._cause = self._cause or "account is disabled"
        self._account = account
        return Challenge(self._machine.challenge(sign_in.scram_keys(login, credentials)))

    async def _final(self, data: bytes) -> SignedIn:
        """The proof is checked in its turn: it is here that somebody guesses."""
        sign_in, account, visitor, origin = self._sign_in, self._account, self._visitor, self._origin
        login = self._login or ""
        cause = ""
        async with sign_in.throttle.turn(origin, login):
            try:
                proof = self._machine.final(data)
            except SaslRefused as error:
                cause = self._cause or str(error)
            if cause or self._cause or account is None:
                await sign_in.throttle.failed(origin, login)
        if cause or self._cause or account is None:
            sign_in.refuse(visitor.address, login, "SCRAM", cause or self._cause)
        if await sign_in.needs_app_password(account, self._service):
            # Not SCRAM: an app password is kept as a hash that cannot check its proofs.
            cause = "only app passwords may be used, by PLAIN or LOGIN"
            await sign_in.fail(origin, login, "SCRAM", cause, AppPasswordNeeded)
        await sign_in.succeed(account, visitor, origin, login, "SCRAM")
        await sign_in.note(account, visitor, self._service, "password", True)
        return SignedIn(account, proof)


@implementer(ISignIn)
class _Door:
    """SignIn as one service sees it."""

    def __init__(self, sign_in: SignIn, service: str) -> None:
        self._sign_in = sign_in
        self._service = service

    def mechanisms(self, tls: bool, binding: bool) -> Sequence[str]:
        return self._sign_in.mechanisms(tls, binding)

    def start(self, mechanism: str, address: str, binding: tuple[str, bytes] | None) -> IExchange:
        return self._sign_in.start(mechanism, address, binding, self._service)

    def password(self, login: str, password: str, address: str) -> Deferred[Account]:
        claim = Claim(login, password)
        return Deferred.fromCoroutine(self._sign_in.check(claim, address, "password", self._service))
