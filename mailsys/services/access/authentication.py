"""The shape of signing in by SASL, shared by SMTP and IMAP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.accounts import Account


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this to the client (not yet base64-encoded) and hand its answer to `respond`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SignedIn:
    account: Account
    final: bytes | None = None  # server's last word (SCRAM's v=...), to be sent and acknowledged first
    # where the protocol has no place for it in the success reply


class IExchange(Interface):
    """One SASL exchange."""

    def respond(data: bytes | None) -> Deferred[Challenge | SignedIn]:
        """The client's next message, decoded; None: it sent no initial response. Fails with
        BadCredentials (one text for every cause), RateLimited, or MessageRejected (malformed)."""


class ISignIn(Interface):
    def mechanisms(tls: bool, binding: bool) -> Sequence[str]:
        """SASL names to offer, best first. Without TLS none, save where loopback is trusted
        (then the caller passes tls=True)."""

    def start(mechanism: str, address: str, binding: tuple[str, bytes] | None) -> IExchange:
        """Begin. `address` is the client's IP, `binding` the TLS channel binding (RFC 9266
        "tls-exporter", or "tls-server-end-point"). Raises UnsupportedParameter for an unknown
        mechanism."""

    def password(login: str, password: str, address: str) -> Deferred[Account]:
        """IMAP LOGIN and the like. Fails as `respond` does."""
