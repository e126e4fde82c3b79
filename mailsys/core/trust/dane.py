"""DANE for SMTP (RFC 7672): which certificates the TLSA records of a mail server allow (RFC 6698, 7671)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAX_RECORDS: Final = 50  # of one name that are looked at
MAX_CHAIN: Final = 20  # certificates of one server that are looked at


class Usage(IntEnum):
    """RFC 7218 §2.1. Of the four, SMTP uses these two (RFC 7672 §3.1.3)."""

    DANE_TA = 2  # an authority that the chain leads to
    DANE_EE = 3  # the server's own certificate or key


@dataclass(frozen=True, slots=True)
class Tlsa:
    usage: int
    selector: int  # 0: the whole certificate, 1: its public key
    matching: int  # 0: the octets themselves, 1: SHA-256, 2: SHA-512
    data: bytes

    @property
    def usable(self) -> bool:
        """Whether a mail server can be proved by it (RFC 7672 §3.1): usages 0 and 1 are for others, and what
        has an unknown selector, an unknown digest or one of the wrong length matches nothing ever."""
        if self.usage not in (Usage.DANE_TA, Usage.DANE_EE) or self.selector not in (0, 1):
            return False
        length = {0: len(self.data) or -1, 1: 32, 2: 64}.get(self.matching)
        return length == len(self.data)


@dataclass(frozen=True, slots=True)
class ChainCertificate:
    """Both in DER."""

    certificate: bytes
    public_key: bytes  # SubjectPublicKeyInfo


@dataclass(frozen=True, slots=True)
class Anchors:
    """What of a chain TLSA records name. `own`: the server's certificate or key itself, which is all that is
    asked for (RFC 7672 §3.1.1: no name, no date). `authorities`: places in the chain of certificates that it
    has to be verified up to, with its name and dates (§3.1.2)."""

    own: bool
    authorities: tuple[int, ...]


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    return tuple(record for record in records[:MAX_RECORDS] if record.usable)


def match(records: Sequence[Tlsa], chain: Sequence[ChainCertificate]) -> Anchors:
    """`chain`: as the server sent it, its own certificate first. An authority has to be sent along
    (RFC 7672 §3.1.2); where the server's own certificate is its authority too, that is place 0."""
    some = chain[:MAX_CHAIN]
    own = bool(some) and any(_names(r, some[0]) for r in records if r.usable and r.usage == Usage.DANE_EE)
    authorities = [
        place
        for place, certificate in enumerate(some)
        if any(_names(r, certificate) for r in records if r.usable and r.usage == Usage.DANE_TA)
    ]
    return Anchors(own, tuple(authorities))


def _names(record: Tlsa, certificate: ChainCertificate) -> bool:
    octets = certificate.public_key if record.selector else certificate.certificate
    if record.matching == 1:
        octets = hashlib.sha256(octets).digest()
    elif record.matching == 2:
        octets = hashlib.sha512(octets).digest()
    return hmac.compare_digest(octets, record.data)
