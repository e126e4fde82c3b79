"""LIST, LSUB and STATUS arguments (RFC 9051 §6.3.9 and §6.3.11, RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

from typing import Final

from mailsys.core.imap import names
from mailsys.core.imap.commands import List, Status
from mailsys.core.imap.grammar import in_parentheses, mailbox, options, unknown
from mailsys.core.imap.lexer import Lexer

MAX_PATTERNS: Final = 50

STATUS_ITEMS: Final = frozenset(
    b"MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE RECENT HIGHESTMODSEQ MAILBOXID APPENDLIMIT".split()
)


def status_item(lexer: Lexer) -> bytes:
    word = lexer.atom()
    if word not in STATUS_ITEMS:
        raise unknown(word, "STATUS")
    return word


def status_items(lexer: Lexer) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(in_parentheses(lexer, status_item, most=50)))


def status(lexer: Lexer) -> Status:
    lexer.space()
    name = mailbox(lexer)
    lexer.space()
    return Status(name, status_items(lexer))


def _pattern(lexer: Lexer) -> str:
    return names.decode(lexer.list_mailbox(), utf8=lexer.utf8)


def lsub(lexer: Lexer) -> List:
    lexer.space()
    reference = names.decode(lexer.astring8(), utf8=lexer.utf8)
    lexer.space()
    return List(reference, (_pattern(lexer),), lsub=True)


def list_(lexer: Lexer) -> List:
    lexer.space()
    extended = False
    select: set[bytes] = set()
    returned: set[bytes] = set()
    items: tuple[bytes, ...] = ()
    if lexer.starts(b"("):  # RFC 5258 §3: selection options
        extended = True
        for word in options(lexer):
            if word not in (b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"):
                raise unknown(word, "LIST selection options")
            select.add(word)
        if b"RECURSIVEMATCH" in select and not select - {b"RECURSIVEMATCH", b"REMOTE"}:
            raise lexer.bad("RECURSIVEMATCH needs another selection option")  # RFC 5258 §3.1
        lexer.space()
    reference = names.decode(lexer.astring8(), utf8=lexer.utf8)
    lexer.space()
    if lexer.starts(b"("):
        extended = True
        patterns = in_parentheses(lexer, _pattern, empty=True, most=MAX_PATTERNS)
    else:
        patterns = [_pattern(lexer)]
    if lexer.accept(b" ") and not lexer.at_end():
        extended = True
        lexer.keyword(b"RETURN")
        lexer.space()
        for word in options(lexer):
            if word == b"STATUS":
                lexer.space()
                items = status_items(lexer)
            elif word not in (b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE"):
                raise unknown(word, "LIST return options")
            returned.add(word)
    return List(
        reference,
        tuple(dict.fromkeys(patterns)),
        extended=extended,
        select_subscribed=b"SUBSCRIBED" in select,
        select_remote=b"REMOTE" in select,
        select_recursive=b"RECURSIVEMATCH" in select,
        select_special=b"SPECIAL-USE" in select,
        return_subscribed=b"SUBSCRIBED" in returned or b"SUBSCRIBED" in select,  # RFC 5258 §3.1
        return_children=b"CHILDREN" in returned,
        return_special=b"SPECIAL-USE" in returned or b"SPECIAL-USE" in select,
        return_status=items,
    )
