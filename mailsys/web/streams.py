"""Open WebSockets and event streams: how many an account has, and their common end, or that of the
credentials they were opened with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall

from mailsys.core.refusal import ShuttingDown, TooManyConnections
from mailsys.log import Log
from mailsys.ports.accounts import IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.services.access.revocation import Revoked
from mailsys.services.jmap.protocol.api import Caller

log = Log("web")

_GOING_AWAY = 1001  # RFC 6455 §7.4.1
_POLICY = 1008  # RFC 8887 §4.1: the credentials hold no longer
_LOOK = 30.0  # seconds between looks at whether accounts are still enabled

Close = Callable[[int, str], None]  # with the WebSocket close code and the reason


@dataclass(frozen=True, slots=True)
class _Stream:
    close: Close
    credential: str
    until: float | None


class Streams:
    """`accounts`: a stream of an account that another process removed or disabled is closed within 30 s,
    as is one whose credentials have expired."""

    def __init__(self, limit: int, accounts: IAccountStore, clock: Any) -> None:
        self._limit = limit
        self._accounts = accounts
        self._open: dict[AccountId, dict[int, _Stream]] = {}
        self._number = 0
        self._version = -1
        self._stopping = False
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        self._looking.start(_LOOK, now=False)

    def stop(self) -> None:
        """Close all, and let no more be opened."""
        self._stopping = True
        if self._looking.running:
            self._looking.stop()
        for account in list(self._open):
            self._close(account, _GOING_AWAY, "The server is closing")

    def enter(self, caller: Caller, close: Close) -> Callable[[], None]:
        """Count one in; the result counts it out. Raises TooManyConnections or ShuttingDown."""
        if self._stopping:
            raise ShuttingDown()
        account = caller.account.id
        streams = self._open.setdefault(account, {})
        if len(streams) >= self._limit:
            if not streams:
                del self._open[account]
            raise TooManyConnections("Too many open streams", cause=f"account {account}")
        self._number += 1
        number = self._number
        streams[number] = _Stream(close, caller.credential, caller.until)

        def leave() -> None:
            if streams.pop(number, None) is not None and not streams and self._open.get(account) is streams:
                del self._open[account]

        return leave

    def revoked(self, revoked: Revoked) -> None:
        """Close at once what was opened with credentials that are good for nothing any more."""
        self._close(revoked.account, _POLICY, "Sign in again", lambda one: revoked.covers(one.credential))

    def _close(
        self, account: AccountId, code: int, reason: str, which: Callable[[_Stream], bool] = lambda _: True
    ) -> None:
        for one in list(self._open.get(account, {}).values()):
            if which(one):
                one.close(code, reason)

    async def _look(self) -> None:
        now = self._looking.clock.seconds()
        for account in list(self._open):
            self._close(
                account, _POLICY, "Sign in again", lambda one: one.until is not None and one.until <= now
            )
        try:
            version = await self._accounts.version()
            if version == self._version:
                return
            self._version = version
            for account in list(self._open):
                found = await self._accounts.account(account)
                if found is None or not found.enabled:
                    self._close(account, _POLICY, "The account is closed")
        except Exception as error:
            log.error("accounts not looked at", error)
