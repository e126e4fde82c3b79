"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677).

Two messages come in. `first` names the user; whoever holds this machine fetches that user's keys
(or invents some, see `invented`) and hands them to `challenge`; `final` checks the proof. No secret
that could be used elsewhere is kept: the password never crosses, and the stored pair proves only here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mailsys.core.sasl.failure import SaslMalformed, SaslRefused
from mailsys.core.sasl.saslprep import prepare_password, saslprep

# RFC 7677 §4 asks for 4096; each client pays them too, at each connection. Cyrus SASL (mbsync, mutt and
# others) refuses more than 65,536: its MAX_ITERATION_COUNTER.
ITERATIONS: Final = 65_536
SALT_OCTETS: Final = 16
LONGEST_MESSAGE: Final = 4096  # octets
LONGEST_NONCE: Final = 256  # octets of the client's part


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps instead of a password (RFC 5803)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def derive(password: str, salt: bytes, iterations: int = ITERATIONS) -> ScramKeys:
    """RFC 5802 §3. Takes milliseconds: not for the reactor's thread. ValueError: unfit password."""
    salted = hashlib.pbkdf2_hmac("sha256", prepare_password(password), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return ScramKeys(
        salt,
        iterations,
        hashlib.sha256(client_key).digest(),
        hmac.digest(salted, b"Server Key", "sha256"),
    )


def invented(name: str, secret: bytes) -> ScramKeys:
    """Keys for a user that does not exist: always the same for a name, so that asking twice tells
    nothing, and never provable."""
    seed = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=secret[:64], person=b"scram fake")
    octets = seed.digest()
    return ScramKeys(octets[:SALT_OCTETS], ITERATIONS, octets[16:48], octets[32:64])


# RFC 5802 §7. saslname: any UTF-8 except NUL, "," and "="; "=2C" and "=3D" stand for those two.
_SASLNAME = rb"(?:[^\0,=]|=2C|=3D)+"
_GS2_HEADER = re.compile(
    rb"(?:(?P<flag>[ny])|p=(?P<binding>[A-Za-z0-9.\-]{1,64})),(?:a=(?P<authzid>" + _SASLNAME + rb"))?,"
)
_CLIENT_FIRST_BARE = re.compile(
    rb"n=(?P<name>" + _SASLNAME + rb"),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^\0,]+)*\Z"
)
_CLIENT_FINAL = re.compile(
    rb"(?P<bare>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^\0,]+)*)"
    rb",p=(?P<proof>[A-Za-z0-9+/=]+)\Z"
)


class _State(Enum):
    FIRST = auto()
    KEYS = auto()
    FINAL = auto()
    OVER = auto()


def _name(data: bytes) -> str:
    try:
        text = data.replace(b"=2C", b",").replace(b"=3D", b"=").decode("utf-8")
        prepared = saslprep(text)
    except (UnicodeDecodeError, ValueError) as error:
        raise SaslMalformed("user name cannot be prepared") from error
    if not prepared:
        raise SaslMalformed("user name is empty")
    return prepared


def _base64(data: bytes) -> bytes:
    try:
        return b64decode(data, validate=True)
    except Base64Error as error:
        raise SaslMalformed("bad base64") from error


class ScramServer:
    """One exchange.

    `plus`: the client chose the -PLUS name. `binding`: this connection's channel binding (its type
    and octets: RFC 9266 "tls-exporter", RFC 5929 "tls-server-end-point"), None when -PLUS was not
    offered. `nonce`: the server's part, printable, without comma, at least 18 octets of chance.
    """

    __slots__ = (
        "_binding",
        "_client_first_bare",
        "_gs2_header",
        "_keys",
        "_nonce",
        "_plus",
        "_server_first",
        "_state",
        "acting_as",
    )

    def __init__(self, plus: bool, binding: tuple[str, bytes] | None, nonce: bytes) -> None:
        self._plus = plus
        self._binding = binding
        self._nonce = nonce
        self._state = _State.FIRST
        self._gs2_header = b""
        self._client_first_bare = b""
        self._server_first = b""
        self._keys: ScramKeys | None = None
        self.acting_as = ""

    def first(self, message: bytes) -> str:
        """client-first-message: the user's name. Raises SaslMalformed, or SaslRefused for a binding
        that does not fit."""
        if self._state is not _State.FIRST:
            raise SaslMalformed("out of turn")
        self._state = _State.OVER
        if len(message) > LONGEST_MESSAGE:
            raise SaslMalformed("message is too long")
        header = _GS2_HEADER.match(message)
        if header is None:
            raise SaslMalformed("bad gs2-header")
        bare = message[header.end() :]
        fields = _CLIENT_FIRST_BARE.match(bare)
        if fields is None:  # also m=: an extension that we would have to know
            raise SaslMalformed("bad client-first-message")
        if len(fields["nonce"]) > LONGEST_NONCE:
            raise SaslMalformed("nonce is too long")
        self._check_binding(header["flag"], header["binding"])
        if header["authzid"] is not None:
            self.acting_as = _name(header["authzid"])
        self._gs2_header = header[0]
        self._client_first_bare = bare
        self._nonce = fields["nonce"] + self._nonce
        name = _name(fields["name"])
        self._state = _State.KEYS
        return name

    def _check_binding(self, flag: bytes | None, kind: bytes | None) -> None:
        """RFC 5802 §6."""
        if self._plus:
            if kind is None:
                raise SaslRefused("-PLUS without channel binding")
            if self._binding is None or self._binding[0].encode("ascii") != kind:
                raise SaslRefused("channel binding type is not ours")
        elif kind is not None:
            raise SaslRefused("channel binding without -PLUS")
        elif flag == b"y" and self._binding is not None:
            # The client could bind and believes that we cannot: somebody took -PLUS off our list.
            raise SaslRefused("downgrade: -PLUS was offered")

    def challenge(self, keys: ScramKeys) -> bytes:
        """server-first-message."""
        if self._state is not _State.KEYS:
            raise SaslMalformed("out of turn")
        self._keys = keys
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, b64encode(keys.salt), keys.iterations)
        self._state = _State.FINAL
        return self._server_first

    def final(self, message: bytes) -> bytes:
        """client-final-message: gives server-final-message when the proof holds. Raises
        SaslMalformed or SaslRefused."""
        if self._state is not _State.FINAL or self._keys is None:
            raise SaslMalformed("out of turn")
        self._state = _State.OVER
        if len(message) > LONGEST_MESSAGE:
            raise SaslMalformed("message is too long")
        fields = _CLIENT_FINAL.match(message)
        if fields is None:
            raise SaslMalformed("bad client-final-message")
        bound = self._gs2_header
        if self._plus and self._binding is not None:
            bound += self._binding[1]
        if not hmac.compare_digest(_base64(fields["binding"]), bound):
            raise SaslRefused("channel binding does not match")
        if not hmac.compare_digest(fields["nonce"], self._nonce):
            raise SaslRefused("nonce does not match")
        keys = self._keys
        auth_message = b",".join((self._client_first_bare, self._server_first, fields["bare"]))
        signature = hmac.digest(keys.stored_key, auth_message, "sha256")
        proof = _base64(fields["proof"])
        if len(proof) != len(signature):
            raise SaslMalformed("proof has the wrong length")
        client_key = (int.from_bytes(proof, "big") ^ int.from_bytes(signature, "big")).to_bytes(32, "big")
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), keys.stored_key):
            raise SaslRefused("wrong proof")
        return b"v=" + b64encode(hmac.digest(keys.server_key, auth_message, "sha256"))
