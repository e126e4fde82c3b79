"""The states that a /set tells (RFC 8620 §5.3), as its commits said them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from mailsys.core.jmap.problems import SetError
from mailsys.core.refusal import Refusal
from mailsys.services.conditional import until_it_holds
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import check_state, set_error

T = TypeVar("T")


class StateChain:
    """Old and new state of one type around the commits of one call.

    The first commit says both. A later one moves the new state on when it began where the one before
    ended. When somebody else's change lies between, the new state stays: who asks for the changes since
    then hears of that one, and of this call's own again.

    `expected` is the state that the next commit is to be judged by: what the client gave as ifInState, then
    where the last commit ended; None when the client expects none.
    """

    def __init__(self, context: CallContext, kind: str, expected: int | None = None) -> None:
        self._context = context
        self._kind = kind
        self._states: tuple[int, int] | None = None
        self.expected = expected

    @classmethod
    async def begin(cls, context: CallContext, kind: str, if_in_state: str | None) -> StateChain:
        """Raises stateMismatch for a state that is over: none comes again. Whether it still is the present
        one is for the commit to judge."""
        if if_in_state is None:
            return cls(context, kind)
        check_state(if_in_state, str(await state_of(context, kind)))
        return cls(context, kind, int(if_in_state))

    async def until_it_holds(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`, which reads and then writes what is conditional, until its conditions hold; once, when
        the client expects a state. StateMismatch then; else TemporaryFailure when others are always first."""
        return await (work() if self.expected is not None else until_it_holds(work))

    def add(self, before: int, after: int) -> None:
        """A commit was made."""
        if self._states is None:
            self._states = (before, after)
        elif self._states[1] == before:
            self._states = (self._states[0], after)
        if self.expected is not None:
            self.expected = after

    def failed(self, refusal: Refusal) -> SetError:
        """What each object of a commit that was refused gets. Raises the refusal, as that of the whole
        call, when nothing was done before."""
        if self._states is None:
            raise refusal
        return set_error(refusal)

    async def told(self) -> tuple[str, str]:
        """Old and new state."""
        if self._states is None:
            now = self.expected
            if now is None:
                now = await state_of(self._context, self._kind)
            return str(now), str(now)
        return str(self._states[0]), str(self._states[1])
