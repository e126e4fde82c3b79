"""What is read off a message once, on arrival, and kept beside it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """Everything that lists, threads, IMAP and search need, so that the body is not parsed again.

    Text is decoded, NFC, without control characters, bounded (see `core.message.analysis`).
    The `*_text` fields are search text: case-folded, white space runs collapsed to one space.
    """

    size: int  # octets of the whole message
    header_size: int  # octets up to and including the blank line; == size when there is no body
    message_id: str | None  # with angle brackets, as given; None when absent or malformed
    references: tuple[str, ...]  # In-Reply-To and References ids, deduplicated, at most 100 (the newest)
    base_subject: str  # RFC 5256 §2.1, case-folded: what a thread's subjects are compared by
    subject: str
    sender: str  # first From as `Name <address>` or the bare address, for lists
    recipients: str  # To, as above, comma-separated
    sent_at: float | None  # Date header as a Unix time
    preview: str  # up to 256 characters of the text a reader would see first
    has_attachment: bool
    envelope: bytes  # RFC 9051 §7.5.2 ENVELOPE value as it goes on the wire, parentheses included
    body: bytes  # BODY value (non-extensible), ready wire bytes
    body_structure: bytes  # BODYSTRUCTURE value, ready wire bytes
    subject_text: str
    from_text: str
    to_text: str
    cc_text: str
    bcc_text: str
    header_text: str  # one line per field: "name: value\n", all folded and decoded; then
    # those of the parts and of enclosed messages, each line behind a space
    body_text: str  # text of all text parts (html reduced to text), at most 1 MiB of it
