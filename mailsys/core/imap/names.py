"""Mailbox names between the wire and the store (RFC 9051 §5.1, RFC 3501 §5.1)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from mailsys.core.imap import utf7
from mailsys.core.imap.lexer import BadCommand

SEPARATOR: Final = "/"
MAX_OCTETS: Final = 1000  # of a whole path in UTF-8

# Controls, line separators and non-characters would let one name look like another
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def canonical(name: str) -> str:
    """NFC, with INBOX (alone or as first level) in capitals: it is case-insensitive (RFC 9051 §5.1)."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if name[:5].upper() == "INBOX" and (len(name) == 5 or name[5] == SEPARATOR):
        return "INBOX" + name[5:]
    return name


def decode(octets: bytes, *, utf8: bool) -> str:
    """The text of a mailbox name or pattern.

    Not `utf8`: modified UTF-7, or octets above 127 as UTF-8: clients of both kinds exist, and RFC 9051
    Appendix A asks servers of both revisions to take both. What is in ASCII and no modified UTF-7 is
    refused (RFC 3501 §5.1.3): its "&" would name another mailbox to each client.
    """
    if len(octets) > MAX_OCTETS:
        raise BadCommand("Mailbox name too long", code=b"LIMIT")
    try:
        if utf8:
            name = octets.decode("utf-8")
        else:
            name = utf7.decode(octets) if octets.isascii() else octets.decode("utf-8")
    except utf7.NotModifiedUtf7:
        raise BadCommand("Mailbox name is no modified UTF-7", code=b"CANNOT", status=b"NO") from None
    except UnicodeDecodeError:
        raise BadCommand("Mailbox name is neither modified UTF-7 nor UTF-8") from None
    if _FORBIDDEN.search(name):
        raise BadCommand("Mailbox name holds a forbidden character")
    return canonical(name)


def encode(name: str, *, utf8: bool) -> bytes:
    """The name's octets for the wire, not yet quoted (see `response.mailbox`)."""
    if utf8:
        return name.encode("utf-8", "replace")
    return utf7.encode(name)
