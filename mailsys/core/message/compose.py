"""Messages of our own making: notices, delivery status reports, test mail.

Fields refuse CR, LF and NUL in names and values, so nothing that comes from outside can add a field or
end the header. Date, ids and boundaries are the caller's, who owns clock and randomness.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from mailsys.core.message.address import Group, Mailbox, render
from mailsys.core.message.encoded import encode_words

_NAME: Final = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322 §2.2 ftext
_BREAK: Final = re.compile("[\r\n\0]")
_LINE: Final = 78  # RFC 5322 §2.1.1: should; 998 must
_LONG_WORD: Final = 900
_ENDS: Final = re.compile(r"\r\n|\r|\n")
_TOKEN: Final = re.compile(r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+")  # RFC 2045 §5.1


def _checked(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"no header field name: {name[:80]!r}")
    if _BREAK.search(value):
        raise ValueError(f"line break in the value of {name}")
    return value


def _folded(name: str, words: Sequence[str]) -> bytes:
    """Words joined by spaces, with a fold where a line would pass 78 characters."""
    lines: list[str] = []
    line = name + ":"
    for word in words:
        if word and len(line) + 1 + len(word) > _LINE and line.strip() and line != name + ":":
            lines.append(line)
            line = " " + word
        else:
            line += " " + word
    lines.append(line)
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")


def field(name: str, value: str) -> bytes:
    """An unstructured field (Subject, Comments, X-...), encoded where it is not ASCII, folded."""
    value = _checked(name, value)
    long = max(map(len, value.split(" ")), default=0) > _LONG_WORD
    return _folded(name, encode_words(value, _LINE - 3 - len(name), force=long).split(" "))


def structured(name: str, value: str) -> bytes:
    """A field whose value is in its final form already (Date, Message-ID, Auto-Submitted, Received):
    folded at spaces, never encoded. Raises ValueError when a word is too long for any line."""
    words = _checked(name, value).split(" ")
    if any(len(word) > _LONG_WORD for word in words):
        raise ValueError(f"value of {name} cannot be folded")
    return _folded(name, words)


def address_field(name: str, entries: Sequence[Mailbox | Group]) -> bytes:
    """From, To, Reply-To and so on. Folded between mailboxes, and within only if need be."""
    rendered = _checked(name, ", ".join(render(entry) for entry in entries))
    return _folded(name, rendered.split(" "))


def new_message_id(random: Random, at: float, domain: str) -> str:
    """A Message-ID value, unique in practice: time and 64 random bits (RFC 5322 §3.6.4)."""
    return f"<{int(at * 1000):x}.{random.getrandbits(64):016x}@{domain}>"


def new_boundary(random: Random) -> str:
    """A boundary that base64 and quoted-printable cannot contain (RFC 2045 §6.7 suggests "=_")."""
    return f"=_{random.getrandbits(96):024x}"


@dataclass(frozen=True, slots=True)
class Entity:
    """A part or the content of a message: its MIME fields and its body, lines ended by CRLF."""

    fields: bytes
    body: bytes

    @property
    def eight_bit(self) -> bool:
        return not self.body.isascii()


def _crlf(text: str) -> str:
    return _ENDS.sub("\r\n", text)


def _parameter(name: str, value: str) -> str:
    if _BREAK.search(value):
        raise ValueError(f"line break in parameter {name}")
    if value.isascii() and len(value) < 200:
        if _TOKEN.fullmatch(value):
            return f"{name}={value}"
        return f'{name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    octets = value.encode("utf-8", "replace")[:600]  # RFC 2231 §4
    kept = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return f"{name}*=utf-8''" + "".join(chr(c) if c in kept else f"%{c:02X}" for c in octets)


def text(body: str, subtype: str = "plain") -> Entity:
    """A text part: as it is when it is ASCII in short lines, else quoted-printable or, where that
    would be longer (other scripts), base64."""
    body = _crlf(body)
    if body and not body.endswith("\r\n"):
        body += "\r\n"
    data = body.encode("utf-8", "replace")
    charset = "us-ascii" if body.isascii() else "utf-8"
    kind = structured("Content-Type", f"text/{subtype}; charset={charset}")
    if body.isascii() and "\0" not in body and max(map(len, body.split("\r\n"))) <= 990:
        return Entity(kind + structured("Content-Transfer-Encoding", "7bit"), data)
    high = sum(1 for c in data if c > 126)
    if high * 3 > len(data):
        return Entity(kind + structured("Content-Transfer-Encoding", "base64"), _base64(data))
    quoted = binascii.b2a_qp(data.replace(b"\r\n", b"\n"), istext=True)
    return Entity(
        kind + structured("Content-Transfer-Encoding", "quoted-printable"), quoted.replace(b"\n", b"\r\n")
    )


def _base64(data: bytes) -> bytes:
    lines = [binascii.b2a_base64(data[at : at + 57], newline=False) for at in range(0, len(data), 57)]
    return b"".join(line + b"\r\n" for line in lines)


def attachment(data: bytes, kind: str, filename: str) -> Entity:
    """Any data as an attachment in base64; `kind` is type/subtype."""
    fields = structured("Content-Type", kind) + structured("Content-Transfer-Encoding", "base64")
    fields += structured("Content-Disposition", "attachment; " + _parameter("filename", filename))
    return Entity(fields, _base64(data))


def multipart(subtype: str, parts: Sequence[Entity], boundary: str, **params: str) -> Entity:
    """A multipart of at least one part. Should the boundary occur inside, it is made longer until it
    does not (RFC 2046 §5.1.1)."""
    if not parts:
        raise ValueError("a multipart needs a part")
    if not re.fullmatch(r"[0-9A-Za-z'()+_,./:=?-]{1,60}", boundary):
        raise ValueError("no boundary")
    while any(f"--{boundary}".encode() in part.body for part in parts):
        boundary += "x"
    value = f"multipart/{subtype}; " + "".join(
        _parameter(k.replace("_", "-"), v) + "; " for k, v in params.items()
    )
    pieces: list[bytes] = []
    for part in parts:
        pieces += [f"--{boundary}\r\n".encode(), part.fields, b"\r\n", part.body, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    fields = structured("Content-Type", f'{value}boundary="{boundary}"')
    if any(part.eight_bit for part in parts):  # RFC 2045 §6.4: labelled at every level
        fields += structured("Content-Transfer-Encoding", "8bit")
    return Entity(fields, b"".join(pieces))


def message_part(content: bytes) -> Entity:
    """A whole message as it stands, as message/rfc822 (RFC 2046 §5.2.1)."""
    encoding = "7bit" if content.isascii() else "8bit"
    return Entity(
        structured("Content-Type", "message/rfc822") + structured("Content-Transfer-Encoding", encoding),
        content,
    )


def headers_part(block: bytes) -> Entity:
    """The header of a message that is reported on (RFC 6522 §4)."""
    encoding = "7bit" if block.isascii() else "8bit"
    return Entity(
        structured("Content-Type", "text/rfc822-headers") + structured("Content-Transfer-Encoding", encoding),
        block,
    )


def delivery_status(groups: Sequence[Sequence[tuple[str, str]]]) -> Entity:
    """message/delivery-status (RFC 3464 §2.1): groups of fields, the message's own first, then one for
    each recipient. Values are made printable ASCII, whatever the other side said."""
    blocks: list[bytes] = []
    for group in groups:
        block = b""
        for name, value in group:
            printable = "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in value)
            words = [
                w[i : i + _LONG_WORD] for w in printable.split(" ") for i in range(0, len(w) or 1, _LONG_WORD)
            ]
            block += structured(name, " ".join(words))
        blocks.append(block)
    return Entity(structured("Content-Type", "message/delivery-status"), b"\r\n".join(blocks))


def compose(fields: Sequence[bytes], content: Entity) -> bytes:
    """The whole message: fields made by the functions above, MIME-Version, the content."""
    return b"".join((*fields, b"MIME-Version: 1.0\r\n", content.fields, b"\r\n", content.body))
