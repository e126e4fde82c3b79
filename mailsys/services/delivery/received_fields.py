"""A message's trace: its id, the header lines that we put in front, and loops seen in those of others."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Final

from mailsys.ports.ids import TraceId
from mailsys.services.delivery.transactions import Client

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u to misread
_PAIRS: Final = ["".join(pair) for pair in product(_DIGITS, repeat=2)]
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def new_trace(now: float, random_bytes: Callable[[int], bytes]) -> TraceId:
    """16 letters and digits: 45 bits of milliseconds, then 35 of chance. Sorts by time."""
    number = (int(now * 1000) & (1 << 45) - 1) << 35 | int.from_bytes(random_bytes(5), "big") >> 5
    pairs = _PAIRS
    return TraceId("".join([pairs[number >> shift & 1023] for shift in (70, 60, 50, 40, 30, 20, 10, 0)]))


def first_trace(at: float) -> TraceId:
    """What every trace made at `at` or later sorts behind, and every earlier one before."""
    return new_trace(min(max(at, 0.0), 2.0**35), bytes)


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    t = time.gmtime(second)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday} {_MONTHS[t.tm_mon - 1]} {t.tm_year}"
        f" {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"
    )


def date(now: float) -> str:
    """As header fields write it (RFC 5322 §3.3), in UTC."""
    return _date(int(now))


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
        return f"Received: by {hostname} with HTTP id {trace};\r\n\t{date(now)}\r\n".encode()
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
        f"\t{date(now)}\r\n"
    ).encode()


def return_path(sender: str) -> bytes:
    """The Return-Path field (RFC 5321 §4.4), CRLF at the end."""
    return f"Return-Path: <{sender}>\r\n".encode()


_RECEIVED: Final = re.compile(rb"^received[ \t]*:", re.I | re.M)


def hops(header: bytes) -> int:
    """How many Received fields a header block has."""
    return len(_RECEIVED.findall(header))


_MARK_FIELD: Final = "X-Mailsys-Forwarded"
_MARK: Final = re.compile(rb"^x-mailsys-forwarded: ([0-9a-f]{20})\r?$", re.I | re.M)


def _mark(address: str, hostname: str) -> str:
    return hashlib.blake2b(address.encode(), key=hostname.encode()[:64], digest_size=10).hexdigest()


def forwarded(address: str, hostname: str) -> bytes:
    """The field that marks a message as forwarded by `address` (canonical) of this system. A hash, so
    that readers of other copies of the message do not learn the address."""
    return f"{_MARK_FIELD}: {_mark(address, hostname)}\r\n".encode()


def marks(header: bytes) -> Counter[bytes]:
    """The marks of a header block, and how often each stands there."""
    return Counter(_MARK.findall(header)) if b"orwarded:" in header else Counter()


def times_marked(found: Counter[bytes], address: str, hostname: str) -> int:
    """How often `address` of this system is among the marks. After our own mark was put in front,
    more than one says that the message came back."""
    return found[_mark(address, hostname).encode()]
