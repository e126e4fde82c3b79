"""Whose turn it is to push to a subscription, and up to where it was told: an object beside it.

Every process follows every subscription; the one that has the turn pushes, for as long as something is to be
pushed and a while after. A turn is taken by a conditional write and ends by itself, so that another goes on
when its holder died; what was told meanwhile is then known up to the last write, and may be told again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from mailsys.core.refusal import ObjectConflict
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange, ObjectsWritten, StoredObject

KIND: Final = "PushSubscription"
STATE: Final = "PushState"  # apart: it moves all the time
LENGTH: Final = 150.0  # seconds
ENOUGH: Final = 60.0  # seconds that must be left of a turn: more than one push takes


class _State(msgspec.Struct, frozen=True):
    position: str
    holder: str = ""  # a process
    until: float = 0.0  # Unix time


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to push until `until` (Unix time). `position`: up to where it was told when it was taken."""

    position: str
    until: float
    modseq: int  # of what is stored


@dataclass(frozen=True, slots=True)
class Another:
    """Another process has the turn for so many seconds."""

    seconds: float


class PushTurns:
    """`process` names this one among those that share the store; what a process of the same name left behind
    when it died is taken up at once."""

    def __init__(self, objects: IObjectStore, now: Callable[[], float], process: str) -> None:
        self._objects = objects
        self._now = now
        self._process = process

    async def position(self, account: AccountId, id_: str) -> str:
        """Up to where it was told; "" when that is not known."""
        found = await self._objects.objects(account, STATE, [id_])
        return msgspec.json.decode(found[0].value, type=_State).position if found else ""

    async def take(self, account: AccountId, id_: str, position: str) -> Turn | Another | None:
        """Take the turn, or keep it longer. `position`: up to where this process told. None: there is no
        such subscription any more."""
        if not await self._objects.objects(account, KIND, [id_]):
            return None
        found: list[StoredObject] = await self._objects.objects(account, STATE, [id_])
        now = self._now()
        state = msgspec.json.decode(found[0].value, type=_State) if found else _State(position)
        if state.holder != self._process and now < state.until <= now + LENGTH:
            return Another(state.until - now + 1.0)
        if state.holder != self._process and state.position:
            position = state.position  # others told more than this one knows
        taken = _State(position, self._process, now + LENGTH)
        try:
            modseq = await self._write(account, id_, taken, found[0].modseq if found else 0)
        except ObjectConflict:
            return Another(1.0)  # another was first: look who
        return Turn(position, taken.until, modseq)

    async def end(self, account: AccountId, id_: str, turn: Turn, position: str) -> None:
        """Give the turn back, told up to `position`."""
        try:
            await self._write(account, id_, _State(position), turn.modseq)
        except ObjectConflict:
            return  # it is another's, or gone

    async def _write(self, account: AccountId, id_: str, state: _State, if_modseq: int) -> int:
        value = msgspec.json.encode(state)
        written: ObjectsWritten = await self._objects.write(
            [ObjectChange(account, STATE, id_, value, if_modseq=if_modseq)]
        )
        return written.modseq


def removed(account: AccountId, id_: str) -> list[ObjectChange]:
    """What removes a subscription."""
    return [ObjectChange(account, kind, id_, remove=True) for kind in (KIND, STATE)]
