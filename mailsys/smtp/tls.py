"""What a TLS connection says about itself."""

from __future__ import annotations

from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from OpenSSL.SSL import Error

_WEAK: Final = (hashes.MD5, hashes.SHA1)


def describe(connection: Any) -> str:
    """ "TLSv1.3 TLS_AES_256_GCM_SHA384", of a pyOpenSSL Connection after its handshake."""
    return f"{connection.get_protocol_version_name()} {connection.get_cipher_name() or ''}".strip()


def channel_binding(connection: Any) -> tuple[str, bytes] | None:
    """What ties an authentication exchange to this TLS connection, by the name of its type.

    "tls-exporter" (RFC 9266) on TLS 1.3; it would be unsafe on 1.2 without the extended master secret,
    which cannot be asked for here, so there "tls-server-end-point" (RFC 5929 §4.1). None when TLS
    gives neither.
    """
    try:
        if connection.get_protocol_version_name() == "TLSv1.3":
            return "tls-exporter", connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        certificate = connection.get_certificate(as_cryptography=True)
    except Error:
        return None
    if certificate is None or certificate.signature_hash_algorithm is None:
        return None
    algorithm = certificate.signature_hash_algorithm
    digest = hashes.Hash(hashes.SHA256() if isinstance(algorithm, _WEAK) else algorithm)
    digest.update(certificate.public_bytes(serialization.Encoding.DER))
    return "tls-server-end-point", digest.finalize()
