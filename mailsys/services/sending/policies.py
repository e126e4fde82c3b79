"""What the destination of a message asks of the connection that carries it: DANE, then MTA-STS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.trust.dane import Tlsa, usable
from mailsys.core.trust.mta_sts import Mode, StsPolicy
from mailsys.log import Log
from mailsys.ports.resolver import Answer, IResolver, ResolverError
from mailsys.services.dns.route import Host
from mailsys.services.sending.demand import Demand, Proof, Way
from mailsys.services.sending.sts import StsPolicies

_log = Log("send")

_REQUIRED = Demand(Proof.CERTIFICATE, by="REQUIRETLS", final=True)


@dataclass(frozen=True, slots=True)
class Policies:
    """sts: None when MTA-STS is off; dane: whether DANE is on."""

    resolver: IResolver
    sts: StsPolicies | None
    dane: bool

    async def ways(self, destination: str, hosts: Sequence[Host], required: bool) -> list[Way]:
        """The hosts with what each has to prove. required: the message asked for REQUIRETLS.

        DANE of a host comes before MTA-STS of the domain (RFC 8461 §2), which is asked for the others. A host
        whose TLSA records cannot be looked up now is not used now (RFC 7672 §2.2)."""
        found: dict[str, Way] = {}
        policy = await self.sts.policy(destination) if self.sts is not None else None
        names = list(dict.fromkeys(host.name for host in hosts))
        first = {host.name: host for host in reversed(hosts)}
        asked = await gatherResults(
            [Deferred.fromCoroutine(self._by_dane(destination, first[name])) for name in names]
        )
        for name, way in zip(names, asked, strict=True):
            found[name] = _by_sts(way, policy, destination) if way.demand.proof is not Proof.DANE else way
        return [_required(found[host.name], host, required) for host in hosts]

    async def _by_dane(self, destination: str, host: Host) -> Way:
        if not (self.dane and host.authenticated):
            return Way(host)
        try:
            answer: Answer = await self.resolver.query(f"_{host.port}._tcp.{host.name}", "TLSA")
        except ResolverError:
            return Way(host, barred=f"451 4.7.5 The TLSA records of {host.name} could not be looked up")
        except ValueError:  # a name with that in front is too long to be one
            return Way(host)
        records = [Tlsa(*each) for each in answer.records if isinstance(each, tuple)]
        if not answer.authenticated or not records:
            return Way(host)
        good = usable(records)
        if not good:  # RFC 7672 §2.2: TLS all the same, by whatever certificate
            return Way(host, Demand(Proof.TLS, by="DANE"))
        names = tuple(dict.fromkeys((host.name, destination)))  # RFC 7672 §3.2.2
        return Way(host, Demand(Proof.DANE, good, names, by="DANE"))


def _by_sts(way: Way, policy: StsPolicy | None, destination: str) -> Way:
    if policy is None or way.barred:
        return way
    host, trial = way.host, policy.mode is Mode.TESTING
    if not policy.allows(host.name):
        why = f"{host.name} is not in the MTA-STS policy of {destination}"
        _log.info("not-in-policy", host=host.name, destination=destination, mode=policy.mode.value)
        if not trial:
            return Way(host, barred=f"451 4.7.5 {why}")
        return Way(host, way.demand, noted=f"MTA-STS, testing: {why}")
    if trial and way.demand.proof is not Proof.NONE:
        return way
    return Way(host, Demand(Proof.CERTIFICATE, trial=trial, by="MTA-STS"))


def _required(way: Way, host: Host, required: bool) -> Way:
    """The same for another address of the host."""
    demand = way.demand
    if required and not (demand.verifies and not demand.trial):
        demand = _REQUIRED
    elif required:
        demand = Demand(demand.proof, demand.tlsa, demand.names, False, demand.by, True)
    return Way(host, demand, way.barred, way.noted)
