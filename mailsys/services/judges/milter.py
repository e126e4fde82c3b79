"""A milter, asked when the whole message is there: the client side of the milter protocol, version 6 (as in
libmilter's mfdef.h and Sendmail's milter documentation).

Of what a milter may ask for, it can add header fields, put into quarantine (here: Junk) and say what becomes
of the message. To change fields is let through as an option, since well-known milters insist on it, and not
done: the message stays as it arrived. Recipients were answered before the milter is asked, so one whom it
refuses is only told in the reasons, unless it refuses all of them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.message.header import MAX_HEADER, scan
from mailsys.core.message.text import clean
from mailsys.core.trust.verdict import Action, Reason
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.judging import IJudge, Inspected, OutsideVerdict
from mailsys.services.judges.conversation import Conversation, Unanswered, connect, windows

_VERSION: Final = 6
_ADD_FIELDS, _CHANGE_FIELDS, _QUARANTINE = 0x01, 0x10, 0x20
_ACTIONS: Final = _ADD_FIELDS | _CHANGE_FIELDS | _QUARANTINE

# What a milter may ask not to be told (SMFIP_NO…), and not to be waited for (SMFIP_NR_…), by command.
_NOT_TOLD: Final = {"C": 0x01, "H": 0x02, "M": 0x04, "R": 0x08, "B": 0x10, "L": 0x20, "N": 0x40, "T": 0x200}
_NO_REPLY: Final = {
    "C": 0x1000,
    "H": 0x2000,
    "M": 0x4000,
    "R": 0x8000,
    "T": 0x10000,
    "N": 0x40000,
    "L": 0x80,
    "B": 0x80000,
}
_SKIP: Final = 0x400
_LEADING_SPACE: Final = 0x100000
_PROTOCOL: Final = sum(_NOT_TOLD.values()) | sum(_NO_REPLY.values()) | _SKIP | _LEADING_SPACE
_LONGEST: Final = 65535  # octets of a piece of the body
_ANSWERS: Final = 500  # packets in answer to the end of the message
_FIELDS: Final = 50  # that are added


@dataclass(slots=True)
class _Found:
    """What it has said so far."""

    header: list[tuple[str, str]] = field(default_factory=list)
    quarantine: str = ""
    refused: list[str] = field(default_factory=list)


class _Decided(Exception):
    """The milter has come to an end."""

    def __init__(self, action: Action, reply: str = "", said: str = "") -> None:
        super().__init__(said)
        self.action = action
        self.reply = reply
        self.said = said


@implementer(IJudge)
class Milter:
    def __init__(self, reactor: Any, where: str, hostname: str) -> None:
        """`hostname`: ours, macro j."""
        self.name = f"milter at {where}"
        self._reactor = reactor
        self._where = where
        self._hostname = hostname

    def judge(self, message: Inspected) -> Deferred[OutsideVerdict]:
        return Deferred.fromCoroutine(self._judge(message))

    async def _judge(self, message: Inspected) -> OutsideVerdict:
        talk = await connect(self._reactor, self._where)
        found = _Found()
        at_peace = False
        try:
            session = _Session(talk, found, await _negotiate(talk))
            decided: _Decided | None = None
            try:
                await session.run(message, self._hostname)
            except _Decided as end:
                decided = end
            await talk.say(_packet("Q"))
            at_peace = True
            return _verdict(self.name, decided, found)
        finally:
            if at_peace:
                talk.leave()
            else:
                talk.hang_up()


class _Session:
    def __init__(self, talk: Conversation, found: _Found, protocol: int) -> None:
        self._talk = talk
        self._found = found
        self._protocol = protocol

    async def run(self, message: Inspected, hostname: str) -> None:
        sender, recipients = message.sender, message.recipients
        name = message.peer_name or f"[{message.peer}]"
        await self._macros("C", j=hostname, _=f"{name} [{message.peer}]")
        await self._command("C", _connection(name, message.peer))
        await self._command("H", _text(message.hello))
        await self._macros("M", i=message.trace, mail_addr=sender)
        await self._command("M", _text(f"<{sender}>"))
        for recipient in recipients:
            await self._macros("R", rcpt_addr=recipient)
            if await self._command("R", _text(f"<{recipient}>"), recipient=True):
                self._found.refused.append(recipient)
        if recipients and len(self._found.refused) == len(recipients):
            raise _Decided(Action.REFUSE, said="it refuses every recipient")
        await self._command("T", b"")
        block, start = _header(message.blob, message.ours)
        for each in scan(block):
            if each.name:
                name_octets = block[each.start : each.value].rstrip(b": \t")
                value = block[each.value : each.end].rstrip(b"\r\n").replace(b"\r\n", b"\n")
                if not self._protocol & _LEADING_SPACE:
                    value = value.removeprefix(b" ")
                await self._command("L", name_octets + b"\0" + value.replace(b"\0", b"") + b"\0")
        await self._command("N", b"")
        for piece in _pieces(message.blob, start):
            if await self._command("B", piece):
                break
        await self._macros("E", i=message.trace)
        await self._talk.say(_packet("E"))
        await self._end()

    async def _macros(self, command: str, **values: str) -> None:
        named = [(name if len(name) == 1 else "{" + name + "}", value) for name, value in values.items()]
        data = b"".join(_text(name) + _text(value) for name, value in named if value)
        await self._talk.say(_packet("D", command.encode() + data))

    async def _command(self, command: str, data: bytes, recipient: bool = False) -> bool:
        """Tell, and wait for the answer unless that was agreed not to come. Whether to stop with this kind: a
        recipient is refused, or the rest of the body is not wanted."""
        if self._protocol & _NOT_TOLD[command]:
            return False
        await self._talk.say(_packet(command, data))
        if self._protocol & _NO_REPLY[command]:
            return False
        while True:
            kind, said = await _answer(self._talk)
            if kind == "p":
                continue
            if kind == "c":
                return False
            if kind == "s" and command == "B":
                return True
            if recipient and kind in "rty":
                return True
            self._conclude(kind, said)

    async def _end(self) -> None:
        for _ in range(_ANSWERS):
            kind, said = await _answer(self._talk)
            if kind == "c":
                return
            if kind in "hi":
                if len(self._found.header) < _FIELDS:
                    self._add(said if kind == "h" else said[4:])
            elif kind == "q":
                self._found.quarantine = _said(said) or "quarantine"
            elif kind not in "pm":
                self._conclude(kind, said)
        raise Unanswered("too many answers")

    def _add(self, said: bytes) -> None:
        name, _, value = said.rstrip(b"\0").partition(b"\0")
        shown = clean(value.decode("utf-8", "replace"), 2000)
        if name and name.isascii() and all(33 <= c <= 126 and c != 58 for c in name):
            self._found.header.append((name.decode("ascii"), shown))

    def _conclude(self, kind: str, said: bytes) -> None:
        match kind:
            case "a":
                raise _Decided(Action.INBOX)
            case "r":
                raise _Decided(Action.REFUSE)
            case "t":
                raise _Decided(Action.DEFER)
            case "d":  # to drop in silence: what we accept is never dropped
                raise _Decided(Action.JUNK, said="it would drop the message")
            case "y":
                reply = _said(said)
                if reply[:1] in ("4", "5") and reply[:3].isdigit():
                    raise _Decided(Action.DEFER if reply[0] == "4" else Action.REFUSE, reply, reply[4:])
        raise Unanswered(f"an answer that is not known: {kind!r}")


def _verdict(name: str, decided: _Decided | None, found: _Found) -> OutsideVerdict:
    action = Action.INBOX if decided is None else decided.action
    said = "" if decided is None else decided.said
    if found.quarantine and action is Action.INBOX and decided is None:
        action, said = Action.JUNK, found.quarantine
    detail = [("judge", name)]
    if said:
        detail.append(("said", said))
    if found.refused:
        detail.append(("refused-recipients", clean(", ".join(found.refused), 500)))
    words = {
        Action.INBOX: "has no objection",
        Action.JUNK: "wants it set aside",
        Action.DEFER: "wants it to come again later",
        Action.REFUSE: "refuses it",
    }[action]
    text = f"The {name} {words}{f': {said}' if said else ''}."
    return OutsideVerdict(
        action,
        (Reason("milter", text, detail=tuple(detail)),),
        "" if decided is None else decided.reply,
        tuple(found.header),
    )


async def _negotiate(talk: Conversation) -> int:
    """The protocol flags that were agreed on."""
    await talk.say(
        _packet("O", b"".join(each.to_bytes(4, "big") for each in (_VERSION, _ACTIONS, _PROTOCOL)))
    )
    kind, said = await _answer(talk)
    if kind != "O" or len(said) < 12:
        raise Unanswered("no agreement")
    version, actions, protocol = (int.from_bytes(said[at : at + 4], "big") for at in (0, 4, 8))
    if version < 2 or actions & ~_ACTIONS:
        raise Unanswered(f"it asks for what is not offered (version {version}, actions {actions:#x})")
    return protocol & _PROTOCOL


async def _answer(talk: Conversation) -> tuple[str, bytes]:
    length = int.from_bytes(await talk.octets(4), "big")
    if not 1 <= length <= 70_000:
        raise Unanswered(f"a packet of {length} octets")
    packet = await talk.octets(length)
    return chr(packet[0]), packet[1:]


def _packet(command: str, data: bytes = b"") -> bytes:
    return (len(data) + 1).to_bytes(4, "big") + command.encode("ascii") + data


def _text(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace") + b"\0"


def _said(data: bytes) -> str:
    return clean(
        data.rstrip(b"\0").decode("utf-8", "replace").encode("ascii", "replace").decode("ascii"), 400
    )


def _connection(name: str, peer: str) -> bytes:
    try:
        family = b"6" if ipaddress.ip_address(peer).version == 6 else b"4"
    except ValueError:
        return _text(name) + b"U"
    address = f"IPv6:{peer}" if family == b"6" else peer
    return _text(name) + family + bytes(2) + _text(address)


def _header(blob: StagedBlob, start: int) -> tuple[bytes, int]:
    """The header block that came, and where the body begins."""
    block = b""
    for window in windows(blob, start):
        block += window
        end = 2 if block.startswith(b"\r\n") else block.find(b"\r\n\r\n") + 4
        if end > 3 or block.startswith(b"\r\n"):
            return block[:end], start + end
        if len(block) > MAX_HEADER:
            raise Unanswered("the header is too long to be told")
    return block, start + len(block)


def _pieces(blob: StagedBlob, start: int) -> Iterator[bytes]:
    for window in windows(blob, start):
        for at in range(0, len(window), _LONGEST):
            yield window[at : at + _LONGEST]
