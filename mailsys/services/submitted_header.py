"""The header of a submitted message: checked for who wrote it, completed, and rid of Bcc.

Everything else stays as the client wrote it, octet for octet (RFC 6409 §8 names what may be changed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailsys.core.message.address import mailboxes
from mailsys.core.message.header import scan, unfold
from mailsys.core.refusal import MessageRejected, MessageTooBig, NotYourAddress

AUTHORS_AT_MOST: Final = 20
_FROM_AT_MOST: Final = 4096  # octets of a From or Sender value; parsing more takes too long
_FIELDS_AT_MOST: Final = 1000
_HIDDEN: Final = frozenset({b"bcc", b"resent-bcc"})  # RFC 5322 §3.6.3
_OURS: Final = frozenset({b"return-path"})  # RFC 5321 §4.4: only final delivery writes it


@dataclass(frozen=True, slots=True)
class SubmittedHeader:
    """`block` is what is stored, blank line included if there was one."""

    block: bytes
    authors: tuple[str, ...]  # every address in From and Sender: the submitter must own them all


def check_and_complete(block: bytes, date: str, message_id: str) -> SubmittedHeader:
    """`block` runs to the end of its blank line, or is the whole message when there is none.

    `date` and `message_id` are used when the fields are missing. MessageRejected without a From
    field, or with two of From, Sender, Date or Message-ID (RFC 5322 §3.6: readers would differ in
    which one they show); NotYourAddress when From holds something that is no address; MessageTooBig
    with more than 1000 fields.
    """
    if block.count(b"\n") - block.count(b"\n ") - block.count(b"\n\t") > _FIELDS_AT_MOST:
        raise MessageTooBig("The header has too many fields")
    kept: list[bytes] = []
    authors: list[str] = []
    seen: dict[bytes, int] = {}
    end = 0
    for field in scan(block):
        end = field.end
        name = field.name
        seen[name] = seen.get(name, 0) + 1
        if name in (b"from", b"sender"):
            authors.extend(_addresses(block[field.value : field.end]))
        if name not in _HIDDEN and name not in _OURS:
            kept.append(block[field.start : field.end])
    for name in (b"from", b"sender", b"date", b"message-id"):
        if seen.get(name, 0) > 1:
            raise MessageRejected(f"Only one {name.decode().title()} field may stand in a header")
    if b"from" not in seen:
        raise MessageRejected("The message has no From field")
    if kept and not kept[-1].endswith(b"\n"):
        kept[-1] += b"\r\n"
    if b"date" not in seen:
        kept.append(f"Date: {date}\r\n".encode())
    if b"message-id" not in seen:
        kept.append(f"Message-ID: {message_id}\r\n".encode())
    kept.append(block[end:])
    return SubmittedHeader(b"".join(kept), tuple(dict.fromkeys(authors)))


def _addresses(value: bytes) -> list[str]:
    if len(value) > _FROM_AT_MOST:
        raise NotYourAddress("From is too long", cause="longer than is parsed")
    found = mailboxes(unfold(value))
    if not found:
        raise NotYourAddress("From names nobody", cause="no mailbox")
    if len(found) > AUTHORS_AT_MOST:
        raise NotYourAddress("From names too many", cause=f"{len(found)} mailboxes")
    if not all(m.domain and m.local for m in found):
        raise NotYourAddress("From holds something that is no address", cause="mailbox without domain")
    return [m.address for m in found]
