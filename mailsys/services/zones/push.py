"""Our records written into a zone that another server has (RFC 2136), under a key of that server's (TSIG,
RFC 8945)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update

from mailsys.core.dns.records import Record, kind_of_text
from mailsys.core.refusal import NotAllowed
from mailsys.log import Log
from mailsys.ports.resolver import ResolverError
from mailsys.services.dns.exchange import Server, ask_by_stream

log = Log("push")

PATIENCE: Final = 10.0  # seconds
_PARTS: Final = tuple(
    re.compile(rf'{what}"?([^"\s;{{}}]+)', re.IGNORECASE)
    for what in (r"(?:\bkey\s+|\bid:\s*)", r"\balgorithm:?\s+", r"\bsecret:?\s+")
)


@dataclass(frozen=True, slots=True)
class PushKey:
    name: str
    algorithm: str
    secret: str  # base64


def read_key(text: str) -> PushKey:
    """As `tsig-keygen` and `keymgr -t` write it: `key "name" { algorithm hmac-sha256; secret "…"; };`, or in
    YAML with `id:`. Raises ValueError."""
    found = [pattern.search(text) for pattern in _PARTS]
    name, algorithm, secret = ("" if each is None else each[1] for each in found)
    if not (name and algorithm and secret):
        raise ValueError("no key: a name, an algorithm and a secret")
    return PushKey(name, algorithm.lower(), secret)


async def push(
    reactor: Any, server: Server, key: PushKey | None, zone: str, records: Sequence[Record]
) -> int:
    """Have `server` say these of `zone`, in one step: each takes the place of what is there of its name and
    type; texts only of those of their kind. How many. Raises NotAllowed with the server's reason."""
    try:
        keyring: Any = None
        if key is not None:
            keyring = dns.tsig.Key(key.name, key.secret, key.algorithm)
        update = dns.update.UpdateMessage(zone, keyring=keyring)
        gone: set[tuple[str, str]] = set()
        for each in records:
            if each.type != "TXT" and (each.name, each.type) not in gone:
                gone.add((each.name, each.type))
                update.delete(dns.name.from_text(each.name), each.type)
        for name in sorted({each.name for each in records if each.type == "TXT"}):
            kinds = {kind_of_text(each.value) for each in records if (each.name, each.type) == (name, "TXT")}
            for there in await _texts(reactor, server, name):
                if kind_of_text(there) in kinds:
                    update.delete(dns.name.from_text(name), "TXT", there)
        for each in records:
            update.add(dns.name.from_text(each.name), each.ttl, each.type, each.value)
        wire = update.to_wire()
        question = wire[12 : 12 + len(dns.name.from_text(zone).to_wire() or b"") + 4]
        answer = dns.message.from_wire(
            await ask_by_stream(reactor, server, wire, question, PATIENCE),
            keyring=keyring,
            request_mac=update.mac,
        )
    except ResolverError as problem:
        raise NotAllowed(f"{server[0]}: {problem}") from problem
    except (dns.exception.DNSException, ValueError, NotImplementedError) as problem:
        raise NotAllowed(f"{server[0]}: {problem or type(problem).__name__}") from problem
    if answer.rcode() != dns.rcode.NOERROR:
        raise NotAllowed(f"{server[0]} refused it: {dns.rcode.to_text(answer.rcode())}")
    log.info("pushed", zone=zone, server=server[0], records=len(records))
    return len(records)


async def _texts(reactor: Any, server: Server, name: str) -> list[str]:
    """What texts the server has of that name now."""
    query = dns.message.make_query(name, "TXT", use_edns=True)
    wire = query.to_wire()
    question = wire[12 : 12 + len(dns.name.from_text(name).to_wire() or b"") + 4]
    answer = dns.message.from_wire(await ask_by_stream(reactor, server, wire, question, PATIENCE))
    found = answer.get_rrset(answer.answer, dns.name.from_text(name), dns.rdataclass.IN, dns.rdatatype.TXT)
    return [] if found is None else [str(each) for each in found]
