"""IP addresses: how they are written here, and whom one stands for where they are counted."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network


def plain_address(host: str) -> str:
    """An IP address as the services see it: IPv4-mapped IPv6 as IPv4, without a zone."""
    host = host.partition("%")[0]
    return host[7:] if host.lower().startswith("::ffff:") and "." in host else host


def customer_of(address: str) -> str:
    """An IPv4 address itself, or the /64 that one IPv6 customer has; of what is no address, itself."""
    return _within(address, 32, 64)


def network_of(address: str) -> str:
    """The /24 (IPv4) or /48 (IPv6) that an address lies in; of what is no address, itself."""
    return _within(address, 24, 48)


@lru_cache(maxsize=8192)
def _within(address: str, four: int, six: int) -> str:
    plain = address.partition("%")[0]
    try:
        length = four if ip_address(plain).version == 4 else six
    except ValueError:
        return address
    return str(ip_network((plain, length), strict=False))
