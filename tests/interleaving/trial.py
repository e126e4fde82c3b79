"""Two writers on one account, the second within the first, and what is held against the end.

Whatever the place where the second runs whole:
- what there is then, and what both were answered, is what it would be had they come one after the other;
- the store finds nothing wrong with itself, and no modseq was given out twice;
- each writer's client, which had all before and takes the answer's oldState to newState as its own change,
  is right after `/changes`;
- each IMAP session that watched agrees, after NOOP, with one that has just selected the mailbox.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Protocol

from twisted.internet.task import Clock

from mailsys import log
from mailsys.ports.events import Changed
from mailsys.stores.memory.events import Events
from tests.interleaving.gate import Point, Schedule
from tests.interleaving.imap_client import Client
from tests.interleaving.operations import APART, Operation, Outcome, Writer, about
from tests.interleaving.picture import (
    TYPES,
    Rows,
    Shown,
    kept_objects,
    shown,
    told,
    told_by_imap,
    told_by_queue,
)
from tests.interleaving.process import Process
from tests.interleaving.world import LATER, Known, Prepared

_KINDS: Final = ("Idempotency", "SecondFactor")
_SEEN_BY_IMAP: Final = about("inbox target deleted muted waiting work other")
_PICTURES: Final = 20_000
_TURNS: Final = 20
_MOST_CALLS: Final = 500  # of one operation


class Store(Protocol):
    """What a back-end gives to the contract."""

    async def copy(self, image: Any, events: Events, clock: Clock) -> Any:
        """A store that is what it was when `image` was taken of it."""

    def fingerprint(self, store: Any) -> bytes | None:
        """Equal for stores that show the same; None: cannot be told cheaply."""


@dataclass(slots=True)
class Picture:
    """What there is at the end, without numbers that depend on who came first."""

    told: Any
    rows: Rows
    shown: Shown | None
    problems: list[str]


@dataclass(slots=True)
class Ending:
    picture: Picture
    said: tuple[Any, Any]
    problems: list[str]
    point: Point | None = None
    last: bool = False  # the first writer made no call after it

    def differs(self, other: Ending) -> list[str]:
        found = differences(self.picture.told, other.picture.told)
        if self.picture.shown is None:
            return found  # nothing is owed to who has no account any more
        for who, mine, its in zip(("first", "second"), self.said, other.said, strict=True):
            if mine != its:
                found.append(f"the {who} was answered {mine!r}, not {its!r}")
        return found


@dataclass(slots=True)
class _Stage:
    """One run."""

    clock: Clock
    store: Any
    first: Process
    second: Process
    a: Writer
    b: Writer | None
    watchers: list[Client]
    heard: list[Changed]
    errors: list[str] = field(default_factory=list)


class Trials:
    """All runs on one back-end."""

    def __init__(self, back_end: Store, prepared: Prepared) -> None:
        self._back_end = back_end
        self._prepared = prepared
        self._pictures: dict[bytes, Picture] = {}
        self._turns: dict[tuple[str, str, int], Ending] = {}
        self._calls: dict[str, int] = {}
        self._alone: dict[str, tuple[Ending, Outcome]] = {}
        self.runs = 0

    @property
    def known(self) -> Known:
        return self._prepared.known

    # -- runs ------------------------------------------------------------------------------------------

    async def within(
        self, a: Operation, b: Operation, at: int, after: bool, one_process: bool
    ) -> Ending | None:
        """`b` runs at a's call number `at`. None: there are not so many calls."""
        schedule = Schedule(at, after)
        stage = await self._set(a, b, schedule, one_process)
        outcomes: list[Outcome] = []

        async def other() -> None:
            assert stage.b is not None
            outcomes.append(await _run(stage.b))

        schedule.other = other
        schedule.running = True
        said = await _run(stage.a)
        schedule.running = False
        if schedule.point is None:
            await self._leave(stage)
            return None
        last = schedule.count == at + 1
        for seconds in (*([0] * _TURNS), *([1] * _TURNS)):  # who waited for the first goes on now
            if outcomes:
                break
            stage.clock.advance(seconds)
        if not outcomes:
            stage.errors.append("the second waits for ever")
            outcomes.append(Outcome("nothing"))
        return await self._end(stage, a, b, said, outcomes[0], schedule.point, last)

    async def in_turn(self, a: Operation, b: Operation, first: int) -> Ending:
        """One after the other; `first` 0: a, 1: b."""
        found = self._turns.get((a.name, b.name, first))
        if found is None:
            found = await self._in_turn(a, b, first)
            self._turns[a.name, b.name, first] = found
            swapped = Ending(found.picture, (found.said[1], found.said[0]), found.problems)
            self._turns[b.name, a.name, 1 - first] = swapped
        return found

    async def _in_turn(self, a: Operation, b: Operation, first: int) -> Ending:
        stage = await self._set(a, b, Schedule(), False)
        assert stage.b is not None
        if first == 0:
            said_a, said_b = await _run(stage.a), await _run(stage.b)
        else:
            said_b, said_a = await _run(stage.b), await _run(stage.a)
        return await self._end(stage, a, b, said_a, said_b)

    async def alone(self, a: Operation) -> tuple[Ending, Outcome]:
        found = self._alone.get(a.name)
        if found is None:
            schedule = Schedule()
            stage = await self._set(a, None, schedule, False)
            schedule.running = True
            outcome = await _run(stage.a)
            schedule.running = False
            self._calls[a.name] = schedule.count
            found = self._alone[a.name] = (await self._end(stage, a, None, outcome, None), outcome)
        return found

    async def calls(self, a: Operation) -> int:
        """How many calls of its ports it makes when alone."""
        await self.alone(a)
        return self._calls[a.name]

    async def _set(self, a: Operation, b: Operation | None, schedule: Schedule, one: bool) -> _Stage:
        self.runs += 1
        clock = Clock()
        clock.advance(LATER)
        events, known = Events(), self.known
        heard: list[Changed] = []
        events.subscribe(known.alice.id, heard.append)
        store = await self._back_end.copy(self._prepared.image, events, clock)
        first = Process(store, events, clock, schedule, 1)
        await first.start()
        second = first
        if not one:
            second = Process(store, events, clock, Schedule(), 2)
            await second.start()
        watchers = []
        if (a.about | (b.about if b is not None else a.about)) & _SEEN_BY_IMAP:
            for process, before in ((first, ()), (second, (b"ENABLE QRESYNC",))):
                client = await process.imap(known.alice, *before, b"EXAMINE INBOX")
                await client.learn()
                watchers.append(client)
        started = await a.start(first, known)
        other = None if b is None else await b.start(second, known)
        stage = _Stage(clock, store, first, second, started, other, watchers, heard)
        log.direct("error", lambda _, event: stage.errors.append(_logged(event)))
        return stage

    # -- the end -----------------------------------------------------------------------------------------

    async def _end(
        self,
        stage: _Stage,
        a: Operation,
        b: Operation | None,
        said_a: Outcome,
        said_b: Outcome | None,
        point: Point | None = None,
        last: bool = False,
    ) -> Ending:
        for _ in range(5):
            stage.clock.advance(0)
        problems = []
        clients = [*stage.watchers, *stage.a.clients, *(stage.b.clients if stage.b is not None else ())]
        account = await stage.store.accounts.account(self.known.alice.id)
        if account is not None:
            for client in clients:
                await client.ask(b"NOOP")
                await client.learn()
        picture = await self._picture(stage)
        problems += picture.problems
        if account is not None:
            problems += self._views(picture, clients)
            if b is not None and picture.shown is not None:
                for process, op, outcome in ((stage.first, a, said_a), (stage.second, b, said_b)):
                    assert outcome is not None
                    problems += await self._client(process, op, outcome, picture.shown)
        modseqs = [one.modseq for one in stage.heard]
        if any(later <= earlier for earlier, later in pairwise(modseqs)):
            problems.append(f"modseqs came as {modseqs}")
        problems += stage.errors
        await self._leave(stage)
        return Ending(picture, (said_a.said, said_b.said if said_b else None), problems, point, last)

    async def _leave(self, stage: _Stage) -> None:
        log.direct("error", None)
        for process in {id(one): one for one in (stage.first, stage.second)}.values():
            await process.stop()
        await stage.store.close()

    async def _picture(self, stage: _Stage) -> Picture:
        mark = self._back_end.fingerprint(stage.store)
        found = self._pictures.get(mark) if mark is not None else None
        if found is None:
            found = await self._look(stage)
            if mark is not None:
                if len(self._pictures) >= _PICTURES:
                    self._pictures.clear()
                self._pictures[mark] = found
        return found

    async def _look(self, stage: _Stage) -> Picture:
        store, known = stage.store, self.known
        process = Process(store, Events(), stage.clock, Schedule(), 3)
        await process.start()
        problems = [f"integrity: {each}" for each in await store.mail.integrity()]
        queue = await told_by_queue(store)
        bobs, _ = await told_by_imap(process, known.bob)
        everything: dict[str, Any] = {"queue": queue, "bob": bobs}
        rows: Rows = {}
        seen: Shown | None = None
        if await store.accounts.account(known.alice.id) is not None:
            seen = await shown(process, known.alice)
            everything |= told(seen, {id_: subject for subject, id_ in known.email.items()})
            everything["imap"], rows = await told_by_imap(process, known.alice)
            everything["kept"] = await kept_objects(store, known.alice, _KINDS)
        else:
            everything["left"] = [box.path for box in await store.mail.mailboxes(known.alice.id)]
        await process.stop()
        return Picture(everything, rows, seen, problems)

    def _views(self, picture: Picture, clients: list[Client]) -> list[str]:
        problems = []
        for client in clients:
            if client.ended or not client.mailbox:
                continue
            name = f"a session in mailbox {client.mailbox.decode()}"
            fresh = picture.rows.get(client.mailbox, {})
            view = {row.uid: row.flags for row in client.rows}
            if [row.uid for row in client.rows] != sorted(fresh):
                told_of = [row.uid for row in client.rows]
                problems.append(f"{name} sees uids {told_of}, a fresh one {sorted(fresh)}")
            elif view != fresh:
                wrong = {uid: (view[uid], fresh[uid]) for uid in fresh if view[uid] != fresh[uid]}
                problems.append(f"{name} sees other flags than a fresh one: {_flags(wrong)}")
            problems += [f"{name}: {each}" for each in client.complaints]
        return problems

    async def _client(self, process: Process, op: Operation, outcome: Outcome, now: Shown) -> list[str]:
        """Does the client that took the answer's states for its own change learn of the rest?"""
        problems = []
        alone, said_alone = await self.alone(op)
        before = self.known.shown
        for kind, (old, new) in outcome.states.items():
            if kind not in TYPES:
                continue
            base, since = before, before.states[kind]
            if new == APART:
                problems.append(f"{op}: {kind} has two answers whose states do not meet")
                continue
            if old == since:
                since = new
                if outcome.said == said_alone.said and alone.picture.shown is not None:
                    base = alone.picture.shown
            ((name, changes),) = await process.jmap(
                self.known.alice, (f"{kind}/changes", {"sinceState": since})
            )
            if name == "error":
                problems.append(f"{op}: {kind}/changes since {since}: {changes['type']}")
                continue
            was, is_ = base.objects[kind], now.objects[kind]
            told_of = {*changes["created"], *changes["updated"], *changes["destroyed"]}
            # What it created when alone may have had another id; and where it is answered otherwise than
            # when alone, it knows by the answer of what it changed itself.
            told_of |= outcome.own if base is before else outcome.own - was.keys()
            hidden = [id_ for id_ in is_ if is_[id_] != was.get(id_) and id_ not in told_of]
            known = was.keys() & before.objects[kind].keys()
            gone = [id_ for id_ in known if id_ not in is_ and id_ not in told_of]
            if hidden or gone:
                problems.append(
                    f"the client of {op} goes from {kind} state {old} to {new}, then {changes['newState']}, "
                    f"and never hears of {hidden or gone}"
                )
        return problems


async def _run(writer: Writer) -> Outcome:
    try:
        return await writer.run()
    except Exception as error:
        return Outcome(f"raised {type(error).__name__}: {error}")


def _logged(event: dict[str, Any]) -> str:
    problem = event.get("failure", event)
    value = getattr(problem, "value", problem)
    return f"logged: {type(value).__name__}: {value}"


def _flags(wrong: dict[int, tuple[Any, ...]]) -> str:
    return ", ".join(
        f"uid {uid}: {' not '.join(str(sorted(one or ())) for one in pair)}" for uid, pair in wrong.items()
    )


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where `one` is not as `other`, in few words."""
    if one == other:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for key in sorted({*one, *other}, key=str):
            if key not in one or key not in other:
                found.append(f"{where}/{key} is {'missing' if key not in one else 'there'}")
            else:
                found += differences(one[key], other[key], f"{where}/{key}")
        return found
    if isinstance(one, list) and isinstance(other, list):
        more = [each for each in one if each not in other]
        less = [each for each in other if each not in one]
        return [f"{where}: {more} instead of {less}"]
    return [f"{where}: {one!r} instead of {other!r}"]


@dataclass(slots=True)
class Finding:
    a: Operation
    b: Operation
    one_process: bool
    place: str
    problems: list[str]

    def __str__(self) -> str:
        house = "one process" if self.one_process else "two processes"
        return f"{self.a}  <-  {self.b}  ({house}), {self.place}:\n    " + "\n    ".join(self.problems)


async def explore(
    trials: Trials,
    a: Operation,
    b: Operation,
    one_process: bool,
    skip: Callable[[Operation, Operation, int, bool], bool] | None = None,
    every: bool = False,
) -> tuple[int, list[Finding]]:
    """Every place of b within a: how many schedules there were, and what is wrong with which.

    Between two calls of its ports a writer without memory of its own does nothing that another could see
    or change, so that what runs after one call might as well run before the next. Sessions of IMAP have
    such memory: there both are tried, as they are for all when `every` is wanted. `skip` leaves places out,
    and with it calls that the first would not make when alone.
    """
    found: list[Finding] = []
    places = [
        (at, after)
        for at in range(_MOST_CALLS if skip is None else await trials.calls(a))
        for after in ((False, True) if every or a.imap or at == 0 else (True,))
        if skip is None or not skip(a, b, at, after)
    ]
    if not places:
        return 0, found
    orders = [await trials.in_turn(a, b, 0), await trials.in_turn(a, b, 1)]
    for order, turn in zip(("first, then second", "second, then first"), orders, strict=True):
        if turn.problems and not one_process:
            found.append(Finding(a, b, one_process, f"in turn ({order})", turn.problems))
    schedules = 0
    for at, after in places:
        ending = await trials.within(a, b, at, after, one_process)
        if ending is None:
            break
        schedules += 1
        problems = ending.problems
        apart = [ending.differs(order) for order in orders]
        if all(apart):
            nearest = min(apart, key=len)
            problems = [*problems, *(f"in no order: {each}" for each in nearest)]
        if problems:
            place = f"{'after' if after else 'before'} {ending.point}"
            found.append(Finding(a, b, one_process, place, problems))
        if ending.last and after:
            break
    return schedules, found
