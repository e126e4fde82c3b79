"""Failures made off the reactor, and what the disk's mean."""

from __future__ import annotations

import errno
from typing import Final

import apsw
from twisted.python.failure import Failure

from mailsys.core.refusal import InsufficientStorage, Refusal, TemporaryFailure

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def refusal_of(error: Exception) -> Refusal:
    """What to answer for what SQLite or the disk refused."""
    full = isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno in _FULL)
    kind = InsufficientStorage if full else TemporaryFailure
    return kind(cause=f"{type(error).__name__}: {error}")


def failure(error: BaseException) -> Failure:
    """A Failure without its frames: those hold a batch, and they belong to another thread."""
    made = Failure(error)  # type: ignore[no-untyped-call]
    made.cleanFailure()  # type: ignore[no-untyped-call]
    return made
