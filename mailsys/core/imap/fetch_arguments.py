"""FETCH and STORE arguments (RFC 9051 §6.4.5 and §6.4.6, RFC 3501, RFC 7162, RFC 8474)."""

from __future__ import annotations

import re
from typing import Final

from mailsys.core.imap.commands import Fetch, Section, Store
from mailsys.core.imap.grammar import MAX_FLAGS, flag, flag_list, modseq, options, sequence_set, unknown
from mailsys.core.imap.lexer import MAX_NUMBER64, BadCommand, Lexer

MAX_ITEMS: Final = 4000  # about what a line of 64 KB holds; they are answered one by one
MAX_PART_DEPTH: Final = 100
MAX_FIELDS: Final = 100

MACROS: Final = {
    b"ALL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"),
    b"FAST": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"),
    b"FULL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
}
_PLAIN: Final = frozenset(
    b"UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE MODSEQ EMAILID THREADID".split()
)
# RFC 3501 §6.4.5: what the old names stand for; only RFC822.HEADER leaves \Seen alone
_RFC822: Final = {
    b"RFC822": Section(kind=b"RFC822", label=b"RFC822"),
    b"RFC822.HEADER": Section(kind=b"RFC822.HEADER", text=b"HEADER", peek=True, label=b"RFC822.HEADER"),
    b"RFC822.TEXT": Section(kind=b"RFC822.TEXT", text=b"TEXT", label=b"RFC822.TEXT"),
}

_ITEM = re.compile(rb"[A-Za-z0-9.]{1,40}")
_PART = re.compile(rb"[0-9]{1,10}(?:\.[0-9]{1,10})*")
_SECTION_TEXT = re.compile(rb"HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|MIME", re.IGNORECASE)
_PARTIAL = re.compile(rb"<([0-9]{1,20})\.([0-9]{1,20})>")
_FIELD_NAME = re.compile(rb"[!-9;-~]{1,255}")  # RFC 5322 §3.6.8: ftext
_ATOM_ONLY = re.compile(rb'[^(){ \x00-\x1f\x7f-\xff%*"\\\]]+')


def fetch(lexer: Lexer, *, uid: bool = False) -> Fetch:
    lexer.space()
    numbers = sequence_set(lexer)
    lexer.space()
    items: dict[bytes, None] = {}
    sections: dict[Section, None] = {}
    if lexer.accept(b"("):
        while True:
            _item(lexer, items, sections)
            if lexer.accept(b")"):
                break
            lexer.space()
            if len(items) + len(sections) >= MAX_ITEMS:
                raise lexer.bad("Too many items to fetch")
    else:
        macro = _ITEM.match(lexer.data, lexer.pos)
        if macro is not None and macro.group().upper() in MACROS:
            lexer.pos = macro.end()
            items = dict.fromkeys(MACROS[macro.group().upper()])
        else:
            _item(lexer, items, sections)
    changed_since, vanished = None, False
    if lexer.accept(b" ") and not lexer.at_end():
        for word in options(lexer):  # RFC 7162 §3.1.4.1, §3.2.6
            if word == b"CHANGEDSINCE" and changed_since is None:
                lexer.space()
                changed_since = modseq(lexer)
            elif word == b"VANISHED" and uid:
                vanished = True
            else:
                raise unknown(word, "FETCH modifiers")
        if vanished and changed_since is None:
            raise lexer.bad("VANISHED needs CHANGEDSINCE")
        if changed_since is not None:
            items[b"MODSEQ"] = None
    if uid and b"UID" not in items:
        # RFC 9051 §6.4.9: UID FETCH answers with the UID whether or not it was asked for
        items = {b"UID": None, **items}
    return Fetch(uid, numbers, tuple(items), tuple(sections), changed_since, vanished)


def _item(lexer: Lexer, items: dict[bytes, None], sections: dict[Section, None]) -> None:
    found = _ITEM.match(lexer.data, lexer.pos)
    if found is None:
        raise lexer.bad("FETCH item expected")
    word = found.group().upper()
    lexer.pos = found.end()
    if word in _PLAIN:
        items[word] = None
    elif word in (b"BODY", b"BODY.PEEK") and lexer.starts(b"["):
        sections[_body_section(lexer, peek=word == b"BODY.PEEK")] = None
    elif word == b"BODY":
        items[word] = None
    elif word in _RFC822:
        sections[_RFC822[word]] = None
    elif word in (b"BINARY", b"BINARY.PEEK", b"BINARY.SIZE"):
        sections[_binary_section(lexer, word)] = None
    else:
        raise unknown(word, "FETCH")


def _part(lexer: Lexer) -> tuple[int, ...]:
    found = _PART.match(lexer.data, lexer.pos)
    if found is None:
        return ()
    lexer.pos = found.end()
    numbers = tuple(int(number) for number in found.group().split(b"."))
    if len(numbers) > MAX_PART_DEPTH or not all(0 < number < 2**32 for number in numbers):
        raise lexer.bad("Bad part number")
    return numbers


def _partial(lexer: Lexer) -> tuple[int | None, int | None]:
    """`<start.length>` (RFC 9051 §9: partial), or nothing."""
    if not lexer.starts(b"<"):
        return None, None
    found = _PARTIAL.match(lexer.data, lexer.pos)
    if found is None:
        raise lexer.bad("Malformed partial")
    lexer.pos = found.end()
    start, length = int(found.group(1)), int(found.group(2))
    if start > MAX_NUMBER64 or not 0 < length <= MAX_NUMBER64:
        raise lexer.bad("Partial out of range")
    return start, length


def _field_name(lexer: Lexer) -> bytes:
    name = lexer.astring()
    if not _FIELD_NAME.fullmatch(name):
        raise lexer.bad("Malformed header field name")
    return name


def _body_section(lexer: Lexer, *, peek: bool) -> Section:
    lexer.expect(b"[")
    part = _part(lexer)
    text = b""
    fields: list[bytes] = []
    if not part or lexer.accept(b"."):
        found = _SECTION_TEXT.match(lexer.data, lexer.pos)
        if found is not None:
            lexer.pos = found.end()
            text = found.group().upper()
        elif part:
            raise lexer.bad("Section text expected")
        if text == b"MIME" and not part:
            raise lexer.bad("MIME needs a part number")
        if text.startswith(b"HEADER.FIELDS"):
            lexer.space()
            lexer.expect(b"(")
            while True:
                fields.append(_field_name(lexer))
                if lexer.accept(b")"):
                    break
                lexer.space()
                if len(fields) >= MAX_FIELDS:
                    raise lexer.bad("Too many header fields")
    lexer.expect(b"]")
    start, length = _partial(lexer)
    section = Section(part, text, tuple(fields), start, length, peek)
    return Section(part, text, tuple(fields), start, length, peek, label=label(section))


def _binary_section(lexer: Lexer, word: bytes) -> Section:
    """RFC 3516 §4.2: only part numbers; BINARY.SIZE takes no partial."""
    kind = b"BINARY.SIZE" if word == b"BINARY.SIZE" else b"BINARY"
    lexer.expect(b"[")
    part = _part(lexer)
    lexer.expect(b"]")
    start, length = (None, None) if kind == b"BINARY.SIZE" else _partial(lexer)
    peek = word != b"BINARY"
    section = Section(part, start=start, length=length, peek=peek, kind=kind)
    return Section(part, start=start, length=length, peek=peek, kind=kind, label=label(section))


def label(section: Section) -> bytes:
    """What the response repeats: `BODY[HEADER.FIELDS (FROM TO)]<0>` (RFC 9051 §7.5.2)."""
    if section.kind.startswith(b"RFC822"):
        return section.kind
    spec = b".".join(b"%d" % number for number in section.part)
    if section.text:
        spec += (b"." if spec else b"") + section.text
    if section.fields:
        spec += b" (" + b" ".join(_astring(name) for name in section.fields) + b")"
    origin = b"" if section.start is None else b"<%d>" % section.start
    return b"%b[%b]%b" % (section.kind, spec, origin)


def _astring(name: bytes) -> bytes:
    if _ATOM_ONLY.fullmatch(name):
        return name
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


_MODES: Final = {b"": "replace", b"+": "add", b"-": "remove"}
_STORE_ITEM = re.compile(rb"([+-]?)FLAGS(\.SILENT)?", re.IGNORECASE)


def store(lexer: Lexer, *, uid: bool = False) -> Store:
    lexer.space()
    numbers = sequence_set(lexer)
    lexer.space()
    unchanged_since = None
    if lexer.starts(b"("):  # RFC 7162 §3.1.3
        for word in options(lexer):
            if word != b"UNCHANGEDSINCE" or unchanged_since is not None:
                raise unknown(word, "STORE modifiers")
            lexer.space()
            unchanged_since = modseq(lexer)
        lexer.space()
    found = _STORE_ITEM.match(lexer.data, lexer.pos)
    if found is None:
        raise BadCommand("FLAGS, +FLAGS or -FLAGS expected")
    lexer.pos = found.end()
    lexer.space()
    if lexer.starts(b"("):
        flags = flag_list(lexer)
    else:
        words = [flag(lexer)]
        while lexer.accept(b" ") and not lexer.at_end():
            words.append(flag(lexer))
            if len(words) > MAX_FLAGS:
                raise lexer.bad("Too many flags")
        flags = tuple(dict.fromkeys(words))
    return Store(uid, numbers, _MODES[found.group(1)], bool(found.group(2)), flags, unchanged_since)
