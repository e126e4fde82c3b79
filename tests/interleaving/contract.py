"""The contract: whoever runs within whom, both changes are there. A test for each operation, in which all
that touch the same run within it."""

from __future__ import annotations

import os
import re
import zlib
from typing import Any, ClassVar

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailsys.stores.memory.events import Events
from tests.interleaving.catalogue import OPERATIONS
from tests.interleaving.operations import Operation
from tests.interleaving.trial import Finding, Trials, explore
from tests.interleaving.world import prepare

EVERY = os.environ.get("INTERLEAVINGS") == "all"
PLACES = 2  # of each pair, unless all are wanted: others for every pair, the same in every run


def thinned(a: Operation, b: Operation, at: int, after: bool) -> bool:
    """Whether this place is left out: a few in ten remain, and what remains is spread over the pairs."""
    return zlib.crc32(f"{a} {b} {at} {after}".encode()) % 10 >= PLACES


class InterleavingContract(TestCase):
    """A back-end's subclass has `open`, `freeze`, `copy` and `fingerprint`."""

    timeout = 900
    _trials: ClassVar[Trials | None] = None

    async def open(self, events: Events, clock: Clock) -> Any:
        raise NotImplementedError

    def freeze(self, store: Any) -> Any:
        """An image of the store that `copy` makes stores of."""
        raise NotImplementedError

    async def copy(self, image: Any, events: Events, clock: Clock) -> Any:
        raise NotImplementedError

    def fingerprint(self, store: Any) -> bytes | None:
        return None

    async def _prepared(self) -> Trials:
        kind = type(self)
        if kind._trials is None:
            kind._trials = Trials(self, await prepare(self.open, self.freeze))
        return kind._trials

    async def _explore(self, a: Operation) -> None:
        trials = await self._prepared()
        wrong: list[Finding] = []
        for b in OPERATIONS:
            if a.about & b.about:
                for one_process in (False, True) if a.imap and b.imap else (False,):
                    _, found = await explore(trials, a, b, one_process, None if EVERY else thinned)
                    wrong += found[:1]
        self.assertEqual([], wrong, "\n" + "\n".join(map(str, wrong)))


def _test(operation: Operation) -> Any:
    async def test(self: InterleavingContract) -> None:
        await self._explore(operation)

    test.__doc__ = f"{operation}, and within it whatever touches the same."
    return test


for _operation in OPERATIONS:
    _name = str(_operation).replace("+", "plus ").replace("-", "minus ").lower()
    _name = re.sub(r"\W+", "_", _name).strip("_")
    assert not hasattr(InterleavingContract, f"test_{_name}"), _name
    setattr(InterleavingContract, f"test_{_name}", _test(_operation))
