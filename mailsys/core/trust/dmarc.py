"""DMARC (RFC 9989): its records, the tree walk, whose policy applies, and who is aligned with whom.

The look-ups are made by `services.trust.dmarc`: `walk` says which names, in order, and `ends_walk` after
which one to stop. The rest is decided here from what was found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mailsys.core.trust.evidence import Policy
from mailsys.core.trust.tag_list import TAGS_AT_MOST

QUERIES_AT_MOST: Final = 8  # of one walk (§4.10)
MAX_RECORD: Final = 8192  # octets that are read
URIS_AT_MOST: Final = 10  # of rua= and of ruf=

_VERSION: Final = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s,!]+")


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """`usable` False: it is a record for the walk, but asks for nothing (§4.10.1)."""

    policy: Policy = Policy.NONE
    subdomains: Policy | None = None  # sp=
    nonexistent: Policy | None = None  # np=
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False
    report_to: tuple[str, ...] = ()
    failures_to: tuple[str, ...] = ()
    failure_options: tuple[str, ...] = ("0",)
    usable: bool = True


def record_of(texts: Sequence[bytes]) -> DmarcRecord | None:
    """The record among the TXT values of one `_dmarc` name; None when none or several are (§4.10)."""
    found = [text for text in texts if _VERSION.match(text)]
    return parse_record(found[0][:MAX_RECORD]) if len(found) == 1 else None


@lru_cache(maxsize=1024)
def parse_record(text: bytes) -> DmarcRecord:
    """One that begins with `v=DMARC1`. Unknown tags and values are passed over (§4.7); of a tag that
    stands twice, the first counts."""
    tags: dict[str, str] = {}
    for part in text.decode("utf-8", "replace").split(";")[1 : TAGS_AT_MOST + 1]:
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    report_to = _uris(tags.get("rua", ""))
    policies = {name: _policy(tags[name]) for name in ("p", "sp", "np") if name in tags}
    usable = True
    if None in policies.values():
        # §4.10.1: with somebody to report to it counts as p=none, else it asks for nothing
        policies, usable = {}, bool(report_to)
    options = [one.strip().lower() for one in tags.get("fo", "0").split(":")]
    return DmarcRecord(
        policies.get("p") or Policy.NONE,
        policies.get("sp"),
        policies.get("np"),
        tags.get("adkim", "").lower() == "s",
        tags.get("aspf", "").lower() == "s",
        psd if (psd := tags.get("psd", "u").lower()) in ("y", "n") else "u",
        tags.get("t", "").lower() == "y",
        report_to,
        _uris(tags.get("ruf", "")),
        tuple(dict.fromkeys(one for one in options if one in ("0", "1", "d", "s"))) or ("0",),
        usable,
    )


def _policy(value: str) -> Policy | None:
    try:
        return Policy(value.lower())
    except ValueError:
        return None


def _uris(value: str) -> tuple[str, ...]:
    """A size limit behind "!" is an old form and is ignored (RFC 9990)."""
    found = (one.strip().partition("!")[0] for one in value.split(","))
    return tuple(one for one in found if _URI.fullmatch(one) and one.isprintable())[:URIS_AT_MOST]


# -- the walk ----------------------------------------------------------------------------------------


def walk(domain: str) -> tuple[str, ...]:
    """The domains whose `_dmarc` is asked for, longest first: at most eight (§4.10)."""
    labels = domain.split(".")
    first = [domain]
    rest = labels[1:] if len(labels) < QUERIES_AT_MOST else labels[1 - QUERIES_AT_MOST :]
    return tuple(first + [".".join(rest[n:]) for n in range(len(rest))])


def ends_walk(record: DmarcRecord | None) -> bool:
    return record is not None and record.psd != "u"


def organizational_domain(domain: str, found: Mapping[str, DmarcRecord]) -> str:
    """Of what the walk from `domain` found (§4.10.2)."""
    last = domain
    for name in walk(domain):
        record = found.get(name)
        if record is None:
            continue
        if record.psd == "n":
            return name
        if record.psd == "y" and name != domain:
            above = name.count(".") + 1
            return ".".join(domain.split(".")[-above - 1 :])
        last = name
    return last


def applicable(domain: str, found: Mapping[str, DmarcRecord]) -> tuple[str, DmarcRecord] | None:
    """Where the record that applies to mail from `domain` stands, and the record: its own, else that of
    its organizational domain, else that of the public suffix above (§4.10.1)."""
    if domain in found:
        return domain, found[domain]
    organization = organizational_domain(domain, found)
    if organization in found:
        return organization, found[organization]
    for name in walk(domain):
        if name in found and found[name].psd == "y":
            return name, found[name]
    return None


def published_policy(domain: str, where: str, record: DmarcRecord, exists: bool) -> Policy:
    """What the record asks for mail from `domain`; `exists`: it has an A, AAAA or MX record."""
    if where == domain:
        return record.policy
    if not exists and record.nonexistent is not None:
        return record.nonexistent
    return record.policy if record.subdomains is None else record.subdomains


def in_test(policy: Policy) -> Policy:
    """`t=y`: one step milder (Appendix A.6)."""
    return Policy.QUARANTINE if policy is Policy.REJECT else Policy.NONE


def may_align(domain: str, organization: str) -> bool:
    """Whether a walk from `domain` could end in the same organization: not worth a question else."""
    return domain == organization or domain.endswith("." + organization)
