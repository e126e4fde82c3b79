"""SASLprep (RFC 4013): one form for user names and passwords, however they were typed.

Source: RFC 4013 as a profile of stringprep (RFC 3454), tables by the standard library.
"""

from __future__ import annotations

import stringprep
import unicodedata
from typing import Final

LONGEST: Final = 1024  # characters given; longer ones are refused before any work

_PROHIBITED: Final = (  # RFC 4013 §2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, *, allow_unassigned: bool = True) -> str:
    """The prepared form of `text`. ValueError when it is prohibited, or longer than LONGEST.

    `allow_unassigned`: accept code points that Unicode 3.2 did not know (a "query" of RFC 3454 §7);
    without it today's emoji would be no password.
    """
    if len(text) > LONGEST:
        raise ValueError("too long")
    if text.isascii() and text.isprintable():
        return text  # the usual case: nothing to map, nothing prohibited
    mapped = "".join(  # RFC 4013 §2.1
        " " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c)
    )
    prepared = unicodedata.normalize("NFKC", mapped)  # RFC 4013 §2.2
    for c in prepared:
        if any(prohibited(c) for prohibited in _PROHIBITED):
            raise ValueError("prohibited character")
        if not allow_unassigned and stringprep.in_table_a1(c):
            raise ValueError("unassigned character")
    if any(stringprep.in_table_d1(c) for c in prepared):  # RFC 3454 §6
        if any(stringprep.in_table_d2(c) for c in prepared):
            raise ValueError("mixed writing directions")
        if not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])):
            raise ValueError("right-to-left text must begin and end so")
    return prepared


def prepare_password(password: str) -> bytes:
    """The octets of a password that hashes are taken of.

    What SASLprep prohibits is hashed as it was typed: a person may have such a password, and only
    has to type the same again. ValueError when empty or too long.
    """
    if not password or len(password) > LONGEST:
        raise ValueError("empty or too long")
    try:
        prepared = saslprep(password)
    except ValueError:
        prepared = password
    if not prepared:
        prepared = password
    return prepared.encode("utf-8", "surrogatepass")
