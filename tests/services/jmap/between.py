"""Stores that let another writer in between, at a call of the test's choosing, or fail from then on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import Deferred

from mailsys.core.refusal import TemporaryFailure

# What a method of the ports that only reads is called; all others write.
_READS: Final = frozenset(
    ("states", "modseq", "fetch", "query", "query_delta", "thread_emails", "email_mailboxes", "snoozed",
     "texts", "mailboxes", "mailbox", "objects", "changes", "timeline", "read", "size", "sink", "holds",
     "held_type", "emails_changed", "threads_changed", "mailboxes_changed", "emails_of_blob")
)  # fmt: skip

Work = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class Between:
    """Does `other`, once, before the `at`th call of a port from `let_in` on (0 is the first)."""

    at: int = 0
    calls: list[str] = field(default_factory=list)
    fails_after: str = ""  # when this was done, every write fails
    failing: bool = False
    _other: Work | None = None

    def let_in(self, other: Work) -> None:
        self.calls, self._other = [], other

    def stop(self) -> bool:
        """Whether it was done; it is not any more."""
        done, self._other = self._other is None, None
        return done

    async def call(self, name: str, method: Callable[..., Any], args: Any, given: Any) -> Any:
        other = self._other
        if other is not None and len(self.calls) == self.at:
            self._other = None
            await other()
        self.calls.append(name)
        if self.failing and name not in _READS:
            raise TemporaryFailure(cause="the power is gone")
        answer = await method(*args, **given)
        self.failing = self.failing or name == self.fails_after
        return answer


class Port:
    """One port of a store, watched."""

    def __init__(self, store: Any, between: Between) -> None:
        self._store = store
        self._between = between

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in ("sink", "stage", "listen", "check_room"):
            return method

        def call(*args: Any, **given: Any) -> Deferred[Any]:
            return Deferred.fromCoroutine(self._between.call(name, method, args, given))

        return call
