"""The Authentication-Results field (RFC 8601): ours written, and others' that claim to be ours taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mailsys.core.message.address import canonical_domain
from mailsys.core.message.header import scan
from mailsys.core.trust.evidence import Evidence, Signed, Spf, SpfEvidence

FIELD: Final = b"authentication-results"
SIGNATURES_AT_MOST: Final = 10
_VALUE_AT_MOST: Final = 260  # octets: a domain, or an address
_REASON_AT_MOST: Final = 120
_HELD_AT_MOST: Final = 64 * 1024  # octets of one field
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+^_`{|}~.-]+")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*@[A-Za-z0-9.-]+")
_UNSAFE: Final = re.compile(r"[^\x20-\x7e]")


def render(authserv_id: str, evidence: Evidence) -> bytes:
    """The field, CRLF at the end, of at most 16 KB (usually under one); every value a token, an address or a
    quoted string, whatever strangers put into it."""
    lines = list(_results(evidence)) or ["none"]
    text = f"Authentication-Results: {_value(authserv_id)};\r\n\t" + ";\r\n\t".join(lines) + "\r\n"
    return text.encode("ascii")


def _results(evidence: Evidence) -> Iterator[str]:
    if evidence.spf is not None:
        null = not evidence.sender
        name, value = ("helo", evidence.hello) if null else ("mailfrom", evidence.sender)
        yield _spf(evidence.spf, name, value)
    if evidence.spf_hello is not None and evidence.spf_hello is not evidence.spf and evidence.sender:
        yield _spf(evidence.spf_hello, "helo", evidence.hello)
    for one in evidence.dkim[:SIGNATURES_AT_MOST]:
        words = [f"dkim={one.result.value}"]
        if one.bits:
            words.append(f"({one.bits}-bit key)")
        if one.result is not Signed.PASS or one.partial:
            words += _reason(one.cause)
        words += _property("header.d", one.domain) + _property("header.s", one.selector)
        words += _property("header.a", one.algorithm)
        yield _folded(words)
    if evidence.dmarc is not None and not evidence.dkim:
        yield "dkim=none"
    if evidence.dmarc is not None:
        found = evidence.dmarc
        words = [f"dmarc={found.result.value}"]
        if found.record_domain:
            words.append(f"(p={found.policy.value})")
        if found.result is not Signed.PASS:
            words += _reason(found.cause)
        yield _folded(words + _property("header.from", found.author_domain))
    if evidence.arc is not None and evidence.arc.result is not Signed.NONE:
        chain = evidence.arc
        words = [f"arc={chain.result.value}"]
        if chain.result is not Signed.PASS:
            words += _reason(chain.cause)
        else:
            words.append(f"header.oldest-pass={chain.oldest_pass}")
        yield _folded(words + _property("smtp.remote-ip", evidence.peer))
    if evidence.address is not None:
        words = [f"iprev={evidence.address.result.value}"]
        if evidence.address.name and _TOKEN.fullmatch(evidence.address.name):
            words.append(f"({evidence.address.name})")
        yield _folded(words + _property("policy.iprev", evidence.peer))


def _spf(found: SpfEvidence, name: str, value: str) -> str:
    if name == "mailfrom" and not _ADDRESS.fullmatch(value):
        value = found.domain
    reason = _reason(found.cause) if found.result is not Spf.PASS else []
    return _folded([f"spf={found.result.value}", *reason, *_property(f"smtp.{name}", value)])


def _reason(cause: str) -> list[str]:
    return [f"reason={_quoted(cause[:_REASON_AT_MOST])}"] if cause else []


def _property(name: str, value: str) -> list[str]:
    return [f"{name}={_value(value)}"] if value else []


def _value(text: str) -> str:
    text = text[:_VALUE_AT_MOST]
    return text if _TOKEN.fullmatch(text) or _ADDRESS.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    text = _UNSAFE.sub("?", text[:_VALUE_AT_MOST])
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _folded(words: list[str]) -> str:
    """Lines of 78 octets where the words allow."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) > 75:
            lines.append(word)
        else:
            lines[-1] += " " + word
    return "\r\n\t ".join(lines)


# -- those of others ---------------------------------------------------------------------------------


def claims(value: bytes, authserv_id: str) -> bool:
    """Whether a field's value (behind the colon) begins with our id: in any case, quoted, behind comments,
    with a version or without the semicolon, with a final dot, in U-labels. Linear."""
    name = _first_word(value[:_HELD_AT_MOST])
    return bool(name) and _comparable(name) == _comparable(authserv_id)


def _comparable(name: str) -> str:
    name = name.strip().removesuffix(".")
    try:
        return canonical_domain(name)
    except ValueError:
        return name.lower()


def _first_word(value: bytes) -> str:
    at, end, depth = 0, len(value), 0
    while at < end:  # CFWS (RFC 5322 §3.2.2)
        c = value[at]
        if depth and c == 0x5C:
            at += 1
        elif c == 0x28:
            depth += 1
        elif c == 0x29 and depth:
            depth -= 1
        elif not depth and c not in b" \t\r\n":
            break
        at += 1
    if value[at : at + 1] == b'"':
        m = re.match(rb'"((?:[^"\\]|\\.)*+)', value[at:], re.S)
        word = re.sub(rb"\\(.)", rb"\1", m[1], flags=re.S) if m else b""
        return word.translate(None, b"\r\n").decode("utf-8", "replace")
    m = re.match(rb"[^\s;()/\"]*+", value[at : at + 1024])
    return m[0].decode("utf-8", "replace") if m else ""


def without_forged(header: bytes, authserv_id: str) -> bytes:
    """A header block (or whole fields of one) without the Authentication-Results that claim to be ours
    (RFC 8601 §5). All other octets stay; the same object when there is nothing to take out."""
    if FIELD not in header.lower():
        return header
    kept: list[bytes] = []
    start = 0
    for field in scan(header):
        if field.name == FIELD and claims(header[field.value : field.end], authserv_id):
            kept.append(header[start : field.start])
            start = field.end
    if not start:
        return header
    kept.append(header[start:])
    return b"".join(kept)


class ForgedResultsFilter:
    """`without_forged` for content that comes in windows: what `feed` gives goes on to the store.

    Holds back the last field until it is whole, at most 64 KiB of it: results that are longer go, whoever
    they say that they are from; other fields pass. Behind the header everything passes untouched.
    """

    def __init__(self, authserv_id: str) -> None:
        self._id = authserv_id
        self._held = b""
        self._looked = 0  # octets of `_held` in which no field ends
        self._in_long = ""  # "keep" or "drop": inside of a field that was too long to hold
        self._body = False
        self.removed = False

    def feed(self, data: bytes) -> bytes:
        if self._body:
            return data
        self._held += data
        out: list[bytes] = []
        if self._in_long:
            self._go_on(out)
        if not self._in_long:
            self._whole_fields(out)
        return b"".join(out)

    def finish(self) -> bytes:
        """What is left of a message without body."""
        held, self._held = self._held, b""
        if self._body:
            return held
        self._body = True
        return self._clean(held) if not self._in_long else held if self._in_long == "keep" else b""

    def _whole_fields(self, out: list[bytes]) -> None:
        held = self._held
        blank = 0 if held.startswith(b"\r\n") else held.find(b"\r\n\r\n", max(0, self._looked - 3)) + 2
        if blank >= 2 or held.startswith(b"\r\n"):
            out += (self._clean(held[:blank]), held[blank:])
            self._held, self._body = b"", True
            return
        end = _last_end(held, self._looked)
        if end:
            out.append(self._clean(held[:end]))
            held = held[end:]
        self._held = held
        self._looked = max(0, len(held) - 2)
        if len(held) > _HELD_AT_MOST:
            forged = bool(_RESULTS.match(held))  # nobody's results are that long
            self._in_long = "drop" if forged else "keep"
            self.removed = self.removed or forged
            self._looked = 0
            self._go_on(out)

    def _go_on(self, out: list[bytes]) -> None:
        """Inside of a long field: up to its end, or all but the two octets that may belong to it."""
        held = self._held
        found = _ENDS.search(held)
        end = found.end() if found else max(0, len(held) - 2)
        if self._in_long == "keep":
            out.append(held[:end])
        self._held = held[end:]
        if found:
            self._in_long, self._looked = "", 0

    def _clean(self, block: bytes) -> bytes:
        clean = without_forged(block, self._id)
        self.removed = self.removed or clean is not block
        return clean


_ENDS: Final = re.compile(rb"\r\n(?=[^ \t])")
_RESULTS: Final = re.compile(rb"authentication-results[ \t]*:", re.I)


def _last_end(held: bytes, looked: int) -> int:
    """Behind the last line break that no continuation follows; 0 when there is none."""
    at = len(held)
    while (at := held.rfind(b"\r\n", looked, at)) >= 0:
        if at + 2 < len(held) and held[at + 2] not in b" \t":
            return at + 2
    return 0
