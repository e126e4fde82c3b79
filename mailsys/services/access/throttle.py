"""Slowing down those who guess passwords, without locking out the owner.

Failures are counted per network, per (account, network) and per account. Past a limit the next answer
comes later, and each failure doubles the wait. Only a bounded number may wait at a time, the rest are
refused at once.

The count per account, over all networks, is for guessing that is spread over thousands of them, and
so that it cannot be turned against the owner it does not slow a network from which that account was
signed in to before.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailsys.core.refusal import RateLimited
from mailsys.log import Log
from mailsys.ports.limits import ILimits
from mailsys.settings import Limits

log = Log("sign_in")

WINDOW: Final = 900.0  # seconds that failures are remembered
FIRST_DELAY: Final = 0.5  # seconds
LONGEST_DELAY: Final = 20.0  # seconds
WAITING_PER_ADDRESS: Final = 10
WAITING_PER_ACCOUNT: Final = 20  # so many guesses at one account in LONGEST_DELAY, wherever they come from
EVERYWHERE: Final = 5  # times the failures of one pair are an account's, over all networks
KNOWN: Final = 90 * 86400.0  # seconds that a network is known to an account
WAITING: Final = 1000


def network(address: str) -> str:
    """Whom an address stands for: itself, or the /64 that one IPv6 customer has."""
    if ":" not in address:
        return address
    try:
        whole = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.IPv6Network((int(whole) >> 64 << 64, 64)))


def _everywhere(login: str) -> str:
    return f"login-failed-everywhere:{login}"


def _known(whose: str, login: str) -> str:
    return f"login-known:{whose}:{login}"


def _enter(waiting: dict[str, int], who: str) -> None:
    waiting[who] = waiting.get(who, 0) + 1


def _leave(waiting: dict[str, int], who: str) -> None:
    left = waiting[who] - 1
    if left:
        waiting[who] = left
    else:
        del waiting[who]


class Throttle:
    def __init__(
        self,
        limits: ILimits,
        bounds: Limits,
        clock: IReactorTime,
        known: Callable[[str, str], Awaitable[bool]] | None = None,
    ) -> None:
        """`known(network, login)`: whether that account was signed in to from there before; asked when
        `limits`, which may forget, does not know."""
        self._limits = limits
        self._bounds = bounds
        self._clock = clock
        self._known = known
        self._waiting: dict[str, int] = {}
        self._waiting_for: dict[str, int] = {}  # the same by account

    @staticmethod
    def _keys(address: str, login: str) -> tuple[str, str]:
        whose = network(address)
        return f"login-failed:{whose}", f"login-failed:{whose}:{login}"

    async def delay(self, address: str, login: str) -> float:
        """Seconds that the next answer to this pair has to wait. RateLimited when already as many
        answers to this address wait as may."""
        by_address, by_pair = self._keys(address, login)
        over = max(
            await self._limits.peek(by_address) - self._bounds.failures_per_address,
            await self._limits.peek(by_pair) - self._bounds.failures_per_account,
        )
        whose = network(address)
        everywhere = await self._everywhere(whose, login) if login else -1
        if everywhere > over:
            over = everywhere
            if self._waiting_for.get(login, 0) >= WAITING_PER_ACCOUNT:
                raise RateLimited(
                    "Too many failed logins; try again later", cause="too many guesses at one account"
                )
        if over < 0:
            return 0.0
        if self._waiting.get(whose, 0) >= WAITING_PER_ADDRESS or sum(self._waiting.values()) >= WAITING:
            raise RateLimited("Too many failed logins; try again later", cause="too many delayed logins")
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(over, 16)))

    async def _everywhere(self, whose: str, login: str) -> int:
        """How far the failures at an account, from all networks, are over their limit; below zero for a
        network that it knows."""
        over = await self._limits.peek(_everywhere(login)) - EVERYWHERE * self._bounds.failures_per_account
        if over < 0 or await self._limits.peek(_known(whose, login)):
            return -1
        if self._known is not None and await self._known(whose, login):
            await self._limits.hit(_known(whose, login), KNOWN)
            return -1
        return over

    async def wait(self, address: str, seconds: float, login: str = "") -> None:
        whose = network(address)
        _enter(self._waiting, whose)
        _enter(self._waiting_for, login)
        try:
            await deferLater(self._clock, seconds)
        finally:
            _leave(self._waiting, whose)
            _leave(self._waiting_for, login)

    async def failed(self, address: str, login: str) -> None:
        for key in self._keys(address, login):
            await self._limits.hit(key, WINDOW)
        if login:
            count = await self._limits.hit(_everywhere(login), WINDOW)
            if count == EVERYWHERE * self._bounds.failures_per_account:
                log.warning("guessing", login=login, cause="failed logins from many networks; slowed")

    async def succeeded(self, address: str, login: str) -> None:
        """The pair is forgiven. The address is not: whoever has one account may not use it to go on
        guessing at others."""
        if login:
            await self._limits.hit(_known(network(address), login), KNOWN)
        by_pair = self._keys(address, login)[1]
        if await self._limits.peek(by_pair):
            await self._limits.clear(by_pair)
