"""STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailsys.core.imap.commands import Store
from mailsys.core.imap.sequence import render
from mailsys.core.imap.view import Position
from mailsys.core.message.keywords import canonical
from mailsys.imap.columns import Format
from mailsys.imap.session import Answer, Session
from mailsys.ports.ids import EmailId
from mailsys.ports.placements import KeywordChange

AT_ONCE: Final = 10_000  # messages of one commit: others' must not wait for a million
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
    await session.all_news(expunge=False)  # so that what others did is told apart from what we do now
    asked = selected.chunk(positions)
    missing = len(positions) - len(asked.numbers)
    if missing and not asked.numbers and not command.uid and not command.silent:
        return b"NO", "The messages no longer exist", b"EXPUNGEISSUED"
    change = change_of(command.mode, command.flags)
    shown = _shown(command, session.condstore)
    conflicts: set[int] = set()
    for first in range(0, len(positions), AT_ONCE):
        part = positions[first : first + AT_ONCE]
        rows = selected.rows(part)
        if not rows:
            continue
        done = await selected.set_keywords(rows, change, command.unchanged_since)
        conflicts.update(done.conflicts)
        for line in selected.new_flags():
            session.say(line)
        if shown is not None:
            await _show(session, part, shown, frozenset(done.changed) if command.silent else None)
    if conflicts:
        named = asked.uids if command.uid else asked.numbers
        left = [one for one, email in zip(named, asked.emails, strict=True) if email in conflicts]
        return b"OK", "Some were changed by others meanwhile", b"MODIFIED " + render(left)
    if missing and not command.uid and not command.silent:
        # Uids that do not exist are passed over (RFC 9051 §6.4.9), and with .SILENT all that exist have
        # been changed, which is OK (RFC 2180 §4.2.1).
        return b"NO", "Some of the messages no longer exist", b"EXPUNGEISSUED"
    return b"OK", "STORE completed", b""


async def _show(
    session: Session, positions: Sequence[Position], shown: Format, only: frozenset[EmailId] | None
) -> None:
    """Answer for each message; `only` these emails: RFC 7162 §3.1.3, the new MODSEQ of what was
    changed, even when silent."""
    selected = session.selection
    for start in range(0, len(positions), _ROWS):
        chunk = selected.chunk(positions[start : start + _ROWS])
        if only is not None:
            chunk = chunk.only([at for at, email in enumerate(chunk.emails) if email in only])
        session.say(b"".join(shown.lines(chunk)))
        if shown.shows_flags:
            selected.shown(chunk)
        await session.flow()


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
