"""The trace fields that we put in front of a message (RFC 5321 §4.4), and those of others counted."""

from __future__ import annotations

import re
from typing import Final

from mailsys.core.message import dates
from mailsys.ports.ids import TraceId
from mailsys.services.delivery.transactions import Client

_NOT_DOMAIN: Final = re.compile(r"[^A-Za-z0-9.:\[\]_\-\x80-\U0010ffff]")


def _said(hello: str) -> str:
    """The HELO argument, made fit for a header: strangers choose it."""
    said = _NOT_DOMAIN.sub("?", hello[:255])
    return said or "unknown"


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"  # RFC 5321 §4.1.3


def received(
    client: Client, hostname: str, trace: TraceId, now: float, recipient: str = "", utf8: bool = False
) -> bytes:
    """The Received field (RFC 5321 §4.4), CRLF at the end. `recipient`: only when it is the only one,
    or the others would learn of each other. `utf8`: SMTPUTF8 was asked for."""
    if client.web:  # where our own people sit is not told to the world
        return f"Received: by {hostname} with HTTP id {trace};\r\n\t{dates.render(now)}\r\n".encode()
    protocol = client.protocol
    if utf8 and protocol.startswith("ESMTP"):
        protocol = "UTF8SMTP" + protocol[5:]  # RFC 6531 §4.3
    hello = client.hello
    if not utf8 and not hello.isascii():
        hello = ""
    tls = f" ({client.tls})" if client.tls else ""
    show = recipient and (utf8 or recipient.isascii()) and recipient.isprintable()
    whom = f"\r\n\tfor <{recipient}>" if show else ""
    return (
        f"Received: from {_said(hello)} ({_literal(client.address)})\r\n"
        f"\tby {hostname} with {protocol}{tls} id {trace}{whom};\r\n"
        f"\t{dates.render(now)}\r\n"
    ).encode()


def return_path(sender: str) -> bytes:
    """The Return-Path field (RFC 5321 §4.4), CRLF at the end."""
    return f"Return-Path: <{sender}>\r\n".encode()


_RECEIVED: Final = re.compile(rb"^received[ \t]*:", re.I | re.M)


def hops(header: bytes) -> int:
    """How many Received fields a header block has."""
    return len(_RECEIVED.findall(header))
