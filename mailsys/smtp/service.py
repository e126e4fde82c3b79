"""What all sessions of one SMTP port share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mailsys.core.smtp.extensions import Offers
from mailsys.services.access.authentication import ISignIn
from mailsys.services.delivery.transactions import ITransactions, is_loopback
from mailsys.settings import Limits


@dataclass(frozen=True, slots=True)
class Service:
    """submission: port 587 or 465, else 25. tls: a context factory for STARTTLS, None: not offered.
    login_without_tls: clients on loopback may sign in in the clear, for `mailsys local`. now:
    Unix time."""

    transactions: ITransactions
    sign_in: ISignIn | None
    hostname: str
    limits: Limits
    submission: bool
    now: Callable[[], float]
    tls: Any = None
    login_without_tls: bool = False

    @property
    def recipients(self) -> int:
        limits = self.limits
        return limits.recipients_submission if self.submission else limits.recipients_incoming

    def may_sign_in(self, tls: bool, address: str) -> bool:
        """Passwords travel under TLS only, or never leave the machine."""
        return tls or (self.login_without_tls and is_loopback(address))

    def offers(self, tls: bool, address: str, binding: bool = False) -> Offers:
        """What EHLO says to a client at `address`, in the clear or under TLS (`binding`: with a channel
        binding, so that the -PLUS mechanisms can be had)."""
        mechanisms: tuple[str, ...] = ()
        if self.submission and self.sign_in is not None and self.may_sign_in(tls, address):
            mechanisms = tuple(self.sign_in.mechanisms(True, binding))
        return Offers(
            hostname=self.hostname,
            size=self.limits.message_size,
            recipients=self.recipients,
            messages=self.limits.messages_per_connection,
            start_tls=self.tls is not None and not tls,
            require_tls=tls,
            submission=self.submission,
            mechanisms=mechanisms,
            hold=int(self.limits.hold_at_most) if self.submission else 0,
        )
