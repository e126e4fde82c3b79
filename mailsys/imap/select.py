"""SELECT, EXAMINE, UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.2; QRESYNC: RFC 7162 §3.2.5)."""

from __future__ import annotations

from mailsys.core.imap import response
from mailsys.core.imap.commands import QResync, Select, Simple
from mailsys.core.imap.lexer import BadCommand
from mailsys.core.imap.object_ids import mailbox_id
from mailsys.core.imap.response import untagged
from mailsys.core.imap.sequence import contains
from mailsys.imap.columns import Format
from mailsys.imap.fetch import tell_vanished
from mailsys.imap.listing import attributes
from mailsys.imap.selected import Selected
from mailsys.imap.session import Answer, Session
from mailsys.ports.placements import Delta

_CHANGED = Format((b"UID", b"FLAGS", b"MODSEQ"))
_ROWS = 500


async def select(session: Session, tag: bytes, command: Select) -> Answer:
    if command.qresync is not None and not session.qresync:
        raise BadCommand("Enable QRESYNC first")  # RFC 7162 §3.2.5
    if session.selected is not None:
        # §6.3.2: whatever comes of it, the mailbox before is no longer selected
        await session.deselect()
        session.say(untagged(b"OK", "Previous mailbox closed", b"CLOSED"))  # RFC 7162 §3.2.11
    boxes = session.mailboxes
    mailbox = await boxes.find(command.mailbox)
    tree = await boxes.tree()
    image = await boxes.open(mailbox.id)
    known, delta = command.qresync, None
    if known is not None and known.uid_validity == image.uid_validity:
        delta = await image.since(known.modseq)
    # What is said from here to the last VANISHED is of one moment: nothing is awaited in between.
    if command.condstore:
        session.condstore = True
    selected = Selected(image, command.read_only, recent=not session.rev2)
    session.select(selected)
    flags, permanent = selected.flags()
    lines = [flags, response.exists(selected.view.count)]
    if not session.rev2:
        lines.append(response.recent(selected.view.recent_count()))
        unseen = image.first_unseen()
        if unseen is not None:
            lines.append(untagged(b"OK", "First unseen", b"UNSEEN %d" % (unseen + 1)))
    lines += [
        permanent,
        untagged(b"OK", "UIDs are valid", b"UIDVALIDITY %d" % image.uid_validity),
        untagged(b"OK", "Next UID at least", b"UIDNEXT %d" % image.uid_next),
        untagged(b"OK", "Highest modseq", b"HIGHESTMODSEQ %d" % max(image.highest_modseq, 1)),
        untagged(b"OK", "Mailbox id", b"MAILBOXID (%b)" % mailbox_id(image.mailbox)),  # RFC 8474 §4.2
    ]
    if session.rev2:  # §6.3.2: the name, as LIST has it
        named = tree.by_id.get(mailbox.id, mailbox)
        lines.append(response.list_line(attributes(tree, named), named.path, utf8=session.utf8))
    for line in lines:
        session.say(line)
    if known is not None and delta is not None:
        await _resynchronise(session, selected, known, delta)
    code = b"READ-ONLY" if command.read_only else b"READ-WRITE"
    return b"OK", "Mailbox selected", code


async def _resynchronise(session: Session, selected: Selected, known: QResync, delta: Delta) -> None:
    """Tell what happened since the client was here last. The sequence numbers that it may send along
    are only needed by servers without a record of expunged uids (§3.2.5.2)."""
    image = selected.image
    wanted = None if known.known_uids is None else known.known_uids.resolve(image.uid_next)
    tell_vanished(session, selected, delta, wanted)
    rows = image.rows_since(known.modseq)
    if wanted is not None:
        rows = [row for row in rows if contains(wanted, image.uids[row])]
    positions = selected.positions(rows)
    for start in range(0, len(positions), _ROWS):
        chunk = selected.chunk(positions[start : start + _ROWS])
        session.say(b"".join(_CHANGED.lines(chunk)))
        await session.flow()


async def unselect(session: Session, tag: bytes, command: Simple) -> Answer:
    await session.deselect()
    return b"OK", "Mailbox unselected", b""
