"""StateChange objects to push subscriptions' URLs (RFC 8620 §7.2): encrypted, retried, merged, bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore

from mailsys import metrics
from mailsys.log import Log
from mailsys.ports.ids import AccountId
from mailsys.services.notifying.push import Feed, Follower, Moved
from mailsys.services.notifying.push_encryption import encrypt, read_keys
from mailsys.services.notifying.push_turns import ENOUGH, LENGTH, Another, PushTurns, Turn
from mailsys.services.notifying.push_vapid import Vapid
from mailsys.services.outbound.http import ForbiddenTarget, OutboundFailure, OutboundHttp, TooLarge

log = Log("push")

_AT_ONCE: Final = 32  # deliveries under way, over all subscriptions
_FIRST_WAIT: Final = 30.0  # seconds; doubles with each failure
_LONGEST_WAIT: Final = 3600.0
_ATTEMPTS: Final = 10  # then this word is given up; the next one begins anew
_TTL: Final = 86400  # seconds that a push service may keep it (RFC 8030 §5.2)

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where to push, for whom. `types` None: all; `keys`: (p256dh, auth) or None."""

    id: str
    account: AccountId
    url: str
    keys: tuple[str, str] | None
    types: frozenset[str] | None
    expires: float
    position: str = ""  # up to where it was told


class PushDelivery:
    """Follows accounts for their subscriptions. `gone(subscription)` is awaited when the push service says
    that nobody listens any more."""

    def __init__(
        self,
        feed: Feed,
        http: OutboundHttp,
        clock: Any,
        now: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        turns: PushTurns,
        vapid: Vapid | None = None,
    ) -> None:
        self._feed = feed
        self._http = http
        self._clock = clock
        self._now = now
        self._random = random_bytes
        self._vapid = vapid
        self.turns = turns
        self._slots = DeferredSemaphore(_AT_ONCE)
        self._lines: dict[tuple[AccountId, str], _Line] = {}
        self.gone: Callable[[Subscription], Awaitable[None]] | None = None

    async def add(self, subscription: Subscription, resume: bool = False) -> None:
        """Push what changes from now on; with `resume`, what changed since its position first. One of the
        same id is replaced, and what it had not yet pushed goes on here."""
        before = self._lines.get((subscription.account, subscription.id))
        if before is not None:
            subscription, resume = replace(subscription, position=before.position), True
            self.remove(subscription.account, subscription.id)
        line = _Line(self, subscription)
        self._lines[subscription.account, subscription.id] = line
        since = subscription.position if resume else None
        follower = await self._feed.follow(subscription.account, line.tell, since)
        if line.over:
            follower.stop()
        else:
            line.follower = follower
            if not resume:
                line.position = follower.position

    def has(self, subscription: Subscription) -> bool:
        """Whether it is followed as it is here, its position aside."""
        line = self._lines.get((subscription.account, subscription.id))
        return line is not None and line.now() == replace(subscription, position=line.position)

    def remove(self, account: AccountId, id_: str) -> None:
        line = self._lines.pop((account, id_), None)
        if line is not None:
            line.stop()

    def positions(self) -> list[Subscription]:
        """All, with how far each was told."""
        return [line.now() for line in self._lines.values()]

    async def stop(self) -> None:
        """Nothing more is pushed, and how far each was told is written down."""
        lines = list(self._lines.values())
        self._lines.clear()
        for line in lines:
            line.stop()
        await DeferredList([Deferred.fromCoroutine(line.settle()) for line in lines], consumeErrors=True)

    async def send_once(self, subscription: Subscription, value: dict[str, Any]) -> bool:
        """One message that is not a StateChange (verification), without retries; whether it was taken."""
        try:
            return await self.post(subscription, _encode(value)) // 100 == 2
        except (ForbiddenTarget, OutboundFailure, TooLarge) as error:
            log.info(
                "push failed", account=subscription.account, subscription=subscription.id, cause=str(error)
            )
            return False

    # -- what the lines use ------------------------------------------------------------------------------

    async def post(self, subscription: Subscription, content: bytes) -> int:
        """The status that came back. Waits for a slot. Raises what OutboundHttp does."""
        async with self.slot():
            return await self.post_now(subscription, content)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    async def post_now(self, subscription: Subscription, content: bytes) -> int:
        headers = {"TTL": str(_TTL), "Content-Type": "application/json", "User-Agent": "mailsys"}
        if self._vapid is not None:  # services that were not told a key disregard it (RFC 8292 §3)
            headers["Authorization"] = self._vapid.authorization(subscription.url)
        if subscription.keys is not None:
            content = encrypt(content, read_keys(*subscription.keys), self._random)
            headers["Content-Encoding"] = "aes128gcm"
        answer = await self._http.request("POST", subscription.url, headers, content)
        return answer.status

    def later(self, seconds: float, work: Callable[[], None]) -> Any:
        return self._clock.callLater(seconds, work)

    def seconds(self) -> float:
        return self._now()

    def expired(self, subscription: Subscription) -> bool:
        return subscription.expires <= self._now()

    async def end(self, subscription: Subscription) -> None:
        self.remove(subscription.account, subscription.id)
        if self.gone is not None:
            await self.gone(subscription)


class _Line:
    """One subscription: at most one delivery under way and one word waiting, which grows by merging."""

    def __init__(self, delivery: PushDelivery, subscription: Subscription) -> None:
        self.over = False
        self.follower: Follower | None = None
        self._delivery = delivery
        self._subscription = subscription
        self.position = subscription.position
        self._turn: Turn | None = None
        self._ending: Any = None  # the timer that gives the turn back
        self._pending: Moved | None = None
        self._busy = False
        self._failures = 0
        self._timer: Any = None

    def now(self) -> Subscription:
        return replace(self._subscription, position=self.position)

    def tell(self, moved: Moved) -> None:
        self._pending = moved if self._pending is None else self._pending.and_then(moved)
        if not self._busy and self._timer is None:
            self._begin()

    def stop(self) -> None:
        self.over = True
        self._pending = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self.follower is not None:
            self.follower.stop()

    async def settle(self) -> None:
        """Write down how far it was told, and let another have the turn."""
        whom, turn = self._subscription, self._turn
        self._turn = None
        turns = self._delivery.turns
        if turn is None and self.position != await turns.position(whom.account, whom.id):
            taken = await turns.take(whom.account, whom.id, self.position)
            turn = taken if isinstance(taken, Turn) else None
        if turn is not None:
            await turns.end(whom.account, whom.id, turn, self.position)

    async def _is_our_turn(self) -> bool:
        """Else `_timer` is set for when it may be, or there is nothing to push to any more."""
        whom = self._subscription
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._turn is None or self._turn.until - self._delivery.seconds() < ENOUGH:
            taken = await self._delivery.turns.take(whom.account, whom.id, self.position)
            if self.over:
                return False
            if taken is None:
                self._delivery.remove(whom.account, whom.id)
                return False
            if isinstance(taken, Another):
                self._turn = None
                self._timer = self._delivery.later(taken.seconds, self._begin)
                return False
            self._turn = taken
        self._ending = self._delivery.later(LENGTH - ENOUGH, self._give_back)
        return True

    def _give_back(self) -> None:
        self._ending = None
        if not self._busy:
            Deferred.fromCoroutine(self.settle()).addErrback(
                lambda failure: log.error("turn not given back", failure.value)
            )

    def _begin(self) -> None:
        self._timer = None
        self._busy = True
        Deferred.fromCoroutine(self._work()).addErrback(
            lambda failure: log.error("push failed", failure.value, subscription=self._subscription.id)
        )

    async def _work(self) -> None:
        try:
            while self._pending is not None and not self.over:
                async with self._delivery.slot():
                    if not await self._is_our_turn():
                        break
                    word, self._pending = self._pending, None
                    if word is not None and not await self._send(word):
                        break
        finally:
            self._busy = False

    async def _send(self, word: Moved) -> bool:
        """False: not now."""
        subscription = self._subscription
        if self._delivery.expired(subscription):
            await self._delivery.end(subscription)
            return False
        told = "" if self._turn is None else self._turn.position
        left = word.after(told) if told and self.position != told else word  # less what another told
        content = left.encode(subscription.types, False)
        if content is None:
            self.position = word.position
            return True
        cause = ""
        try:
            status = await self._delivery.post_now(subscription, content)
        except (OutboundFailure, TooLarge, ForbiddenTarget) as error:
            status, cause = 0, str(error)
        if self.over:
            return False
        if status // 100 == 2:
            metrics.pushes_good.inc()
            self._failures = 0
            self.position = word.position
            return True
        metrics.pushes_bad.inc()
        log.info(
            "push failed",
            account=subscription.account,
            subscription=subscription.id,
            status=status,
            cause=cause,
        )
        if status in (404, 410):  # RFC 8030 §7.3: the subscription is no more
            await self._delivery.end(subscription)
            return False
        self._failures += 1
        if self._failures >= _ATTEMPTS:
            self._failures = 0
            return True  # given up; what is waiting begins anew
        self._pending = word if self._pending is None else word.and_then(self._pending)
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._failures - 1))
        self._timer = self._delivery.later(wait, self._begin)
        return False
