"""Which command may come when, as a table (RFC 5321 §4.1.4, RFC 3030 §2, RFC 3207 §4, RFC 4954 §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from mailsys.core.smtp.reply import Reply


class State(Enum):
    START = "start"  # connected, or TLS just began: no HELO yet
    READY = "ready"  # greeted, no transaction
    SENDER = "sender"  # MAIL was accepted
    RECIPIENTS = "recipients"  # so was a RCPT
    CHUNKS = "chunks"  # a BDAT was accepted that was not the last


ANY: Final = frozenset(State)

_HELLO_FIRST: Final = Reply(503, "5.5.1", "Send HELO or EHLO first")
_NESTED: Final = Reply(503, "5.5.1", "A mail transaction is in progress")
_MAIL_FIRST: Final = Reply(503, "5.5.1", "Send MAIL first")
_NO_RECIPIENTS: Final = Reply(554, "5.5.1", "No valid recipients")  # RFC 5321 §4.1.1.4, §3.3
_CHUNKS: Final = Reply(503, "5.5.1", "BDAT has begun: send BDAT or RSET")


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a command is allowed, and what it is answered elsewhere."""

    allowed: frozenset[State]
    otherwise: Mapping[State, Reply] = field(default_factory=dict)


_ALWAYS: Final = Rule(ANY)
_BETWEEN: Final = Rule(
    frozenset({State.READY}),
    {State.START: _HELLO_FIRST, State.SENDER: _NESTED, State.RECIPIENTS: _NESTED, State.CHUNKS: _NESTED},
)

RULES: Final[Mapping[bytes, Rule]] = MappingProxyType(
    {
        b"HELO": _ALWAYS,  # at any time: it also resets (RFC 5321 §4.1.4)
        b"EHLO": _ALWAYS,
        b"RSET": _ALWAYS,
        b"NOOP": _ALWAYS,
        b"QUIT": _ALWAYS,
        b"HELP": _ALWAYS,
        b"VRFY": _ALWAYS,
        b"EXPN": _ALWAYS,
        b"STARTTLS": _BETWEEN,
        b"AUTH": _BETWEEN,  # RFC 4954 §4: not during a mail transaction
        b"MAIL": _BETWEEN,
        b"RCPT": Rule(
            frozenset({State.SENDER, State.RECIPIENTS}),
            {State.START: _HELLO_FIRST, State.READY: _MAIL_FIRST, State.CHUNKS: _CHUNKS},
        ),
        b"DATA": Rule(
            frozenset({State.RECIPIENTS}),
            {
                State.START: _HELLO_FIRST,
                State.READY: _MAIL_FIRST,
                State.SENDER: _NO_RECIPIENTS,
                State.CHUNKS: _CHUNKS,  # RFC 3030 §2: DATA and BDAT are not mixed
            },
        ),
        b"BDAT": Rule(
            frozenset({State.RECIPIENTS, State.CHUNKS}),
            {State.START: _HELLO_FIRST, State.READY: _MAIL_FIRST, State.SENDER: _NO_RECIPIENTS},
        ),
    }
)
