"""Word of changed mail to a program's URL: signed, in order, tried again until it was heard.

What is told comes from the account's change log, from a position that is stored beside the webhook and
moves when the receiver said yes. All of it is written under the condition that it still is what was
read, so one of several processes tells (`webhook_telling`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.bad_field import BadField
from mailsys.log import Log
from mailsys.ports.events import IEvents
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import IMailStore
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.access.at_rest import AtRest
from mailsys.services.conditional import until_it_holds
from mailsys.services.looking import Looking
from mailsys.services.notifying.webhook_records import (
    EVENTS,
    KIND,
    STATE,
    Record,
    State,
    Webhook,
    WebhookRecords,
    in_order,
    of_record,
    of_state,
    record_of,
    webhook_of,
    whose,
)
from mailsys.services.notifying.webhook_runner import Runner
from mailsys.services.notifying.webhook_telling import Telling
from mailsys.services.outbound.http import ForbiddenTarget, target_of

log = Log("webhooks")

AT_MOST: Final = 20  # of one account
_READ_AT_START: Final = 1_000_000


class Webhooks:
    """`allow_private`: receivers may be at private addresses."""

    def __init__(
        self,
        objects: IObjectStore,
        mail: IMailStore,
        events: IEvents,
        telling: Telling,
        clock: Any,
        random_bytes: Callable[[int], bytes],
        at_rest: AtRest,
        allow_private: bool,
    ) -> None:
        self._objects = objects
        self._records = WebhookRecords(objects)
        self._mail = mail
        self._events = events
        self._telling = telling
        self._clock = clock
        self._chance = random_bytes
        self._at_rest = at_rest
        self._allow_private = allow_private
        self._looking = Looking(clock, self._look)
        self.working: set[Runner] = set()  # removed ones among them
        self._running: dict[tuple[AccountId, str], Runner] = {}
        self._stopped = False

    # -- what there is -----------------------------------------------------------------------------------

    async def create(self, account: AccountId, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
        """A new one, which tells of changes from now on, and its secret. Raises BadField."""
        self._check(url, events)
        ident = self._chance(8).hex()
        secret = "whsec_" + b64encode(self._chance(24)).decode("ascii")
        hidden = self._at_rest.hide(secret, whose(account, ident))
        record = Record(url, hidden, in_order(events), self._clock.seconds())
        state = State(await self._mail.modseq(account))

        async def once() -> None:
            before: dict[str, int] = await self._mail.states(account)
            if len(await self._objects.objects(account, KIND)) >= AT_MOST:
                raise BadField("url", f"An account has at most {AT_MOST} webhooks.")
            changes = [of_record(account, ident, record, 0), of_state(account, ident, state, 0)]
            await self._objects.write(changes, if_state=before.get(KIND, 0))

        await until_it_holds(once)
        self._watch(account, ident)
        log.info("webhook made", account=account, id=ident)
        return webhook_of(account, ident, record, state), secret

    async def of(self, account: AccountId) -> list[Webhook]:
        states = {
            each.id: msgspec.json.decode(each.value, type=State)
            for each in await self._objects.objects(account, STATE)
        }
        return [
            webhook_of(account, each.id, record_of(each), states.get(each.id) or State(0))
            for each in await self._objects.objects(account, KIND)
        ]

    async def change(
        self,
        account: AccountId,
        ident: str,
        url: str | None = None,
        events: Sequence[str] | None = None,
        enabled: bool | None = None,
    ) -> Webhook | None:
        """None: there is none such. Switched on again, it tells of what it missed."""

        async def once() -> Webhook | None:
            found = await self._records.read(account, ident)
            if found is None:
                return None
            record, state = found.record, found.state
            self._check(url or record.url, events or record.events)
            record = msgspec.structs.replace(
                record,
                url=url or record.url,
                events=in_order(events or record.events),
                enabled=record.enabled if enabled is None else enabled,
                cause="" if enabled else record.cause,
            )
            # Of other events, or to another receiver, other things are to be told. Who is telling now has
            # no right to any more.
            pending = state.pending if url is None and events is None else None
            state = msgspec.structs.replace(
                state, attempts=0, failing_since=None, pending=pending, holder="", until=0.0
            )
            await self._records.write(account, ident, found, state, record)
            return webhook_of(account, ident, record, state)

        changed = await until_it_holds(once)
        if changed is not None:
            self._unwatch(account, ident)
            if changed.enabled:
                self._watch(account, ident)
        return changed

    async def remove(self, account: AccountId, ident: str) -> bool:
        """False: there is none such."""

        async def once() -> bool:
            found = await self._records.read(account, ident)
            if found is None:
                return False
            record = ObjectChange(account, KIND, ident, remove=True, if_modseq=found.record_at)
            await self._objects.write([record, ObjectChange(account, STATE, ident, remove=True)])
            return True

        removed = await until_it_holds(once)
        if removed:
            self._unwatch(account, ident)
            log.info("webhook removed", account=account, id=ident)
        return removed

    def _check(self, url: str, events: Sequence[str]) -> None:
        try:
            target_of(url, self._allow_private)
        except ForbiddenTarget as error:
            raise BadField("url", str(error)) from error
        if not events or not set(events) <= set(EVENTS):
            raise BadField("events", f"Events are some of {', '.join(EVENTS)}.")

    # -- life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up those that there are, each where it stopped."""
        await self._take_up()
        self._looking.start()

    async def _take_up(self) -> None:
        found: list[tuple[AccountId, StoredObject]] = await self._objects.of_kind(KIND, _READ_AT_START)
        for account, stored in found:
            if record_of(stored).enabled:
                self._watch(account, stored.id)

    def _look(self) -> None:
        Deferred.fromCoroutine(self._look_at_all()).addErrback(
            lambda failure: log.error("not looked at", failure.value)
        )

    async def _look_at_all(self) -> None:
        """Those that another process made; and accounts that changed, though no event may have told."""
        await self._take_up()
        modseqs: dict[AccountId, int] = {}
        for runner in tuple(self._running.values()):
            if runner.account not in modseqs:
                modseqs[runner.account] = await self._mail.modseq(runner.account)
            runner.look(modseqs[runner.account])

    async def stop(self) -> None:
        """What is on its way may end (within the time that one request may take)."""
        self._stopped = True
        self._looking.stop()
        waits = [each.busy() for each in self.working]
        for runner in self._running.values():
            runner.end()
        self._running.clear()
        await gatherResults([each for each in waits if each is not None])

    def _watch(self, account: AccountId, ident: str) -> None:
        if self._stopped or (account, ident) in self._running:
            return
        runner = Runner(account, ident, self._telling.tell, self.working, self._forget, self._clock)
        self._running[account, ident] = runner
        runner.unsubscribe = self._events.subscribe(account, runner.changed)
        runner.wake()

    def _unwatch(self, account: AccountId, ident: str) -> None:
        runner = self._running.get((account, ident))
        if runner is not None:
            runner.drop()

    def _forget(self, runner: Runner) -> None:
        if self._running.get((runner.account, runner.ident)) is runner:
            del self._running[runner.account, runner.ident]
