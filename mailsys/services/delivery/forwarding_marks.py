"""Marks in the header of what was forwarded, by which it is known when it comes back."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Final

_MARK_FIELD: Final = "X-Mailsys-Forwarded"
_MARK: Final = re.compile(rb"^x-mailsys-forwarded: ([0-9a-f]{20})\r?$", re.I | re.M)


def _mark(address: str, hostname: str) -> str:
    return hashlib.blake2b(address.encode(), key=hostname.encode()[:64], digest_size=10).hexdigest()


def forwarded(address: str, hostname: str) -> bytes:
    """The field that marks a message as forwarded by `address` (canonical) of this system. A hash, so
    that readers of other copies of the message do not learn the address."""
    return f"{_MARK_FIELD}: {_mark(address, hostname)}\r\n".encode()


def marks(header: bytes) -> Counter[bytes]:
    """The marks of a header block, and how often each stands there."""
    return Counter(_MARK.findall(header)) if b"orwarded:" in header else Counter()


def times_marked(found: Counter[bytes], address: str, hostname: str) -> int:
    """How often `address` of this system is among the marks. After our own mark was put in front,
    more than one says that the message came back."""
    return found[_mark(address, hostname).encode()]
