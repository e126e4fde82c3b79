"""Mail from our own users (ports 587 and 465): RFC 6409.

Who signed in may write as his own addresses only, on the envelope and in the header. What is for
us is delivered by the same commit that puts the rest into the queue. A recipient here that nobody
has is accepted, as the issue asks: it waits in the queue as "local" mail, and sending tells the
writer (its look-up is made anew, which also serves mail held for a later release, RFC 4865).
The Sent copy is the client's own affair.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailsys.core.refusal import AuthenticationRequired, MessageTooBig, NotYourAddress, Refusal
from mailsys.core.smtp.parameters import MailParameters
from mailsys.log import Log
from mailsys.services.delivery.intake import Intake
from mailsys.services.delivery.transactions import Client, ITransaction, ITransactions
from mailsys.services.submission.outgoing import Outgoing
from mailsys.services.submission.pause import Pauses

log = Log("submit")


class HoldTooLong(Refusal):
    """Release time is too far away."""

    smtp = (501, "5.5.4")
    http = 400


@implementer(ITransactions)
class Submission:
    """`pauses` None: no account is ever paused."""

    def __init__(self, intake: Intake, pauses: Pauses | None = None) -> None:
        self.intake = intake
        self.pauses = pauses

    def connected(self, client: Client) -> Deferred[None]:
        return succeed(None)  # the server counts them; nobody is turned away for who he is

    def disconnected(self, client: Client) -> None:
        pass

    def begin(self, client: Client, sender: str, parameters: MailParameters) -> Deferred[ITransaction]:
        return Deferred.fromCoroutine(self._begin(client, sender, parameters))

    async def _begin(self, client: Client, sender: str, parameters: MailParameters) -> ITransaction:
        transaction: ITransaction = await self.open(client, sender, parameters)
        return transaction

    async def open(self, client: Client, sender: str, parameters: MailParameters) -> Outgoing:
        """A message of `client.account` begins; for SMTP and for the web API alike."""
        if client.account is None:
            raise AuthenticationRequired()  # RFC 6409 §4.3
        account = await self.intake.directory.account(client.account)
        if account is None or not account.enabled:
            raise AuthenticationRequired(cause="account is gone or disabled")
        if parameters.size is not None and parameters.size > self.intake.limits.message_size:
            raise MessageTooBig()  # RFC 1870 §6.1
        self.intake.blobs.check_room(parameters.size or 0)  # so that nobody sends what will not be taken
        # The null sender is allowed (RFC 6409 §8.2: read receipts and the like come from it).
        if sender and not await self.intake.directory.owns(account.id, sender):
            log.warning("sender refused", account=account.id, sender=sender, peer=client.address)
            raise NotYourAddress(cause=sender)
        now = self.intake.clock.seconds()
        release = self._release(parameters, now)
        if self.pauses is not None:
            await self.pauses.check(account, now)
        return Outgoing(self.intake, client, account, sender, parameters, now, release, self.pauses)

    def _release(self, parameters: MailParameters, now: float) -> float | None:
        """When a held message may go (RFC 4865), None: at once."""
        release: float | None = None
        if parameters.hold_for is not None:
            release = now + parameters.hold_for
        elif parameters.hold_until is not None:
            release = parameters.hold_until
        if release is not None and release - now > self.intake.limits.hold_at_most:
            raise HoldTooLong(cause=f"{release - now:.0f} s")
        return release if release is not None and release > now else None
