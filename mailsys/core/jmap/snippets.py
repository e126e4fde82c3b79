"""Stretches of text in which the words searched for stand out (RFC 8621 §5)."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

MAX_OCTETS: Final = 255  # of a preview, marks and all (RFC 8621 §5.1)
_BEFORE: Final = 60  # characters shown in front of the first match
_ROOM: Final = 240
# RFC 8621 §4.4.1: a phrase stands in quotes of either kind, which a backslash takes their meaning
_WORDS: Final = re.compile(r"""(["'])((?:(?!\1)[^\\]|\\.)+)\1(?=\s|$)|(\S+)""")
_ESCAPED: Final = re.compile(r"""\\(["'\\])""")


def terms(texts: Sequence[str]) -> list[str]:
    """The words and quoted phrases of what was searched for, the longest first."""
    found: dict[str, None] = {}
    for text in texts:
        for _, phrase, word in _WORDS.findall(text):
            one = " ".join((_ESCAPED.sub(r"\1", phrase) or word).split())
            if one:
                found[one] = None
    return sorted(found, key=len, reverse=True)[:50]


def pattern(texts: Sequence[str]) -> re.Pattern[str] | None:
    words = terms(texts)
    if not words:
        return None
    return re.compile("|".join(re.escape(word).replace(r"\ ", r"\s+") for word in words), re.IGNORECASE)


def mark(text: str, wanted: re.Pattern[str]) -> str | None:
    """All of `text` as HTML with each match in <mark>; None when there is none."""
    pieces: list[str] = []
    at = 0
    for match in wanted.finditer(text):
        pieces += [html.escape(text[at : match.start()]), "<mark>", html.escape(match.group()), "</mark>"]
        at = match.end()
    if not pieces:
        return None
    return "".join([*pieces, html.escape(text[at:])])


def preview(text: str, wanted: re.Pattern[str]) -> str | None:
    """The stretch around the first match, of at most 255 octets."""
    found = wanted.search(text)
    if found is None:
        return None
    start = max(found.start() - _BEFORE, 0)
    if start:
        space = text.find(" ", start, found.start())
        start = space + 1 if space >= 0 else start
    room = _ROOM
    while True:
        shown = mark(" ".join(text[start : start + room].split()), wanted)
        if shown is not None and len(shown.encode("utf-8", "replace")) <= MAX_OCTETS:
            return shown
        room -= 10
        if room <= 0:
            return None
        if start + room < found.end():
            start = found.start()
