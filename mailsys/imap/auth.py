"""Signing in: LOGIN, AUTHENTICATE (RFC 9051 §6.2), and what CAPABILITY offers in each state."""

from __future__ import annotations

from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from OpenSSL.SSL import Error

from mailsys.core.imap.commands import Authenticate, Login, Simple
from mailsys.core.imap.lexer import BadCommand
from mailsys.core.refusal import BadCredentials, EncryptionRequired, MessageRejected
from mailsys.imap.session import Answer, Session
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.services.access.authentication import Challenge, SignedIn

log = Log("imap")

ROUNDS: Final = 10  # challenges of one exchange

# What a client may use before it signed in (the rest would only be noise), and after.
_ALWAYS = b"IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE SASL-IR"
_SIGNED_IN = (
    _ALWAYS + b" IDLE UIDPLUS MOVE UNSELECT NAMESPACE CHILDREN SPECIAL-USE CREATE-SPECIAL-USE"
    b" LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES CONDSTORE QRESYNC OBJECTID BINARY"
    b" UTF8=ACCEPT APPENDLIMIT=%d"
)


def capabilities(session: Session) -> bytes:
    """The list for the state the session is in (RFC 9051 §6.1.1)."""
    if session.account is not None:
        return _SIGNED_IN % session.parts.limits.message_size
    parts = [_ALWAYS]
    if session.may_start_tls:
        parts.append(b"STARTTLS")
    if session.may_sign_in:
        parts += [b"AUTH=" + name.encode("ascii") for name in session.mechanisms()]
    else:
        parts.append(b"LOGINDISABLED")  # RFC 9051 §6.2.3
    return b" ".join(parts)


async def capability(session: Session, tag: bytes, command: Simple) -> Answer:
    session.say(b"* CAPABILITY " + capabilities(session) + b"\r\n")
    return b"OK", "CAPABILITY completed", b""


async def login(session: Session, tag: bytes, command: Login) -> Answer:
    if not session.may_sign_in:
        raise EncryptionRequired("Sign in under TLS only")
    try:
        user, password = command.user.decode("utf-8"), command.password.decode("utf-8")
    except UnicodeDecodeError:
        raise BadCredentials(cause="not UTF-8") from None
    return _signed_in(session, await session.parts.sign_in.password(user, password, session.address))


async def authenticate(session: Session, tag: bytes, command: Authenticate) -> Answer:
    """With or without initial response (RFC 4959)."""
    if not session.may_sign_in:
        raise EncryptionRequired("Sign in under TLS only")
    if command.mechanism not in session.mechanisms():
        return b"NO", "No such mechanism", b"CANNOT"
    exchange = session.parts.sign_in.start(command.mechanism, session.address, session.wire.binding())
    said = command.initial
    for _ in range(ROUNDS):
        step = await exchange.respond(said)
        if isinstance(step, SignedIn):
            if step.final is not None:  # SCRAM's v=...: the client acknowledges it with an empty line
                await _ask(session, step.final)
            return _signed_in(session, step.account)
        assert isinstance(step, Challenge)
        said = await _ask(session, step.data)
    raise MessageRejected("Too many rounds")


async def _ask(session: Session, challenge: bytes) -> bytes:
    said = await session.wire.ask(challenge)
    if said is None:
        raise BadCommand("AUTHENTICATE cancelled")  # RFC 9051 §6.2.2
    return said


def _signed_in(session: Session, account: Account) -> Answer:
    session.account = account
    session.boxes = session.parts.mailboxes.hold(account.id)
    session.wire.signed_in()
    return b"OK", "Logged in", b"CAPABILITY " + capabilities(session)


def channel_binding(connection: Any) -> tuple[str, bytes] | None:
    """What ties SCRAM to this TLS channel: RFC 9266 in TLS 1.3, RFC 5929 §4.1 before."""
    try:
        if connection.get_protocol_version_name() == "TLSv1.3":
            return "tls-exporter", connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        certificate = connection.get_certificate(as_cryptography=True)
    except Error:
        return None
    if certificate is None or certificate.signature_hash_algorithm is None:
        return None
    algorithm = certificate.signature_hash_algorithm
    weak = isinstance(algorithm, (hashes.MD5, hashes.SHA1))
    digest = hashes.Hash(hashes.SHA256() if weak else algorithm)
    digest.update(certificate.public_bytes(serialization.Encoding.DER))
    return "tls-server-end-point", digest.finalize()
