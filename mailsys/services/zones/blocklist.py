"""Names that our clients shall not reach: lists in files, read again when they change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from mailsys.core.dns.answer import Kept, written
from mailsys.core.dns.names import to_wire, with_ancestors
from mailsys.core.dns.question import Question
from mailsys.core.dns.types import AAAA, NOERROR, A
from mailsys.core.dns.zone import RRset
from mailsys.log import Log
from mailsys.services.content.reading import Offload

log = Log("blocklist")

TTL: Final = 300
_NOWHERE: Final = {A: bytes(4), AAAA: bytes(16)}
_LARGEST: Final = 256 * 1024 * 1024  # octets of one file
_MOST: Final = 5_000_000  # names in all


@dataclass(frozen=True, slots=True)
class Names:
    """`exact`: these alone; `whole`: these and all below them."""

    exact: frozenset[bytes] = frozenset()
    whole: frozenset[bytes] = frozenset()

    def __contains__(self, name: object) -> bool:
        if name in self.exact:
            return True
        return bool(self.whole) and isinstance(name, bytes) and any(
            each in self.whole for each in with_ancestors(name)
        )  # fmt: skip


def read_names(lines: Iterable[str]) -> Names:
    """One name a line; as in a hosts file ("0.0.0.0 name …") too; "*.name", ".name" and "||name^" mean all
    below it, and itself. What is none of these is left out, "#" and "!" begin remarks."""
    exact: set[bytes] = set()
    whole: set[bytes] = set()
    for line in lines:
        words = line.partition("#")[0].split()
        if not words or words[0][0] == "!":
            continue
        for word in words[1:] if _is_address(words[0]) else words[:1]:
            into = exact
            for prefix in ("||", "*.", "."):
                if word.startswith(prefix):
                    word, into = word.removeprefix(prefix), whole
                    break
            try:
                name = to_wire(word.removesuffix("^"))
            except ValueError:
                continue
            if len(name) > 1 and len(exact) + len(whole) < _MOST:
                into.add(name)
    return Names(frozenset(exact), frozenset(whole))


def _is_address(word: str) -> bool:
    return ":" in word or word.replace(".", "").isdigit()


class Blocklist:
    """`every`: seconds between looks at the files."""

    def __init__(
        self, files: Sequence[str], offload: Offload, clock: IReactorTime, every: float = 5.0
    ) -> None:
        self._files = tuple(files)
        self._offload = offload
        self._seen: tuple[object, ...] = ()
        self._every = every
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self.names = Names()

    async def start(self) -> None:
        if self._files:
            await self.reload()
            self._loop.start(self._every, now=False)

    def stop(self) -> None:
        if self._loop.running:
            self._loop.stop()

    async def reload(self) -> None:
        """Read the files now. Those that cannot be read are left out, with an error in the log."""
        self._seen = self._stamps()
        self.names = await self._offload(self._read)
        log.info("read", names=len(self.names.exact) + len(self.names.whole), files=len(self._files))

    def reload_soon(self) -> None:
        if self._files:
            Deferred.fromCoroutine(self.reload()).addErrback(
                lambda failure: log.error("not read", failure=failure.value)
            )

    async def _look(self) -> None:
        if self._stamps() != self._seen:
            await self.reload()

    def _stamps(self) -> tuple[object, ...]:
        found: list[object] = []
        for path in self._files:
            try:
                about = os.stat(path)
                found.append((about.st_mtime_ns, about.st_size, about.st_ino))
            except OSError as problem:
                found.append(problem.errno)
        return tuple(found)

    def _read(self) -> Names:
        return read_names(self._lines())

    def _lines(self) -> Iterable[str]:
        for path in self._files:
            try:
                if os.path.getsize(path) > _LARGEST:
                    raise OSError("larger than 256 MiB")
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield from file
            except OSError as problem:
                log.error("not read", path=path, failure=problem)

    def answer(self, question: Question) -> Kept:
        """An address that leads nowhere; of other types, that there are none."""
        data = _NOWHERE.get(question.type)
        name = question.name
        sets = () if data is None else (RRset(name, question.type, TTL, (data,), b"\x00"),)
        return written(name, question.type, NOERROR, (sets, (), ()), 0, 512)
