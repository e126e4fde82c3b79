"""The DNS records that a domain needs, each with what it is for."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailsys.ports.accounts import DkimKey, KeyStage

_KEY_WHY = {
    KeyStage.NEW: "DKIM: the next key ({}); mail is signed by it once this record is seen.",
    KeyStage.ACTIVE: "DKIM: lets receivers verify our signatures ({}).",
    KeyStage.OLD: "DKIM: an old key ({}), for mail that is still under way.",
}
_STRING = 255  # octets of one character-string in a TXT record (RFC 1035 §3.3)


@dataclass(frozen=True, slots=True)
class Record:
    """One record in the form of a zone file line, and why it is wanted."""

    name: str  # fully qualified, with the final dot
    type: str
    value: str  # as in a zone file; long TXT is split into strings
    why: str

    def line(self) -> str:
        return f"{self.name} 300 IN {self.type} {self.value}"


def public_part(key: DkimKey) -> str:
    """The TXT value that publishes a DKIM key (RFC 6376 §3.6.1, RFC 8463 §4)."""
    public = serialization.load_pem_private_key(key.private, password=None).public_key()
    if isinstance(public, Ed25519PublicKey):
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"
    info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(info).decode()}"


def records(
    domain: str,
    hostname: str,
    keys: Sequence[DkimKey],
    ports: tuple[int, int, int] = (465, 587, 993),
) -> list[Record]:
    """What to publish for `domain` whose mail `hostname` takes. `ports`: those of submissions,
    submission and imaps; 0 where we do not serve it."""
    zone, host = f"{domain}.", f"{hostname}."
    found = [
        Record(zone, "MX", f"10 {host}", "Other servers deliver the domain's mail here."),
        Record(zone, "TXT", _text("v=spf1 mx -all"), "SPF: only the servers above send mail of this domain."),
    ]
    found += [
        Record(
            f"{key.selector}._domainkey.{zone}",
            "TXT",
            _text(public_part(key)),
            _KEY_WHY[key.stage].format(key.algorithm),
        )
        for key in keys
    ]
    found.append(
        Record(
            f"_dmarc.{zone}",
            "TXT",
            _text(f"v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}"),
            "DMARC: mail that neither SPF nor DKIM proves is suspect; reports go to postmaster.",
        )
    )
    services = (
        ("_submissions._tcp", ports[0], "Mail clients find where to send (RFC 8314)."),
        ("_submission._tcp", ports[1], "The same, for clients that use STARTTLS (RFC 6186)."),
        ("_imaps._tcp", ports[2], "Mail clients find where to read (RFC 6186)."),
    )
    for name, port, why in services:
        # RFC 6186 §3.4: a target of "." says that the service is not there.
        value = f"0 1 {port} {host}" if port else "0 0 0 ."
        found.append(Record(f"{name}.{zone}", "SRV", value, why))
    return found


def _text(value: str) -> str:
    strings = [value[n : n + _STRING] for n in range(0, len(value), _STRING)]
    return " ".join(f'"{each}"' for each in strings)
