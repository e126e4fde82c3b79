"""Addresses and domains as somebody wrote them, to their canonical form."""

from __future__ import annotations

from mailsys.core.bad_field import BadField
from mailsys.core.message.address import canonical, canonical_domain


def domain_name(text: str, field: str = "domain") -> str:
    """Raises BadField for what is no domain."""
    try:
        name = canonical_domain(text.strip().rstrip("."))
    except ValueError:
        raise BadField(field, "This is no domain.") from None
    if name.startswith("["):
        raise BadField(field, "This is no domain.")
    return name


def mail_address(text: str, field: str) -> str:
    """Raises BadField for what is no address."""
    try:
        return canonical(text.strip())
    except ValueError:
        raise BadField(field, "This is no address.") from None
