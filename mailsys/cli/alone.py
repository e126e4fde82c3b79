"""The store opened by a command itself, because no server runs on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailsys.assembly import StoreProblem, administer, check_store, reseal
from mailsys.cli.problem import UNREACHABLE, USAGE, Problem
from mailsys.core.refusal import Refusal
from mailsys.ports.storage import Progress
from mailsys.running import become
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.commands import Check, Command, Reply
from mailsys.settings import Settings, SettingsError

T = TypeVar("T")


def run_alone(settings: Settings, work: Callable[[Administration], Awaitable[T]]) -> T:
    """Open the store, do `work`, close it. Once in a process: the reactor does not start twice.
    Root becomes the `user` of the settings first: files that root made would shut the server out.
    Raises Problem for a store that cannot be had, and with a Refusal's text."""

    async def administering(reactor: Any) -> T:
        return await administer(settings, reactor, work)

    return _run(settings, administering)


def reseal_alone(settings: Settings, new_key: Path) -> int:
    """`assembly.reseal`. Raises Problem."""

    async def resealing(reactor: Any) -> int:
        return await reseal(settings, reactor, new_key)

    return _run(settings, resealing)


def _run(settings: Settings, work: Callable[[Any], Awaitable[T]]) -> T:
    try:
        become(settings)
    except SettingsError as failure:
        raise Problem(str(failure), USAGE) from None
    outcome: list[T] = []
    problem: list[Exception] = []

    async def main(reactor: Any) -> None:
        try:
            outcome.append(await work(reactor))
        except Exception as failure:  # told outside of the reactor
            problem.append(failure)

    with suppress(SystemExit):  # `react` always ends so
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    for each in problem:
        if isinstance(each, Refusal):
            raise Problem(each.text)
        if isinstance(each, StoreProblem):
            raise Problem(str(each), UNREACHABLE)
        raise each
    if not outcome:
        raise KeyboardInterrupt
    return outcome[0]


def check_alone(settings: Settings, show: Callable[[Progress], None]) -> dict[str, Any]:
    """`commands.Check` where no server runs: first the store as it lies there, untouched, and only when
    that is sound what else there is to look at. Raises Problem when another process has it."""
    try:
        become(settings)
    except SettingsError as failure:
        raise Problem(str(failure), USAGE) from None

    def tell(progress: Progress) -> bool:
        show(progress)
        return True

    try:
        checked = check_store(settings, tell)
    except StoreProblem as problem:
        raise Problem(str(problem), UNREACHABLE) from None
    complaints = list(checked.complaints)
    if not complaints:
        try:
            rest: Any = perform_alone(settings, Check(store=False)).result
            complaints = rest["complaints"]
        except Problem as problem:
            complaints = [f"store: {problem}"]
    return {"complaints": complaints, "blobs": checked.blobs, "octets": checked.octets}


def perform_alone(settings: Settings, command: Command) -> Reply:
    async def work(administration: Administration) -> Reply:
        try:
            return Reply(result=await administration.perform(command))
        except Refusal as refusal:
            return Reply(refused=refusal.text)

    return run_alone(settings, work)
