"""What an SMTP server asks at each step of a mail transaction.

`services.receiving` (port 25) and `services.submission` (587, 465) answer; `mailsys.smtp` only keeps
the wire and the order. Every method but `connected` may raise a Refusal, and each Deferred may fail with
one, which becomes the reply. Where there is nothing to wait for the answer itself comes without a Deferred:
on a busy server most commands are such.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.network import REMEMBERED
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.ports.blobs import IBlobSink, StagedBlob
from mailsys.ports.ids import AccountId


@dataclass(frozen=True, slots=True)
class Client:
    """The other side of a session, as known at this moment."""

    address: str  # IP address, IPv4-mapped IPv6 written as IPv4
    port: int
    hello: str = ""  # HELO/EHLO argument
    esmtp: bool = True
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384", empty without TLS
    account: AccountId | None = None  # after AUTH
    login: str = ""  # its primary address
    web: bool = False  # the web API, not an SMTP session

    @property
    def protocol(self) -> str:
        """The `with` word of Received (RFC 3848)."""
        if not self.esmtp:
            return "SMTP"
        return "ESMTP" + ("S" if self.tls else "") + ("A" if self.account is not None else "")


@lru_cache(REMEMBERED)
def is_loopback(address: str) -> bool:
    """Whether a client speaks from this machine."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class ITransaction(Interface):
    """One MAIL ... end of data. Used for one message only."""

    def add_recipient(address: str, parameters: RcptParameters) -> Deferred[None] | None:
        """RCPT TO. Fires when the recipient is taken (None: it is); refused ones change nothing."""

    def open_body() -> IBlobSink | Deferred[IBlobSink]:
        """354 is about to be sent: a sink into which the trace header has been written already.
        Content is written as it should be stored: CRLF lines, dots unstuffed."""

    def commit(blob: StagedBlob) -> Deferred[str]:
        """End of data: take responsibility. Fires, once durable, with the text after `250 2.0.0 `
        (it names the trace id, for the sender's log)."""

    def abort() -> None:
        """RSET, a lost connection, or a refused body. Harmless after commit."""


class ITransactions(Interface):
    def connected(client: Client) -> Deferred[None] | None:
        """A connection came in; a Refusal (421 or 554) turns it away before the greeting. None: welcome."""

    def disconnected(client: Client) -> None:
        """It is gone. Called once for each `connected` that was not refused."""

    def begin(
        client: Client, sender: str, parameters: MailParameters
    ) -> ITransaction | Deferred[ITransaction]:
        """MAIL FROM. `sender` is the reverse-path without brackets, "" for the null sender."""
