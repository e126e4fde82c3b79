"""Paths of MAIL FROM and RCPT TO (RFC 5321 §4.1.2, RFC 6531 §3.3).

A mailbox comes out in one spelling: the local part quoted only where it must be, the domain as
given. Case, IDNA and normal forms are `core.message.address`'s business.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

# RFC 5321 §4.5.3.1.1 and .2 give 64 and 255 as what everybody must take; senders of bounces and lists
# use longer local parts in practice (VERP), so ours is wider. All else about a path follows from them.
LOCAL_OCTETS: Final = 256
DOMAIN_OCTETS: Final = 255

# RFC 5322 §3.2.3: atext; RFC 6531 §3.3: atext =/ UTF8-non-ascii
_ATEXT: Final = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]"
_DOT_STRING: Final = rb"%b+(?:\.%b+)*" % (_ATEXT, _ATEXT)
# RFC 5321 §4.1.2: Quoted-string = DQUOTE *(qtextSMTP / quoted-pairSMTP) DQUOTE
_QUOTED: Final = rb'"(?:[ !#-\[\]-~\x80-\xff]|\\[ -~])*"'
# sub-domain = Let-dig [Ldh-str]; RFC 6531: / U-label. The underscore is no letter of a host name, but
# hosts that use it send mail, and nothing here depends on its absence.
_LABEL: Final = rb"[A-Za-z0-9_\x80-\xff](?:[A-Za-z0-9_\x80-\xff-]*[A-Za-z0-9_\x80-\xff])?"
_DOMAIN: Final = rb"%b(?:\.%b)*" % (_LABEL, _LABEL)
# address-literal = "[" ( IPv4 / "IPv6:" IPv6 / Standardized-tag ":" 1*dcontent ) "]"
_LITERAL: Final = rb"\[[!-Z^-~]{1,255}\]"
# A-d-l = At-domain *( "," At-domain ); source routes are accepted and ignored (RFC 5321 §3.6.1)
_ROUTE: Final = rb"(?:@%b(?:,@%b)*:)?" % (_DOMAIN, _DOMAIN)

_PATH: Final = re.compile(
    rb" ?<(?:%b(?P<local>%b|%b)@(?P<domain>%b|%b)|(?P<postmaster>[Pp][Oo][Ss][Tt][Mm][Aa][Ss][Tt][Ee][Rr])|)>"
    % (_ROUTE, _DOT_STRING, _QUOTED, _DOMAIN, _LITERAL)
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+")
_CONTROLS: Final = re.compile("[\x80-\x9f\u2028\u2029\ufeff]")


class BadPath(ValueError):
    """Not a path."""


def parse_path(text: bytes, start: int = 0) -> tuple[str, int]:
    """The mailbox of the path that begins at `start`, and where what follows it begins.

    "" for `<>`, "postmaster" for `<Postmaster>` without a domain (RFC 5321 §4.1.1.3). One space before
    the bracket is forgiven: many clients send it. Whether non-ASCII is allowed is known only once the
    parameters are read, so the caller checks `isascii`. Raises BadPath.
    """
    match = _PATH.match(text, start)
    if match is None:
        raise BadPath
    end = match.end()
    local = match["local"]
    if local is None:
        return ("postmaster" if match["postmaster"] else ""), end
    domain = match["domain"]
    if len(local) > LOCAL_OCTETS or len(domain) > DOMAIN_OCTETS:
        raise BadPath
    if domain[0] == 0x5B:
        domain = _literal(domain)
    elif max(map(len, domain.split(b"."))) > 63 and domain.isascii():
        raise BadPath
    if local[0] != 0x22 and text.isascii():
        return f"{local.decode('ascii')}@{domain.decode('ascii')}", end
    try:
        return f"{_local_part(local.decode('utf-8'))}@{domain.decode('utf-8')}", end
    except UnicodeDecodeError:
        raise BadPath from None


def _local_part(local: str) -> str:
    """One spelling: `"joe"` is joe, `"j\\oe"` too (RFC 5321 §4.1.2: quoting is not part of the name)."""
    if _CONTROLS.search(local):
        raise BadPath
    if local[0] != '"':
        return local
    content = re.sub(r"\\(.)", r"\1", local[1:-1])
    if content and all(_PLAIN.fullmatch(atom) for atom in content.split(".")):
        return content
    return '"' + content.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _literal(literal: bytes) -> bytes:
    """An address literal whose address is one (RFC 5321 §4.1.3)."""
    inner = literal[1:-1].decode("ascii")
    tag, colon, address = inner.partition(":")
    try:
        if not colon:
            return b"[%b]" % str(ipaddress.IPv4Address(inner)).encode("ascii")
        if tag.lower() == "ipv6" and "%" not in address:
            return b"[IPv6:%b]" % str(ipaddress.IPv6Address(address)).encode("ascii")
    except ValueError:
        pass
    raise BadPath  # a General-address-literal: no other tag was ever registered
