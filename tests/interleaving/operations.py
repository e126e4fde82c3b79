"""What a writer does, once it is ready to begin: the form of all operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from mailsys.core.refusal import Refusal
from tests.interleaving.imap_client import Client
from tests.interleaving.process import Process
from tests.interleaving.world import Known

APART: Final = "two steps apart"  # one request's answers, whose states do not meet

Calls = list[tuple[str, dict[str, Any]]]


@dataclass(slots=True)
class Outcome:
    """What the writer was answered. `said` is the same whatever ids were given out."""

    said: Any = None
    states: dict[str, tuple[str, str]] = field(default_factory=dict)  # old and new, by type
    own: set[str] = field(default_factory=set)  # ids that the answers name as changed by it


@dataclass(slots=True)
class Writer:
    """Ready to begin. `clients` stay connected."""

    run: Callable[[], Awaitable[Outcome]]
    clients: list[Client] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Operation:
    """`about`: what it touches. Two that touch the same are tried against each other."""

    name: str
    about: frozenset[str]
    start: Callable[[Process, Known], Awaitable[Writer]]
    imap: bool = False  # sessions of one process share what they know of a mailbox

    def __str__(self) -> str:
        return self.name


def about(words: str) -> frozenset[str]:
    return frozenset(words.split())


def by_jmap(name: str, words: str, build: Callable[[Known], Calls]) -> Operation:
    async def start(process: Process, known: Known) -> Writer:
        calls = build(known)
        _ = process.api  # made before the writer begins

        async def run() -> Outcome:
            outcome = Outcome([])
            for method, value in await process.jmap(known.alice, *calls):
                outcome.said.append([method, _said(value)])
                outcome.own |= {each["id"] for each in (value.get("created") or {}).values()}
                outcome.own |= {*(value.get("updated") or ()), *(value.get("destroyed") or ())}
                kind = method.partition("/")[0]
                if value.get("oldState") is not None and value.get("newState") is not None:
                    old, new = value["oldState"], value["newState"]
                    first, last = outcome.states.get(kind, (old, old))
                    outcome.states[kind] = (first, new if last == old else APART)
            return outcome

        return Writer(run)

    return Operation(f"JMAP {name}", about(words), start)


def _said(value: dict[str, Any]) -> Any:
    if "type" in value:
        return value["type"]
    said: dict[str, Any] = {}
    for name in ("created", "updated"):
        said[name] = sorted(value.get(name) or ())
    said["destroyed"] = sorted(value.get("destroyed") or ())
    for name in ("notCreated", "notUpdated", "notDestroyed"):
        said[name] = {key: error["type"] for key, error in (value.get(name) or {}).items()}
    return {name: each for name, each in said.items() if each}


def by_imap(
    name: str,
    words: str,
    build: Callable[[Known], Iterable[bytes]],
    box: str = "INBOX",
    before: tuple[bytes, ...] = (),
) -> Operation:
    """Commands in a session that looks at `box`. An IDLE-less client: it asks, and hears what comes."""

    async def start(process: Process, known: Known) -> Writer:
        client = await process.imap(known.alice, *before, *((b"SELECT " + box.encode(),) if box else ()))
        await client.learn()
        commands = list(build(known))

        async def run() -> Outcome:
            outcome = Outcome([])
            for command in commands:
                last = (await client.ask(command))[-1].split(b" ", 2)
                code = last[1].strip(b"[]") if last[0] != b"OK" and last[1:2] and last[1][:1] == b"[" else b""
                outcome.said.append((last[0] + b" " + code).decode().strip())
            return outcome

        return Writer(run, [client])

    return Operation(f"IMAP {name}", about(words), start, imap=True)


def by_service(
    name: str,
    words: str,
    work: Callable[[Process, Known], Awaitable[Any]],
    ready: Callable[[Process, Known], Awaitable[Any]] | None = None,
) -> Operation:
    """`work` fires with what was answered; a Refusal is an answer as well."""

    async def start(process: Process, known: Known) -> Writer:
        if ready is not None:
            await ready(process, known)

        async def run() -> Outcome:
            try:
                return Outcome(await work(process, known))
            except Refusal as refusal:
                return Outcome(f"refused: {type(refusal).__name__}")

        return Writer(run)

    return Operation(name, about(words), start)
