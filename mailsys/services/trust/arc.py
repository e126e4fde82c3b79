"""ARC (RFC 8617 §5.2): who passed the message on, and whether each said truly what it got."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from mailsys.core.trust.arc_chain import ArcSet, sealed
from mailsys.core.trust.body_digests import BodyDigest, Form
from mailsys.core.trust.evidence import ArcEvidence, Signed
from mailsys.core.trust.signature import Signature
from mailsys.core.trust.signed_fields import SignedFields
from mailsys.services.trust.dkim import ALGORITHMS, header_digest
from mailsys.services.trust.keys import SHORTEST, Key, NoKey

KEYS_AT_MOST: Final = 20  # different ones in one chain
RESULTS_AT_MOST: Final = 2000  # octets kept of what the first sealer saw

_DMARC: Final = re.compile(r"(?:^|;)\s*dmarc\s*=\s*([a-z]+)", re.I)

Found = Mapping[tuple[str, str], Key | NoKey]  # by selector and domain


def keys_wanted(chain: Sequence[ArcSet]) -> list[tuple[str, str]]:
    """Without repetition; the newest first."""
    wanted = []
    for one in reversed(chain):
        wanted.append((one.seal.selector, one.seal.domain))
        wanted.append((one.message.selector, one.message.domain))
    return list(dict.fromkeys(wanted))


def judge_seals(fields: SignedFields, chain: Sequence[ArcSet], keys: Found) -> ArcEvidence:
    """All seals and the newest message signature, but for the body's hash: PASS means that it remains to
    be compared."""
    newest = chain[-1]
    problem = _message_problem(fields, newest.message, keys)
    if problem is not None:
        return broken(chain, problem.cause, problem.result)
    for one in reversed(chain):
        problem = _seal_problem(fields, tuple(chain), one, keys)
        if problem is not None:
            return broken(chain, f"{problem.cause} (seal i={one.instance})", problem.result)
    first = chain[0]
    seen = _DMARC.search(re.sub(r"\([^()]*\)", " ", first.payload))
    return ArcEvidence(
        Signed.PASS,
        _sealers(chain),
        first_results=first.payload[:RESULTS_AT_MOST],
        first_dmarc=_result(seen[1]) if seen else Signed.NONE,
    )


def broken(chain: Sequence[ArcSet], cause: str, result: Signed = Signed.FAIL) -> ArcEvidence:
    return ArcEvidence(result, _sealers(chain), cause=cause)


def judge_bodies(
    fields: SignedFields,
    chain: Sequence[ArcSet],
    seals: ArcEvidence,
    keys: Found,
    digests: Mapping[Form, BodyDigest],
) -> ArcEvidence:
    """The newest signature must fit the body; how many older ones still do gives `oldest_pass`."""
    if seals.result is not Signed.PASS:
        return seals
    if not _fits(chain[-1].message, digests):
        return broken(chain, "the body was changed")
    oldest = 0
    for one in reversed(chain[:-1]):
        if _message_problem(fields, one.message, keys) or not _fits(one.message, digests):
            oldest = one.instance + 1
            break
    return ArcEvidence(Signed.PASS, seals.sealers, oldest, seals.first_results, seals.first_dmarc)


def _fits(signature: Signature, digests: Mapping[Form, BodyDigest]) -> bool:
    return digests[signature.form].digest == signature.body_hash


def _message_problem(fields: SignedFields, signature: Signature, keys: Found) -> NoKey | None:
    key = _usable(signature.algorithm, keys.get((signature.selector, signature.domain)))
    if isinstance(key, NoKey):
        return key
    if key.verifies(header_digest(fields, signature), signature.signature):
        return None
    return NoKey(Signed.FAIL, "the message was changed")


def _seal_problem(fields: SignedFields, chain: tuple[ArcSet, ...], one: ArcSet, keys: Found) -> NoKey | None:
    seal = one.seal
    key = _usable(seal.algorithm, keys.get((seal.selector, seal.domain)))
    if isinstance(key, NoKey):
        return key
    digest = hashlib.sha256()
    for field in sealed(fields, chain, one.instance):
        digest.update(field)
    if key.verifies(digest.digest(), seal.signature):
        return None
    return NoKey(Signed.FAIL, "the seal does not fit")


def _usable(algorithm: str, key: Key | NoKey | None) -> Key | NoKey:
    """A chain is whole or broken: what is merely doubtful in DKIM breaks it."""
    if key is None:
        return NoKey(Signed.FAIL, "too many keys in one chain")
    if isinstance(key, NoKey):
        return key if key.result is Signed.TEMPERROR else NoKey(Signed.FAIL, key.cause)
    if key.record.kind != ALGORITHMS.get(algorithm) or not key.record.sha256:
        return NoKey(Signed.FAIL, "the key is of another kind")
    if key.bits and key.bits < SHORTEST:
        return NoKey(Signed.FAIL, f"a key of {key.bits} bits is too short")
    return key


def _sealers(chain: Sequence[ArcSet]) -> tuple[str, ...]:
    return tuple(one.seal.domain for one in reversed(chain))


def _result(word: str) -> Signed:
    try:
        return Signed(word.lower())
    except ValueError:
        return Signed.NONE
