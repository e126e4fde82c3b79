"""Messages and acceptances for the contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailsys.core.message.analysis import analyse
from mailsys.core.message.facts import MessageFacts
from mailsys.ports.accounts import Credentials
from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient

CREDENTIALS = Credentials("$argon2id$x", b"salt", 4096, b"stored", b"server")


@dataclass(frozen=True, slots=True)
class Letter:
    content: bytes
    header: bytes
    facts: MessageFacts


def letter(
    number: int = 1,
    subject: str = "Hello",
    body: str = "How are you?",
    references: Sequence[str] = (),
    message_id: str | None = None,
    sender: str = "Bob Quick <bob@example.net>",
    more: str = "",
) -> Letter:
    """A small message; `number` makes its id and content its own."""
    lines = [
        f"From: {sender}",
        "To: alice@example.org",
        f"Subject: {subject}",
        f"Message-ID: {message_id or f'<{number}@example.net>'}",
        "Date: Mon, 01 Jan 2024 10:00:00 +0000",
    ]
    if references:
        lines.append("References: " + " ".join(references))
    if more:
        lines.append(more)
    header = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
    content = header + body.encode() + b"\r\n"
    facts = analyse(content)
    assert facts.header_size == len(header)
    return Letter(content, header, facts)


def item(
    destination: str = "example.net",
    due: float = 1000.0,
    recipients: Sequence[str] = ("bob@example.net",),
    account: AccountId | None = None,
    hold: bool = False,
    trace: str = "trace",
) -> NewQueueItem:
    return NewQueueItem(
        destination,
        "alice@example.org",
        tuple(QueueRecipient(address) for address in recipients),
        due,
        900.0,
        TraceId(trace),
        account,
        hold=hold,
    )
