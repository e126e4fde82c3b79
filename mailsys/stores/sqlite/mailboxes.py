"""The mailbox tree: creating, renaming, deleting, subscribing, listing.

A path is kept as one row per level (parent and name), so that renaming a tree changes one row.
"""

from __future__ import annotations

import time
from typing import Final

import apsw

from mailsys.core.refusal import MailboxExists, MailboxHasChildren, NoSuchMailbox, NotAllowed
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Mailbox, MailboxUpdate, Role
from mailsys.stores.sqlite.batch import AccountState, Batch, MailboxState
from mailsys.stores.sqlite.placements import remove_placements
from mailsys.stores.sqlite.rows import one, values

_MAILBOXES: Final = 5000  # of one account
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


def subscribe(batch: Batch, account_id: int, path: str, subscribed: bool) -> None:
    account = batch.account(account_id)
    if subscribed:
        row = batch.one("SELECT count(*) FROM subscription WHERE account = ?", (account_id,))
        if row[0] >= 2 * _MAILBOXES or len(path) > _LEVELS * _NAME:
            raise NotAllowed("Too many subscriptions")
        changed = batch.execute("INSERT OR IGNORE INTO subscription VALUES (?, ?)", (account_id, path))
    else:
        changed = batch.execute("DELETE FROM subscription WHERE account = ? AND path = ?", (account_id, path))
    if changed:
        found, missing = _descend(account, path.split("/"))
        if found is not None and not missing:
            _write(batch, account, found)
        batch.change_tree(account)


# -- changing the tree -----------------------------------------------------------------------------


def insert(
    batch: Batch, account: int, parent: int | None, name: str, role: Role | None, modseq: int
) -> MailboxState:
    """A new, empty mailbox. Its uid_validity is later than any other's of this store, so a mailbox
    that comes back under an old name is seen to be another one (RFC 9051 §2.3.1.1)."""
    number = batch.number("mailbox")
    validity = batch.number("uid_validity", least=int(time.time()))
    batch.execute(
        "INSERT INTO mailbox VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
        (number, account, parent, name, role.value if role else None, validity, modseq, modseq),
    )
    batch.insert["mailbox_count"]((number, 1, modseq, 0, 0, 0, 0, 1, 0, 0, 0, modseq))
    return MailboxState(
        number,
        account,
        parent,
        name,
        role.value if role else None,
        validity,
        0,
        modseq,
        modseq,
        modseq=modseq,
        counted=modseq,
    )


def _levels(path: str) -> list[str]:
    levels = path.split("/")
    if len(levels) > _LEVELS or not all(levels):
        raise NotAllowed("That is no mailbox name", cause=path[:200])
    if any(len(name.encode("utf-8", "surrogatepass")) > _NAME for name in levels):
        raise NotAllowed("That mailbox name is too long", cause=path[:200])
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise NotAllowed("That is no mailbox name", cause=repr(path[:200])) from None
    return levels


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


def _add(
    batch: Batch, account: AccountState, parent: int | None, name: str, role: Role | None
) -> MailboxState:
    modseq = batch.stamp(account)
    box = insert(batch, account.id, parent, name, role, modseq)
    account.mailboxes[box.id] = box
    if role is not None:
        account.roles[role.value] = box
    batch.change_mailbox(account, box)
    return box


def create(batch: Batch, account_id: int, path: str, role: Role | None, wanted: MailboxUpdate) -> Mailbox:
    account = batch.account(account_id)
    found, missing = _descend(account, _levels(path))
    if not missing:
        raise MailboxExists(cause=path)
    if role is not None and role.value in account.roles:
        raise MailboxExists("There is a mailbox for that use already", cause=role.value)
    if len(account.mailboxes) + len(missing) > _MAILBOXES:
        raise NotAllowed("Too many mailboxes")
    for name in missing[:-1]:
        found = _add(batch, account, found.id if found else None, name, None)
    box = _add(batch, account, found.id if found else None, missing[-1], role)
    batch.change_tree(account)
    update(batch, account_id, box.id, wanted)
    batch.flush()
    created = find(batch.connection, account_id, box.id)
    if created is None:
        raise RuntimeError("a mailbox that was just created is not there")
    return created


def _own(account: AccountState, mailbox: int) -> MailboxState:
    box = account.mailboxes.get(mailbox)
    if box is None:
        raise NoSuchMailbox(cause=f"account {account.id} has no mailbox {mailbox}")
    return box


def _write(batch: Batch, account: AccountState, box: MailboxState) -> None:
    """Its row, stamped with this job's modseq."""
    box.changed = batch.stamp(account)
    batch.write(
        "UPDATE mailbox SET parent = ?, name = ?, role = ?, sort_order = ?, changed = ? WHERE id = ?",
        (box.parent, box.name, box.role, box.sort_order, box.changed, box.id),
    )
    batch.change_mailbox(account, box)


def rename(batch: Batch, account_id: int, mailbox: int, path: str) -> None:
    account = batch.account(account_id)
    box = _own(account, mailbox)
    _move(batch, account, box, *_way(account, box, path))
    batch.change_tree(account)


def _way(account: AccountState, box: MailboxState, path: str) -> tuple[MailboxState | None, list[str]]:
    """Where `path` leads to: the deepest mailbox that exists, and the levels to make; or the refusal."""
    if box is account.inbox:
        raise NotAllowed("The inbox cannot be renamed")
    found, missing = _descend(account, _levels(path))
    if not missing:
        raise MailboxExists(cause=path)
    if len(account.mailboxes) + len(missing) - 1 > _MAILBOXES:
        raise NotAllowed("Too many mailboxes")
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
        found = _add(batch, account, found.id if found else None, name, None)
    box.parent, box.name = (found.id if found else None), missing[-1]
    _write(batch, account, box)


def _path(account: AccountState, box: MailboxState) -> str:
    above = account.mailboxes[box.parent] if box.parent is not None else None
    return box.name if above is None else f"{_path(account, above)}/{box.name}"


def update(batch: Batch, account_id: int, mailbox: int, wanted: MailboxUpdate) -> int:
    """Refusals come before the first change."""
    account = batch.account(account_id)
    box = _own(account, mailbox)
    before = path = _path(account, box)
    way = None
    changed = False
    if wanted.path is not None and wanted.path != before:
        way = _way(account, box, wanted.path)
        path = wanted.path
    role = None if wanted.clear_role else box.role if wanted.role is None else wanted.role.value
    if role != box.role:
        if box is account.inbox:
            raise NotAllowed("The inbox stays the inbox")
        if role is not None and role in account.roles:
            raise MailboxExists("There is a mailbox for that use already", cause=role)
    if way is not None:
        changed = True
        _move(batch, account, box, *way)
        _rename_subscriptions(batch, account_id, before, path)
    if role != box.role:
        if box.role is not None:
            del account.roles[box.role]
        if role is not None:
            account.roles[role] = box
        box.role = role
        changed = True
    if wanted.sort_order is not None and wanted.sort_order != box.sort_order:
        box.sort_order = wanted.sort_order
        changed = True
    if wanted.subscribed is not None:
        sql = (
            "INSERT OR IGNORE INTO subscription VALUES (?, ?)"
            if wanted.subscribed
            else "DELETE FROM subscription WHERE account = ? AND path = ?"
        )
        changed = bool(batch.write(sql, (account_id, path))) or changed
    if changed:
        _write(batch, account, box)
        batch.change_tree(account)
    return account.modseq


def _rename_subscriptions(batch: Batch, account: int, before: str, after: str) -> None:
    """Whoever changes a mailbox's place by its id did not ask to unsubscribe from it or its children.
    (IMAP's RENAME goes by names, and leaves subscriptions to names alone: RFC 9051 §6.3.6.)"""
    below = f"{before}/"
    batch.write(
        """UPDATE OR REPLACE subscription SET path = ?3 || substr(path, length(?2) + 1)
        WHERE account = ?1 AND (path = ?2 OR substr(path, 1, length(?4)) = ?4)""",
        (account, before, after, below),
    )


def delete(batch: Batch, account_id: int, mailbox: int) -> None:
    account = batch.account(account_id)
    box = _own(account, mailbox)
    if box is account.inbox:
        raise NotAllowed("The inbox cannot be deleted")
    if any(other.parent == box.id for other in account.mailboxes.values()):
        raise MailboxHasChildren(cause=box.name)
    remove_placements(batch, account, box, None, only_deleted=False)
    batch.drop_mailbox(account, box)
    batch.change_tree(account)
    del account.mailboxes[box.id]
    if box.role is not None:
        del account.roles[box.role]
    batch.execute("DELETE FROM mailbox WHERE id = ?", (box.id,))
    batch.execute("DELETE FROM mailbox_count WHERE mailbox = ?", (box.id,))
    batch.execute("DELETE FROM vanished WHERE mailbox = ?", (box.id,))
    batch.lists.drop(box.id)
    batch.write(
        "INSERT OR REPLACE INTO gone_mailbox VALUES (?, ?, ?, ?)",
        (account_id, batch.stamp(account), box.id, box.created),
    )


def claim_recent(batch: Batch, account_id: int, mailbox: int, uid_next: int) -> int:
    box = _own(batch.account(account_id), mailbox)
    before = box.recent
    if uid_next > before:
        box.recent = min(uid_next, box.uid_next)
        batch.touch_mailbox(box)
    return before
