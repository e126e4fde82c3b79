"""Slowing down those who guess passwords, without hindering the owner (docs/decisions/0014).

A failure is counted where it comes from (a network, for a minute), for the pair of that place and the
account (a quarter of an hour), and for the account over all strangers. Past a limit the next try waits,
each failure doubles the wait, and only a few wait at a time: others stand in a queue until then, from
which chance takes the next, so that nobody can keep somebody else out by being there always. Tries count
while they are under way, so that many at once are not more than many one after another.

Others' failures never meet the owner where the account knows him, from a network or a browser that it
was signed in to from before: there only failures at this account from that same place count. Elsewhere
his first tries go through whatever strangers do, or after two seconds when they do it from his own network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailsys.core.network import customer_of, site_of
from mailsys.core.refusal import RateLimited
from mailsys.log import Log
from mailsys.ports.limits import ILimits
from mailsys.settings import Limits

log = Log("sign_in")

MINUTE: Final = 60.0  # seconds that failures of a network at anything are remembered: it may be shared
WINDOW: Final = 900.0  # seconds that failures at one account are remembered
DAY: Final = 86400.0  # the same of a network, for an account that strangers guess at
REMEMBERED_RIGHT: Final = 60 * DAY  # seconds that a password counts as one that was right once
FIRST_DELAY: Final = 0.5  # seconds
LONGEST_DELAY: Final = 20.0  # seconds
WAITING_PER_PLACE: Final = 5
QUEUED_PER_PLACE: Final = 45  # until one of those has waited; with them, what one address may have open
QUEUED_FOR: Final = 10.0  # seconds at most; then it is refused
FIRST_WAIT: Final = 2.0  # seconds at most of a network's first tries at an account, whatever it did at others
FIRST_WAITING: Final = 50  # such tries of one network
WAITING_PER_ACCOUNT: Final = 4  # strangers' guesses at one account in LONGEST_DELAY, once it is guessed at
WAITING: Final = 5000  # in queues, in all
EVERYWHERE: Final = 5  # times the failures of one pair are an account's, over all strangers
KNOWN_PLACE: Final = 5  # times as often may go wrong where the account knows its owner
FIRST_TRIES: Final = 3  # of each network, in a day, at an account that is guessed at
WIDER: Final = 4  # times the failures of a /64 are those of the /48 around it


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a try at an account comes from. `place`: whose failures are its own: the network, or the
    browser if the account knows that. `known`: the account was signed in to from that place before."""

    network: str
    wider: str = ""
    place: str = ""
    known: bool = False

    @classmethod
    def stranger(cls, address: str) -> Origin:
        whose = customer_of(address)
        return cls(whose, site_of(address), whose)


@dataclass(frozen=True, slots=True)
class _Wait:
    seconds: float
    whose: str  # among whom it waits
    places: int = WAITING_PER_PLACE  # that wait at a time there
    in_line: bool = False  # with all strangers that guess at the account


class Throttle:
    """One per process: how many wait and are under way it keeps itself, failures are in `limits`, which
    may forget some: that slows guessing less for a while, and guards nothing else."""

    def __init__(
        self, limits: ILimits, bounds: Limits, clock: IReactorTime, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._limits = limits
        self._bounds = bounds
        self._clock = clock
        self._random = random_bytes
        self._trying: dict[str, int] = {}  # by pair
        self._waiting: dict[str, int] = {}
        self._queues: dict[str, list[Deferred[None]]] = {}
        self._queued = 0
        self._in_line: dict[str, int] = {}  # by account

    @asynccontextmanager
    async def turn(self, origin: Origin, login: str) -> AsyncIterator[None]:
        """A try at an account; `login` is "" for one that names none. Enters after the wait that earlier
        failures ask for; RateLimited when too many wait already. Whatever comes of the try is told
        (`failed`, `succeeded`) within."""
        pairs = [_pair(each, login) for each in (origin.place, origin.wider) if each and login]
        for pair in pairs:
            _enter(self._trying, pair)
        try:
            wait = await self._wait_of(origin, login)
            if wait is not None:
                await self._hold(wait, login)
            yield
        finally:
            for pair in pairs:
                _leave(self._trying, pair)

    async def _wait_of(self, origin: Origin, login: str) -> _Wait | None:
        pair = _pair(origin.place, login)
        mine = await self._tried(pair) if login else 0
        if origin.known:
            over = mine - KNOWN_PLACE * self._bounds.failures_per_account
            return None if over < 0 else _Wait(_delay(over), pair)
        elsewhere = await self._limits.peek(_any(origin.network)) - self._bounds.failures_per_address
        if origin.wider:
            site = await self._limits.peek(_any(origin.wider))
            elsewhere = max(elsewhere, site - WIDER * self._bounds.failures_per_address)
        if not login:
            return None if elsewhere < 0 else _Wait(_delay(elsewhere), origin.network)
        here = mine - self._bounds.failures_per_account
        if origin.wider:
            site = await self._tried(_pair(origin.wider, login))
            here = max(here, site - WIDER * self._bounds.failures_per_account)
        had_its_tries = await self._had_its_tries(origin, login)
        everywhere = await self._limits.peek(_everywhere(login))
        if had_its_tries and everywhere >= EVERYWHERE * self._bounds.failures_per_account:
            return _Wait(LONGEST_DELAY, origin.network, in_line=True)
        if here < 0 <= elsewhere and not had_its_tries:
            seconds = min(_delay(elsewhere), FIRST_WAIT)
            return _Wait(seconds, f"{origin.network} first", FIRST_WAITING)
        over = max(here, elsewhere)
        return None if over < 0 else _Wait(_delay(over), origin.network if here < 0 else pair)

    async def _had_its_tries(self, origin: Origin, login: str) -> bool:
        """Whether this network failed at the account today as often as it may where others guess."""
        today = await self._limits.peek(_today(origin.network, login))
        if today + self._trying.get(_pair(origin.network, login), 1) - 1 >= FIRST_TRIES:
            return True
        if not origin.wider:
            return False
        today = await self._limits.peek(_today(origin.wider, login))
        return today + self._trying[_pair(origin.wider, login)] - 1 >= WIDER * FIRST_TRIES

    async def _tried(self, pair: str) -> int:
        """Failures of a pair, and its other tries that are under way."""
        failures: int = await self._limits.peek(pair)
        return failures + self._trying[pair] - 1

    async def _hold(self, wait: _Wait, login: str) -> None:
        if wait.in_line and self._in_line.get(login, 0) >= WAITING_PER_ACCOUNT:
            raise RateLimited(
                "Too many failed logins; try again later", cause="too many guesses at one account"
            )
        if self._waiting.get(wait.whose, 0) >= wait.places:
            turn = self._line_up(wait.whose)
            await turn  # who has waited hands his place on: `_waiting` stays
        else:
            _enter(self._waiting, wait.whose)
        if wait.in_line:
            _enter(self._in_line, login)
        try:
            await deferLater(self._clock, wait.seconds)
        finally:
            self._hand_on(wait.whose)
            if wait.in_line:
                _leave(self._in_line, login)

    def _line_up(self, whose: str) -> Deferred[None]:
        queue = self._queues.get(whose, [])
        if len(queue) >= QUEUED_PER_PLACE or self._queued >= WAITING:
            raise RateLimited("Too many failed logins; try again later", cause="too many delayed logins")
        turn: Deferred[None] = Deferred()
        self._queues.setdefault(whose, []).append(turn)
        self._queued += 1
        late = self._clock.callLater(QUEUED_FOR, self._too_late, whose, turn)

        def over(result: None) -> None:
            if late.active():
                late.cancel()

        return turn.addCallback(over)

    def _too_late(self, whose: str, turn: Deferred[None]) -> None:
        queue = self._queues[whose]
        queue.remove(turn)
        if not queue:
            del self._queues[whose]
        self._queued -= 1
        turn.errback(RateLimited("Too many failed logins; try again later", cause="waited in vain"))

    def _hand_on(self, whose: str) -> None:
        queue = self._queues.get(whose)
        if not queue:
            _leave(self._waiting, whose)
            return
        at = int.from_bytes(self._random(4), "big") % len(queue)
        queue[at], queue[-1] = queue[-1], queue[at]
        turn = queue.pop()
        if not queue:
            del self._queues[whose]
        self._queued -= 1
        turn.callback(None)

    async def failed(self, origin: Origin, login: str) -> None:
        """A wrong try."""
        hit = self._limits.hit
        places = [origin.network, *([origin.wider] if origin.wider else [])]
        for each in places:
            await hit(_any(each), MINUTE)
        if not login:
            return
        for each in dict.fromkeys((origin.place, *places)):
            await hit(_pair(each, login), WINDOW)
        if origin.known:
            return
        for each in places:
            await hit(_today(each, login), DAY)
        count = await hit(_everywhere(login), WINDOW)
        if count == EVERYWHERE * self._bounds.failures_per_account:
            log.warning("guessing", login=login, cause="failed logins from many networks; slowed")

    async def was_right(self, proof: str) -> None:
        """A password was right, which is named by a keyed hash."""
        await self._limits.hit(f"once-right:{proof}", REMEMBERED_RIGHT)

    async def once_right(self, proof: str) -> bool:
        """Whether that password was right within REMEMBERED_RIGHT, as far as anybody remembers."""
        return bool(await self._limits.peek(f"once-right:{proof}"))

    async def succeeded(self, origin: Origin, login: str) -> None:
        """The pair is forgiven. The network is not: whoever has one account may not use it to go on
        guessing at others."""
        for key in (_pair(origin.place, login), _today(origin.network, login)):
            if login and await self._limits.peek(key):
                await self._limits.clear(key)


def _any(whose: str) -> str:
    return f"login-failed:{whose}"


def _pair(place: str, login: str) -> str:
    return f"login-failed:{place}:{login}"


def _today(whose: str, login: str) -> str:
    return f"login-failed-today:{whose}:{login}"


def _everywhere(login: str) -> str:
    return f"login-failed-everywhere:{login}"


def _delay(over: int) -> float:
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(over, 16))


def _enter(counted: dict[str, int], who: str) -> None:
    counted[who] = counted.get(who, 0) + 1


def _leave(counted: dict[str, int], who: str) -> None:
    left = counted[who] - 1
    if left:
        counted[who] = left
    else:
        del counted[who]
