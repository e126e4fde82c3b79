"""Which changes of a mailbox tree can all be made together: the final state decides (RFC 8620 §5.3).

What has to give way gives way for good: refusing one change puts a mailbox back to where it was, and that
may be in the way of others. Each such step is followed at once along the few mailboxes that it concerns;
what only a look at the whole tree shows (loops, depth) is looked for again until nothing new is found, and
a set of changes so entangled that it is not settled after some looks is refused whole. So the cost is
linear in mailboxes and changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

Key: TypeAlias = int | str  # a mailbox that is there, or the name of one that is to be made

_LOOKS: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mailbox is, and what for."""

    parent: Key | None
    name: str
    role: str | None = None

    @property
    def claim(self) -> tuple[Key | None, str]:
        """What no other mailbox may have as well. The inbox's name is its own in any case."""
        inbox = self.parent is None and self.name.upper() == "INBOX"
        return self.parent, "INBOX" if inbox else self.name


class Why(Enum):
    """Why a change cannot be made."""

    NAME = "name"  # another has it
    ROLE = "role"  # another has it
    PARENT = "parent"  # there is none such
    BELOW_ITSELF = "below itself"
    DEPTH = "depth"
    CHILDREN = "children"  # it still has some, so it is not destroyed
    ENTANGLED = "entangled"


@dataclass(frozen=True, slots=True)
class Objection:
    why: Why
    by: Key | None = None  # who has the name or the role


def objections(
    before: Mapping[Key, Place], wanted: Sequence[tuple[Key, Place | None]], most_deep: int
) -> dict[Key, Objection]:
    """The changes that have to go so that the tree is whole after all the others. A change is a mailbox and
    its new place, None when it is destroyed; none stands there twice. Of two that want the same the earlier
    stays; a mailbox that something is below is not destroyed."""
    judge = _Judge(before, wanted, most_deep)
    for _ in range(_LOOKS):
        if not judge.look():
            return judge.refused
    for key in judge.order:
        judge.refused.setdefault(key, Objection(Why.ENTANGLED))
    return judge.refused


class _Judge:
    def __init__(
        self, before: Mapping[Key, Place], wanted: Sequence[tuple[Key, Place | None]], most_deep: int
    ) -> None:
        self.refused: dict[Key, Objection] = {}
        self.order = {key: at for at, (key, _) in enumerate(wanted)}
        self._before = before
        self._wanted = dict(wanted)
        self._most_deep = most_deep
        self._after = dict(before)
        for key, place in wanted:
            if place is None:
                self._after.pop(key, None)
            else:
                self._after[key] = place
        self._removed = {key: before[key] for key, place in wanted if place is None and key in before}

    def look(self) -> bool:
        """Look at all of it once, and follow what is found. False: all is well."""
        known = len(self.refused)
        self._children = self._below()
        self._names: dict[tuple[Key | None, str], Key] = {}
        self._roles: dict[str, Key] = {}
        for key, place in self._after.items():
            if not self._is_open(key):
                self._claim(key, place)
        for key in self.order:
            wanted = self._after.get(key)
            if wanted is None or not self._is_open(key):
                continue
            by = self._names.get(wanted.claim)
            holder = None if wanted.role is None else self._roles.get(wanted.role)
            if by is not None:
                self._refuse(key, Objection(Why.NAME, by))
            elif holder is not None:
                self._refuse(key, Objection(Why.ROLE, holder))
            else:
                self._claim(key, wanted)
        self._hang()
        for key in list(self._removed):
            if self._children.get(key):
                self._refuse(key, Objection(Why.CHILDREN))
        return len(self.refused) > known

    def _is_open(self, key: Key) -> bool:
        return key in self.order and key not in self.refused

    def _below(self) -> dict[Key | None, dict[Key, None]]:
        found: dict[Key | None, dict[Key, None]] = {}
        for key, place in self._after.items():
            found.setdefault(place.parent, {})[key] = None
        return found

    def _claim(self, key: Key, place: Place) -> None:
        self._names[place.claim] = key
        if place.role is not None:
            self._roles[place.role] = key

    def _refuse(self, key: Key, objection: Objection) -> None:
        """It stays what it was; so does whatever this leaves without its place."""
        waiting = [(key, objection)]
        while waiting:
            key, objection = waiting.pop()
            if not self._is_open(key):
                continue
            self.refused[key] = objection
            self._removed.pop(key, None)
            new, old = self._after.pop(key, None), self._before.get(key)
            if new is not None:
                self._children.get(new.parent, {}).pop(key, None)
                if self._names.get(new.claim) == key:
                    del self._names[new.claim]
                if new.role is not None and self._roles.get(new.role) == key:
                    del self._roles[new.role]
            if old is None:
                waiting += [(child, Objection(Why.PARENT)) for child in self._children.get(key, ())]
                continue
            self._after[key] = old
            self._children.setdefault(old.parent, {})[key] = None
            by = self._names.get(old.claim)
            if by is not None:
                waiting.append((by, Objection(Why.NAME, key)))
            holder = None if old.role is None else self._roles.get(old.role)
            if holder is not None:
                waiting.append((holder, Objection(Why.ROLE, key)))
            self._claim(key, old)
            if old.parent in self._removed:
                waiting.append((old.parent, Objection(Why.CHILDREN)))

    def _hang(self) -> None:
        """That every mailbox hangs below the root, and none was moved too deep."""
        hung: dict[Key, tuple[int, Key | None]] = {}  # its depth, 0: unknown; the latest move on its way
        for start in list(self._after):
            way: list[Key] = []
            on_way: dict[Key, None] = {}
            at: Key | None = start
            while at is not None and at not in hung and at not in on_way:
                place = self._after.get(at) or self._removed.get(at)
                if place is None:
                    break
                way.append(at)
                on_way[at] = None
                at = place.parent
            depth, culprit = (0, None) if at is None else hung.get(at, (0, None))
            known = at is None or depth > 0
            if not known and at not in hung:
                if at in on_way:
                    self._refuse_last(way[way.index(at) :], Objection(Why.BELOW_ITSELF))
                elif way:
                    self._refuse(way[-1], Objection(Why.PARENT))
            for key in reversed(way):
                if not known:
                    hung[key] = (0, None)  # the next look sees how it hangs
                    continue
                depth += 1
                if self._is_moved(key) and (culprit is None or self.order[key] > self.order[culprit]):
                    culprit = key
                if depth > self._most_deep and culprit is not None:
                    self._refuse(culprit, Objection(Why.DEPTH))
                    known = False
                    hung[key] = (0, None)
                else:
                    hung[key] = (depth, culprit)

    def _is_moved(self, key: Key) -> bool:
        if not self._is_open(key):
            return False
        new, old = self._after.get(key), self._before.get(key)
        return new is not None and (old is None or old.parent != new.parent)

    def _refuse_last(self, keys: Sequence[Key], objection: Objection) -> None:
        """The latest change among these."""
        changed = [key for key in keys if self._is_open(key)]
        if changed:
            self._refuse(max(changed, key=self.order.__getitem__), objection)
