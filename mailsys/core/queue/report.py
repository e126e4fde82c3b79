"""Delivery status notifications: from what happened to the bytes of a message that tells it.

RFC 3464 (the report), RFC 6522 (multipart/report), RFC 3461 (who wants which), RFC 6533
(internationalised addresses), RFC 3834 (automatic answers). Whatever a remote server said is
quoted as one bounded, printable line; nothing of it can start a header field or a part.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from textwrap import wrap
from typing import Final

from mailsys.core.message import dates
from mailsys.core.message.tls_required import needs_no_tls
from mailsys.core.queue.remedies import remedy_of

QUOTED_AT_MOST: Final = 800  # characters of a remote's words
LISTED_AT_MOST: Final = 100  # recipients spelled out in the part for people; the machine part has all
RETURNED_AT_MOST: Final = 256 * 1024  # octets of the original that a report carries
SUBJECT_AT_MOST: Final = 600  # octets of the original's subject


class Action(Enum):
    """What became of one recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Reported:
    """One recipient in a report."""

    address: str
    action: Action
    reply: str = ""  # "550 5.1.1 No such user": the remote's words, or our own reason in that form
    host: str = ""  # who gave it; empty: we did
    original: str = ""  # ORCPT, "rfc822;decoded"
    at: float = 0.0  # last attempt, Unix time; 0: there was none
    retry_until: float = 0.0  # DELAYED only
    note: str = ""  # what we have to add: "It was tried for 5 days."


@dataclass(frozen=True, slots=True)
class Original:
    """The message that the report is about."""

    sender: str  # envelope sender: where the report goes, never ""
    created: float  # when we took it, Unix time
    header: bytes  # its header block, blank line included or not
    content: bytes | None = None  # all of it, when it may be returned whole (RET=FULL) and is small
    envid: str = ""  # xtext decoded


@dataclass(frozen=True, slots=True)
class ReportMessage:
    data: bytes
    eight_bit: bool
    utf8: bool  # needs SMTPUTF8


def wants(notify: str, action: Action) -> bool:
    """Whether a recipient's NOTIFY asks for this report (RFC 3461 §4.1, §5.2.8: without NOTIFY,
    failures are told, and delays may be)."""
    chosen = {word.strip().upper() for word in notify.split(",")} - {""}
    if action in (Action.DELIVERED, Action.RELAYED):
        return "SUCCESS" in chosen
    if not chosen:
        return True
    return ("FAILURE" if action is Action.FAILED else "DELAY") in chosen


_CODES = re.compile(r"\s*([2-5])[0-9]{2}(?:[ -]+([245]\.[0-9]{1,3}\.[0-9]{1,3})(?=\s|$))?")


def status_of(reply: str, action: Action) -> str:
    """The enhanced status code of a reply line, or the fitting general one (RFC 3463 §3.1)."""
    found = _CODES.match(reply)
    if found and found[2]:
        return found[2]
    if action in (Action.DELIVERED, Action.RELAYED):
        return "2.0.0"
    if found and found[1] in "45":
        return f"{found[1]}.0.0"
    return "5.0.0" if action is Action.FAILED else "4.0.0"


def is_bounce(reply: str) -> bool:
    """Whether a reply that refuses for good says that the address itself is good for nothing: there is no
    such mailbox or domain, or it is closed (RFC 3463 §3.2, §3.3). A refusal by rule, size or content does
    not."""
    status = status_of(reply, Action.FAILED)
    if status == "5.0.0":  # an old server, without enhanced codes
        return reply[:3] in ("550", "551", "553")
    return status.startswith("5.1.") or status == "5.2.1"


_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str, limit: int = QUOTED_AT_MOST) -> str:
    """`text` as one printable, bounded line; runs of control characters and blanks become one blank."""
    line = " ".join(_UNPRINTABLE.sub(" ", text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _typed_address(kind: str, address: str, raw: bool) -> str:
    """`type; address` (RFC 3464 §2.3.1; RFC 6533 §3 for what is not ASCII)."""
    address = one_line(address, 1000)
    if address.isascii():
        return f"{kind}; {address}"
    if raw:
        return f"utf-8; {address}"
    # RFC 6533 §3: utf-8-addr-xtext, \x{HEX} for what 7-bit fields cannot carry
    coded = "".join(c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):02X}}}" for c in address)
    return f"utf-8; {coded}"


def _original_recipient(original: str, raw: bool) -> str:
    kind, _, address = original.partition(";")
    kind = re.sub(r"[^A-Za-z0-9-]", "", kind) or "rfc822"
    return _typed_address(kind.lower(), address.strip(), raw)


def _folded(name: str, value: str) -> str:
    """A header field with lines under 78 characters where blanks allow it."""
    lines, current = [], f"{name}:"
    for word in value.split(" "):
        if len(current) + 1 + len(word) > 76 and current.strip() and not current.endswith(":"):
            lines.append(current)
            current = ""
        while len(word) > 900:  # RFC 5322 §2.1.1: no line over 998, whatever the words
            lines.append(f"{current} {word[:900]}")
            current, word = "", word[900:]
        current += f" {word}"
    return "\r\n".join([*lines, current]) + "\r\n"


def field(header: bytes, name: bytes) -> bytes:
    """The first field of that name, unfolded, or b""; read from at most 64 KiB of the block."""
    found = re.search(
        rb"(?:\A|\n)" + re.escape(name) + rb"[ \t]*:((?:[^\n]|\n[ \t])*)", header[:65536], re.IGNORECASE
    )
    return b" ".join(found[1].split()) if found else b""


_MESSAGE_ID = re.compile(rb"<[!-;=?-~]{1,900}>")


def _subject(header: bytes, tag: str) -> str:
    """`[tag] subject`: RFC 5256 §2.1 takes a tag in brackets off, so the report threads with the
    original. Encoded words are passed on as they are; raw UTF-8 becomes encoded words."""
    raw = field(header, b"subject")
    if not raw:
        return f"[{tag}]"
    if raw.isascii() and not re.search(rb"[\x00-\x1f\x7f]", raw):
        text = raw.decode("ascii")
        if len(text) > SUBJECT_AT_MOST:
            text = text[:SUBJECT_AT_MOST].rpartition(" ")[0] or text[:SUBJECT_AT_MOST]
        return f"[{tag}] {text}"
    text = one_line(raw.decode("utf-8", "replace"), SUBJECT_AT_MOST // 3)
    words = []
    while text:  # RFC 2047 §2: at most 75 characters each, cut between characters
        words.append(f"=?utf-8?b?{base64.b64encode(text[:10].encode()).decode()}?=")
        text = text[10:]
    return f"[{tag}] " + " ".join(words)


_EXPLAINED: Final = (
    ("5.1.10", "That domain says that it accepts no mail at all."),
    ("5.1.1", "There is no such mailbox there. Check the address for typing mistakes."),
    ("5.1.2", "That domain does not exist. Check the part after the @ for typing mistakes."),
    ("5.1.3", "The address is not well formed."),
    ("5.1.6", "The mailbox has moved, and left no new address."),
    ("5.1.", "The address was not accepted."),
    ("5.2.1", "The mailbox is turned off."),
    ("5.2.2", "The recipient's mailbox is full."),
    ("4.2.2", "The recipient's mailbox is full."),
    ("5.2.3", "The message is larger than the recipient may receive."),
    ("5.3.4", "The message is larger than the other system accepts."),
    ("5.4.6", "The mail is going round in a circle."),
    ("5.6.7", "The other system cannot handle addresses or headers with international characters."),
    ("5.6.3", "The other system cannot take this kind of content."),
    ("5.7.30", "The message asked for protected transport, and the other system does not offer it."),
    ("5.7.", "The other system refused the message by its own rules."),
    ("4.7.", "The other system put the message off by its own rules."),
    ("4.4.7", "It could not be delivered in all the time that it was tried."),
    ("4.4.", "The other system could not be reached."),
    ("5.4.", "The other system could not be reached."),
    ("4.1.", "The domain's servers could not be looked up."),
)


_INDENT: Final = " " * 8


def _explanation(recipient: Reported, action: Action) -> str:
    if recipient.host and (remedy := remedy_of(recipient.reply)):
        return str(remedy)
    status = status_of(recipient.reply, action)
    return next((text for prefix, text in _EXPLAINED if status.startswith(prefix)), "")


_LEADS: Final = {
    Action.FAILED: ("Not delivered", "Your message could not be delivered to:"),
    Action.DELAYED: ("Delayed", "Your message could not be delivered yet to:"),
    Action.RELAYED: ("Passed on", "Your message was passed on; nothing more will be heard about:"),
    Action.DELIVERED: ("Delivered", "Your message was delivered to:"),
}


def _for_people(original: Original, recipients: Sequence[Reported], hostname: str) -> str:
    lines = [f"This is the mail system at {hostname}.", ""]
    listed = 0
    for action, (_, lead) in _LEADS.items():
        group = [r for r in recipients if r.action is action]
        if not group:
            continue
        lines += [lead, ""]
        for recipient in group:
            listed += 1
            if listed > LISTED_AT_MOST:
                continue
            lines.append(f"    {one_line(recipient.address, 400)}")
            if explanation := _explanation(recipient, action):
                lines += wrap(explanation, 76, initial_indent=_INDENT, subsequent_indent=_INDENT)
            if recipient.reply:
                who = f"{one_line(recipient.host, 300)} said" if recipient.host else "The reason"
                lines.append(f"        {who}: {one_line(recipient.reply)}")
            if recipient.note:
                lines.append(f"        {one_line(recipient.note)}")
            lines.append("")
        if action is Action.FAILED:
            lines += ["Nothing more will be tried for them.", ""]
        elif action is Action.DELAYED:
            until = max(r.retry_until for r in group)
            lines += [
                "You need not send it again: it will be tried"
                + (f" until {dates.render(until)}." if until else " again."),
                "",
            ]
    if listed > LISTED_AT_MOST:
        lines += [f"    and {listed - LISTED_AT_MOST} more; the attached report names them all.", ""]
    lines.append("The message:")
    for name in (b"Subject", b"To", b"Date", b"Message-ID"):
        if value := one_line(field(original.header, name).decode("utf-8", "replace"), 300):
            lines.append(f"    {name.decode()}: {value}")
    lines.append(f"    Taken in: {dates.render(original.created)}")
    return "\r\n".join(lines) + "\r\n"


def _for_machines(original: Original, recipients: Sequence[Reported], hostname: str, raw: bool) -> str:
    """RFC 3464 §2: one group of fields about the message, one per recipient."""
    groups = [f"Reporting-MTA: dns; {hostname}\r\n"]
    if original.envid:
        envid = "".join(c for c in original.envid if " " <= c <= "~")[:200]
        groups[0] += _folded("Original-Envelope-Id", envid)
    groups[0] += f"Arrival-Date: {dates.render(original.created)}\r\n"
    for r in recipients:
        group = ""
        if r.original:
            group += _folded("Original-Recipient", _original_recipient(r.original, raw))
        group += _folded("Final-Recipient", _typed_address("rfc822", r.address, raw))
        group += f"Action: {r.action.value}\r\n"
        group += f"Status: {status_of(r.reply, r.action)}\r\n"
        if r.host:
            group += _folded("Remote-MTA", f"dns; {one_line(r.host.split(' ')[0], 255)}")
        if r.reply:
            words = one_line(r.reply)
            words = words if raw else words.encode("ascii", "backslashreplace").decode()
            group += _folded("Diagnostic-Code", f"{'smtp' if r.host else 'x-local'}; {words}")
        if r.at:
            group += f"Last-Attempt-Date: {dates.render(r.at)}\r\n"
        if r.action is Action.DELAYED and r.retry_until:
            group += f"Will-Retry-Until: {dates.render(r.retry_until)}\r\n"
        groups.append(group)
    return "\r\n".join(groups)


def compose_report(
    original: Original,
    recipients: Sequence[Reported],
    *,
    hostname: str,
    postmaster: str,
    now: float,
    unique: str,
) -> ReportMessage:
    """The whole notification as it is stored and sent: CRLF lines, header first.

    `unique` is a random token (letters and digits) for the Message-ID and the part boundary.
    `postmaster` is the From address (RFC 3464 §2: somebody who answers for this system).
    Raises ValueError for the null sender (RFC 5321 §4.5.5: a report is never answered by one) and
    for no recipients.
    """
    if not original.sender or not recipients:
        raise ValueError("a report needs somebody to go to and something to say")
    raw = not original.sender.isascii()  # RFC 6533: only then may the report itself be UTF-8 outside
    actions = {r.action for r in recipients}
    tag = next(tag for action, (tag, _) in _LEADS.items() if action in actions)
    to = re.sub(r"[\x00-\x1f\x7f<>]", "", original.sender)
    reference = _MESSAGE_ID.search(field(original.header, b"message-id"))
    header = [
        f"From: Mail Delivery System <{postmaster}>\r\n",
        f"To: <{to}>\r\n",
        _folded("Subject", _subject(original.header, tag)),
        f"Date: {dates.render(now)}\r\n",
        f"Message-ID: <report.{unique}@{hostname}>\r\n",
    ]
    if reference:
        earlier = _MESSAGE_ID.findall(field(original.header, b"references")[:8000])[-20:]
        ids = [i for i in earlier if i != reference[0]] + [reference[0]]
        header.append(_folded("In-Reply-To", reference[0].decode("ascii")))
        header.append(_folded("References", b" ".join(ids).decode("ascii")))
    header += [
        "Auto-Submitted: auto-replied\r\n",  # RFC 3834 §5
        *(["TLS-Required: No\r\n"] if needs_no_tls(original.header) else []),  # RFC 8689 §5
        "MIME-Version: 1.0\r\n",
        "Content-Type: multipart/report; report-type=delivery-status;\r\n",
        f' boundary="=_report_{unique}"\r\n\r\n',
    ]
    globe = "global-" if raw else ""
    parts = [
        _part(b"text/plain; charset=utf-8", _for_people(original, recipients, hostname).encode()),
        _part(
            f"message/{globe}delivery-status".encode(),
            _for_machines(original, recipients, hostname, raw).encode(),
        ),
        _returned(original, raw),
    ]
    line = f"--=_report_{unique}".encode()
    data = b"".join(
        [
            "".join(header).encode(),
            b"This is a delivery report in MIME form.\r\n",
            *(b"\r\n" + line + b"\r\n" + part for part in parts),
            b"\r\n" + line + b"--\r\n",
        ]
    )
    return ReportMessage(data, not data.isascii(), raw)


def _part(kind: bytes, content: bytes) -> bytes:
    encoding = b"" if content.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return b"Content-Type: " + kind + b"\r\n" + encoding + b"\r\n" + content


def _returned(original: Original, raw: bool) -> bytes:
    """The third part (RFC 6522 §3): the whole message, or its header. Binary content (RFC 3030) is not sent
    back: the report may have to go where only lines of text go, and message/rfc822 takes no encoding
    (RFC 2046 §5.2.1)."""
    content = original.content
    if content is not None and len(content) <= RETURNED_AT_MOST and _is_text(content):
        return _part(b"message/global" if raw else b"message/rfc822", content)
    end = original.header.find(b"\r\n\r\n")
    block = original.header if end < 0 else original.header[: end + 2]
    if len(block) > 65536:
        cut = block.rfind(b"\r\n", 0, 65536)
        block = block[: cut + 2] if cut >= 0 else b""
    if not _is_text(block):
        block = b"".join(_NOT_TEXT.sub(b"?", line) + b"\r\n" for line in block.split(b"\r\n")[:-1])
    return _part(b"message/global-headers" if raw else b"text/rfc822-headers", block)


_NOT_TEXT = re.compile(rb"[\0\r\n]")


def _is_text(content: bytes) -> bool:
    """Whether it is lines of text as any server takes them: no NUL, and no CR or LF but in pairs."""
    ends = content.count(b"\r\n")
    return b"\0" not in content and content.count(b"\r") == ends == content.count(b"\n")


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def addresses(recipients: Iterable[Reported]) -> str:
    """Their addresses as one bounded line, for timelines."""
    return one_line(", ".join(r.address for r in recipients), 400)
