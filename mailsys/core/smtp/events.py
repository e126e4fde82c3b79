"""What a client asked, as the receiver hands it over."""

from __future__ import annotations

from dataclasses import dataclass

from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.core.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Hello:
    """HELO or EHLO. `name` has nothing in it that could break a Received field's comment."""

    name: str
    extended: bool


@dataclass(frozen=True, slots=True)
class Mail:
    sender: str  # "" for the null sender
    parameters: MailParameters


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str  # "postmaster" when it came without a domain
    parameters: RcptParameters


@dataclass(frozen=True, slots=True)
class StartData:
    """DATA. Accepted: 354 goes out and Content follows; refused: the next command does."""


@dataclass(frozen=True, slots=True)
class StartChunk:
    """BDAT. Its octets follow in any case; refused, the receiver swallows them (RFC 3030 §2)."""

    first: bool


@dataclass(frozen=True, slots=True)
class Content:
    """Octets of the message as it should be stored: dots unstuffed, CRLF ends lines."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EndOfChunk:
    """A BDAT chunk that is not the last is here whole. `refused`: what it broke, if anything."""

    size: int
    refused: Reply | None


@dataclass(frozen=True, slots=True)
class EndOfMessage:
    """CRLF.CRLF, or the whole of BDAT LAST. `refused`: why the content may not be taken, if so."""

    size: int
    refused: Reply | None


@dataclass(frozen=True, slots=True)
class Reset:
    pass


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class Verify:
    pass


@dataclass(frozen=True, slots=True)
class Quit:
    pass


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS. `injected`: octets came behind it in the clear; they were thrown away."""

    injected: bool


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTH. `initial` is decoded; None when there was none."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class Response:
    """The client's next word in an AUTH exchange, decoded."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver's own answer to what nobody else need see. `fatal`: then the connection ends."""

    reply: Reply
    fatal: bool = False


Event = (
    Hello
    | Mail
    | Recipient
    | StartData
    | StartChunk
    | Content
    | EndOfChunk
    | EndOfMessage
    | Reset
    | Noop
    | Help
    | Verify
    | Quit
    | StartTls
    | Authenticate
    | Response
    | Refused
)
