"""Slowing down those who guess passwords, without locking out the owner.

Failures are counted per network address and per (account, address). Past a limit the next answer
comes later, and each failure doubles the wait. Somebody else's failures from elsewhere never count
against the owner; only a bounded number may wait at a time, the rest are refused at once.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailsys.core.refusal import RateLimited
from mailsys.ports.limits import ILimits
from mailsys.settings import Limits

WINDOW: Final = 900.0  # seconds that failures are remembered
FIRST_DELAY: Final = 0.5  # seconds
LONGEST_DELAY: Final = 20.0  # seconds
WAITING_PER_ADDRESS: Final = 10
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


class Throttle:
    def __init__(self, limits: ILimits, bounds: Limits, clock: IReactorTime) -> None:
        self._limits = limits
        self._bounds = bounds
        self._clock = clock
        self._waiting: dict[str, int] = {}

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
        if over < 0:
            return 0.0
        whose = network(address)
        if self._waiting.get(whose, 0) >= WAITING_PER_ADDRESS or sum(self._waiting.values()) >= WAITING:
            raise RateLimited("Too many failed logins; try again later", cause="too many delayed logins")
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(over, 16)))

    async def wait(self, address: str, seconds: float) -> None:
        whose = network(address)
        self._waiting[whose] = self._waiting.get(whose, 0) + 1
        try:
            await deferLater(self._clock, seconds)
        finally:
            left = self._waiting[whose] - 1
            if left:
                self._waiting[whose] = left
            else:
                del self._waiting[whose]

    async def failed(self, address: str, login: str) -> None:
        for key in self._keys(address, login):
            await self._limits.hit(key, WINDOW)

    async def succeeded(self, address: str, login: str) -> None:
        """The pair is forgiven. The address is not: whoever has one account may not use it to go on
        guessing at others."""
        by_pair = self._keys(address, login)[1]
        if await self._limits.peek(by_pair):
            await self._limits.clear(by_pair)
