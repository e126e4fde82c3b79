"""DKIM signatures on mail that leaves (RFC 6376, and RFC 8463 for Ed25519).

Canonicalisation of headers and the choice of fields are dkimpy's; RSA is done by `cryptography` with
keys loaded once, and the body is hashed in windows (dkimpy: 6 ms a signature, quadratic white space,
the whole body in memory).
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from dkim import select_headers
from dkim.canonicalization import Relaxed
from twisted.internet.defer import Deferred

from mailsys.core.message.address import parse_raw
from mailsys.core.message.header import MAX_HEADER, MAX_VALUE, scan
from mailsys.core.smtp.wire_body import LineEnds
from mailsys.core.trust.relaxed_body import RelaxedBody
from mailsys.core.trust.srs import is_rewritten
from mailsys.log import Log
from mailsys.ports.accounts import DkimKey, IAccountStore
from mailsys.ports.ids import BlobId
from mailsys.services.dns.route import to_a_labels

_log = Log("sign")
T = TypeVar("T")

AT_ONCE: Final = 64 * 1024  # octets hashed on the reactor's thread
WINDOW: Final = 256 * 1024
REMEMBERED: Final = 500  # signatures kept for a message's other destinations

# RFC 6376 §5.4.1, plus what replay and content tricks would add. The first group is oversigned: one
# more than there are, so that nobody can add another (RFC 6376 §8.15).
OVERSIGNED: Final = (
    b"from",
    b"to",
    b"cc",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
)
SIGNED: Final = (
    b"sender",
    b"in-reply-to",
    b"references",
    b"content-transfer-encoding",
    b"content-disposition",
    b"resent-from",
    b"resent-to",
    b"resent-date",
    b"resent-message-id",
    b"list-id",
    b"list-post",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"auto-submitted",
)


class Offload(Protocol):
    """Runs work in a thread."""

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]: ...


@dataclass(frozen=True, slots=True)
class _Key:
    domain: bytes
    selector: bytes
    algorithm: bytes
    sign: Callable[[bytes], bytes]  # SHA-256 digest -> signature


def _loaded(key: DkimKey) -> _Key:
    private = serialization.load_pem_private_key(key.private, password=None)
    sign: Callable[[bytes], bytes]
    if isinstance(private, rsa.RSAPrivateKey):
        prehashed = Prehashed(hashes.SHA256())
        sign = lambda digest: private.sign(digest, padding.PKCS1v15(), prehashed)  # noqa: E731
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        sign = private.sign  # RFC 8463 §3: PureEdDSA over the SHA-256 digest
    else:
        raise TypeError(f"a DKIM key of a kind that nobody verifies: {key.selector}._domainkey.{key.domain}")
    return _Key(key.domain.encode(), key.selector.encode(), key.algorithm.encode(), sign)


def _all_loaded(keys: Sequence[DkimKey]) -> tuple[_Key, ...]:
    """Loading a key takes tens of milliseconds: in a thread, once. RSA first: it is what all verify."""
    return tuple(sorted((_loaded(key) for key in keys), key=lambda key: not key.algorithm.startswith(b"rsa")))


class Signer:
    """Signs for every domain that has keys in the account store."""

    def __init__(self, accounts: IAccountStore, offload: Offload, now: Callable[[], float]) -> None:
        self._accounts = accounts
        self._offload = offload
        self._now = now
        self._keys: dict[str, tuple[_Key, ...]] = {}
        self._version = -1
        self._made: OrderedDict[tuple[BlobId, str], bytes] = OrderedDict()

    async def signatures(
        self,
        blob: BlobId,
        size: int,
        sender: str,
        read: Callable[[int, int], Awaitable[bytes | None]],
    ) -> bytes:
        """DKIM-Signature fields to put in front of a message, CRLF included; b"" when no domain of
        ours is its author or sender, or its header is over 256 KiB.

        The signing domain is that of the header's From when it is ours, so that DMARC aligns, else
        the envelope sender's, unless that was rewritten: others' mail is not ours to sign.
        Signatures are remembered, so a message signs once, not per destination.
        """
        header = await read(0, min(size, MAX_HEADER))
        if header is None:
            return b""
        end = header.find(b"\r\n\r\n")
        if end < 0 and size > MAX_HEADER:
            _log.warning("unsigned", cause="header over 256 KiB", sender=sender)
            return b""
        start = end + 4 if end >= 0 else size
        block = header[: end + 2] if end >= 0 else header
        if block.count(b"\n") != block.count(b"\r\n"):  # where its body begins is anybody's guess
            _log.warning("unsigned", cause="bare LF in the header", sender=sender)
            return b""
        keys = await self._keys_for(block, sender)
        if not keys:
            return b""
        known = (blob, keys[0].domain.decode())
        if (made := self._made.get(known)) is not None:
            self._made.move_to_end(known)
            return made
        digest = await self._body_digest(header, start, size, read)
        if digest is None:
            return b""
        made = sign_header(block, digest, keys, int(self._now()))
        self._made[known] = made
        if len(self._made) > REMEMBERED:
            self._made.popitem(last=False)
        return made

    async def _keys_for(self, block: bytes, sender: str) -> tuple[_Key, ...]:
        version = await self._accounts.version()
        if version != self._version:
            self._keys.clear()
            self._made.clear()
            self._version = version
        of_sender = "" if is_rewritten(sender) else to_a_labels(sender.rpartition("@")[2])
        for domain in (author_domain(block), of_sender):
            if not domain:
                continue
            if domain not in self._keys:
                found: Sequence[DkimKey] = await self._accounts.dkim_keys(domain)
                active = [key for key in found if key.active]
                loaded = await self._offload(partial(_all_loaded, active))
                if len(self._keys) > 1000:
                    self._keys.clear()
                self._keys[domain] = loaded
            if self._keys[domain]:
                return self._keys[domain]
        return ()

    async def _body_digest(
        self, first: bytes, start: int, size: int, read: Callable[[int, int], Awaitable[bytes | None]]
    ) -> bytes | None:
        digest = hashlib.sha256()
        body = RelaxedBody(digest.update)
        position = min(len(first), size)
        window = first[start:position]
        large = size - start > AT_ONCE
        while True:
            if large:
                await self._offload(partial(body.feed, window))
            else:
                body.feed(window)
            if position >= size:
                break
            more = await read(position, min(WINDOW, size - position))
            if not more:
                return None
            window = more
            position += len(more)
        body.finish()
        return digest.digest()


def author_domain(block: bytes) -> str:
    """The domain of the first address in From, as DNS knows it; "" without one."""
    for field in scan(block):
        if field.name == b"from":
            for _, _, _, host in parse_raw(block[field.value : field.end][:MAX_VALUE]):
                if host:
                    return to_a_labels(host.decode("utf-8", "replace"))
            break
    return ""


def sign_header(block: bytes, body_digest: bytes, keys: Sequence[_Key], now: int) -> bytes:
    """One DKIM-Signature field per key over a header block (CRLF lines, no blank line at the end)."""
    ends = LineEnds()
    block = ends.feed(block) + ends.finish()
    headers = [
        (block[f.start : block.index(b":", f.start)], block[f.value : f.end]) for f in scan(block) if f.name
    ]
    present: dict[bytes, int] = {}
    for name, _ in headers:
        lower = name.strip().lower()
        present[lower] = present.get(lower, 0) + 1
    names: list[bytes] = []
    for name in OVERSIGNED:
        names += [name] * (min(present.get(name, 0), 5) + 1)
    for name in SIGNED:
        names += [name] * min(present.get(name, 0), 5)
    selected = select_headers([(name.strip(), value) for name, value in headers], names)
    signed = b"".join(name + b":" + value for name, value in Relaxed.canonicalize_headers(selected))
    fields = []
    for key in keys:
        value = _unsigned_value(key, names, base64.b64encode(body_digest), now)
        own = Relaxed.canonicalize_headers([(b"DKIM-Signature", value)])[0]
        digest = hashlib.sha256(signed + own[0] + b":" + own[1].removesuffix(b"\r\n")).digest()
        fields.append(b"DKIM-Signature:" + value + _wrapped(base64.b64encode(key.sign(digest))) + b"\r\n")
    return b"".join(fields)


def _unsigned_value(key: _Key, names: Sequence[bytes], body_hash: bytes, now: int) -> bytes:
    lines = [
        b" v=1; a=" + key.algorithm + b"; c=relaxed/relaxed;",
        b" d=" + key.domain + b"; s=" + key.selector + b"; t=%d;" % now,
    ]
    line = b" h="
    for index, name in enumerate(names):
        item = name + (b";" if index == len(names) - 1 else b":")
        if len(line) + len(item) > 75:
            lines.append(line)
            line = b"  "
        line += item
    return b"\r\n".join([*lines, line, b" bh=" + body_hash + b";", b" b="])


def _wrapped(text: bytes) -> bytes:
    return b"\r\n  ".join(text[i : i + 72] for i in range(0, len(text), 72))


def generate_keys(domain: str, selector: str = "m1") -> list[DkimKey]:
    """New signing keys of a domain: RSA-2048 and Ed25519, both to be published (RFC 8463 §6 advises
    to sign with both). Takes up to a second: call it in a thread."""
    kinds = (
        (f"{selector}-rsa", "rsa-sha256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        (f"{selector}-ed25519", "ed25519-sha256", ed25519.Ed25519PrivateKey.generate()),
    )
    return [
        DkimKey(
            domain,
            name,
            algorithm,
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        for name, algorithm, private in kinds
    ]
