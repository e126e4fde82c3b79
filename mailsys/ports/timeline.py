"""The steps of a message's way, stored and shown to those whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from mailsys.ports.ids import AccountId, TraceId


class Stage(Enum):
    """Steps of a message's way, in the words shown to people."""

    RECEIVED = "received"
    SUBMITTED = "submitted"
    JUDGED = "judged"
    QUEUED = "queued"
    DELIVERED = "delivered"
    UNREACHED = "unreached"  # an MX that could not be reached, or turned us away before any recipient
    CONNECTED = "connected"  # MX chosen, TLS level
    SENT = "sent"  # remote took it
    DEFERRED = "deferred"  # tried, will try again
    FAILED = "failed"
    NOTIFIED = "notified"  # a DSN was made
    HELD = "held"
    RELEASED = "released"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One step. `detail` is flat and printable: host, reply, tls, next_try, recipient ..."""

    trace: TraceId
    at: float
    stage: Stage
    account: AccountId | None = None  # whose it is to see; None: operators only
    recipient: str = ""
    detail: dict[str, str] = field(default_factory=dict)
