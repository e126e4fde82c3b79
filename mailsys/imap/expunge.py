"""EXPUNGE, CLOSE, COPY, MOVE: what changes which messages a mailbox holds (RFC 9051 §6.4)."""

from __future__ import annotations

from collections.abc import Sequence

from mailsys.core.imap import response
from mailsys.core.imap.commands import Copy, Expunge, Simple
from mailsys.core.refusal import NoSuchMailbox
from mailsys.imap.session import Answer, Session
from mailsys.services.mailboxes.image import Image


async def expunge(session: Session, tag: bytes, command: Simple | Expunge) -> Answer:
    selected = session.selection
    image = selected.image
    uids = None
    if isinstance(command, Expunge):  # UID EXPUNGE (RFC 4315 §2.1)
        uids = list(selected.uids_at(selected.resolve(command.numbers, uid=True)))
    removed = await session.mail.expunge(image.account, image.mailbox, uids) if uids != [] else ()
    if not removed:
        return b"OK", "Nothing to expunge", b""
    await _gone(image, removed)
    await session.all_news(expunge=True)
    # RFC 7162 §3.2.7: with QRESYNC the client learns the modseq of it
    code = b"HIGHESTMODSEQ %d" % selected.highest if session.condstore else b""
    return b"OK", "Expunged", code


async def _gone(image: Image, uids: Sequence[int]) -> None:
    """Until the image has heard that we removed these."""
    await image.current()
    if any(image.row(uid) is not None for uid in uids):
        await image.since(image.modseq)


async def close(session: Session, tag: bytes, command: Simple) -> Answer:
    """§6.4.1: as EXPUNGE, but nobody is told; not in a mailbox opened with EXAMINE."""
    selected = session.selection
    image = selected.image
    await session.deselect()
    if not selected.read_only:
        await session.mail.expunge(image.account, image.mailbox, None)
    return b"OK", "Mailbox closed", b""


async def copy(session: Session, tag: bytes, command: Copy) -> Answer:
    """COPY and MOVE (RFC 6851), with COPYUID (RFC 4315 §3)."""
    selected = session.selection
    image = selected.image
    verb = "MOVE" if command.move else "COPY"
    target = (await session.mailboxes.tree()).find(command.mailbox)
    if target is None:
        return b"NO", NoSuchMailbox().text, b"TRYCREATE"  # §6.4.7
    positions = selected.resolve(command.numbers, command.uid)
    if not positions:
        return b"OK", f"No messages to {verb}", b""
    if not command.uid and len(selected.rows(positions)) < len(positions):
        return b"NO", "Some of the messages no longer exist", b"EXPUNGEISSUED"
    uids = list(selected.uids_at(positions))
    work = session.mail.move if command.move else session.mail.copy
    try:
        copied = await work(image.account, image.mailbox, uids, target.id)
    except NoSuchMailbox:
        return b"NO", NoSuchMailbox().text, b"TRYCREATE"
    if not copied.source_uids:
        if command.uid:
            return b"OK", f"No messages to {verb}", b""
        return b"NO", "The messages no longer exist", b"EXPUNGEISSUED"
    code = response.copy_uid(copied.uid_validity, copied.source_uids, copied.target_uids)
    if command.move:
        session.say(response.untagged(b"OK", "Moved", code))  # RFC 6851 §4.3: before the EXPUNGEs
        await _gone(image, copied.source_uids)
        await session.all_news(expunge=True)
        code = b"HIGHESTMODSEQ %d" % selected.highest if session.qresync else b""
    elif target.id == image.mailbox:
        await image.reach(copied.modseq)
    return b"OK", f"{verb} completed", code
