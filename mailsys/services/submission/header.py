"""The header of a submitted message: checked for who wrote it, completed, and rid of Bcc.

Everything else stays as the client wrote it, octet for octet (RFC 6409 §8 names what may be changed).
"""

from __future__ import annotations

import re
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


_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)("?)', re.S)  # the rest, when it is never closed
_COMMENT: Final = re.compile(rb'\([^()"\\@]*+\)')
# (No possessive groups: Python before 3.11.5 matches them wrongly.)
# RFC 5322 §3.4 without its obsolete forms, quoted strings emptied and comments gone before.
_ATOM: Final = rb'[^\s"(),:;<>@\[\]\\\x00]++'
_PHRASE: Final = rb'(?:%b|"")(?:[ \t]++(?:%b|""))*' % (_ATOM, _ATOM)
_SPEC: Final = rb'(?:%b|"")@(?:%b|\[[^\s\[\]<>@"]*+\])' % (_ATOM, _ATOM)
_MAILBOX: Final = rb"[ \t]*+(?:(?:%b[ \t]*+)?<[ \t]*+%b[ \t]*+>|%b)[ \t]*+" % (_PHRASE, _SPEC, _SPEC)
_GROUP: Final = rb"[ \t]*+%b[ \t]*+:%b(?:,%b)*;[ \t]*+" % (_PHRASE, _MAILBOX, _MAILBOX)
_LIST: Final = re.compile(rb"(?:%b|%b)(?:,(?:%b|%b))*" % (_MAILBOX, _GROUP, _MAILBOX, _GROUP))


def _is_sound(value: bytes) -> bool:
    """Whether every reader will find the same addresses in a From value.

    Readers differ in what they make of broken syntax (`ceo@bank.example <a@b.example` is the one to
    some, the other to others), so from our own users only sound syntax is taken. Nor is an "@" beside
    an escape in a quoted string, or in a comment: both have misled readers.
    """
    for quoted, closed in _QUOTED.findall(value):
        if not closed or (b"@" in quoted and b"\\" in quoted):
            return False
    return _LIST.fullmatch(_COMMENT.sub(b" ", _QUOTED.sub(b'""', value))) is not None


def _addresses(value: bytes) -> list[str]:
    if len(value) > _FROM_AT_MOST:
        raise NotYourAddress("From is too long", cause="longer than is parsed")
    value = unfold(value)
    found = mailboxes(value)
    if not found:
        raise NotYourAddress("From names nobody", cause="no mailbox")
    if len(found) > AUTHORS_AT_MOST:
        raise NotYourAddress("From names too many", cause=f"{len(found)} mailboxes")
    if not all(m.domain and m.local for m in found):
        raise NotYourAddress("From holds something that is no address", cause="mailbox without domain")
    if not _is_sound(value):
        raise NotYourAddress("From can be read in more ways than one", cause="ambiguous syntax")
    return [m.address for m in found]
