"""A message for one destination, as it is put into the queue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailsys.ports.ids import AccountId, TraceId


class Outcome(Enum):
    """How a recipient stands."""

    PENDING = "pending"
    DELIVERED = "delivered"  # the next hop, or a mailbox of ours, took responsibility
    FAILED = "failed"  # for good; a DSN was made unless the sender did not want one
    DROPPED = "dropped"  # by an operator or its owner


@dataclass(frozen=True, slots=True)
class QueueRecipient:
    """One envelope recipient with its DSN parameters (RFC 3461) and state."""

    address: str
    outcome: Outcome = Outcome.PENDING
    notify: str = ""  # "NEVER" or a comma-separated subset of SUCCESS,FAILURE,DELAY; empty: default
    original: str = ""  # ORCPT as given: "rfc822;xtext-decoded"
    reply: str = ""  # last reply or local reason: "550 5.1.1 No such user", one line, printable
    host: str = ""  # who gave it
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class NewQueueItem:
    """What `IMailStore.accept` puts into the queue beside the blob."""

    destination: str  # domain in A-labels, or "local"
    sender: str  # envelope sender, "" is the null sender
    recipients: tuple[QueueRecipient, ...]
    due: float  # first attempt (FUTURERELEASE: the release time)
    created: float
    trace: TraceId
    account: AccountId | None = None  # submitter, when one of ours
    eight_bit: bool = False  # BODY=8BITMIME or the content has octets above 127
    binary: bool = False  # BODY=BINARYMIME
    utf8: bool = False  # SMTPUTF8 needed: header or an address is not ASCII
    require_tls: bool = False  # RFC 8689
    ret: str = ""  # "FULL", "HDRS" or ""
    envid: str = ""
    hold: bool = False  # not sent until released
