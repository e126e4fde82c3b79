"""Constructs that several commands share: mailboxes, sets, flags, lists, modseqs (RFC 9051 §9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from mailsys.core.imap import names, sequence
from mailsys.core.imap.lexer import MAX_NUMBER64, BadCommand, Lexer
from mailsys.core.imap.sequence import SequenceSet

MAX_FLAGS: Final = 200

SYSTEM_FLAGS: Final = {
    b"\\ANSWERED": b"\\Answered",
    b"\\FLAGGED": b"\\Flagged",
    b"\\DELETED": b"\\Deleted",
    b"\\SEEN": b"\\Seen",
    b"\\DRAFT": b"\\Draft",
}

Item = TypeVar("Item")

_SET = re.compile(rb"[0-9*:,$]+")


def mailbox(lexer: Lexer) -> str:
    """A mailbox's name, decoded and canonical; never empty."""
    name = names.decode(lexer.astring8(), utf8=lexer.utf8)
    if not name:
        raise lexer.bad("Mailbox name is empty")
    return name


def sequence_set(lexer: Lexer) -> SequenceSet:
    word = _SET.match(lexer.data, lexer.pos)
    if word is None:
        raise lexer.bad("Message set expected")
    try:
        found = sequence.parse(word.group())
    except ValueError:
        raise lexer.bad("Malformed message set") from None
    lexer.pos = word.end()
    return found


def modseq(lexer: Lexer) -> int:
    """RFC 7162 §7: mod-sequence-valzer, 63 bits."""
    return lexer.number(most=MAX_NUMBER64)


def in_parentheses(
    lexer: Lexer, item: Callable[[Lexer], Item], *, empty: bool = False, most: int = 1000
) -> list[Item]:
    """`(item item ...)`."""
    lexer.expect(b"(")
    found: list[Item] = []
    if empty and lexer.accept(b")"):
        return found
    while True:
        found.append(item(lexer))
        if lexer.accept(b")"):
            return found
        lexer.space()
        if len(found) >= most:
            raise lexer.bad("Too many items in a list")


def flag(lexer: Lexer) -> bytes:
    r"""A flag that a client may set: \Recent, \* and unknown system flags are refused."""
    word = lexer.flag()
    if word.startswith(b"\\"):
        known = SYSTEM_FLAGS.get(word.upper())
        if known is None:
            raise lexer.bad(f"Flag {word[:40].decode()} cannot be set")
        return known
    return word


def flag_list(lexer: Lexer) -> tuple[bytes, ...]:
    """`(flag flag ...)`, each once, in the order given."""
    return tuple(dict.fromkeys(in_parentheses(lexer, flag, empty=True, most=MAX_FLAGS)))


def options(lexer: Lexer) -> Iterator[bytes]:
    """The words of `(WORD ... WORD ...)`, upper case; the caller reads each word's own arguments
    before it takes the next."""
    lexer.expect(b"(")
    if lexer.accept(b")"):
        return
    while True:
        yield lexer.atom()
        if lexer.accept(b")"):
            return
        lexer.space()


def unknown(word: bytes, where: str) -> BadCommand:
    return BadCommand(f"{word[:40].decode()} is not known in {where}")
