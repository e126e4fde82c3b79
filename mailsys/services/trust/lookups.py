"""The questions that the checks of one message may ask the DNS: so many, and within so much time."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.interfaces import IReactorTime

from mailsys.ports.resolver import Answer, IResolver, ResolverError

SECONDS: Final = 20.0  # RFC 7208 §4.6.4 wants at least that for SPF; here it is for all
AT_MOST: Final = 300  # all checks together; each has its own, lower bound

_NO_NAME: Final = Answer((), False, 0)


class Lookups:
    """Remembers what was asked, and what could not be had: nothing is asked twice for one message.

    `seconds` from now on, every question that is still open, or new, fails as if the DNS did not answer.
    """

    def __init__(
        self, resolver: IResolver, clock: IReactorTime, seconds: float = SECONDS, at_most: int = AT_MOST
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._until = clock.seconds() + seconds
        self._left = at_most
        self._known: dict[tuple[str, str], Answer | ResolverError] = {}

    async def ask(self, name: str, rtype: str) -> Answer:
        """Raises ResolverError. What is no name in ASCII does not exist."""
        if not name.isascii():
            return _NO_NAME
        key = (name.lower(), rtype)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = await self._ask(*key)
        if isinstance(known, ResolverError):
            raise known
        return known

    async def _ask(self, name: str, rtype: str) -> Answer | ResolverError:
        if self._left <= 0:
            return ResolverError("too many look-ups for one message")
        self._left -= 1
        patience = self._until - self._clock.seconds()
        if patience <= 0:
            return ResolverError("no time left for this message")
        asked = self._resolver.query(name, rtype)
        if not asked.called:
            asked.addTimeout(patience, self._clock)
        try:
            return await asked
        except ResolverError as error:
            return error
        except TimedOut:
            return ResolverError("no answer in time")


async def together(work: Iterable[Awaitable[None]]) -> None:
    """Waits for all of it at once."""
    await gatherResults([Deferred.fromCoroutine(each) for each in work], consumeErrors=True)  # type: ignore[arg-type]
