"""The writer: one thread, one connection, group commit.

Jobs queue up; the thread takes what waits, runs all of it in one transaction, syncs once, and lets
the reactor know: first the events, then the Deferreds in order. Savepoints per job would cost two
statements each; instead a job checks before it changes anything, so that a Refusal leaves nothing
behind. Should a job fail after it changed something, the whole transaction is rolled back and its
jobs run again one by one, each on its own, so that one failure never sinks another's work.

Urgent jobs go first, and a group that is under way ends early for one: until the word of another server that
it took a message is committed, a crash would have it sent again. The others keep their order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred, fail

from mailsys.core.refusal import Refusal, ShuttingDown
from mailsys.log import Log
from mailsys.ports.events import Changed, IEvents
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.checkpoint import Checkpoint
from mailsys.stores.sqlite.failures import failure, refusal_of

log = Log("store")
T = TypeVar("T")

GROUP = 128  # jobs in one commit at most
BESIDE = 8  # jobs that are done all the same in a commit that is made early, or begun with an urgent one
_BEHIND = 20_000  # jobs after which idle work is done even though somebody waits
_FIRE_FOR = 0.004  # seconds of completions in one turn of the reactor


@dataclass(slots=True)
class Job:
    run: Callable[[Batch], Any]
    done: Deferred[Any]
    prepare: Callable[[Batch, list[Any]], None] | None = None  # sees the subjects of all such jobs at once
    subject: Any = None
    urgent: bool = False


@dataclass(slots=True)
class _Completion:
    events: list[Changed]
    wake: bool
    results: list[tuple[Deferred[Any], Any]]


class Writer:
    """Runs jobs on the writing connection: in a thread of its own, or (in memory) at once."""

    def __init__(
        self,
        connection: apsw.Connection,
        reactor: Any,
        events: IEvents,
        threaded: bool,
        idle: Callable[[Batch], bool],
        checkpoint: Checkpoint | None,
    ) -> None:
        self.batch = Batch(connection)
        self.wakers: list[Callable[[], None]] = []
        self._connection = connection
        self._reactor = reactor
        self._events = events
        self._idle = idle
        self._checkpoint = checkpoint
        self._closed = False
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._urgent: deque[Job] = deque()  # taken out of the queue by the thread
        self._ordinary: deque[Job] = deque()
        self._stopping = False
        self._completions: deque[_Completion] = deque()
        self._firing = False
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
            self._thread.start()

    def submit(
        self,
        run: Callable[[Batch], T],
        prepare: Callable[[Batch, list[Any]], None] | None = None,
        subject: Any = None,
        urgent: bool = False,
    ) -> Deferred[T]:
        """Run `run(batch)` inside a commit; fires with its result once that is durable and told. Urgent:
        before others that wait."""
        if self._closed:
            return fail(ShuttingDown(cause="the store is closed"))
        job = Job(run, Deferred(), prepare, subject, urgent)
        if self._thread is None:
            self._complete(self._commit([job]))
        else:
            self._queue.put(job)
        return job.done

    def close(self) -> Deferred[None]:
        """Finish what was submitted, then fire. The connection is closed then."""
        done: Deferred[None] = Deferred()
        if self._closed:
            done.callback(None)
            return done
        self._closed = True
        if self._thread is None:
            self._connection.close()
            done.callback(None)
        else:
            self._finished = done
            self._queue.put(None)
        return done

    # -- the thread ------------------------------------------------------------------------------------

    def _loop(self) -> None:
        more = True  # idle work may be waiting from the last run
        behind = 0  # jobs since idle work was last finished
        while True:
            jobs = self._take(more)
            if jobs is None:
                break
            if jobs:
                completion = self._commit(jobs)
                self._reactor.callFromThread(self._enqueue, completion)
                more = True
                behind += len(jobs)
            if not jobs or behind > _BEHIND:
                more = self._idle_step()
                if not more:
                    behind = 0
            self._copy_back(not jobs)
        if self._checkpoint is not None:
            self._checkpoint.close()
        self._connection.close()
        self._reactor.callFromThread(self._finished.callback, None)

    def _copy_back(self, idle: bool) -> None:
        if self._checkpoint is not None:
            try:
                self._checkpoint.between_commits(self._connection, idle)
            except apsw.Error as error:
                # The log keeps everything; the next attempt copies it.
                log.error("checkpoint failed", failure=error)

    def _take(self, more: bool) -> list[Job] | None:
        """What waits. Empty: nothing came for a moment and idle work may run. None: stop."""
        if not self._urgent and not self._ordinary:
            if self._stopping:
                return None
            try:
                self._sort(self._queue.get(timeout=0.05 if more else 60.0))
            except Empty:
                return []
        self._gather()
        jobs = [self._urgent.popleft() for _ in range(min(GROUP, len(self._urgent)))]
        room = BESIDE if jobs else GROUP
        jobs += [self._ordinary.popleft() for _ in range(min(room, len(self._ordinary)))]
        return jobs or None

    def _gather(self) -> None:
        """Take what came out of the queue."""
        while not self._queue.empty():
            self._sort(self._queue.get_nowait())

    def _sort(self, job: Job | None) -> None:
        if job is None:
            self._stopping = True  # after what was submitted before
        elif job.urgent:
            self._urgent.append(job)
        else:
            self._ordinary.append(job)

    def _must_end(self) -> bool:
        """Whether the group under way ends here, because something urgent waits."""
        self._gather()
        return bool(self._urgent)

    def _idle_step(self) -> bool:
        batch = self.batch
        try:
            batch.begin()
            more = self._idle(batch)
            batch.commit()
        except Exception as error:
            batch.rollback()
            log.error("idle work failed", failure=error)
            return False
        self._after_commit()
        return more

    def _after_commit(self) -> None:
        """What follows a commit (unlinking files). The commit stands whatever becomes of it."""
        for action in self.batch.after_commit:
            try:
                action()
            except Exception as error:
                log.error("clean-up after a commit failed", failure=error)

    def _commit(self, jobs: list[Job]) -> _Completion:
        completion = _Completion([], False, [])
        if not self._attempt(jobs, completion):
            for job in jobs:
                self._attempt([job], completion)
        return completion

    def _attempt(self, jobs: list[Job], completion: _Completion) -> bool:
        """Run these in one transaction. False: rolled back, and to be run one by one."""
        batch = self.batch
        results: list[tuple[Deferred[Any], Any]] = []
        try:
            batch.begin()
            self._prepare(batch, jobs)
            for number, job in enumerate(jobs):
                if number >= BESIDE and not job.urgent and self._must_end():
                    self._ordinary.extendleft(reversed(jobs[number:]))
                    del jobs[number:]
                    break
                batch.next_job()
                writes = batch.writes
                try:
                    results.append((job.done, job.run(batch)))
                except Refusal as refusal:
                    if batch.writes != writes:
                        raise
                    results.append((job.done, failure(refusal)))
            batch.commit()
        except Exception as error:
            try:
                batch.rollback()
            except Exception as worse:
                log.error("rollback failed", failure=worse)
            if len(jobs) > 1:
                return False
            completion.results.append((jobs[0].done, failure(self._public(error))))
            return True
        self._after_commit()
        completion.events.extend(batch.events())
        completion.wake |= batch.queued
        completion.results.extend(results)
        return True

    def _prepare(self, batch: Batch, jobs: list[Job]) -> None:
        groups: dict[Callable[[Batch, list[Any]], None], list[Any]] = {}
        for job in jobs:
            if job.prepare is not None:
                groups.setdefault(job.prepare, []).append(job.subject)
        for prepare, subjects in groups.items():
            prepare(batch, subjects)

    def _public(self, error: Exception) -> Exception:
        if isinstance(error, Refusal):
            return error
        log.error("write failed", failure=error)
        if isinstance(error, (apsw.Error, OSError)):
            return refusal_of(error)
        return error

    # -- back on the reactor -----------------------------------------------------------------------------

    def _enqueue(self, completion: _Completion) -> None:
        self._completions.append(completion)
        if not self._firing:
            self._fire()

    def _fire(self) -> None:
        """Tell events and fire Deferreds in order of commit, a few milliseconds a turn: a group of a
        hundred answers must not hold up everybody else's input."""
        self._firing = True
        until = time.monotonic() + _FIRE_FOR
        while self._completions:
            completion = self._completions[0]
            self._tell(completion)
            results = completion.results
            while results:
                done, result = results.pop(0)
                done.callback(result)
                if time.monotonic() > until and (results or len(self._completions) > 1):
                    self._reactor.callLater(0, self._fire)
                    return
            self._completions.popleft()
        self._firing = False

    def _complete(self, completion: _Completion) -> None:
        self._tell(completion)
        for done, result in completion.results:
            done.callback(result)

    def _tell(self, completion: _Completion) -> None:
        events, wake = completion.events, completion.wake
        completion.events, completion.wake = [], False
        for event in events:
            self._events.publish(event)
        if wake:
            for waker in self.wakers:
                try:
                    waker()
                except Exception as error:
                    log.error("queue listener failed", failure=error)
