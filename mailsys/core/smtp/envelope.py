"""What the sending side wants to hand over, what the other side offers, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mailsys.core.smtp import xtext
from mailsys.core.smtp.remote_reply import RemoteReply


@dataclass(frozen=True, slots=True)
class EnvelopeRecipient:
    address: str
    notify: str = ""  # RFC 3461 §4.1
    original: str = ""  # ORCPT, "rfc822;decoded" (RFC 3461 §4.2)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One transaction. `size` is the exact number of octets of the content that follows."""

    sender: str  # "" is the null sender
    recipients: tuple[EnvelopeRecipient, ...]
    size: int
    eight_bit: bool = False
    binary: bool = False
    utf8: bool = False
    require_tls: bool = False
    ret: str = ""
    envid: str = ""

    @property
    def needs_utf8(self) -> bool:
        return self.utf8 or not (self.sender.isascii() and all(r.address.isascii() for r in self.recipients))


class Fate(Enum):
    """What one attempt came to for one recipient."""

    ACCEPTED = "accepted"  # the other side took responsibility
    DEFERRED = "deferred"  # try again later
    FAILED = "failed"  # for good


@dataclass(frozen=True, slots=True)
class Result:
    fate: Fate
    reply: str  # "250 2.0.0 Ok: queued as 4711": one printable line
    remote: bool = True  # the words are the other side's; False: ours
    ambiguous: bool = False  # the whole message was sent: it may have been taken all the same


def fate_of(reply: RemoteReply) -> Result:
    """RFC 5321 §4.2.1: the first digit decides; what is neither 2yz nor 5yz is tried again."""
    if reply.positive:
        return Result(Fate.ACCEPTED, reply.text)
    return Result(Fate.FAILED if reply.permanent else Fate.DEFERRED, reply.text)


RECIPIENTS_AT_ONCE: Final = 100  # RFC 5321 §4.5.3.1.8: what every server has to take


# RFC 5321 §4.1.1.1: ehlo-line; "AUTH=" is how servers before RFC 2554 wrote it
_EHLO_LINE = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9-]*)[ =]?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What EHLO offered. Keywords are upper case; unknown ones are kept too."""

    name: str = ""  # how the server calls itself
    keywords: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, reply: RemoteReply) -> Capabilities:
        """RFC 5321 §4.1.1.1: ehlo-greet, then one ehlo-line per extension."""
        texts = [line.decode("ascii", "replace") for line in reply.lines]
        keywords: dict[str, str] = {}
        for text in texts[1:]:
            if found := _EHLO_LINE.match(text):
                keywords.setdefault(found[1].upper(), found[2].strip())
        return cls(texts[0].split(" ")[0][:255] if texts else "", keywords)

    def offers(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def size_limit(self) -> int:
        """RFC 1870 §3; 0: none said."""
        value = self.keywords.get("SIZE", "")
        return int(value) if re.fullmatch(r"[0-9]{1,19}", value) else 0

    @property
    def recipients_at_once(self) -> int:
        """RFC 9422 §4: LIMITS RCPTMAX; else 100."""
        found = re.search(r"\bRCPTMAX=([1-9][0-9]{0,5})\b", self.keywords.get("LIMITS", "").upper())
        return min(int(found[1]), RECIPIENTS_AT_ONCE) if found else RECIPIENTS_AT_ONCE

    @property
    def transactions(self) -> int:
        """RFC 9422 §4: LIMITS MAILMAX, messages per connection; 0: none said."""
        found = re.search(r"\bMAILMAX=([1-9][0-9]{0,5})\b", self.keywords.get("LIMITS", "").upper())
        return int(found[1]) if found else 0


def unsendable(envelope: Envelope, offered: Capabilities) -> Result | None:
    """Why this message cannot be handed to this server as it is; None: it can.

    Content with octets above 127 goes to a server without 8BITMIME as it is: converting it would
    break its DKIM signatures, refusing it would lose mail that such servers in practice carry
    unharmed. Binary content and SMTPUTF8 have no such practice and are refused honestly.
    """
    if envelope.needs_utf8 and not offered.offers("SMTPUTF8"):  # RFC 6531 §3.2
        return Result(Fate.FAILED, "550 5.6.7 The other server does not offer SMTPUTF8", remote=False)
    if envelope.binary and not (offered.offers("BINARYMIME") and offered.offers("CHUNKING")):  # RFC 3030 §3
        return Result(Fate.FAILED, "554 5.6.3 The other server does not offer BINARYMIME", remote=False)
    if envelope.require_tls and not offered.offers("REQUIRETLS"):  # RFC 8689 §4.2.1
        return Result(Fate.FAILED, "550 5.7.30 The other server does not offer REQUIRETLS", remote=False)
    if 0 < offered.size_limit < envelope.size:  # RFC 1870 §6.1
        words = (
            f"552 5.3.4 The message has {envelope.size} octets, the other server takes {offered.size_limit}"
        )
        return Result(Fate.FAILED, words, remote=False)
    return None


_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def unsafe(address: str) -> bool:
    """Whether an address could not stand between `<` and `>` in a command without breaking out."""
    if _UNSAFE.search(address) or len(address) > 1000:
        return True
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", address)  # RFC 5321 §4.1.2: Quoted-string
    return any(c in outside for c in '<> "')


def mail_command(envelope: Envelope, offered: Capabilities) -> bytes:
    """MAIL with what was asked for, where it is offered."""
    words = [f"MAIL FROM:<{envelope.sender}>".encode()]
    if offered.offers("SIZE"):
        words.append(b"SIZE=%d" % envelope.size)  # RFC 1870 §3
    if envelope.binary:
        words.append(b"BODY=BINARYMIME")  # RFC 3030 §3
    elif envelope.eight_bit and offered.offers("8BITMIME"):
        words.append(b"BODY=8BITMIME")  # RFC 6152 §3
    if envelope.needs_utf8:
        words.append(b"SMTPUTF8")  # RFC 6531 §3.4
    if offered.offers("DSN"):  # RFC 3461 §4.3, §4.4
        if envelope.ret in ("FULL", "HDRS"):
            words.append(f"RET={envelope.ret}".encode())
        if envelope.envid:
            words.append(b"ENVID=" + xtext.encode(envelope.envid.encode("ascii", "replace")[:100]))
    if envelope.require_tls:
        words.append(b"REQUIRETLS")  # RFC 8689 §2
    return b" ".join(words) + b"\r\n"


_NOTIFY = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}")


def rcpt_command(recipient: EnvelopeRecipient, offered: Capabilities, utf8: bool) -> bytes:
    words = [f"RCPT TO:<{recipient.address}>".encode()]
    if offered.offers("DSN"):
        if _NOTIFY.fullmatch(recipient.notify):
            words.append(f"NOTIFY={recipient.notify}".encode())
        kind, separator, address = recipient.original.partition(";")
        if separator and re.fullmatch(r"[A-Za-z0-9-]{1,40}", kind) and len(address) <= 500:
            words.append(b"ORCPT=" + kind.encode() + b";" + _original(kind.lower(), address, utf8))
    return b" ".join(words) + b"\r\n"


def _original(kind: str, address: str, utf8: bool) -> bytes:
    if kind != "utf-8":
        return xtext.encode(address.encode())
    # RFC 6533 §3: unitext where the session speaks UTF-8, else \x{HEX}
    return "".join(
        c if ("!" <= c <= "~" and c not in "\\+=") or (utf8 and c > "\x9f") else f"\\x{{{ord(c):02X}}}"
        for c in address
    ).encode()
