"""The same questions to two name servers that have the same zone, and where they differ.

python -m tests.system.dns_side_by_side      prints the table of mailsys and knot
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone

from tests.system.local import mailsys

DOMAIN = "local.test"
WRITTEN = (
    ("www", "A", "192.0.2.80"),
    ("www", "A", "192.0.2.81"),
    ("www", "AAAA", "2001:db8::80"),
    ("al", "CNAME", "www"),
    ("out", "CNAME", "host.example.net."),
    ("a2", "CNAME", "al"),
    ("@", "MX", "20 backup.example.net."),
    ("@", "MX", "10 mail"),
    ("_sip._tcp", "SRV", "1 2 5060 www"),
    ("@", "CAA", '0 issue "letsencrypt.org"'),
    ("*.w", "A", "192.0.2.1"),
    ("*.w", "TXT", "wild"),
    ("host.w", "TXT", "here"),
    ("x.ent.w", "TXT", "below"),
    ("*.c", "CNAME", "www"),
    ("sub", "NS", "ns1.sub"),
    ("sub", "NS", "ns.example.net."),
    ("ns1.sub", "A", "192.0.2.53"),
    ("10.0", "PTR", "www"),
    ("long", "TXT", "v=DKIM1; p=" + "A" * 400),
    ("utf", "TXT", "grüße"),
    ("_443._tcp.www", "TLSA", "3 1 1 " + "cd" * 32),
    ("www", "HTTPS", '1 . alpn="h2"'),
    ("_ssh", "SSHFP", "1 2 " + "ef" * 32),
    ("big", "TXT", "b" * 1500),
    ("www", "LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"),
)
ASKED = (
    ("@", "SOA"),
    ("@", "NS"),
    ("@", "MX"),
    ("@", "TXT"),
    ("@", "CAA"),
    ("@", "A"),
    ("mail", "A"),
    ("www", "A"),
    ("WwW", "A"),
    ("www", "AAAA"),
    ("www", "HTTPS"),
    ("www", "LOC"),
    ("www", "MX"),
    ("www", "TYPE65280"),
    ("al", "A"),
    ("al", "CNAME"),
    ("al", "MX"),
    ("a2", "AAAA"),
    ("out", "A"),
    ("_sip._tcp", "SRV"),
    ("_imaps._tcp", "SRV"),
    ("_tcp", "A"),
    ("x.w", "A"),
    ("x.y.w", "A"),
    ("x.w", "TXT"),
    ("x.w", "MX"),
    ("*.w", "A"),
    ("w", "A"),
    ("host.w", "TXT"),
    ("host.w", "A"),
    ("x.host.w", "A"),
    ("ent.w", "A"),
    ("y.ent.w", "A"),
    ("q.c", "A"),
    ("q.c", "MX"),
    ("sub", "NS"),
    ("sub", "A"),
    ("x.sub", "A"),
    ("sub", "DS"),
    ("ns1.sub", "A"),
    ("10.0", "PTR"),
    ("long", "TXT"),
    ("utf", "TXT"),
    ("_443._tcp.www", "TLSA"),
    ("_ssh", "SSHFP"),
    ("big", "TXT"),
    ("nothing", "A"),
    ("a.b.c.nothing", "MX"),
    ("_dmarc", "TXT"),
    ("_smtp._tls", "TXT"),
    ("m1-rsa._domainkey", "TXT"),
    ("m1-ed25519._domainkey", "TXT"),
)


@dataclass(frozen=True)
class Said:
    """What of an answer two right servers agree on: the code, flags AA and TC, the answer as a set, and what
    the authority section is for."""

    rcode: str
    flags: str
    answer: tuple[str, ...]
    authority: tuple[str, ...]

    def __str__(self) -> str:
        answer = ", ".join(each if len(each) < 60 else f"{each[:57]}…" for each in self.answer) or "–"
        return f"{self.rcode} {self.flags} | {answer} | {', '.join(self.authority) or '–'}"


def said(port: int, name: str, kind: str) -> Said:
    whole = DOMAIN if name == "@" else f"{name}.{DOMAIN}"
    query = dns.message.make_query(whole, kind, use_edns=True, payload=1232)
    query.flags &= ~dns.flags.RD
    found = dns.query.udp(query, "127.0.0.1", port=port, timeout=5)
    flags = " ".join(each for each in ("AA", "TC") if found.flags & dns.flags.from_text(each)) or "–"
    return Said(dns.rcode.to_text(found.rcode()), flags, _set(found.answer), _set(found.authority))


def _set(section: list[Any]) -> tuple[str, ...]:
    return tuple(
        sorted(
            f"{str(each.name).lower()} {each.ttl} {dns.rdatatype.to_text(each.rdtype)} {str(data).lower()}"
            for each in section
            for data in each
        )
    )


def fill(state: str) -> None:
    for name, kind, value in WRITTEN:
        done = mailsys("dns", "add", DOMAIN, name, kind, value, "--state", state)
        assert done.returncode == 0, (name, kind, done.stderr)


def transferred(port: int) -> dns.zone.Zone:
    return dns.zone.from_xfr(
        dns.query.xfr("127.0.0.1", DOMAIN, port=port, relativize=False), relativize=False
    )
