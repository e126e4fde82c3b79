"""How many answers of one kind a network gets by UDP, so that nobody can be flooded through us. The way is
that of Vixie and Schryver (DNS Response Rate Limiting, 2012): what counts is what is sent, not what comes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from enum import Enum
from typing import Final

REMEMBERED: Final = 20_000  # accounts of (network, answer)
_WINDOW: Final = 5.0  # seconds of credit that may be saved up, and of debt


class Verdict(Enum):
    SEND = "send"
    CUT = "cut"  # an empty answer with TC: who asked in earnest comes back by TCP
    DROP = "drop"


class Rates:
    """`each`: answers of one kind a second to one network; 0: no bound. Every second one beyond is CUT."""

    def __init__(self, each: float) -> None:
        self._each = each
        self._accounts: OrderedDict[Hashable, tuple[float, float, int]] = OrderedDict()

    def judge(self, who: Hashable, now: float) -> Verdict:
        if not self._each:
            return Verdict.SEND
        most = self._each * _WINDOW
        credit, at, beyond = self._accounts.pop(who, (most, now, 0))
        credit = min(most, credit + (now - at) * self._each) - 1.0
        verdict = Verdict.SEND
        if credit < 0.0:
            credit = max(credit, -most)
            beyond += 1
            verdict = Verdict.CUT if beyond % 2 == 0 else Verdict.DROP
        self._accounts[who] = (credit, now, beyond)
        if len(self._accounts) > REMEMBERED:
            self._accounts.popitem(last=False)
        return verdict
