"""Public keys of those who signed, from the DNS (RFC 6376 §3.6.2), loaded by `cryptography`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from mailsys.core.trust.evidence import Signed
from mailsys.core.trust.signing_key import MAX_RECORD, KeyRecord, parse_key
from mailsys.ports.resolver import ResolverError
from mailsys.services.trust.lookups import Lookups

REMEMBERED: Final = 1000  # loaded keys
RECORDS_AT_MOST: Final = 4  # looked at under one name; there should be one
SHORTEST: Final = 1024  # bits of an RSA key that is believed (RFC 8301 §3.2)
LONGEST: Final = 8192  # beyond, one check takes milliseconds
_EXPONENT_AT_MOST: Final = 1 << 32  # the same

Verify = Callable[[bytes, bytes], None]  # SHA-256 digest, signature; raises InvalidSignature


@dataclass(frozen=True, slots=True)
class Key:
    record: KeyRecord
    verify: Verify
    bits: int  # 0 but for RSA

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        try:
            self.verify(signature, digest)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class NoKey:
    result: Signed
    cause: str


class Keys:
    """Remembers loaded keys by the text of their records; whether they are still published is asked each
    time (and answered from the resolver's cache)."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Key | NoKey | None] = OrderedDict()

    async def fetch(self, lookups: Lookups, selector: str, domain: str) -> Key | NoKey:
        name = f"{selector}._domainkey.{domain}"
        try:
            answer = await lookups.ask(name, "TXT")
        except ResolverError as error:
            return NoKey(Signed.TEMPERROR, f"the key could not be looked up: {error}")
        records = [text for text in answer.records if isinstance(text, bytes) and len(text) <= MAX_RECORD]
        if not records:
            return NoKey(Signed.PERMERROR, "no such key is published")
        for text in records[:RECORDS_AT_MOST]:
            key = self._key(text)
            if key is not None:
                return key
        return NoKey(Signed.PERMERROR, "the key's record cannot be read")

    def _key(self, text: bytes) -> Key | NoKey | None:
        if text in self._known:
            self._known.move_to_end(text)
        else:
            self._known[text] = _key(text)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[text]


def _key(text: bytes) -> Key | NoKey | None:
    record = parse_key(text)
    if record is None:
        return None
    if not record.public:
        return NoKey(Signed.PERMERROR, "the key was revoked")
    if not record.email:
        return NoKey(Signed.PERMERROR, "the key is not for mail")
    loaded = _loaded(record)
    if isinstance(loaded, str):
        return NoKey(Signed.PERMERROR, loaded)
    return Key(record, *loaded)


_PREHASHED: Final = Prehashed(hashes.SHA256())


def _loaded(record: KeyRecord) -> tuple[Verify, int] | str:
    try:
        if record.kind == "ed25519":
            # RFC 8463 §3: PureEdDSA over the SHA-256 digest
            return ed25519.Ed25519PublicKey.from_public_bytes(record.public).verify, 0
        if record.kind != "rsa":
            return "the key is of an unknown kind"
        key = serialization.load_der_public_key(record.public)
    except (ValueError, UnsupportedAlgorithm):
        return "the key cannot be read"
    if not isinstance(key, rsa.RSAPublicKey):
        return "the key is not what its record says"
    if key.key_size > LONGEST or key.public_numbers().e > _EXPONENT_AT_MOST:
        return "the key is too large"
    return partial(_verify_rsa, key), key.key_size


def _verify_rsa(key: rsa.RSAPublicKey, signature: bytes, digest: bytes) -> None:
    key.verify(signature, digest, padding.PKCS1v15(), _PREHASHED)
