"""Changes of an account's mailbox tree that are made together. What can be made is judged in
`core.mailbox_tree`; here it is done: one commit, however many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import apsw

from mailsys.core.mailbox_tree import Key, Objection, Place, Why, objections
from mailsys.core.refusal import (
    MailboxExists,
    MailboxHasChildren,
    MailboxHasEmails,
    NoSuchMailbox,
    NotAllowed,
    Refusal,
    RoleTaken,
    StateMismatch,
    TooManyMailboxes,
)
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import MailboxPatch, TreeChange, TreeChanged
from mailsys.stores.sqlite.batch import Batch, ids
from mailsys.stores.sqlite.mailboxes import MAILBOXES, add, check_name, drop, list_all, write
from mailsys.stores.sqlite.rows import values
from mailsys.stores.sqlite.states import AccountState, MailboxState

_WORDS: Final[Mapping[Why, str]] = {
    Why.PARENT: "There is no such mailbox to put it below",
    Why.BELOW_ITSELF: "A mailbox cannot be below itself",
    Why.DEPTH: "Mailboxes are not put that deep",
    Why.ENTANGLED: "These changes hang on each other too much; make them one after another",
}


def change_tree(batch: Batch, account_id: int, change: TreeChange, if_state: int | None) -> TreeChanged:
    """Nothing is changed before all of it is judged."""
    account = batch.account(account_id)
    batch.flush()  # counts that earlier jobs changed are part of the state before
    before = account.mailbox_state
    if if_state is not None and if_state != before:
        raise StateMismatch(cause=f"account {account_id}: Mailbox state is {before}")
    work = _Work(batch, account, change)
    work.judge()
    work.make()
    batch.flush()
    boxes = {box.id: box for box in list_all(batch.connection, account_id)}
    return TreeChanged(
        before,
        account.mailbox_state,
        {key: boxes[MailboxId(box.id)] for key, box in work.created.items()},
        {number: boxes[number] for number in work.patches if number not in work.refused},
        tuple(number for number in work.destroy if number not in work.refused),
        {key if isinstance(key, str) else MailboxId(key): why for key, why in work.refused.items()},
    )


def _merged(patches: Sequence[MailboxPatch], destroyed: Collection[int]) -> dict[MailboxId, MailboxPatch]:
    """One for each mailbox: what a later one says counts. What is to be destroyed is not changed first."""
    found: dict[MailboxId, MailboxPatch] = {}
    for patch in patches:
        known = found.get(patch.mailbox)
        if known is not None:
            moves = patch.parent is not None or patch.to_root
            gets = patch.role is not None or patch.clear_role
            patch = MailboxPatch(
                patch.mailbox,
                known.name if patch.name is None else patch.name,
                patch.parent if moves else known.parent,
                patch.to_root if moves else known.to_root,
                patch.role if gets else known.role,
                patch.clear_role if gets else known.clear_role,
                known.subscribed if patch.subscribed is None else patch.subscribed,
                known.sort_order if patch.sort_order is None else patch.sort_order,
            )
        found[patch.mailbox] = patch
    gone = frozenset(destroyed)
    return {number: patch for number, patch in found.items() if number not in gone}


class _Work:
    """One change of a tree, from its judgement to its rows."""

    def __init__(self, batch: Batch, account: AccountState, change: TreeChange) -> None:
        self._batch = batch
        self._account = account
        self._change = change
        self.refused: dict[Key, Refusal] = {}
        self.created: dict[str, MailboxState] = {}
        self.destroy = tuple(dict.fromkeys(change.destroy))
        self.patches = _merged(change.update, self.destroy)
        self._creates = {new.key: new for new in change.create}
        self._before: dict[Key, Place] = {
            box.id: Place(box.parent, box.name, box.role) for box in account.mailboxes.values()
        }
        self._aims: dict[Key, Place | None] = {}  # what is done

    # -- judging ---------------------------------------------------------------------------------------

    def judge(self) -> None:
        wanted: list[tuple[Key, Place | None]] = []
        keys: tuple[Key, ...] = (*self._creates, *self.patches, *self.destroy)
        for key in keys:
            try:
                wanted.append((key, self._aim(key, len(wanted))))
            except Refusal as refusal:
                self.refused[key] = refusal
        for key, objection in objections(self._before, wanted, self._change.most_deep).items():
            self.refused[key] = self._refusal(objection)
        self._aims = {key: place for key, place in wanted if key not in self.refused}

    def _aim(self, key: Key, creates: int) -> Place | None:
        """Where a mailbox is to be, None: nowhere; or what forbids it whatever the others do."""
        if isinstance(key, str):
            if len(self._account.mailboxes) + creates >= MAILBOXES:
                raise TooManyMailboxes()
            new = self._creates[key]
            check_name(new.name)
            return Place(new.parent, new.name, None if new.role is None else new.role.value)
        box = self._account.mailboxes.get(key)
        if box is None:
            raise NoSuchMailbox(cause=f"account {self._account.id} has no mailbox {key}")
        patch = self.patches.get(MailboxId(key))
        if patch is None:
            if box is self._account.inbox:
                raise NotAllowed("The inbox cannot be destroyed")
            if not self._change.remove_emails and box.total > box.deleted:
                raise MailboxHasEmails(cause=box.name)
            return None
        name = box.name if patch.name is None else patch.name
        parent = None if patch.to_root else box.parent if patch.parent is None else patch.parent
        role = None if patch.clear_role else box.role if patch.role is None else patch.role.value
        place = Place(parent, name, role)
        if box is self._account.inbox and place != self._before[key]:
            raise NotAllowed("The inbox keeps its name, place and role")
        if name != box.name:
            check_name(name)
        return place

    def _refusal(self, objection: Objection) -> Refusal:
        by = objection.by if isinstance(objection.by, int) else None
        if objection.why is Why.NAME:
            return MailboxExists(existing=by)
        if objection.why is Why.ROLE:
            return RoleTaken(existing=by)
        if objection.why is Why.CHILDREN:
            return MailboxHasChildren()
        return NotAllowed(_WORDS[objection.why])

    # -- making ----------------------------------------------------------------------------------------

    def make(self) -> None:
        if not self._aims:
            return
        account, batch = self._account, self._batch
        subscribed = self._subscribed()
        paths = self._paths()
        dropped = [account.mailboxes[key] for key, place in self._aims.items() if place is None]  # type: ignore[index]
        for box in dropped:
            drop(batch, account, box)
        moved = [
            account.mailboxes[number]
            for number in self.patches
            if number in self._aims and self._aims[number] != self._before[number]
        ]
        self._make_way(moved)
        for key in self._creates:
            if key in self._aims:
                self._make(key)
        for box in moved:
            self._move(box)
        changed = {box.id: box for box in moved}
        for number, patch in self.patches.items():
            if number in self._aims and patch.sort_order is not None:
                box = account.mailboxes[number]
                if box.sort_order != patch.sort_order:
                    box.sort_order = patch.sort_order
                    changed[number] = box
        for box in self._subscribe(subscribed, paths):
            changed.setdefault(box.id, box)
        for box in changed.values():
            write(batch, account, box)
        if changed or dropped or self.created:
            batch.change_tree(account)

    def _make_way(self, moved: Sequence[MailboxState]) -> None:
        """Names and roles may go round: no two rows have the same even for a moment."""
        if moved:
            self._batch.write(
                "UPDATE mailbox SET parent = -id WHERE id IN (SELECT value FROM carray(?))",
                (ids(box.id for box in moved),),
            )
        for box in moved:
            if box.role is not None:
                self._account.roles.pop(box.role, None)

    def _make(self, key: str) -> None:
        """A new mailbox, after the new ones that it is below."""
        way = [self._creates[key]]
        while isinstance(way[-1].parent, str) and way[-1].parent not in self.created:
            way.append(self._creates[way[-1].parent])
        for new in reversed(way):
            if new.key not in self.created:
                self.created[new.key] = add(
                    self._batch, self._account, self._number(new.parent), new.name, new.role, new.sort_order
                )

    def _number(self, parent: Key | None) -> int | None:
        return self.created[parent].id if isinstance(parent, str) else parent

    def _move(self, box: MailboxState) -> None:
        place = self._aims[box.id]
        if place is not None:
            box.parent, box.name, box.role = self._number(place.parent), place.name, place.role
            if place.role is not None:
                self._account.roles[place.role] = box

    # -- subscriptions ---------------------------------------------------------------------------------

    def _subscribed(self) -> set[str]:
        row = self._batch.one(
            "SELECT json_group_array(path) FROM subscription WHERE account = ?", (self._account.id,)
        )
        return set(values(row[0]))

    def _paths(self) -> dict[int, str]:
        found: dict[int, str] = {}
        boxes = self._account.mailboxes
        for box in boxes.values():
            way = [box]
            while way[-1].parent is not None and way[-1].parent not in found and way[-1].id not in found:
                way.append(boxes[way[-1].parent])
            for one in reversed(way):
                if one.id not in found:
                    found[one.id] = one.name if one.parent is None else f"{found[one.parent]}/{one.name}"
        return found

    def _subscribe(self, before: set[str], old: dict[int, str]) -> list[MailboxState]:
        """Bring subscriptions to where their mailboxes are, and as they are wanted; whose changed."""
        boxes = self._account.mailboxes
        new = self._paths()
        wanted = {
            number: patch.subscribed
            for number, patch in self.patches.items()
            if number in self._aims and patch.subscribed is not None
        }
        wanted |= {box.id: self._creates[key].subscribed for key, box in self.created.items()}  # type: ignore[misc]
        after = before - {path for number, path in old.items() if new.get(number) != path}
        changed: list[MailboxState] = []
        for number, path in new.items():
            was = number in old and old[number] in before
            now = wanted.get(MailboxId(number), was)
            if now:
                after.add(path)
            elif path in after:
                after.discard(path)
            if now is not was and number in old:
                changed.append(boxes[number])
        for sql, paths in (
            (
                "DELETE FROM subscription WHERE account = ?1 AND path IN (SELECT value FROM carray(?2))",
                before - after,
            ),
            ("INSERT INTO subscription SELECT ?1, value FROM carray(?2)", after - before),
        ):
            if paths:
                self._batch.write(sql, (self._account.id, apsw.carray(tuple(sorted(paths)))))
        return changed
