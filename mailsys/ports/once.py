"""What may be used only so often: tokens, codes, answers to one sender.

Durable: it is a conditional write of the store, not a counter that may be lost.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface


class IOnceStore(Interface):
    def take(key: str, until: float, at_most: int = 1) -> Deferred[bool]:
        """Use `key` (at most 200 characters) once more. True for the first `at_most` that ask, over all
        processes and restarts; fires once that is durable. Forgotten after `until` (Unix time; of several
        that were True the latest: who is refused does not make it longer)."""

    def give_back(key: str) -> Deferred[None]:
        """Undo one `take`, when what it was for did not happen."""
