"""One complete command to its value: the table of verbs (RFC 9051 §6, RFC 3501 §6).

    parse(data, utf8=False, bounds=SearchBounds()) -> (tag, Command)
    parse_append(data, utf8=False) -> (tag, Append)     the command up to its message literal's CRLF
    tag_of(data) -> bytes | None                        for answering what does not parse

`data` holds the command with its literals inline and its last CRLF. `BadCommand` is the only
exception raised; its `tag` is set when the tag was readable.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from functools import partial
from typing import Final

from mailsys.core.imap import dates, names
from mailsys.core.imap.commands import (
    Append,
    Authenticate,
    Command,
    Copy,
    Create,
    Delete,
    Enable,
    Expunge,
    Id,
    Login,
    QResync,
    Rename,
    Select,
    Simple,
    Subscribe,
)
from mailsys.core.imap.fetch_arguments import fetch, store
from mailsys.core.imap.grammar import (
    flag_list,
    in_parentheses,
    mailbox,
    options,
    sequence_set,
    unknown,
)
from mailsys.core.imap.lexer import BadCommand, Lexer
from mailsys.core.imap.list_arguments import list_, lsub, status
from mailsys.core.imap.search_arguments import SearchBounds, search

_USES: Final = {
    use.upper(): use
    for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash")
}


def _id(lexer: Lexer) -> Id:
    """RFC 2971 §3.3: at most 30 fields, names of 30 and values of 1024 octets; ours is a log's bound."""
    lexer.space()
    fields: list[tuple[str, str | None]] = []
    if lexer.starts(b"("):
        lexer.accept(b"(")
        while not lexer.accept(b")"):
            if fields:
                lexer.space()
            if len(fields) >= 30:
                raise lexer.bad("Too many fields in ID")
            name = lexer.string().decode("utf-8", "replace")[:30]
            lexer.space()
            value = lexer.nstring()
            fields.append((name, None if value is None else value.decode("utf-8", "replace")[:1024]))
    elif not lexer.maybe_word(b"NIL"):
        raise lexer.bad("ID takes a list or NIL")
    return Id(tuple(fields))


def _enable(lexer: Lexer) -> Enable:
    words = []
    while lexer.accept(b" ") and not lexer.at_end():
        words.append(lexer.atom())
        if len(words) > 50:
            raise lexer.bad("Too many capabilities")
    if not words:
        raise lexer.bad("Argument missing")
    return Enable(tuple(words))


def decode_base64(text: bytes) -> bytes:
    """RFC 9051 §9: base64, strictly. Raises ValueError."""
    return binascii.a2b_base64(text, strict_mode=True) if text else b""


def _authenticate(lexer: Lexer) -> Authenticate:
    lexer.space()
    mechanism = lexer.atom().decode("ascii")
    initial = None
    if lexer.accept(b" ") and not lexer.at_end():
        end = lexer.data.find(b"\r\n", lexer.pos)
        word, lexer.pos = lexer.data[lexer.pos : end], end
        try:  # RFC 9051 §6.2.2: "=" is an empty initial response
            initial = b"" if word == b"=" else decode_base64(word)
        except ValueError:
            raise lexer.bad("Malformed base64") from None
    return Authenticate(mechanism, initial)


def _login(lexer: Lexer) -> Login:
    lexer.space()
    user = lexer.astring8()
    lexer.space()
    return Login(user, lexer.astring8())


def _select(lexer: Lexer, *, read_only: bool) -> Select:
    lexer.space()
    name = mailbox(lexer)
    condstore, qresync = False, None
    if lexer.accept(b" ") and not lexer.at_end():
        for word in options(lexer):
            if word == b"CONDSTORE":
                condstore = True
            elif word == b"QRESYNC" and qresync is None:
                lexer.space()
                qresync = _qresync(lexer)
            else:
                raise unknown(word, "SELECT parameters")
    return Select(name, read_only, condstore, qresync)


def _qresync(lexer: Lexer) -> QResync:
    """RFC 7162 §3.2.5."""
    lexer.expect(b"(")
    validity = lexer.number(least=1)
    lexer.space()
    since = lexer.number(least=1, most=2**63 - 1)
    known = numbers = uids = None
    if lexer.accept(b" "):
        if not lexer.starts(b"("):
            known = sequence_set(lexer)
            if known.saved or known.has_star():
                raise lexer.bad("Known UIDs may not hold * or $")
        if (known is None or lexer.accept(b" ")) and lexer.accept(b"("):
            numbers = sequence_set(lexer)
            lexer.space()
            uids = sequence_set(lexer)
            if numbers.saved or uids.saved or numbers.has_star() or uids.has_star():
                raise lexer.bad("Sequence match data may not hold * or $")
            lexer.expect(b")")
    lexer.expect(b")")
    return QResync(validity, since, known, numbers, uids)


def _use(lexer: Lexer) -> str:
    word = lexer.flag().decode("ascii")
    return _USES.get(word.upper(), word)


def _create(lexer: Lexer) -> Create:
    lexer.space()
    name = mailbox(lexer)
    # RFC 9051 §6.3.4: a separator at the end only says that children will follow
    name = name.rstrip(names.SEPARATOR) or name
    uses: tuple[str, ...] = ()
    if lexer.accept(b" ") and not lexer.at_end():
        for word in options(lexer):
            if word != b"USE":
                raise unknown(word, "CREATE parameters")
            lexer.space()
            uses = tuple(dict.fromkeys(in_parentheses(lexer, _use, empty=True, most=20)))
    return Create(name, uses)


def _delete(lexer: Lexer) -> Delete:
    lexer.space()
    return Delete(mailbox(lexer))


def _rename(lexer: Lexer) -> Rename:
    lexer.space()
    source = mailbox(lexer)
    lexer.space()
    target = mailbox(lexer)
    return Rename(source, target.rstrip(names.SEPARATOR) or target)


def _subscribe(lexer: Lexer, *, on: bool) -> Subscribe:
    lexer.space()
    return Subscribe(mailbox(lexer), on)


def _copy(lexer: Lexer, *, uid: bool = False, move: bool) -> Copy:
    lexer.space()
    numbers = sequence_set(lexer)
    lexer.space()
    return Copy(uid, numbers, mailbox(lexer), move)


def _uid_expunge(lexer: Lexer) -> Expunge:
    lexer.space()
    return Expunge(sequence_set(lexer))


def _append(lexer: Lexer) -> Append:
    """Up to the literal's CRLF, which ends `lexer.data` (RFC 9051 §6.3.12, RFC 6855 §4)."""
    lexer.space()
    name = mailbox(lexer)
    lexer.space()
    flags: tuple[bytes, ...] = ()
    date = None
    if lexer.starts(b"("):
        flags = flag_list(lexer)
        lexer.space()
    if lexer.starts(b'"'):
        try:
            date = dates.parse_date_time(lexer.string())
        except (ValueError, OverflowError):
            raise lexer.bad("Malformed date-time") from None
        lexer.space()
    utf8 = lexer.maybe_word(b"UTF8")
    if utf8:
        lexer.space()
        lexer.expect(b"(")
    size, binary = lexer.literal_header()
    if utf8 and not binary:
        raise lexer.bad("UTF8 takes a literal8")
    return Append(name, flags, date, size, binary, utf8)


def _no_literal(lexer: Lexer) -> Command:
    raise lexer.bad("Message literal expected")


def _simple(name: bytes) -> Callable[[Lexer], Command]:
    command = Simple(name)
    return lambda lexer: command


Parser = Callable[[Lexer], Command]

VERBS: Final[dict[bytes, Parser]] = {
    **{
        name: _simple(name)
        for name in b"CAPABILITY NOOP LOGOUT STARTTLS CHECK CLOSE UNSELECT EXPUNGE NAMESPACE IDLE".split()
    },
    b"ID": _id,
    b"ENABLE": _enable,
    b"AUTHENTICATE": _authenticate,
    b"LOGIN": _login,
    b"SELECT": partial(_select, read_only=False),
    b"EXAMINE": partial(_select, read_only=True),
    b"CREATE": _create,
    b"DELETE": _delete,
    b"RENAME": _rename,
    b"SUBSCRIBE": partial(_subscribe, on=True),
    b"UNSUBSCRIBE": partial(_subscribe, on=False),
    b"LIST": list_,
    b"LSUB": lsub,
    b"STATUS": status,
    b"APPEND": _no_literal,
    b"FETCH": fetch,
    b"STORE": store,
    b"COPY": partial(_copy, move=False),
    b"MOVE": partial(_copy, move=True),
}

UID_VERBS: Final[dict[bytes, Parser]] = {
    b"FETCH": partial(fetch, uid=True),
    b"STORE": partial(store, uid=True),
    b"COPY": partial(_copy, uid=True, move=False),
    b"MOVE": partial(_copy, uid=True, move=True),
    b"EXPUNGE": _uid_expunge,
}


def parse(data: bytes, *, utf8: bool = False, bounds: SearchBounds | None = None) -> tuple[bytes, Command]:
    """The command's tag and value. Raises BadCommand, nothing else."""
    lexer = Lexer(data, utf8=utf8)
    if not data.endswith(b"\r\n"):
        raise lexer.bad("Command does not end with CRLF")
    tag = lexer.tag()
    try:
        lexer.space()
        command = _command(lexer, bounds)
        lexer.end()
    except BadCommand as problem:
        problem.tag = tag
        raise
    return tag, command


def _command(lexer: Lexer, bounds: SearchBounds | None) -> Command:
    word = lexer.atom()
    if uid := word == b"UID":
        lexer.space()
        word = lexer.atom()
    if word == b"SEARCH":
        return search(lexer, uid=uid, bounds=bounds)
    parser = (UID_VERBS if uid else VERBS).get(word)
    if parser is None:
        raise BadCommand(f"Unknown command {'UID ' if uid else ''}{word[:40].decode('ascii', 'replace')}")
    return parser(lexer)


def parse_append(data: bytes, *, utf8: bool = False) -> tuple[bytes, Append]:
    """An APPEND up to the CRLF that its message literal follows. Raises BadCommand."""
    lexer = Lexer(data, utf8=utf8)
    if not data.endswith(b"\r\n"):
        raise lexer.bad("Command does not end with CRLF")
    tag = lexer.tag()
    try:
        lexer.space()
        lexer.keyword(b"APPEND")
        return tag, _append(lexer)
    except BadCommand as problem:
        problem.tag = tag
        raise


def tag_of(data: bytes) -> bytes | None:
    """The tag that `data` begins with, if it is a tag followed by a space."""
    lexer = Lexer(data)
    try:
        tag = lexer.tag()
        lexer.space()
    except BadCommand:
        return None
    return tag
