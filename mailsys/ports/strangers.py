"""What is remembered of those who write to us: what became of their mail, and who came back when asked to.

*Reputation* is kept by key: a network, a domain, a sender (`core.trust.origin`). An `Acceptance` counts one
message for each of its `origin` in its commit; people's junk and not junk are counted by the commits that say
so, once per email, and taken back when they are unsaid. Figures halve in HALF_LIFE, so that nobody is judged
for ever. *Greylisting* asks strangers to come again: what gives spam in bulk up does not.

Both are bounded: what was not heard of for longest is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from zope.interface import Interface

HALF_LIFE: Final = 30 * 86400.0  # seconds
KEPT: Final = 200_000  # of each kind


@dataclass(frozen=True, slots=True)
class Standing:
    """Messages, as they count now."""

    taken: float = 0.0  # accepted
    junk: float = 0.0  # people said so
    good: float = 0.0  # people said that it is none
    refused: float = 0.0  # by us


@dataclass(frozen=True, slots=True)
class Patience:
    """`delay`: how long a stranger has to wait; `window`: within what time he has to come back; `keep`: how
    long he is let in then, from his last message on. Seconds."""

    delay: float = 120.0
    window: float = 2 * 86400.0
    keep: float = 36 * 86400.0


class IStrangers(Interface):
    def standings(keys: Sequence[str]) -> Deferred[Mapping[str, Standing]]:
        """Keys of which nothing is known are left out. At most a hundred a call."""

    def refused(keys: Sequence[str]) -> Deferred[None]:
        """One more message of theirs was refused."""

    def knock(keys: Sequence[str], origin: str, patience: Patience) -> Deferred[float]:
        """Greylisting of one message: a key for each of its recipients, and whom to let in at once from now
        on when it passes. Fires with the seconds to wait; 0: let it in. It passes when a message with one of
        these keys came `delay` or longer ago, and that first one not longer than `window`. Judged and
        written in one commit: of two at once the second sees the first."""
