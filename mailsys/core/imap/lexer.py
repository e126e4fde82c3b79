"""One complete command as bytes, read from left to right (RFC 9051 §9, RFC 3501 §9).

`Lexer(data)` holds a whole command: its line(s), literals inline after their `{n}` CRLF, the last
CRLF included. Each method reads one construct at the cursor and moves past it, or raises
`BadCommand`, the only exception that parsing ever raises. Nothing is read twice.

It has no states: the grammar of IMAP is read by recursive descent, and where the cursor stands is all there
is to know. Which construct may stand there is known by the caller (`parse` and its neighbours), who asks for
it by name; the lexer does not guess. What is optional is looked at first (`starts`, `accept`): the cursor
moves only over what was found. The end of the command is asked for too (`end`): what is left over is an
error, so no octet goes unread. Bounds on the size of the whole are the receiver's, those on counts and depth
are checked where the construct is read.
"""

from __future__ import annotations

import re
from typing import Final

MAX_NUMBER64: Final = 2**63 - 1

# RFC 9051 §9: atom-specials are ( ) { SP CTL list-wildcards quoted-specials resp-specials
_ATOM = re.compile(rb'[^(){ \x00-\x1f\x7f-\xff%*"\\\]]+')
# ASTRING-CHAR = ATOM-CHAR / resp-specials
_ASTRING = re.compile(rb'[^(){ \x00-\x1f\x7f-\xff%*"\\]+')
# 8-bit octets in bare words are not in the grammar, but mailbox names are sent so (see `names`)
_ASTRING8 = re.compile(rb'[^(){ \x00-\x1f\x7f%*"\\]+')
# list-char = ATOM-CHAR / list-wildcards / resp-specials
_LIST_WORD = re.compile(rb'[^(){ \x00-\x1f\x7f"\\]+')
_QUOTED = re.compile(rb'"([^"\\\r\n\x00]*(?:\\["\\][^"\\\r\n\x00]*)*)"')
_LITERAL = re.compile(rb"\{([0-9]{1,20})\+?\}\r\n")
_LITERAL8 = re.compile(rb"~\{([0-9]{1,20})\+?\}\r\n")
_NUMBER = re.compile(rb"[0-9]{1,20}")
_TAG = re.compile(rb'[^+(){ \x00-\x1f\x7f-\xff%*"\\]{1,256}')
_FLAG = re.compile(rb'\\?[^(){ \x00-\x1f\x7f-\xff%*"\\\]]{1,255}')
_UNESCAPE = re.compile(rb"\\(.)")


class BadCommand(Exception):
    """The command breaks the grammar or a bound; `text` may go on the wire.

    `status` is BAD, or NO where the standard says so (BADCHARSET); `code` is the response code
    without brackets; `tag` is set once the tag itself was readable.
    """

    def __init__(self, text: str, *, code: bytes = b"", status: bytes = b"BAD") -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.status = status
        self.tag: bytes | None = None


class Lexer:
    """A cursor over one complete command. `utf8`: ENABLE IMAP4rev2 was given, names are UTF-8."""

    __slots__ = ("data", "pos", "utf8")

    def __init__(self, data: bytes, *, utf8: bool = False) -> None:
        self.data = data
        self.pos = 0
        self.utf8 = utf8

    # -- punctuation -----------------------------------------------------------------------------

    def peek(self) -> bytes:
        """The octet at the cursor, b"" at the very end."""
        return self.data[self.pos : self.pos + 1]

    def starts(self, text: bytes) -> bool:
        return self.data.startswith(text, self.pos)

    def accept(self, text: bytes) -> bool:
        """Move past `text` if it is next (case matters: for punctuation)."""
        if self.data.startswith(text, self.pos):
            self.pos += len(text)
            return True
        return False

    def expect(self, text: bytes) -> None:
        if not self.accept(text):
            raise self.bad(f"Expected {text.decode()!r}")

    def space(self) -> None:
        """Exactly one space."""
        if not self.accept(b" "):
            raise self.bad("Expected a space" if not self.at_end() else "Argument missing")

    def at_end(self) -> bool:
        return self.data.startswith(b"\r\n", self.pos) and self.pos + 2 == len(self.data)

    def end(self) -> None:
        """Nothing may follow. A trailing space, which some clients send, is passed over."""
        self.accept(b" ")
        if not self.at_end():
            raise self.bad("Unexpected text at the end of the command")

    def bad(self, text: str) -> BadCommand:
        return BadCommand(text)

    # -- words -----------------------------------------------------------------------------------

    def _word(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        found = pattern.match(self.data, self.pos)
        if found is None:
            raise self.bad(f"{what} expected")
        self.pos = found.end()
        return found.group()

    def tag(self) -> bytes:
        return self._word(_TAG, "Tag")

    def atom(self) -> bytes:
        """An atom, upper-cased: all our atoms are case-insensitive."""
        return self._word(_ATOM, "Atom").upper()

    def atom_as_written(self) -> bytes:
        return self._word(_ATOM, "Atom")

    def keyword(self, *words: bytes) -> bytes:
        """An atom out of `words` (upper case)."""
        word = self.atom()
        if word not in words:
            raise self.bad(f"{word[:40].decode()} is not known here")
        return word

    def maybe_word(self, word: bytes) -> bool:
        """Move past `word` (upper case) if the next atom is just that."""
        found = _ATOM.match(self.data, self.pos)
        if found is None or found.group().upper() != word:
            return False
        self.pos = found.end()
        return True

    def flag(self) -> bytes:
        return self._word(_FLAG, "Flag")

    def number(self, *, least: int = 0, most: int = 2**32 - 1) -> int:
        value = int(self._word(_NUMBER, "Number"))
        if not least <= value <= most:
            raise self.bad("Number out of range")
        return value

    # -- strings ---------------------------------------------------------------------------------

    def string(self) -> bytes:
        """A quoted string or a literal, as octets."""
        if self.starts(b'"'):
            found = _QUOTED.match(self.data, self.pos)
            if found is None:
                raise self.bad("Malformed quoted string")
            self.pos = found.end()
            text = found.group(1)
            # RFC 9051 §9: QUOTED-CHAR includes UTF-8; who uses the string checks that it is such
            return _UNESCAPE.sub(rb"\1", text) if b"\\" in text else text
        return self._literal(_LITERAL)

    def _literal(self, pattern: re.Pattern[bytes]) -> bytes:
        found = pattern.match(self.data, self.pos)
        if found is None:
            raise self.bad("String expected")
        start, size = found.end(), int(found.group(1))
        if start + size > len(self.data) - 2:
            raise self.bad("Literal runs past the end of the command")
        self.pos = start + size
        data = self.data[start : self.pos]
        if b"\0" in data:  # RFC 9051 §9: CHAR8 excludes NUL
            raise self.bad("NUL is not allowed in a string")
        return data

    def literal_header(self) -> tuple[int, bool]:
        """`{n}` or `~{n}` with CRLF at the very end: (octets announced, is literal8)."""
        binary = self.starts(b"~")
        found = (_LITERAL8 if binary else _LITERAL).match(self.data, self.pos)
        if found is None or found.end() != len(self.data):
            raise self.bad("Message literal expected")
        self.pos = found.end()
        return int(found.group(1)), binary

    def astring(self) -> bytes:
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._word(_ASTRING, "String")

    def astring8(self) -> bytes:
        """An astring whose bare form may hold 8-bit octets (mailbox names of lenient clients)."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._word(_ASTRING8, "Mailbox name")

    def list_mailbox(self) -> bytes:
        """RFC 9051 §9: list-mailbox = 1*list-char / string."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._word(_LIST_WORD, "Mailbox pattern")

    def nstring(self) -> bytes | None:
        if self.peek() not in (b'"', b"{"):
            if self.maybe_word(b"NIL"):
                return None
            raise self.bad("String or NIL expected")
        return self.string()

    def text(self, *, charset: str = "utf-8") -> str:
        """An astring decoded; octets outside `charset` are a BadCommand."""
        try:
            return self.astring8().decode(charset)
        except UnicodeDecodeError:
            raise self.bad(f"String is not valid {charset.upper()}") from None
