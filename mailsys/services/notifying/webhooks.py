"""Word of changed mail to a program's URL: signed, in order, tried again until it was heard.

What is told comes from the account's change log, from a position that is stored beside the webhook and
moves when the receiver said yes. What is about to be told is stored before, by whoever takes the right to
tell it for a while: nothing is missed over restarts or outages, and what may have been heard is told again
with the same id and the same changes. All of that is written under the condition that it still is what was
read, so one of several processes tells.
Signatures are those of the Standard Webhooks specification.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from mailsys.core.bad_field import BadField
from mailsys.core.jmap.dates import render_utc_date
from mailsys.core.jmap.ids import account_id, email_id, thread_id
from mailsys.core.refusal import ObjectConflict
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.change_log import EmailChanges
from mailsys.ports.emails import Column
from mailsys.ports.events import Changed, IEvents
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import IMailStore
from mailsys.ports.objects import IObjectStore, ObjectChange, ObjectsWritten, StoredObject
from mailsys.services.access.at_rest import AtRest
from mailsys.services.conditional import until_it_holds
from mailsys.services.looking import Looking
from mailsys.services.outbound.http import (
    ForbiddenTarget,
    OutboundFailure,
    OutboundHttp,
    TooLarge,
    target_of,
)

log = Log("webhooks")

KIND: Final = "Webhook"
STATE: Final = "WebhookState"  # apart: it moves all the time
EVENTS: Final = ("created", "updated", "destroyed")
AT_MOST: Final = 20  # of one account
_READ_AT_START: Final = 1_000_000
_AT_ONCE: Final = 10  # deliveries of the process
_BATCH: Final = 100  # changes told at a time
_LARGE: Final = 50_000  # when one commit changed more than that
_DESCRIBED: Final = 100  # new emails of which more than the id is told
_COLUMNS: Final = (
    Column.THREAD,
    Column.RECEIVED_AT,
    Column.SIZE,
    Column.SUBJECT,
    Column.SENDER,
    Column.PREVIEW,
)
_WAITS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)  # seconds; the last repeats
_GIVE_UP: Final = 3 * 86400.0  # seconds without success, after which a webhook is switched off
_GONE: Final = 410
_AT_ONCE_AGAIN: Final = -1.0
_LEASE: Final = 120.0  # seconds; longer than a request may take


@dataclass(frozen=True, slots=True)
class Webhook:
    account: AccountId
    id: str
    url: str
    events: tuple[str, ...]
    created: float
    enabled: bool
    cause: str  # why it was switched off
    last_at: float | None
    last_status: str  # "200", or what went wrong
    failing_since: float | None


class _Record(msgspec.Struct, frozen=True):
    url: str
    secret: str  # encrypted (`services.access.at_rest`)
    events: tuple[str, ...]
    created: float
    enabled: bool = True
    cause: str = ""


class _Told(msgspec.Struct, frozen=True):
    """What is being told: changes up to `modseq`. An email that changes again moves on in the log, so a
    later look at the log would not find the same."""

    modseq: int
    complete: bool
    more: bool
    created: tuple[int, ...] = ()
    updated: tuple[int, ...] = ()
    destroyed: tuple[int, ...] = ()


class _State(msgspec.Struct, frozen=True):
    position: int
    attempts: int = 0  # since the last success
    failing_since: float | None = None
    last_at: float | None = None
    last_status: str = ""
    pending: _Told | None = None
    holder: str = ""  # who is telling it: a process,
    until: float = 0.0  # and until when nobody else does (Unix time)


@dataclass(frozen=True, slots=True)
class _Read:
    """A webhook as it was read, and at which modseqs (of the state 0: there is none)."""

    record: _Record
    state: _State
    record_at: int
    state_at: int


class Webhooks:
    def __init__(
        self,
        objects: IObjectStore,
        mail: IMailStore,
        accounts: IAccountStore,
        events: IEvents,
        outbound: OutboundHttp,
        clock: Any,
        random_bytes: Callable[[int], bytes],
        random: Random,
        at_rest: AtRest,
        process: str,
    ) -> None:
        """`process` names this one among those that share the store; what a process of the same name left
        behind when it died is taken up at once, what another did when its right has ended."""
        self._objects = objects
        self._at_rest = at_rest
        self._mail = mail
        self._accounts = accounts
        self._events = events
        self._outbound = outbound
        self._clock = clock
        self._chance = random_bytes
        self._name = process
        self._looking = Looking(clock, self._look)
        self._random = random
        self._slots = DeferredSemaphore(_AT_ONCE)
        self.working: set[_Runner] = set()  # removed ones among them
        self._running: dict[tuple[AccountId, str], _Runner] = {}
        self._stopped = False

    # -- what there is -----------------------------------------------------------------------------------

    async def create(self, account: AccountId, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
        """A new one, which tells of changes from now on, and its secret. Raises BadField."""
        self._check(url, events)
        ident = self._chance(8).hex()
        secret = "whsec_" + b64encode(self._chance(24)).decode("ascii")
        hidden = self._at_rest.hide(secret, _whose(account, ident))
        record = _Record(url, hidden, _in_order(events), self._clock.seconds())
        state = _State(await self._mail.modseq(account))

        async def once() -> None:
            before: dict[str, int] = await self._mail.states(account)
            if len(await self._objects.objects(account, KIND)) >= AT_MOST:
                raise BadField("url", f"An account has at most {AT_MOST} webhooks.")
            changes = [_of_record(account, ident, record, 0), _of_state(account, ident, state, 0)]
            await self._objects.write(changes, if_state=before.get(KIND, 0))

        await until_it_holds(once)
        self._watch(account, ident)
        log.info("webhook made", account=account, id=ident)
        return _webhook(account, ident, record, state), secret

    async def of(self, account: AccountId) -> list[Webhook]:
        states = {
            each.id: msgspec.json.decode(each.value, type=_State)
            for each in await self._objects.objects(account, STATE)
        }
        return [
            _webhook(account, each.id, _record(each), states.get(each.id) or _State(0))
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
            found = await self._read(account, ident)
            if found is None:
                return None
            record, state = found.record, found.state
            self._check(url or record.url, events or record.events)
            record = msgspec.structs.replace(
                record,
                url=url or record.url,
                events=_in_order(events or record.events),
                enabled=record.enabled if enabled is None else enabled,
                cause="" if enabled else record.cause,
            )
            # Of other events, or to another receiver, other things are to be told. Who is telling now has
            # no right to any more.
            pending = state.pending if url is None and events is None else None
            state = msgspec.structs.replace(
                state, attempts=0, failing_since=None, pending=pending, holder="", until=0.0
            )
            await self._write(account, ident, found, state, record)
            return _webhook(account, ident, record, state)

        changed = await until_it_holds(once)
        if changed is not None:
            self._unwatch(account, ident)
            if changed.enabled:
                self._watch(account, ident)
        return changed

    async def remove(self, account: AccountId, ident: str) -> bool:
        """False: there is none such."""

        async def once() -> bool:
            found = await self._read(account, ident)
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
            target_of(url, self._outbound.allow_private)
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
            if _record(stored).enabled:
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
        runner = self._running[account, ident] = _Runner(self, account, ident, self._clock)
        runner.unsubscribe = self._events.subscribe(account, runner.changed)
        runner.wake()

    def _unwatch(self, account: AccountId, ident: str) -> None:
        runner = self._running.pop((account, ident), None)
        if runner is not None:
            runner.of_use = False
            runner.end()

    # -- telling -----------------------------------------------------------------------------------------

    async def tell(self, runner: _Runner) -> float | None:
        """Tell what there is to tell; seconds after which to come again, None: when something changes."""
        return await self._slots.run(lambda: Deferred.fromCoroutine(self._tell(runner)))

    async def _tell(self, runner: _Runner) -> float | None:
        account, ident = runner.account, runner.ident
        while runner.of_use and not self._stopped:
            found = await self._read(account, ident)
            owner: Account | None = await self._accounts.account(account)
            if found is None or not found.record.enabled or owner is None:
                self._unwatch(account, ident)
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

    async def _tell_one(self, runner: _Runner, found: _Read, now: float) -> float | None:
        """Tell one batch. ObjectConflict when the webhook was changed meanwhile; _AT_ONCE_AGAIN when there
        is more to do; else as `tell`."""
        account, ident, record, state = runner.account, runner.ident, found.record, found.state
        told = state.pending
        if told is None:
            told = _wanted(record, await self._changes(account, state.position))
            if told.complete and not (told.created or told.updated or told.destroyed):
                if not told.more:
                    return None  # the position is written when there is something to tell
                await self._write(account, ident, found, msgspec.structs.replace(state, position=told.modseq))
                return _AT_ONCE_AGAIN
        state = msgspec.structs.replace(state, pending=told, holder=self._name, until=now + _LEASE)
        found = await self._write(account, ident, found, state)
        secret = self._at_rest.show(record.secret, _whose(account, ident))
        status = await self._post(record.url, secret, *await self._message(account, ident, told))
        if not runner.of_use:
            return None
        now = self._clock.seconds()
        if not (status.isdigit() and 200 <= int(status) < 300):
            return await self._failed(account, ident, found, status, now)
        state = _State(max(told.modseq, state.position), 0, None, now, status)
        await self._write(account, ident, found, state)
        if told.more:
            return _AT_ONCE_AGAIN
        return 0.0 if await self._more(account, state.position) else None

    async def _changes(self, account: AccountId, since: int) -> EmailChanges:
        changes: EmailChanges = await self._mail.emails_changed(account, since, _BATCH)
        if not changes.complete and changes.more:
            changes = await self._mail.emails_changed(account, since, _LARGE)
        if not changes.complete:  # too long ago: all that can be told is where it stands now
            changes = replace(changes, modseq=await self._mail.modseq(account), more=False)
        return changes

    async def _more(self, account: AccountId, position: int) -> bool:
        changes: EmailChanges = await self._mail.emails_changed(account, position, 1)
        return bool(changes.created or changes.updated or changes.destroyed)

    async def _failed(
        self, account: AccountId, ident: str, found: _Read, status: str, now: float
    ) -> float | None:
        record, state = found.record, found.state
        since = now if state.failing_since is None else state.failing_since
        attempts = state.attempts + 1
        log.info("webhook failed", account=account, id=ident, status=status, attempts=attempts)
        failed = _State(state.position, attempts, since, now, status, state.pending)
        if status == str(_GONE) or now - since >= _GIVE_UP:
            cause = "The receiver said that it is gone." if status == str(_GONE) else "It failed for days."
            off = msgspec.structs.replace(record, enabled=False, cause=cause)
            await self._write(account, ident, found, failed, off)
            self._unwatch(account, ident)
            log.warning("webhook switched off", account=account, id=ident, cause=cause)
            return None
        await self._write(account, ident, found, failed)
        wait = _WAITS[min(attempts - 1, len(_WAITS) - 1)]
        return wait * (0.9 + 0.2 * self._random.random())  # not all at the same moment

    async def _message(self, account: AccountId, ident: str, told: _Told) -> tuple[str, bytes]:
        """Its id, and its body."""
        name = f"{ident}.{told.modseq}"
        body: dict[str, Any] = {
            "id": name,
            "type": "email.changed" if told.complete else "resync",  # too old: read everything anew
            "accountId": account_id(account),
            "state": str(told.modseq),
            **{event: [email_id(each) for each in getattr(told, event)] for event in EVENTS},
            "emails": await self._described(account, told.created),
        }
        return name, msgspec.json.encode(body)

    async def _described(self, account: AccountId, emails: Sequence[int]) -> list[dict[str, Any]]:
        emails = emails[:_DESCRIBED]
        rows: dict[int, Any] = await self._mail.fetch(account, emails, _COLUMNS) if emails else {}
        found = []
        for email in emails:
            if email in rows:
                thread, received, size, subject, sender, preview = rows[email]
                found.append(
                    {
                        "id": email_id(email),
                        "threadId": thread_id(thread),
                        "receivedAt": render_utc_date(received),
                        "size": size,
                        "subject": subject,
                        "from": sender,
                        "preview": preview,
                    }
                )
        return found

    async def _post(self, url: str, secret: str, name: str, body: bytes) -> str:
        """The status of the answer, or what went wrong."""
        stamp = str(int(self._clock.seconds()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mailsys",
            "webhook-id": name,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(secret, name, stamp, body),
        }
        try:
            answer = await self._outbound.request("POST", url, headers, body, limit=64 * 1024)
        except TooLarge:
            return "the answer is too long"
        except (ForbiddenTarget, OutboundFailure) as error:
            return str(error)[:200] or type(error).__name__
        return str(answer.status)

    # ----------------------------------------------------------------------------------------------------

    async def _read(self, account: AccountId, ident: str) -> _Read | None:
        records: list[StoredObject] = await self._objects.objects(account, KIND, [ident])
        if not records:
            return None
        states: list[StoredObject] = await self._objects.objects(account, STATE, [ident])
        state = msgspec.json.decode(states[0].value, type=_State) if states else _State(0)
        return _Read(_record(records[0]), state, records[0].modseq, states[0].modseq if states else 0)

    async def _write(
        self, account: AccountId, ident: str, found: _Read, state: _State, record: _Record | None = None
    ) -> _Read:
        """Write what became of it, if it is still what was found; ObjectConflict when it is not."""
        changes = [_of_state(account, ident, state, found.state_at)]
        if record is not None:
            changes.append(_of_record(account, ident, record, found.record_at))
        written: ObjectsWritten = await self._objects.write(changes)
        record_at = found.record_at if record is None else written.modseq
        return _Read(record or found.record, state, record_at, written.modseq)


class _Runner:
    """Tells for one webhook, one thing at a time."""

    def __init__(self, webhooks: Webhooks, account: AccountId, ident: str, clock: Any) -> None:
        self._webhooks = webhooks
        self.account = account
        self.ident = ident
        self.of_use = True  # False: the webhook was changed or removed, and what comes of this one is dropped
        self._clock = clock
        self._working = False
        self._waiting: list[Deferred[None]] = []
        self._again = False
        self._looked = 0  # the account's modseq at the last look
        self._ended = False
        self._timer: Any = None
        self.unsubscribe: Callable[[], None] = lambda: None

    def changed(self, changed: Changed) -> None:
        # Not when only objects were written, ours among them; and after a failure what changed is told
        # with the next try.
        if (changed.mailboxes or changed.arrived) and self._timer is None:
            self.wake()

    def look(self, modseq: int) -> None:
        """The account is at `modseq`: wake if it was at another at the last look."""
        looked, self._looked = self._looked, modseq
        if looked != modseq and self._timer is None:
            self.wake()

    def wake(self) -> None:
        if self._timer is not None:
            if self._timer.active():
                self._timer.cancel()
            self._timer = None
        if self._working:
            self._again = True
        elif not self._ended:
            self._working = True  # before it begins: it may be over at once
            self._webhooks.working.add(self)
            Deferred.fromCoroutine(self._work())

    def busy(self) -> Deferred[None] | None:
        """Fires when what is being done is done; None: nothing is."""
        if not self._working:
            return None
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def end(self) -> None:
        self._ended = True
        self.unsubscribe()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    async def _work(self) -> None:
        again: float | None = None
        try:
            again = await self._webhooks.tell(self)
        except Exception as error:
            log.error("webhook not told", error, account=self.account, id=self.ident)
            again = 60.0
        self._working = False
        self._webhooks.working.discard(self)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
        if self._ended:
            return
        once_more, self._again = self._again, False
        if again is not None and again > 0:
            self._timer = self._clock.callLater(again, self._due)
        elif again is not None or once_more:
            self._timer = self._clock.callLater(0, self._due)

    def _due(self) -> None:
        self._timer = None
        self.wake()


def _of_record(account: AccountId, ident: str, record: _Record, if_modseq: int) -> ObjectChange:
    return ObjectChange(account, KIND, ident, msgspec.json.encode(record), if_modseq=if_modseq)


def _of_state(account: AccountId, ident: str, state: _State, if_modseq: int) -> ObjectChange:
    return ObjectChange(account, STATE, ident, msgspec.json.encode(state), if_modseq=if_modseq)


async def reseal(objects: IObjectStore, account: AccountId, change: Callable[[str, str], str]) -> int:
    """An account's webhooks' secrets, sealed anew (`services.access.resealing`)."""
    changes = []
    for each in await objects.objects(account, KIND):
        record = _record(each)
        secret = change(record.secret, _whose(account, each.id))
        changes.append(
            _of_record(account, each.id, msgspec.structs.replace(record, secret=secret), each.modseq)
        )
    if changes:
        await objects.write(changes)
    return len(changes)


def _whose(account: AccountId, ident: str) -> str:
    return f"webhook {ident} of account {account}"


def signature(secret: str, name: str, stamp: str, body: bytes) -> str:
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and body."""
    key = b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{name}.{stamp}.".encode("ascii") + body, "sha256")
    return "v1," + b64encode(mac).decode("ascii")


def _wanted(record: _Record, changes: EmailChanges) -> _Told:
    """Of the changes, what this webhook wants to hear."""
    lists = {name: getattr(changes, name) for name in EVENTS if name in record.events}
    return _Told(changes.modseq, changes.complete, changes.more, **lists)


def _in_order(events: Sequence[str]) -> tuple[str, ...]:
    return tuple(each for each in EVENTS if each in events)


def _record(stored: StoredObject) -> _Record:
    return msgspec.json.decode(stored.value, type=_Record)


def _webhook(account: AccountId, ident: str, record: _Record, state: _State) -> Webhook:
    return Webhook(
        account,
        ident,
        record.url,
        record.events,
        record.created,
        record.enabled,
        record.cause,
        state.last_at,
        state.last_status,
        state.failing_since,
    )
