"""Commands after parsing: what the lexer and parsers give to the server, one value per command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mailsys.core.imap.sequence import SequenceSet


@dataclass(frozen=True, slots=True)
class Simple:
    """A command without arguments: CAPABILITY NOOP LOGOUT STARTTLS CHECK CLOSE UNSELECT EXPUNGE
    NAMESPACE IDLE (and EXPUNGE without uids)."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Id:
    """RFC 2971: the client's words about itself, bounded."""

    fields: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Enable:
    capabilities: tuple[bytes, ...]  # upper case


@dataclass(frozen=True, slots=True)
class Authenticate:
    mechanism: str  # upper case
    initial: bytes | None  # decoded; b"" for "="


@dataclass(frozen=True, slots=True)
class Login:
    user: bytes
    password: bytes


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT or EXAMINE, with RFC 7162 parameters."""

    mailbox: str  # decoded name; INBOX in any case is "INBOX"
    read_only: bool
    condstore: bool = False
    qresync: QResync | None = None


@dataclass(frozen=True, slots=True)
class QResync:
    """RFC 7162 §3.2.5."""

    uid_validity: int
    modseq: int
    known_uids: SequenceSet | None = None
    known_sequence: SequenceSet | None = None  # sequence numbers with their uids, in step
    known_sequence_uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Create:
    mailbox: str
    use: tuple[str, ...] = ()  # special-use attributes asked for: "\\Archive" (RFC 6154 §3)


@dataclass(frozen=True, slots=True)
class Delete:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    mailbox: str
    on: bool


@dataclass(frozen=True, slots=True)
class List:
    """LIST (RFC 9051 §6.3.9, RFC 5258, RFC 5819) and LSUB (`lsub`)."""

    reference: str
    patterns: tuple[str, ...]
    lsub: bool = False
    extended: bool = False  # the extended syntax was used
    select_subscribed: bool = False
    select_remote: bool = False
    select_recursive: bool = False
    select_special: bool = False
    return_subscribed: bool = False
    return_children: bool = False
    return_special: bool = False
    return_status: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: str
    items: tuple[bytes, ...]  # upper case


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND up to its literal; the content follows as Literal events, not in memory here."""

    mailbox: str
    flags: tuple[bytes, ...]
    date: float | None  # internal date as Unix time
    size: int
    binary: bool = False  # literal8
    utf8: bool = False  # UTF8 (~{...}) data extension


# -- fetch ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Section:
    """BODY[...] or BINARY[...]."""

    part: tuple[int, ...] = ()  # numbers before the text specifier
    text: bytes = b""  # "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT, MIME
    fields: tuple[bytes, ...] = ()  # as the client wrote them
    start: int | None = None  # partial <start.length>
    length: int | None = None
    peek: bool = False
    kind: bytes = b"BODY"  # BODY, BINARY, BINARY.SIZE, or the rev1 names RFC822, RFC822.HEADER, RFC822.TEXT
    label: bytes = b""  # what the response repeats: BODY[HEADER.FIELDS (FROM)]<0>


@dataclass(frozen=True, slots=True)
class Fetch:
    uid: bool
    numbers: SequenceSet
    items: tuple[
        bytes, ...
    ]  # UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE MODSEQ EMAILID THREADID
    sections: tuple[Section, ...]
    changed_since: int | None = None
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    uid: bool
    numbers: SequenceSet
    mode: str  # "add", "remove", "replace"
    silent: bool
    flags: tuple[bytes, ...]
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY or MOVE."""

    uid: bool
    numbers: SequenceSet
    mailbox: str
    move: bool


@dataclass(frozen=True, slots=True)
class Expunge:
    """UID EXPUNGE (RFC 4315)."""

    numbers: SequenceSet


# -- search --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class And:
    keys: tuple[SearchKey, ...]


@dataclass(frozen=True, slots=True)
class Or:
    left: SearchKey
    right: SearchKey


@dataclass(frozen=True, slots=True)
class Not:
    key: SearchKey


@dataclass(frozen=True, slots=True)
class All:
    pass


@dataclass(frozen=True, slots=True)
class Numbers:
    numbers: SequenceSet
    uid: bool


@dataclass(frozen=True, slots=True)
class Keyword:
    """A flag is set; system flags and NEW/OLD/RECENT too (name in canonical keyword spelling,
    "\\recent" for \\Recent)."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """SUBJECT FROM TO CC BCC BODY TEXT HEADER."""

    field: str  # lower case: "subject" ... "header"
    needle: str
    header: str = ""


@dataclass(frozen=True, slots=True)
class Date:
    """BEFORE ON SINCE and SENTBEFORE SENTON SENTSINCE: [start, end) of day numbers since the epoch."""

    sent: bool
    first: int | None  # day included
    last: int | None  # day excluded


@dataclass(frozen=True, slots=True)
class Size:
    larger: int | None = None
    smaller: int | None = None


@dataclass(frozen=True, slots=True)
class ModSeq:
    least: int


@dataclass(frozen=True, slots=True)
class ObjectId:
    """EMAILID or THREADID (RFC 8474)."""

    kind: str
    value: str


SearchKey: TypeAlias = And | Or | Not | All | Numbers | Keyword | Text | Date | Size | ModSeq | ObjectId


@dataclass(frozen=True, slots=True)
class Search:
    uid: bool
    key: SearchKey
    returns: frozenset[bytes] | None = None  # MIN MAX COUNT ALL SAVE; None: plain SEARCH
    charset: str = "utf-8"


Command: TypeAlias = (
    Simple
    | Id
    | Enable
    | Authenticate
    | Login
    | Select
    | Create
    | Delete
    | Rename
    | Subscribe
    | List
    | Status
    | Append
    | Fetch
    | Store
    | Copy
    | Expunge
    | Search
)
