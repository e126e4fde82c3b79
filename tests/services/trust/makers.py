"""Keys, records and signatures for the tests of trust."""

import base64
import hashlib
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from mailsys.core.trust.signed_fields import SignedFields
from tests.peers.dns_table import DnsTable

SHORT = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBANmBe10IgY+u7h3enWTukkqtUD5PR52Tb/mPfjC0QJTocVBq6Za/
PlzfV+Py92VaCak19F4WrbVTK5Gg5tW220MCAwEAAQJAYFUKsD+uMlcFu1D3YNaR
EGYGXjJ6w32jYGJ/P072M3yWOq2S1dvDthI3nRT8MFjZ1wHDAYHrSpfDNJ3v2fvZ
cQIhAPgRPmVYn+TGd59asiqG1SZqh+p+CRYHW7B8BsicG5t3AiEA4HYNOohlgWan
8tKgqLJgUdPFbaHZO1nDyBgvV8hvWZUCIQDDdCq6hYKuKeYUy8w3j7cgJq3ih922
2qNWwdJCfCWQbwIgTY0cBvQnNe0067WQIpj2pG7pkHZR6qqZ9SE+AjNTHX0CIQCI
Mgq55Y9MCq5wqzy141rnxrJxTwK9ABo3IAFMWEov3g==
-----END RSA PRIVATE KEY-----
"""  # 512 bits, of dkimpy's tests


Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@lru_cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@lru_cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def published(key: Key) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return base64.b64encode(key.public_key().public_bytes_raw())
    public = key.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(public.public_bytes(serialization.Encoding.DER, form))


def table(record: bytes | None = None, bits: int = 1024) -> DnsTable:
    dns = DnsTable()
    dns.txt("s._domainkey.b.test", record or b"v=DKIM1; p=" + published(rsa_key(bits)))
    return dns


def signed(message: bytes, tags: bytes, key: Key | None = None, body: bytes | None = None) -> bytes:
    """With a signature of just these tags and bh=, b=; the header relaxed, the body simple unless it is
    given in the form that bh= is of."""
    return _with_field(b"DKIM-Signature", message, tags, key, body)


def sealed(message: bytes, tags: bytes, results: bytes, chain: bytes, key: Key | None = None) -> bytes:
    """With one more ARC set. `tags`: i=, d=, s=; `results`: what the sealer saw; `chain`: cv=."""
    number = tags.partition(b"i=")[2].partition(b";")[0]
    message = b"ARC-Authentication-Results: i=" + number + b"; " + results + b"\r\n" + message
    names = b"; a=rsa-sha256; c=relaxed/simple; h=from:to:subject:dkim-signature"
    message = _with_field(b"ARC-Message-Signature", message, tags + names, key, None)
    value = b" " + tags + b"; a=rsa-sha256; cv=" + chain + b"; b="
    fields = SignedFields(b"ARC-Seal:" + value + b"\r\n" + message)
    digest = hashlib.sha256()
    names3 = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
    for one in zip(*(reversed(fields.every(name)) for name in names3), strict=True):
        for index in one:
            if index:
                digest.update(fields.canonical(index, relaxed=True))
    digest.update(fields.unsigned(0, value, relaxed=True))
    return b"ARC-Seal:" + value + _made(digest.digest(), key) + b"\r\n" + message


def _with_field(name: bytes, message: bytes, tags: bytes, key: Key | None, body: bytes | None) -> bytes:
    if body is None:
        body = message.partition(b"\r\n\r\n")[2].rstrip(b"\r\n") + b"\r\n"
    value = b" " + tags + b"; bh=" + base64.b64encode(hashlib.sha256(body).digest()) + b"; b="
    fields = SignedFields(name + b":" + value + b"\r\n" + message)
    digest = hashlib.sha256()
    names = tags.partition(b"h=")[2].partition(b";")[0].replace(b" ", b"").lower().split(b":")
    for index in fields.chosen(names):
        digest.update(fields.canonical(index, relaxed=True))
    digest.update(fields.unsigned(0, value, relaxed=True))
    return name + b":" + value + _made(digest.digest(), key) + b"\r\n" + message


def _made(digest: bytes, key: Key | None) -> bytes:
    key = key or rsa_key(1024)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return base64.b64encode(key.sign(digest))
    return base64.b64encode(key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256())))
