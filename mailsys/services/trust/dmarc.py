"""DMARC (RFC 9989): asks for the records that `core.trust.dmarc` decides on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from mailsys.core.trust import dmarc
from mailsys.core.trust.author import Author
from mailsys.core.trust.dmarc import DmarcRecord
from mailsys.core.trust.evidence import DkimEvidence, DmarcEvidence, Signed, Spf, SpfEvidence
from mailsys.ports.resolver import ResolverError
from mailsys.services.trust.lookups import Lookups, together


async def walk(lookups: Lookups, domain: str) -> Mapping[str, DmarcRecord]:
    """The records on the way up from `domain`. Raises ResolverError."""
    found: dict[str, DmarcRecord] = {}
    for name in dmarc.walk(domain):
        answer = await lookups.ask(f"_dmarc.{name}", "TXT")
        record = dmarc.record_of([text for text in answer.records if isinstance(text, bytes)])
        if record is not None:
            found[name] = record
            if dmarc.ends_walk(record):
                break
    return found


async def prepare(lookups: Lookups, author: Author) -> None:
    """Asks for what `check` will want, while SPF and DKIM are under way."""
    if author.domain:
        with suppress(ResolverError):
            await walk(lookups, author.domain)


async def check(
    lookups: Lookups, author: Author, spf: SpfEvidence | None, dkim: Sequence[DkimEvidence]
) -> DmarcEvidence:
    domain = author.domain
    if not domain:
        return DmarcEvidence(Signed.PERMERROR, cause=author.problem)
    try:
        return await _check(lookups, domain, spf, dkim)
    except ResolverError as error:
        return DmarcEvidence(Signed.TEMPERROR, domain, cause=f"the policy could not be looked up: {error}")


async def _check(
    lookups: Lookups, domain: str, spf: SpfEvidence | None, dkim: Sequence[DkimEvidence]
) -> DmarcEvidence:
    found = await walk(lookups, domain)
    organization = dmarc.organizational_domain(domain, found)
    applies = dmarc.applicable(domain, found)
    if applies is None:
        return DmarcEvidence(Signed.NONE, domain, organization, cause="no policy is published")
    where, record = applies
    if not record.usable:
        return DmarcEvidence(Signed.NONE, domain, organization, where, cause="the policy cannot be read")
    exists = True
    if where != domain and record.nonexistent not in (None, record.subdomains):
        exists = await _exists(lookups, domain)
    published = dmarc.published_policy(domain, where, record, exists)

    signers = dict.fromkeys(one.domain for one in dkim if one.result is Signed.PASS)
    aligned: dict[str, bool] = {}  # domains of relaxed alignment

    async def align(other: str, strict: bool) -> bool:
        if other == domain:
            return True
        if strict or not dmarc.may_align(other, organization):
            return False
        if other not in aligned:
            theirs = await walk(lookups, other)
            aligned[other] = dmarc.organizational_domain(other, theirs) == organization
        return aligned[other]

    doubt = ""
    aligned_dkim = []
    for signer in signers:
        try:
            if await align(signer, record.strict_dkim):
                aligned_dkim.append(signer)
        except ResolverError as error:
            doubt = str(error)
    aligned_spf = False
    if spf is not None and spf.result is Spf.PASS:
        try:
            aligned_spf = await align(spf.domain, record.strict_spf)
        except ResolverError as error:
            doubt = str(error)
    passed = aligned_spf or bool(aligned_dkim)
    if not passed:
        open_ones = [one.domain for one in dkim if one.result is Signed.TEMPERROR]
        if spf is not None and spf.result is Spf.TEMPERROR:
            open_ones.append(spf.domain)
        if any(dmarc.may_align(one, organization) for one in open_ones):
            doubt = "SPF or DKIM could not be finished"
    if passed:
        result, cause = Signed.PASS, ""
    elif doubt:
        result, cause = Signed.TEMPERROR, doubt
    else:
        result, cause = Signed.FAIL, f"nothing that passes belongs to {domain}"
    return DmarcEvidence(
        result,
        domain,
        organization,
        where,
        dmarc.in_test(published) if record.testing else published,
        published,
        aligned_spf,
        tuple(aligned_dkim),
        record.report_to,
        record.failures_to,
        record.failure_options,
        cause,
    )


async def _exists(lookups: Lookups, domain: str) -> bool:
    """RFC 9989 §3.2: it has an A, AAAA or MX record. What cannot be looked up is taken to exist."""
    found: list[bool] = []

    async def ask(rtype: str) -> None:
        try:
            found.append(bool((await lookups.ask(domain, rtype)).records))
        except ResolverError:
            found.append(True)

    await together(ask(rtype) for rtype in ("A", "AAAA", "MX"))
    return any(found)
