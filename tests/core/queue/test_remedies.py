"""What large receivers say, as it came over the wire, and what we make of it."""

from __future__ import annotations

import pytest

from mailsys.core.queue import remedies
from mailsys.core.queue.remedies import Remedy, remedy_of


@pytest.mark.parametrize(
    ("reply", "remedy"),
    [
        (
            "550 5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires all "
            "senders to authenticate with either SPF or DKIM.",
            remedies._UNAUTHENTICATED,
        ),
        (
            "550 5.7.515 Access denied, sending domain EXAMPLE.COM doesn't meet the required authentication "
            "level.",
            remedies._UNAUTHENTICATED,
        ),
        ("550 5.7.509 Access denied, sending domain example.com does not pass DMARC", remedies._DMARC),
        (
            "554 5.7.9 Message not accepted for policy reasons. See our pages",
            remedies._DMARC,
        ),
        (
            "550 5.7.1 Unauthenticated email from example.com is not accepted due to domain's DMARC policy.",
            remedies._DMARC,
        ),
        ("550 5.7.25 The IP address sending this message does not have a PTR record", remedies._REVERSE),
        (
            "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. To request "
            "removal from this list see https://www.spamhaus.org/query/ip/192.0.2.1 (S3140).",
            remedies._LISTED,
        ),
        ("550 5.7.1 [192.0.2.1] is listed in the PBL of zen.spamhaus.org", remedies._POLICY_HOST),
        (
            "550 5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited mail.",
            remedies._REPUTATION,
        ),
        (
            "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP",
            remedies._RATE,
        ),
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to complaints",
            remedies._RATE,
        ),
        ("451 4.7.1 Greylisting in action, please come back later", remedies._GREY),
        ("450 4.7.1 Client host rejected: cannot find your reverse hostname, no PTR", remedies._REVERSE),
        ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", remedies._RECIPIENT_RULE),
        ("530 5.7.0 Must issue a STARTTLS command first", remedies._TLS),
        ("550-5.7.26 several lines", remedies._UNAUTHENTICATED),
        ("554 Rejected: your IP is on a blocklist", remedies._LISTED),
    ],
)
def test_they_are_told_apart(reply: str, remedy: Remedy) -> None:
    assert remedy_of(reply) is remedy


@pytest.mark.parametrize(
    "reply",
    [
        "250 2.0.0 queued as spam7.26",
        "550 5.1.1 No such user; is it spam?",
        "552 5.2.2 Mailbox full, quota exceeded",
        "550 5.7.1 No",
        "550 5.7.266 unknown",
        "",
        "5",
        "nonsense about DMARC",
    ],
)
def test_what_says_nothing_of_the_kind(reply: str) -> None:
    assert remedy_of(reply) is None


def test_no_reply_takes_long() -> None:
    assert remedy_of("550 5.7.1 " + "not authorized to send " * 100_000) is None
