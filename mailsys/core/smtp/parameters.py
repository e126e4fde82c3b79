"""MAIL and RCPT parameters, parsed (RFC 5321 §4.1.1.11 and the extensions' own RFCs)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailParameters:
    size: int | None = None  # RFC 1870
    body: str = "7BIT"  # 7BIT, 8BITMIME (RFC 6152) or BINARYMIME (RFC 3030)
    utf8: bool = False  # SMTPUTF8 (RFC 6531)
    ret: str = ""  # FULL, HDRS or "" (RFC 3461 §4.3)
    envid: str = ""  # xtext decoded (RFC 3461 §4.4)
    require_tls: bool = False  # RFC 8689
    hold_for: int | None = None  # seconds; HOLDFOR (RFC 4865)
    hold_until: float | None = None  # Unix time; HOLDUNTIL (RFC 4865)


@dataclass(frozen=True, slots=True)
class RcptParameters:
    notify: str = ""  # NEVER, or a subset of SUCCESS,FAILURE,DELAY (RFC 3461 §4.1)
    original: str = ""  # ORCPT: "rfc822;decoded" (RFC 3461 §4.2)
