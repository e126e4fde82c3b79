"""What people write into a search field, for the word index (RFC 8621 §4.4.1).

White space divides words, all of which must be there; what is quoted is a phrase. The last word, when
it is not quoted, matches the beginning of a word as well, so that a list narrows while one types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailsys.core.message.text import fold

_TERMS: Final = 50
_PREFIX: Final = 4  # characters; the index has the beginnings of this length ready


@dataclass(frozen=True, slots=True)
class Term:
    text: str
    quoted: bool


def terms(text: str) -> list[Term]:
    """The words and phrases of a search text, at most fifty."""
    found: list[Term] = []
    at, end = 0, len(text)
    while at < end and len(found) < _TERMS:
        if text[at].isspace():
            at += 1
        elif text[at] in "\"'" and (stop := _closing(text, at)) > 0:
            phrase = _unescaped(text[at + 1 : stop])
            if phrase.strip():
                found.append(Term(phrase, True))
            at = stop + 1
        else:
            start = at
            while at < end and not text[at].isspace():
                at += 1
            found.append(Term(text[start:at], False))
    return found


def _closing(text: str, at: int) -> int:
    """Where the quotation that begins at `at` ends; 0 when it does not, or inside a word."""
    quote, stop = text[at], at + 1
    while stop < len(text):
        if text[stop] == "\\":
            stop += 1
        elif text[stop] == quote and (stop + 1 == len(text) or not text[stop + 1].isalnum()):
            return stop
        stop += 1
    return 0


def _unescaped(text: str) -> str:
    pieces = []
    at = 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        pieces.append(text[at])
        at += 1
    return "".join(pieces)


def by_words(term: Term) -> bool:
    """Whether the word index can tell: not for what has no letters, nor for scripts that are written
    without spaces, where a run of text counts as one word."""
    return any(map(str.isalnum, term.text)) and not any(map(_unspaced, term.text))


def _unspaced(character: str) -> bool:
    code = ord(character)
    return code >= 0x0E00 and (
        code <= 0x0EFF
        or 0x1000 <= code <= 0x109F
        or 0x1780 <= code <= 0x17FF
        or 0x2E80 <= code <= 0x9FFF
        or 0xAC00 <= code <= 0xD7AF
        or 0xF900 <= code <= 0xFAFF
        or code >= 0x20000
    )


def match(wanted: list[Term], *, whole: bool = False) -> str:
    """The terms as an FTS5 expression; all of them `by_words`, at least one. `whole`: the last word too
    is matched as it is."""
    pieces = []
    for number, term in enumerate(wanted, 1):
        text = fold(term.text)  # as the index has it: "ß" is "ss" there
        piece = '"' + text.replace("\ue000", " ").replace('"', '""') + '"'
        if number == len(wanted) and not whole and not term.quoted and _begins(term.text):
            piece += " *"
        pieces.append(piece)
    return " AND ".join(pieces)


def _begins(text: str) -> bool:
    return len(text) >= _PREFIX and text[-1].isalnum()


def needle(term: Term) -> bytes:
    """The term as the folded texts beside the index have it."""
    return fold(term.text).encode("utf-8", "replace")
