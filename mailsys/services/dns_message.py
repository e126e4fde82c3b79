"""DNS messages for the stub resolver: questions out, answers in, by dnspython (RFC 1035, RFC 6891)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

EDNS_SIZE: Final = 1232  # octets: what passes everywhere unfragmented (DNS Flag Day 2020)
CHAIN: Final = 16  # CNAMEs followed within one answer
RECORDS_AT_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Read:
    """A response as far as it concerns the question.

    records: as in `ports.resolver.Answer`. alias: set when a CNAME chain ends in a name of which the
    response says nothing: ask on there.
    """

    records: tuple[object, ...] = ()
    exists: bool = True
    ttl: int = 0
    authenticated: bool = False
    truncated: bool = False
    failed: str = ""  # rcode that is neither NOERROR nor NXDOMAIN
    alias: str = ""


def encode_query(name: str, rtype: str, ident: int) -> bytes:
    """Raises ValueError for what is no name or type."""
    try:
        query = dns.message.make_query(
            dns.name.from_text(name), rtype, use_edns=0, payload=EDNS_SIZE, id=ident
        )
        query.flags |= dns.flags.AD  # RFC 6840 §5.7: tell us whether it was authenticated
        return query.to_wire()
    except (dns.exception.DNSException, ValueError, UnicodeError) as error:
        raise ValueError(f"cannot be asked of DNS: {name[:300]} {rtype}") from error


def decode_response(wire: bytes, name: str, rtype: str, ident: int) -> Read | None:
    """What a response says; None when it is no response to this question (forged, late, garbled)."""
    if len(wire) < 12 or wire[:2] != ident.to_bytes(2, "big"):
        return None
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError, UnicodeError, IndexError):
        return None
    if not message.flags & dns.flags.QR:
        return None
    asked = dns.name.from_text(name)
    kind = dns.rdatatype.from_text(rtype)
    code = message.rcode()
    question = message.question
    ours = len(question) == 1 and question[0].name == asked and question[0].rdtype == kind
    # a FORMERR or NOTIMP may come without question: it is still bound to our id and port
    if not ours and (question or code in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)):
        return None
    if message.flags & dns.flags.TC:
        return Read(truncated=True)
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Read(failed=dns.rcode.to_text(code))
    return _read(message, asked, kind, code == dns.rcode.NXDOMAIN)


def _read(message: Any, asked: dns.name.Name, kind: Any, missing: bool) -> Read:
    current, ttl = asked, 1 << 31
    for _ in range(CHAIN):
        found = _find(message, current, kind)
        if found is not None:
            records = tuple(_value(record, kind) for record in list(found)[:RECORDS_AT_MOST])
            secure = bool(message.flags & dns.flags.AD)
            return Read(records, True, min(ttl, found.ttl), secure)
        link = _find(message, current, dns.rdatatype.CNAME)
        if link is None or kind == dns.rdatatype.CNAME:
            break
        ttl = min(ttl, link.ttl)
        current = link[0].target
    else:
        return Read(failed="an endless chain of aliases")
    negative = _negative_ttl(message)
    if current != asked and negative is None and not missing:
        return Read(ttl=ttl, alias=_host(current))
    return Read(
        (),
        not missing,
        min(ttl, negative if negative is not None else 60),
        bool(message.flags & dns.flags.AD),
    )


def _find(message: Any, name: dns.name.Name, kind: Any) -> Any | None:
    """The RRset of the answer section, or None."""
    return next(
        (
            rrset
            for rrset in message.answer
            if rrset.rdtype == kind and rrset.rdclass == dns.rdataclass.IN and rrset.name == name
        ),
        None,
    )


def _negative_ttl(message: Any) -> int | None:
    """RFC 2308 §5: the lesser of the SOA's TTL and its minimum."""
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return int(min(rrset.ttl, rrset[0].minimum))
    return None


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def _value(record: Any, kind: Any) -> object:
    if kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
        return str(record.address)
    if kind == dns.rdatatype.MX:
        return (int(record.preference), _host(record.exchange))
    if kind == dns.rdatatype.TXT:
        return b"".join(record.strings)
    if kind in (dns.rdatatype.PTR, dns.rdatatype.CNAME, dns.rdatatype.NS):
        return _host(record.target)
    if kind == dns.rdatatype.TLSA:
        return (int(record.usage), int(record.selector), int(record.mtype), bytes(record.cert))
    return str(record)
