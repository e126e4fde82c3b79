"""The server's TLS certificate: read, checked, held, and read again while sessions run.

New sessions use what was read last; those under way keep what they began with.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import pwd
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailsys.log import Log

log = Log("tls")

PrivateKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)

# RFC 9325 §4.2: forward secrecy and AEAD only, for TLS 1.2; TLS 1.3's own suites are all fine.
_CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_RELEASE_BUFFERS: Final = 0x10  # SSL_MODE_RELEASE_BUFFERS: an idle session gives back ~34 KiB
_SOON: Final = datetime.timedelta(days=14)  # renewals come 30 days before the end: one has failed
_LARGEST: Final = 1024 * 1024  # octets of a PEM file worth reading


class CertificateError(Exception):
    """The certificate or key cannot be used; the text names the file and says why."""


class LoadedCertificate:
    """A certificate chain and key that fit together, and when they end."""

    def __init__(self, certificate: Path, key: Path) -> None:
        chain, private = _read_chain(certificate), _read_key(key)
        self.not_after = chain[0].not_valid_after_utc
        self.not_before = chain[0].not_valid_before_utc
        self.names = _names(chain[0])
        self.public_key = _digest(chain[0])
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(_CIPHERS)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_mode(_RELEASE_BUFFERS)
        context.set_session_id(b"mailsys")
        try:
            context.use_certificate(chain[0])
            for issuer in chain[1:]:
                context.add_extra_chain_cert(issuer)
            context.use_privatekey(private)
            context.check_privatekey()
        except (SSL.Error, crypto.Error, TypeError) as problem:
            raise CertificateError(f"{key} is not the key of {certificate}: {problem}") from None
        self.context = context

    def expired(self, now: datetime.datetime) -> bool:
        return not self.not_before <= now <= self.not_after


def _digest(certificate: x509.Certificate) -> str:
    """SHA-256 of the public key, in hex, as TLSA records have it (RFC 6698 §2.1: selector 1, matching 1)."""
    info = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(info).hexdigest()


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """What every TLS session of ours starts from: hand it to `startTLS` and `TLSMemoryBIOFactory`."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read the files. Raises CertificateError: without a usable pair the server does not start.

        An expired certificate is usable: most senders take it, and refusing to start would stop all
        mail. It is logged as an error, at start and at each reload.
        """
        self._certificate, self._key = certificate, key
        self.current = LoadedCertificate(certificate, key)
        self._complain()

    def reload(self) -> bool:
        """Read the files again. A pair that cannot be used, or has expired while the present one has
        not, is refused with an error in the log, and the present one stays."""
        now = datetime.datetime.now(datetime.UTC)
        try:
            new = LoadedCertificate(self._certificate, self._key)
        except CertificateError as problem:
            log.error("certificate not reloaded", why=str(problem))
            return False
        if new.expired(now) and not self.current.expired(now):
            log.error("certificate not reloaded", why=f"{self._certificate} expired on {new.not_after}")
            return False
        self.current = new
        log.info("certificate reloaded", names=", ".join(new.names), until=new.not_after.isoformat())
        self._complain()
        return True

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N802, N803
        return SSL.Connection(self.current.context, None)

    def complaints(self) -> list[str]:
        """What an operator should know of the present one."""
        return self.unreadable() + self._ends()

    def unreadable(self) -> list[str]:
        """What we may not read, now that we are who we stay: it was read as root, and a renewed one will not
        be taken at SIGHUP."""
        return [
            f"certificate: {path} cannot be read by user {_user()}, so a renewed one will not be taken; "
            f"make it readable: chown {_user()} {path}"
            for path in (self._certificate, self._key)
            if not os.access(path, os.R_OK)
        ]

    def _ends(self) -> list[str]:
        now, end = datetime.datetime.now(datetime.UTC), self.current.not_after
        if self.current.expired(now):
            return [f"certificate: {self._certificate} is not valid now (it ends on {end:%Y-%m-%d})"]
        if end - now < _SOON:
            return [f"certificate: {self._certificate} ends on {end:%Y-%m-%d}"]
        return []

    def _complain(self) -> None:
        for complaint in self._ends():
            log.error("certificate", why=complaint)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def self_signed(names: Sequence[str], days: int = 3650) -> tuple[bytes, bytes]:
    """(certificate, key) as PEM: a P-256 certificate for `names` (host names or IP addresses)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def write_self_signed(certificate: Path, key: Path, names: Sequence[str]) -> bool:
    """Make both files unless either exists; True when they were made. The key is readable by its
    owner only."""
    if certificate.exists() or key.exists():
        return False
    chain, private = self_signed(names)
    for path, data, mode in ((key, private, 0o600), (certificate, chain, 0o644)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    return True


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as problem:
        raise CertificateError(f"{path}: {problem.strerror}") from None


def _read_chain(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as problem:
        raise CertificateError(f"{path}: not a PEM certificate: {problem}") from None


def _read_key(path: Path) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except TypeError:
        raise CertificateError(f"{path}: has a passphrase; it must have none") from None
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise CertificateError(f"{path}: not a PEM private key: {problem}") from None
    if not isinstance(key, PrivateKey):
        raise CertificateError(f"{path}: a key of a kind that TLS does not use here")
    return key


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in alternative]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
