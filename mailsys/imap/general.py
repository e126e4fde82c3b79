"""NOOP, CHECK, ID, ENABLE, NAMESPACE (RFC 9051 §6.1, §6.3.1, §6.3.10; RFC 2971)."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from mailsys.core.imap import response
from mailsys.core.imap.commands import Enable, Id, Simple
from mailsys.imap.session import Answer, Session
from mailsys.log import Log

log = Log("imap")


@cache
def _version() -> bytes:
    return response.string(version("mailsys").encode())


async def noop(session: Session, tag: bytes, command: Simple) -> Answer:
    if session.selected is not None:
        await session.selected.image.current()
    return b"OK", f"{command.name.decode()} completed", b""


async def identify(session: Session, tag: bytes, command: Id) -> Answer:
    log.debug("client", peer=session.address, **{f"id_{name}": value for name, value in command.fields})
    session.say(b'* ID ("name" "mailsys" "version" %b)\r\n' % _version())
    return b"OK", "ID completed", b""


async def enable(session: Session, tag: bytes, command: Enable) -> Answer:
    enabled: dict[bytes, None] = {}
    for word in command.capabilities:
        if word == b"QRESYNC":  # RFC 7162 §3.2.3: CONDSTORE with it
            session.qresync = True
            session.enable_condstore()
        elif word == b"CONDSTORE":
            session.enable_condstore()
        elif word == b"IMAP4REV2":
            session.rev2 = session.utf8 = True
            session.wire.names_in_utf8()
        elif word == b"UTF8=ACCEPT":  # RFC 6855 §3
            session.utf8 = True
            session.wire.names_in_utf8()
        else:
            continue  # RFC 9051 §6.3.1: what we do not know is ignored
        enabled[b"IMAP4rev2" if word == b"IMAP4REV2" else word] = None
    session.say(b" ".join((b"* ENABLED", *enabled)) + b"\r\n")
    return b"OK", "ENABLE completed", b""


async def namespace(session: Session, tag: bytes, command: Simple) -> Answer:
    session.say(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return b"OK", "NAMESPACE completed", b""
