"""What a connection to another server has to prove before mail goes over it, and by whose wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from mailsys.core.trust.dane import Tlsa
from mailsys.services.dns.route import Host


class Proof(Enum):
    NONE = "none"  # TLS where it can be had, by any certificate
    TLS = "tls"  # TLS in any case, by any certificate
    CERTIFICATE = "certificate"  # one for the host's name, by an authority that we trust
    DANE = "dane"  # what the host's TLSA records name


@dataclass(frozen=True, slots=True)
class Demand:
    """tlsa, names: for DANE, the records and the names that a certificate below an authority may have.
    trial: without the proof it goes on, and that is noted (MTA-STS's mode "testing"). by: whose wish
    it is, "DANE", "MTA-STS" or "REQUIRETLS". final: who cannot prove it gets the mail never, not later."""

    proof: Proof = Proof.NONE
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()
    trial: bool = False
    by: str = field(default="", compare=False)
    final: bool = field(default=False, compare=False)

    @property
    def verifies(self) -> bool:
        return self.proof in (Proof.CERTIFICATE, Proof.DANE)

    def covers(self, asked: Demand, tls: str) -> bool:
        """Whether a connection that has proved this, under `tls` ("" in clear), will do where `asked` is."""
        if asked.proof is Proof.NONE:
            return True
        if asked.proof is Proof.TLS:
            return bool(tls)
        return (self.proof, self.tlsa, self.names) == (asked.proof, asked.tlsa, asked.names)

    def refusal(self, why: str) -> str:
        """A reply for a host that could not prove it. `why`: "it does not offer STARTTLS"."""
        if self.final:  # RFC 8689 §4.2.1
            return f"550 5.7.10 Encryption is required and {why}"
        return f"451 4.7.5 {self.by} asks for a protected connection and {why}"

    def level(self, tls: str) -> str:
        """For people, how safe a connection is that has proved this."""
        if not tls:
            return "none"
        if self.proof is Proof.DANE:
            return "verified by DANE"
        if self.proof is Proof.CERTIFICATE:
            return f"verified by certificate ({self.by})" if self.by else "verified by certificate"
        return "opportunistic"


@dataclass(frozen=True, slots=True)
class Way:
    """A host, and what it has to prove. barred: why it may not be used at all, in the form of a reply.
    noted: what is to be told of it though it is used."""

    host: Host
    demand: Demand = Demand()
    barred: str = ""
    noted: str = ""


def plain_ways(hosts: Sequence[Host], required: bool) -> list[Way]:
    """With no policy of the destination. required: as RFC 8689 asks, the host has to be verified."""
    demand = Demand(Proof.CERTIFICATE, by="REQUIRETLS", final=True) if required else Demand()
    return [Way(host, demand) for host in hosts]
