"""What conversations are made of: message ids and base subjects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mailsys.core.message.header import MAX_VALUE
from mailsys.core.message.text import nfc

MAX_REFERENCES: Final = 100

# An id of 995 octets makes a line of 998 with its brackets (RFC 5322 §2.1.1).
_ID: Final = re.compile(rb"<([^<>\s\x00-\x1f\x7f]{1,995})>")


def message_id(value: bytes) -> str | None:
    """The first message id in a field value, with its angle brackets; None when there is none."""
    m = _ID.search(value[:MAX_VALUE])
    return None if m is None else m.group().decode("utf-8", "replace")


def references(values: Iterable[bytes]) -> tuple[str, ...]:
    """All message ids of the given field values, first mention first, the last 100 of them."""
    found: dict[str, None] = {}
    for value in values:
        # Of a long References the end is what matters: the nearest ancestors (RFC 5322 §3.6.4).
        for m in _ID.finditer(value[-MAX_VALUE:]):
            found[m.group().decode("utf-8", "replace")] = None
    return tuple(found)[-MAX_REFERENCES:]


# RFC 5256 §2.1 with the reply and forward prefixes that other languages' mail programs write.
_PREFIX: Final = re.compile(
    r"(?:re|fwd?|aw|antw|wg|sv|vs|vb|fs|ref|rif|res|enc|tr|odp|pd|ynt|ilt|r|i|rv|回复|转发|答复|返信)"
    r"(?:\[[0-9]{1,4}\]|\([0-9]{1,4}\)|\^[0-9]{1,4})?[ ]?(?:\[[^\[\]]{0,200}\] ?)?[:：] ?",
    re.I,
)
_BLOB: Final = re.compile(r"\[[^\[\]]*\] ?")
_TRAILER: Final = " (fwd)"
_MAX: Final = 1000


def base_subject(subject: str) -> tuple[str, bool]:
    """The case-folded subject without replies' and forwards' marks and list labels, and whether there
    were any marks of a reply or forward."""
    text = " ".join(subject[:_MAX].split())
    reply = False
    start = 0
    while True:
        while text.endswith(_TRAILER) or text[-len(_TRAILER) :].lower() == _TRAILER:
            text = text[: -len(_TRAILER)].rstrip()
            reply = True
        while True:
            m = _PREFIX.match(text, start)
            if m is not None:
                start = m.end()
                reply = True
                continue
            m = _BLOB.match(text, start)
            if m is None or m.end() >= len(text):  # a label that is all there is stays
                break
            start = m.end()
        if text.startswith("[fwd:", start) or text[start : start + 5].lower() == "[fwd:":
            if not text.endswith("]"):
                break
            text, start = text[start + 5 : -1].strip(), 0
            reply = True
            continue
        break
    return nfc(text[start:].strip().casefold()), reply
