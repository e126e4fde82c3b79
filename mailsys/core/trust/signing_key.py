"""A public key as a domain publishes it (RFC 6376 §3.6.1, RFC 8463 §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailsys.core.trust.tag_list import decode_base64, parse_tags

MAX_RECORD: Final = 8192  # octets: RSA-4096 takes 750


@dataclass(frozen=True, slots=True)
class KeyRecord:
    kind: str  # "rsa", "ed25519"
    public: bytes  # as p= has it; b"": revoked
    sha256: bool = True  # h= lets SHA-256 be used
    email: bool = True  # s= lets it be used for mail
    testing: bool = False  # t=y
    strict: bool = False  # t=s: i= must be d=, not below it


def parse_key(text: bytes) -> KeyRecord | None:
    """None when it is no key record. `text`: at most MAX_RECORD octets."""
    tags = parse_tags(text, gaps=True)
    if tags is None or b"p" not in tags or tags.get(b"v", b"DKIM1") != b"DKIM1":
        return None
    if b"v" in tags and next(iter(tags)) != b"v":  # "MUST be the first tag"
        return None
    public = decode_base64(tags[b"p"])
    if public is None:
        return None
    services = _words(tags.get(b"s", b"*"))
    flags = _words(tags.get(b"t", b""))
    return KeyRecord(
        (tags.get(b"k") or b"rsa").decode("ascii", "replace").lower(),
        public,
        b"sha256" in _words(tags.get(b"h", b"sha256")),
        b"*" in services or b"email" in services,
        b"y" in flags,
        b"s" in flags,
    )


def _words(value: bytes) -> list[bytes]:
    return [word.strip(b" \t\r\n").lower() for word in value.split(b":")]
