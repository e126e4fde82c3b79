"""SEARCH arguments (RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5182, RFC 7162, RFC 8474).

Bounds: keys in all, terms that look at text (each is a scan for the store), nesting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailsys.core.imap import dates
from mailsys.core.imap.commands import (
    All,
    And,
    Date,
    Keyword,
    ModSeq,
    Not,
    Numbers,
    ObjectId,
    Or,
    Search,
    SearchKey,
    Size,
    Text,
)
from mailsys.core.imap.grammar import options, sequence_set, unknown
from mailsys.core.imap.lexer import MAX_NUMBER64, BadCommand, Lexer


@dataclass(frozen=True, slots=True)
class SearchBounds:
    keys: int = 1000
    text_terms: int = 50
    depth: int = 100  # right-nested ORs, as clients write them, count one level each


_RETURNS: Final = frozenset(b"MIN MAX COUNT ALL SAVE".split())
_SEEN: Final = Keyword("$seen")
_RECENT: Final = Keyword("\\recent")
_FIXED: Final[dict[bytes, SearchKey]] = {
    b"ALL": All(),
    b"ANSWERED": Keyword("$answered"),
    b"DELETED": Keyword("$deleted"),
    b"DRAFT": Keyword("$draft"),
    b"FLAGGED": Keyword("$flagged"),
    b"SEEN": _SEEN,
    b"RECENT": _RECENT,
    b"NEW": And((_RECENT, Not(_SEEN))),
    b"OLD": Not(_RECENT),
    b"UNANSWERED": Not(Keyword("$answered")),
    b"UNDELETED": Not(Keyword("$deleted")),
    b"UNDRAFT": Not(Keyword("$draft")),
    b"UNFLAGGED": Not(Keyword("$flagged")),
    b"UNSEEN": Not(_SEEN),
}
_TEXT: Final = frozenset(b"SUBJECT FROM TO CC BCC BODY TEXT".split())
_DATES: Final = frozenset(b"BEFORE ON SINCE SENTBEFORE SENTON SENTSINCE".split())
_NUMERIC: Final = frozenset(b"0123456789*$")


def search(lexer: Lexer, *, uid: bool = False, bounds: SearchBounds | None = None) -> Search:
    lexer.space()
    returns = None
    if lexer.maybe_word(b"RETURN"):
        lexer.space()
        found = set()
        for word in options(lexer):
            if word not in _RETURNS:
                raise unknown(word, "SEARCH RETURN")
            found.add(word)
        returns = frozenset(found or {b"ALL"})  # RFC 4731 §3.1: () is (ALL)
        lexer.space()
    charset = "utf-8"
    if lexer.maybe_word(b"CHARSET"):
        lexer.space()
        named = lexer.astring().upper()
        if named not in (b"US-ASCII", b"UTF-8"):
            raise BadCommand(
                "Unknown search charset", code=b"BADCHARSET (US-ASCII UTF-8)", status=b"NO"
            )  # RFC 9051 §6.4.4
        charset = named.decode().lower()
        lexer.space()
    parser = _Keys(lexer, charset, bounds or SearchBounds())
    keys = [parser.key(0)]
    while lexer.accept(b" ") and not lexer.at_end():
        keys.append(parser.key(0))
    return Search(uid, keys[0] if len(keys) == 1 else And(tuple(keys)), returns, charset)


class _Keys:
    """Reads keys and counts them."""

    def __init__(self, lexer: Lexer, charset: str, bounds: SearchBounds) -> None:
        self._lexer = lexer
        self._charset = charset
        self._bounds = bounds
        self._keys = 0
        self._terms = 0

    def key(self, depth: int) -> SearchKey:
        lexer = self._lexer
        self._keys += 1
        if self._keys > self._bounds.keys or depth > self._bounds.depth:
            raise BadCommand("Search is too complex", code=b"LIMIT")
        if lexer.accept(b"("):
            keys = [self.key(depth + 1)]
            while lexer.accept(b" "):
                keys.append(self.key(depth + 1))
            lexer.expect(b")")
            return keys[0] if len(keys) == 1 else And(tuple(keys))
        if lexer.peek()[0] in _NUMERIC:
            return Numbers(sequence_set(lexer), uid=False)
        word = lexer.atom()
        fixed = _FIXED.get(word)
        if fixed is not None:
            return fixed
        if word == b"NOT":
            lexer.space()
            return Not(self.key(depth + 1))
        if word == b"OR":
            lexer.space()
            left = self.key(depth + 1)
            lexer.space()
            return Or(left, self.key(depth + 1))
        lexer.space()
        return self._with_argument(word)

    def _text(self) -> str:
        self._terms += 1
        if self._terms > self._bounds.text_terms:
            raise BadCommand("Too many search terms", code=b"LIMIT")
        return self._lexer.text(charset=self._charset)

    def _with_argument(self, word: bytes) -> SearchKey:
        lexer = self._lexer
        if word in _TEXT:
            return Text(word.decode().lower(), self._text())
        if word in _DATES:
            return self._date(word)
        match word:
            case b"UID":
                return Numbers(sequence_set(lexer), uid=True)
            case b"KEYWORD" | b"UNKEYWORD":
                # "\" is not part of flag-keyword, but costs nothing to take: canonical spelling below
                name = lexer.flag().decode("ascii").lower()
                key = Keyword("$" + name[1:] if name[0] == "\\" and name != "\\recent" else name)
                return key if word == b"KEYWORD" else Not(key)
            case b"HEADER":
                name = lexer.text(charset="ascii")
                lexer.space()
                return Text("header", self._text(), name)
            case b"LARGER":
                return Size(larger=lexer.number(most=MAX_NUMBER64))
            case b"SMALLER":
                return Size(smaller=lexer.number(most=MAX_NUMBER64))
            case b"MODSEQ":
                return self._modseq()
            case b"EMAILID" | b"THREADID":
                return ObjectId(word.decode(), lexer.atom_as_written().decode("ascii"))
        raise unknown(word, "SEARCH")

    def _date(self, word: bytes) -> Date:
        lexer = self._lexer
        text = lexer.string() if lexer.starts(b'"') else lexer.atom_as_written()
        try:
            day = dates.parse_day(text)
        except ValueError:
            raise lexer.bad("Malformed date") from None
        sent = word.startswith(b"SENT")
        match word.removeprefix(b"SENT"):
            case b"BEFORE":
                return Date(sent, None, day)
            case b"ON":
                return Date(sent, day, day + 1)
        return Date(sent, day, None)

    def _modseq(self) -> ModSeq:
        """RFC 7162 §3.1.5: `MODSEQ ["/flags/name" all] n`. One modseq per message here, so the
        entry's name, which asks for that of one flag, only narrows what is true of the whole."""
        lexer = self._lexer
        if lexer.starts(b'"'):
            entry = lexer.string()
            if not entry.lower().startswith(b"/flags/"):
                raise lexer.bad("Unknown metadata entry")
            lexer.space()
            lexer.keyword(b"PRIV", b"SHARED", b"ALL")
            lexer.space()
        return ModSeq(lexer.number(most=MAX_NUMBER64))
