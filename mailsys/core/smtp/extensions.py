"""What a server offers in its EHLO reply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from mailsys.core.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Offers:
    """What this session may use at this moment; it changes with TLS."""

    hostname: str
    size: int  # octets of a message
    recipients: int  # per transaction
    messages: int  # per connection
    start_tls: bool = False
    require_tls: bool = False  # RFC 8689: only to be offered under TLS
    submission: bool = False
    mechanisms: tuple[str, ...] = ()  # of AUTH; none: not offered
    hold: int = 0  # seconds, FUTURERELEASE; 0: not offered


def hello_reply(offers: Offers, now: float) -> bytes:
    """The answer to EHLO at Unix time `now`, ready for the wire."""
    # to the minute, downwards: a promise that can be kept, and a reply that can be kept for a while
    return _rendered(offers, int((now + offers.hold) // 60) * 60 if offers.hold else 0)


@lru_cache(maxsize=64)
def _rendered(offers: Offers, latest: int) -> bytes:
    lines = [
        offers.hostname,
        "PIPELINING",  # RFC 2920
        f"SIZE {offers.size}",  # RFC 1870
        "8BITMIME",  # RFC 6152
        "SMTPUTF8",  # RFC 6531
        "ENHANCEDSTATUSCODES",  # RFC 2034
        "CHUNKING",  # RFC 3030
        "BINARYMIME",
        "DSN",  # RFC 3461
        f"LIMITS MAILMAX={offers.messages} RCPTMAX={offers.recipients}",  # RFC 9422
    ]
    if offers.start_tls:
        lines.append("STARTTLS")  # RFC 3207
    if offers.require_tls:
        lines.append("REQUIRETLS")  # RFC 8689
    if offers.mechanisms:
        lines.append("AUTH " + " ".join(offers.mechanisms))  # RFC 4954
    if offers.hold:
        until = datetime.fromtimestamp(latest, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(f"FUTURERELEASE {offers.hold} {until}")  # RFC 4865 §3
    return Reply(250, "", "\n".join(lines)).render()
