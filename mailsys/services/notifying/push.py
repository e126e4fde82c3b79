"""Word of changed states (RFC 8620 §7.1): from the store's events to whoever follows an account.

One listener per account that somebody follows. An event only wakes; what is told are the states that
the store has then, so that nothing is missed and a burst is told once. They are read now and then all
the same: an event that is lost is only late. A follower's position is the
highest modseq of all it was told, so it can come back to any process, after any restart,
and be told at once what moved since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from mailsys.core.jmap.ids import account_id
from mailsys.log import Log
from mailsys.ports.events import Changed, IEvents
from mailsys.ports.ids import AccountId
from mailsys.services.looking import Looking

log = Log("push")

States = Mapping[str, str]
ReadStates = Callable[[AccountId], Awaitable[States]]

_RETRY: Final = 1.0  # seconds until states that could not be read are read again

_encode: Final = msgspec.json.Encoder().encode


class Moved:
    """States of an account that moved. Followers share it, and what it was encoded to."""

    __slots__ = ("_encoded", "account", "position", "states")

    def __init__(self, account: AccountId, states: States, position: str) -> None:
        self.account = account
        self.states = states
        self.position = position
        self._encoded: dict[tuple[frozenset[str] | None, bool], bytes | None] = {}

    def encode(self, types: frozenset[str] | None, push_state: bool) -> bytes | None:
        """The StateChange object for those types (None: all), with RFC 8887's pushState or without. None:
        none of them moved."""
        key = (types, push_state)
        if key not in self._encoded:
            self._encoded[key] = self._make(types, push_state)
        return self._encoded[key]

    def _make(self, types: frozenset[str] | None, push_state: bool) -> bytes | None:
        states = {one: state for one, state in self.states.items() if types is None or one in types}
        if not states:
            return None
        value: dict[str, Any] = {"@type": "StateChange", "changed": {account_id(self.account): states}}
        if push_state:
            value["pushState"] = self.position
        return _encode(value)

    def and_then(self, later: Moved) -> Moved:
        """Both in one: what a reader that was slow is told."""
        return Moved(self.account, {**self.states, **later.states}, later.position)

    def after(self, position: str) -> Moved:
        """What of it moved after a position that is later; `states` is empty when nothing did."""
        number, _, other = position.partition(".")
        after = int(number) if number.isdecimal() else -1
        same = other == _other(self.states)
        left = {
            one: state
            for one, state in self.states.items()
            if (int(state) > after if state.isdecimal() else not same)
        }
        return Moved(self.account, left, self.position)


Deliver = Callable[[Moved], None]


def position_of(states: States) -> str:
    """What stands for all of these states: the highest number among them and, where some are no numbers
    (they are read off something else than the change log), a hash of those."""
    highest = max((int(state) for state in states.values() if state.isdecimal()), default=0)
    other = _other(states)
    return f"{highest}.{other}" if other else str(highest)


def _other(states: States) -> str:
    derived = sorted((one, state) for one, state in states.items() if not state.isdecimal())
    return hashlib.blake2b(_encode(derived), digest_size=6).hexdigest() if derived else ""


def moved_since(account: AccountId, states: States, since: str) -> Moved:
    """What moved after a position that we gave out; all, when it is none of ours."""
    number, _, other = since.partition(".")
    position = position_of(states)
    after = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else -1
    if after > int(
        position.partition(".")[0]
    ):  # from another store than this one: nothing can be told from it
        after = -1
    same = other == _other(states)
    moved = {
        one: state
        for one, state in states.items()
        if (int(state) > after and state != "0" if state.isdecimal() else not same)
    }
    return Moved(account, moved, position)


class Feed:
    """Followers by account. `read_states` reads an account's states by JMAP type."""

    def __init__(self, events: IEvents, read_states: ReadStates, clock: IReactorTime) -> None:
        self._events = events
        self._read = read_states
        self._clock = clock
        self._watches: dict[AccountId, _Watch] = {}

    async def follow(self, account: AccountId, deliver: Deliver, since: str | None = None) -> Follower:
        """Call `deliver` with every move from now on; first, when `since` is a position, with what moved
        after that. `deliver` must not raise, and the result's `stop` ends it."""
        watch = self._watches.get(account)
        if watch is None:
            watch = self._watches[account] = _Watch(account, self._read, self._clock)
            watch.unsubscribe = self._events.subscribe(account, watch.changed)
            watch.looking.start()
        follower = Follower(self, watch, deliver)
        watch.followers.add(follower)
        try:
            await watch.known()
        except BaseException:
            follower.stop()
            raise
        if since is not None and not follower.stopped:
            moved = moved_since(account, watch.states, since)
            if moved.states:
                deliver(moved)
        return follower

    def leave(self, follower: Follower) -> None:
        watch = follower.watch
        watch.followers.discard(follower)
        if not watch.followers and self._watches.get(watch.account) is watch:
            del self._watches[watch.account]
            watch.unsubscribe()
            watch.looking.stop()

    @property
    def accounts(self) -> int:
        """How many are followed."""
        return len(self._watches)


class Follower:
    """One who is told. `position` is what an answer that has nothing else to say may give out."""

    __slots__ = ("_feed", "deliver", "stopped", "watch")

    def __init__(self, feed: Feed, watch: _Watch, deliver: Deliver) -> None:
        self._feed = feed
        self.watch = watch
        self.deliver = deliver
        self.stopped = False

    @property
    def position(self) -> str:
        return position_of(self.watch.states)

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self._feed.leave(self)


class _Watch:
    """An account's states as they were told last."""

    def __init__(self, account: AccountId, read: ReadStates, clock: IReactorTime) -> None:
        self.account = account
        self.states: dict[str, str] = {}
        self.followers: set[Follower] = set()
        self.unsubscribe: Callable[[], None] = lambda: None
        self.looking = Looking(clock, self._once_more)
        self._read = read
        self._clock = clock
        self._known = False
        self._reading = False
        self._again = False
        self._waiting: list[Deferred[None]] = []

    def known(self) -> Deferred[None]:
        """Fires once the states have been read a first time."""
        if self._known:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if not self._reading:
            self._start()
        return waiting

    def changed(self, _: Changed) -> None:
        if self._reading:
            self._again = True  # what is being read may be older than this
        else:
            self._start()

    def _start(self) -> None:
        self._reading = True
        Deferred.fromCoroutine(self._work())

    async def _work(self) -> None:
        try:
            while True:
                self._again = False
                self._tell(dict(await self._read(self.account)))
                if not self._again:
                    break
        except Exception as error:
            log.error("states not read", error, account=self.account)
            if self.followers and self._known:
                self._clock.callLater(_RETRY, self._once_more)
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.errback(error)
        finally:
            self._reading = False

    def _deliver(self, follower: Follower, word: Moved) -> None:
        try:
            follower.deliver(word)
        except Exception as error:  # one that fails must not keep it from the others
            log.error("state change not delivered", error, account=self.account)

    def _once_more(self) -> None:
        if self.followers and not self._reading:
            self._start()

    def _tell(self, states: dict[str, str]) -> None:
        before, self.states = self.states, states
        if not self._known:
            self._known = True
        else:
            moved = {one: state for one, state in states.items() if before.get(one) != state}
            if moved:
                word = Moved(self.account, moved, position_of(states))
                for follower in tuple(self.followers):
                    if not follower.stopped:
                        self._deliver(follower, word)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
