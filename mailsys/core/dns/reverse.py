"""Names of addresses (RFC 1035 §3.5, RFC 3596 §2.5)."""

from __future__ import annotations

from ipaddress import ip_address

from mailsys.core.dns.names import to_wire


def reverse_name(address: bytes) -> bytes:
    """Of the data of an A or AAAA record."""
    return to_wire(ip_address(address).reverse_pointer)
