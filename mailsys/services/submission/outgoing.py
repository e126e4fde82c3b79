"""One message of one of our users on its way out, whichever way it came to us (SMTP or the web API).

Recipients are named, then the content streams through `open_body`, then one commit delivers it to
those who are here and queues it for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailsys import metrics
from mailsys.core.message import dates
from mailsys.core.message.address import canonical
from mailsys.core.refusal import (
    MailLoop,
    MessageRejected,
    NotYourAddress,
    Refusal,
    TemporaryFailure,
    TooManyRecipients,
    UnknownRecipient,
)
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.ports.blobs import IBlobSink, StagedBlob
from mailsys.ports.ids import EmailId
from mailsys.ports.intake import Acceptance, Accepted, Delivery
from mailsys.ports.objects import ObjectChange
from mailsys.ports.patches import EmailPatch
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery import received_fields, trace_ids
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
from mailsys.services.delivery.transactions import Client, ITransaction
from mailsys.services.dns.route import needs_utf8
from mailsys.services.submission.allowance import count_recipient
from mailsys.services.submission.body import SubmissionBody
from mailsys.services.submission.header import SubmittedHeader, check_and_complete
from mailsys.services.submission.pause import Pauses

log = Log("submit")


class BadRecipient(Refusal):
    """Recipient address not valid."""

    smtp = (553, "5.1.3")
    http = 400


@implementer(ITransaction)
class Outgoing:
    """Made by `Submission.open`. `trace` names it, `release` is when it may go (None: at once)."""

    def __init__(
        self,
        intake: Intake,
        client: Client,
        account: Account,
        sender: str,
        parameters: MailParameters,
        now: float,
        release: float | None,
        pauses: Pauses | None = None,
    ) -> None:
        self._pauses = pauses
        self._intake = intake
        self._client = client
        self._account = account
        self.sender = sender
        self._parameters = parameters
        self._begun = now
        self.release = release
        self._recipients: dict[str, Addressed] = {}  # by canonical address
        self.trace = trace_ids.new_trace(now, intake.random_bytes)
        self._body: SubmissionBody | None = None

    @property
    def recipients(self) -> Mapping[str, Addressed]:
        """Those named so far, by canonical address."""
        return self._recipients

    # -- RCPT ----------------------------------------------------------------------------------------

    def add_recipient(self, address: str, parameters: RcptParameters) -> Deferred[None]:
        return Deferred.fromCoroutine(self._add_recipient(address, parameters))

    async def _add_recipient(self, address: str, parameters: RcptParameters) -> None:
        intake = self._intake
        if "@" not in address and address.lower() == "postmaster":  # RFC 5321 §4.1.1.3
            address = f"{address}@{intake.directory.domain}"
        try:
            name = canonical(address)
        except ValueError as error:
            raise BadRecipient(cause=str(error)) from error
        if name.endswith("]"):
            raise BadRecipient("Mail to address literals is not sent", cause=address)
        if name in self._recipients:
            return
        if len(self._recipients) >= intake.limits.recipients_submission:
            raise TooManyRecipients()
        route: Route | None = None
        if intake.directory.is_local_domain(name.rpartition("@")[2]):
            route = await intake.directory.route(name)
            if route is not None:
                await check_room(intake.directory, route, self._parameters.size or 0)
        await count_recipient(intake.counters, intake.limits, self._account)
        recipient = QueueRecipient(address, notify=parameters.notify, original=parameters.original)
        self._recipients[name] = Addressed(recipient, route)

    # -- DATA ----------------------------------------------------------------------------------------

    def open_body(self) -> Deferred[IBlobSink]:
        intake = self._intake
        now = intake.clock.seconds()
        only = next(iter(self._recipients.values())).recipient.address if len(self._recipients) == 1 else ""
        utf8 = self._parameters.utf8
        head = received_fields.received(self._client, intake.hostname, self.trace, now, only, utf8)
        if self._stays():
            head = received_fields.return_path(self.sender) + head
        self._body = SubmissionBody(intake.blobs, head, self._edit)
        return succeed(self._body)

    def _stays(self) -> bool:
        """Whether no copy leaves this system, so that Return-Path may be written now."""
        return self.release is None and all(
            one.route is not None and not one.route.forwards for one in self._recipients.values()
        )

    def _edit(self, block: bytes) -> SubmittedHeader:
        intake = self._intake
        if received_fields.hops(block) > intake.limits.received_headers:
            raise MailLoop(cause="too many Received fields")
        unique = intake.random_bytes(8).hex()
        return check_and_complete(
            block,
            dates.render(intake.clock.seconds()),
            f"<{self.trace}.{unique}@{intake.directory.domain or intake.hostname}>",
        )

    def abort(self) -> None:
        if self._body is not None:
            self._body.abort()
            self._body = None

    def commit(self, blob: StagedBlob) -> Deferred[str]:
        return Deferred.fromCoroutine(self._commit(blob))

    async def _commit(self, blob: StagedBlob) -> str:
        await self.send(blob)
        return f"Queued as {self.trace}"

    async def send(
        self,
        blob: StagedBlob,
        objects: Sequence[ObjectChange] = (),
        keep: Delivery | None = None,
        *,
        patches: Sequence[EmailPatch] = (),
        destroy: Sequence[EmailId] = (),
        objects_if_state: int | None = None,
        sends: EmailId | None = None,
    ) -> Accepted:
        """As `commit`; by the same commit `objects` are written and emails of the submitter patched and
        destroyed (the draft that this was). `keep` is a copy for the submitter (in Sent), the same email as
        what reaches his inbox when he writes to himself. `sends` is the submitter's email that this is:
        NoSuchEmail when it went meanwhile."""
        intake, trace, account, body = self._intake, self.trace, self._account, self._body
        if body is None or not self._recipients:
            raise MessageRejected(cause="commit without body or recipients")
        try:
            header = await self._checked(body)
        except Refusal as refusal:
            log.warning("refused", trace=trace, account=account.id, sender=self.sender, cause=str(refusal))
            raise
        if self._pauses is not None:
            await self._pauses.count(intake, account, list(self._recipients))
        self._body = None
        now = intake.clock.seconds()
        addressed = list(self._recipients.values())
        if self.release is not None:  # RFC 4865: nobody gets it before, neighbours included
            addressed = [Addressed(one.recipient, None) for one in addressed]
        made = plan(addressed, self.sender, intake.directory.is_local_domain)
        facts, block = None, b""
        if made.accounts or keep is not None:
            reading = await intake.reader.read(blob)
            facts, block = reading.facts, reading.header
        item = self._item(body.seven_bit, header.block.isascii(), now)
        steps = [self._submitted(blob.size, now), *entries(made, trace, now, account.id)]
        if self.release is not None:
            held = {"until": dates.render(self.release)}
            steps.append(TimelineEntry(trace, now, Stage.HELD, account.id, "", held))
        acceptance = Acceptance(
            blob=blob,
            facts=facts,
            received_at=now,
            deliveries=_with_copy(deliveries(made, heard_from(header.authors[0]), account.id), keep),
            queued=queue_items(made, item),
            timeline=tuple(steps),
            header=block,
            objects=tuple(objects),
            objects_if_state=objects_if_state,
            patches=tuple(patches),
            destroy=tuple(destroy),
            patched_for=account.id if patches or destroy else None,
            sent_by=account.id,
            sends=sends,
            sent_to=tuple(
                name
                for name, one in self._recipients.items()
                if one.route is None or account.id not in one.route.accounts
            ),
        )
        accepted = await self._accept(acceptance, made, blob.size)
        if made.accounts:
            await confirm(intake.reporter, intake.mail, item, addressed, block, now)
            if intake.arrivals is not None:
                intake.arrivals.arrives(self.sender, made.accounts, block, blob.id)
        return accepted

    async def _accept(self, acceptance: Acceptance, made: Plan, size: int) -> Accepted:
        intake = self._intake
        try:
            accepted: Accepted = await intake.mail.accept(acceptance)
        except UnknownRecipient as gone:  # an account was removed since RCPT
            await intake.directory.refresh()
            raise TemporaryFailure(cause=str(gone)) from gone
        metrics.received_submission.inc()
        metrics.messages_delivered.inc(len(made.accounts))
        log.info(
            "submitted",
            trace=self.trace,
            peer=self._client.address,
            account=self._account.id,
            sender=self.sender,
            recipients=len(self._recipients),
            accounts=len(made.accounts),
            onward=len(acceptance.queued),
            size=size,
            ms=round((intake.clock.seconds() - self._begun) * 1000, 1),
        )
        return accepted

    async def _checked(self, body: SubmissionBody) -> SubmittedHeader:
        """The header, once it is sure that all who are said to have written it are the submitter."""
        if body.refusal is not None:
            raise body.refusal
        if body.header is None:
            raise MessageRejected(cause="commit before the body's end")
        for author in body.header.authors:
            if not await self._intake.directory.owns(self._account.id, author):
                raise NotYourAddress(f"You may not write as <{_shown(author)}>", cause=author)
        return body.header

    def _item(self, seven_bit: bool, ascii_header: bool, now: float) -> NewQueueItem:
        """What all queue items of this message have in common."""
        parameters = self._parameters
        return NewQueueItem(
            destination="",
            sender=self.sender,
            recipients=(),
            due=self.release if self.release is not None else now,
            created=now,
            trace=self.trace,
            account=self._account.id,
            eight_bit=not seven_bit,  # whatever BODY= said: what is 7-bit may go anywhere
            binary=parameters.body == "BINARYMIME",
            utf8=not ascii_header or needs_utf8(self.sender),
            require_tls=parameters.require_tls,
            ret=parameters.ret,
            envid=parameters.envid,
        )

    def _submitted(self, size: int, now: float) -> TimelineEntry:
        detail = {
            "peer": self._client.address,
            "tls": self._client.tls,
            "sender": self.sender,
            "size": str(size),
        }
        return TimelineEntry(self.trace, now, Stage.SUBMITTED, self._account.id, "", detail)


def _with_copy(found: tuple[Delivery, ...], keep: Delivery | None) -> tuple[Delivery, ...]:
    if keep is None:
        return found
    own = [each for each in found if each.account == keep.account]
    if not own:
        return (*found, keep)
    both = replace(own[0], mailboxes=(*own[0].mailboxes, *keep.mailboxes))  # unread: it is in the inbox
    return tuple(both if each is own[0] else each for each in found)


def _shown(address: str) -> str:
    """What a client wrote, fit to stand in a reply: printable, ASCII, not long."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in address[:100])
