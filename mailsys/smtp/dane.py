"""Whether a server's certificates are those that its TLSA records name (RFC 7672)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname

from mailsys.core.trust.dane import MAX_CHAIN, ChainCertificate, Tlsa, match

_UNFIT: Final = (VerificationError, CertificateError)


def mismatch(connection: SSL.Connection, records: Sequence[Tlsa], names: Sequence[str]) -> str:
    """Why not, once the handshake is over; "" when they are. names: those that a certificate below an
    authority may have (§3.1.2); one that is named itself may have any, and any dates (§3.1.1)."""
    sent = connection.get_peer_cert_chain(as_cryptography=True) or []
    chain = sent[:MAX_CHAIN]
    found = match(records, [_in_der(each) for each in chain])
    if found.own:
        return ""
    if not found.authorities:
        return "its certificate is not one that its TLSA records name"
    if not any(_has_name(connection, name) for name in names):
        return f"its certificate is for another name than {names[0]}"
    why = ""
    for place in found.authorities:
        why = _unverified(chain, place)
        if not why:
            return ""
    return why


def _in_der(certificate: x509.Certificate) -> ChainCertificate:
    return ChainCertificate(
        certificate.public_bytes(Encoding.DER),
        certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


def _has_name(connection: SSL.Connection, name: str) -> bool:
    try:
        verify_hostname(connection, name)
    except _UNFIT:
        return False
    return True


def _unverified(chain: Sequence[x509.Certificate], anchor: int) -> str:
    """Why the first of the chain does not lead to the one at `anchor`; "" when it does."""
    every = [crypto.X509.from_cryptography(each) for each in chain]
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)  # the authority may be below a root
    store.add_cert(every[anchor])
    try:
        crypto.X509StoreContext(store, every[0], every[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        return f"its certificate does not lead to the authority of its TLSA records: {error}"[:300]
    return ""
