"""What a message is made of, to a filter that learns: words, pairs of words, links, and how it is built.

A token is one string: a kind, "=", and a value, such as `word=free money` or `link=example.com`; `shown`
says it to people. The same message gives the same tokens whenever it is asked: fields that servers put in
front on the way (`Received`, `Authentication-Results`, …) give none, so what was judged on its way in is
what is learned from the store later. Bounded in every direction; never raises.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final

from mailsys.core.message import dates, mime
from mailsys.core.message.address import mailbox, parse_raw
from mailsys.core.message.body import decoded_text
from mailsys.core.message.encoded import decode_words
from mailsys.core.message.header import MAX_VALUE
from mailsys.core.message.mime import Content, Part
from mailsys.core.message.shown import part_name
from mailsys.core.message.structure import index
from mailsys.core.message.text import fold, from_html

MAX_TOKENS: Final = 1500  # of one message
TEXT: Final = 48 * 1024  # octets of decoded text that are looked at, of all parts together
_PARTS: Final = 32  # text parts that are read
_LINKS: Final = 100
_FIELDS: Final = 100  # of the header, whose names are looked at
_WORDS: Final = 4000  # of the text, counted with those that repeat
_SUBJECT: Final = 1000  # octets

_WORD: Final = re.compile(r"[^\W_](?:[\w'’$!.,-]*[\w$!])?|[$€£]+[\d.,]*\d")
# Runs of white space are taken possessively: nothing is looked at twice from each of them.
_LINK: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"'()\[\]{}]{3,500}", re.I)
_MARKUP: Final = re.compile(r"<\s*+([a-z][a-z0-9]{0,15})\b([^<>]{0,1000})", re.I)
_TARGET: Final = re.compile(r"""\b(?:href|src|action|background)\s*+=\s*+["']?\s*+([^\s"'<>]{3,500})""", re.I)
_HIDDEN: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](?:px|pt)?\s*[;\"']"
)
_COLOUR: Final = re.compile(r"""\b(?:bg)?color\s*+[=:]\s*+["']?\s*+(#?[a-z0-9]{3,12})""", re.I)
_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_SPACED: Final = re.compile(r"\b(?:[^\W\d_] ){3,}[^\W\d_]\b")
_SHAPE: Final = str.maketrans("0123456789", "9999999999")

# Fields that servers write, or that say what other filters thought: those are not the sender's words.
_NOT_THE_SENDERS: Final = (
    b"received", b"return-path", b"delivered-to", b"x-original-to", b"authentication-results", b"arc-",
    b"x-spam", b"x-mailsys", b"x-virus", b"x-amavis", b"x-rspamd", b"x-ham", b"status", b"x-status",
    b"x-keywords", b"x-uid", b"x-mozilla", b"x-bogosity", b"x-pyzor", b"x-pstn", b"replied", b"forwarded",
    b"lines", b"content-length", b"bcc",
)  # fmt: skip


def tokens(content: Content, size: int | None = None) -> tuple[str, ...]:
    """The tokens of one message, each once, at most MAX_TOKENS; those of header and build come first."""
    root = mime.parse(content, size)
    found: dict[str, None] = {}
    for source in (_header(root), _build(root), _text(content, root)):
        for token in source:
            found[token] = None
            if len(found) >= MAX_TOKENS:
                return tuple(found)
    return tuple(found)


_BUILD: Final = (
    "tag=", "colour=", "part=", "charset=", "boundary=", "built=", "field=", "zone=", "message-id=",
)  # fmt: skip


def is_build(token: str) -> bool:
    """Whether it is of how a message is built, not of what it says or who does: such tokens come together."""
    return token.startswith(_BUILD)


def key(token: str) -> int:
    """64 bits with a sign, as stores keep it. Without a secret: whoever reads the counts can read the mail
    as well, all processes (and corpora learned elsewhere) must agree, and a sender who made his words
    collide with good ones would have to find a given value among 2**64."""
    digest = hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


# -- header ----------------------------------------------------------------------------------------------


def _header(root: Part) -> Iterator[str]:
    fields = index(root.fields)
    yield from _subject(fields.get(b"subject"))
    for name in (b"from", b"reply-to", b"sender"):
        yield from _author(name.decode("ascii"), fields.get(name))
    yield from _replies_elsewhere(fields.get(b"from"), fields.get(b"reply-to"))
    yield from _recipients(fields.get(b"to"), fields.get(b"cc"))
    for name in (b"x-mailer", b"user-agent"):
        for value in fields.get(name, ())[:1]:
            program = _decoded(value, 200).translate(_SHAPE)
            yield f"program={program[:60]}"
            for word in _split(program)[:4]:
                yield f"program={word}"
    for value in fields.get(b"list-id", ())[:1]:
        yield "list=" + _decoded(value, 400).rpartition("<")[2].strip("> ")[:100]
    yield from _message_id(fields.get(b"message-id"))
    yield from _date(fields.get(b"date"))
    for name in list(fields)[:_FIELDS]:
        if not name.startswith(_NOT_THE_SENDERS):
            yield "field=" + name[:40].decode("ascii", "replace")
    if b"in-reply-to" in fields or b"references" in fields:
        yield "built=a reply"


def _decoded(value: bytes, limit: int) -> str:
    return fold(decode_words(value[:limit])).strip()


def _split(text: str) -> list[str]:
    return [word[:40] for word in _WORD.findall(text)]


def _subject(values: list[bytes] | None) -> Iterator[str]:
    if not values:
        yield "built=no subject"
        return
    raw = decode_words(values[0][:_SUBJECT])
    words = _split(fold(raw))[:60]
    for word in words:
        yield f"subject={word.translate(_SHAPE) if word.isdigit() else word}"
    for one, two in pairwise(words):
        yield f"subject={one} {two}"
    letters = [c for c in raw if c.isalpha()]
    if len(letters) > 7 and sum(map(str.isupper, letters)) > 0.8 * len(letters):
        yield "built=subject in capitals"
    if raw.rstrip().endswith(("!", "!!")):
        yield "built=subject with an exclamation mark"
    if "   " in raw.strip():
        yield "built=subject with a gap"
    if any(byte > 127 for byte in values[0][:_SUBJECT]):
        yield "built=subject in no declared charset"


def _author(field: str, values: list[bytes] | None) -> Iterator[str]:
    if not values:
        if field == "from":
            yield "built=no sender"
        return
    if len(values) > 1:
        yield f"built=several {field} fields"
    found = [mailbox(raw) for raw in parse_raw(values[0][:2000])[:2] if raw[3] is not None]
    if not found:
        yield f"built={field} without an address"
        return
    first = found[0]
    address = fold(first.address)[:200]
    local, _, domain = address.rpartition("@")
    yield f"{field}={address}"
    yield f"{field} domain={_registered(domain)}"
    yield f"{field} domain={domain}"
    if any(c.isdigit() for c in local):
        yield f"{field} name={local.translate(_SHAPE)[:40]}"
    for word in _split(fold(first.name or ""))[:8]:
        yield f"{field} name={word}"
    if not first.name:
        yield f"built={field} without a name"
    elif "@" in first.name and fold(first.name).strip("\"' ") != address:
        yield f"built={field} shows another address"


def _replies_elsewhere(author: list[bytes] | None, reply: list[bytes] | None) -> Iterator[str]:
    if author and reply:
        domains = [value[0].rpartition(b"@")[2].strip(b"> \t").lower() for value in (author, reply)]
        if domains[0] != domains[1]:
            yield "built=replies go to another domain"


def _recipients(to: list[bytes] | None, cc: list[bytes] | None) -> Iterator[str]:
    if not to:
        yield "built=no To field"
        return
    value = to[0][:MAX_VALUE]
    if b"undisclosed" in value.lower() or b"@" not in value:
        yield "built=undisclosed recipients"
    several = value.count(b"@") + sum(each.count(b"@") for each in cc or ())
    yield "built=" + (
        "one recipient" if several <= 1 else "few recipients" if several < 6 else "many recipients"
    )


def _message_id(values: list[bytes] | None) -> Iterator[str]:
    if not values:
        yield "built=no Message-ID"
        return
    value = fold(values[0][:400].decode("latin-1"))
    local, at, domain = value.strip("<> ").rpartition("@")
    if not at:
        yield "built=Message-ID without a domain"
        return
    yield f"message-id={domain[:100]}"
    shape = re.sub("9+", "9", re.sub("[a-z]+", "a", local[:100].translate(_SHAPE)))
    yield f"message-id={shape[:30]}"


def _date(values: list[bytes] | None) -> Iterator[str]:
    parsed = dates.parse_zoned(values[0][:200]) if values else None
    if parsed is None:
        yield "built=no readable date"
    else:
        yield f"zone={parsed[1]:+d}"


# -- how it is built -------------------------------------------------------------------------------------


def _build(root: Part) -> Iterator[str]:
    stack, seen = [root], 0
    while stack and seen < 100:
        part = stack.pop()
        seen += 1
        kind = (part.type + b"/" + part.subtype)[:60].decode("ascii", "replace").lower()
        yield f"part={kind}"
        if part.encoding not in (b"7bit", b""):
            yield f"part={kind} {part.encoding[:20].decode('ascii', 'replace')}"
        for name, value in part.params:
            if name == b"charset":
                yield "charset=" + value[:30].decode("ascii", "replace").lower()
            elif name == b"boundary":
                mark = re.sub("[a-z]+", "a", value[:60].decode("latin-1").lower().translate(_SHAPE))
                yield "boundary=" + re.sub("9+", "9", mark)[:30]
        if not part.children and (named := part_name(part)):
            name_folded = fold(named)
            yield f"file=.{name_folded.rpartition('.')[2][:10]}"
            yield f"file={name_folded[:60]}"
        stack.extend(reversed(part.children))
        if part.message is not None:
            stack.append(part.message)


def _readable(root: Part) -> Iterator[Part]:
    """Text that is shown or offered, in order, enclosed messages among it."""
    stack, seen = [root], 0
    while stack and seen < _PARTS:
        part = stack.pop()
        if part.children:
            stack.extend(reversed(part.children))
            continue
        if part.message is not None:
            stack.append(part.message)
        elif part.type == b"text":
            seen += 1
            yield part


# -- text ------------------------------------------------------------------------------------------------


def _text(content: Content, root: Part) -> Iterator[str]:
    room = TEXT
    texts: list[str] = []
    links: dict[str, None] = {}
    plain = html = False
    for part in _readable(root):
        if room <= 0:
            break
        text, is_html = decoded_text(content, part, room)
        room -= len(text)
        if is_html:
            html = True
            yield from _markup(text, links)
            text = from_html(text)
        elif part.subtype == b"plain":
            plain = True
        _collect(_LINK.findall(text), links)
        texts.append(fold(text))
    if html:
        yield "built=HTML beside plain text" if plain else "built=HTML alone"
    for link in links:
        yield from _link(link)
    yield "built=" + ("no link" if not links else "one link" if len(links) == 1 else
                      "a few links" if len(links) < 8 else "many links")  # fmt: skip
    whole = " ".join(texts)
    yield from _words(whole)
    length = len(whole)
    yield "built=" + ("no text" if length < 20 else "little text" if length < 400 else
                      "some text" if length < 4000 else "much text")  # fmt: skip


def _words(text: str) -> Iterator[str]:
    last = ""
    for number, match in enumerate(_WORD.finditer(text)):
        if number >= _WORDS:
            break
        word = match[0]
        size = len(word)
        if size > 24:
            last = ""
            if "://" not in word and "www." not in word:
                yield f"long={word[0]} {size // 10 * 10}"
            continue
        if word[0].isdigit():
            word = word.translate(_SHAPE)
        if size > 2 or word[0] in "$€£":
            yield f"word={word}"
        if last:
            yield f"word={last} {word}"
        last = word
    if _SPACED.search(text):
        yield "built=words with gaps between letters"


def _markup(html: str, links: dict[str, None]) -> Iterator[str]:
    """What a document does, apart from its words."""
    names: dict[str, int] = {}
    for number, match in enumerate(_MARKUP.finditer(html)):
        if number >= 2000:
            break
        name = match[1].lower()
        names[name] = names.get(name, 0) + 1
        attributes = match[2]
        if "=" in attributes:
            _collect(_TARGET.findall(attributes), links)
            if name in ("font", "td", "table", "body", "span", "p", "div", "a"):
                for colour in _COLOUR.findall(attributes)[:2]:
                    yield f"colour={colour.lower()}"
    for name in list(names)[:60]:
        yield f"tag={name}"
    if names.get("img", 0) > 3:
        yield "built=many images"
    if "<!--" in html and html.count("<!--") > 10:
        yield "built=many comments"
    if _HIDDEN.search(html[:TEXT]):
        yield "built=hidden text"


def _collect(found: Iterable[str], links: dict[str, None]) -> None:
    for link in found:
        if len(links) >= _LINKS:
            return
        links[link.rstrip(".,;:!?")] = None


_REST: Final = re.compile(r"[a-z0-9][a-z0-9_-]{2,24}")


def _link(link: str) -> Iterator[str]:
    scheme, colon, rest = link.lower().partition(":")
    if not colon or scheme.startswith("www."):
        scheme, rest = "http", "//" + link.lower()
    if scheme not in ("http", "https"):
        if scheme in ("mailto", "cid", "ftp", "data", "javascript"):
            yield f"link to={scheme}"
            if scheme == "mailto":
                yield "link=mailto:" + rest[:100].partition("?")[0]
        return
    host, _, path = rest.lstrip("/").partition("/")
    host = host.partition("?")[0]
    if "@" in host:
        yield "built=link with a user name"
        host = host.rpartition("@")[2]
    if "%" in host:
        yield "built=link with a disguised host"
    host, _, port = host.partition(":")
    if port and port not in ("80", "443"):
        yield "built=link to an odd port"
    if _ADDRESS.fullmatch(host):
        yield "built=link to a bare address"
        yield "link=" + host.rpartition(".")[0] + ".*"
    yield f"link={host[:100]}"
    short = _registered(host)
    if short != host:
        yield f"link={short}"
    for word in _REST.findall(path[:200])[:6]:
        yield f"link path={word.translate(_SHAPE) if any(c.isdigit() for c in word) else word}"
    if "?" in path:
        yield "built=link with a query"


_SECOND: Final = frozenset(("co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "go"))


def _registered(domain: str) -> str:
    """About the part of a name that somebody registered: near enough to count by."""
    labels = domain[:253].split(".")
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


# -- for people ------------------------------------------------------------------------------------------

_SHOWN: Final[dict[str, Callable[[str], str]]] = {
    "word": lambda value: f"the words “{value}”" if " " in value else f"the word “{value}”",
    "subject": lambda value: f"“{value}” in the subject",
    "from": lambda value: f"the sender {value}",
    "from domain": lambda value: f"a sender at {value}",
    "from name": lambda value: f"“{value}” in the sender's name",
    "reply-to": lambda value: f"replies to {value}",
    "reply-to domain": lambda value: f"replies to {value}",
    "reply-to name": lambda value: f"“{value}” in the name of who gets replies",
    "link": lambda value: f"a link to {value}",
    "link to": lambda value: f"a link of the kind {value}:",
    "link path": lambda value: f"a link with “{value}”",
    "program": lambda value: f"written with {value}",
    "list": lambda value: f"the mailing list {value}",
    "message-id": lambda value: f"a Message-ID like {value}",
    "zone": lambda value: f"written {value} minutes from UTC",
    "field": lambda value: f"a header field {value}",
    "part": lambda value: f"a part of type {value}",
    "charset": lambda value: f"text in {value}",
    "boundary": lambda value: f"parts divided like {value}",
    "file": lambda value: f"an attached file {value}",
    "colour": lambda value: f"text or ground of colour {value}",
    "tag": lambda value: f"HTML <{value}>",
    "long": lambda value: f"a very long word ({value.partition(' ')[2]} letters and more)",
    "built": lambda value: value,
}


def shown(token: str) -> str:
    """A token in words, printable, for the reasons of a verdict."""
    kind, _, value = token.partition("=")
    value = "".join(c if c.isprintable() else "?" for c in value)[:80]
    known = _SHOWN.get(kind)
    return known(value) if known is not None else f"{kind} {value}"
