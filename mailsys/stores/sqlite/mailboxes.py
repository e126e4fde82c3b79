"""The mailbox tree: creating, renaming, deleting, subscribing, listing.

A path is kept as one row per level (parent and name), so that renaming a tree changes one row.
"""

from __future__ import annotations

import time
from typing import Final

import apsw

from mailsys.core.refusal import (
    MailboxExists,
    MailboxHasChildren,
    NoSuchMailbox,
    NotAllowed,
    RoleTaken,
    StateMismatch,
    TooManyMailboxes,
)
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Mailbox, Role
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.placements import remove_placements
from mailsys.stores.sqlite.rows import one, values
from mailsys.stores.sqlite.states import AccountState, MailboxState

MAILBOXES: Final = 5000  # of one account
_LEVELS: Final = 64
_NAME: Final = 1000  # octets of one level

# Two JSON columns: an account's mailboxes, and the paths that it subscribed to. ?1 is the account.
TREE: Final = """(SELECT json_group_array(json_array(m.id, m.parent, m.name, m.role, m.uid_validity,
        k.uid_next, k.modseq, k.total, k.unseen, k.deleted, k.size, k.threads, k.unread_threads,
        m.sort_order, m.created, m.changed, k.unread))
    FROM mailbox m JOIN mailbox_count k ON k.mailbox = m.id WHERE m.account = ?1),
    (SELECT json_group_array(path) FROM subscription WHERE account = ?1)"""


def tree(boxes: str, subscriptions: str) -> list[Mailbox]:
    """From the columns of TREE; ordered by path, INBOX first."""
    rows = {row[0]: row for row in values(boxes)}
    subscribed = set(values(subscriptions))
    paths: dict[int, str] = {}

    def path_of(number: int) -> str:
        found = paths.get(number)
        if found is None:
            row = rows[number]
            found = row[2] if row[1] is None else f"{path_of(row[1])}/{row[2]}"
            paths[number] = found
        return found

    found = [
        Mailbox(
            MailboxId(row[0]),
            None if row[1] is None else MailboxId(row[1]),
            row[2],
            path_of(row[0]),
            None if row[3] is None else Role(row[3]),
            path_of(row[0]) in subscribed,
            *row[4:],
        )
        for row in rows.values()
    ]
    found.sort(key=lambda box: (box.path != "INBOX", not box.path.startswith("INBOX/"), box.path))
    return found


def list_all(connection: apsw.Connection, account: int) -> list[Mailbox]:
    return tree(*one(connection, f"SELECT {TREE}", (account,)))


def find(connection: apsw.Connection, account: int, mailbox: int) -> Mailbox | None:
    return next((box for box in list_all(connection, account) if box.id == mailbox), None)


def lost_subscriptions(connection: apsw.Connection, account: int) -> list[str]:
    boxes, subscriptions = one(connection, f"SELECT {TREE}", (account,))
    existing = {box.path for box in tree(boxes, subscriptions)}
    return sorted(path for path in values(subscriptions) if path not in existing)


_SUBSCRIBED: Final = "SELECT json_group_array(path) FROM subscription WHERE account = ?"


def subscribe(batch: Batch, account_id: int, path: str, subscribed: bool) -> None:
    account = batch.account(account_id)
    if subscribed:
        row = batch.one("SELECT count(*) FROM subscription WHERE account = ?", (account_id,))
        if row[0] >= 2 * MAILBOXES or len(path) > _LEVELS * _NAME:
            raise NotAllowed("Too many subscriptions")
        changed = batch.execute("INSERT OR IGNORE INTO subscription VALUES (?, ?)", (account_id, path))
    else:
        changed = batch.execute("DELETE FROM subscription WHERE account = ? AND path = ?", (account_id, path))
    if changed:
        found, missing = _descend(account, path.split("/"))
        if found is not None and not missing:
            write(batch, account, found)
        batch.change_tree(account)


# -- changing the tree -----------------------------------------------------------------------------


def insert(
    batch: Batch,
    account: int,
    parent: int | None,
    name: str,
    role: Role | None,
    modseq: int,
    sort_order: int = 0,
) -> MailboxState:
    """A new, empty mailbox. Its uid_validity is later than any other's of this store, so a mailbox
    that comes back under an old name is seen to be another one (RFC 9051 §2.3.1.1)."""
    number = batch.number("mailbox")
    validity = batch.number("uid_validity", least=int(time.time()))
    batch.write(
        "INSERT INTO mailbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, account, parent, name, role.value if role else None, validity, sort_order, modseq, modseq),
    )
    batch.insert["mailbox_count"]((number, 1, modseq, 0, 0, 0, 0, 1, 0, 0, 0, modseq))
    return MailboxState(
        number,
        account,
        parent,
        name,
        role.value if role else None,
        validity,
        sort_order,
        modseq,
        modseq,
        modseq=modseq,
        counted=modseq,
    )


def _levels(path: str) -> list[str]:
    levels = path.split("/")
    if len(levels) > _LEVELS:
        raise NotAllowed("That is no mailbox name", cause=path[:200])
    for name in levels:
        check_name(name)
    return levels


def check_name(name: str) -> None:
    """NotAllowed when it cannot be the name of one level."""
    if not name or "/" in name:
        raise NotAllowed("That is no mailbox name", cause=repr(name[:200]))
    try:
        octets = name.encode("utf-8")
    except UnicodeEncodeError:
        raise NotAllowed("That is no mailbox name", cause=repr(name[:200])) from None
    if len(octets) > _NAME:
        raise NotAllowed("That mailbox name is too long", cause=name[:200])


def _child(account: AccountState, parent: int | None, name: str) -> MailboxState | None:
    return next(
        (box for box in account.mailboxes.values() if box.parent == parent and box.name == name), None
    )


def _descend(account: AccountState, levels: list[str]) -> tuple[MailboxState | None, list[str]]:
    """The deepest mailbox that exists on this way, and the levels that are missing below it."""
    found: MailboxState | None = None
    for depth, name in enumerate(levels):
        box = _child(account, found.id if found else None, name)
        if box is None:
            return found, levels[depth:]
        found = box
    return found, []


def add(
    batch: Batch,
    account: AccountState,
    parent: int | None,
    name: str,
    role: Role | None,
    sort_order: int = 0,
) -> MailboxState:
    modseq = batch.stamp(account)
    box = insert(batch, account.id, parent, name, role, modseq, sort_order)
    account.mailboxes[box.id] = box
    if role is not None:
        account.roles[role.value] = box
    batch.change_mailbox(account, box)
    return box


def create(
    batch: Batch, account_id: int, path: str, role: Role | None, subscribed: bool | None, sort_order: int
) -> Mailbox:
    account = batch.account(account_id)
    found, missing = _descend(account, _levels(path))
    if not missing:
        raise MailboxExists(cause=path, existing=None if found is None else found.id)
    if role is not None and role.value in account.roles:
        raise RoleTaken(cause=role.value, existing=account.roles[role.value].id)
    if len(account.mailboxes) + len(missing) > MAILBOXES:
        raise TooManyMailboxes()
    for name in missing[:-1]:
        found = add(batch, account, found.id if found else None, name, None)
    box = add(batch, account, found.id if found else None, missing[-1], role, sort_order)
    batch.change_tree(account)
    if subscribed is not None:
        set_subscription(batch, account_id, path, subscribed)
    batch.flush()
    created = find(batch.connection, account_id, box.id)
    if created is None:
        raise RuntimeError("a mailbox that was just created is not there")
    return created


def set_subscription(batch: Batch, account: int, path: str, subscribed: bool) -> bool:
    """Whether it was otherwise."""
    sql = (
        "INSERT OR IGNORE INTO subscription VALUES (?, ?)"
        if subscribed
        else "DELETE FROM subscription WHERE account = ? AND path = ?"
    )
    return bool(batch.write(sql, (account, path)))


def _own(account: AccountState, mailbox: int) -> MailboxState:
    box = account.mailboxes.get(mailbox)
    if box is None:
        raise NoSuchMailbox(cause=f"account {account.id} has no mailbox {mailbox}")
    return box


def write(batch: Batch, account: AccountState, box: MailboxState) -> None:
    """Its row, stamped with this job's modseq."""
    box.changed = batch.stamp(account)
    batch.write(
        "UPDATE mailbox SET parent = ?, name = ?, role = ?, sort_order = ?, changed = ? WHERE id = ?",
        (box.parent, box.name, box.role, box.sort_order, box.changed, box.id),
    )
    batch.change_mailbox(account, box)


def _path(account: AccountState, box: MailboxState) -> str:
    names = [box.name]
    while box.parent is not None:
        box = account.mailboxes[box.parent]
        names.append(box.name)
    return "/".join(reversed(names))


def _at(account: AccountState, mailbox: int, if_path: str | None) -> MailboxState:
    box = _own(account, mailbox)
    if if_path is not None and _path(account, box) != if_path:
        raise StateMismatch(cause=f"mailbox {mailbox} is not at {if_path[:200]!r} any more")
    return box


def rename(batch: Batch, account_id: int, mailbox: int, path: str, if_path: str | None = None) -> None:
    account = batch.account(account_id)
    box = _at(account, mailbox, if_path)
    way = _way(account, box, path)
    subscribed = set(values(batch.one(_SUBSCRIBED, (account_id,))[0]))
    moved = _below(account, box) if subscribed else []
    before = [_path(account, each) in subscribed for each in moved]
    _move(batch, account, box, *way)
    for each, was in zip(moved, before, strict=True):
        if (_path(account, each) in subscribed) != was:  # names are subscribed to, and it has another now
            write(batch, account, each)
    batch.change_tree(account)


def _below(account: AccountState, box: MailboxState) -> list[MailboxState]:
    children: dict[int | None, list[MailboxState]] = {}
    for each in account.mailboxes.values():
        children.setdefault(each.parent, []).append(each)
    found = [box]
    for each in found:
        found += children.get(each.id, ())
    return found[1:]


def _way(account: AccountState, box: MailboxState, path: str) -> tuple[MailboxState | None, list[str]]:
    """Where `path` leads to: the deepest mailbox that exists, and the levels to make; or the refusal."""
    if box is account.inbox:
        raise NotAllowed("The inbox cannot be renamed")
    found, missing = _descend(account, _levels(path))
    if not missing:
        raise MailboxExists(cause=path, existing=None if found is None else found.id)
    if len(account.mailboxes) + len(missing) - 1 > MAILBOXES:
        raise TooManyMailboxes()
    above = found
    while above is not None:
        if above is box:
            raise NotAllowed("A mailbox cannot move below itself", cause=path)
        above = account.mailboxes[above.parent] if above.parent is not None else None
    return found, missing


def _move(
    batch: Batch, account: AccountState, box: MailboxState, found: MailboxState | None, missing: list[str]
) -> None:
    for name in missing[:-1]:
        found = add(batch, account, found.id if found else None, name, None)
    box.parent, box.name = (found.id if found else None), missing[-1]
    write(batch, account, box)


def delete(batch: Batch, account_id: int, mailbox: int, if_path: str | None = None) -> None:
    account = batch.account(account_id)
    box = _at(account, mailbox, if_path)
    if box is account.inbox:
        raise NotAllowed("The inbox cannot be deleted")
    if any(other.parent == box.id for other in account.mailboxes.values()):
        raise MailboxHasChildren(cause=box.name)
    drop(batch, account, box)
    batch.change_tree(account)


def drop(batch: Batch, account: AccountState, box: MailboxState) -> None:
    """Take it out of the tree, with the emails that are only in it. It has no children."""
    remove_placements(batch, account, box, None, only_deleted=False)
    batch.drop_mailbox(account, box)
    del account.mailboxes[box.id]
    if box.role is not None:
        del account.roles[box.role]
    batch.execute("DELETE FROM mailbox WHERE id = ?", (box.id,))
    batch.execute("DELETE FROM mailbox_count WHERE mailbox = ?", (box.id,))
    batch.execute("DELETE FROM vanished WHERE mailbox = ?", (box.id,))
    batch.lists.drop(box.id)
    batch.write(
        "INSERT OR REPLACE INTO gone_mailbox VALUES (?, ?, ?, ?)",
        (account.id, batch.stamp(account), box.id, box.created),
    )


def claim_recent(batch: Batch, account_id: int, mailbox: int, uid_next: int) -> int:
    box = _own(batch.account(account_id), mailbox)
    before = box.recent
    if uid_next > before:
        box.recent = min(uid_next, box.uid_next)
        batch.touch_mailbox(box)
    return before
