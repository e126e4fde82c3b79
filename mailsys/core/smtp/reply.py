"""SMTP replies: a code, an enhanced status code and words (RFC 5321 §4.2, RFC 2034, RFC 3463)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mailsys.core.refusal import Refusal

LINE_OCTETS: Final = 512  # RFC 5321 §4.5.3.1.5: a reply line, code and CRLF included

_UNPRINTABLE: Final = re.compile(r"[^ -~]+")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `enhanced` is "" where RFC 2034 §4 has none (greeting, EHLO, 334, 354).

    `text` may hold several lines, parted by newlines.
    """

    code: int
    enhanced: str
    text: str

    @property
    def positive(self) -> bool:
        return self.code < 400

    @property
    def temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    def render(self, utf8: bool = False) -> bytes:
        """As it goes on the wire: every line within 512 octets, nothing but printable ASCII
        (with `utf8`, after SMTPUTF8 was asked for, RFC 6531 §3.7.4.2: UTF-8 without controls)."""
        lines = self.text.split("\n") if "\n" in self.text else [self.text]
        mark = f" {self.enhanced} " if self.enhanced else " "
        last = len(lines) - 1
        out = []
        for number, line in enumerate(lines):
            clean = _CONTROLS.sub("?", line) if utf8 else _UNPRINTABLE.sub("?", line)
            joint = mark if number == last else "-" + mark[1:]
            head = f"{self.code}{joint}".encode("ascii")
            body = clean.encode("utf-8", "replace")[: LINE_OCTETS - 2 - len(head)]
            if utf8:
                body = body.decode("utf-8", "ignore").encode("utf-8")  # a cut character goes whole
            out.append(head + body + b"\r\n")
        return b"".join(out)


def refused(refusal: Refusal) -> Reply:
    """The reply that a refusal stands for. Its private cause is not in it."""
    code, enhanced = refusal.smtp
    return Reply(code, enhanced, refusal.text)
