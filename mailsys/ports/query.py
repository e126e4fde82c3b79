"""Lists of emails by condition and order (RFC 8621 §4.4), as the stores answer them.

The cost of a page is flat in the size of the mailbox for the common lists: one mailbox (or the
whole account) by received date, collapsed or not, from a position or an anchor; with a keyword
condition it may grow with the rows passed over, but never holds them in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from mailsys.ports.ids import EmailId, MailboxId, ThreadId


class TextField(Enum):
    """Where a text search looks."""

    SUBJECT = "subject"
    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    HEADER = "header"  # one named field
    BODY = "body"
    TEXT = "text"  # header or body


class Operator(Enum):
    AND = "AND"
    OR = "OR"
    NOT = "NOT"


@dataclass(frozen=True, slots=True)
class Condition:
    """RFC 8621 §4.4.1; all set members must hold. None or empty: not asked."""

    in_mailbox: MailboxId | None = None
    in_mailbox_other_than: tuple[MailboxId, ...] | None = None
    before: float | None = None  # received_at <
    after: float | None = None  # received_at >=
    min_size: int | None = None
    max_size: int | None = None  # size <
    all_in_thread_have: str | None = None  # canonical keyword
    some_in_thread_have: str | None = None
    none_in_thread_have: str | None = None
    has_keyword: str | None = None
    not_keyword: str | None = None
    has_attachment: bool | None = None
    text: str | None = None
    from_: str | None = None
    to: str | None = None
    cc: str | None = None
    bcc: str | None = None
    subject: str | None = None
    body: str | None = None
    header: tuple[str, str | None] | None = None  # name, and text or None: has it at all
    attachment_name: str | None = None  # part of a file's name, case-folded
    attachment_type: str | None = None  # "application/pdf", "image/*": of any part
    message_id: str | None = None
    thread: ThreadId | None = None


@dataclass(frozen=True, slots=True)
class Compound:
    operator: Operator
    conditions: tuple[Filter, ...]


Filter: TypeAlias = Condition | Compound


class SortBy(Enum):
    RECEIVED_AT = "receivedAt"
    SENT_AT = "sentAt"
    SIZE = "size"
    FROM = "from"
    TO = "to"
    SUBJECT = "subject"  # base subject
    HAS_KEYWORD = "hasKeyword"
    ALL_IN_THREAD_HAVE_KEYWORD = "allInThreadHaveKeyword"
    SOME_IN_THREAD_HAVE_KEYWORD = "someInThreadHaveKeyword"
    # Until when it waits in the mailbox, or when it came back to it from waiting, where that is later
    # than its receivedAt; else that. The whole mailbox in descending order costs no more than receivedAt.
    SNOOZED_UNTIL = "snoozedUntil"


@dataclass(frozen=True, slots=True)
class Sort:
    by: SortBy = SortBy.RECEIVED_AT
    ascending: bool = False
    keyword: str = ""
    mailbox: MailboxId | None = None  # of SNOOZED_UNTIL


@dataclass(frozen=True, slots=True)
class EmailQuery:
    filter: Filter | None = None
    sort: tuple[Sort, ...] = field(default_factory=lambda: (Sort(),))  # ties: email id, in the last direction
    collapse_threads: bool = False
    position: int = 0  # negative: from the end
    anchor: EmailId | None = None
    anchor_offset: int = 0
    limit: int = 50
    calculate_total: bool = False


@dataclass(frozen=True, slots=True)
class EmailPage:
    emails: tuple[EmailId, ...]
    position: int  # of the first email in the whole list
    total: int | None
    modseq: int  # the Email state this was read at
    anchor_found: bool = True
    can_calculate_changes: bool = True


@dataclass(frozen=True, slots=True)
class QueryDelta:
    """RFC 8620 §5.6: apply removed, then added (index, id) in order."""

    modseq: int
    removed: tuple[EmailId, ...]
    added: tuple[tuple[int, EmailId], ...]
    total: int | None
    complete: bool = True  # False: cannotCalculateChanges
