"""Changes that are computed from what was read, and hold only while it stays so.

Nobody is kept out meanwhile: who finds that another was first reads, computes and writes anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mailsys.core.refusal import ObjectConflict, StateMismatch, TemporaryFailure

TRIES: Final = 20  # each one that fails means that somebody else's change was made

T = TypeVar("T")


async def until_it_holds(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, which reads, computes and writes what is conditional, until its conditions hold.

    TemporaryFailure when others were first TRIES times."""
    for _ in range(TRIES):
        try:
            return await work()
        except (StateMismatch, ObjectConflict) as conflict:
            last = conflict
    raise TemporaryFailure("Others change the same all the time; try again later") from last
