"""How many connections are being opened to hosts of one network at once.

A host that accepts connections and never greets costs a minute, and one machine can play the hosts of a
thousand domains: without a bound it would have all the connections that others need.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet import defer

from mailsys.core.network import network_of

PATIENCE: Final = 2.0  # seconds to wait for one of a network's places


class Crowded(Exception):
    """Others are waiting for that network's hosts already."""


class Networks:
    """`most`: places per network. `clock`: an IReactorTime."""

    def __init__(self, clock: Any, most: int) -> None:
        self._clock = clock
        self._most = most
        self._places: dict[str, defer.DeferredSemaphore] = {}

    async def enter(self, address: str) -> None:
        """Take a place, waiting a little for it. Raises Crowded."""
        places = self._places.setdefault(network_of(address), defer.DeferredSemaphore(self._most))
        try:
            await places.acquire().addTimeout(PATIENCE, self._clock)
        except defer.TimeoutError as error:
            raise Crowded(address) from error

    def leave(self, address: str) -> None:
        name = network_of(address)
        places = self._places[name]
        places.release()
        if places.tokens == places.limit:
            del self._places[name]
