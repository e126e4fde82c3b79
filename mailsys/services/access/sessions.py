"""Web sessions: begun by a sign-in, found by their cookie's token, ended by anybody who may.

The store holds a hash of the token only. A session ends by age (absolute), by silence (idle), by its
account being disabled or removed, and by being revoked, each at once and on every process.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.sessions import ISessionStore, SignInRecord, WebSession
from mailsys.services.access.revocation import PASSWORD, SESSION, Revocations, Revoked, credential

log = Log("sessions")

TOKEN_OCTETS: Final = 32
_TOKEN_LONGEST: Final = 64  # characters of a cookie worth looking at
_AT_MOST: Final = 100  # sessions of one account; the oldest gives way
_AGENT: Final = 200  # characters
_REPEATED: Final = 600.0  # seconds in which equal lines of history are written once
_REMEMBERED_LINES: Final = 5000


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds. `idle` and `lifetime` are of a usual session; a remembered one ("stay signed in") lasts
    `remembered`, whether it is used or not."""

    idle: float = 12 * 3600.0
    lifetime: float = 7 * 86400.0
    remembered: float = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """The other end of a sign-in: IP address, User-Agent, and the mark that an earlier sign-in left in the
    browser (`services.access.places`; "": none)."""

    address: str
    agent: str = ""
    mark: str = ""


def session_key(token: str) -> bytes:
    """Under which a session is stored."""
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=32).digest()


def session_id(session: WebSession) -> str:
    """How its owner names a session in a list; nothing can be done with it but end it."""
    return session.key[:12].hex()


def session_credential(session: WebSession) -> str:
    """Its name among credentials (`services.access.revocation`)."""
    return credential(SESSION, session_id(session))


class Sessions:
    """`revocations` are told of each session that ends, but of those that nobody used until they expired."""

    def __init__(
        self,
        store: ISessionStore,
        accounts: IAccountStore,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
        lifetimes: Lifetimes = Lifetimes(),
        revocations: Revocations | None = None,
    ) -> None:
        self.revocations = revocations or Revocations()
        self._store = store
        self._accounts = accounts
        self._clock = clock
        self._random = random_bytes
        self._lifetimes = lifetimes
        self._lines: OrderedDict[tuple[object, ...], float] = OrderedDict()

    async def begin(
        self, account: Account, visitor: Visitor, *, remember: bool = False, second_factor: bool = False
    ) -> tuple[str, WebSession]:
        """A new session: (token for the cookie, session)."""
        now = self._clock.seconds()
        lives = self._lifetimes
        token = urlsafe_b64encode(self._random(TOKEN_OCTETS)).rstrip(b"=").decode("ascii")
        session = WebSession(
            key=session_key(token),
            account=account.id,
            created=now,
            seen=now,
            expires=now + (lives.remembered if remember else lives.lifetime),
            address=visitor.address,
            agent=visitor.agent[:_AGENT],
            csrf=self._random(16).hex(),
            second_factor=second_factor,
        )
        others: list[WebSession] = await self._store.of(account.id, now)
        if len(others) >= _AT_MOST:
            await self._end(others[_AT_MOST - 1 :])
        await self._store.put(session)
        log.info("session begun", account=account.id, peer=visitor.address, remember=remember)
        return token, session

    async def find(self, token: str) -> tuple[WebSession, Account] | None:
        """The session of a cookie and its account; None: expired, revoked, or never was."""
        if not 0 < len(token) <= _TOKEN_LONGEST:
            return None
        now = self._clock.seconds()
        session: WebSession | None = await self._store.find(session_key(token), now)
        if session is None:
            return None
        if now >= session.expires or (
            session.seen + self._lifetimes.idle < now and not self.is_remembered(session)
        ):
            await self._end([session])
            return None
        account: Account | None = await self._accounts.account(session.account)
        if account is None or not account.enabled:
            await self.shut_out(session.account)
            return None
        return session, account

    def is_remembered(self, session: WebSession) -> bool:
        return session.expires - session.created > self._lifetimes.lifetime

    async def of(self, account: AccountId) -> list[WebSession]:
        """Those that still hold, newest first."""
        now = self._clock.seconds()
        found: list[WebSession] = await self._store.of(account, now)
        idle = self._lifetimes.idle
        return [each for each in found if self.is_remembered(each) or each.seen + idle >= now]

    async def end(self, session: WebSession) -> None:
        await self._end([session])

    async def _end(self, sessions: Sequence[WebSession]) -> None:
        await self._store.remove([each.key for each in sessions])
        for each in sessions:
            self.revocations.tell(Revoked(each.account, SESSION, session_id(each)))

    async def end_named(self, account: AccountId, name: str) -> bool:
        """End the session that its owner calls so; whether there was one."""
        found = [each for each in await self.of(account) if session_id(each) == name]
        await self._end(found)
        return bool(found)

    async def end_all(self, account: AccountId, but: WebSession | None = None) -> int:
        """Sign out everywhere (save here); how many sessions ended."""
        count: int = await self._store.remove_all(account, None if but is None else but.key)
        here = "" if but is None else session_credential(but)
        self.revocations.tell(Revoked(account, SESSION, but=here))
        log.info("sessions ended", account=account, count=count)
        return count

    async def password_changed(self, account: AccountId, but: WebSession | None = None) -> int:
        """What was opened with the old password ends, and all sessions (save here)."""
        self.revocations.tell(Revoked(account, PASSWORD))
        return await self.end_all(account, but)

    async def shut_out(self, account: AccountId) -> int:
        """The account was removed or disabled: nothing holds any more."""
        self.revocations.tell(Revoked(account))
        return await self.end_all(account)

    async def note(
        self, account: AccountId, visitor: Visitor, service: str, how: str, success: bool = True
    ) -> None:
        """A line of the account's sign-in history. Equal lines within ten minutes are one (mail clients
        sign in all the time, and so do those who guess)."""
        now = self._clock.seconds()
        line = (account, visitor.address, visitor.agent, service, how, success)
        before = self._lines.get(line)
        if before is not None and before + _REPEATED > now:
            return
        self._lines[line] = now
        self._lines.move_to_end(line)
        while len(self._lines) > _REMEMBERED_LINES:
            self._lines.popitem(last=False)
        await self._store.record(
            SignInRecord(account, now, visitor.address, visitor.agent[:_AGENT], service, how, success)
        )

    async def history(self, account: AccountId, limit: int = 100) -> list[SignInRecord]:
        """Newest first."""
        found: list[SignInRecord] = await self._store.history(account, limit)
        return found
