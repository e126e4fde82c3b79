"""Everything that the DNS and the signatures tell about one message, gathered as `Evidence`.

All checks run at once and share one budget of look-ups and time; one that could not be finished says
TEMPERROR. What takes more than about a millisecond of computing is done in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from twisted.internet.interfaces import IReactorTime

from mailsys.core.message.header import MAX_FIELDS
from mailsys.core.trust.arc_chain import ArcSet, BrokenChain, read_chain
from mailsys.core.trust.author import Author, author
from mailsys.core.trust.body_digests import BodyDigest, BodyDigests, Form
from mailsys.core.trust.evidence import (
    AddressEvidence,
    ArcEvidence,
    DkimEvidence,
    Evidence,
    Signed,
    SpfEvidence,
)
from mailsys.core.trust.signature import Signature
from mailsys.core.trust.signed_fields import SignedFields
from mailsys.ports.resolver import IResolver
from mailsys.services.content.reading import Offload
from mailsys.services.trust import address, arc, dkim, dmarc, spf
from mailsys.services.trust.content import HEADER_AT_ONCE, Content
from mailsys.services.trust.keys import Key, Keys, NoKey
from mailsys.services.trust.lookups import AT_MOST, SECONDS, Lookups, together

T = TypeVar("T")

VERIFIED_AT_ONCE: Final = 4  # signatures and seals: about 0.1 ms each


@dataclass(frozen=True, slots=True)
class EnvelopeEvidence:
    """What is known once the client said MAIL."""

    spf: SpfEvidence
    spf_hello: SpfEvidence
    address: AddressEvidence


@dataclass(frozen=True, slots=True)
class _Read:
    """A header with what is to be verified in it."""

    fields: SignedFields
    author: Author
    signatures: list[Signature | DkimEvidence]
    chain: tuple[ArcSet, ...]
    arc: ArcEvidence | None  # when nothing needs to be verified to know


class Authenticator:
    """`receiver`: our host name, for macros of SPF explanations."""

    def __init__(
        self,
        resolver: IResolver,
        offload: Offload,
        clock: IReactorTime,
        receiver: str,
        *,
        seconds: float = SECONDS,
        lookups: int = AT_MOST,
    ) -> None:
        self._resolver = resolver
        self._offload = offload
        self._clock = clock
        self._receiver = receiver
        self._seconds = seconds
        self._lookups = lookups
        self._keys = Keys()

    def budget(self) -> Lookups:
        """For one step, before DATA or after it, and whatever else is asked then: its time runs from now on.
        Without one, `envelope` and `examine` make their own."""
        return Lookups(self._resolver, self._clock, self._seconds, self._lookups)

    async def envelope(
        self, peer: str, hello: str, sender: str, lookups: Lookups | None = None
    ) -> EnvelopeEvidence:
        """What can be known before DATA. `sender` "": the null sender."""
        lookups = lookups or self.budget()
        now = self._clock.seconds()
        found: dict[str, SpfEvidence] = {}
        where: list[AddressEvidence] = []

        async def check_spf(of: str) -> None:
            found[of] = await spf.check(lookups, peer, hello, of, receiver=self._receiver, now=now)

        async def check_address() -> None:
            where.append(await address.check(lookups, peer))

        await together([*(check_spf(of) for of in {"", sender}), check_address()])
        return EnvelopeEvidence(found[sender], found[""], where[0])

    async def examine(
        self,
        peer: str,
        hello: str,
        sender: str,
        content: Content,
        *,
        known: EnvelopeEvidence | None = None,
        lookups: Lookups | None = None,
    ) -> Evidence:
        """`known`: what `envelope` said before."""
        lookups = lookups or self.budget()
        now = self._clock.seconds()
        read = await self._run(len(content.header) <= HEADER_AT_ONCE, lambda: _read(content, now))
        envelopes = [] if known is None else [known]
        signed: list[tuple[tuple[DkimEvidence, ...], ArcEvidence]] = []

        async def check_envelope() -> None:
            envelopes.append(await self.envelope(peer, hello, sender, lookups))

        async def check_signatures() -> None:
            signed.append(await self._signatures(read, content, lookups))

        async def look_ahead() -> None:  # the policy will be wanted next
            await dmarc.prepare(lookups, read.author)

        work = [check_signatures(), look_ahead()]
        if known is None:
            work.append(check_envelope())
        await together(work)
        envelope, (signatures, chain) = envelopes[0], signed[0]
        return Evidence(
            peer=peer,
            hello=hello,
            sender=sender,
            author=read.author.address,
            author_name=read.author.name,
            spf=envelope.spf,
            spf_hello=envelope.spf_hello,
            dkim=signatures,
            dmarc=await dmarc.check(lookups, read.author, envelope.spf, signatures),
            arc=chain,
            address=envelope.address,
        )

    async def _signatures(
        self, read: _Read, content: Content, lookups: Lookups
    ) -> tuple[tuple[DkimEvidence, ...], ArcEvidence]:
        wanted = [(one.selector, one.domain) for one in read.signatures if isinstance(one, Signature)]
        wanted += arc.keys_wanted(read.chain)[: arc.KEYS_AT_MOST]
        keys: dict[tuple[str, str], Key | NoKey] = {}

        async def fetch(selector: str, domain: str) -> None:
            keys[selector, domain] = await self._keys.fetch(lookups, selector, domain)

        wanted = list(dict.fromkeys(wanted))
        await together(fetch(*one) for one in wanted)
        at_once = content.small and len(wanted) + 2 * len(read.chain) <= VERIFIED_AT_ONCE
        return await self._run(at_once, lambda: _verify(read, content, keys))

    async def _run(self, at_once: bool, work: Callable[[], T]) -> T:
        if at_once:
            return work()
        return await self._offload(work)


def _read(content: Content, now: float) -> _Read:
    cause = "" if content.whole else "the header is too long"
    if content.fields > MAX_FIELDS:
        cause = "the header has too many fields"
    fields = SignedFields(content.header[:HEADER_AT_ONCE] if cause else content.header)
    signatures = dkim.read(fields, now)
    if cause:
        signatures = [
            replace(one, cause=cause)
            if isinstance(one, DkimEvidence)
            else DkimEvidence(Signed.NEUTRAL, one.domain, one.selector, one.algorithm, cause=cause)
            for one in signatures
        ]
        return _Read(fields, Author(problem=cause), signatures, (), ArcEvidence(Signed.FAIL, cause=cause))
    chain: tuple[ArcSet, ...] = ()
    known = None
    try:
        chain = read_chain(fields)
    except BrokenChain as error:
        known = ArcEvidence(Signed.FAIL, cause=str(error))
    if not chain and known is None:
        known = ArcEvidence(Signed.NONE)
    return _Read(fields, author(fields), signatures, chain, known)


def _verify(
    read: _Read, content: Content, keys: dict[tuple[str, str], Key | NoKey]
) -> tuple[tuple[DkimEvidence, ...], ArcEvidence]:
    """The header parts first: a body is only hashed for a signature that fits so far."""
    fields = read.fields
    judged: list[tuple[Signature | None, DkimEvidence]] = []
    for one in read.signatures:
        if isinstance(one, Signature):
            judged.append((one, dkim.judge_header(fields, one, keys[one.selector, one.domain])))
        else:
            judged.append((None, one))
    seals = read.arc or arc.judge_seals(fields, read.chain, keys)
    forms = dkim.wanted([(one, found) for one, found in judged if one is not None])
    if read.chain and seals.result is Signed.PASS:
        forms.update(one.message.form for one in read.chain)
    digests = _digests(content, forms)
    signatures = tuple(
        found if one is None else dkim.judge_body(one, found, keys[one.selector, one.domain], digests)
        for one, found in judged
    )
    if read.chain:
        seals = arc.judge_bodies(fields, read.chain, seals, keys, digests)
    return signatures, seals


def _digests(content: Content, forms: set[Form]) -> dict[Form, BodyDigest]:
    if not forms:
        return {}
    bodies = BodyDigests(forms)
    for window in content.windows():
        bodies.feed(window)
    bodies.finish()
    return {form: bodies.get(form) for form in forms}
