"""Whose mail a message is, as keys that what is remembered of strangers is kept by; and what that says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from mailsys.core.network import network_of
from mailsys.core.trust.evidence import Evidence
from mailsys.core.trust.judge import WEIGHTS, vouched_for
from mailsys.core.trust.verdict import Reason

_FEW: Final = 3.0  # complaints below which nobody is judged by them
_BAD: Final = 0.2  # part of somebody's mail that was complained of
_MANY: Final = 20.0  # messages from which somebody without complaints has a good name
_DOUBT: Final = 5.0  # messages that count as good before any came
_REFUSAL: Final = 0.5  # of a complaint: what a refusal counts


class Standing(Protocol):
    """`ports.strangers.Standing`."""

    @property
    def taken(self) -> float: ...
    @property
    def junk(self) -> float: ...
    @property
    def good(self) -> float: ...
    @property
    def refused(self) -> float: ...


def origin(evidence: Evidence) -> tuple[str, ...]:
    """From the sender to his network. A sender and a domain that nobody vouches for are anybody's: only the
    network counts then."""
    network = f"network:{network_of(evidence.peer)}"
    local, at, domain = evidence.author.lower().rpartition("@")
    if not at or not vouched_for(evidence):
        return (network,)
    return (_key(f"sender:{local}@{domain}"), _key(f"domain:{domain}"), network)


def _key(text: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else "?" for c in text)


def by_reputation(keys: tuple[str, ...], standings: Mapping[str, Standing]) -> Reason | None:
    """What the first of the keys that enough is known of says; None when that is nothing."""
    for key in keys:
        found = standings.get(key)
        if found is None:
            continue
        kind, _, who = key.partition(":")
        complaints = found.junk + _REFUSAL * found.refused - found.good
        detail = (("kind", kind), ("who", who))
        if complaints >= _FEW:
            if complaints / (found.taken + found.refused + _DOUBT) >= _BAD:
                text = f"Much of what came from {who} before was junk."
                return Reason("bad-reputation", text, WEIGHTS["bad-reputation"], detail)
            return None
        if found.taken >= _MANY and complaints <= 0 and kind != "network":
            text = f"Mail from {who} was welcome before."
            return Reason("good-reputation", text, WEIGHTS["good-reputation"], detail)
    return None
