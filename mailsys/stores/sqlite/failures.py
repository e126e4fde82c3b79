"""Failures made off the reactor."""

from __future__ import annotations

from twisted.python.failure import Failure


def failure(error: BaseException) -> Failure:
    """A Failure without its frames: those hold a batch, and they belong to another thread."""
    made = Failure(error)  # type: ignore[no-untyped-call]
    made.cleanFailure()  # type: ignore[no-untyped-call]
    return made
