"""The keys that sign zones: ECDSA P-256 (RFC 6605), sealed at rest."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailsys.core.dns.dnssec import SigningKey, dnskey
from mailsys.ports.zones import IZoneStore, StoredZone, ZoneKey
from mailsys.services.access.at_rest import AtRest


def make_key(zone: str, at_rest: AtRest, now: float) -> ZoneKey:
    private = ec.generate_private_key(ec.SECP256R1())
    octets = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    sealed = at_rest.hide(b64encode(octets).decode("ascii"), _whose(zone))
    return ZoneKey(dnskey(point[1:]), sealed.encode("ascii"), now)


def load_key(zone: str, key: ZoneKey, at_rest: AtRest) -> SigningKey:
    """Raises at_rest.Unreadable."""
    octets = b64decode(at_rest.show(key.private.decode("ascii"), _whose(zone)))
    private = serialization.load_der_private_key(octets, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError(f"a key of another kind: {zone}")
    algorithm = ec.ECDSA(hashes.SHA256())

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, algorithm))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return SigningKey(key.public, sign)


async def reseal(zones: IZoneStore, change: Callable[[str, str], str]) -> int:
    """The keys of all zones, sealed anew (`services.access.resealing`); how many."""
    count = 0
    for name, _ in await zones.zones():
        zone: StoredZone | None = await zones.zone(name)
        if zone is None or not zone.keys:
            continue
        keys = [
            replace(each, private=change(each.private.decode("ascii"), _whose(name)).encode("ascii"))
            for each in zone.keys
        ]
        await zones.keep_keys(name, keys)
        count += len(keys)
    return count


def _whose(zone: str) -> str:
    return f"signing key of zone {zone}"
