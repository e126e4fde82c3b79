"""What follows the path in MAIL and RCPT: `KEYWORD=value` words become values.

RFC 5321 §4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value]. An unknown keyword is answered with
555 5.5.4 (§4.1.1.11), a malformed or repeated one with 501 5.5.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from mailsys.core.smtp import xtext
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.core.smtp.reply import Reply

_NUMBER: Final = re.compile(rb"[0-9]{1,20}")
_TYPE: Final = re.compile(rb"[A-Za-z0-9-]{1,64}")
# RFC 6533 §3: EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"
_EMBEDDED: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")

NO_MAIL_PARAMETERS: Final = MailParameters()
NO_RCPT_PARAMETERS: Final = RcptParameters()


class BadParameter(ValueError):
    """Not acceptable; `reply` says so to the client."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def _malformed(keyword: bytes) -> BadParameter:
    return BadParameter(Reply(501, "5.5.4", f"Bad value of {keyword.decode('ascii', 'replace')}"))


def _size(value: bytes) -> int | None:
    return int(value) if _NUMBER.fullmatch(value) else None  # RFC 1870 §3: 1*20DIGIT


def _body(value: bytes) -> str | None:
    name = value.upper().decode("latin-1")
    return name if name in ("7BIT", "8BITMIME", "BINARYMIME") else None  # RFC 6152 §3, RFC 3030 §3


def _ret(value: bytes) -> str | None:
    name = value.upper().decode("latin-1")
    return name if name in ("FULL", "HDRS") else None  # RFC 3461 §4.3


def _envid(value: bytes) -> str | None:
    if len(value) > 100:  # RFC 3461 §4.4
        return None
    decoded = xtext.decode(value)
    # RFC 3461 §4.4: printable US-ASCII after decoding; it is repeated in a DSN's header
    return _printable(decoded)


def _printable(octets: bytes | None) -> str | None:
    if not octets or not octets.isascii():
        return None
    text = octets.decode("ascii")
    return text if text.isprintable() else None


def _hold_for(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= 9 else None  # RFC 4865 §4.1: 1*9DIGIT


def _hold_until(value: bytes) -> float | None:
    """RFC 4865 §4.1: a date-time of RFC 3339 in UTC."""
    text = value.decode("latin-1").upper()
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", text, re.ASCII):
        return None
    try:
        return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    except ValueError:
        return None


def _auth(value: bytes) -> str | None:
    """RFC 4954 §5: checked and then forgotten: we trust nobody to name another's identity."""
    return None if not value or xtext.decode(value) is None else ""


def _notify(value: bytes) -> str | None:
    """RFC 3461 §4.1: NEVER alone, or a list of the others."""
    words = value.upper().decode("latin-1").split(",")
    if words == ["NEVER"]:
        return "NEVER"
    if len(set(words)) != len(words) or not {"SUCCESS", "FAILURE", "DELAY"}.issuperset(words):
        return None
    return ",".join(words)


def _orcpt(value: bytes) -> str | None:
    """RFC 3461 §4.2, and RFC 6533 §3 for the type utf-8: `type;decoded`."""
    kind, semicolon, address = value.partition(b";")
    if not semicolon or not _TYPE.fullmatch(kind) or len(value) > 500:
        return None
    if kind.lower() != b"utf-8":
        text = _printable(xtext.decode(address))
        return None if text is None else f"{kind.decode('ascii').lower()};{text}"
    try:
        text = _EMBEDDED.sub(lambda match: chr(int(match[1], 16)), address.decode("utf-8"))
        text.encode("utf-8")  # an embedded surrogate is no character
    except (ValueError, OverflowError):
        return None
    return f"utf-8;{text}" if text and text.isprintable() else None


# keyword -> (attribute, parser). A parser answers None for a value that is none.
_Parser = Callable[[bytes], "str | int | float | None"]
_MAIL: Final[dict[bytes, tuple[str, _Parser]]] = {
    b"SIZE": ("size", _size),
    b"BODY": ("body", _body),
    b"RET": ("ret", _ret),
    b"ENVID": ("envid", _envid),
}
_MAIL_FLAGS: Final = {b"SMTPUTF8": "utf8"}  # RFC 6531 §3.4: no value
_MAIL_TLS: Final = {b"REQUIRETLS": "require_tls"}  # RFC 8689 §2
_SUBMISSION: Final[dict[bytes, tuple[str, _Parser]]] = {
    b"AUTH": ("", _auth),
    b"HOLDFOR": ("hold_for", _hold_for),
    b"HOLDUNTIL": ("hold_until", _hold_until),
}
_RCPT: Final[dict[bytes, tuple[str, _Parser]]] = {
    b"NOTIFY": ("notify", _notify),
    b"ORCPT": ("original", _orcpt),
}


def mail_parameters(text: bytes, *, submission: bool, require_tls: bool) -> MailParameters:
    """`text` begins behind the path. `submission`: AUTH= and FUTURERELEASE were offered; `require_tls`:
    REQUIRETLS was. Raises BadParameter."""
    if not text:
        return NO_MAIL_PARAMETERS
    found: dict[str, Any] = {}
    seen: set[bytes] = set()
    for keyword, value in _words(text, seen):
        rule = _MAIL.get(keyword) or (_SUBMISSION.get(keyword) if submission else None)
        if rule is not None:
            attribute, parse = rule
            parsed = None if value is None else parse(value)
            if parsed is None:
                raise _malformed(keyword)
            if attribute:
                found[attribute] = parsed
            continue
        flag = _MAIL_FLAGS.get(keyword) or (_MAIL_TLS.get(keyword) if require_tls else None)
        if flag is None:
            raise _unknown(keyword)
        if value is not None:
            raise _malformed(keyword)
        found[flag] = True
    if "hold_for" in found and "hold_until" in found:  # RFC 4865 §4.1: one of the two
        raise _malformed(b"HOLDUNTIL")
    return MailParameters(**found)


def rcpt_parameters(text: bytes) -> RcptParameters:
    """As `mail_parameters`, for RCPT."""
    if not text:
        return NO_RCPT_PARAMETERS
    found: dict[str, Any] = {}
    for keyword, value in _words(text, set()):
        rule = _RCPT.get(keyword)
        if rule is None:
            raise _unknown(keyword)
        attribute, parse = rule
        parsed = None if value is None else parse(value)
        if parsed is None:
            raise _malformed(keyword)
        found[attribute] = parsed
    return RcptParameters(**found)


def _unknown(keyword: bytes) -> BadParameter:
    return BadParameter(Reply(555, "5.5.4", f"Unknown parameter {keyword[:64].decode('ascii', 'replace')}"))


def _words(text: bytes, seen: set[bytes]) -> list[tuple[bytes, bytes | None]]:
    """The words behind the path, keywords in capitals; a repeated keyword is malformed."""
    if text[:1] != b" ":
        raise BadParameter(Reply(501, "5.5.4", "Space expected behind the path"))
    pairs: list[tuple[bytes, bytes | None]] = []
    for word in text.split():
        keyword, equals, value = word.partition(b"=")
        keyword = keyword.upper()
        # RFC 5321 §4.1.2: esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
        if _TYPE.fullmatch(keyword) is None:
            raise BadParameter(Reply(501, "5.5.4", "Malformed parameter"))
        if keyword in seen:
            raise BadParameter(Reply(501, "5.5.4", f"Parameter {keyword.decode('ascii')} given twice"))
        seen.add(keyword)
        pairs.append((keyword, value if equals else None))
    return pairs
