"""STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3)."""

from __future__ import annotations

from typing import Final

from mailsys.core.imap.commands import Store
from mailsys.core.imap.sequence import render
from mailsys.core.message.keywords import canonical
from mailsys.imap.columns import Format
from mailsys.imap.session import Answer, Session
from mailsys.ports.mail import KeywordChange

_ROWS: Final = 500


def change_of(mode: str, flags: tuple[bytes, ...]) -> KeywordChange:
    words = canonical(flag.decode("ascii") for flag in flags)
    if mode == "add":
        return KeywordChange(add=words)
    if mode == "remove":
        return KeywordChange(remove=words)
    return KeywordChange(replace=words)


async def store(session: Session, tag: bytes, command: Store) -> Answer:
    selected = session.selection
    if command.unchanged_since is not None:
        session.enable_condstore()
    positions = selected.resolve(command.numbers, command.uid)
    session.news(expunge=False)  # so that what others did is told apart from what we do now
    rows = selected.rows(positions)
    if not rows:
        if len(positions):
            return b"NO", "The messages no longer exist", b"EXPUNGEISSUED"
        return b"OK", "STORE completed", b""
    asked = selected.chunk(positions)
    done = await selected.set_keywords(rows, change_of(command.mode, command.flags), command.unchanged_since)
    shown = _shown(command, session.condstore)
    if shown is not None:
        changed = frozenset(done.changed)
        for start in range(0, len(positions), _ROWS):
            chunk = selected.chunk(positions[start : start + _ROWS])
            if command.silent:
                # RFC 7162 §3.1.3: the new MODSEQ of what was changed, even when silent
                chunk = chunk.only([at for at, email in enumerate(chunk.emails) if email in changed])
            session.say(b"".join(shown.lines(chunk)))
            await session.flow()
    if done.conflicts:
        conflicts = frozenset(done.conflicts)
        named = asked.uids if command.uid else asked.numbers
        left = [one for one, email in zip(named, asked.emails, strict=True) if email in conflicts]
        return b"OK", "Some were changed by others meanwhile", b"MODIFIED " + render(left)
    if len(rows) < len(positions):
        return b"NO", "Some of the messages no longer exist", b"EXPUNGEISSUED"
    return b"OK", "STORE completed", b""


def _shown(command: Store, condstore: bool) -> Format | None:
    """What the answer to each message shows; None: nothing."""
    items = [b"UID"] if command.uid or condstore else []
    if not command.silent:
        items.append(b"FLAGS")
    elif not condstore:
        return None
    if condstore:
        items.append(b"MODSEQ")
    return Format(items)
