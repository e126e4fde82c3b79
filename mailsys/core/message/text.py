"""Text for people and for search: folded, cleaned, and HTML reduced to its words."""

from __future__ import annotations

import re
import unicodedata
from html.entities import html5
from typing import Final

MAX_TEXT: Final = 1024 * 1024  # characters of body text kept for search

_LOWER: Final = bytes(
    32 if c < 32 or c == 127 else c + 32 if 65 <= c <= 90 else c for c in range(256)
)  # lower case, controls to spaces
_LOWER_LINES: Final = _LOWER[:10] + b"\n" + _LOWER[11:]
_CONTROL: Final = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_NFC_WINDOW: Final = 512
_FOLD_WINDOW: Final = 64 * 1024


def nfc(text: str) -> str:
    """Unicode NFC in linear time.

    Ordering a run of combining marks is quadratic in CPython, so long text is done in windows,
    cut at spaces where there are any.
    """
    if text.isascii():
        return text
    if len(text) <= _NFC_WINDOW:
        return unicodedata.normalize("NFC", text)
    pieces, start, end = [], 0, len(text)
    while start < end:
        stop = start + _NFC_WINDOW
        if stop < end:
            space = text.rfind(" ", start + 1, stop)
            if space > 0:
                stop = space
        pieces.append(unicodedata.normalize("NFC", text[start:stop]))
        start = stop
    return "".join(pieces)


def clean(text: str, limit: int) -> str:
    """One line for people: NFC, white space and control characters as single spaces, at most
    `limit` characters."""
    text = text[: limit * 4]
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()[:limit]
    text = " ".join(text.split())
    if not text.isprintable():
        text = " ".join(_CONTROL.sub(" ", text).split())
    return nfc(text)[:limit]


def _squeeze(data: bytes) -> bytes:
    while b"  " in data:
        data = data.replace(b"    ", b" ").replace(b"  ", b" ")
    return data


def fold_ascii(data: bytes) -> str:
    """`fold` of text that is ASCII octets."""
    data = data.translate(_LOWER)
    if len(data) > _FOLD_WINDOW:
        return _squeeze(data).decode("ascii")
    words = b" ".join(data.split())  # quicker, and takes an object for each word
    start, end = b" " if data[:1] == b" " else b"", b" " if words and data[-1:] == b" " else b""
    return (start + words + end).decode("ascii")


def fold_lines(data: bytes) -> str:
    """As `fold_ascii` but line feeds stay: for several fields at once."""
    return _squeeze(data.translate(_LOWER_LINES)).decode("ascii")


def fold(text: str) -> str:
    """The form in which text is searched: case-folded, NFC, every run of white space and control
    characters one space. Needle and haystack both go through this (RFC 9051 §6.4.4)."""
    if text.isascii():
        return fold_ascii(text.encode("ascii"))
    if len(text) > _FOLD_WINDOW:
        folded = "".join(fold(text[i : i + _FOLD_WINDOW]) for i in range(0, len(text), _FOLD_WINDOW))
        while "  " in folded:  # at window borders
            folded = folded.replace("  ", " ")
        return folded
    text = _CONTROL.sub(" ", text)
    words = " ".join(text.split())
    if text[:1].isspace():
        words = " " + words
    if words != " " and text[-1:].isspace():
        words += " "
    return nfc(nfc(words).casefold())


# -- HTML ------------------------------------------------------------------------------------------

# No pattern here can scan one octet twice: a tag ends at the next angle bracket of either kind.
_BLOCK: Final = re.compile(
    r"</?(?=[a-df-hlmnopstu])(?:address|article|aside|blockquote|body|br|caption|center|dd|div|dl|dt|fieldset|figure|footer|"
    r"form|h[1-6]|head|header|hr|html|li|main|nav|ol|option|p|pre|section|table|tbody|td|tfoot|th|thead|"
    r"title|tr|ul)(?![a-z0-9])[^<>]*>",
    re.I,
)
_TAG: Final = re.compile(r"<[a-z/!?][^<>]*>", re.I)
_ENTITY: Final = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")
_WINDOW: Final = 16 * 1024
_HIDDEN: Final = {  # what opens and closes a stretch that no reader sees
    "<!--": "-->",
    "<script": "</script",
    "<style": "</style",
    "<title": "</title",
    "<template": "</template",
}


def _character(match: re.Match[str]) -> str:
    name = match.group(1)
    if name[0] == "#":
        code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        if code in (0x200B, 0xAD) or code < 32:  # zero width space, soft hyphen
            return " " if code in (9, 10, 13) else ""
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return html5.get(name + ";") or match.group(0)


def _lowered(text: str) -> str:
    """ASCII letters in lower case and nothing else changed, so that offsets stay; in windows."""
    return "".join([text[i : i + _WINDOW].translate(_ASCII_LOWER) for i in range(0, len(text), _WINDOW)])


def _visible(html: str) -> list[str]:
    """The stretches of a document outside comments, scripts and styles. An unclosed one swallows the
    rest, as in a browser; so each search goes only forward."""
    lower = html.lower() if html.isascii() else _lowered(html)
    next_at = {opening: lower.find(opening) for opening in _HIDDEN}
    pieces: list[str] = []
    start = 0
    while True:
        for opening, at in next_at.items():
            if 0 <= at < start:
                next_at[opening] = lower.find(opening, start)
        coming = [(at, opening) for opening, at in next_at.items() if at >= 0]
        if not coming:
            pieces.append(html[start:])
            return pieces
        at, opening = min(coming)
        behind = at + len(opening)
        if opening != "<!--" and lower[behind : behind + 1].isalnum():  # <stylesheet>
            pieces.append(html[start:behind])
            start = behind
            continue
        pieces.append(html[start:at])
        closing = _HIDDEN[opening]
        # "<!-->" is a whole comment; a closing tag is left for the removal of tags
        end = lower.find(closing, at + 2 if opening == "<!--" else behind)
        if end < 0:
            return pieces
        start = end + 3 if opening == "<!--" else end


_ASCII_LOWER: Final = {c: c + 32 for c in range(65, 91)}


def from_html(html: str) -> str:
    """The text a reader of an HTML document sees, roughly; linear in its length."""
    pieces: list[str] = []
    for stretch in _visible(html):
        start, end = 0, len(stretch)
        while start < end:
            stop = start + _WINDOW
            if stop < end:  # cut before a tag, or failing that at a space
                cut = stretch.rfind("<", start + 1, stop)
                if cut < 0:
                    cut = stretch.rfind(" ", start + 1, stop)
                stop = cut if cut > 0 else stop
            piece = stretch[start:stop]
            if "<" in piece:
                piece = _TAG.sub("", _BLOCK.sub("\n", piece))
            if "&" in piece:
                piece = _ENTITY.sub(_character, piece)
            pieces.append(piece)
            start = stop
    return "".join(pieces)
