"""Mail addresses: their canonical form, and address lists of header fields (RFC 5322 §3.4)."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, TypeAlias

from mailsys.core.message.encoded import decode_words, encode_words
from mailsys.core.message.header import MAX_VALUE
from mailsys.core.message.text import clean

# -- one address -------------------------------------------------------------------------------------

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]"  # RFC 5322 §3.2.3, RFC 6532 §3.2
_DOT_ATOM: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED: Final = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"')
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\xa0\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def canonical_domain(domain: str) -> str:
    """A domain in A-labels and lower case, or an address literal in its shortest form.

    Raises ValueError for what can be neither. Underscores are let through: such domains send mail.
    """
    if domain.startswith("["):
        return _literal(domain)
    if not domain.isascii():
        domain = unicodedata.normalize("NFKC", domain[:1000].lower()).replace("\u3002", ".")
    labels = []
    for label in domain.lower().split("."):
        if not label.isascii():
            if len(label) > 63 or _UNSAFE.search(label) or any(c.isspace() for c in label):
                raise ValueError(f"no domain label: {label[:80]!r}")
            label = "xn--" + label.encode("punycode").decode("ascii")
        if not _LABEL.fullmatch(label):
            raise ValueError(f"no domain label: {label[:80]!r}")
        labels.append(label)
    name = ".".join(labels)
    if len(name) > 253:
        raise ValueError("domain too long")
    return name


def _literal(domain: str) -> str:
    inner = domain[1:-1]  # RFC 5321 §4.1.3
    if domain.endswith("]") and "%" not in inner:  # "%" would be a scope, which means nothing to others
        try:
            if inner[:5].lower() == "ipv6:":
                return f"[IPv6:{IPv6Address(inner[5:])}]"
            return f"[{IPv4Address(inner)}]"
        except AddressValueError:
            pass
    raise ValueError(f"no address literal: {domain[:80]!r}")


def split(address: str) -> tuple[str, str]:
    """Local part and domain at the last "@" outside a literal. Raises ValueError when there is none."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"no address: {address[:80]!r}")
    return local, domain


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """The form in which addresses are compared and stored: case-folded NFC local part, domain as
    `canonical_domain`. A quoted local part that needs no quotes loses them; one that needs them keeps
    them. Raises ValueError for what is no address (RFC 5321 §4.1.2, RFC 6531 §3.3)."""
    if len(address) > 1000:
        raise ValueError("address too long")
    local, domain = split(address)
    domain = canonical_domain(domain)
    if local.startswith('"'):
        m = _QUOTED.fullmatch(local)
        if m is None:
            raise ValueError(f"no local part: {local[:80]!r}")
        local = re.sub(r"\\(.)", r"\1", m.group(1))
        quoted = True
    else:
        quoted = False
    local = local if local.isascii() else unicodedata.normalize("NFC", local)
    local = local.casefold()
    if not local.isascii():
        local = unicodedata.normalize("NFC", local)
        if _UNSAFE.search(local):
            raise ValueError("control characters in local part")
    if not _DOT_ATOM.fullmatch(local):
        if not quoted:
            raise ValueError(f"no local part: {local[:80]!r}")
        local = _quote(local)
    whole = f"{local}@{domain}"
    if len(whole.encode("utf-8")) > 320:
        raise ValueError("address too long")
    return whole


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -- lists -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox of a list, decoded. `local` is without quotes; `domain` is as written, or empty for a
    bare name without "@"."""

    name: str
    local: str
    domain: str

    @property
    def address(self) -> str:
        """As an addr-spec; the bare local part when there is no domain."""
        local = self.local if _DOT_ATOM.fullmatch(self.local) or not self.domain else _quote(self.local)
        return f"{local}@{self.domain}" if self.domain else local


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    members: tuple[Mailbox, ...]


# What a list is made of, in order and raw: (name, route, local, domain) in IMAP's convention: a group
# opens with domain None and its name as local, and closes with local None too (RFC 9051 §7.5.2).
RawMailbox: TypeAlias = tuple[bytes | None, bytes | None, bytes | None, bytes | None]

_TOKEN: Final = re.compile(
    rb"([ \t\r\n\x00]+)"
    rb'|"([^"\\]*(?:\\.[^"\\]*)*)"?'
    rb"|(\[[^\]\[]*\]?)"
    rb"|([<>@,;:()])"
    rb'|([^ \t\r\n\x00"\[<>@,;:()\\]+|\\.?)',
    re.S,
)
_ESCAPE: Final = re.compile(rb"\\(.)", re.S)
_PLAIN_ATOM: Final = rb"[^\s\"(),:;<>@\[\]\\]+"
_ONE: Final = re.compile(
    rb"(?:\"([^\"\\]*)\" ?|((?:" + _PLAIN_ATOM + rb" )*))<(" + _PLAIN_ATOM + rb")@(" + _PLAIN_ATOM + rb")>"
)
_BARE: Final = re.compile(rb"<?(" + _PLAIN_ATOM + rb")@(" + _PLAIN_ATOM + rb")>?")


class _ListReader:
    """One pass over the tokens of one address list; each octet is looked at once."""

    def __init__(self) -> None:
        self.found: list[RawMailbox] = []
        self.words: list[bytes] = []  # phrase or bare addr-spec, with b" " between separate words
        self.angle: list[bytes] | None = None  # inside or after <...>
        self.closed = False
        self.comment: list[bytes] = []
        self.in_group = False
        self.at = False  # an "@" stands in `words`
        self.colon = False  # a ":" stands in `angle`

    def flush(self) -> None:
        words, angle = self.words, self.angle
        comment = b"".join(self.comment).strip()
        if angle is not None:
            name = b"".join(words).strip()
            self._add(name or comment or None, angle)
        elif self.at:
            # Nothing but an addr-spec, maybe with words of a name in front that forgot its brackets.
            at = words.index(b"@")
            while at > 0 and words[at - 1] == b" ":
                del words[at - 1]
                at -= 1
            start = at
            while start > 0 and words[start - 1] != b" ":
                start -= 1
            name = b"".join(words[:start]).strip()
            self._add(name or comment or None, words[start:])
        else:
            name = b"".join(words).strip()
            if name:
                self.found.append((comment or None, None, name, b""))
        self.words, self.angle, self.comment = [], None, []
        self.closed = self.at = self.colon = False

    def _add(self, name: bytes | None, spec: list[bytes]) -> None:
        route: bytes | None = None
        if spec and spec[0] == b"@" and b":" in spec:  # RFC 5322 §4.4 obs-route
            colon = spec.index(b":")
            route = b"".join(w for w in spec[:colon] if w != b" ")
            spec = spec[colon + 1 :]
        spec = [w for w in spec if w != b" "]
        if b"@" in spec:
            at = len(spec) - 1 - spec[::-1].index(b"@")
            local, domain = b"".join(spec[:at]), b"".join(spec[at + 1 :])
        else:
            local, domain = b"".join(spec), b""
        if local or domain or name:
            self.found.append((name, route, local, domain))

    def read(self, value: bytes) -> list[RawMailbox]:
        depth = 0
        for space, quoted, literal, special, atom in _TOKEN.findall(value):
            if depth:
                if special == b"(":
                    depth += 1
                elif special == b")":
                    depth -= 1
                    if not depth:
                        continue
                plain = atom[1:] if atom[:1] == b"\\" else atom
                self.comment.append(b" " if space else quoted or literal or special or plain)
            elif special:
                if special == b"(":
                    depth = 1
                    if self.comment:
                        self.comment.append(b" ")
                else:
                    self._special(special)
            elif self.angle is not None:
                if not self.closed:
                    self.angle.append(b" " if space else _unescaped(quoted) or literal or atom)
            elif space:
                if self.words:
                    self.words.append(b" ")
            else:
                self.words.append(_unescaped(quoted) or literal or atom)
        self.flush()
        if self.in_group:
            self.found.append((None, None, None, None))
        return self.found

    def _special(self, special: bytes) -> None:
        inside = self.angle is not None and not self.closed
        if special == b",":
            if inside and self.angle and self.angle[0] == b"@" and not self.colon:
                self.angle.append(b",")  # between the hops of a route
            else:
                self.flush()
        elif special == b"<":
            if self.angle is None:
                self.angle = []
        elif special == b">":
            if inside:
                self.closed = True
        elif special == b";":
            self.flush()
            if self.in_group:
                self.found.append((None, None, None, None))
                self.in_group = False
        elif special == b":":
            if inside and self.angle is not None:
                self.angle.append(b":")
                self.colon = True
            elif self.angle is None and not self.at and not self.in_group:
                name = b"".join(self.words).strip()
                self.words, self.comment = [], []
                self.found.append((None, None, name, None))
                self.in_group = True
        elif self.angle is None:
            self.words.append(b"@")
            self.at = True
        elif inside:
            self.angle.append(b"@")


def _unescaped(quoted: bytes) -> bytes:
    return _ESCAPE.sub(rb"\1", quoted) if b"\\" in quoted else quoted


def parse_raw(value: bytes, limit: int = MAX_VALUE) -> list[RawMailbox]:
    """An address list as IMAP's ENVELOPE wants it, encoded words left as they are.

    Never raises, never recurses, linear; reads the first `limit` octets, up to the last comma among
    them. What is no address becomes a mailbox with an empty domain, so that nothing a reader should
    see is lost.
    """
    if len(value) < 256:
        m = _ONE.fullmatch(value)
        if m is not None:
            quoted, words, local, domain = m.groups()
            name = quoted if quoted is not None else words[:-1]
            return [(name or None, None, local, domain)]
        m = _BARE.fullmatch(value)
        if m is not None and value.startswith(b"<") == value.endswith(b">"):
            return [(None, None, m.group(1), m.group(2))]
    if len(value) > limit:
        comma = value.rfind(b",", limit // 2, limit)
        value = value[: comma if comma > 0 else limit]
    return _ListReader().read(value)


def _text(data: bytes | None) -> str:
    return clean(decode_words(data), 1000) if data else ""


def mailbox(raw: RawMailbox) -> Mailbox:
    """A raw mailbox (no group marker) decoded."""
    name, _, local, domain = raw
    if local is not None and domain is not None and local.isascii() and domain.isascii():
        return Mailbox(_text(name), clean(local.decode(), 1000), clean(domain.decode(), 1000))
    return Mailbox(_text(name), _text(local), _text(domain))


def parse_list(value: bytes | str, limit: int = MAX_VALUE) -> list[Mailbox | Group]:
    """A raw header value as mailboxes and groups, names decoded. Bounds as `parse_raw`."""
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    found: list[Mailbox | Group] = []
    group: str | None = None
    members: list[Mailbox] = []
    for raw in parse_raw(value, limit):
        if raw[3] is not None:
            (found if group is None else members).append(mailbox(raw))
        elif raw[2] is not None:
            group, members = _text(raw[2]), []
        elif group is not None:
            found.append(Group(group, tuple(members)))
            group = None
    return found


def mailboxes(value: bytes | str) -> list[Mailbox]:
    """As `parse_list`, groups opened up."""
    found: list[Mailbox] = []
    for entry in parse_list(value):
        if isinstance(entry, Group):
            found.extend(entry.members)
        else:
            found.append(entry)
    return found


def _phrase(name: str) -> str:
    if not name.isascii():
        return encode_words(name)
    if re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*", name) and "=?" not in name and name == name.strip():
        return name
    return _quote("".join(c if c.isprintable() else " " for c in name))


def render(entry: Mailbox | Group) -> str:
    """As it stands in a header field, names encoded where they must be; never holds CR or LF. A domain
    goes in A-labels where that makes the address ASCII: then anybody can be sent it (RFC 6532 §1)."""
    if isinstance(entry, Group):
        return f"{_phrase(entry.name)}: {', '.join(render(m) for m in entry.members)};"
    address = clean(entry.address, 2000)
    if not address.isascii() and entry.local.isascii():
        with suppress(ValueError):
            address = f"{address.rpartition('@')[0]}@{canonical_domain(entry.domain)}"
    if not entry.name:
        return address if entry.domain else _phrase(address)
    return f"{_phrase(entry.name)} <{address}>"


def comparable(address: str) -> str:
    """The canonical form, or what is no address in lower case: to see whether two are the same."""
    try:
        return canonical(address)
    except ValueError:
        return address.lower()
