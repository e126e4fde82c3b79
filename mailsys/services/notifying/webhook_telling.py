"""Tells what there is to tell to one webhook's URL, and writes down what came of it.

What is about to be told is stored before, by whoever takes the right to tell it for a while: nothing is
missed over restarts or outages, and what may have been heard is told again with the same id and changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, DeferredSemaphore

from mailsys.core.refusal import ObjectConflict
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.services.access.at_rest import AtRest
from mailsys.services.notifying.webhook_message import WebhookMessages, headers
from mailsys.services.notifying.webhook_records import Found, State, WebhookRecords, whose
from mailsys.services.notifying.webhook_runner import Runner
from mailsys.services.outbound.http import ForbiddenTarget, OutboundFailure, OutboundHttp, TooLarge

log = Log("webhooks")

_AT_ONCE: Final = 10  # deliveries of the process
_WAITS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)  # seconds; the last repeats
_GIVE_UP: Final = 3 * 86400.0  # seconds without success, after which a webhook is switched off
_GONE: Final = 410
_AT_ONCE_AGAIN: Final = -1.0
_LEASE: Final = 120.0  # seconds; longer than a request may take


class Telling:
    """`process` names this one among those that share the store; what a process of the same name left
    behind when it died is taken up at once, what another did when its right has ended."""

    def __init__(
        self,
        records: WebhookRecords,
        messages: WebhookMessages,
        accounts: IAccountStore,
        outbound: OutboundHttp,
        clock: Any,
        random: Random,
        at_rest: AtRest,
        process: str,
    ) -> None:
        self._records = records
        self._messages = messages
        self._accounts = accounts
        self._outbound = outbound
        self._clock = clock
        self._random = random
        self._at_rest = at_rest
        self._name = process
        self._slots = DeferredSemaphore(_AT_ONCE)

    async def tell(self, runner: Runner) -> float | None:
        """Tell what there is to tell; seconds after which to come again, None: when something changes."""
        return await self._slots.run(lambda: Deferred.fromCoroutine(self._tell(runner)))

    async def _tell(self, runner: Runner) -> float | None:
        account, ident = runner.account, runner.ident
        while runner.of_use and not runner.ended:
            found = await self._records.read(account, ident)
            owner: Account | None = await self._accounts.account(account)
            if found is None or not found.record.enabled or owner is None:
                runner.drop()
                return None
            if not owner.enabled:
                return _WAITS[-1]
            state, now = found.state, self._clock.seconds()
            if state.holder != self._name and now < state.until <= now + _LEASE:
                return float(state.until - now + 1.0)  # another process tells; when it died, it is our turn
            try:
                again = await self._tell_one(runner, found, now)
            except ObjectConflict:
                continue  # it was changed, or another process was first
            if again != _AT_ONCE_AGAIN:
                return again
        return None

    async def _tell_one(self, runner: Runner, found: Found, now: float) -> float | None:
        """Tell one batch. ObjectConflict when the webhook was changed meanwhile; _AT_ONCE_AGAIN when there
        is more to do; else as `tell`."""
        account, ident, record, state = runner.account, runner.ident, found.record, found.state
        told = state.pending
        if told is None:
            told = await self._messages.wanted(account, record, state.position)
            if told.complete and not (told.created or told.updated or told.destroyed):
                if not told.more:
                    return None  # the position is written when there is something to tell
                await self._records.write(
                    account, ident, found, msgspec.structs.replace(state, position=told.modseq)
                )
                return _AT_ONCE_AGAIN
        state = msgspec.structs.replace(state, pending=told, holder=self._name, until=now + _LEASE)
        found = await self._records.write(account, ident, found, state)
        secret = self._at_rest.show(record.secret, whose(account, ident))
        name, body = await self._messages.message(account, ident, told)
        status = await self._post(record.url, headers(secret, name, self._clock.seconds(), body), body)
        if not runner.of_use:
            return None
        now = self._clock.seconds()
        if not (status.isdigit() and 200 <= int(status) < 300):
            return await self._failed(runner, found, status, now)
        state = State(max(told.modseq, state.position), 0, None, now, status)
        await self._records.write(account, ident, found, state)
        if told.more:
            return _AT_ONCE_AGAIN
        return 0.0 if await self._messages.more(account, state.position) else None

    async def _failed(self, runner: Runner, found: Found, status: str, now: float) -> float | None:
        account, ident = runner.account, runner.ident
        record, state = found.record, found.state
        since = now if state.failing_since is None else state.failing_since
        attempts = state.attempts + 1
        log.info("webhook failed", account=account, id=ident, status=status, attempts=attempts)
        failed = State(state.position, attempts, since, now, status, state.pending)
        if status == str(_GONE) or now - since >= _GIVE_UP:
            cause = "The receiver said that it is gone." if status == str(_GONE) else "It failed for days."
            off = msgspec.structs.replace(record, enabled=False, cause=cause)
            await self._records.write(account, ident, found, failed, off)
            runner.drop()
            log.warning("webhook switched off", account=account, id=ident, cause=cause)
            return None
        await self._records.write(account, ident, found, failed)
        wait = _WAITS[min(attempts - 1, len(_WAITS) - 1)]
        return wait * (0.9 + 0.2 * self._random.random())  # not all at the same moment

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> str:
        """The status of the answer, or what went wrong."""
        try:
            answer = await self._outbound.request("POST", url, headers, body, limit=64 * 1024)
        except TooLarge:
            return "the answer is too long"
        except (ForbiddenTarget, OutboundFailure) as error:
            return str(error)[:200] or type(error).__name__
        return str(answer.status)
