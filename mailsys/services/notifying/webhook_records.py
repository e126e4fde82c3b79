"""A webhook and how far it has told, as they are kept: two objects of the account, for the second moves all
the time. Both are written under the condition that they still are what was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange, ObjectsWritten, StoredObject

KIND: Final = "Webhook"
STATE: Final = "WebhookState"
EVENTS: Final = ("created", "updated", "destroyed")


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


class Record(msgspec.Struct, frozen=True):
    url: str
    secret: str  # encrypted (`services.access.at_rest`)
    events: tuple[str, ...]
    created: float
    enabled: bool = True
    cause: str = ""


class Told(msgspec.Struct, frozen=True):
    """What is being told: changes up to `modseq`. An email that changes again moves on in the log, so a
    later look at the log would not find the same."""

    modseq: int
    complete: bool
    more: bool
    created: tuple[int, ...] = ()
    updated: tuple[int, ...] = ()
    destroyed: tuple[int, ...] = ()


class State(msgspec.Struct, frozen=True):
    position: int
    attempts: int = 0  # since the last success
    failing_since: float | None = None
    last_at: float | None = None
    last_status: str = ""
    pending: Told | None = None
    holder: str = ""  # who is telling it: a process,
    until: float = 0.0  # and until when nobody else does (Unix time)


@dataclass(frozen=True, slots=True)
class Found:
    """A webhook as it was read, and at which modseqs (of the state 0: there is none)."""

    record: Record
    state: State
    record_at: int
    state_at: int


class WebhookRecords:
    def __init__(self, objects: IObjectStore) -> None:
        self._objects = objects

    async def read(self, account: AccountId, ident: str) -> Found | None:
        records: list[StoredObject] = await self._objects.objects(account, KIND, [ident])
        if not records:
            return None
        states: list[StoredObject] = await self._objects.objects(account, STATE, [ident])
        state = msgspec.json.decode(states[0].value, type=State) if states else State(0)
        return Found(record_of(records[0]), state, records[0].modseq, states[0].modseq if states else 0)

    async def write(
        self, account: AccountId, ident: str, found: Found, state: State, record: Record | None = None
    ) -> Found:
        """Write what became of it, if it is still what was found; ObjectConflict when it is not."""
        changes = [of_state(account, ident, state, found.state_at)]
        if record is not None:
            changes.append(of_record(account, ident, record, found.record_at))
        written: ObjectsWritten = await self._objects.write(changes)
        record_at = found.record_at if record is None else written.modseq
        return Found(record or found.record, state, record_at, written.modseq)


def of_record(account: AccountId, ident: str, record: Record, if_modseq: int) -> ObjectChange:
    return ObjectChange(account, KIND, ident, msgspec.json.encode(record), if_modseq=if_modseq)


def of_state(account: AccountId, ident: str, state: State, if_modseq: int) -> ObjectChange:
    return ObjectChange(account, STATE, ident, msgspec.json.encode(state), if_modseq=if_modseq)


def record_of(stored: StoredObject) -> Record:
    return msgspec.json.decode(stored.value, type=Record)


def webhook_of(account: AccountId, ident: str, record: Record, state: State) -> Webhook:
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


def in_order(events: Sequence[str]) -> tuple[str, ...]:
    return tuple(each for each in EVENTS if each in events)


async def reseal(objects: IObjectStore, account: AccountId, change: Callable[[str, str], str]) -> int:
    """An account's webhooks' secrets, sealed anew (`services.access.resealing`)."""
    changes = []
    for each in await objects.objects(account, KIND):
        record = record_of(each)
        secret = change(record.secret, whose(account, each.id))
        changes.append(
            of_record(account, each.id, msgspec.structs.replace(record, secret=secret), each.modseq)
        )
    if changes:
        await objects.write(changes)
    return len(changes)


def whose(account: AccountId, ident: str) -> str:
    """What its secret is sealed for (`services.access.at_rest`)."""
    return f"webhook {ident} of account {account}"
