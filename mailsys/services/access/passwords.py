"""Making and checking passwords, off the reactor's thread.

argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane: about 20 ms), beside it the SCRAM pair of
the same password. A `PasswordPool` bounds both how many are worked on and how many may wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mailsys.core.refusal import NotAllowed, TemporaryFailure
from mailsys.core.sasl.saslprep import LONGEST, prepare_password
from mailsys.core.sasl.scram import ITERATIONS, SALT_OCTETS, derive
from mailsys.ports.accounts import Credentials

T = TypeVar("T")

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, salt_len=16)

# A hash of nothing, with the same cost: unknown names are checked against it, so that the time an
# answer takes does not tell which accounts exist.
NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$bWFpbHN5cy1ub2JvZHkhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


class PasswordPool:
    """A few threads for hashing. `waiting`: how many may be queued or at work before the rest is
    refused with TemporaryFailure (memory and time stay bounded under a flood of logins)."""

    def __init__(self, reactor: IReactorFromThreads, threads: int = 2, waiting: int = 200) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, threads, name="passwords")
        self._waiting = waiting
        self._taken = 0

    def start(self) -> None:
        if not self._pool.started:
            self._pool.start()

    def stop(self) -> None:
        """Waits for what is being hashed."""
        if self._pool.started:
            self._pool.stop()

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread of the pool."""
        if self._taken >= self._waiting:
            raise TemporaryFailure(cause="too many passwords wait to be checked")
        self._taken += 1
        try:
            return await deferToThreadPool(self._reactor, self._pool, work)
        finally:
            self._taken -= 1


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


async def hash_password(password: str, pool: PasswordPool) -> Credentials:
    """`make_credentials` in the pool."""
    return await pool.run(lambda: make_credentials(password))


async def verify_password(argon2: str, password: str, pool: PasswordPool) -> bool:
    """`password_matches` in the pool. TemporaryFailure when too many wait."""
    return await pool.run(lambda: password_matches(argon2, password))
