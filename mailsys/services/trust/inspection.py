"""Looking at what another server brings: evidence first, then the judgement, per account.

What can be known of the envelope is asked for while the message arrives; signatures when it is whole. A
message for several accounts is one message: it is refused or put off only when that is what all of its
recipients would do; else those who would not have it get it as junk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import Final, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailsys import metrics
from mailsys.core.network import network_of
from mailsys.core.refusal import Refused, TooManyConnections
from mailsys.core.trust import explained
from mailsys.core.trust.authentication_results import render
from mailsys.core.trust.author import author
from mailsys.core.trust.evidence import Evidence, Listed, Spf
from mailsys.core.trust.judge import WEIGHTS, JudgePolicy, judge, judge_sender, passed_on_by, vouched_for
from mailsys.core.trust.origin import by_reputation, origin
from mailsys.core.trust.signed_fields import SignedFields
from mailsys.core.trust.verdict import Action, Reason, Verdict
from mailsys.log import Log
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.ports.strangers import IStrangers, Patience, Standing
from mailsys.ports.timeline import TimelineEntry
from mailsys.services.content.reading import Offload
from mailsys.services.trust.acquaintances import Acquaintances
from mailsys.services.trust.authenticate import Authenticator, EnvelopeEvidence
from mailsys.services.trust.content import Content
from mailsys.services.trust.dns_lists import DnsLists
from mailsys.services.trust.forwarders import Forwarders
from mailsys.settings import Greylist, Trust
from mailsys.settings_file import weighted

log = Log("trust")

_REMEMBERED: Final = 4096  # of each kind
_FRESH: Final = 30.0  # seconds that what was found out about an envelope is used again
NOBODY: Final = AccountId(0)  # whom forwards are judged for: an account without wishes of its own


class OurDomains(Protocol):
    """Of the directory of addresses."""

    def is_local_domain(self, domain: str) -> bool: ...

    def domains(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Brought:
    """A message that is here, for those who are asked about it."""

    content: Content
    evidence: Evidence
    accounts: Sequence[AccountId]
    recipients: tuple[str, ...]
    trace: str
    ours: int  # octets at its beginning that we put in front


@dataclass(frozen=True, slots=True)
class Said:
    """`reasons` for all accounts; `by_account`: for some. `action`: what is to become of it at least, with
    `reply` if that is DEFER or REFUSE. `header`: whole fields to be put in front."""

    reasons: Sequence[Reason] = ()
    by_account: Mapping[AccountId, Sequence[Reason]] = field(default_factory=dict)
    action: Action = Action.INBOX
    reply: str = ""
    header: bytes = b""


Opinion = Callable[[Brought], Awaitable[Said]]
"""What somebody else (a content filter, a milter) has to say of a message. Does not fail, and answers in
time."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of a message that is taken. `verdicts`: by account, NOBODY for what is forwarded. `front`:
    header fields to be put in front of it. `origin`: see Acceptance."""

    evidence: Evidence
    verdicts: Mapping[AccountId, Verdict]
    front: bytes
    origin: tuple[str, ...]


class Networks:
    """Whether an address lies in one of some networks."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ip_network(one) for one in networks]
        self._known: dict[str, bool] = {}  # of addresses that were asked for lately

    def __contains__(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[address] = self._look(address)
        return known

    def _look(self, address: str) -> bool:
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(found in one for one in self._networks)


K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """What was looked up within the last _FRESH seconds: those who send much send from one place."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._kept: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        if found is None or found[0] <= self._clock.seconds():
            return None
        return found[1]

    def put(self, key: K, value: V) -> None:
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        self._kept[key] = (self._clock.seconds() + _FRESH, value)


@dataclass(frozen=True, slots=True)
class Inspector:
    """`authenticator` None: nothing is looked up. `hostname`: our id in Authentication-Results."""

    authenticator: Authenticator | None
    lists: DnsLists
    strangers: IStrangers
    acquaintances: Acquaintances
    forwarders: Forwarders
    counters: ILimits
    ours: OurDomains
    settings: Trust
    greylist: Greylist
    hostname: str
    policy: JudgePolicy
    exempt: Networks
    as_us: Networks
    offload: Offload
    record: Callable[[Sequence[TimelineEntry]], Deferred[None]]
    envelopes: Recent[tuple[str, str, str], tuple[EnvelopeEvidence, tuple[Listed, ...]]]
    standings: Recent[tuple[str, ...], Mapping[str, Standing]]
    opinions: Sequence[Opinion] = ()

    def connected(self, address: str) -> Deferred[None]:
        """Raises TooManyConnections for a network that is blocked for what it sent before."""
        return Deferred.fromCoroutine(self._connected(address))

    async def _connected(self, address: str) -> None:
        if not self.settings.failures_per_network or address in self.exempt:
            return
        if await self.counters.peek(_blocked(address)):
            metrics.refused_before_data("blocked")
            raise TooManyConnections(
                "Too much mail from your network was refused lately, try again later",
                cause=f"{network_of(address)} is blocked",
            )

    def wishes(self, peer: str, forwarders: frozenset[str] = frozenset()) -> JudgePolicy:
        """What is policy at this moment for mail of this peer, for an account that has these forwarders."""
        policy = self.policy
        return replace(
            policy,
            own_domains=self.ours.domains(),
            forwarders=policy.forwarders | forwarders,
            refuse_own=policy.refuse_own and peer not in self.as_us,
        )

    def begin(self, peer: str, hello: str, sender: str) -> Inspection:
        """MAIL FROM: what is to be looked up begins now."""
        return Inspection(self, peer, hello, sender)

    async def refused(self, peer: str, verdict: Verdict, origin: Sequence[str]) -> Refused:
        """Remember a refusal; the reply for it. A network whose mail is refused again and again is blocked
        for a while: both counters end by themselves."""
        code, _, rest = verdict.reply.partition(" ")
        enhanced, _, text = rest.partition(" ")
        settings, first = self.settings, verdict.reasons[0] if verdict.reasons else None
        cause = first.text if first else ""
        if verdict.action is Action.REFUSE and peer not in self.exempt:
            if self.settings.reputation:
                self.strangers.refused(origin).addErrback(_not_remembered)
            if settings.failures_per_network:
                key = f"trust-refused:{network_of(peer)}"
                count = await self.counters.hit(key, settings.failures_within)
                if count > settings.failures_per_network:
                    await self.counters.hit(_blocked(peer), settings.blocked_for)
                    log.warning("network blocked", network=network_of(peer), seconds=settings.blocked_for)
                    return Refused(
                        421, "4.7.0", "Too much mail from your network was refused, try later", cause=cause
                    )
        return Refused(int(code), enhanced, text, cause=cause)


def _blocked(address: str) -> str:
    return f"trust-blocked:{network_of(address)}"


def _not_remembered(failure: object) -> None:
    log.warning("refusal not counted", cause=str(failure)[:200])


class Inspection:
    """Of one message, from MAIL FROM on."""

    def __init__(self, inspector: Inspector, peer: str, hello: str, sender: str) -> None:
        self._inspector = inspector
        self._peer = peer
        self._hello = hello
        self._sender = sender
        self._checks = inspector.authenticator is not None and peer not in inspector.exempt
        self._envelope: EnvelopeEvidence | None = None
        self._listed: tuple[Listed, ...] = ()
        self._asking = Deferred.fromCoroutine(self._ask()) if self._checks else None

    async def _ask(self) -> None:
        inspector = self._inspector
        assert inspector.authenticator is not None
        key = (self._peer, self._hello, self._sender)
        known = inspector.envelopes.get(key)
        if known is not None:
            self._envelope, self._listed = known
            return
        lookups = inspector.authenticator.budget()
        if inspector.lists.any:
            self._listed = await inspector.lists.address(lookups, self._peer)
        found = await inspector.authenticator.envelope(self._peer, self._hello, self._sender, lookups)
        self._envelope = found
        if Spf.TEMPERROR not in (found.spf.result, found.spf_hello.result):
            inspector.envelopes.put(key, (found, self._listed))

    async def _asked(self) -> None:
        if self._asking is not None:
            waiting, self._asking = self._asking, None
            await waiting

    @property
    def offload(self) -> Offload:
        return self._inspector.offload

    async def record(self, steps: Sequence[TimelineEntry]) -> None:
        """The timeline of what was refused. One that cannot be written is no reason to say something else."""
        try:
            await self._inspector.record(steps)
        except Exception as error:
            log.warning("refusal not recorded", cause=str(error)[:200])

    @property
    def is_own_sender(self) -> bool:
        """Whether `check_sender` has anything to find out: MAIL FROM is of a domain of ours."""
        inspector = self._inspector
        if not self._sender or not inspector.settings.refuse_own_domains:
            return False
        domain = self._sender.rpartition("@")[2]
        return inspector.ours.is_local_domain(domain) and self._peer not in inspector.as_us

    async def check_sender(self) -> None:
        """Raises Refused for a sender of our own domains who is none of us (see `judge_sender`)."""
        inspector = self._inspector
        await self._asked()
        found = self._envelope
        domains = await inspector.forwarders.all()
        policy = inspector.wishes(self._peer, domains)
        trusted = bool(policy.forwarders) and bool(passed_on_by(self._bare(""), policy))
        verdict = judge_sender(
            self._sender, found.spf if found else None, trusted, inspector.ours.is_local_domain
        )
        if verdict is not None:
            metrics.refused_before_data("own-sender")
            raise await inspector.refused(self._peer, verdict, (f"network:{network_of(self._peer)}",))

    def _bare(self, from_address: str, name: str = "") -> Evidence:
        """What is known without looking at signatures."""
        found = self._envelope
        return Evidence(
            self._peer,
            self._hello,
            self._sender,
            from_address,
            name,
            spf=found.spf if found else None,
            spf_hello=found.spf_hello if found else None,
            address=found.address if found else None,
            listed=self._listed,
        )

    async def examine(
        self,
        content: Content,
        accounts: Sequence[AccountId],
        onward: bool,
        *,
        recipients: tuple[str, ...] = (),
        trace: str = "",
        ours: int = 0,
    ) -> Examined:
        """The whole message, for these accounts, and to be forwarded as well when `onward`. Raises Refused,
        when nobody here would have it, or not yet. The rest: see Brought."""
        inspector = self._inspector
        await self._asked()
        evidence = await self._evidence(content)
        keys = origin(evidence)
        common = await self._common(evidence, keys)
        for_whom = [*accounts, NOBODY] if onward else list(accounts)
        more = await self._of_accounts(evidence, accounts)
        said = []
        for opinion in inspector.opinions:
            one = await opinion(Brought(content, evidence, accounts, recipients, trace, ours))
            said.append(one)
            common += one.reasons
            for account, theirs in one.by_account.items():
                more[account] = [*more.get(account, ()), *theirs]
        verdicts = {}
        policy = inspector.wishes(self._peer)
        for account in for_whom:
            reasons = [*common, *more.get(account, ())]
            verdict = judge(evidence, reasons, policy)
            if account != NOBODY and _is_hard(verdict):
                own = await inspector.forwarders.of(account)
                if own:
                    verdict = judge(evidence, reasons, inspector.wishes(self._peer, own))
            verdicts[account] = _at_least(verdict, said)
        await self._settle(evidence, verdicts, keys, any(one.action is Action.REFUSE for one in said))
        header = b"".join(one.header for one in said)
        return Examined(evidence, verdicts, self._front(evidence, verdicts) + header, keys)

    async def _evidence(self, content: Content) -> Evidence:
        inspector = self._inspector
        if not self._checks:
            found = author(SignedFields(content.header)) if len(content.header) < _HEADER_AT_ONCE else None
            return self._bare(found.address, found.name) if found is not None else self._bare("")
        assert inspector.authenticator is not None
        lookups = inspector.authenticator.budget()
        evidence = await inspector.authenticator.examine(
            self._peer, self._hello, self._sender, content, known=self._envelope, lookups=lookups
        )
        listed = self._listed
        if inspector.lists.any:
            domains = [_domain(self._sender), _domain(evidence.author), self._hello.lower().rstrip(".")]
            listed += await inspector.lists.domains(lookups, [one for one in domains if "." in one])
        return replace(evidence, listed=listed)

    async def _common(self, evidence: Evidence, keys: tuple[str, ...]) -> list[Reason]:
        """Reasons that hold for all accounts."""
        reasons = [_listed(one) for one in evidence.listed]
        if self._inspector.settings.reputation and self._checks:
            standings = self._inspector.standings.get(keys)
            if standings is None:
                standings = await self._inspector.strangers.standings(keys)
                self._inspector.standings.put(keys, standings)
            reason = by_reputation(keys, standings)
            if reason is not None:
                reasons.append(reason)
        return reasons

    async def _of_accounts(
        self, evidence: Evidence, accounts: Sequence[AccountId]
    ) -> dict[AccountId, list[Reason]]:
        inspector = self._inspector
        found: dict[AccountId, list[Reason]] = {account: [] for account in accounts}
        for account in accounts:
            found[account] += await inspector.acquaintances.reasons(
                account, evidence, believed=vouched_for(evidence) or not self._checks
            )
        return found

    async def _settle(
        self,
        evidence: Evidence,
        verdicts: dict[AccountId, Verdict],
        keys: tuple[str, ...],
        by_content: bool,
    ) -> None:
        """Refuse or put off what all would; else what one would is junk for him."""
        inspector = self._inspector
        hard = {account: one for account, one in verdicts.items() if _is_hard(one)}
        if hard and len(hard) == len(verdicts):
            put_off = [one for one in hard.values() if one.action is Action.DEFER]
            verdict = put_off[0] if put_off else next(iter(hard.values()))
            _count(verdict)
            refused = await inspector.refused(self._peer, verdict, keys)
            refused.by_content = by_content and refused.smtp[0] >= 500
            raise refused
        for account, one in hard.items():
            if account != NOBODY:
                verdicts[account] = replace(one, action=Action.JUNK, reply="")
        if not hard:
            await self._greylist(evidence, verdicts)
        for one in verdicts.values():
            _count(one)

    async def _greylist(self, evidence: Evidence, verdicts: Mapping[AccountId, Verdict]) -> None:
        inspector = self._inspector
        settings = inspector.greylist
        if settings.mode == "off" or not self._checks or vouched_for(evidence):
            return
        least = -100.0 if settings.mode == "all" else settings.score
        for account, one in verdicts.items():
            first = account == NOBODY or any(reason.code == "first-contact" for reason in one.reasons)
            asked = any(reason.code == "dmarc-quarantine" for reason in one.reasons)  # decided already
            if not first or asked or one.score < least:
                return
        network = network_of(self._peer)
        sender = self._sender.lower() or f"<>{self._hello.lower()}"
        patience = Patience(settings.delay, settings.window, settings.keep)
        wait = await inspector.strangers.knock(
            [f"{network} {account} {sender}" for account in verdicts],
            f"{network} {_domain(sender) or sender}",
            patience,
        )
        if wait > 0.0:
            verdict = Verdict(Action.DEFER, (Reason("greylisted", "A stranger, asked to come again."),))
            _count(verdict)
            log.info("greylisted", peer=self._peer, sender=self._sender, seconds=round(wait))
            raise Refused(
                451,
                "4.7.1",
                f"We do not know you yet: try again in {max(1, round(wait))} seconds",
                cause="greylisted",
            )

    def _front(self, evidence: Evidence, verdicts: Mapping[AccountId, Verdict]) -> bytes:
        """One message, one header: the verdict is told there only when it is the same for all."""
        front = render(self._inspector.hostname, evidence) if self._checks else b""
        fields = {explained.field(one) for one in verdicts.values()}
        return front + (fields.pop() if len(fields) == 1 else b"")


_HEADER_AT_ONCE: Final = 16 * 1024


def _at_least(verdict: Verdict, said: Sequence[Said]) -> Verdict:
    """As hard as the hardest of these would have it."""
    for one in said:
        if _ORDER.index(one.action) > _ORDER.index(verdict.action):
            first = tuple(one.reasons) + tuple(each for each in verdict.reasons if each not in one.reasons)
            verdict = replace(verdict, action=one.action, reasons=first, reply=one.reply)
    return verdict


_ORDER: Final = tuple(Action)


def _is_hard(verdict: Verdict) -> bool:
    return verdict.action in (Action.REFUSE, Action.DEFER)


def _count(verdict: Verdict) -> None:
    decided = verdict.reasons[0].code if verdict.reasons and verdict.action is not Action.INBOX else ""
    metrics.judged(verdict.action.value, decided)


def _listed(one: Listed) -> Reason:
    says = f" It says: {one.text}" if one.text else ""
    code = "listed" if one.weight >= 0 else "listed-good"
    detail = (("list", one.list_name), ("what", one.what), ("says", one.text))
    return Reason(code, f"{one.what} is in the list {one.list_name}.{says}", one.weight, detail)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower() if "@" in address else ""


def new_policy(settings: Trust, ours: OurDomains) -> JudgePolicy:
    """What the settings ask for, before accounts have their say. Raises ValueError for an unknown reason."""
    weights = dict(map(weighted, settings.weights))
    unknown = sorted(set(weights) - set(WEIGHTS))
    if unknown:
        raise ValueError(f"trust.weights: there is no reason {unknown[0]!r}")
    return JudgePolicy(
        ours.is_local_domain,
        (),
        frozenset(one.lower() for one in settings.trusted_sealers),
        frozenset(one.lower() for one in settings.forwarders),
        settings.junk_at,
        weights,
        settings.refuse_own_domains,
        settings.obey_dmarc,
    )
