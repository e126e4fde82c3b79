"""All outside judges that the settings name, asked at once, within one time; what follows when one does not
answer is decided beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, gatherResults
from twisted.internet.interfaces import IReactorTime

from mailsys.core.trust.verdict import Action, Reason
from mailsys.log import Log
from mailsys.ports.judging import IJudge, Inspected, OutsideVerdict
from mailsys.services.judges.clamav import ClamAv
from mailsys.services.judges.milter import Milter
from mailsys.services.judges.rspamd import Rspamd
from mailsys.services.judges.spamassassin import SpamAssassin
from mailsys.settings import Judges

log = Log("judges")

_ORDER: Final = tuple(Action)
_LATER: Final = "451 4.7.1 The message cannot be checked now, try again later"


class Panel:
    """size: octets; a larger message is shown to no judge. hardest: what a judge may lead to at most.
    timeout: seconds, for all of it. defer: a judge that does not answer has the message come again (4xx);
    else it goes on without that judge's word."""

    def __init__(
        self,
        judges: Sequence[IJudge],
        clock: IReactorTime,
        timeout: float = 30.0,
        defer: bool = False,
        size: int = 20 * 1024 * 1024,
        hardest: Action = Action.REFUSE,
        at_once: int = 20,
    ) -> None:
        self._judges = tuple(judges)
        self._clock = clock
        self._timeout = timeout
        self._defer = defer
        self._size = size
        self._hardest = hardest
        self._slots = DeferredSemaphore(at_once)

    def __bool__(self) -> bool:
        return bool(self._judges)

    async def ask(self, message: Inspected) -> tuple[OutsideVerdict, ...]:
        """One verdict of each judge, in their order. Never raises."""
        if not self._judges:
            return ()
        if message.blob.size > self._size:
            reason = Reason("judge-skipped", "It is too large to be shown to outside judges.")
            return tuple(OutsideVerdict(Action.INBOX, (reason,)) for _ in self._judges)
        asked: list[Deferred[Any]] = [
            Deferred.fromCoroutine(self._ask(each, message)) for each in self._judges
        ]
        found: list[OutsideVerdict] = await gatherResults(asked)
        return tuple(found)

    async def _ask(self, judge: IJudge, message: Inspected) -> OutsideVerdict:
        try:
            waiting: Deferred[OutsideVerdict] = self._slots.run(judge.judge, message)
            verdict = await waiting.addTimeout(self._timeout, self._clock)
        except (Exception, CancelledError) as problem:
            said = str(problem)[:200] or type(problem).__name__
            log.warning("no verdict", judge=judge.name, trace=message.trace, cause=said)
            reason = Reason("judge-unanswered", f"{judge.name} gave no verdict.", detail=(("cause", said),))
            if self._defer:
                return OutsideVerdict(Action.DEFER, (reason,), _LATER)
            return OutsideVerdict(Action.INBOX, (reason,))
        if _ORDER.index(verdict.action) > _ORDER.index(self._hardest):
            return OutsideVerdict(self._hardest, verdict.reasons, "", verdict.header)
        return verdict


def panel(settings: Judges, reactor: Any, hostname: str) -> Panel:
    """As the settings have it."""
    judges: list[IJudge] = [Milter(reactor, where, hostname) for where in settings.milters]
    judges += [ClamAv(reactor, where) for where in settings.clamav]
    judges += [SpamAssassin(reactor, where) for where in settings.spamassassin]
    judges += [Rspamd(reactor, where) for where in settings.rspamd]
    return Panel(
        judges,
        reactor,
        settings.timeout,
        settings.unanswered == "defer",
        settings.size,
        Action(settings.hardest),
        settings.at_once,
    )
