"""From evidence to a verdict: a pure function, so that it can be rehearsed and tested without a network.

In this order:
1. Mail that says it is from a domain of ours, and was not sent by us, is refused. What passes: an aligned
   signature or SPF (a mailing list that leaves the message as it is brings our DKIM signature back), a chain
   of seals (ARC) all of whose sealers are trusted and whose first saw it pass, and a forwarder that the
   account lists. A list that rewrites messages and is not listed is refused: it must rewrite From as well.
2. DMARC: `reject` is refused and `quarantine` goes to Junk (RFC 9989 §5.4), with the same two exceptions.
3. What could not be looked up, where an answer might have let it pass, is deferred (451).
4. Everything else is weighed. The sum of the weights decides between inbox and Junk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mailsys.core.trust.evidence import Evidence, Policy, Signed, Spf, SpfEvidence
from mailsys.core.trust.lookalike import claimed_address, looks_like, mixes_scripts
from mailsys.core.trust.verdict import Action, Reason, Verdict

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "dmarc-quarantine": 10.0,
        "dmarc-failed": 1.0,
        "dmarc-passed": -1.0,
        "signed-in-part": 1.0,
        "spf-fail": 1.5,
        "spf-softfail": 1.0,
        "spf-permerror": 0.7,
        "spf-none": 0.5,
        "dkim-failed": 0.5,
        "unsigned": 0.3,
        "no-author": 2.5,
        "address-unnamed": 0.8,
        "address-mismatch": 0.5,
        "lookalike-domain": 3.5,
        "mixed-scripts": 2.0,
        "lookalike-name": 1.5,
        "name-has-address": 1.5,
        "first-contact": 0.2,
        "correspondent": -3.0,
        "bad-reputation": 3.0,
        "good-reputation": -1.5,
    }
)
"""What a reason weighs unless the settings say otherwise. Reasons of lists and filters bring their own."""

_SHOWN: Final = frozenset(  # also warned of, in mail that is delivered
    {
        "dmarc-failed", "dmarc-overridden", "signed-in-part", "spf-fail", "lookalike-domain",
        "mixed-scripts", "lookalike-name", "name-has-address", "first-contact", "no-author", "dkim-failed",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """`is_ours`: whether a domain is one of ours; `own_domains`: their names, for look-alikes. `sealers`:
    domains whose ARC seals are believed. `forwarders`: domains of hosts that pass mail on for this account.
    `junk_at`: the sum of weights from which mail is junk. `weights` replaces some of WEIGHTS."""

    is_ours: Callable[[str], bool] = lambda _: False
    own_domains: Sequence[str] = ()
    sealers: frozenset[str] = frozenset()
    forwarders: frozenset[str] = frozenset()
    junk_at: float = 5.0
    weights: Mapping[str, float] = field(default_factory=dict)
    refuse_own: bool = True
    obey_dmarc: bool = True


def judge(evidence: Evidence, more: Sequence[Reason], policy: JudgePolicy) -> Verdict:
    """`more`: reasons that were found elsewhere (lists, reputation, correspondents, the content filter)."""
    by = passed_on_by(evidence, policy)
    hard = _own_domain(evidence, policy, by) or _dmarc_reject(evidence, policy, by)
    if hard is not None:
        return hard
    late = _unanswered(evidence, policy, by)
    if late is not None:
        return late
    reasons = [*_weigh(evidence, policy, by), *(_weighed(one, policy) for one in more)]
    warnings = tuple(one for one in reasons if one.code in _SHOWN)
    reasons.sort(key=lambda one: -one.weight)
    score = round(sum((one.weight for one in reasons), 0.0), 2)
    quarantined = any(one.code == "dmarc-quarantine" for one in reasons)
    action = Action.JUNK if score >= policy.junk_at or quarantined else Action.INBOX
    if action is Action.INBOX:
        reasons.sort(key=lambda one: one.weight)  # what speaks for it decided
    else:
        reasons.sort(key=lambda one: (one.code != "dmarc-quarantine", -one.weight))
    return Verdict(action, tuple(reasons), warnings, score)


def judge_sender(
    sender: str, spf: SpfEvidence | None, trusted: bool, is_ours: Callable[[str], bool]
) -> Verdict | None:
    """Before DATA: a MAIL FROM of our own domains from a stranger whose SPF does not pass. None: go on.

    `trusted`: the peer is a forwarder that somebody here lists; what it brings is judged when it is here."""
    domain = _domain(sender)
    if not domain or not is_ours(domain) or trusted:
        return None
    if spf is not None and spf.result is Spf.PASS:
        return None
    if spf is not None and spf.result is Spf.TEMPERROR:
        return _deferred(
            "spf-unanswered", f"SPF of {domain} could not be looked up; try again later", ("domain", domain),
            reply="451 4.7.24",
        )  # fmt: skip
    return _not_ours("own-sender", domain)


def passed_on_by(evidence: Evidence, policy: JudgePolicy) -> str:
    """Who is believed to have passed this message on: a domain of `forwarders` that the peer proves to be
    of, or the sealers of a trusted chain; "" for nobody."""
    for domain in _proven(evidence):
        for one in policy.forwarders:
            if domain == one or domain.endswith("." + one):
                return one
    chain = evidence.arc
    if (
        chain is not None
        and chain.result is Signed.PASS
        and chain.first_dmarc is Signed.PASS
        and chain.sealers
        and all(one in policy.sealers for one in chain.sealers)
    ):
        return chain.sealers[0]
    return ""


def _proven(evidence: Evidence) -> list[str]:
    """Domains that the peer is shown to be of, or that signed the message."""
    found = [spf.domain for spf in (evidence.spf, evidence.spf_hello) if spf and spf.result is Spf.PASS]
    if evidence.address is not None and evidence.address.result is Signed.PASS:
        found.append(evidence.address.name)
    return found + [one.domain for one in evidence.dkim if one.result is Signed.PASS and not one.partial]


def vouched_for(evidence: Evidence) -> bool:
    """Whether the author's domain itself stands for this message: DMARC passes, or would if it published a
    record (a signature of the very domain, or SPF of it)."""
    if evidence.dmarc is not None and evidence.dmarc.result is Signed.PASS:
        return True
    domain = _domain(evidence.author) or (evidence.dmarc.author_domain if evidence.dmarc else "")
    if not domain:
        return False
    spf = evidence.spf
    if evidence.sender and spf is not None and spf.result is Spf.PASS and spf.domain == domain:
        return True
    return any(
        one.result is Signed.PASS and one.domain == domain and not one.partial for one in evidence.dkim
    )


# -- what decides alone ------------------------------------------------------------------------------


def _own_domain(evidence: Evidence, policy: JudgePolicy, by: str) -> Verdict | None:
    author = evidence.dmarc.author_domain if evidence.dmarc is not None else ""
    domain = author or _domain(evidence.author)
    if not policy.refuse_own or not domain or not policy.is_ours(domain) or by:
        return None
    if vouched_for(evidence):
        return None
    if _could_have_passed(evidence, domain):
        return _deferred(
            "own-domain-unanswered",
            f"Whether {domain} sent this could not be looked up; try again later",
            ("domain", domain),
        )
    return _not_ours("own-domain", domain)


def _not_ours(code: str, domain: str) -> Verdict:
    where = "the From field" if code == "own-domain" else "MAIL FROM"
    reason = Reason(
        code,
        f"It says in {where} that it is from {domain}, a domain of ours, but it did not come from us.",
        10.0,
        (("domain", domain),),
    )
    remedy = f"{domain} in {where} is ours, and this did not come from us: sign in to send, or sign with DKIM"
    return Verdict(Action.REFUSE, (reason,), (), 10.0, f"550 5.7.1 {remedy}")


def _could_have_passed(evidence: Evidence, domain: str) -> bool:
    spf = evidence.spf
    if evidence.sender and spf is not None and spf.result is Spf.TEMPERROR and spf.domain == domain:
        return True
    return any(one.result is Signed.TEMPERROR and one.domain == domain for one in evidence.dkim)


def _dmarc_reject(evidence: Evidence, policy: JudgePolicy, by: str) -> Verdict | None:
    found = evidence.dmarc
    if found is None or found.result is not Signed.FAIL or found.policy is not Policy.REJECT:
        return None
    if by or not policy.obey_dmarc:
        return None
    domain = found.author_domain
    reason = Reason(
        "dmarc-reject",
        f"{domain} asks to refuse mail in its name that it did not sign or send, and this is such mail.",
        10.0,
        (("domain", domain), ("cause", found.cause)),
    )
    remedy = (
        f"Refused by the DMARC policy of {domain}: neither its SPF nor a DKIM signature of it passes; "
        f"send through its servers, or let {domain} sign"
    )
    return Verdict(Action.REFUSE, (reason,), (), 10.0, f"550 5.7.26 {remedy}")


def _unanswered(evidence: Evidence, policy: JudgePolicy, by: str) -> Verdict | None:
    """A passing failure of the DNS where an answer might have let the message pass (RFC 9989 §5.3.6)."""
    if by or vouched_for(evidence):
        return None
    found = evidence.dmarc
    if found is not None and found.result is Signed.TEMPERROR and policy.obey_dmarc:
        domain = found.author_domain
        return _deferred(
            "dmarc-unanswered", f"DMARC of {domain} could not be looked up; try again later",
            ("domain", domain), ("cause", found.cause),
        )  # fmt: skip
    spf = evidence.spf
    if evidence.sender and spf is not None and spf.result is Spf.TEMPERROR:
        return _deferred(
            "spf-unanswered", f"SPF of {spf.domain} could not be looked up; try again later",
            ("domain", spf.domain), ("cause", spf.cause), reply="451 4.7.24",
        )  # fmt: skip
    return None


def _deferred(code: str, text: str, *detail: tuple[str, str], reply: str = "451 4.7.0") -> Verdict:
    return Verdict(Action.DEFER, (Reason(code, f"{text}.", 0.0, detail),), (), 0.0, f"{reply} {text}")


# -- what is weighed ---------------------------------------------------------------------------------


def _weigh(evidence: Evidence, policy: JudgePolicy, by: str) -> list[Reason]:
    found: list[Reason] = []

    def add(code: str, text: str, *detail: tuple[str, str]) -> None:
        found.append(_weighed(Reason(code, text, WEIGHTS.get(code, 0.0), detail), policy))

    _weigh_dmarc(evidence, policy, by, add)
    if not by:
        _weigh_path(evidence, add)
    _weigh_names(evidence, policy, add)
    return found


_Add = Callable[..., None]


def _weigh_dmarc(evidence: Evidence, policy: JudgePolicy, by: str, add: _Add) -> None:
    dmarc = evidence.dmarc
    if dmarc is None:
        return
    domain = dmarc.author_domain
    if dmarc.result is Signed.PASS:
        if _in_part(evidence):
            add(
                "signed-in-part",
                f"{domain} vouches for the first part of it only; somebody may have added more.",
                ("domain", domain),
            )
        else:
            add("dmarc-passed", f"{domain} vouches for it.", ("domain", domain))
    elif dmarc.result is Signed.FAIL and by:
        add(
            "dmarc-overridden", f"{domain} does not vouch for it, but {by} passed it on and is trusted.",
            ("domain", domain), ("by", by),
        )  # fmt: skip
    elif dmarc.result is Signed.FAIL and dmarc.policy is Policy.QUARANTINE and policy.obey_dmarc:
        add(
            "dmarc-quarantine",
            f"{domain} asks to treat mail that it does not vouch for as junk, and this is such mail.",
            ("domain", domain),
        )
    elif dmarc.result is Signed.FAIL:
        add("dmarc-failed", f"{domain} does not vouch for it.", ("domain", domain))
    elif not domain:
        add("no-author", f"It does not say clearly who wrote it: {dmarc.cause}.", ("cause", dmarc.cause))


def _in_part(evidence: Evidence) -> bool:
    """Whether DMARC passes by signatures alone that leave the end of the body unsigned (l=)."""
    dmarc = evidence.dmarc
    if dmarc is None or dmarc.aligned_spf:
        return False
    by = [one for one in evidence.dkim if one.result is Signed.PASS and one.domain in dmarc.aligned_dkim]
    return bool(by) and all(one.partial for one in by)


def _weigh_path(evidence: Evidence, add: _Add) -> None:
    """How it came to us; nothing of this counts once the author's domain vouches for it."""
    if vouched_for(evidence):
        return
    spf = evidence.spf
    if spf is not None:
        domain = ("domain", spf.domain)
        peer = evidence.peer
        if spf.result is Spf.FAIL:
            add("spf-fail", f"{spf.domain} says that {peer} may not send for it.", domain, ("peer", peer))
        elif spf.result is Spf.SOFTFAIL:
            add("spf-softfail", f"{spf.domain} doubts that {peer} may send for it.", domain, ("peer", peer))
        elif spf.result is Spf.PERMERROR:
            add("spf-permerror", f"The SPF record of {spf.domain} cannot be read.", domain)
        elif spf.result in (Spf.NONE, Spf.NEUTRAL) and evidence.sender:
            add("spf-none", f"{spf.domain or 'The sender'} does not say who may send for it.", domain)
    if any(one.result is Signed.FAIL for one in evidence.dkim):
        if not any(one.result is Signed.PASS for one in evidence.dkim):
            signer = next(one.domain for one in evidence.dkim if one.result is Signed.FAIL)
            add("dkim-failed", f"It was changed on its way, or {signer} did not sign it.", ("domain", signer))
    elif not evidence.dkim and spf is not None:
        add("unsigned", "Nobody signed it.")
    if evidence.address is not None and evidence.address.result in (Signed.FAIL, Signed.PERMERROR):
        peer = evidence.peer
        if evidence.address.names:
            add("address-mismatch", f"The name of {peer} does not lead back to it.", ("peer", peer))
        else:
            add("address-unnamed", f"The sending computer, {peer}, has no name.", ("peer", peer))


def _weigh_names(evidence: Evidence, policy: JudgePolicy, add: _Add) -> None:
    domain = _domain(evidence.author)
    if not domain:
        return
    like = looks_like(domain, policy.own_domains)
    if like:
        add(
            "lookalike-domain", f"{domain} looks like {like}, but is another domain.",
            ("domain", domain), ("like", like),
        )  # fmt: skip
    elif mixes_scripts(domain):
        add("mixed-scripts", f"{domain} mixes letters of several alphabets.", ("domain", domain))
    claimed = claimed_address(evidence.author_name, evidence.author)
    if claimed:
        add(
            "name-has-address",
            f"The sender calls himself {claimed}, but writes from {evidence.author}.",
            ("claimed", claimed), ("address", evidence.author),
        )  # fmt: skip


def _weighed(reason: Reason, policy: JudgePolicy) -> Reason:
    weight = policy.weights.get(reason.code, reason.weight)
    return reason if weight == reason.weight else Reason(reason.code, reason.text, weight, reason.detail)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower() if "@" in address else ""
