"""Who may have a request worked on now: signed in, within the rate, and not too many at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred

from mailsys.core.jmap.ids import account_number
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.services.jmap.protocol.api import READ, Caller
from mailsys.settings import Web
from mailsys.web.callers import required_caller
from mailsys.web.problems import WebProblem
from mailsys.web.request import WebRequest, limit_problem

UPLOAD: Final = b"/jmap/upload/"

_WINDOW: Final = 60.0  # seconds
_WAITING: Final = 4  # times as many as are worked on may wait


class Gate:
    """At most `limit` at a time per account; some wait for their turn, the rest are refused with `name`."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._running: dict[AccountId, int] = {}
        self._waiting: dict[AccountId, deque[Deferred[None]]] = {}

    async def enter(self, account: AccountId) -> Callable[[], None]:
        """A turn; call the result to give it back (once). Raises RequestProblem "limit"."""
        running = self._running.get(account, 0)
        if running < self._limit:
            self._running[account] = running + 1
        else:
            waiting = self._waiting.setdefault(account, deque())
            if len(waiting) >= _WAITING * self._limit:
                raise limit_problem(self._name, f"At most {self._limit} at a time.", 429)
            turn: Deferred[None] = Deferred()
            waiting.append(turn)
            await turn
        over = False

        def leave() -> None:
            nonlocal over
            if not over:
                over = True
                self._leave(account)

        return leave

    def _leave(self, account: AccountId) -> None:
        waiting = self._waiting.get(account)
        if waiting:
            turn = waiting.popleft()
            if not waiting:
                del self._waiting[account]
            turn.callback(None)  # takes over the place that is left
            return
        self._running[account] -= 1
        if not self._running[account]:
            del self._running[account]


class Admission:
    """`enter` is for routes, which call it first; `before_body` for bodies that are not read before."""

    def __init__(self, settings: Web, limits: ILimits) -> None:
        self._settings = settings
        self._limits = limits
        self._uploads = Gate("maxConcurrentUpload", settings.uploads_at_once)
        self.requests = Gate("maxConcurrentRequests", settings.requests_at_once)

    async def signed_in(self, request: WebRequest) -> Caller:
        """The caller, within the rate. Raises Refusal or WebProblem."""
        caller = await required_caller(request)
        await self.count(caller)
        return caller

    async def reader(self, request: WebRequest) -> Caller:
        """`signed_in`, with leave to read mail, and to hear when it changes. Raises WebProblem (403)."""
        caller = await self.signed_in(request)
        if not caller.may(READ):
            raise WebProblem(403, "This sign-in does not allow that.")
        return caller

    async def count(self, caller: Caller) -> None:
        """One more request of an account. Raises WebProblem (429) past the rate."""
        done = await self._limits.hit(f"web:{caller.account.id}", _WINDOW)
        if done > self._settings.requests_per_minute:
            raise WebProblem(
                429,
                "Too many requests; try again later.",
                headers=[(b"Retry-After", b"%d" % _WINDOW)],
                cause=f"{done} requests of account {caller.account.id} in a minute",
            )

    async def before_body(self, request: WebRequest) -> Callable[[], None] | None:
        """What WebSite awaits before it reads a large body."""
        caller = await self.signed_in(request)
        if request.path.startswith(UPLOAD):
            own_account(caller, request.path[len(UPLOAD) :].partition(b"/")[0].decode("ascii", "replace"))
            return await self._uploads.enter(caller.account.id)
        return await self.requests.enter(caller.account.id)

    async def enter(self, request: WebRequest) -> Caller:
        """The caller of a request that is now worked on; its turn ends with the request."""
        if not request.admitted:
            request.release = await self.before_body(request)
            request.admitted = True
        return await required_caller(request)


def own_account(caller: Caller, account_id: str) -> AccountId:
    """The account that a URL names. Another's is not there (RFC 8620 §6.1, §6.2: 404)."""
    if account_number(account_id) != caller.account.id:
        raise WebProblem(404, "There is no such account.")
    return caller.account.id
