"""Message encryption for web push (RFC 8291) in the aes128gcm content coding (RFC 8188)."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_RECORD: Final = 4096  # RFC 8291 §4: the only record is shorter than this
LARGEST: Final = 3993  # octets that fit into one record


@dataclass(frozen=True, slots=True)
class PushKeys:
    """What a user agent made for its subscription."""

    public: ec.EllipticCurvePublicKey
    public_octets: bytes  # uncompressed point
    secret: bytes  # 16 octets


def read_keys(p256dh: str, auth: str) -> PushKeys:
    """Raises ValueError for keys that are none."""
    point, secret = _decode(p256dh), _decode(auth)
    if len(secret) != 16:
        raise ValueError("auth must be 16 octets")
    if len(point) != 65 or point[0] != 4:
        raise ValueError("p256dh must be an uncompressed point")
    return PushKeys(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), point, secret)


def _decode(text: str) -> bytes:
    """URL-safe base64, padded or not."""
    if not text.isascii() or len(text) > 256:
        raise ValueError("not URL-safe base64")
    return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def encrypt(
    content: bytes,
    keys: PushKeys,
    random_bytes: Callable[[int], bytes],
    private: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The whole body: header and one record. `private` is given by tests only. ValueError when `content`
    is too long."""
    if len(content) > LARGEST:
        raise ValueError("too long for one push message")
    private = private or ec.generate_private_key(ec.SECP256R1())
    ours = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    salt = random_bytes(16)
    shared = private.exchange(ec.ECDH(), keys.public)
    # RFC 8291 §3.4
    ikm = _hkdf(keys.secret, shared, b"WebPush: info\0" + keys.public_octets + ours, 32)
    key = _hkdf(salt, ikm, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(salt, ikm, b"Content-Encoding: nonce\0", 12)
    record = AESGCM(key).encrypt(nonce, content + b"\x02", None)  # RFC 8188 §2: the last record
    return salt + struct.pack("!LB", _RECORD, len(ours)) + ours + record


def _hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)
