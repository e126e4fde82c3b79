"""How many connections are open, in all and per network: what ITransactions' first question asks."""

from __future__ import annotations

from mailsys.core.refusal import TooManyConnections
from mailsys.log import Log
from mailsys.services.throttle import network
from mailsys.settings import Limits

log = Log("connections")


class Connections:
    """Counts, bounded by settings. An IPv6 /64 counts as one address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, int] = {}
        self._total = 0

    def opened(self, address: str) -> None:
        """TooManyConnections when there is no room; then nothing was counted."""
        whose = network(address)
        here = self._open.get(whose, 0)
        if here >= self._limits.connections_per_address:
            log.warning("connection refused", peer=address, cause="too many from this address")
            raise TooManyConnections(cause=f"{here} open from {whose}")
        if self._total >= self._limits.connections:
            log.warning("connection refused", peer=address, cause="too many in all")
            raise TooManyConnections("Too busy; try again later", cause=f"{self._total} open")
        self._open[whose] = here + 1
        self._total += 1

    def closed(self, address: str) -> None:
        whose = network(address)
        here = self._open.get(whose, 0)
        if not here:
            return
        self._total -= 1
        if here == 1:
            del self._open[whose]
        else:
            self._open[whose] = here - 1
