"""Mail from other servers (port 25): for our addresses only, and delivered by the commit that accepts it.

The 250 after DATA stands for one commit that holds the message, a copy of it per account, what is to
be forwarded, and the timeline. Nothing is promised before, and nothing is left to be done after.

What `services.trust` finds out decides with: it may refuse or put off a message, put it into Junk, or have
something written in front of it. Without an inspector nothing is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from mailsys import metrics
from mailsys.core.message.address import comparable
from mailsys.core.network import customer_of, network_of
from mailsys.core.refusal import (
    MailLoop,
    MessageRejected,
    MessageTooBig,
    Refused,
    RelayDenied,
    TemporaryFailure,
    TooManyConnections,
    TooManyRecipients,
    UnknownRecipient,
)
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.core.trust.explained import sentence
from mailsys.core.trust.srs import BadSrs, is_rewritten
from mailsys.log import Log
from mailsys.ports.blobs import IBlobSink, StagedBlob
from mailsys.ports.intake import Acceptance
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.content.inserted import inserted
from mailsys.services.content.reading import Reading
from mailsys.services.delivery import forwarding_marks, received_fields, trace_ids
from mailsys.services.delivery.confirm import confirm
from mailsys.services.delivery.deliver import (
    Addressed,
    Plan,
    check_room,
    deliveries,
    entries,
    heard_from,
    plan,
    queue_items,
)
from mailsys.services.delivery.directory import Route
from mailsys.services.delivery.intake import Intake
from mailsys.services.delivery.transactions import Client, ITransaction, ITransactions, is_loopback
from mailsys.services.dns.route import LOCAL, needs_utf8
from mailsys.services.learning.rescue import rescue
from mailsys.services.receiving.cleaned import CleanedSink
from mailsys.services.receiving.judged import (
    judged_deliveries,
    judged_steps,
    not_junk,
    refused_steps,
)
from mailsys.services.receiving.pace import Pace
from mailsys.services.trust.content import Content
from mailsys.services.trust.inspection import Examined, Inspection, Inspector

log = Log("receive")

_MINUTE: Final = 60.0


@implementer(ITransactions)
class Reception:
    """`inspector` None: nothing is checked. `pace`: how much each may bring; None: nobody is slowed down."""

    def __init__(self, intake: Intake, inspector: Inspector | None = None, pace: Pace | None = None) -> None:
        self.intake = intake
        self.inspector = inspector
        self.pace = pace

    def connected(self, client: Client) -> Deferred[None] | None:
        """The server counts those that are open; here it is how many are new. This machine's own are not
        counted."""
        if is_loopback(client.address) and self.inspector is None:
            return None
        return Deferred.fromCoroutine(self._connected(client.address))

    async def _connected(self, address: str) -> None:
        if self.inspector is not None:
            await self.inspector.connected(address)
        if is_loopback(address):
            return
        limits = self.intake.limits
        for whose, bound in (
            (customer_of(address), limits.connects_per_minute),
            (network_of(address), limits.connects_per_minute_per_network),
        ):
            if await self.intake.counters.hit(f"connects:{whose}", _MINUTE) > bound:
                raise TooManyConnections(
                    "Too many new connections, try again later", cause=f"{whose}: {bound} in a minute"
                )

    def disconnected(self, client: Client) -> None:
        pass

    def begin(
        self, client: Client, sender: str, parameters: MailParameters
    ) -> ITransaction | Deferred[ITransaction]:
        if parameters.size is not None and parameters.size > self.intake.limits.message_size:
            raise MessageTooBig()  # RFC 1870 §6.1
        self.intake.blobs.check_room(parameters.size or 0)  # so that nobody sends what will not be taken
        if self.pace is None and self.inspector is None:
            return _Incoming(self.intake, client, sender, parameters, None, None)
        return Deferred.fromCoroutine(self._begin(client, sender, parameters))

    async def _begin(self, client: Client, sender: str, parameters: MailParameters) -> ITransaction:
        if self.pace is not None:
            await self.pace.message(client.address)
        inspection = None
        if self.inspector is not None:
            inspection = self.inspector.begin(client.address, client.hello, sender)
            if inspection.is_own_sender:
                await inspection.check_sender()
        return _Incoming(self.intake, client, sender, parameters, inspection, self.pace)


@implementer(ITransaction)
class _Incoming:
    def __init__(
        self,
        intake: Intake,
        client: Client,
        sender: str,
        parameters: MailParameters,
        inspection: Inspection | None,
        pace: Pace | None,
    ) -> None:
        self._intake = intake
        self._inspection = inspection
        self._pace = pace
        self._head = 0  # octets that we put in front
        self._return_path = 0  # of those
        self._client = client
        self._sender = sender
        self._parameters = parameters
        self._recipients: dict[str, Addressed] = {}  # by the address as given
        self._begun = intake.clock.seconds()
        self._trace = trace_ids.new_trace(self._begun, intake.random_bytes)
        self._sink: IBlobSink | None = None

    # -- RCPT ----------------------------------------------------------------------------------------

    def add_recipient(self, address: str, parameters: RcptParameters) -> Deferred[None] | None:
        if self._is_ours_rewritten(address):
            return maybeDeferred(self._take_bounce, address, parameters)
        route = self._intake.directory.cached(address)
        if route is not None and self._take_now(address, parameters, route):
            return None
        return Deferred.fromCoroutine(self._add_recipient(address, parameters))

    def _take_now(self, address: str, parameters: RcptParameters, route: Route) -> bool:
        """The usual case without a coroutine: a known address, room for it, no quota to ask about."""
        if len(self._recipients) >= self._intake.limits.recipients_incoming:
            return False
        if not self._intake.directory.unbounded(route.accounts):
            return False
        self._take(address, parameters, route)
        return True

    def _is_ours_rewritten(self, address: str) -> bool:
        intake = self._intake
        domain = address.rpartition("@")[2]
        return intake.srs is not None and is_rewritten(address) and intake.directory.is_local_domain(domain)

    def _take_bounce(self, address: str, parameters: RcptParameters) -> None:
        """What comes back from mail that we forwarded goes on to whoever wrote it: bounces only, and only to
        an address of our making, or we would carry anybody's mail anywhere."""
        intake = self._intake
        assert intake.srs is not None
        if len(self._recipients) >= intake.limits.recipients_incoming:
            raise TooManyRecipients()
        try:
            if self._sender:
                raise BadSrs("only bounces go there")
            true = intake.srs.back(address, int(intake.clock.seconds() // 86400))
        except BadSrs as error:
            log.info("recipient refused", trace=self._trace, recipient=address, cause=str(error))
            raise UnknownRecipient(f"That address takes nothing: {error}", cause=address) from error
        self._take(address, parameters, Route((), (true,)))

    async def _add_recipient(self, address: str, parameters: RcptParameters) -> None:
        intake = self._intake
        if len(self._recipients) >= intake.limits.recipients_incoming and address not in self._recipients:
            raise TooManyRecipients()
        route = await intake.directory.route(address)
        if route is None:
            if not await intake.directory.peopled():
                raise TemporaryFailure("No mailbox has been set up here yet", cause=address)
            ours = "@" not in address or intake.directory.is_local_domain(address.rpartition("@")[2])
            log.info(
                "recipient refused",
                trace=self._trace,
                peer=self._client.address,
                sender=self._sender,
                recipient=address,
                cause="unknown" if ours else "not a domain of ours",
            )
            if ours:
                if self._pace is not None:
                    await self._pace.unknown_recipient(self._client.address)
                raise UnknownRecipient(cause=address)
            raise RelayDenied(cause=address)
        await check_room(intake.directory, route, self._parameters.size or 0)
        self._take(address, parameters, route)

    def _take(self, address: str, parameters: RcptParameters, route: Route) -> None:
        self._recipients.setdefault(
            address,
            Addressed(QueueRecipient(address, notify=parameters.notify, original=parameters.original), route),
        )

    # -- DATA ----------------------------------------------------------------------------------------

    def open_body(self) -> IBlobSink | Deferred[IBlobSink]:
        """Return-Path is only written when no copy leaves us again (RFC 5321 §4.4 forbids it there)."""
        intake = self._intake
        only = next(iter(self._recipients)) if len(self._recipients) == 1 else ""
        head = received_fields.received(
            self._client, intake.hostname, self._trace, intake.clock.seconds(), only, self._parameters.utf8
        )
        forwarding = [a for a, one in self._recipients.items() if one.route and one.route.forwards]
        if forwarding:
            head = (
                b"".join(forwarding_marks.forwarded(comparable(a), intake.hostname) for a in forwarding)
                + head
            )
        else:
            first = received_fields.return_path(self._sender)
            self._return_path = len(first)
            head = first + head
        self._head = len(head)
        self._sink = sink = intake.blobs.sink()
        wait = sink.write(head)
        given: IBlobSink = sink
        if self._inspection is not None:
            given = CleanedSink(sink, intake.hostname, self._client.address)
        if wait is None:
            return given
        return wait.addCallback(lambda _: given)

    def abort(self) -> None:
        if self._sink is not None:
            self._sink.abort()
            self._sink = None

    def commit(self, blob: StagedBlob) -> Deferred[str]:
        return Deferred.fromCoroutine(self._commit(blob))

    async def _commit(self, blob: StagedBlob) -> str:
        intake, trace = self._intake, self._trace
        if not self._recipients:
            raise MessageRejected("No recipients", cause="commit without recipients")
        self._sink = None
        if intake.reader.at_once(blob):
            reading = intake.reader.read_now(blob)
        else:
            onward = any(one.route and one.route.forwards for one in self._recipients.values())
            reading = await intake.reader.read(blob, bits=onward)
        made = plan(self._without_loops(reading.header), self._sender, intake.directory.is_local_domain)
        if self._pace is not None:
            await self._pace.delivery(self._client.address, len(self._recipients), list(made.accounts))
        examined: Examined | None = None
        if self._inspection is not None:
            examined = await self._examine(blob, reading, made)
            if examined.front:
                at = self._return_path  # which has to stay the first (RFC 5321 §4.4)
                blob = await inserted(intake.blobs, blob, examined.front, at, self._inspection.offload)
                reading = reading.with_fields(examined.front, at)
        now = intake.clock.seconds()
        facts = reading.facts
        judged = judged_steps(examined, made, trace, now) if examined is not None else ()
        steps = [self._received(blob.size, now), *judged, *entries(made, trace, now, None)]
        into = deliveries(made, heard_from(facts.sender) if self._sender else "")
        acceptance = Acceptance(
            blob=blob,
            facts=facts,
            received_at=now,
            deliveries=into if examined is None else judged_deliveries(into, examined),
            queued=self._forwards(queue_items(made, self._onward(reading, now))) if made.outgoing else (),
            timeline=tuple(steps),
            header=reading.header,
            origin=() if examined is None else examined.origin,
        )
        verdict = next((sentence(one) for one in examined.verdicts.values()), "") if examined else ""
        await self._accept(acceptance, len(made.accounts), blob.size, verdict)
        if self._sender and any(one.recipient.notify for one in self._recipients.values()):
            item = self._onward(reading, now)
            await confirm(intake.reporter, intake.mail, item, self._recipients.values(), reading.header, now)
        if intake.arrivals is not None:
            welcome = made.accounts if examined is None else not_junk(made.accounts, examined)
            intake.arrivals.arrives(self._sender, welcome, reading.header, blob.id)
        return f"Accepted as {trace}"

    async def _examine(self, blob: StagedBlob, reading: Reading, made: Plan) -> Examined:
        """What is to become of it; without what is not to be forwarded. Raises Refused."""
        assert self._inspection is not None
        content = Content.of(blob, reading, self._head)
        try:
            examined = await self._inspection.examine(
                content,
                list(made.accounts),
                bool(made.outgoing),
                recipients=tuple(self._recipients),
                trace=self._trace,
                ours=self._head,
            )
        except Refused as refused:
            log.info(
                "refused by trust",
                trace=self._trace,
                peer=self._client.address,
                sender=self._sender,
                author=reading.facts.sender,
                recipients=len(self._recipients),
                code=refused.smtp[0],
                cause=refused.cause,
            )
            now = self._intake.clock.seconds()
            await self._inspection.record(refused_steps(self._received(blob.size, now), refused, made))
            if refused.by_content:
                copy = Acceptance(
                    blob, reading.facts, self._begun, deliveries(made, ""), header=reading.header
                )
                await rescue(self._intake.mail, copy, self._trace, refused.cause)
            refused.text = f"{refused.text} ({self._trace})"
            raise
        return examined

    def _received(self, size: int, now: float) -> TimelineEntry:
        detail = {
            "peer": self._client.address,
            "hello": self._client.hello,
            "tls": self._client.tls,
            "sender": self._sender,
            "size": str(size),
        }
        return TimelineEntry(self._trace, now, Stage.RECEIVED, None, "", detail)

    async def _accept(self, acceptance: Acceptance, accounts: int, size: int, verdict: str) -> None:
        """Commit it; told to the log and the counters. accounts: how many it is delivered to."""
        intake = self._intake
        try:
            await intake.mail.accept(acceptance)
        except UnknownRecipient as gone:
            # An account was removed since RCPT. The next attempt is told so, recipient by recipient.
            await intake.directory.refresh()
            raise TemporaryFailure(cause=str(gone)) from gone
        metrics.received_smtp.inc()
        metrics.messages_delivered.inc(accounts)
        log.info(
            "received",
            trace=self._trace,
            peer=self._client.address,
            sender=self._sender,
            recipients=len(self._recipients),
            accounts=accounts,
            onward=len(acceptance.queued),
            size=size,
            verdict=verdict,
            ms=round((intake.clock.seconds() - self._begun) * 1000, 1),
        )

    def _forwards(self, items: Sequence[NewQueueItem]) -> tuple[NewQueueItem, ...]:
        """With a sender of ours where they leave us in the name of another domain: its SPF names its own
        servers, not us."""
        intake, sender = self._intake, self._sender
        if intake.srs is None or not sender or intake.directory.is_local_domain(sender.rpartition("@")[2]):
            return tuple(items)
        ours = intake.srs.forward(sender, int(intake.clock.seconds() // 86400))
        return tuple(item if item.destination == LOCAL else replace(item, sender=ours) for item in items)

    def _without_loops(self, header: bytes) -> list[Addressed]:
        """The recipients, less the forwards that this message took before. MailLoop when it went
        through too many hands (RFC 5321 §6.3), or one recipient would be left with nothing."""
        intake = self._intake
        # Our own Received field is the first one: it does not count.
        if received_fields.hops(header) > intake.limits.received_headers + 1:
            log.warning("loop", trace=self._trace, sender=self._sender, cause="too many Received fields")
            raise MailLoop(cause="too many Received fields")
        return self._unmarked(header)

    def _unmarked(self, header: bytes) -> list[Addressed]:
        intake = self._intake
        recipients = list(self._recipients.items())
        marks = forwarding_marks.marks(header)
        counts = {
            address: forwarding_marks.times_marked(marks, comparable(address), intake.hostname)
            for address, one in recipients
            if one.route and one.route.forwards
        }
        if not any(count > 1 for count in counts.values()):  # once: the mark that we put there just now
            return [one for _, one in recipients]
        left: list[Addressed] = []
        for address, one in recipients:
            if counts.get(address, 0) > 1 and one.route is not None:
                log.warning("loop", trace=self._trace, recipient=address, cause="was forwarded before")
                if not one.route.accounts:
                    raise MailLoop(cause=f"{address} forwarded this before")
                one = Addressed(one.recipient, Route(one.route.accounts, ()))
            left.append(one)
        return left

    def _onward(self, reading: Reading, now: float) -> NewQueueItem:
        """What all queue items of this message have in common."""
        parameters = self._parameters
        return NewQueueItem(
            destination="",
            sender=self._sender,
            recipients=(),
            due=now,
            created=now,
            trace=self._trace,
            eight_bit=not reading.seven_bit,  # whatever BODY= said: what is 7-bit may go anywhere
            binary=parameters.body == "BINARYMIME",
            utf8=not reading.header.isascii() or needs_utf8(self._sender),
            require_tls=parameters.require_tls,
            ret=parameters.ret,
            envid=parameters.envid,
        )
