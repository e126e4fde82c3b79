"""The sets of an ARC chain, read and held against the rules of its structure (RFC 8617 §4, §5.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.core.message.header import unfold
from mailsys.core.trust.signature import (
    MAX_SIGNATURE,
    Signature,
    Unreadable,
    domain_of,
    instance_of,
    parse_signature,
)
from mailsys.core.trust.signed_fields import SignedFields
from mailsys.core.trust.tag_list import decode_base64, parse_tags, without_value

SETS_AT_MOST: Final = 50
_RESULTS, _MESSAGE, _SEAL = (
    b"arc-authentication-results",
    b"arc-message-signature",
    b"arc-seal",
)


class BrokenChain(Exception):
    """Why there is no valid chain, whatever the signatures say."""


@dataclass(frozen=True, slots=True)
class Seal:
    """An ARC-Seal field."""

    index: int
    instance: int
    algorithm: str
    domain: str
    selector: str
    signature: bytes
    chain: str  # cv=: none, pass, fail


@dataclass(frozen=True, slots=True)
class ArcSet:
    instance: int
    results: int  # the ARC-Authentication-Results field's place
    payload: str  # what it says behind i=
    message: Signature
    seal: Seal


def read_chain(fields: SignedFields) -> tuple[ArcSet, ...]:
    """The sets from the first to the newest; () when there are none. Raises BrokenChain."""
    found = [fields.every(name) for name in (_RESULTS, _MESSAGE, _SEAL)]
    count = max(len(each) for each in found)
    if not count:
        return ()
    if count > SETS_AT_MOST:
        raise BrokenChain(f"more than {SETS_AT_MOST} sets")
    if any(len(each) != count for each in found):
        raise BrokenChain("the sets are not complete")
    try:
        results = {number: (index, text) for index, number, text in _results(fields, found[0])}
        messages = {
            one.instance: one
            for one in (parse_signature(index, fields.value(index), arc=True) for index in found[1])
        }
        seals = {one.instance: one for one in (_seal(index, fields.value(index)) for index in found[2])}
    except Unreadable as error:
        raise BrokenChain(error.cause) from error
    every = set(range(1, count + 1))
    if not every == results.keys() == messages.keys() == seals.keys():
        raise BrokenChain("the sets are not numbered from 1 without gap")
    chain = tuple(
        ArcSet(number, results[number][0], results[number][1], messages[number], seals[number])
        for number in sorted(every)
    )
    for one in chain:
        if one.seal.chain == "fail":
            raise BrokenChain(f"{one.seal.domain} found it broken (i={one.instance})")
        if one.seal.chain != ("none" if one.instance == 1 else "pass"):
            raise BrokenChain(f"cv= of i={one.instance} is wrong")
    return chain


def sealed(fields: SignedFields, chain: tuple[ArcSet, ...], instance: int) -> Iterator[bytes]:
    """What the seal of a set signs (RFC 8617 §5.1.1): all sets up to it, always relaxed."""
    for one in chain[:instance]:
        yield fields.canonical(one.results, relaxed=True)
        yield fields.canonical(one.message.index, relaxed=True)
        seal = one.seal.index
        if one.instance < instance:
            yield fields.canonical(seal, relaxed=True)
        else:
            yield fields.unsigned(seal, without_value(fields.value(seal), b"b"), relaxed=True)


def _results(fields: SignedFields, found: Sequence[int]) -> Iterator[tuple[int, int, str]]:
    for index in found:
        value = unfold(fields.value(index))
        tag, semicolon, rest = value.partition(b";")
        name, _, number = tag.partition(b"=")
        instance = instance_of(number.strip()) if name.strip() == b"i" else 0
        if not semicolon or not instance:
            raise BrokenChain("a set's results have no number")
        yield index, instance, rest.strip().decode("utf-8", "replace")


def _seal(index: int, value: bytes) -> Seal:
    tags = parse_tags(value) if len(value) <= MAX_SIGNATURE else None
    if tags is None:
        raise Unreadable("a seal is no list of tags")
    if b"h" in tags or b"bh" in tags:
        raise Unreadable("a seal with h= or bh=")
    signature = decode_base64(tags.get(b"b", b""))
    chain = tags.get(b"cv", b"").lower().decode("ascii", "replace")
    if not signature or chain not in ("none", "pass", "fail"):
        raise Unreadable("a seal without b= or cv=")
    try:
        domain, selector = domain_of(tags.get(b"d", b"")), domain_of(tags.get(b"s", b""))
    except ValueError as error:
        raise Unreadable("a seal without d= or s=") from error
    algorithm = tags.get(b"a", b"").decode("ascii", "replace").lower()
    return Seal(index, instance_of(tags.get(b"i", b"")), algorithm, domain, selector, signature, chain)
