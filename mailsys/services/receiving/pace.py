"""How fast strangers may bring mail: slowed down first, refused later.

Counted by address (IPv6: /64) and by network, messages, recipients and recipients that do not exist; and by
account, how much is delivered to it. From a bound on each further command waits longer, so that a burst takes
its time and nobody is lost; at twice the bound, or when too many wait already, it is refused with a 4xx.
The counters may be lost at any moment: that only gives somebody a new start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailsys import metrics
from mailsys.core.network import customer_of, network_of
from mailsys.core.refusal import Refused
from mailsys.log import Log
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.services.delivery.transactions import is_loopback
from mailsys.settings import Rates

log = Log("pace")

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_STEPS: Final = 10.0  # parts of the way from a bound to its double; each doubles the wait
_FIRST: Final = 0.1  # seconds


class Pace:
    """`clock`: the reactor. This machine's own are not counted."""

    def __init__(self, counters: ILimits, settings: Rates, clock: IReactorTime) -> None:
        self._counters = counters
        self._settings = settings
        self._clock = clock
        self.held = 0  # commands that wait at this moment

    async def message(self, address: str) -> None:
        """One more MAIL FROM. Raises Refused."""
        if is_loopback(address):
            return
        settings, customer, network = self._settings, customer_of(address), network_of(address)
        over = max(
            _over(await self._counters.hit(f"messages:{customer}", _MINUTE), settings.messages_per_minute),
            _over(
                await self._counters.hit(f"messages-network:{network}", _MINUTE),
                settings.messages_per_minute_per_network,
            ),
            _over(await self._counters.peek(f"recipients:{customer}"), settings.recipients_per_minute),
        )
        await self._slow_down(over, customer, "too many messages")

    async def unknown_recipient(self, address: str) -> None:
        """One more RCPT for somebody who does not exist: addresses are guessed at, or a list is old."""
        if is_loopback(address):
            return
        customer = customer_of(address)
        count = await self._counters.hit(f"unknown-recipients:{customer}", _HOUR)
        over = _over(count, self._settings.unknown_recipients_per_hour)
        await self._slow_down(over, customer, "too many unknown recipients", 421)

    async def delivery(self, address: str, recipients: int, accounts: Sequence[AccountId]) -> None:
        """A whole message. Raises Refused, when all of the accounts that it is for get too much."""
        if is_loopback(address):
            return
        await self._counters.hit(f"recipients:{customer_of(address)}", _MINUTE, recipients)
        bound = self._settings.messages_per_hour_per_account
        full = 0
        for account in accounts:
            full += await self._counters.hit(f"deliveries:{account}", _HOUR) > bound
        if full and full == len(accounts):
            metrics.refused_before_data("mailbox-flooded")
            raise Refused(450, "4.2.1", "This mailbox gets too much mail at the moment, try again later")

    async def _slow_down(self, over: float, customer: str, cause: str, code: int = 450) -> None:
        """`over`: 0 at a bound, 1 at twice the bound."""
        if over <= 0.0:
            return
        settings = self._settings
        if over >= 1.0 or self.held >= settings.held:
            metrics.refused_before_data("too-fast")
            log.info("refused", peer=customer, cause=cause)
            raise Refused(code, "4.7.1", "Too much at once from your address, slow down", cause=cause)
        self.held += 1
        metrics.tarpitted.inc()
        try:
            await deferLater(self._clock, min(settings.longest_delay, _FIRST * 2.0 ** (over * _STEPS)))
        finally:
            self.held -= 1
            metrics.tarpitted.dec()


def _over(count: int, bound: int) -> float:
    return (count - bound) / bound
