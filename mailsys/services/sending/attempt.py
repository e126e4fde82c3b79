"""One attempt at one queue item: route, connect, sign, transmit, and write down what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mailsys import metrics
from mailsys.core.message.header import MAX_HEADER
from mailsys.core.message.tls_required import needs_no_tls
from mailsys.core.queue.report import Reported
from mailsys.core.queue.schedule import LONGEST_PAUSE as REPORT_LATER
from mailsys.core.queue.schedule import Schedule
from mailsys.core.refusal import ContentLost
from mailsys.core.smtp.envelope import Envelope, EnvelopeRecipient, Fate, Result
from mailsys.log import Log
from mailsys.ports.ids import BlobId, QueueId
from mailsys.ports.intake import Acceptance
from mailsys.ports.queue import Lease, QueueItem, Settlement
from mailsys.ports.queue_items import Outcome
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.dns.route import LOCAL, RouteError, wire_address
from mailsys.services.sending.conclude import Connected, Tried, conclude
from mailsys.services.sending.deliver_local import deliver_local
from mailsys.services.sending.demand import plain_ways
from mailsys.services.sending.hops import Hops, Unreached
from mailsys.services.sending.means import Means
from mailsys.services.sending.networks import Crowded
from mailsys.services.sending.pace import Pace
from mailsys.services.sending.transmit import Content, DialError, IHop

_log = Log("send")

SETTLE_TRIES: Final = 5  # a commit that fails is tried again, a second apart: the other side has the mail
CROWDED: Final = 15.0  # seconds until an item is tried again whose hosts had no place for us


@dataclass(eq=False, slots=True)
class Lane:
    """One worker of a destination and the connection that it holds."""

    destination: str
    pace: Pace
    hop: IHop | None = None
    relaxed: bool = False  # its connection is less safe than the destination asks, as one message wished
    closing: bool = False
    since: float = 0.0  # when its present attempt began, by the monotonic clock
    dialing: float | None = None  # since when it has waited for a connection, by the same
    worked: bool = False  # it found something to do
    waiting: Deferred[Any] | None = None  # for a connection or its turn: may be cancelled

    def close(self) -> None:
        """Begin nothing more. What is being sent goes on."""
        self.closing = True
        if self.waiting is not None:
            self.waiting.cancel()


@dataclass(eq=False, slots=True)
class Held:
    """An item that a lane of this process works on, and the newest lease by which it does: should one end too
    early and another lane take the item again, the work goes on with that one's."""

    lease: Lease


@dataclass(slots=True)
class _Sent:
    """What has come of an attempt so far."""

    tried: dict[int, Tried] = field(default_factory=dict)
    connected: Connected | None = None
    unreached: list[Unreached] = field(default_factory=list)
    more: bool = False  # all of `tried` have come to an end, and others are left to be tried at once
    answered: float | None = None  # when the other side's last word came, by the monotonic clock


@dataclass(slots=True)
class Attempt:
    """held: what is leased to us, by item."""

    means: Means
    hops: Hops
    schedule: Schedule
    held: dict[QueueId, Held]

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
        except Crowded:
            await self.put_back(lease, CROWDED)
            return
        except (RouteError, DialError) as error:
            permanent = error.reply.startswith("5")
            remote = isinstance(error, DialError) and error.remote
            if not permanent:
                lane.pace.is_down(error.reply, remote, self.means.clock.seconds())
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
            now=self.means.now(),
            chance=self.means.random.random(),
            connected=sent.connected,
            unreached=sent.unreached,
            more=sent.more,
        )
        await self._settle(lease, conclusion.settlement, conclusion.reports, None, sent.answered)

    async def _local(self, lease: Lease) -> None:
        queued = lease.item
        try:
            done = await deliver_local(
                queued,
                directory=self.means.directory,
                blobs=self.means.blobs,
                reader=self.means.reader,
                now=self.means.now(),
            )
        except Exception as error:
            _log.error("attempt-broken", error, trace=queued.item.trace)
            result = Result(Fate.DEFERRED, "451 4.3.0 Local error", remote=False)
            conclusion = conclude(
                queued,
                {index: Tried(result) for index in range(len(queued.item.recipients))},
                schedule=self.schedule,
                now=self.means.now(),
                chance=self.means.random.random(),
            )
            await self._settle(lease, conclusion.settlement, conclusion.reports, None)
        else:
            kept = await self._settle(lease, done.settlement, done.reports, done.header)
            if kept and self.means.arrivals is not None:
                self.means.arrivals.arrives(queued.item.sender, done.accounts, done.header, queued.blob)

    def _rest(self, sent: _Sent, pending: Sequence[int], result: Result) -> None:
        for index in pending:
            sent.tried.setdefault(index, Tried(result))

    # -- to another host -----------------------------------------------------------------------------

    async def _send(self, lane: Lane, queued: QueueItem, pending: list[int], sent: _Sent) -> None:
        item = queued.item
        if lane.pace.down_until > self.means.clock.seconds():
            self._rest(
                sent, pending, Result(Fate.DEFERRED, lane.pace.down_reply, remote=lane.pace.down_remote)
            )
            return
        reused, hop = await self._hop(lane, queued, sent.unreached)
        read = partial(self._read, queued.blob)
        prefix = b""
        if self.means.signer is not None:
            prefix = await self.means.signer.signatures(queued.blob, queued.size, item.sender, read)
        content = Content(prefix, queued.size, read)
        left = list(pending)
        while left:
            if not self._fits(hop, item.require_tls):  # closed while we signed, or it has had its fill
                reused, hop = await self._hop(lane, queued, sent.unreached)
                if not hop.usable:
                    break
            some = left[: hop.capabilities.recipients_at_once]
            results = await hop.transmit(self._envelope(queued, some, content.size), content)
            sent.answered = self.means.clock.seconds()
            if reused and _went_stale(hop, results):
                # it was closed while it lay idle, before it took anything: that says nothing of the host
                reused, hop = await self._hop(lane, queued, sent.unreached, fresh=True)
                continue
            reused = False
            left = left[len(some) :]
            where = hop.host.shown
            passes = hop.capabilities.offers("DSN")
            sent.connected = Connected(where, hop.tls, hop.met.level(hop.tls), hop.noted)
            for index, result in zip(some, results, strict=True):
                sent.tried[index] = Tried(result, where, passes)
            if not hop.usable or any(result.reply.startswith("421") for result in results):
                lane.pace.went_wrong(self.means.clock.seconds())
            else:
                lane.pace.went_well(self.hops.settings, self.means.clock.seconds())
            if left and all(one.result.fate is not Fate.DEFERRED for one in sent.tried.values()):
                sent.more = True  # those taken are written down before others are begun
                return
        if left:
            words = "451 4.4.2 The connection ended before this recipient's turn"
            self._rest(sent, left, Result(Fate.DEFERRED, words, remote=False))

    async def _hop(
        self, lane: Lane, queued: QueueItem, unreached: list[Unreached], fresh: bool = False
    ) -> tuple[bool, IHop]:
        """The lane's connection, a kept one, or a new one; and whether it was used before."""
        if lane.hop is not None:
            if not fresh and not lane.relaxed and self._fits(lane.hop, queued.item.require_tls):
                return lane.hop.carried > 0, lane.hop
            old = lane.hop
            lane.hop = None
            self.hops.give_back(old)
        lane.dialing = self.means.clock.seconds()
        dialing = Deferred.fromCoroutine(self._dial(lane, queued, unreached, fresh))
        lane.waiting = dialing
        try:
            hop = lane.hop = await dialing
        finally:
            lane.waiting = lane.dialing = None
        return hop.carried > 0, hop

    async def _dial(self, lane: Lane, queued: QueueItem, unreached: list[Unreached], fresh: bool) -> IHop:
        required = queued.item.require_tls
        hosts = await self.means.router.hosts(lane.destination)
        ways = plain_ways(hosts, required)
        lane.relaxed = False
        if self.means.policies is not None and not self.means.router.smarthost:
            asked = await self.means.policies.ways(lane.destination, hosts, required)
            if asked != ways and not required:
                lane.relaxed = needs_no_tls(await self._header(queued))
            if not lane.relaxed:
                ways = asked
        return await self.hops.open(ways, unreached, fresh)

    def _fits(self, hop: IHop, required: bool) -> bool:
        return self.hops.fits(hop) and (hop.met.verifies or not required)

    async def _read(self, blob: BlobId, start: int, length: int) -> bytes | None:
        data: bytes | None = await self.means.blobs.read(blob, start, length)
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

    async def put_back(self, lease: Lease, later: float = 0.0) -> None:
        """Not begun: into the queue again as it was, or to be tried `later` seconds from now."""
        queued = lease.item
        due = self.means.now() + later if later else queued.due
        settlement = Settlement(queued.item.recipients, due=due, count_attempt=False)
        await self.means.queue.settle(self._let_go(lease), settlement)

    def _let_go(self, lease: Lease) -> Lease:
        """What to settle with; from here on the item may be leased for its next attempt."""
        held = self.held.pop(lease.item.id, None)
        return lease if held is None else held.lease

    # -- writing it down ---------------------------------------------------------------------------------

    async def _settle(
        self,
        lease: Lease,
        settlement: Settlement,
        reports: Sequence[Reported],
        header: bytes | None,
        answered: float | None = None,
    ) -> bool:
        """Whether it was kept. answered: when the other side took responsibility; until the commit a crash
        would have the message sent again, so nothing is done before it that can wait."""
        queued = lease.item
        if reports:
            try:
                report = await self._report(queued, reports, header)
            except Exception as error:  # nobody may fail untold: those reported on stay in the queue
                _log.error("report-failed", error, trace=queued.item.trace)
                settlement = _without(settlement, queued, self.means.now() + REPORT_LATER)
            else:
                if report is not None:
                    settlement = replace(
                        settlement,
                        accept=(*settlement.accept, replace(report, timeline=())),
                        timeline=settlement.timeline + report.timeline,  # told after what it tells of
                    )
        told, last = False, self._let_go(lease)
        for left in reversed(range(SETTLE_TRIES)):
            try:
                settling = self.means.queue.settle(last, settlement)
                if not told:
                    told = True
                    self._log_settlement(queued, settlement)
                kept: bool = await settling
            except Exception as error:
                _log.error("settle-failed", error, trace=queued.item.trace, queue=queued.id)
                if not left:
                    raise
                if left == 1 and queued.item.destination != LOCAL:
                    # perhaps it is the report that cannot be kept: what another server took must not
                    # be sent to it again for that
                    later = self.means.now() + REPORT_LATER
                    settlement = replace(_without(settlement, queued, later), accept=())
                pause: Deferred[None] = deferLater(self.means.clock, 1.0)
                await pause
                continue
            if answered is not None:
                metrics.settle_seconds.observe(self.means.clock.seconds() - answered)
            if not kept:
                _log.warning("settled-too-late", trace=queued.item.trace, queue=queued.id)
            return kept
        return False

    async def _report(
        self, queued: QueueItem, reports: Sequence[Reported], header: bytes | None
    ) -> Acceptance | None:
        if header is None:
            header = await self._header(queued)
        return await self.means.reporter.make_report(
            queued.item, reports, header=header, now=self.means.now(), blob=queued.blob, size=queued.size
        )

    async def _header(self, queued: QueueItem) -> bytes:
        """The message's header with the empty line behind it; b"" when it is gone."""
        try:
            start = await self._read(queued.blob, 0, min(queued.size, MAX_HEADER)) or b""
        except ContentLost:
            return b""  # its sender is told all the same
        end = start.find(b"\r\n\r\n")
        return start if end < 0 else start[: end + 4]

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
