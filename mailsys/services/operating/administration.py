"""Carries out an operator's commands, in terms of the ports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from mailsys.core.refusal import NotAllowed
from mailsys.ports.storage import Checked, IStorage, Progress
from mailsys.services.operating import commands as c
from mailsys.services.operating.account_commands import AccountCommands
from mailsys.services.operating.domain_commands import DomainCommands
from mailsys.services.operating.queue_commands import QueueCommands


def _go_on(progress: Progress) -> bool:
    return True


class Administration:
    """`perform` is all that others call.

    look: further complaints for `check` (certificates and the like).
    changed: awaited after commands, so that addresses hold at once.
    further: what else can be asked, and who does it.
    """

    def __init__(
        self,
        accounts: AccountCommands,
        domains: DomainCommands,
        queue: QueueCommands,
        storage: IStorage,
        look: Callable[[], list[str]] = list,
        changed: Callable[[], Awaitable[object]] | None = None,
        further: Mapping[type[c.Command], Callable[[Any], Awaitable[object]]] = MappingProxyType({}),
    ) -> None:
        self._ways = {**accounts.ways, **domains.ways, **queue.ways, **further}
        self._domains = domains
        self._storage = storage
        self._look = look
        self._changed = changed

    async def perform(self, command: c.Command, tell: Callable[[Progress], bool] = _go_on) -> object:
        """Carry out one command; its result is plain JSON data. Raises Refusal with a text for the
        operator. `tell` hears how far a long one is, and answers whether to go on."""
        if isinstance(command, c.Check):
            return await self._check(command, tell)
        result = await self._ways[type(command)](command)
        if self._changed is not None:
            await self._changed()
        return result

    async def _check(self, command: c.Check, tell: Callable[[Progress], bool]) -> object:
        complaints: list[str] = []
        blobs = octets = 0
        if command.store:
            checked: Checked = await self._storage.check(tell)
            complaints += checked.complaints
            blobs, octets = checked.blobs, checked.octets
        complaints += await self._domains.complaints()
        return {"complaints": complaints + self._look(), "blobs": blobs, "octets": octets}


def decode(line: bytes) -> c.Command:
    """A command from its JSON. Raises NotAllowed, whose text never repeats what was sent."""
    try:
        command: c.Command = _decoder.decode(line)
        return command
    except msgspec.ValidationError as problem:
        raise NotAllowed(f"Bad request: {problem}") from None
    except msgspec.DecodeError:
        raise NotAllowed("Bad request: not JSON") from None


_decoder: Final = msgspec.json.Decoder(c.AnyCommand)
