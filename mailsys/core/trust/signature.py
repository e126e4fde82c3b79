"""One DKIM-Signature or ARC-Message-Signature field, read (RFC 6376 §3.5, §6.1.1; RFC 8617 §4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mailsys.core.message.address import canonical_domain
from mailsys.core.trust.tag_list import decode_base64, parse_tags

MAX_SIGNATURE: Final = 64 * 1024  # octets of one field
NAMES_AT_MOST: Final = 1000  # in h=
_DIGITS: Final = re.compile(rb"[0-9]{1,12}")
_HEX: Final = re.compile(rb"=([0-9A-F]{2})")
_CANONICAL: Final = {b"simple": False, b"relaxed": True}


class Unreadable(Exception):
    """Why it cannot be read, and whom it names as far as that could be."""

    def __init__(self, cause: str, domain: str = "", selector: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.domain = domain
        self.selector = selector


@dataclass(frozen=True, slots=True)
class Signature:
    """`index` is the field's place in its SignedFields. Times are Unix seconds."""

    index: int
    algorithm: str
    domain: str  # lower case, A-labels
    selector: str
    signature: bytes
    body_hash: bytes
    names: tuple[bytes, ...]  # lower case
    relaxed_header: bool = False
    relaxed_body: bool = False
    length: int | None = None  # l=
    created: int | None = None
    expires: int | None = None
    identity: str = ""  # i=, "" when it is left out
    instance: int = 0  # of an ARC set

    @property
    def form(self) -> tuple[bool, int | None]:
        """Of the body, as `BodyDigests` is asked for it."""
        return self.relaxed_body, self.length


def parse_signature(index: int, value: bytes, arc: bool = False) -> Signature:
    """`value`: behind the field's colon. Raises Unreadable."""
    tags = parse_tags(value) if len(value) <= MAX_SIGNATURE else None
    if tags is None:
        raise Unreadable("the field is no list of tags")
    domain = selector = ""
    try:
        domain = domain_of(tags.get(b"d", b""))
        selector = domain_of(tags.get(b"s", b""))
    except ValueError as error:
        raise Unreadable("d= or s= is no domain name", domain) from error

    def refuse(cause: str) -> Unreadable:
        return Unreadable(cause, domain, selector)

    if arc:
        if b"v" in tags:
            raise refuse("v= has no place here")
    elif tags.get(b"v") != b"1":
        raise refuse("v= is not 1")
    for name in (b"a", b"b", b"bh", b"h"):
        if not tags.get(name) and not (arc and name == b"h" and name in tags):
            raise refuse(f"{name.decode()}= is missing")
    names = tuple(name.strip(b" \t\r\n").lower() for name in tags[b"h"].split(b":", NAMES_AT_MOST))
    if len(names) > NAMES_AT_MOST:
        raise refuse("h= is too long")
    if not arc and b"from" not in names:
        raise refuse("From is not signed")
    if arc and b"arc-seal" in names:
        raise refuse("ARC-Seal must not be signed")
    signature, body_hash = decode_base64(tags[b"b"]), decode_base64(tags[b"bh"])
    if not signature or not body_hash:
        raise refuse("b= or bh= is not base64")
    header, _, body = tags.get(b"c", b"simple/simple").lower().partition(b"/")
    if header not in _CANONICAL or (body or b"simple") not in _CANONICAL:
        raise refuse("c= is unknown")
    methods = [method.strip().lower() for method in tags.get(b"q", b"dns/txt").split(b":")]
    if b"dns/txt" not in methods and b"dns" not in methods:
        raise refuse("q= is unknown")
    numbers = {name: _number(tags, name) for name in (b"l", b"t", b"x")}
    if any(number is not None and number < 0 for number in numbers.values()):
        raise refuse("l=, t= or x= is no number")
    created, expires = numbers[b"t"], numbers[b"x"]
    if created is not None and expires is not None and expires <= created:
        raise refuse("x= is not later than t=")
    identity = "" if arc else _identity(tags.get(b"i", b""))
    of = identity.rpartition("@")[2]
    if identity and of != domain and not of.endswith("." + domain):
        raise refuse("i= is not within d=")
    return Signature(
        index,
        tags[b"a"].decode("ascii", "replace").lower(),
        domain,
        selector,
        signature,
        body_hash,
        names,
        _CANONICAL[header],
        _CANONICAL[body or b"simple"],
        numbers[b"l"],
        created,
        expires,
        identity,
        instance_of(tags.get(b"i", b"")) if arc else 0,
    )


def domain_of(value: bytes) -> str:
    """A domain in A-labels (RFC 8616 §3). Raises ValueError."""
    if not value or value.startswith(b"["):
        raise ValueError("no domain")
    return canonical_domain(value.decode("utf-8"))


def instance_of(value: bytes) -> int:
    """i= of an ARC field (RFC 8617 §4.2.1): 1 to 50; 0 when it is none."""
    return int(value) if re.fullmatch(rb"0?[1-9]|[1-4][0-9]|50", value) else 0


def _number(tags: Mapping[bytes, bytes], name: bytes) -> int | None:
    value = tags.get(name)
    if value is None:
        return None
    return int(value) if _DIGITS.fullmatch(value) else -1


def _identity(value: bytes) -> str:
    """i=, with DKIM's quoted-printable undone (RFC 6376 §2.11)."""
    if not value:
        return ""
    text = _HEX.sub(lambda m: bytes((int(m[1], 16),)), value.translate(None, b" \t\r\n"))
    local, at, host = text.rpartition(b"@")
    try:
        return local.decode("utf-8", "replace") + "@" + domain_of(host if at else b"")
    except ValueError:
        return "@"
