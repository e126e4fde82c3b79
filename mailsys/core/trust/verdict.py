"""What becomes of a message, and why: the reasons go with it wherever it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    """From the mildest to the hardest."""

    INBOX = "inbox"
    JUNK = "junk"
    DEFER = "defer"  # 4xx: come again
    REFUSE = "refuse"  # 5xx


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is stable, for programs and translations (`dmarc-reject`, `own-domain`, `listed`, `content`,
    `first-contact`, …); `text` one plain sentence in English; `detail` its variable parts, printable."""

    code: str
    text: str
    weight: float = 0.0  # towards junk; negative speaks for the message
    detail: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` in the order of their weight: the first is the one that decided. `warnings` are shown with
    the message but change nothing. `score` is the sum of the weights; `reply` the SMTP reply of DEFER and
    REFUSE, with its enhanced code: "550 5.7.26 …"."""

    action: Action
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    score: float = 0.0
    reply: str = ""
