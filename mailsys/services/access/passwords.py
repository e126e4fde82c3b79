"""Making and checking passwords, off the reactor's thread.

argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane: about 20 ms), beside it the SCRAM pair of
the same password. A `PasswordPool` bounds how many are worked on and how many wait, and is fair to those
who ask.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mailsys.core.refusal import NotAllowed, TemporaryFailure
from mailsys.core.sasl.saslprep import LONGEST, prepare_password
from mailsys.core.sasl.scram import ITERATIONS, SALT_OCTETS, derive
from mailsys.ports.accounts import Credentials

T = TypeVar("T")

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, salt_len=16)

_KNOWN_IN_A_ROW: Final = 4

# A hash of nothing, with the same cost: unknown names are checked against it, so that the time an
# answer takes does not tell which accounts exist.
NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$bWFpbHN5cy1ub2JvZHkhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


class PasswordPool:
    """A few threads for hashing, shared out among lanes (one per network that asks) in turn, so that
    nobody waits behind a flood from elsewhere.

    `waiting`: how many may wait in all, `in_a_lane`: in one. When all places are taken, one who is alone
    in his lane takes the place of the last in the longest lane. The rest is refused with
    TemporaryFailure, so memory and time stay bounded: at 2,000 waiting and 20 ms each, 20 s in two threads.
    """

    def __init__(
        self, reactor: IReactorFromThreads, threads: int = 2, waiting: int = 2000, in_a_lane: int = 50
    ) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, threads, name="passwords")
        self._threads = threads
        self._most = waiting
        self._most_in_a_lane = in_a_lane
        self._busy = 0
        self._waiting = 0
        self._known_in_a_row = 0
        # whose turn is next comes first
        self._known: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()
        self._strangers: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()

    def start(self) -> None:
        if not self._pool.started:
            self._pool.start()

    def stop(self) -> None:
        """Waits for what is being hashed."""
        if self._pool.started:
            self._pool.stop()

    async def run(self, work: Callable[[], T], lane: str = "", known: bool = False) -> T:
        """Run `work` in a thread of the pool. `known`: before those who are not, save for every fifth."""
        if self._busy >= self._threads:
            turn = self._line_up(self._known if known else self._strangers, lane)
            await turn  # whoever is done hands its thread on: `_busy` stays
        else:
            self._busy += 1
        try:
            return await deferToThreadPool(self._reactor, self._pool, work)
        finally:
            self._next()

    def _line_up(self, lanes: OrderedDict[str, deque[Deferred[None]]], lane: str) -> Deferred[None]:
        line = lanes.get(lane)
        if line is not None and len(line) >= self._most_in_a_lane:
            raise TemporaryFailure(cause="too many passwords of one network wait to be checked")
        if self._waiting >= self._most:
            self._make_room(0 if line is None else len(line))
        turn: Deferred[None] = Deferred()
        lanes.setdefault(lane, deque()).append(turn)
        self._waiting += 1
        return turn

    def _make_room(self, mine: int) -> None:
        longest = max(self._strangers, key=lambda each: len(self._strangers[each]), default=None)
        if longest is None or len(self._strangers[longest]) <= max(mine, 1):
            raise TemporaryFailure(cause="too many passwords wait to be checked")
        self._waiting -= 1
        self._strangers[longest].pop().errback(
            TemporaryFailure(cause="too many passwords of one network wait to be checked")
        )

    def _next(self) -> None:
        first, second = self._known, self._strangers
        if self._known_in_a_row >= _KNOWN_IN_A_ROW:
            first, second = second, first
        for lanes in (first, second):
            if lanes:
                self._known_in_a_row = self._known_in_a_row + 1 if lanes is self._known else 0
                lane, line = lanes.popitem(last=False)
                turn = line.popleft()
                if line:
                    lanes[lane] = line
                self._waiting -= 1
                turn.callback(None)
                return
        self._busy -= 1


def make_credentials(password: str, random_bytes: Callable[[int], bytes] = os.urandom) -> Credentials:
    """What is stored of a new password. Blocks for some 30 ms: for the command line, or in a thread.

    NotAllowed when it is empty or longer than 1024 characters.
    """
    try:
        octets = prepare_password(password)
    except ValueError as error:
        raise NotAllowed(f"A password has 1 to {LONGEST} characters") from error
    keys = derive(password, random_bytes(SALT_OCTETS), ITERATIONS)
    return Credentials(
        argon2=_HASHER.hash(octets, salt=random_bytes(16)),
        scram_salt=keys.salt,
        scram_iterations=keys.iterations,
        scram_stored_key=keys.stored_key,
        scram_server_key=keys.server_key,
    )


def password_matches(argon2: str, password: str) -> bool:
    """Whether the stored hash is of this password. Blocks for some 20 ms."""
    try:
        return _HASHER.verify(argon2, prepare_password(password))
    except (VerificationError, InvalidHashError, ValueError):
        return False


async def hash_password(password: str, pool: PasswordPool, lane: str = "") -> Credentials:
    """`make_credentials` in the pool."""
    return await pool.run(lambda: make_credentials(password), lane)


async def verify_password(
    argon2: str, password: str, pool: PasswordPool, lane: str = "", known: bool = False
) -> bool:
    """`password_matches` in the pool. TemporaryFailure when too many wait."""
    return await pool.run(lambda: password_matches(argon2, password), lane, known)
