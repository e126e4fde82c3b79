"""IP addresses: how they are written here, and whom one stands for where they are counted."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

REMEMBERED: Final = 4096  # addresses: who connected will again, and reading one takes 10 us


def plain_address(host: str) -> str:
    """An IP address as the services see it: IPv4-mapped IPv6 as IPv4, without a zone."""
    host = host.partition("%")[0]
    return host[7:] if host.lower().startswith("::ffff:") and "." in host else host


@lru_cache(REMEMBERED)
def customer_of(address: str) -> str:
    """An IPv4 address itself, or the /64 that one IPv6 customer has; of what is no address, itself."""
    return _within(address, 32, 64)


@lru_cache(REMEMBERED)
def network_of(address: str) -> str:
    """The /24 (IPv4) or /48 (IPv6) that an address lies in; of what is no address, itself."""
    return _within(address, 24, 48)


def site_of(address: str) -> str:
    """The /48 that one IPv6 site may have; "" for IPv4 and for what is no address."""
    found = network_of(address)
    return found if found.endswith("/48") else ""


def _within(address: str, length_4: int, length_6: int) -> str:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    length = length_4 if found.version == 4 else length_6
    return str(ip_network((found, length), strict=False)).removesuffix("/32")
