"""Who asks: from what a request carries (Bearer, Basic, cookie) to a Caller.

A list of authenticators is tried in order. Each looks for its own kind of credentials: it answers None
when the request carries none of them, and raises BadCredentials when it carries some that are wrong.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailsys.core.refusal import AuthenticationRequired, BadCredentials, EncryptionRequired, Refusal
from mailsys.ports.accounts import IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.services.access.authentication import ISignIn
from mailsys.services.access.revocation import PASSWORD
from mailsys.services.jmap.protocol.api import Caller
from mailsys.web.request import WebRequest

Authenticator = Callable[[WebRequest], Awaitable[Caller | None]]

REMEMBERED: Final = 300.0  # seconds
REMEMBERED_AT_MOST: Final = 10_000
ASKED_EVERY: Final = 0.2  # seconds that an account's old password may live on
_LONGEST: Final = 2048  # octets of an Authorization header worth decoding


class Callers:
    """The authenticators of a site. `secure(request)`: passwords may travel on this connection."""

    def __init__(self, authenticators: Sequence[Authenticator] = ()) -> None:
        self._authenticators = list(authenticators)

    def add(self, authenticator: Authenticator) -> None:
        self._authenticators.append(authenticator)

    async def find(self, request: WebRequest) -> Caller | None:
        for authenticator in self._authenticators:
            caller = await authenticator(request)
            if caller is not None:
                return caller
        return None


async def caller_of(request: WebRequest) -> Caller | None:
    """Who asks; None: nobody signed in. Found once per request. Raises BadCredentials, RateLimited or
    EncryptionRequired."""
    if request.caller is None:
        request.caller = await request.site.callers.find(request)
    return request.caller


async def required_caller(request: WebRequest) -> Caller:
    """As `caller_of`; AuthenticationRequired for nobody."""
    caller = await caller_of(request)
    if caller is None:
        raise AuthenticationRequired()
    return caller


def authorization(request: WebRequest, scheme: bytes) -> bytes | None:
    """What follows the scheme in the Authorization header (RFC 9110 §11.6.2), if it is that scheme."""
    header = request.getHeader(b"authorization")
    if header is None:
        return None
    found, _, rest = header.partition(b" ")
    return rest.strip() if found.lower() == scheme else None


def login_and_password(token: bytes) -> tuple[str, str]:
    """RFC 7617 §2, in UTF-8. Raises BadCredentials."""
    try:
        text = b64decode(token[:_LONGEST], validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise BadCredentials(cause="Basic credentials are not base64 of UTF-8") from None
    login, found, password = text.partition(":")
    if not found:
        raise BadCredentials(cause="Basic credentials without a colon")
    return login, password


class BasicAuthenticator:
    """HTTP Basic (RFC 7617) with an account's password or, through `sign_in`, whatever it takes for one.

    What was proved is remembered for minutes, keyed by a hash, as long as no account changed: a JMAP
    client sends its password with each request. A wrong one from the same address ends that, or who
    guesses there would have a comparison that costs nothing.
    """

    def __init__(
        self,
        sign_in: ISignIn,
        accounts: IAccountStore,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._sign_in = sign_in
        self._accounts = accounts
        self._clock = clock
        self._key = random_bytes(32)
        # hash of header and address -> (account version, when it is forgotten, caller), oldest first
        self._remembered: OrderedDict[bytes, tuple[int, float, Caller]] = OrderedDict()
        self._version = -1
        self._asked = -ASKED_EVERY

    async def __call__(self, request: WebRequest) -> Caller | None:
        token = authorization(request, b"basic")
        if token is None:
            return None
        if not request.may_sign_in:
            raise EncryptionRequired("Passwords are taken over HTTPS only")
        address = request.address
        key = hashlib.blake2b(token + b"\0" + address.encode(), key=self._key, digest_size=32).digest()
        known = self._remembered.get(key)
        version = await self._current_version()
        if known is not None:
            if known[0] == version and known[1] > self._clock.seconds():
                return known[2]
            self._remembered.pop(key, None)
        login, password = login_and_password(token)
        try:
            caller, may_be_remembered = await self.prove(login, password, address)
        except Refusal:
            self._forget(lambda known: known.address == address)
            raise
        if not may_be_remembered:
            return caller
        self._remembered[key] = (version, self._clock.seconds() + REMEMBERED, caller)
        while len(self._remembered) > REMEMBERED_AT_MOST:
            self._remembered.popitem(last=False)
        return caller

    async def _current_version(self) -> int:
        """The accounts' version, asked for at most five times a second: the question costs a turn of a
        thread, and a busy client would ask it with each request."""
        now = self._clock.seconds()
        if not 0 <= now - self._asked < ASKED_EVERY:
            self._version, self._asked = await self._accounts.version(), now
        return self._version

    async def prove(self, login: str, password: str, address: str) -> tuple[Caller, bool]:
        """Who that is, and whether it may be believed again without asking."""
        account = await self._sign_in.password(login, password, address)
        return Caller(account, address=address, credential=PASSWORD), True

    def forget(self, account: AccountId) -> None:
        """An account's password or rights changed in a way that its version does not show."""
        self._forget(lambda known: known.account.id == account)

    def _forget(self, which: Callable[[Caller], bool]) -> None:
        for key in [key for key, known in self._remembered.items() if which(known[2])]:
            del self._remembered[key]
