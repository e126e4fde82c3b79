"""A DKIM key as DNS has it."""

from mailsys.ports.accounts import DkimKey
from mailsys.services.dns.records import public_part


def dns_record(key: DkimKey) -> tuple[str, str]:
    """Name (without final dot) and TXT value that publish a key (RFC 6376 §3.6.2.1)."""
    return f"{key.selector}._domainkey.{key.domain}", public_part(key)
