"""RFC 8474 object ids from the store's integers and back: MAILBOXID, EMAILID, THREADID.

A letter and the number: ids of different kinds never look alike, and JMAP can use the same ones
(RFC 8620 §1.2: no id begins with a digit by preference).
"""

from __future__ import annotations

import re

_ID = re.compile(r"[FMT](0|[1-9][0-9]{0,18})")


def mailbox_id(number: int) -> bytes:
    return b"F%d" % number


def email_id(number: int) -> bytes:
    return b"M%d" % number


def thread_id(number: int) -> bytes:
    return b"T%d" % number


def number(kind: str, text: str) -> int | None:
    """The integer behind an id of `kind` (its letter); None when it is not one of ours."""
    if not text.startswith(kind) or not _ID.fullmatch(text):
        return None
    return int(text[1:])
