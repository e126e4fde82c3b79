"""A certificate authority of the day, and servers that it vouches for.

ca = Authority()
peer = SmtpPeer(reactor, tls=ca.server("mx.y.example").context)
Dialer(reactor, ..., trust=ca.trusted)
"""

import datetime
import warnings
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.ssl import Certificate, CertificateOptions


@dataclass(frozen=True)
class Served:
    """context: a context factory for servers, which send the authority's certificate along."""

    certificate: x509.Certificate
    context: Any


class Authority:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the day")])
        self.certificate = self._signed(self._name, self._key.public_key(), [], True)
        self.trusted = Certificate(_native(self.certificate))  # for clients

    def server(self, *names: str) -> Served:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = self._signed(subject, key.public_key(), names, False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Twisted wants pyOpenSSL's types still
            from OpenSSL import crypto

            context = CertificateOptions(
                privateKey=crypto.PKey.from_cryptography_key(key),
                certificate=_native(certificate),
                extraCertChain=[_native(self.certificate)],
            )
            context.getContext()
        return Served(certificate, context)

    def _signed(self, subject: x509.Name, key: Any, names: Any, authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=10))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            entries = [x509.DNSName(name) for name in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(entries), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _native(certificate: x509.Certificate) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from OpenSSL import crypto

        return crypto.X509.from_cryptography(certificate)


__all__ = ["Authority", "Served"]
