"""Who pushes (VAPID, RFC 8292): a token for the push service, signed by a key that clients were told
(RFC 9749 §3) and bound their subscriptions to."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VAPID: Final = "urn:ietf:params:jmap:webpush-vapid"
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_GOOD_FOR: Final = 12 * 3600  # seconds; RFC 8292 §2 allows a day
_AGAIN_AFTER: Final = 6 * 3600.0  # seconds that a token is used
_KEPT: Final = 100  # tokens: there are few push services
_HEADER: Final = msgspec.json.encode({"typ": "JWT", "alg": "ES256"})

_encode = msgspec.json.Encoder().encode


class Vapid:
    """`secret`: the key is made from it, so all processes of a system have the same one, also after a
    restart. `contact`: an address where the push service reaches who runs this (RFC 8292 §2.1)."""

    def __init__(self, secret: bytes, contact: str, now: Callable[[], float]) -> None:
        # 48 octets: what a remainder prefers of 32 more than the order is no more to be seen
        seed = HKDF(hashes.SHA256(), 48, None, b"mailsys web push key").derive(secret)
        number = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
        self._key = ec.derive_private_key(number, ec.SECP256R1())
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = _base64(point)
        self._contact = f"mailto:{contact}"
        self._now = now
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()  # origin -> token, made at

    def capability(self, _: str = "") -> dict[str, Any]:
        """RFC 9749 §3."""
        return {"applicationServerKey": self.public}

    def authorization(self, url: str) -> str:
        """The Authorization field for a push to `url` (RFC 8292 §3)."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        now = self._now()
        token, made = self._tokens.get(origin, ("", 0.0))
        if not 0 <= now - made < _AGAIN_AFTER or not token:
            token = self._token(origin, now)
            self._tokens[origin] = (token, now)
            self._tokens.move_to_end(origin)
            if len(self._tokens) > _KEPT:
                self._tokens.popitem(last=False)
        return f"vapid t={token}, k={self.public}"

    def _token(self, origin: str, now: float) -> str:
        claims = _encode({"aud": origin, "exp": int(now) + _GOOD_FOR, "sub": self._contact})
        signed = f"{_base64(_HEADER)}.{_base64(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode("ascii"), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"  # RFC 7518 §3.4


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
