"""What sending asks of the SMTP client (`mailsys.smtp.client` provides it)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mailsys.core.smtp.envelope import Capabilities, Envelope, Result
from mailsys.services.dns.route import Host
from mailsys.services.sending.demand import Demand


class DialError(Exception):
    """A host could not be brought to the point where it takes mail.

    reply: why, in the form of a reply; remote: the words are the other side's.
    """

    def __init__(self, reply: str, *, remote: bool = False) -> None:
        super().__init__(reply)
        self.reply = reply
        self.remote = remote


@dataclass(frozen=True, slots=True)
class Content:
    """A message to be streamed: `prefix` (our signatures), then `length` octets given by `read`.

    read(start, length): a range; None when the message is gone.
    """

    prefix: bytes
    length: int
    read: Callable[[int, int], Awaitable[bytes | None]]

    @property
    def size(self) -> int:
        return len(self.prefix) + self.length


class IHop(Interface):
    """An open connection to a host, greeted, under TLS where that could be had."""

    host: Host = Attribute("Where it leads.")
    tls: str = Attribute('"TLSv1.3 TLS_AES_256_GCM_SHA384", "" in clear.')
    met: Demand = Attribute("What it has proved.")
    noted: str = Attribute("What is to be told of how it was made.")
    capabilities: Capabilities = Attribute("What EHLO offered.")
    usable: bool = Attribute("Whether it can take another message.")
    carried: int = Attribute("Messages handed over so far.")

    def transmit(envelope: Envelope, content: Content) -> Deferred[tuple[Result, ...]]:
        """One transaction: fires with one result per recipient, and never fails for what the
        other side does. One at a time, while `usable`."""

    def close() -> None:
        """QUIT, and away."""

    def abort() -> None:
        """Drop it at once; a running transaction fires with what is known."""


class IDialer(Interface):
    def dial(host: Host, demand: Demand) -> Deferred[IHop]:
        """Connect, greet, and start TLS: opportunistically (any certificate, clear text when TLS
        fails or is not offered), or only with the proof that is asked for. Fails with DialError."""
