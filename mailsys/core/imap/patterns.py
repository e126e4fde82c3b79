"""LIST patterns (RFC 9051 §6.3.9): `*` matches anything, `%` anything without the separator.

A pattern is run as an automaton whose states are the bits of one integer, so the time is the length
of the name times a small constant whatever the wildcards: no backtracking, no regular expression.

    pattern = compile_pattern(reference, text)      pattern.matches(name) -> bool
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mailsys.core.imap.names import SEPARATOR, canonical

_WILDCARDS: Final = "*%"


class Pattern:
    """One pattern, prepared. `text` is it with runs of wildcards joined."""

    __slots__ = ("_any", "_final", "_letters", "_level", "text")

    def __init__(self, text: str) -> None:
        joined: list[str] = []
        for char in canonical(text):
            if char in _WILDCARDS and joined and joined[-1] in _WILDCARDS:
                # "*%" and "%*" match what "*" does, "%%" what "%" does
                joined[-1] = "*" if "*" in (char, joined[-1]) else "%"
            else:
                joined.append(char)
        self.text = "".join(joined)
        self._letters: dict[str, int] = {}  # bit i: text[i] is this letter
        self._any = self._level = 0  # bit i: text[i] is * / %
        for at, char in enumerate(joined):
            bit = 1 << at
            if char == "*":
                self._any |= bit
            elif char == "%":
                self._level |= bit
            else:
                self._letters[char] = self._letters.get(char, 0) | bit
        self._final = 1 << len(joined)

    def matches(self, name: str) -> bool:
        """Whether it matches a whole (canonical) name; INBOX, also as the first level, in any case
        (RFC 9051 §5.1)."""
        if self.text == "*" or self._run(name):
            return True
        if name != "INBOX" and not name.startswith("INBOX" + SEPARATOR):
            return False
        at = len(self.text) if name == "INBOX" else 5  # letters up to here may stand for those of INBOX
        raised = self.text[:at].upper() + self.text[at:]
        return raised != self.text and _compiled(raised)._run(name)

    def _run(self, name: str) -> bool:
        letters = self._letters
        wild = self._any | self._level
        states = 1
        states |= (states & wild) << 1  # a wildcard may match nothing; no two are adjacent
        for char in name:
            stay = states & (self._any if char == SEPARATOR else wild)
            states = stay | (states & letters.get(char, 0)) << 1
            if not states:
                return False
            states |= (states & wild) << 1
        return bool(states & self._final)


@lru_cache(maxsize=256)
def _compiled(text: str) -> Pattern:
    return Pattern(text)


def compile_pattern(reference: str, text: str) -> Pattern:
    """The pattern that `text` means under `reference`: the two simply joined, as servers of this
    kind of name space do (RFC 9051 §6.3.9 leaves it to us)."""
    return _compiled(reference + text)


def matches_any(patterns: list[Pattern], name: str) -> bool:
    return any(pattern.matches(name) for pattern in patterns)
