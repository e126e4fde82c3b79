"""DKIM (RFC 6376, RFC 8301, RFC 8463): all signatures of a message, each with its own result.

Not by dkimpy: see docs/decisions/0019-how-mail-is-authenticated.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from mailsys.core.trust.body_digests import BodyDigest, Form
from mailsys.core.trust.evidence import DkimEvidence, Signed
from mailsys.core.trust.signature import Signature, Unreadable, parse_signature
from mailsys.core.trust.signed_fields import SignedFields
from mailsys.core.trust.tag_list import without_value
from mailsys.services.trust.keys import SHORTEST, Key, NoKey

SIGNATURES_AT_MOST: Final = 10
SKEW: Final = 3600  # seconds that a signer's clock may be ahead of ours

ALGORITHMS: Final = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_FIELD: Final = b"dkim-signature"


def read(fields: SignedFields, now: float) -> list[Signature | DkimEvidence]:
    """The signatures from the top, at most ten: those that need a key, and what can be said of the
    others at once. The last entry stands for all that were not looked at."""
    places = fields.every(_FIELD)
    found: list[Signature | DkimEvidence] = []
    for index in places[:SIGNATURES_AT_MOST]:
        try:
            signature = parse_signature(index, fields.value(index))
        except Unreadable as error:
            found.append(DkimEvidence(Signed.NEUTRAL, error.domain, error.selector, cause=error.cause))
        else:
            found.append(_refused(signature, now) or signature)
    left = len(places) - SIGNATURES_AT_MOST
    if left > 0:
        found.append(DkimEvidence(Signed.NEUTRAL, "", cause=f"one too many ({left} not looked at)"))
    return found


def _refused(signature: Signature, now: float) -> DkimEvidence | None:
    """For what no key could help."""
    if signature.algorithm == "rsa-sha1":
        return _evidence(signature, Signed.POLICY, "SHA-1 is not believed any more (RFC 8301)")
    if signature.algorithm not in ALGORITHMS:
        return _evidence(signature, Signed.NEUTRAL, "a= is unknown")
    if signature.expires is not None and signature.expires < now:
        return _evidence(signature, Signed.FAIL, "the signature has expired")
    if signature.created is not None and signature.created > now + SKEW:
        return _evidence(signature, Signed.POLICY, "signed in the future")
    return None


def header_digest(fields: SignedFields, signature: Signature) -> bytes:
    """What the signature signs (RFC 6376 §3.7)."""
    digest = hashlib.sha256()
    relaxed = signature.relaxed_header
    for index in fields.chosen(signature.names):
        digest.update(fields.canonical(index, relaxed))
    own = without_value(fields.value(signature.index), b"b")
    digest.update(fields.unsigned(signature.index, own, relaxed))
    return digest.digest()


def judge_header(fields: SignedFields, signature: Signature, key: Key | NoKey) -> DkimEvidence:
    """All but the body's hash: PASS means that it remains to be compared."""
    if isinstance(key, NoKey):
        return _evidence(signature, key.result, key.cause)
    record = key.record
    if record.kind != ALGORITHMS[signature.algorithm]:
        return _evidence(signature, Signed.PERMERROR, "the key is of another kind", key)
    if not record.sha256:
        return _evidence(signature, Signed.PERMERROR, "the key is not for SHA-256", key)
    if record.strict and signature.identity.rpartition("@")[2] not in ("", signature.domain):
        return _evidence(signature, Signed.PERMERROR, "the key is not for subdomains", key)
    if not key.verifies(header_digest(fields, signature), signature.signature):
        return _evidence(signature, Signed.FAIL, "the signature does not fit", key)
    if key.bits and key.bits < SHORTEST:
        return _evidence(signature, Signed.POLICY, f"a key of {key.bits} bits is too short", key)
    return _evidence(signature, Signed.PASS, "", key)


def judge_body(
    signature: Signature, header: DkimEvidence, key: Key | NoKey, digests: Mapping[Form, BodyDigest]
) -> DkimEvidence:
    if header.result not in (Signed.PASS, Signed.POLICY):
        return header
    found = digests[signature.form]
    if found.digest != signature.body_hash:
        short = "the body is shorter than l=" if found.digest is None else "the body was changed"
        return _evidence(signature, Signed.FAIL, short, key)
    if signature.length is not None and signature.length < found.octets and header.result is Signed.PASS:
        rest = f"l= leaves {found.octets - signature.length} octets unsigned"
        return _evidence(signature, Signed.PASS, rest, key, partial=True)
    return header


def wanted(judged: Sequence[tuple[Signature, DkimEvidence]]) -> set[Form]:
    """The forms of the body that are worth hashing: those of signatures that still may pass."""
    return {signature.form for signature, header in judged if header.result in (Signed.PASS, Signed.POLICY)}


def _evidence(
    signature: Signature, result: Signed, cause: str, key: Key | NoKey | None = None, partial: bool = False
) -> DkimEvidence:
    loaded = key if isinstance(key, Key) else None
    return DkimEvidence(
        result,
        signature.domain,
        signature.selector,
        signature.algorithm,
        loaded.bits if loaded else 0,
        signature.identity,
        bool(loaded and loaded.record.testing),
        partial,
        cause,
    )
