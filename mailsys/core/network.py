"""IP addresses: how they are written here, and whom one stands for where they are counted."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

REMEMBERED: Final = 4096  # addresses: who connected will again, and reading one takes 10 us

_CUSTOMER: Final = {4: 32, 6: 64}
_NEIGHBOURS: Final = {4: 24, 6: 48}


def plain_address(host: str) -> str:
    """An IP address as the services see it: IPv4-mapped IPv6 as IPv4, without a zone."""
    host = host.partition("%")[0]
    return host[7:] if host.lower().startswith("::ffff:") and "." in host else host


@lru_cache(REMEMBERED)
def customer_of(address: str) -> str:
    """An IPv4 address itself, or the /64 that one IPv6 customer has; of what is no address, itself."""
    return _within(address, _CUSTOMER)


@lru_cache(REMEMBERED)
def network_of(address: str) -> str:
    """The /24 (IPv4) or /48 (IPv6) that an address lies in; of what is no address, itself."""
    return _within(address, _NEIGHBOURS)


def _within(address: str, lengths: dict[int, int]) -> str:
    plain = address.partition("%")[0]
    try:
        length = lengths[ip_address(plain).version]
    except ValueError:
        return address
    return str(ip_network((plain, length), strict=False))
