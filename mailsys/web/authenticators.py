"""Cookie sessions, Bearer app passwords and HTTP Basic, as `callers` asks for them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IReactorTime

from mailsys.core.refusal import BadCredentials, EncryptionRequired
from mailsys.core.sasl.plain import Claim
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.sessions import WebSession
from mailsys.services.access.app_passwords import AppPassword, AppPasswords
from mailsys.services.access.revocation import PASSWORD
from mailsys.services.access.sessions import Sessions, Visitor, session_credential
from mailsys.services.access.sign_in import SignIn
from mailsys.services.access.throttle import Origin, Throttle
from mailsys.services.jmap.protocol.api import ALL, READ, SEND, WRITE, Caller
from mailsys.web.callers import BasicAuthenticator, authorization
from mailsys.web.problems import WebProblem

if TYPE_CHECKING:
    from mailsys.web.request import WebRequest

_PLAIN: Final = b"mailsys"
_SECURE: Final = b"__Host-mailsys"  # the browser takes it from us alone, over HTTPS (RFC 6265bis §4.1.3.2)
_MARK: Final = b"mailsys-known"  # not a sign-in: only whose failures count (`services.access.places`)
_SECURE_MARK: Final = b"__Host-mailsys-known"
_MARK_FORM: Final = re.compile(rb"[0-9a-f]{32}")
_MARK_LASTS: Final = 365 * 86400  # seconds
_PROGRAM: Final = frozenset((READ, WRITE, SEND, "api"))
_SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))
_OURS: Final = frozenset((b"same-origin", b"none"))


@dataclass(frozen=True, slots=True)
class SessionCaller(Caller):
    """Who came with a session's cookie."""

    session: WebSession | None = None


def cookie_name(request: WebRequest) -> bytes:
    return _SECURE if request.is_https else _PLAIN


def set_cookie(request: WebRequest, token: str, max_age: int | None) -> tuple[bytes, bytes]:
    """The header that gives a session to the browser; `max_age` None: until it closes."""
    text = b"%b=%b; Path=/; HttpOnly; SameSite=Strict" % (cookie_name(request), token.encode("ascii"))
    if max_age is not None:
        text += b"; Max-Age=%d" % max_age
    if request.is_https:
        text += b"; Secure"
    return b"Set-Cookie", text


def mark_of(request: WebRequest) -> str:
    """The mark that an earlier sign-in left in this browser; "" without one."""
    mark = request.getCookie(_SECURE_MARK if request.is_https else _MARK) or b""
    return mark.decode("ascii") if _MARK_FORM.fullmatch(mark) else ""


def set_mark(request: WebRequest, mark: str) -> tuple[bytes, bytes]:
    """The header that leaves a mark in the browser."""
    name, secure = (_SECURE_MARK, b"; Secure") if request.is_https else (_MARK, b"")
    text = b"%b=%b; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d" % (name, mark.encode("ascii"), _MARK_LASTS)
    return b"Set-Cookie", text + secure


def clear_cookie(request: WebRequest) -> tuple[bytes, bytes]:
    return set_cookie(request, "", 0)


class CookieAuthenticator:
    """A session of `services.access.sessions`, by its cookie. Whatever changes something must also repeat the
    session's token in X-CSRF-Token, which no other site's page can read or send."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def __call__(self, request: WebRequest) -> Caller | None:
        token = request.getCookie(cookie_name(request))
        if token is None:
            return None
        found = await self._sessions.find(token.decode("ascii", "replace"))
        if found is None:
            request.responseHeaders.addRawHeader(*clear_cookie(request))
            raise BadCredentials("The session is over; sign in again.", cause="no such session")
        session, account = found
        self._check(request, session)
        return SessionCaller(
            account,
            address=request.address,
            credential=session_credential(session),
            until=session.expires,
            session=session,
        )

    @staticmethod
    def _check(request: WebRequest, session: WebSession) -> None:
        origins = request.site.origin
        if request.method in _SAFE:
            if request.getHeader(b"upgrade") is not None and origins.is_foreign(request):
                raise WebProblem(403, "Other sites' pages may not connect.", cause="foreign Origin")
            return
        site = request.getHeader(b"sec-fetch-site")
        if site is not None and site not in _OURS and origins.allowed_origin(request) is None:
            raise WebProblem(403, "Requests of other sites' pages are refused.", cause="Sec-Fetch-Site")
        given = request.getHeader(b"x-csrf-token") or b""
        if not hmac.compare_digest(given, session.csrf.encode("ascii")):
            raise WebProblem(403, "The header X-CSRF-Token must repeat the session's token.", cause="CSRF")


class BearerAuthenticator:
    """An app password as Bearer token (RFC 6750 §2.1)."""

    def __init__(self, app_passwords: AppPasswords, sessions: Sessions, throttle: Throttle) -> None:
        self._app_passwords = app_passwords
        self._sessions = sessions
        self._throttle = throttle

    async def __call__(self, request: WebRequest) -> Caller | None:
        token = authorization(request, b"bearer")
        if token is None:
            return None
        if not request.may_sign_in:
            raise EncryptionRequired("Tokens are taken over HTTPS only")
        address = request.address
        found = await self._app_passwords.verify(token.decode("ascii", "replace"), address)
        if found is None:  # a right one never waits: nobody guesses 128 bits
            origin = Origin.stranger(address)
            async with self._throttle.turn(origin, ""):
                await self._throttle.failed(origin, "")
            raise BadCredentials("The token is not valid.", cause="no such app password")
        account, app_password = found
        await self._sessions.note(
            account.id, Visitor(address), "api", f"app-password:{app_password.name}", True
        )
        return program_caller(account, app_password, address)


class ProvingBasicAuthenticator(BasicAuthenticator):
    """HTTP Basic with an account's own password, remembered for minutes, or an app password within its
    scopes, looked up each time, so that it ends when it is revoked.

    With a second factor the own password alone is a mail program's here (where the account lets it be one at
    all): it can neither turn that factor off nor administer anything.
    """

    def __init__(
        self,
        sign_in: SignIn,
        accounts: IAccountStore,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        super().__init__(sign_in.for_service("jmap"), accounts, clock, random_bytes)
        self._prover = sign_in

    async def prove(self, login: str, password: str, address: str) -> tuple[Caller, bool]:
        proof = await self._prover.prove(Claim(login, password), Visitor(address), "basic", "jmap")
        if proof.app_password is None:
            half = await self._prover.has_second_factor(proof.account)
            scopes = _PROGRAM if half else frozenset((ALL,))
            return Caller(proof.account, scopes, address, PASSWORD), True
        return program_caller(proof.account, proof.app_password, address), False


def program_caller(account: Account, app_password: AppPassword, address: str) -> Caller:
    """Who came with an app password."""
    return Caller(
        account, caller_scopes(app_password), address, app_password.credential, app_password.expires
    )


def caller_scopes(app_password: AppPassword) -> frozenset[str]:
    """What of an app password's scopes counts on the web; those of IMAP and SMTP mean nothing here."""
    return app_password.scopes - {"imap", "smtp"}


__all__ = [
    "BearerAuthenticator",
    "CookieAuthenticator",
    "ProvingBasicAuthenticator",
    "SessionCaller",
    "clear_cookie",
    "cookie_name",
    "mark_of",
    "set_cookie",
    "set_mark",
]
