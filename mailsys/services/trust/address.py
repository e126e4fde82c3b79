"""Which name the peer's address has, and whether the name leads back (RFC 8601 §3)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from mailsys.core.trust.evidence import AddressEvidence, Signed
from mailsys.ports.resolver import ResolverError
from mailsys.services.trust.lookups import Lookups, together

NAMES_AT_MOST: Final = 10


async def check(lookups: Lookups, peer: str) -> AddressEvidence:
    address = ip_address(peer)
    try:
        answer = await lookups.ask(address.reverse_pointer, "PTR")
    except ResolverError as error:
        return AddressEvidence(Signed.TEMPERROR, cause=str(error))
    names = tuple(str(name) for name in answer.records[:NAMES_AT_MOST])
    if not names:
        return AddressEvidence(Signed.PERMERROR, cause="the address has no name")
    rtype = "A" if address.version == 4 else "AAAA"
    back: dict[str, bool | None] = {}

    async def lead_back(name: str) -> None:
        try:
            found = await lookups.ask(name, rtype)
        except ResolverError:
            back[name] = None
        else:
            back[name] = any(ip_address(str(one)) == address for one in found.records)

    await together(lead_back(name) for name in dict.fromkeys(names))
    for name in names:
        if back[name]:
            return AddressEvidence(Signed.PASS, name, names)
    if None in back.values():
        return AddressEvidence(Signed.TEMPERROR, "", names, "a name could not be looked up")
    return AddressEvidence(Signed.FAIL, "", names, "no name leads back to the address")
