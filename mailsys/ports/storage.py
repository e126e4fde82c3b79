"""What an operator asks of a store as a whole: does it take mail, and is all of it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is: of what it counts in, so much; `total` 0: not known."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to. Complaints name the emails and accounts that they concern."""

    complaints: tuple[str, ...]
    blobs: int
    octets: int  # of their content, as hashed


class IStorage(Interface):
    def ready() -> Deferred[None]:
        """Fires when a write was made durable within the last seconds, and there is room for new mail.
        Else raises InsufficientStorage or TemporaryFailure, whose text says which in words for anybody."""

    def check(tell: Callable[[Progress], bool]) -> Deferred[Checked]:
        """Look at everything that is kept: every row, every relation between them, every blob's bytes
        against its id. Minutes on a large store, in slices that hold up nobody, in bounded memory. Damage
        is a complaint, never a failure. `tell` is called on the reactor now and then; the check ends early
        when it answers False."""
