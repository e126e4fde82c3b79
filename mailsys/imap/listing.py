r"""LIST, LSUB, STATUS (RFC 9051 §6.3.9, §6.3.11; RFC 5258, RFC 5819, RFC 6154, RFC 8438)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailsys.core.imap import response
from mailsys.core.imap.commands import List, Status
from mailsys.core.imap.object_ids import mailbox_id
from mailsys.core.imap.patterns import Pattern, compile_pattern, matches_any
from mailsys.core.refusal import NoSuchMailbox
from mailsys.imap.session import Answer, Session
from mailsys.ports.mailboxes import Mailbox, Role
from mailsys.services.mailboxes.account import Tree

USES: dict[Role, bytes] = {
    Role.ARCHIVE: b"\\Archive",
    Role.DRAFTS: b"\\Drafts",
    Role.SENT: b"\\Sent",
    Role.JUNK: b"\\Junk",
    Role.TRASH: b"\\Trash",
    Role.SNOOZED: b"\\Snoozed",  # registered by IANA as an attribute of mailboxes
}


def attributes(tree: Tree, mailbox: Mailbox, subscribed: bool = False) -> list[bytes]:
    """Of an existing mailbox; `subscribed`: whether to show that it is."""
    shown = [b"\\HasChildren" if mailbox.path in tree.parents else b"\\HasNoChildren"]
    if mailbox.role in USES:
        shown.append(USES[mailbox.role])
    if subscribed and mailbox.subscribed:
        shown.append(b"\\Subscribed")
    return shown


async def list_(session: Session, tag: bytes, command: List) -> Answer:
    verb = "LSUB" if command.lsub else "LIST"
    if command.patterns == ("",) and not command.extended:
        # §6.3.9: a special request for the separator and the root
        session.say(response.list_line((b"\\Noselect",), "", lsub=command.lsub, utf8=session.utf8))
        return b"OK", f"{verb} completed", b""
    tree = await session.mailboxes.tree()
    patterns = [compile_pattern(command.reference, one) for one in command.patterns if one]
    fresh: dict[str, Mailbox] = {}
    if command.return_status:  # counts of this moment, of all mailboxes in one question
        fresh = {one.path: one for one in await session.mail.mailboxes(session.mailboxes.account)}
    lines = _subscribed_only(tree, patterns, command) if command.lsub else _listed(tree, patterns, command)
    for looked, line in enumerate(lines, 1):
        if looked % 100 == 0:
            await session.flow()
        if line is None:
            continue
        shown, name, child_info = line
        session.say(
            response.list_line(shown, name, utf8=session.utf8, lsub=command.lsub, child_info=child_info)
        )
        if name in fresh:
            session.say(await _status_line(session, fresh[name], command.return_status))
    return b"OK", f"{verb} completed", b""


Line = tuple[Iterable[bytes], str, Iterable[bytes]]  # attributes, name, CHILDINFO


def _listed(tree: Tree, patterns: list[Pattern], command: List) -> Iterator[Line | None]:
    """None stands for a name that was looked at in vain: that takes time too."""
    with_lost = command.select_subscribed and not command.select_special
    lost = set(tree.lost) if with_lost else set()
    above: set[str] = set()  # ancestors of what is selected and not shown itself: CHILDINFO tells of it,
    if command.select_recursive and command.select_subscribed:  # and is not given besides (RFC 5258 §3.5)
        selected = [one.path for one in tree.by_path.values() if _is_selected(one, command)]
        for path in (*selected, *lost):
            yield None
            if not matches_any(patterns, path):
                above.update(_parents(path))
    for mailbox in tree.by_path.values():
        if not matches_any(patterns, mailbox.path):
            yield None
            continue
        child_info = (b"SUBSCRIBED",) if mailbox.path in above else ()
        if child_info or _is_selected(mailbox, command):
            yield attributes(tree, mailbox, command.return_subscribed), mailbox.path, child_info
    # RFC 5258 §3.4: subscribed names without a mailbox, and with RECURSIVEMATCH what is above them
    missing = lost | {path for path in above if path not in tree.by_path}
    for path in sorted(missing):
        if matches_any(patterns, path):
            shown = [b"\\NonExistent"]
            if path in lost:
                shown.append(b"\\Subscribed")
            yield shown, path, (b"SUBSCRIBED",) if path in above else ()


def _is_selected(mailbox: Mailbox, command: List) -> bool:
    if command.select_special and mailbox.role not in USES:
        return False
    return mailbox.subscribed or not command.select_subscribed


def _subscribed_only(tree: Tree, patterns: list[Pattern], command: List) -> Iterator[Line | None]:
    """LSUB (RFC 3501 §6.3.9): subscribed names, and with "%" the parents of deeper ones."""
    subscribed = {one.path for one in tree.by_path.values() if one.subscribed} | set(tree.lost)
    shown: dict[str, bool] = {}
    for path in sorted(subscribed):
        if matches_any(patterns, path):
            shown[path] = True
        elif any("%" in pattern.text for pattern in patterns):
            for parent in _parents(path):
                if matches_any(patterns, parent):
                    shown.setdefault(parent, False)
    for path in sorted(shown):
        yield () if shown[path] or path in subscribed else (b"\\Noselect",), path, ()


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


async def status(session: Session, tag: bytes, command: Status) -> Answer:
    boxes = session.mailboxes
    known = await boxes.find(command.mailbox)
    mailbox = await session.mail.mailbox(boxes.account, known.id)
    if mailbox is None:
        raise NoSuchMailbox
    if b"HIGHESTMODSEQ" in command.items:
        session.enable_condstore()  # RFC 7162 §3.1
    session.say(await _status_line(session, mailbox, command.items))
    return b"OK", "STATUS completed", b""


async def _status_line(session: Session, mailbox: Mailbox, items: Iterable[bytes]) -> bytes:
    values: list[tuple[bytes, int | bytes]] = []
    for item in items:
        match item:
            case b"MESSAGES":
                values.append((item, mailbox.total))
            case b"UIDNEXT":
                values.append((item, mailbox.uid_next))
            case b"UIDVALIDITY":
                values.append((item, mailbox.uid_validity))
            case b"UNSEEN":
                values.append((item, mailbox.unseen))
            case b"DELETED":
                values.append((item, mailbox.deleted))
            case b"SIZE":
                values.append((item, mailbox.size))
            case b"HIGHESTMODSEQ":
                values.append((item, max(mailbox.modseq, 1)))
            case b"MAILBOXID":
                values.append((item, b"(%b)" % mailbox_id(mailbox.id)))
            case b"APPENDLIMIT":
                values.append((item, session.parts.limits.message_size))
            case b"RECENT":
                values.append((item, await _recent(session, mailbox)))
    return response.status_line(mailbox.path, values, utf8=session.utf8)


async def _recent(session: Session, mailbox: Mailbox) -> int:
    """RFC 3501 §6.3.10. The mark is asked for without moving it."""
    boxes = session.mailboxes
    image = boxes.images.get(mailbox.id)
    if image is not None and image.watched:
        mark = image.recent_uid
    else:
        mark = await session.mail.claim_recent(boxes.account, mailbox.id, 0)
    if mark >= mailbox.uid_next or not mailbox.total:
        return 0
    image = await boxes.open(mailbox.id)
    return len([uid for uid in reversed(image.uids) if uid >= mark])
