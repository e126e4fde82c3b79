"""What was found out about where a message comes from, before anybody judges it.

Look-ups come first and end here; `core.trust.judge` is a pure function of these values. A check that was not
made, or could not be finished for lack of an answer, says so: it is never taken for one that passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Spf(Enum):
    """Results of check_host (RFC 7208 §2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Signed(Enum):
    """Results of one signature, of a chain of seals, or of DMARC (RFC 8601 §2.7.1)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    POLICY = "policy"  # too weak or odd to be believed: a short key, SHA-1, signed in the future
    NEUTRAL = "neutral"  # it cannot be read, or is one too many
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Policy(Enum):
    """What a domain asks to be done with mail that fails DMARC (RFC 9989 §4.7)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class SpfEvidence:
    """`domain` is what was asked about, in A-labels: of MAIL FROM, or of HELO. `cause` is printable ASCII."""

    result: Spf
    domain: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class DkimEvidence:
    """One DKIM-Signature field, in the order of the header from the top (RFC 6376 §6.1)."""

    result: Signed
    domain: str  # d=, lower case A-labels; "" when it cannot be read
    selector: str = ""
    algorithm: str = ""  # rsa-sha256, ed25519-sha256
    bits: int = 0  # of an RSA key
    identity: str = ""  # i=
    testing: bool = False  # t=y of the key: fails like one that is not there (RFC 6376 §3.6.1)
    partial: bool = False  # it passes, but l= leaves octets of the body unsigned: anybody could add them
    cause: str = ""


@dataclass(frozen=True, slots=True)
class DmarcEvidence:
    """What the author's domain publishes, and whether the message is aligned with it (RFC 9989).

    `policy` is the one that applies to this From domain (p, sp or np; `t=y` lowers it by one step, §4.7), and
    NONE where nothing is published (`record_domain` "").
    """

    result: Signed
    author_domain: str = ""  # of the From field; "" when there is not exactly one
    organizational_domain: str = ""
    record_domain: str = ""  # where the record was found
    policy: Policy = Policy.NONE
    published: Policy = Policy.NONE  # before `t=y`
    aligned_spf: bool = False
    aligned_dkim: tuple[str, ...] = ()  # d= that align and pass
    report_to: tuple[str, ...] = ()  # rua=, as URIs
    failures_to: tuple[str, ...] = ()  # ruf=
    failure_options: tuple[str, ...] = ("0",)  # fo=
    cause: str = ""


@dataclass(frozen=True, slots=True)
class ArcEvidence:
    """The chain of those who passed the message on (RFC 8617); `sealers` from the newest to the oldest."""

    result: Signed
    sealers: tuple[str, ...] = ()  # d= of each seal
    oldest_pass: int = 0
    first_results: str = ""  # payload of the first ARC-Authentication-Results: what the first sealer saw
    first_dmarc: Signed = Signed.NONE  # what that says of DMARC
    cause: str = ""


@dataclass(frozen=True, slots=True)
class AddressEvidence:
    """Names of the peer's address (RFC 8601 §2.7.3). `name`: one that leads back to it; "" else."""

    result: Signed
    name: str = ""
    names: tuple[str, ...] = ()  # all PTRs, at most ten
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry in a DNS list (RFC 5782)."""

    list_name: str
    what: str  # the address or domain that is listed
    codes: tuple[str, ...]
    text: str = ""
    weight: float = 1.0  # as the settings have it; negative for lists of the good


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it for one message. None: the check was not made (its setting is off, or it does not apply)."""

    peer: str
    hello: str
    sender: str  # envelope, "" is the null sender
    author: str = ""  # address of the From field, "" when there is not exactly one
    author_name: str = ""  # its display name, decoded
    spf: SpfEvidence | None = None  # of MAIL FROM; with the null sender of HELO (RFC 7208 §2.4)
    spf_hello: SpfEvidence | None = None
    dkim: tuple[DkimEvidence, ...] = ()
    dmarc: DmarcEvidence | None = None
    arc: ArcEvidence | None = None
    address: AddressEvidence | None = None
    listed: tuple[Listed, ...] = ()
