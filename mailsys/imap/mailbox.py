"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mailsys.core.imap.commands import Create, Delete, Rename, Subscribe
from mailsys.core.imap.object_ids import mailbox_id
from mailsys.core.refusal import NoSuchMailbox, StateMismatch, TemporaryFailure
from mailsys.imap.listing import USES
from mailsys.imap.session import Answer, Session
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Mailbox, Role
from mailsys.services.mailboxes.account import check_path, normal_path

MOST: Final = 10_000  # mailboxes of one account
AT_ONCE: Final = 5_000  # messages moved in one commit
TRIES: Final = 10  # of a change whose mailbox others rename at the same time

T = TypeVar("T")

_ROLES: Final = {use.decode().upper(): role for role, use in USES.items()}


async def create(session: Session, tag: bytes, command: Create) -> Answer:
    path = check_path(command.mailbox)
    role: Role | None = None
    for use in command.use:  # RFC 6154 §3
        if role is not None or use.upper() not in _ROLES:
            return b"NO", "That special use is not supported", b"USEATTR"
        role = _ROLES[use.upper()]
    tree = await session.mailboxes.tree()
    if len(tree.by_path) >= MOST:
        return b"NO", "There are too many mailboxes", b"LIMIT"
    if role is not None and tree.role(role) is not None:
        return b"NO", "Another mailbox has that special use", b"USEATTR"
    made = await session.mail.create_mailbox(session.mailboxes.account, path, role)
    return b"OK", "Mailbox created", b"MAILBOXID (%b)" % mailbox_id(made.id)  # RFC 8474 §4.1


async def delete(session: Session, tag: bytes, command: Delete) -> Answer:
    boxes = session.mailboxes

    async def drop(found: Mailbox) -> MailboxId:
        await session.mail.delete_mailbox(boxes.account, found.id, found.path)
        return found.id

    mailbox = await _as_named(session, command.mailbox, drop)
    if session.selected is not None and session.selected.image.mailbox == mailbox:
        await session.deselect()
    return b"OK", "Mailbox deleted", b""


async def rename(session: Session, tag: bytes, command: Rename) -> Answer:
    boxes = session.mailboxes
    target = check_path(command.target)

    async def move(found: Mailbox) -> None:
        if found.path == "INBOX":
            await _rename_inbox(session, found, target)
        else:
            await session.mail.rename_mailbox(boxes.account, found.id, target, found.path)

    await _as_named(session, command.source, move)
    return b"OK", "Mailbox renamed", b""


async def _as_named(session: Session, name: str, change: Callable[[Mailbox], Awaitable[T]]) -> T:
    """Change the mailbox of that name. Which one that is, is judged in the commit: when it is another one by
    then, names are looked at anew."""
    for _ in range(TRIES):
        found = await session.mailboxes.find(name)
        try:
            return await change(found)
        except (StateMismatch, NoSuchMailbox):
            session.mailboxes.forget_tree()
    raise TemporaryFailure(cause="the names of mailboxes change all the time")


async def _rename_inbox(session: Session, inbox: Mailbox, target: str) -> None:
    """§6.3.6: its messages move to a new mailbox, its children stay."""
    boxes = session.mailboxes
    made = await session.mail.create_mailbox(boxes.account, target)
    image = await boxes.open(inbox.id)
    uids = list(image.uids)
    for start in range(0, len(uids), AT_ONCE):
        await session.mail.move(boxes.account, inbox.id, uids[start : start + AT_ONCE], made.id)
    if image.watched:
        await image.current()


async def subscribe(session: Session, tag: bytes, command: Subscribe) -> Answer:
    """§6.3.7: a name may be subscribed to whether or not a mailbox of that name exists."""
    path = check_path(command.mailbox) if command.on else normal_path(command.mailbox)
    await session.mail.subscribe(session.mailboxes.account, path, command.on)
    return b"OK", "Subscribed" if command.on else "Unsubscribed", b""
