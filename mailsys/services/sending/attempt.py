"""One attempt at one queue item: route, connect, sign, transmit, and write down what came of it."""

from __future__ import annotations

import random as random_module
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mailsys import metrics
from mailsys.core.message.header import MAX_HEADER
from mailsys.core.queue.report import Reported
from mailsys.core.queue.schedule import Schedule
from mailsys.core.refusal import ContentLost
from mailsys.core.smtp.envelope import Envelope, EnvelopeRecipient, Fate, Result
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import BlobId
from mailsys.ports.intake import Acceptance
from mailsys.ports.queue import IQueueStore, Lease, QueueItem, Settlement
from mailsys.ports.queue_items import Outcome
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrives
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.route import LOCAL, Host, RouteError, Router, wire_address
from mailsys.services.sending.conclude import Connected, Tried, conclude
from mailsys.services.sending.deliver_local import deliver_local
from mailsys.services.sending.hops import Hops
from mailsys.services.sending.pace import Pace
from mailsys.services.sending.sign import Signer
from mailsys.services.sending.transmit import Content, DialError, IHop

_log = Log("send")

SETTLE_TRIES: Final = 5  # a commit that fails is tried again, a second apart: the other side has the mail
REPORT_LATER: Final = 900.0  # seconds until an item is looked at again whose report could not be made


@dataclass(eq=False, slots=True)
class Lane:
    """One worker of a destination and the connection that it holds."""

    destination: str
    pace: Pace
    hop: IHop | None = None
    closing: bool = False
    since: float = 0.0  # when its present attempt began
    worked: bool = False  # it found something to do
    waiting: Deferred[Any] | None = None  # for a connection or its turn: may be cancelled

    def close(self) -> None:
        """Begin nothing more. What is being sent goes on."""
        self.closing = True
        if self.waiting is not None:
            self.waiting.cancel()


@dataclass(slots=True)
class _Sent:
    """What has come of an attempt so far."""

    tried: dict[int, Tried] = field(default_factory=dict)
    connected: Connected | None = None


@dataclass(slots=True)
class Attempt:
    """See `Sending` for the parts."""

    queue: IQueueStore
    blobs: IBlobStore
    directory: Directory
    router: Router
    hops: Hops
    signer: Signer | None
    reporter: Reporter
    reader: MessageReader
    schedule: Schedule
    clock: Any
    now: Callable[[], float]
    random: random_module.Random
    arrivals: Arrives | None = None

    async def run(self, lane: Lane, lease: Lease) -> None:
        queued = lease.item
        if queued.item.destination == LOCAL:
            await self._local(lease)
            return
        await self._remote(lane, lease)

    async def _remote(self, lane: Lane, lease: Lease) -> None:
        queued = lease.item
        pending = [i for i, r in enumerate(queued.item.recipients) if r.outcome is Outcome.PENDING]
        sent = _Sent()
        try:
            await self._send(lane, queued, pending, sent)
        except (RouteError, DialError) as error:
            permanent = error.reply.startswith("5")
            remote = isinstance(error, DialError) and error.remote
            if not permanent:
                lane.pace.is_down(error.reply, remote, self.now())
            self._rest(
                sent, pending, Result(Fate.FAILED if permanent else Fate.DEFERRED, error.reply, remote)
            )
        except Exception as error:
            if lane.closing and not sent.tried:
                await self.put_back(lease)
                return
            _log.error("attempt-broken", error, trace=queued.item.trace)
            self._rest(sent, pending, Result(Fate.DEFERRED, "451 4.3.0 Local error", remote=False))
        conclusion = conclude(
            queued,
            sent.tried,
            schedule=self.schedule,
            now=self.now(),
            chance=self.random.random(),
            connected=sent.connected,
        )
        await self._settle(lease, conclusion.settlement, conclusion.reports, None)

    async def _local(self, lease: Lease) -> None:
        queued = lease.item
        try:
            done = await deliver_local(
                queued, directory=self.directory, blobs=self.blobs, reader=self.reader, now=self.now()
            )
        except Exception as error:
            _log.error("attempt-broken", error, trace=queued.item.trace)
            result = Result(Fate.DEFERRED, "451 4.3.0 Local error", remote=False)
            conclusion = conclude(
                queued,
                {index: Tried(result) for index in range(len(queued.item.recipients))},
                schedule=self.schedule,
                now=self.now(),
                chance=self.random.random(),
            )
            await self._settle(lease, conclusion.settlement, conclusion.reports, None)
        else:
            kept = await self._settle(lease, done.settlement, done.reports, done.header)
            if kept and self.arrivals is not None:
                self.arrivals.arrives(queued.item.sender, done.accounts, done.header, queued.blob)

    def _rest(self, sent: _Sent, pending: Sequence[int], result: Result) -> None:
        for index in pending:
            sent.tried.setdefault(index, Tried(result))

    # -- to another host -----------------------------------------------------------------------------

    async def _send(self, lane: Lane, queued: QueueItem, pending: list[int], sent: _Sent) -> None:
        item = queued.item
        now = self.now()
        if lane.pace.down_until > now:
            self._rest(
                sent, pending, Result(Fate.DEFERRED, lane.pace.down_reply, remote=lane.pace.down_remote)
            )
            return
        reused, hop = await self._hop(lane, item.require_tls)
        read = partial(self._read, queued.blob)
        prefix = b""
        if self.signer is not None:
            prefix = await self.signer.signatures(queued.blob, queued.size, item.sender, read)
        content = Content(prefix, queued.size, read)
        left = list(pending)
        while left:
            if not self.hops.fits(hop, item.require_tls):  # closed while we signed, or it has had its fill
                reused, hop = await self._hop(lane, item.require_tls)
                if not hop.usable:
                    break
            some = left[: hop.capabilities.recipients_at_once]
            results = await hop.transmit(self._envelope(queued, some, content.size), content)
            if reused and _went_stale(hop, results):
                # it was closed while it lay idle, before it took anything: that says nothing of the host
                reused, hop = await self._hop(lane, item.require_tls, fresh=True)
                continue
            reused = False
            left = left[len(some) :]
            where = _shown(hop.host)
            passes = hop.capabilities.offers("DSN")
            sent.connected = Connected(where, hop.tls, hop.verified)
            for index, result in zip(some, results, strict=True):
                sent.tried[index] = Tried(result, where, passes)
            if not hop.usable or any(result.reply.startswith("421") for result in results):
                lane.pace.went_wrong(self.now())
            else:
                lane.pace.went_well(self.hops.settings, self.now())
        if left:
            words = "451 4.4.2 The connection ended before this recipient's turn"
            self._rest(sent, left, Result(Fate.DEFERRED, words, remote=False))

    async def _hop(self, lane: Lane, verified: bool, fresh: bool = False) -> tuple[bool, IHop]:
        """The lane's connection, a kept one, or a new one; and whether it was used before."""
        if lane.hop is not None:
            if not fresh and self.hops.fits(lane.hop, verified):
                return lane.hop.carried > 0, lane.hop
            old = lane.hop
            lane.hop = None
            self.hops.give_back(old)
        dialing = Deferred.fromCoroutine(self._dial(lane.destination, verified, fresh))
        lane.waiting = dialing
        try:
            hop = lane.hop = await dialing
        finally:
            lane.waiting = None
        return hop.carried > 0, hop

    async def _dial(self, destination: str, verified: bool, fresh: bool) -> IHop:
        return await self.hops.open(await self.router.hosts(destination), verified, fresh)

    async def _read(self, blob: BlobId, start: int, length: int) -> bytes | None:
        data: bytes | None = await self.blobs.read(blob, start, length)
        return data

    def _envelope(self, queued: QueueItem, indexes: Sequence[int], size: int) -> Envelope:
        item = queued.item
        recipients = [item.recipients[index] for index in indexes]
        return Envelope(
            sender=wire_address(item.sender),
            recipients=tuple(
                [EnvelopeRecipient(wire_address(r.address), r.notify, r.original) for r in recipients]
            ),
            size=size,
            eight_bit=item.eight_bit,
            binary=item.binary,
            utf8=item.utf8,
            require_tls=item.require_tls,
            ret=item.ret,
            envid=item.envid,
        )

    async def put_back(self, lease: Lease) -> None:
        """Not begun: into the queue again as it was."""
        queued = lease.item
        await self.queue.settle(
            lease, Settlement(queued.item.recipients, due=queued.due, count_attempt=False)
        )

    # -- writing it down ---------------------------------------------------------------------------------

    async def _settle(
        self, lease: Lease, settlement: Settlement, reports: Sequence[Reported], header: bytes | None
    ) -> bool:
        """Whether it was kept."""
        queued = lease.item
        if reports:
            try:
                report = await self._report(queued, reports, header)
            except Exception as error:  # nobody may fail untold: those reported on stay in the queue
                _log.error("report-failed", error, trace=queued.item.trace)
                settlement = _without(settlement, queued, self.now() + REPORT_LATER)
            else:
                if report is not None:
                    settlement = replace(
                        settlement,
                        accept=(*settlement.accept, replace(report, timeline=())),
                        timeline=settlement.timeline + report.timeline,  # told after what it tells of
                    )
        self._log_settlement(queued, settlement)
        for left in reversed(range(SETTLE_TRIES)):
            try:
                kept: bool = await self.queue.settle(lease, settlement)
            except Exception as error:
                _log.error("settle-failed", error, trace=queued.item.trace, queue=queued.id)
                if not left:
                    raise
                if left == 1 and queued.item.destination != LOCAL:
                    # perhaps it is the report that cannot be kept: what another server took must not
                    # be sent to it again for that
                    later = self.now() + REPORT_LATER
                    settlement = replace(_without(settlement, queued, later), accept=())
                pause: Deferred[None] = deferLater(self.clock, 1.0)
                await pause
                continue
            if not kept:
                _log.warning("settled-too-late", trace=queued.item.trace, queue=queued.id)
            return kept
        return False

    async def _report(
        self, queued: QueueItem, reports: Sequence[Reported], header: bytes | None
    ) -> Acceptance | None:
        if header is None:
            try:
                start = await self._read(queued.blob, 0, min(queued.size, MAX_HEADER)) or b""
            except ContentLost:
                start = b""  # its sender is told all the same
            end = start.find(b"\r\n\r\n")
            header = start if end < 0 else start[: end + 4]
        return await self.reporter.make_report(
            queued.item, reports, header=header, now=self.now(), blob=queued.blob, size=queued.size
        )

    def _log_settlement(self, queued: QueueItem, settlement: Settlement) -> None:
        before = queued.item.recipients
        for old, new in zip(before, settlement.recipients, strict=True):
            if old is not new:
                metrics.recipient_tried(new.outcome.value)
                _log.info(
                    "tried",
                    trace=queued.item.trace,
                    to=new.address,
                    outcome=new.outcome.value,
                    reply=new.reply,
                    host=new.host,
                    attempt=queued.attempts + 1,
                )


def _went_stale(hop: IHop, results: Sequence[Result]) -> bool:
    return not hop.usable and all(
        result.fate is Fate.DEFERRED
        and not result.ambiguous
        and (not result.remote or result.reply.startswith("421"))
        for result in results
    )


def _shown(host: Host) -> str:
    return f"{host.name} [{host.address}]:{host.port}"


def _without(settlement: Settlement, queued: QueueItem, due: float) -> Settlement:
    """The settlement with failures taken back: deliveries are recorded, the rest waits."""
    recipients = tuple(
        old if new.outcome is Outcome.FAILED and old.outcome is Outcome.PENDING else new
        for old, new in zip(queued.item.recipients, settlement.recipients, strict=True)
    )
    timeline: tuple[TimelineEntry, ...] = tuple(
        entry for entry in settlement.timeline if entry.stage is not Stage.FAILED
    )
    waits = any(r.outcome is Outcome.PENDING for r in recipients)
    return replace(
        settlement,
        recipients=recipients,
        timeline=timeline,
        due=due if waits else settlement.due,
        delayed_told=queued.delayed_told,
    )
