"""The arguments of commands, as events or as the refusal that they earn (RFC 5321 §4.1.1)."""

from __future__ import annotations

import binascii
import re
from ipaddress import ip_address
from typing import Final

from mailsys.core.smtp import events
from mailsys.core.smtp.arguments import BadParameter, mail_parameters, rcpt_parameters
from mailsys.core.smtp.content import TOO_BIG
from mailsys.core.smtp.events import Refused
from mailsys.core.smtp.extensions import Offers
from mailsys.core.smtp.path import BadPath, parse_path
from mailsys.core.smtp.reply import Reply

_BDAT: Final = re.compile(rb"([0-9]{1,19})(?: +(LAST))?", re.IGNORECASE)  # RFC 3030 §2
_MECHANISM: Final = re.compile(rb"[A-Za-z0-9_-]{1,20}")  # RFC 4422 §3.1
_HELLO_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9.:_\[\]-]")
# RFC 5321 §4.1.2, and what honest clients say besides: underscores, apostrophes, hyphens at an end, names
# that are not ASCII, a dot at the end, an address without brackets.
_HELLO_LABEL: Final = re.compile(rb"['-]*[A-Za-z0-9_\x80-\xff][A-Za-z0-9_\x80-\xff'-]*")
_TAGGED: Final = re.compile(rb"[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+")  # §4.1.3 General-address-literal

_NO_NAME: Final = Refused(Reply(501, "5.5.4", "Say your name: EHLO host.example"))
_NOT_A_NAME: Final = Refused(Reply(501, "5.5.4", "That is no host name and no address: EHLO host.example"))
_MAIL_SYNTAX: Final = Refused(Reply(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]"))
_RCPT_SYNTAX: Final = Refused(Reply(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]"))
_VRFY_SYNTAX: Final = Refused(Reply(501, "5.5.4", "Syntax: VRFY name"))
_AUTH_SYNTAX: Final = Refused(Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]"))
_BAD_SENDER: Final = Refused(Reply(501, "5.1.7", "Bad sender address syntax"))
_BAD_RECIPIENT: Final = Refused(Reply(501, "5.1.3", "Bad recipient address syntax"))
_NOT_ASCII: Final = Refused(Reply(553, "5.6.7", "Non-ASCII address without SMTPUTF8"))  # RFC 6531 §3.5
_DECLARED_TOO_BIG: Final = Refused(TOO_BIG)
_NO_AUTH: Final = Refused(Reply(503, "5.5.1", "Authentication is not available here"))
_NOT_BASE64: Final = Refused(Reply(501, "5.5.2", "Cannot decode the response"))  # RFC 4954 §4
_CANCELLED: Final = Refused(Reply(501, "5.7.0", "Authentication cancelled"))


def hello(rest: bytes, extended: bool) -> events.Hello | Refused:
    words = rest.split(None, 2)
    if len(words) != 1:
        return _NO_NAME
    # Many honest clients have odd names. What could harm a trace header is masked.
    if not _is_host(words[0]):
        return _NOT_A_NAME
    return events.Hello(_HELLO_UNSAFE.sub(b"?", words[0][:255]).decode("ascii"), extended)


def _is_host(name: bytes) -> bool:
    """Whether it could be a host's name or address, by somebody who does not know RFC 5321 by heart."""
    if len(name) > 255:
        return False
    literal = name.startswith(b"[") and name.endswith(b"]")
    address = (name[1:-1] if literal else name).partition(b"%")[0]  # an IPv6 zone says nothing to others
    tagged = address[:5].upper() == b"IPV6:"
    try:
        ip_address(address[5 if tagged else 0 :].decode("ascii"))
    except ValueError:
        if literal:
            return not tagged and _TAGGED.fullmatch(address) is not None
        return all(_HELLO_LABEL.fullmatch(label) for label in name.removesuffix(b".").split(b"."))
    return True


def mail(rest: bytes, offers: Offers) -> events.Mail | Refused:
    if rest[:5].upper() != b"FROM:":
        return _MAIL_SYNTAX
    try:
        sender, end = parse_path(rest, 5)
        parameters = mail_parameters(rest[end:], submission=offers.submission, require_tls=offers.require_tls)
    except BadPath:
        return _BAD_SENDER
    except BadParameter as bad:
        return Refused(bad.reply)
    if sender == "postmaster":  # only a forward-path may lack the domain (RFC 5321 §4.1.1.3)
        return _BAD_SENDER
    if not parameters.utf8 and not rest.isascii():
        return _NOT_ASCII
    if parameters.size is not None and parameters.size > offers.size:  # RFC 1870 §6.1
        return _DECLARED_TOO_BIG
    return events.Mail(sender, parameters)


def rcpt(rest: bytes, utf8: bool) -> events.Recipient | Refused:
    """`utf8`: the transaction's MAIL had SMTPUTF8."""
    if rest[:3].upper() != b"TO:":
        return _RCPT_SYNTAX
    try:
        address, end = parse_path(rest, 3)
        parameters = rcpt_parameters(rest[end:])
    except BadPath:
        return _BAD_RECIPIENT
    except BadParameter as bad:
        return Refused(bad.reply)
    if not address:
        return _BAD_RECIPIENT
    if not utf8 and not rest.isascii():
        return _NOT_ASCII
    return events.Recipient(address, parameters)


def bdat(rest: bytes) -> tuple[int, bool] | None:
    """(octets, whether it is the last chunk); None: bad syntax."""
    match = _BDAT.fullmatch(rest.strip())
    return None if match is None else (int(match[1]), match[2] is not None)


def vrfy(rest: bytes) -> events.Verify | Refused:
    return events.Verify() if rest else _VRFY_SYNTAX


def auth(rest: bytes, offers: Offers) -> events.Authenticate | Refused:
    if not offers.submission:
        return _NO_AUTH
    mechanism, _, initial = rest.partition(b" ")
    if _MECHANISM.fullmatch(mechanism) is None:
        return _AUTH_SYNTAX
    name = mechanism.decode("ascii").upper()
    if not initial:
        return events.Authenticate(name, None)
    if initial == b"=":  # RFC 4954 §4: an initial response of no octets
        return events.Authenticate(name, b"")
    decoded = _decoded(initial)
    return _NOT_BASE64 if decoded is None else events.Authenticate(name, decoded)


def response(line: bytes) -> events.Response | Refused:
    """A line of an AUTH exchange."""
    if line == b"*":  # RFC 4954 §4
        return _CANCELLED
    decoded = _decoded(line)
    return _NOT_BASE64 if decoded is None else events.Response(decoded)


def _decoded(text: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
