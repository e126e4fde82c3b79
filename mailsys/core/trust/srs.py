"""The sender rewriting scheme: forwarded mail leaves with a sender of ours, so that SPF holds at the next
server, and what bounces finds its way back.

    SRS0=hash=day=their.example=alice@ours.example      first to forward
    SRS1=hash=first.example==rest@ours.example          forwards what somebody rewrote before

The hash is ours alone, so nobody can make such an address and have us carry mail to whom he likes. Everything
is told apart without regard to case: servers on the way change it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

MAX_AGE: Final = 21  # days for which a bounce may take
LONGEST: Final = 254  # octets of an address (RFC 5321 §4.5.3.1.3)
_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_DAYS: Final = len(_DIGITS) ** 2  # after which the day's two digits begin again
_HASH: Final = 8  # characters: 40 bits, for which each guess takes a RCPT

_OURS = re.compile(r"srs0[=+-]([a-z2-7]{8})=([a-z2-7]{2})=([^=@]+)=(.+)", re.IGNORECASE | re.DOTALL)
_FIRST = re.compile(r"srs1[=+-]([a-z2-7]{8})=([^=@]+)=([=+-].+)", re.IGNORECASE | re.DOTALL)
_OTHERS = re.compile(r"srs1[=+-][^=@]+=([^=@]+)=([=+-].+)", re.IGNORECASE | re.DOTALL)
_REWRITTEN = re.compile(r"srs[01][=+-]", re.IGNORECASE)


class BadSrs(ValueError):
    """Not an address that we made, or one from too long ago."""


def is_rewritten(address: str) -> bool:
    """Whether it looks like one, be it ours or not."""
    return _REWRITTEN.match(address) is not None


@dataclass(frozen=True, slots=True)
class Rewriting:
    """key: secret. domain: of ours, where bounces come to."""

    key: bytes
    domain: str

    def forward(self, sender: str, day: int) -> str:
        """The sender that a forward of mail from `sender` carries. day: since 1970. As it is where the result
        would be no address any more, or `sender` is none that could be answered ("" is not)."""
        local, at, domain = sender.rpartition("@")
        if not at or not local or not sender.isascii() or "=" in domain or local.startswith('"'):
            return sender
        if local.lower()[:4] == "srs0" and is_rewritten(local):
            made = self._first(domain, local[4:])
        elif found := _OTHERS.fullmatch(local):
            made = self._first(found[1], found[2])
        else:
            stamp = _DIGITS[day % _DAYS // len(_DIGITS)] + _DIGITS[day % len(_DIGITS)]
            made = f"SRS0={self._hash(stamp, domain, local)}={stamp}={domain}={local}"
        result = f"{made}@{self.domain}"
        return result if len(result) <= LONGEST else sender

    def back(self, address: str, day: int) -> str:
        """Whom a bounce to that address of ours is for. Raises BadSrs."""
        local = address.rpartition("@")[0]
        if found := _OURS.fullmatch(local):
            hashed, stamp, domain, rest = found.groups()
            if not hmac.compare_digest(hashed.lower(), self._hash(stamp, domain, rest)):
                raise BadSrs("its hash is not ours")
            high, low = (_DIGITS.index(digit) for digit in stamp.lower())
            if (day - high * len(_DIGITS) - low) % _DAYS > MAX_AGE:
                raise BadSrs("it is too old")
            return f"{rest}@{domain}"
        if found := _FIRST.fullmatch(local):
            hashed, domain, rest = found.groups()
            if not hmac.compare_digest(hashed.lower(), self._hash(domain, rest)):
                raise BadSrs("its hash is not ours")
            return f"SRS0{rest}@{domain}"
        raise BadSrs("it is not of our making")

    def _first(self, domain: str, rest: str) -> str:
        return f"SRS1={self._hash(domain, rest)}={domain}={rest}"

    def _hash(self, *parts: str) -> str:
        text = "=".join(parts).lower().encode()
        digest = hmac.digest(self.key, text, hashlib.sha256)
        return base64.b32encode(digest)[:_HASH].decode().lower()
