"""Web sessions: server-side, revocable. The distributed store keeps them in Redis; losing them all
only means that people sign in again."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId


@dataclass(frozen=True, slots=True)
class WebSession:
    """`key` is BLAKE2b-256 of the cookie's token: who reads the store cannot use it."""

    key: bytes
    account: AccountId
    created: float
    seen: float
    expires: float
    address: str  # client IP of the sign-in
    agent: str  # User-Agent, at most 200 characters
    csrf: str  # token that state-changing requests repeat in a header
    second_factor: bool  # signed in with one


@dataclass(frozen=True, slots=True)
class SignInRecord:
    """One line of an account's sign-in history."""

    account: AccountId
    at: float
    address: str
    agent: str
    service: str  # web, imap, submission, jmap, api
    how: str  # password, app-password:<name>, passkey, totp
    success: bool


class ISessionStore(Interface):
    def put(session: WebSession) -> Deferred[None]: ...

    def find(key: bytes, now: float) -> Deferred[WebSession | None]:
        """The session unless expired, as it was: its `seen` tells how long it was silent. The stored
        `seen` is then brought forward, at most once a minute."""

    def of(account: AccountId, now: float) -> Deferred[list[WebSession]]:
        """Newest first."""

    def remove(keys: list[bytes]) -> Deferred[None]: ...

    def remove_all(account: AccountId, but: bytes | None = None) -> Deferred[int]: ...

    def record(entry: SignInRecord) -> Deferred[None]:
        """Kept 90 days, at most 1,000 per account."""

    def history(account: AccountId, limit: int) -> Deferred[list[SignInRecord]]:
        """Newest first."""
