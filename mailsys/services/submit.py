"""Mail from our own users (ports 587 and 465): RFC 6409.

Who signed in may write as his own addresses only, on the envelope and in the header. What is for
us is delivered by the same commit that puts the rest into the queue. A recipient here that nobody
has is accepted, as the issue asks: it waits in the queue as "local" mail, and sending tells the
writer (its look-up is made anew, which also serves mail held for a later release, RFC 4865).
The Sent copy is the client's own affair.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailsys.core.message.address import canonical
from mailsys.core.refusal import (
    AuthenticationRequired,
    MailLoop,
    MessageRejected,
    MessageTooBig,
    NotYourAddress,
    RateLimited,
    Refusal,
    TemporaryFailure,
    TooManyRecipients,
    UnknownRecipient,
)
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.ports.blobs import IBlobSink, IBlobStore, StagedBlob
from mailsys.ports.limits import ILimits
from mailsys.ports.mail import Acceptance, IMailStore
from mailsys.ports.queue import NewQueueItem, QueueRecipient, Stage, TimelineEntry
from mailsys.services import trace as tracing
from mailsys.services.bounce import Reporter
from mailsys.services.confirm import confirm
from mailsys.services.deliver import Addressed, check_room, deliveries, entries, plan, queue_items
from mailsys.services.directory import Directory, Route
from mailsys.services.reading import MessageReader
from mailsys.services.receive import heard_from
from mailsys.services.submission_body import SubmissionBody
from mailsys.services.submitted_header import SubmittedHeader, check_and_complete
from mailsys.services.transactions import Client, ITransaction, ITransactions
from mailsys.settings import Limits

log = Log("submit")


class BadRecipient(Refusal):
    """Recipient address not valid."""

    smtp = (553, "5.1.3")
    http = 400


class HoldTooLong(Refusal):
    """Release time is too far away."""

    smtp = (501, "5.5.4")
    http = 400


@implementer(ITransactions)
class Submission:
    """`hostname` stands in the trace header and in Message-IDs that are added."""

    def __init__(
        self,
        mail: IMailStore,
        blobs: IBlobStore,
        directory: Directory,
        reader: MessageReader,
        reporter: Reporter,
        counters: ILimits,
        limits: Limits,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes],
        hostname: str,
    ) -> None:
        self.mail = mail
        self.blobs = blobs
        self.directory = directory
        self.reader = reader
        self.reporter = reporter
        self.counters = counters
        self.limits = limits
        self.clock = clock
        self.random_bytes = random_bytes
        self.hostname = hostname

    def connected(self, client: Client) -> Deferred[None]:
        return succeed(None)  # the server counts them; nobody is turned away for who he is

    def disconnected(self, client: Client) -> None:
        pass

    def begin(self, client: Client, sender: str, parameters: MailParameters) -> Deferred[ITransaction]:
        return Deferred.fromCoroutine(self._begin(client, sender, parameters))

    async def _begin(self, client: Client, sender: str, parameters: MailParameters) -> ITransaction:
        if client.account is None:
            raise AuthenticationRequired()  # RFC 6409 §4.3
        account = await self.directory.account(client.account)
        if account is None or not account.enabled:
            raise AuthenticationRequired(cause="account is gone or disabled")
        if parameters.size is not None and parameters.size > self.limits.message_size:
            raise MessageTooBig()  # RFC 1870 §6.1
        # The null sender is allowed (RFC 6409 §8.2: read receipts and the like come from it).
        if sender and not await self.directory.owns(account.id, sender):
            log.warning("sender refused", account=account.id, sender=sender, peer=client.address)
            raise NotYourAddress(cause=sender)
        now = self.clock.seconds()
        release = self._release(parameters, now)
        return _Submitted(self, client, account, sender, parameters, now, release)

    def _release(self, parameters: MailParameters, now: float) -> float | None:
        """When a held message may go (RFC 4865), None: at once."""
        release: float | None = None
        if parameters.hold_for is not None:
            release = now + parameters.hold_for
        elif parameters.hold_until is not None:
            release = parameters.hold_until
        if release is not None and release - now > self.limits.hold_at_most:
            raise HoldTooLong(cause=f"{release - now:.0f} s")
        return release if release is not None and release > now else None

    async def count_recipient(self, account: Account) -> None:
        """Counted when named, so that many connections at once cannot outrun the count."""
        for window, name, bound in (
            (3600.0, "hour", account.sends_per_hour or self.limits.sends_per_hour),
            (86400.0, "day", account.sends_per_day or self.limits.sends_per_day),
        ):
            if await self.counters.hit(f"sends-{name}:{account.id}", window) > bound:
                log.warning("rate limited", account=account.id, window=name, bound=bound)
                raise RateLimited(f"More than {bound} recipients in a {name}; try again later")


@implementer(ITransaction)
class _Submitted:
    def __init__(
        self,
        service: Submission,
        client: Client,
        account: Account,
        sender: str,
        parameters: MailParameters,
        now: float,
        release: float | None,
    ) -> None:
        self._service = service
        self._client = client
        self._account = account
        self._sender = sender
        self._parameters = parameters
        self._begun = now
        self._release = release
        self._recipients: dict[str, Addressed] = {}  # by canonical address
        self._trace = tracing.new_trace(now, service.random_bytes)
        self._body: SubmissionBody | None = None

    # -- RCPT ----------------------------------------------------------------------------------------

    def add_recipient(self, address: str, parameters: RcptParameters) -> Deferred[None]:
        return Deferred.fromCoroutine(self._add_recipient(address, parameters))

    async def _add_recipient(self, address: str, parameters: RcptParameters) -> None:
        service = self._service
        if "@" not in address and address.lower() == "postmaster":  # RFC 5321 §4.1.1.3
            address = f"{address}@{service.directory.domain}"
        try:
            name = canonical(address)
        except ValueError as error:
            raise BadRecipient(cause=str(error)) from error
        if name.endswith("]"):
            raise BadRecipient("Mail to address literals is not sent", cause=address)
        if name in self._recipients:
            return
        if len(self._recipients) >= service.limits.recipients_submission:
            raise TooManyRecipients()
        route: Route | None = None
        if service.directory.is_local_domain(name.rpartition("@")[2]):
            route = await service.directory.route(name)
            if route is not None:
                await check_room(service.directory, route, self._parameters.size or 0)
        await service.count_recipient(self._account)
        recipient = QueueRecipient(address, notify=parameters.notify, original=parameters.original)
        self._recipients[name] = Addressed(recipient, route)

    # -- DATA ----------------------------------------------------------------------------------------

    def open_body(self) -> Deferred[IBlobSink]:
        service = self._service
        now = service.clock.seconds()
        only = next(iter(self._recipients.values())).recipient.address if len(self._recipients) == 1 else ""
        head = tracing.received(self._client, service.hostname, self._trace, now, only, self._parameters.utf8)
        if self._stays():
            head = tracing.return_path(self._sender) + head
        self._body = SubmissionBody(service.blobs, head, self._edit)
        return succeed(self._body)

    def _stays(self) -> bool:
        """Whether no copy leaves this system, so that Return-Path may be written now."""
        return self._release is None and all(
            one.route is not None and not one.route.forwards for one in self._recipients.values()
        )

    def _edit(self, block: bytes) -> SubmittedHeader:
        service = self._service
        if tracing.hops(block) > service.limits.received_headers:
            raise MailLoop(cause="too many Received fields")
        unique = service.random_bytes(8).hex()
        return check_and_complete(
            block,
            tracing.date(service.clock.seconds()),
            f"<{self._trace}.{unique}@{service.directory.domain or service.hostname}>",
        )

    def abort(self) -> None:
        if self._body is not None:
            self._body.abort()
            self._body = None

    def commit(self, blob: StagedBlob) -> Deferred[str]:
        return Deferred.fromCoroutine(self._commit(blob))

    async def _commit(self, blob: StagedBlob) -> str:
        service, trace, account, body = self._service, self._trace, self._account, self._body
        if body is None or not self._recipients:
            raise MessageRejected(cause="commit without body or recipients")
        try:
            header = await self._checked(body)
        except Refusal as refusal:
            log.warning("refused", trace=trace, account=account.id, sender=self._sender, cause=str(refusal))
            raise
        self._body = None
        now = service.clock.seconds()
        addressed = list(self._recipients.values())
        if self._release is not None:  # RFC 4865: nobody gets it before, neighbours included
            addressed = [Addressed(one.recipient, None) for one in addressed]
        made = plan(addressed, self._sender, service.directory.is_local_domain)
        facts, block = None, b""
        if made.accounts:
            reading = await service.reader.read(blob)
            facts, block = reading.facts, reading.header
        item = self._item(body.seven_bit, header.block.isascii(), now)
        steps = [self._submitted(blob.size, now), *entries(made, trace, now, account.id)]
        if self._release is not None:
            held = {"until": tracing.date(self._release)}
            steps.append(TimelineEntry(trace, now, Stage.HELD, account.id, "", held))
        acceptance = Acceptance(
            blob=blob,
            facts=facts,
            received_at=now,
            deliveries=deliveries(made, heard_from(header.authors[0]), account.id),
            queued=queue_items(made, item),
            timeline=tuple(steps),
            header=block,
            sent_by=account.id,
            sent_to=tuple(
                name
                for name, one in self._recipients.items()
                if one.route is None or account.id not in one.route.accounts
            ),
        )
        try:
            await service.mail.accept(acceptance)
        except UnknownRecipient as gone:  # an account was removed since RCPT
            await service.directory.refresh()
            raise TemporaryFailure(cause=str(gone)) from gone
        log.info(
            "submitted",
            trace=trace,
            peer=self._client.address,
            account=account.id,
            sender=self._sender,
            recipients=len(addressed),
            accounts=len(made.accounts),
            onward=len(acceptance.queued),
            size=blob.size,
            ms=round((service.clock.seconds() - self._begun) * 1000, 1),
        )
        if made.accounts:
            await confirm(service.reporter, service.mail, item, addressed, block, now)
        return f"Queued as {trace}"

    async def _checked(self, body: SubmissionBody) -> SubmittedHeader:
        """The header, once it is sure that all who are said to have written it are the submitter."""
        if body.refusal is not None:
            raise body.refusal
        if body.header is None:
            raise MessageRejected(cause="commit before the body's end")
        for author in body.header.authors:
            if not await self._service.directory.owns(self._account.id, author):
                raise NotYourAddress(f"You may not write as <{_shown(author)}>", cause=author)
        return body.header

    def _item(self, seven_bit: bool, ascii_header: bool, now: float) -> NewQueueItem:
        """What all queue items of this message have in common."""
        parameters = self._parameters
        return NewQueueItem(
            destination="",
            sender=self._sender,
            recipients=(),
            due=self._release if self._release is not None else now,
            created=now,
            trace=self._trace,
            account=self._account.id,
            eight_bit=not seven_bit,  # whatever BODY= said: what is 7-bit may go anywhere
            binary=parameters.body == "BINARYMIME",
            utf8=not self._sender.isascii() or not ascii_header,
            require_tls=parameters.require_tls,
            ret=parameters.ret,
            envid=parameters.envid,
        )

    def _submitted(self, size: int, now: float) -> TimelineEntry:
        detail = {
            "peer": self._client.address,
            "tls": self._client.tls,
            "sender": self._sender,
            "size": str(size),
        }
        return TimelineEntry(self._trace, now, Stage.SUBMITTED, self._account.id, "", detail)


def _shown(address: str) -> str:
    """What a client wrote, fit to stand in a reply: printable, ASCII, not long."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in address[:100])
