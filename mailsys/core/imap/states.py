"""Which command may be given when, and what it forbids meanwhile: one table (RFC 9051 §6).

allowed(command, state) -> bool      keeps_numbers(command) -> bool      name_of(command) -> bytes
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from mailsys.core.imap import commands


class State(enum.Flag):
    """RFC 9051 §3."""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()
    LOGOUT = enum.auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """`states`: where the command may be given. `keeps_numbers`: no EXPUNGE response may be sent
    while it runs, for its message numbers, or those of its answers, would mean others (RFC 9051
    §7.5.1, RFC 3501 §7.4.1). `changes`: refused in a mailbox opened with EXAMINE."""

    states: State
    keeps_numbers: bool = False
    changes: bool = False


_ANY: Final = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
_BEFORE: Final = State.NOT_AUTHENTICATED
_AFTER: Final = State.AUTHENTICATED | State.SELECTED
_SELECTED: Final = State.SELECTED

# UID forms are their own rows: RFC 9051 §7.5.1 lets EXPUNGE come during UID commands. It forbids it
# during FETCH, STORE and SEARCH; COPY by number waits too, out of care for clients that pipeline it.
# MOVE sends EXPUNGE itself (RFC 6851 §3.3).
RULES: Final[dict[bytes, Rule]] = {
    b"CAPABILITY": Rule(_ANY),
    b"NOOP": Rule(_ANY),
    b"LOGOUT": Rule(_ANY),
    b"ID": Rule(_ANY),
    b"STARTTLS": Rule(_BEFORE),
    b"AUTHENTICATE": Rule(_BEFORE),
    b"LOGIN": Rule(_BEFORE),
    b"ENABLE": Rule(State.AUTHENTICATED),  # RFC 5161 §3.1: not once a mailbox is selected
    b"SELECT": Rule(_AFTER),
    b"EXAMINE": Rule(_AFTER),
    b"CREATE": Rule(_AFTER),
    b"DELETE": Rule(_AFTER),
    b"RENAME": Rule(_AFTER),
    b"SUBSCRIBE": Rule(_AFTER),
    b"UNSUBSCRIBE": Rule(_AFTER),
    b"LIST": Rule(_AFTER),
    b"LSUB": Rule(_AFTER),
    b"NAMESPACE": Rule(_AFTER),
    b"STATUS": Rule(_AFTER),
    b"APPEND": Rule(_AFTER),
    b"IDLE": Rule(_AFTER),
    b"CHECK": Rule(_SELECTED),
    b"CLOSE": Rule(_SELECTED),
    b"UNSELECT": Rule(_SELECTED),
    b"EXPUNGE": Rule(_SELECTED, changes=True),
    b"UID EXPUNGE": Rule(_SELECTED, changes=True),
    b"SEARCH": Rule(_SELECTED, keeps_numbers=True),
    b"UID SEARCH": Rule(_SELECTED),
    b"FETCH": Rule(_SELECTED, keeps_numbers=True),
    b"UID FETCH": Rule(_SELECTED),
    b"STORE": Rule(_SELECTED, keeps_numbers=True, changes=True),
    b"UID STORE": Rule(_SELECTED, changes=True),
    b"COPY": Rule(_SELECTED, keeps_numbers=True),
    b"UID COPY": Rule(_SELECTED),
    b"MOVE": Rule(_SELECTED, changes=True),
    b"UID MOVE": Rule(_SELECTED, changes=True),
}

_NAMES: Final[dict[type, bytes]] = {
    commands.Id: b"ID",
    commands.Enable: b"ENABLE",
    commands.Authenticate: b"AUTHENTICATE",
    commands.Login: b"LOGIN",
    commands.Create: b"CREATE",
    commands.Delete: b"DELETE",
    commands.Rename: b"RENAME",
    commands.Status: b"STATUS",
    commands.Append: b"APPEND",
    commands.Expunge: b"UID EXPUNGE",
}


def name_of(command: commands.Command) -> bytes:
    """The command as the client called it, `UID` included: for the table, replies and the log."""
    match command:
        case commands.Simple(name):
            return name
        case commands.Select(read_only=read_only):
            return b"EXAMINE" if read_only else b"SELECT"
        case commands.Subscribe(on=on):
            return b"SUBSCRIBE" if on else b"UNSUBSCRIBE"
        case commands.List(lsub=lsub):
            return b"LSUB" if lsub else b"LIST"
        case commands.Fetch(uid=uid):
            return b"UID FETCH" if uid else b"FETCH"
        case commands.Store(uid=uid):
            return b"UID STORE" if uid else b"STORE"
        case commands.Search(uid=uid):
            return b"UID SEARCH" if uid else b"SEARCH"
        case commands.Copy(uid=uid, move=move):
            return (b"UID " if uid else b"") + (b"MOVE" if move else b"COPY")
    return _NAMES[type(command)]


def allowed(command: commands.Command, state: State) -> bool:
    """Whether the command may be given in `state`."""
    return bool(RULES[name_of(command)].states & state)


def keeps_numbers(command: commands.Command) -> bool:
    """Whether EXPUNGE and VANISHED must wait until the command is done."""
    return RULES[name_of(command)].keeps_numbers


def changes(command: commands.Command) -> bool:
    """Whether the command is refused in a mailbox that is open read-only."""
    return RULES[name_of(command)].changes
