"""What all parts of one process have around them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from random import Random, SystemRandom
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mailsys.clock import WallClock
from mailsys.ports.accounts import Credentials
from mailsys.services.access.passwords import PasswordPool, hash_password
from mailsys.services.content.reading import Offload
from mailsys.settings import Settings

# One process at a time has the embedded store: what a dead one held is ours at once.
_NAME: Final = "mailsys"
_READING_THREADS: Final = 2  # for large messages; they share the interpreter, so more would not be faster


@dataclass(frozen=True, slots=True)
class Process:
    """`reactor` tells monotonic time, `wall` Unix time; `random_bytes` and `random` are secure. `offload`
    runs work in threads. `name` tells processes over the same store apart."""

    settings: Settings
    reactor: Any
    wall: IReactorTime
    random_bytes: Callable[[int], bytes]
    random: Random
    passwords: PasswordPool
    hash_password: Callable[[str], Coroutine[Any, Any, Credentials]]
    offload: Offload
    name: str = _NAME


class Threads:
    """Those that hash passwords, and those that read large messages."""

    def __init__(self, reactor: Any) -> None:
        self.passwords = PasswordPool(reactor)
        self._reading = ThreadPool(0, _READING_THREADS, "reading")
        self.offload: Offload = partial(deferToThreadPool, reactor, self._reading)

    def start(self) -> None:
        self._reading.start()
        self.passwords.start()

    def stop(self) -> None:
        self.passwords.stop()
        self._reading.stop()


def make_process(settings: Settings, reactor: Any, threads: Threads) -> Process:
    passwords = threads.passwords
    return Process(
        settings,
        reactor,
        WallClock(reactor),
        os.urandom,
        SystemRandom(),
        passwords,
        partial(hash_password, pool=passwords),
        threads.offload,
    )
